from pathlib import Path
from typing import Dict, Optional, final

from ..errors import XdockerError
from ..options import PathArgument
from .containers import Containers
from .events import Events
from .images import Images
from .network import Bridge

__all__ = ["Engine"]

@final
class Engine:
    """A container engine on one home directory.

    There is no daemon: any number of engines, in any number of processes and threads, may work on one home at a time.
    An engine made before a fork works after it, and one that is pickled is an engine on the same home elsewhere.
    """

    def __new__(cls, home: Optional[PathArgument] = None) -> Engine: ...
    @property
    def home(self) -> Path:
        """The home, as an absolute path."""
    @property
    def images(self) -> Images:
        """The images of this home."""
    @property
    def containers(self) -> Containers:
        """The containers of this home."""
    def events(self) -> Events:
        """What happens to the containers of this home from now on, whoever does it: an iterator that waits.

        Raises :class:`EngineError` when there are no more watches of inotify(7).
        """
    def boot_all(self) -> Dict[str, Optional[XdockerError]]:
        """Boots all containers that are to run when the host has come up, as they were booted the last time, and says what came
        of each: ``None``, or the exception.

        Those are the ones with ``restart="always"``, and those with ``on-failure`` that ran when the host went down.
        """
    def bridge(self) -> Bridge:
        """The bridge that containers with ``net="BRIDGE"`` are connected to."""
    def set_bridge(
        self, name: Optional[str] = None, *, subnet: Optional[str] = None, subnet6: Optional[str] = None
    ) -> Bridge:
        """Chooses another bridge, or other addresses for it, while no container is connected.

        ``subnet`` is the bridge's own address and the prefix of those that containers may have, such as
        ``"10.88.0.1/24"``; ``subnet6`` is the same of IPv6, or ``"off"``; what is left out stays as it is. Raises
        :class:`Conflict` while a container is connected, :class:`InvalidArgument`.
        """
