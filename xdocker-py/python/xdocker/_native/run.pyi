from typing import Any, List, final

from ..errors import Timeout

__all__ = ["CompletedRun", "Exchange"]

@final
class CompletedRun:
    """A program that has been run."""

    @property
    def args(self) -> List[str]:
        """The program and its arguments; with ``shell`` the line alone."""
    @property
    def returncode(self) -> int:
        """Exit code, or minus the signal that ended it."""
    @property
    def stdout(self) -> Any:
        """What it has printed: bytes, or with ``text`` a str."""
    @property
    def stderr(self) -> Any:
        """What it has printed as errors: bytes, or with ``text`` a str."""
    def check_returncode(self) -> None:
        """Raises :class:`CommandFailed` unless it ended with 0."""

@final
class Exchange:
    """A program that is being run: what an event loop waits for on ``fileno()``."""

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`advance` has something to do."""
    def advance(self) -> bool:
        """Does what there is to do without waiting; whether all is over."""
    def result(self) -> CompletedRun:
        """The result, once all is over."""
    def timed_out(self) -> Timeout:
        """Kills the process and gives the :class:`Timeout` to raise, with what was printed until then as ``stdout`` and
        ``stderr``.
        """
    def abandon(self) -> None:
        """Kills the process and forgets it."""
