"""Images of a home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, List, Literal, Optional, Union

from .. import _native
from ._loop import call, stoppable

if TYPE_CHECKING:
    from .. import Image, InstalledImage, Progress, PulledImage, RemoteImage, Summary, Transfer
    from ..options import PathArgument

__all__ = ["Images"]


class Images:
    """:class:`xdocker.Images` for asyncio. A ``progress`` is called in a thread of the loop's executor."""

    def __init__(self, images: _native.images.Images) -> None:
        self.sync = images

    @property
    def repository(self) -> Optional[str]:
        """The ssh image repository that this home remembers: :attr:`xdocker.Images.repository`."""
        return self.sync.repository

    async def remember_repository(self, address: str) -> None:
        """Has this home remember an ssh image repository: :meth:`xdocker.Images.remember_repository`."""
        await call(self.sync.remember_repository, address)

    async def list(self) -> list[Image]:
        """All images, by name and version: :meth:`xdocker.Images.list`."""
        return await call(self.sync.list)

    async def get(self, image: Union[str, Image]) -> Image:
        """The image of that name: :meth:`xdocker.Images.get`."""
        return await call(self.sync.get, image)

    async def delete(self, image: Union[str, Image], *, force: bool = False) -> None:
        """Deletes an image: :meth:`xdocker.Images.delete`."""
        await call(self.sync.delete, image, force=force)

    async def copy(
        self,
        image: Union[str, Image],
        to: str,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Image:
        """Copies an image: :meth:`xdocker.Images.copy`. Cancelling leaves no image."""
        return await stoppable(partial(self.sync.copy, image, to), progress)

    async def set_version(self, image: Union[str, Image], version: str, *, force: bool = False) -> Image:
        """Gives an image another version: :meth:`xdocker.Images.set_version`."""
        return await call(self.sync.set_version, image, version, force=force)

    async def install_test(self, version: Optional[str] = None, *, busybox: bool = False) -> InstalledImage:
        """Makes the image ``test``: :meth:`xdocker.Images.install_test`."""
        return await call(self.sync.install_test, version, busybox=busybox)

    async def export(
        self,
        image: Union[str, Image],
        path: Union[str, PathLike[str]],
        *,
        force: bool = False,
        whiteouts: Literal["overlay", "oci"] = "overlay",
        level: int = 4,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Writes an image to a file: :meth:`xdocker.Images.export`. Cancelling leaves no file."""
        export = partial(self.sync.export, image, path, force=force, whiteouts=whiteouts, level=level)
        return await stoppable(export, progress)

    async def import_(
        self,
        path: Union[str, PathLike[str]],
        name: str,
        *,
        devices: bool = True,
        max_bytes: Optional[int] = None,
        max_entries: Optional[int] = None,
        max_ratio: Optional[int] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Image:
        """Makes an image of an archive: :meth:`xdocker.Images.import_`. Cancelling leaves no image."""
        bounds = partial(
            self.sync.import_,
            path,
            name,
            devices=devices,
            max_bytes=max_bytes,
            max_entries=max_entries,
            max_ratio=max_ratio,
        )
        return await stoppable(bounds, progress)

    async def search(
        self,
        matching: str = "",
        *,
        repository: Optional[str] = None,
        ssh: Optional[Sequence[PathArgument]] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> List[RemoteImage]:
        """The images of an ssh repository: :meth:`xdocker.Images.search`. Cancelling ends ssh."""
        search = partial(self.sync.search, matching, repository=repository, ssh=ssh)
        return await stoppable(search, progress)

    async def push(
        self,
        image: Union[str, Image],
        *,
        repository: Optional[str] = None,
        ssh: Optional[Sequence[PathArgument]] = None,
        force: bool = False,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Transfer:
        """Sends an image to an ssh repository: :meth:`xdocker.Images.push`. Cancelling ends it, and the next goes on."""
        push = partial(self.sync.push, image, repository=repository, ssh=ssh, force=force)
        return await stoppable(push, progress)

    async def pull(
        self,
        image: Union[str, Image, RemoteImage],
        *,
        repository: Optional[str] = None,
        ssh: Optional[Sequence[PathArgument]] = None,
        force: bool = False,
        devices: bool = True,
        max_bytes: Optional[int] = None,
        max_entries: Optional[int] = None,
        max_ratio: Optional[int] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> PulledImage:
        """Takes an image from an ssh repository: :meth:`xdocker.Images.pull`. Cancelling leaves no image."""
        pull = partial(
            self.sync.pull,
            image,
            repository=repository,
            ssh=ssh,
            force=force,
            devices=devices,
            max_bytes=max_bytes,
            max_entries=max_entries,
            max_ratio=max_ratio,
        )
        return await stoppable(pull, progress)
