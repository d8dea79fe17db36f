from datetime import datetime
from typing import Literal, Optional, final

__all__ = ["LogLine", "Logs"]

@final
class LogLine:
    """A line that was printed, or a gap. ``str(line)`` is its text, without the new line."""

    @property
    def time(self) -> datetime:
        """When its first byte came, as an aware `datetime`."""
    @property
    def stream(self) -> Literal["stdout", "stderr", "lost"]:
        """Where it was printed: ``stdout`` or ``stderr``; ``lost`` for a gap."""
    @property
    def run(self) -> Optional[int]:
        """The id of the detached run that has printed it; ``None`` for the container's own program."""
    @property
    def data(self) -> bytes:
        """The bytes, whatever they are, with the new line at their end if there was one; empty for a gap."""
    @property
    def lost(self) -> Optional[int]:
        """Of a gap: how many bytes could not be kept, because the disk was full for example; ``None`` if that is unknown."""

@final
class Logs:
    """Lines that were printed, in the order in which they ended: an iterator of :class:`LogLine`.

    One that follows waits for more, and ends with its container.
    """

    def next_now(self) -> Optional[LogLine]:
        """What is there already, the next line of it; ``None`` when for the moment, or for ever, there is nothing more."""
    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`next_now`, which has returned ``None``, may have something.

        Raises :class:`InvalidArgument` for one that does not follow.
        """
    def __iter__(self) -> Logs: ...
    def __next__(self) -> LogLine: ...
