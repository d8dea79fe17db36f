from datetime import datetime
from pathlib import Path
from typing import List, Literal, Optional, Tuple, final

from .limits import Limits
from .sandbox import Sandbox

__all__ = ["ContainerInfo", "Exit"]

@final
class Exit:
    """How the last run of a container ended."""

    @property
    def returncode(self) -> int:
        """Exit code of its root process, or minus the signal that ended it."""
    @property
    def ended(self) -> datetime:
        """When, as an aware `datetime`."""
    @property
    def lost(self) -> bool:
        """Whether nobody saw how it ended."""
    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed a process of it for want of memory."""
    @property
    def not_restarted(self) -> Optional[str]:
        """Why it could not be started again after that, when that was last tried; ``None`` where it was, or was not tried."""

@final
class ContainerInfo:
    """A container as it is at a moment."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def images(self) -> List[str]:
        """Its layers, the lowest first."""
    @property
    def hostname(self) -> str:
        """Its host name."""
    @property
    def network(self) -> Literal["HOST", "CUSTOM", "BRIDGE"]:
        """Its network model: `HOST`, `CUSTOM` or `BRIDGE`."""
    @property
    def netns(self) -> Optional[str]:
        """Its network namespace, as `ip netns` shows it, if it has one of its own."""
    @property
    def vip(self) -> Optional[str]:
        """Its address on the bridge, if it is connected to one."""
    @property
    def vip6(self) -> Optional[str]:
        """Its IPv6 address there, if the bridge has such ones."""
    @property
    def ports(self) -> str:
        """The ports of the host that lead into it, such as `8080:80,53:5353/udp`; empty for none."""
    @property
    def host_eth(self) -> Optional[str]:
        """The interface of the host that it is limited to, if it is."""
    @property
    def sandbox(self) -> Sandbox:
        """What its programs may do."""
    @property
    def ids(self) -> Optional[Tuple[int, int]]:
        """With users of its own: what its root is on the host, and how many users it has."""
    @property
    def tmpfs(self) -> List[Path]:
        """Directories of it that lie in memory."""
    @property
    def volumes(self) -> List[str]:
        """Directories and files of the host that it has, as ``HOST:INSIDE`` or ``HOST:INSIDE:ro``."""
    @property
    def log(self) -> str:
        """How much of what it prints is kept: a number of bytes, or ``none``."""
    @property
    def restart(self) -> str:
        """Whether it is started again when it has ended: ``no``, ``on-failure``, ``on-failure:N`` or ``always``."""
    @property
    def restarts(self) -> int:
        """How often it was since it was booted."""
    @property
    def stop_signal(self) -> int:
        """The signal that asks it to end."""
    @property
    def limits(self) -> Limits:
        """What it may use, whenever it is booted."""
    @property
    def size(self) -> int:
        """Bytes that it has written above its layers."""
    @property
    def created(self) -> datetime:
        """When it was created, as an aware `datetime`."""
    @property
    def state(self) -> Literal["stopped", "starting", "running", "restarting", "broken"]:
        """What it is doing: ``stopped``, ``starting``, ``running``, ``restarting``, or ``broken`` when whoever watched over it has died and it
        could not be cleared up.
        """
    @property
    def pid(self) -> Optional[int]:
        """Its root process on the host, while it runs."""
    @property
    def exit(self) -> Optional[Exit]:
        """How its last run ended; `None` before that, and while it runs."""
