"""Containers of a home."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Optional, Union

from .. import _native
from ._loop import call
from .container import Container

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .. import ContainerInfo, Image
    from ..options import ContainerOptions, PathArgument

__all__ = ["Containers"]


class Containers:
    """:class:`xdocker.Containers` for asyncio."""

    def __init__(self, containers: _native.containers.Containers) -> None:
        self.sync = containers

    @asynccontextmanager
    async def run(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        command: Optional[Sequence[PathArgument]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        **options: Unpack[ContainerOptions],
    ) -> AsyncGenerator[Container, None]:
        """A running container for the time of an ``async with`` block: :meth:`xdocker.Containers.run`."""
        container = await call(self.sync.run, image, command, env=env, workdir=workdir, **options)
        try:
            yield Container(container)
        finally:
            await call(container.__exit__, None, None, None)

    async def create(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        *,
        bound: bool = False,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Creates a container: :meth:`xdocker.Containers.create`."""
        return Container(await call(self.sync.create, image, bound=bound, **options))

    async def get(self, name: str) -> Container:
        """The container of that name: :meth:`xdocker.Containers.get`."""
        return Container(await call(self.sync.get, name))

    async def from_image(
        self,
        image: Union[str, Image],
        *,
        onto: Union[str, Image, Sequence[Union[str, Image]], None] = None,
        force: bool = False,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Makes an image a container: :meth:`xdocker.Containers.from_image`."""
        return Container(await call(self.sync.from_image, image, onto=onto, force=force, **options))

    async def list(self) -> list[ContainerInfo]:
        """All containers, by name: :meth:`xdocker.Containers.list`."""
        return await call(self.sync.list)
