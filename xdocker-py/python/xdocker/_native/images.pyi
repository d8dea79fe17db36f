from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import List, Literal, Optional, Union, final

from typing_extensions import disjoint_base

from ..options import PathArgument
from .archive import Progress, Summary
from .repository import PulledImage, RemoteImage, Transfer

__all__ = ["Image", "Images", "InstalledImage"]

@disjoint_base
class Image:
    """An image that is there. ``str(image)`` is its name and version, as all calls take it."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def version(self) -> str:
        """Its version; ``_`` for none."""
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
class InstalledImage(Image):
    """An image that was made of the host's programs, and which of them it has got."""

    @property
    def programs(self) -> List[Path]:
        """The programs that it has, as paths inside."""
    @property
    def missing(self) -> List[str]:
        """The programs that it would have too if this host had them, or needed no more for them than can be copied."""

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
    def copy(
        self,
        image: Union[str, Image],
        to: str,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Image:
        """Copies an image to the new name ``to``: ``NAME`` or ``NAME:VERSION``.

        ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the copy and leaves no image,
        and so does Ctrl-C. Raises :class:`NotFound`, :class:`AlreadyExists`.
        """
    def set_version(self, image: Union[str, Image], version: str, *, force: bool = False) -> Image:
        """Gives an image another version; with ``force`` also one that containers stand on.

        Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict`.
        """
    def install_test(self, version: Optional[str] = None, *, busybox: bool = False) -> InstalledImage:
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
        level: int = 4,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Writes an image to the file ``path`` as a gzipped tar, which GNU tar reads.

        The file gets its name when it is whole; with ``force`` it takes the place of another one. ``whiteouts`` is the
        way in which deletions are written: ``"overlay"``, or ``"oci"`` for other engines. ``level`` is how hard gzip
        tries, from 1 to 9; with 0 it is a plain tar. ``progress`` is called many times a second with a :class:`Progress`;
        what it raises ends the export and leaves no file, and so does Ctrl-C. Raises :class:`NotFound`,
        :class:`AlreadyExists` when there is such a file.
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
        ``max_ratio`` how many bytes may come out of one. ``progress`` is called many times a second with a
        :class:`Progress`; what it raises ends the import and leaves no image, and so does Ctrl-C. Raises
        :class:`AlreadyExists`, :class:`NotFound`, :class:`InvalidArgument` for what is wrong with the archive.
        """
    @property
    def repository(self) -> Optional[str]:
        """The ssh image repository that this home remembers, as ``user@host:port``; ``None`` before it has met one."""
    def remember_repository(self, address: str) -> None:
        """Has this home remember an ssh image repository: ``host``, ``user@host`` or ``user@host:port``. Nobody asks it
        whether it is there.
        """
    def search(
        self,
        matching: str = "",
        *,
        repository: Optional[str] = None,
        ssh: Optional[Sequence[PathArgument]] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> List[RemoteImage]:
        """The images of an ssh repository whose ``NAME:VERSION`` holds ``matching``, by name and version.

        ``repository`` is ``user@host`` or ``user@host:port``, which the home remembers once it has answered; otherwise it is
        the one that it remembers. The library talks with it by your own ssh, or by the words of ``ssh``: a program that
        understands the same, with arguments before ours. Ctrl-C, and what ``progress`` raises, end the program. Raises
        :class:`InvalidArgument` where there is no repository, :class:`NotFound` for a host that is not there,
        :class:`PermissionDenied` where the key of the one or of the other is not trusted, :class:`EngineError` when it
        cannot be reached.
        """
    def push(
        self,
        image: Union[str, Image],
        *,
        repository: Optional[str] = None,
        ssh: Optional[Sequence[PathArgument]] = None,
        force: bool = False,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Transfer:
        """Sends an image to an ssh repository, where it is whole or not at all.

        What is there already is not sent, and after a broken line the next push goes on where this one stopped.
        ``repository`` and ``ssh`` are those of :meth:`search`; with ``force`` it takes the place of the image of that name
        and version. ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the push, and
        so does Ctrl-C, also while the server does not answer. Whoever ends it when all was sent does not learn whether it is
        there. Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict` while another push of it is under way,
        and what :meth:`search` raises.
        """
    def pull(
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
        """Takes an image from an ssh repository, and says what was moved; a name without a version is the highest version
        there.

        ``image`` may be a :class:`RemoteImage`. What is here already is not sent, and after a broken line the next pull goes
        on where this one stopped. ``repository`` and ``ssh`` are those of :meth:`search`; with ``force`` it takes the place
        of the image of that name and version here. The archive is not trusted, and its bounds are those of :meth:`import_`.
        ``progress`` is called many times a second with a :class:`Progress`; what it raises ends the pull and leaves no
        image, and so does Ctrl-C, also while the server does not answer. Raises :class:`NotFound`,
        :class:`AlreadyExists`, :class:`Conflict` when containers stand on the image that would be replaced, and what
        :meth:`search` and :meth:`import_` raise.
        """
