from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, List, Literal, Optional, Union, final

from typing_extensions import Unpack

from ..options import LimitOptions, PathArgument
from .images import Image
from .info import ContainerInfo, Exit
from .process import Process
from .run import CompletedRun, Exchange
from .stats import Stats
from .top import ProcessInfo
from .watch import Watch

__all__ = ["Container"]

@final
class Container:
    """A container. One of :meth:`Containers.run` goes with its ``with`` block, with this object and with our process."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def root(self) -> Path:
        """Where its root appears on the host while it runs."""
    @property
    def state(self) -> Literal["stopped", "starting", "running", "restarting", "broken"]:
        """What it is doing: ``stopped``, ``starting``, ``running``, or ``broken`` when whoever watched over it has died and it
        could not be cleared up.
        """
    def info(self) -> ContainerInfo:
        """All that is known of it at this moment. Raises :class:`NotFound`."""
    def stats(self) -> Stats:
        """What it uses now, and has used since it was booted. Raises :class:`Conflict` when it does not run."""
    def top(self) -> List[ProcessInfo]:
        """The processes inside, in the order of their numbers there. Raises :class:`Conflict` when it does not run."""
    def limit(self, **limits: Unpack[LimitOptions]) -> None:
        """Changes limits: at once if it runs, and for every boot from now on. What is left out stays.

        The limits are those of :class:`xdocker.options.LimitOptions`. Raises :class:`InvalidArgument`,
        :class:`Unsupported`, :class:`EngineError` when the kernel refuses.
        """
    def boot(
        self,
        command: Optional[Sequence[PathArgument]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        **limits: Unpack[LimitOptions],
    ) -> None:
        """Boots it, with ``command`` as PID 1 if there is one, and with more limits for this run.

        ``env`` and ``workdir`` are the command's, the limits those of :class:`xdocker.options.LimitOptions`. Raises
        :class:`Conflict` when it runs, :class:`EngineError` with the ``step`` of the launch that failed. After Ctrl-C
        the boot goes on to its end.
        """
    def run(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        shell: bool = False,
        timeout: Optional[float] = None,
        input: Union[str, bytes, bytearray, None] = None,
        text: bool = False,
        check: bool = False,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> CompletedRun:
        """Runs a program in it to its end, in the manner of ``subprocess.run``.

        ``args`` are the program and its arguments; with ``shell`` they are a line for the image's shell. After
        ``timeout`` seconds the program is killed and :class:`Timeout` raised. Without ``input`` it reads
        ``/dev/null``. ``text`` decodes the outputs as UTF-8; ``check`` raises :class:`CommandFailed` unless it ends
        with 0. Its environment has ``PATH``, ``HOME`` and ``env``; ``workdir`` is an absolute path inside, ``/``
        otherwise; ``user`` is a name or number of the image's, such as ``"www"`` or ``"33:33"``, root otherwise.
        Raises :class:`NotFound` for a program that is not there, :class:`PermissionDenied` for one that may not be
        executed, :class:`Conflict` when the container does not run.
        """
    def start_run(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        shell: bool = False,
        input: Union[str, bytes, bytearray, None] = None,
        text: bool = False,
        check: bool = False,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> Exchange:
        """Starts what :meth:`run` does and returns at once: for event loops."""
    def popen(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        shell: bool = False,
        stdin: Union[int, IO[Any], None] = None,
        stdout: Union[int, IO[Any], None] = None,
        stderr: Union[int, IO[Any], None] = None,
        pty: bool = False,
        rows: int = 24,
        columns: int = 80,
        text: bool = False,
        timeout: Optional[float] = None,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> Process:
        """Starts a program in it, in the manner of ``subprocess.Popen``.

        A standard stream is ``PIPE``, ``DEVNULL``, an open file or its descriptor, or ``None`` for ours; ``stderr`` may be
        ``STDOUT``. With ``pty`` the program gets a terminal of its own of that many rows and columns instead. After
        ``timeout`` seconds it gets SIGTERM and, two seconds later, SIGKILL, whatever has become of us, and
        :meth:`Process.wait` raises :class:`Timeout`. The rest is as for :meth:`run`.
        """
    def wait(self, timeout: Optional[float] = None) -> Exit:
        """Waits until it has ended and nothing of it is left, and says how it ended. One that does not run has ended
        already.

        Raises :class:`Timeout` after ``timeout`` seconds; it runs on then. Raises :class:`Conflict` when it never ran,
        :class:`NotFound` when it is destroyed meanwhile.
        """
    def watch(self) -> Optional[Watch]:
        """What an event loop waits for to hear of its end; ``None`` when it does not run."""
    def listens(self, port: int, *, transport: Literal["tcp", "udp"] = "tcp") -> bool:
        """Whether a program listens on ``port`` in its network, on any address; with ``net="HOST"`` that is the host's.

        ``transport`` is ``tcp`` or ``udp``. Nothing is sent to find out. Raises :class:`Conflict` when it does not run.
        """
    def wait_for_port(
        self, port: int, timeout: float = 30.0, *, transport: Literal["tcp", "udp"] = "tcp"
    ) -> None:
        """Waits until a program listens on ``port``, as :meth:`listens` has it.

        Raises :class:`Timeout` after ``timeout`` seconds, and :class:`Conflict` when the container ends before that.
        """
    def terminate(self) -> None:
        """Asks it to end, by SIGTERM to its root process, and hangs up its terminals; :meth:`shutdown` waits, too.

        Raises :class:`Conflict` when it does not run.
        """
    def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, kills what has not after ``timeout`` seconds, and returns when it is gone.

        Raises :class:`Conflict` when it does not run. After Ctrl-C it goes on ending.
        """
    def kill(self) -> None:
        """Kills all that runs in it, and returns when it is gone. Raises :class:`Conflict` when it does not run."""
    def send_signal(self, signal: int) -> None:
        """Sends a signal to its root process. Raises :class:`Conflict` when it does not run."""
    def destroy(self, *, force: bool = False) -> None:
        """Deletes it and all that it has written; with ``force`` it is killed first if it runs.

        Raises :class:`Conflict` for one that runs, or that belongs to another process; :class:`NotFound`.
        """
    def to_image(self, name: str) -> Image:
        """Makes it the image ``NAME`` or ``NAME:VERSION``, in constant time: there is no such container any more.

        Raises :class:`Conflict` for one that runs, :class:`AlreadyExists`.
        """
    def __enter__(self) -> Container: ...
    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None: ...
