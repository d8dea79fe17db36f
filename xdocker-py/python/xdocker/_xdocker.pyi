from os import PathLike
from pathlib import Path
from typing import Union, final

__version__: str

@final
class Engine:
    """A container engine on one home directory.

    There is no daemon: any number of engines, in any number of processes, may work on one home at a time.
    """

    def __init__(self, home: Union[str, PathLike[str], None] = None) -> None:
        """Open the home at ``home``, else at ``$xdocker_HOME``, else ``$XDOCKER_HOME``, else ``/var/xdocker``.

        What is missing is made. Raises ``RuntimeError`` when it cannot be.
        """

    @property
    def home(self) -> Path:
        """The home, as an absolute path."""

    def containers(self) -> list[ContainerInfo]:
        """All containers, by name."""

@final
class ContainerInfo:
    """A container as a list shows it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def state(self) -> str:
        """``STOPED``, ``STARTING``, ``RUNNING(pid)`` or ``EXPECTION(pid)``."""
