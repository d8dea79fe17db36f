import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, List, Literal, Optional, Union, final

from typing_extensions import Unpack

from ..options import Amount, LimitOptions, PathArgument, Volumes
from .archive import Progress, Summary
from .images import Image
from .info import ContainerInfo, Exit
from .logs import LogLine, Logs
from .process import Process
from .run import CompletedRun, Exchange
from .runs import DetachedRun, RunInfo
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
        """What it is doing: ``stopped``, ``starting``, ``running``, ``restarting`` while it waits to be started again, or
        ``broken`` when whoever watched over it has died and it could not be cleared up.
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
        log: Optional[Amount] = None,
        **limits: Unpack[LimitOptions],
    ) -> None:
        """Boots it, with ``command`` as PID 1 if there is one, and with more limits for this run.

        ``env`` and ``workdir`` are the command's; ``log`` is how much of what it prints is kept in this run, as a number of
        bytes, a text such as ``"16M"``, or ``"none"``; the limits are those of :class:`xdocker.options.LimitOptions`. Raises
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
    def login_shell(
        self,
        *,
        rows: int = 24,
        columns: int = 80,
        text: bool = False,
        timeout: Optional[float] = None,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> Process:
        """Starts the image's shell as one who logs in has it, on a terminal of its own: bash where there is one, else sh.

        It is in ``/root`` unless ``workdir`` says otherwise. The rest is as for :meth:`popen` with ``pty``.
        """
    def run_detached(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        shell: bool = False,
        timeout: Optional[float] = None,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> DetachedRun:
        """Starts a program such that it needs nobody: it goes on when our process ends, and ends with its container.

        It reads nothing, and what it prints is kept in the container's log. After ``timeout`` seconds it gets SIGTERM and,
        two seconds later, SIGKILL. The rest, and what is raised, is as for :meth:`run`.
        """
    def detached_run(self, id: int) -> DetachedRun:
        """The detached run of that id, in this run of the container or an earlier one. Raises :class:`NotFound`."""
    def detached_runs(self) -> List[RunInfo]:
        """The detached runs that are known, the oldest first: those that run, and of the others the last ones, 1024 in all."""
    def logs(
        self,
        *,
        follow: bool = False,
        tail: Optional[int] = None,
        since: Optional[datetime] = None,
        run: Optional[int] = None,
    ) -> Logs:
        """What its program and its detached runs have printed, as far as it is kept, from this run and from those before.

        With ``follow`` the iterator goes on, and waits, until the container has ended. ``tail`` is how many of the lines
        that are there already are wanted; ``since`` is an aware `datetime`, before which lines are left out; ``run`` is the
        id of a detached run whose lines alone are wanted. What goes to a caller, as with :meth:`run` and :meth:`popen`, is
        not kept. Raises :class:`NotFound`.
        """
    def wait_for_log(
        self,
        pattern: Union[str, bytes, re.Pattern[str], re.Pattern[bytes]],
        timeout: float = 30.0,
        *,
        run: Optional[int] = None,
    ) -> LogLine:
        """Waits until a line of its log has ``pattern``, and returns that line; one that is there already counts.

        ``pattern`` is a text, bytes, or a compiled pattern of `re`. Raises :class:`Timeout` after ``timeout`` seconds, and
        :class:`Conflict` when the container ends without such a line.
        """
    def put(
        self,
        source: PathArgument,
        to: PathArgument,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> int:
        """Copies the file or the tree ``source`` of the host to ``to`` inside, by the rules of ``cp -a``, and returns how many
        bytes its files hold. The container may run or not.

        Where ``to`` is a directory the copy is in it, else it is called so; ``"tree/."`` is the content of a directory. All
        of ``to`` is resolved inside. ``progress`` is called many times a second with a :class:`Progress`; what it raises ends
        the copy before anything has its name, and so does Ctrl-C. Raises :class:`NotFound`, :class:`Conflict` for what a
        mount covers.
        """
    def get(
        self,
        source: PathArgument,
        to: PathArgument,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> int:
        """Copies the file or the tree ``source`` inside to ``to`` on the host, as :meth:`put` does the other way."""
    def read_bytes(self, path: PathArgument) -> bytes:
        """The content of the file ``path`` inside, which holds 64 MiB at most. Raises :class:`NotFound`."""
    def read_text(self, path: PathArgument) -> str:
        """The content of the file ``path`` inside, as UTF-8. Raises :class:`NotFound`, :class:`UnicodeDecodeError`."""
    def write_bytes(self, path: PathArgument, data: Union[bytes, bytearray]) -> None:
        """Makes ``data`` the content of the file ``path`` inside, at once.

        A file that is there keeps owner and mode; a new one is root's, and others may read it. Raises :class:`NotFound` for
        a directory that is not there.
        """
    def write_text(self, path: PathArgument, text: str) -> None:
        """Makes ``text`` the content of the file ``path`` inside, in UTF-8; as :meth:`write_bytes` does."""
    def replace(
        self,
        template: PathArgument,
        mapping: Union[Mapping[str, str], Mapping[bytes, bytes]],
        to: Optional[PathArgument] = None,
    ) -> List[str]:
        """Replaces keys in the file ``template`` inside by their values, and writes what comes of it to ``to``, or in the
        template's own place. Returns the keys that stand nowhere.

        Keys and values are texts or bytes. The instance has the template's mode and owner, and is there whole or not at
        all. Raises :class:`NotFound`, :class:`InvalidArgument` for an empty key.
        """
    def put_archive(
        self,
        archive: Union[PathArgument, IO[bytes]],
        to: PathArgument,
        *,
        devices: bool = True,
        max_bytes: Optional[int] = None,
        max_entries: Optional[int] = None,
        max_ratio: Optional[int] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Unpacks a tar, as it is or compressed by gzip or zstd, into the directory ``to`` inside, which is made if need be.

        ``archive`` is a path, or a file object with ``read``, which is called in a thread of ours. Nothing of it has a name
        before all has been read. Its bounds are those of :meth:`Images.import_`, and ``progress`` is that of :meth:`put`;
        what is waiting in ``read`` just then is waited for. Raises :class:`InvalidArgument` for what is wrong with it, and
        nothing has changed then; what ``read`` raises.
        """
    def get_archive(
        self,
        source: PathArgument,
        archive: Union[PathArgument, IO[bytes]],
        *,
        level: int = 4,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Writes the file or the tree ``source`` inside as a gzipped tar, whose names begin with its own.

        ``archive`` is the path of a new file, or a file object with ``write``, which is called in a thread of ours. ``level``
        is how hard gzip tries, from 1 to 9; with 0 it is a plain tar. ``progress`` is that of :meth:`put`; what was written
        until then stays. Raises :class:`NotFound`; what ``write`` raises.
        """
    def set_restart(self, policy: str) -> None:
        """Gives it another restart policy while it does not run: ``no``, ``on-failure``, ``on-failure:N`` or ``always``.

        Raises :class:`Conflict` when it runs, :class:`InvalidArgument` for one that goes with its owner.
        """
    def set_volumes(self, volumes: Volumes) -> None:
        """Gives it other volumes, in the place of those that it has, while it does not run.

        They are ``{"/on/the/host": "/inside"}``, where what is inside may end in ``:ro``, or texts such as
        ``"/on/the/host:/inside:ro"``. Raises :class:`Conflict` when it runs.
        """
    def set_ports(self, ports: Union[str, Mapping[int, int]]) -> None:
        """Gives it other mapped ports while it does not run: ``{8080: 80}``, or a text such as ``"127.0.0.1:53:5353/udp"``.

        Raises :class:`Conflict` when it runs, :class:`InvalidArgument` when it is not on the bridge.
        """
    def set_vip(self, vip: str) -> None:
        """Gives it another address on the bridge while it does not run.

        Raises :class:`Conflict` when it runs or the address is taken, :class:`InvalidArgument` when it is not on the bridge.
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
        """Asks it to end, by its stop signal, and hangs up its terminals; it is not started again. :meth:`shutdown` waits, too.

        Raises :class:`Conflict` when it does not run.
        """
    def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, kills what has not after ``timeout`` seconds, and returns when it is gone. It is not started again.

        Raises :class:`Conflict` when it does not run. After Ctrl-C it goes on ending.
        """
    def kill(self, *, force: bool = False) -> None:
        """Kills all that runs in it, and returns when it is gone; with ``force`` also when whoever watches over it does not
        answer, and is killed then. Raises :class:`Conflict` when it does not run.
        """
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
