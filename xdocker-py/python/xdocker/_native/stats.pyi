from typing import Optional, final

__all__ = ["CpuStats", "IoStats", "MemoryStats", "NetworkStats", "PidsStats", "Stats"]

@final
class CpuStats:
    """Time of the CPU, in seconds."""

    @property
    def total(self) -> float:
        """All of it."""
    @property
    def user(self) -> float:
        """In programs."""
    @property
    def system(self) -> float:
        """In the kernel."""
    @property
    def throttled(self) -> Optional[float]:
        """How long a quota has kept it waiting; `None` without one."""

@final
class MemoryStats:
    """Memory, in bytes."""

    @property
    def current(self) -> int:
        """In use now, files that the kernel keeps in memory included."""
    @property
    def peak(self) -> Optional[int]:
        """The most it ever was."""
    @property
    def limit(self) -> Optional[int]:
        """What it may use."""
    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed a process for want of it."""

@final
class PidsStats:
    """Processes and threads."""

    @property
    def current(self) -> int:
        """How many there are."""
    @property
    def limit(self) -> Optional[int]:
        """How many there may be."""

@final
class IoStats:
    """Disks, in bytes."""

    @property
    def read(self) -> int:
        """Read."""
    @property
    def written(self) -> int:
        """Written."""

@final
class NetworkStats:
    """Interfaces of a network of its own, the loopback apart, in bytes."""

    @property
    def received(self) -> int:
        """Received."""
    @property
    def sent(self) -> int:
        """Sent."""

@final
class Stats:
    """What a container uses now, and has used since it was booted; `None` for what this host does not count."""

    @property
    def cpu(self) -> Optional[CpuStats]:
        """Time of the CPU."""
    @property
    def memory(self) -> Optional[MemoryStats]:
        """Memory."""
    @property
    def pids(self) -> Optional[PidsStats]:
        """Processes and threads."""
    @property
    def io(self) -> Optional[IoStats]:
        """Disks."""
    @property
    def network(self) -> Optional[NetworkStats]:
        """The network, if it has one of its own."""
