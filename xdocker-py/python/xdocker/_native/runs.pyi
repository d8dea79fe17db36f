from datetime import datetime
from typing import List, Literal, Optional, final

__all__ = ["DetachedRun", "RunInfo"]

@final
class RunInfo:
    """A detached run as it is at a moment."""

    @property
    def id(self) -> int:
        """Its id, unique in its container."""
    @property
    def command(self) -> List[str]:
        """The program and its arguments; of a long command line only the beginning."""
    @property
    def started(self) -> datetime:
        """When it was started, as an aware `datetime`."""
    @property
    def state(self) -> Literal["running", "ended", "lost"]:
        """``running``, ``ended``, or ``lost`` when nobody saw how it ended."""
    @property
    def pid(self) -> Optional[int]:
        """Its process on the host, while it runs."""
    @property
    def returncode(self) -> Optional[int]:
        """How it ended: exit code, or minus the signal that ended it; ``None`` while it runs, and when nobody saw it."""
    @property
    def ended(self) -> Optional[datetime]:
        """When it ended, as an aware `datetime`; ``None`` while it runs, and when nobody saw it."""
    @property
    def timed_out(self) -> bool:
        """Whether it was ended because its time was up."""

@final
class DetachedRun:
    """A detached run. It goes on when this object goes, and when our process ends; its container can be asked for it by id."""

    @property
    def id(self) -> int:
        """Its id, unique in its container."""
    def info(self) -> RunInfo:
        """What is known of it. The last 1024 runs of a container are, and those that run. Raises :class:`NotFound`."""
    def wait(self, timeout: Optional[float] = None) -> RunInfo:
        """Waits for its end, and says how it ended. Raises :class:`Timeout` after ``timeout`` seconds; it runs on then."""
