from collections.abc import Callable
from datetime import datetime
from typing import List, Literal, Optional, Union, final

from ..options import PathArgument
from .archive import Progress, Summary

__all__ = ["Image", "Images"]

@final
class Image:
    """An image that is there. ``str(image)`` is its name and version, as all calls take it."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def version(self) -> str:
        """Its version; empty for none."""
    @property
    def size(self) -> int:
        """Bytes in its files."""
    @property
    def entries(self) -> int:
        """How many files, directories, links and devices it holds."""
    @property
    def modified(self) -> datetime:
        """When its content was last changed, as an aware `datetime`."""

@final
class Images:
    """The images of a home.

    ``image`` is everywhere a record, ``"NAME:VERSION"``, or ``"NAME"`` for the highest version of that name.
    """

    def list(self) -> List[Image]:
        """All images, by name and version."""
    def get(self, image: Union[str, Image]) -> Image:
        """The image ``NAME:VERSION``, or the highest version of ``NAME``. Raises :class:`NotFound`."""
    def delete(self, image: Union[str, Image], *, force: bool = False) -> None:
        """Deletes an image; with ``force`` also one that containers stand on.

        Raises :class:`NotFound`, and :class:`Conflict` for one in use.
        """
    def copy(self, image: Union[str, Image], to: str) -> Image:
        """Copies an image to the new name ``to``: ``NAME`` or ``NAME:VERSION``.

        Raises :class:`NotFound`, :class:`AlreadyExists`. After Ctrl-C the copy goes on to its end.
        """
    def set_version(self, image: Union[str, Image], version: str, *, force: bool = False) -> Image:
        """Gives an image another version; with ``force`` also one that containers stand on.

        Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict`.
        """
    def install_test(self, version: Optional[str] = None, *, busybox: bool = False) -> Image:
        """Makes the image ``test``, from the host's own programs, or with ``busybox`` from its static busybox.

        Raises :class:`AlreadyExists`, and :class:`NotFound` where there is no busybox.
        """
    def export(
        self,
        image: Union[str, Image],
        path: PathArgument,
        *,
        force: bool = False,
        whiteouts: Literal["overlay", "oci"] = "overlay",
        level: int = 6,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Writes an image to the file ``path`` as a gzipped tar, which GNU tar reads.

        The file gets its name when it is whole; with ``force`` it takes the place of another one. ``whiteouts`` is the
        way in which deletions are written: ``"overlay"``, or ``"oci"`` for other engines. ``level`` is how hard gzip
        tries, from 1 to 9. ``progress`` is called now and then with a :class:`Progress`; what it raises ends the export
        and leaves no file. Raises :class:`NotFound`, :class:`AlreadyExists` when there is such a file.
        """
    def import_(
        self,
        path: PathArgument,
        name: str,
        *,
        devices: bool = True,
        max_bytes: Optional[int] = None,
        max_entries: Optional[int] = None,
        max_ratio: Optional[int] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Image:
        """Makes the image ``name`` of an archive: a tar, gzipped, zstd-compressed or plain, which is not trusted.

        ``devices`` says whether it may hold device nodes; ``max_bytes`` and ``max_entries`` bound what comes out of it,
        ``max_ratio`` how many bytes may come out of one. ``progress`` is called now and then with a :class:`Progress`;
        what it raises ends the import and leaves no image. Raises :class:`AlreadyExists`, :class:`NotFound`,
        :class:`InvalidArgument` for what is wrong with the archive.
        """
