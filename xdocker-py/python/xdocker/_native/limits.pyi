from typing import List, Optional, final

__all__ = ["Limits"]

@final
class Limits:
    """What a container may use; `None` for what is not limited."""

    @property
    def cpus(self) -> Optional[str]:
        """CPU cores that it may use, such as `"0-1,4"`."""
    @property
    def cpu_quota(self) -> Optional[int]:
        """Share of the time of one CPU core, in percent."""
    @property
    def cpu_weight(self) -> Optional[int]:
        """Share of the CPU among those who want it at a time, from 1 to 10000."""
    @property
    def memory(self) -> Optional[int]:
        """Memory, in bytes."""
    @property
    def memory_reservation(self) -> Optional[int]:
        """Memory that is left to it when the host runs short of it, in bytes."""
    @property
    def pids(self) -> Optional[int]:
        """Number of processes and threads, if it differs from the default."""
    @property
    def io_weight(self) -> Optional[int]:
        """Share of the disks among those who want them at a time, from 1 to 10000."""
    @property
    def io_max(self) -> List[str]:
        """Bytes and operations of each disk in a second, such as `"/dev/sda:rbps=max,wbps=1048576,riops=max,wiops=max"`."""
