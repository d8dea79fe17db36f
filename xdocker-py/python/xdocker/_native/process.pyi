from types import TracebackType
from typing import IO, Any, List, Optional, final

__all__ = ["DEVNULL", "PIPE", "Process", "STDOUT"]

PIPE: int
STDOUT: int
DEVNULL: int

@final
class Process:
    """A process in a container.

    It gets SIGHUP, and SIGKILL two seconds later, when this object goes before it has ended.
    """

    @property
    def args(self) -> List[str]:
        """The program and its arguments; with ``shell`` the line alone."""
    @property
    def pid(self) -> int:
        """The process in the host's PID namespace."""
    @property
    def stdin(self) -> Optional[IO[Any]]:
        """A file to write its standard input to, if that is a pipe; with a pty, its terminal for reading and writing."""
    @property
    def stdout(self) -> Optional[IO[Any]]:
        """A file to read its standard output from, if that is a pipe; with a pty, its terminal."""
    @property
    def stderr(self) -> Optional[IO[Any]]:
        """A file to read its standard error from, if that is a pipe."""
    def poll(self) -> Optional[int]:
        """Exit code, or minus the signal that ended it; ``None`` while it runs."""
    def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for its end: exit code, or minus the signal that ended it.

        Raises :class:`Timeout` after ``timeout`` seconds, and the process runs on then; or when it was ended because the
        time that :meth:`Container.popen` gave it was up.
        """
    def fileno(self) -> int:
        """A descriptor that is readable when the process has ended."""
    def send_signal(self, signal: int) -> None:
        """Sends a signal to its process group. One that has ended is no error."""
    def terminate(self) -> None:
        """Sends it SIGTERM."""
    def kill(self) -> None:
        """Sends it SIGKILL."""
    def resize(self, rows: int, columns: int) -> None:
        """Gives its terminal another size. Raises :class:`InvalidArgument` when it has none."""
    def __enter__(self) -> Process: ...
    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        _value: Optional[BaseException],
        _traceback: Optional[TracebackType],
    ) -> None: ...
