from collections.abc import Mapping, Sequence
from typing import List, Optional, Union, final

from typing_extensions import Unpack

from ..options import ContainerOptions, PathArgument
from .container import Container
from .images import Image
from .info import ContainerInfo

__all__ = ["Containers"]

@final
class Containers:
    """The containers of a home.

    ``image`` is a name, a record, or several of them, the lowest first. The other options of :meth:`run`,
    :meth:`create` and :meth:`from_image` are those of :class:`xdocker.options.ContainerOptions`. Unknown options and wrong types raise
    :class:`TypeError`, wrong values :class:`InvalidArgument`.
    """

    def run(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        command: Optional[Sequence[PathArgument]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Creates and boots a container that goes at the end of the ``with`` block, and with our process.

        ``command`` is its PID 1, with ``env`` and ``workdir``, and the container ends with it; without, PID 1 is one of our
        own that waits. Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`EngineError` with the ``step`` of the
        launch that failed.
        """
    def create(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        *,
        bound: bool = False,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Creates a container, which is on disk then; with ``bound`` one that goes with us, as that of :meth:`run` does.

        Raises :class:`NotFound`, :class:`AlreadyExists`.
        """
    def get(self, name: str) -> Container:
        """The container of that name. Raises :class:`NotFound`."""
    def list(self) -> List[ContainerInfo]:
        """All containers, by name."""
    def from_image(
        self,
        image: Union[str, Image],
        *,
        onto: Union[str, Image, Sequence[Union[str, Image]], None] = None,
        force: bool = False,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Makes an image a container on top of the images ``onto``, in constant time: there is no such image any more.

        Its name is that of the image unless ``name`` is among the options. Raises :class:`NotFound`,
        :class:`AlreadyExists`, and :class:`Conflict` without ``force`` when other containers stand on the image.
        """
