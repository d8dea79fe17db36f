from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import IO, Any, List, Literal, Optional, Union, final

_Path = Union[str, PathLike[str]]
_Images = Union[str, Image, Sequence[Union[str, Image]]]
_Amount = Union[int, str]
_Stream = Union[int, IO[Any], None]
_State = Literal["stopped", "starting", "running", "broken"]

__all__ = [
    "CompletedRun",
    "Container",
    "ContainerInfo",
    "Containers",
    "CpuStats",
    "DEVNULL",
    "Engine",
    "Exchange",
    "Exit",
    "Image",
    "Images",
    "IoStats",
    "MemoryStats",
    "NetworkStats",
    "PIPE",
    "PidsStats",
    "Process",
    "Progress",
    "Stats",
    "Summary",
    "__version__",
]

__version__: str
PIPE: int
DEVNULL: int

@final
class Engine:
    """A container engine on one home directory.

    There is no daemon: any number of engines, in any number of processes and threads, may work on one home at a time.
    An engine made before a fork works after it.
    """

    def __new__(cls, home: Optional[_Path] = None) -> Engine:
        """Open the home at ``home``, else at ``$xdocker_HOME``, else ``$XDOCKER_HOME``, else ``/var/xdocker``.

        What is missing is made. Raises :class:`XdockerError` when it cannot be.
        """

    @property
    def home(self) -> Path:
        """The home, as an absolute path."""

    @property
    def images(self) -> Images:
        """The images of this home."""

    @property
    def containers(self) -> Containers:
        """The containers of this home."""

@final
class Images:
    """The images of a home."""

    def list(self) -> List[Image]:
        """All images, by name and version."""

    def get(self, image: Union[str, Image]) -> Image:
        """The image ``NAME:VERSION``, or the highest version of ``NAME``. Raises :class:`NotFound`."""

    def delete(self, image: Union[str, Image], *, force: bool = False) -> None:
        """Deletes an image; with ``force`` also one that containers stand on.

        Raises :class:`NotFound`, and :class:`Conflict` for one in use.
        """

    def copy(self, image: Union[str, Image], to: str) -> Image:
        """Copies an image to the new name ``to``: ``NAME`` or ``NAME:VERSION``.

        Raises :class:`NotFound`, :class:`AlreadyExists`. After Ctrl-C the copy goes on to its end.
        """

    def set_version(self, image: Union[str, Image], version: str, *, force: bool = False) -> Image:
        """Gives an image another version; with ``force`` also one that containers stand on.

        Raises :class:`NotFound`, :class:`AlreadyExists`, :class:`Conflict`.
        """

    def install_test(self, version: Optional[str] = None, *, busybox: bool = False) -> Image:
        """Makes the image ``test`` from the host's own programs, or from its busybox.

        Raises :class:`AlreadyExists`.
        """

    def export(
        self, image: Union[str, Image], path: _Path, *, progress: Optional[Callable[[Progress], object]] = None
    ) -> Summary:
        """Writes an image to the new file ``path`` as a gzipped tar, which GNU tar reads.

        ``progress`` is called now and then; what it raises ends the export, and leaves no file. Raises
        :class:`NotFound`, :class:`AlreadyExists` when there is such a file.
        """

    def import_(
        self, path: _Path, name: str, *, progress: Optional[Callable[[Progress], object]] = None
    ) -> Image:
        """Makes the image ``name`` of an archive: a tar, gzipped, zstd-compressed or plain, which is not trusted.

        ``progress`` is called now and then; what it raises ends the import, and leaves no image. Raises
        :class:`AlreadyExists`, :class:`NotFound`, :class:`InvalidArgument` for what is wrong with the archive.
        """

@final
class Containers:
    """The containers of a home.

    ``image`` is a name, a record, or several, the lowest first. ``memory`` and ``memory_reservation`` are numbers of
    bytes or texts such as ``"100M"``, ``cpu_quota`` is a text such as ``"50%"`` of one core, ``seccomp`` the path of a
    profile. With ``net="BRIDGE"``, ``vip`` is its address and ``ports`` the host's TCP ports that lead into it, as
    ``{8080: 80}``, or a text such as ``"127.0.0.1:53:5353/udp"``. Unknown options and wrong types raise :class:`TypeError`, wrong values :class:`InvalidArgument`.
    """

    def run(
        self,
        image: _Images,
        command: Optional[Sequence[_Path]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[_Path] = None,
        name: Optional[str] = ...,
        hostname: Optional[str] = ...,
        net: Optional[str] = ...,
        vip: Optional[str] = ...,
        ports: Union[str, Mapping[int, int], None] = ...,
        tmpfs: Sequence[str] = ...,
        read_only: bool = ...,
        privileged: bool = ...,
        cap_add: Sequence[str] = ...,
        cap_drop: Sequence[str] = ...,
        seccomp: Optional[_Path] = ...,
        new_privileges: bool = ...,
        cpus: Optional[_Amount] = ...,
        cpu_quota: Optional[str] = ...,
        cpu_weight: Optional[_Amount] = ...,
        memory: Optional[_Amount] = ...,
        memory_reservation: Optional[_Amount] = ...,
        pids: Optional[_Amount] = ...,
        io_weight: Optional[_Amount] = ...,
    ) -> Container:
        """Creates and boots a container that goes at the end of the ``with`` block, and with our process.

        ``command`` is its PID 1, with ``env`` and ``cwd``; without, one of our own that waits. Raises
        :class:`NotFound`, :class:`AlreadyExists`, :class:`EngineError` with the ``step`` of the launch that failed.
        """

    def create(
        self,
        image: _Images,
        *,
        bound: bool = False,
        name: Optional[str] = ...,
        hostname: Optional[str] = ...,
        net: Optional[str] = ...,
        vip: Optional[str] = ...,
        ports: Union[str, Mapping[int, int], None] = ...,
        tmpfs: Sequence[str] = ...,
        read_only: bool = ...,
        privileged: bool = ...,
        cap_add: Sequence[str] = ...,
        cap_drop: Sequence[str] = ...,
        seccomp: Optional[_Path] = ...,
        new_privileges: bool = ...,
        cpus: Optional[_Amount] = ...,
        cpu_quota: Optional[str] = ...,
        cpu_weight: Optional[_Amount] = ...,
        memory: Optional[_Amount] = ...,
        memory_reservation: Optional[_Amount] = ...,
        pids: Optional[_Amount] = ...,
        io_weight: Optional[_Amount] = ...,
    ) -> Container:
        """Creates a container, which is on disk then; with ``bound`` one that goes with us, as that of ``run``.

        Raises :class:`NotFound`, :class:`AlreadyExists`.
        """

    def get(self, name: str) -> Container:
        """The container of that name. Raises :class:`NotFound`."""

    def list(self) -> List[ContainerInfo]:
        """All containers, by name."""

    def from_image(
        self,
        image: Union[str, Image],
        *,
        name: Optional[str] = None,
        onto: Optional[_Images] = None,
        force: bool = False,
    ) -> Container:
        """Makes an image a container on top of the images ``onto``, in constant time: there is no such image any more.

        Raises :class:`NotFound`, :class:`AlreadyExists`, and :class:`Conflict` without ``force`` when other containers
        stand on the image.
        """

@final
class Container:
    """A container. One of :meth:`Containers.run` goes with its ``with`` block, with this object and our process."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def root(self) -> Path:
        """Where its root appears on the host while it runs."""

    @property
    def state(self) -> _State:
        """What it is doing."""

    def info(self) -> ContainerInfo:
        """All that is known of it at this moment. Raises :class:`NotFound`."""

    def stats(self) -> Stats:
        """What it uses now, and has used since it was booted. Raises :class:`Conflict` when it does not run."""

    def limit(
        self,
        *,
        cpus: Optional[_Amount] = None,
        cpu_quota: Optional[str] = None,
        cpu_weight: Optional[_Amount] = None,
        memory: Optional[_Amount] = None,
        memory_reservation: Optional[_Amount] = None,
        pids: Optional[_Amount] = None,
        io_weight: Optional[_Amount] = None,
    ) -> None:
        """Changes limits: at once if it runs, and for every boot from now on. What is left out stays.

        Raises :class:`InvalidArgument`, :class:`Unsupported`, :class:`EngineError` when the kernel refuses.
        """

    def boot(
        self,
        command: Optional[Sequence[_Path]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[_Path] = None,
    ) -> None:
        """Boots it, with ``command`` as PID 1 if there is one.

        Raises :class:`Conflict` when it runs, :class:`EngineError` with the ``step`` of the launch that failed.
        """

    def run(
        self,
        args: Sequence[_Path],
        *,
        timeout: Optional[float] = None,
        input: Union[str, bytes, None] = None,
        text: bool = False,
        check: bool = False,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[_Path] = None,
    ) -> CompletedRun:
        """Runs a program in it to its end, in the manner of ``subprocess.run``.

        After ``timeout`` seconds it is killed and :class:`Timeout` raised. ``text`` decodes the outputs as UTF-8;
        ``check`` raises :class:`CommandFailed` unless it ends with 0. Without ``input`` it reads ``/dev/null``.
        Raises :class:`NotFound` for a program that is not there, :class:`Conflict` when the container does not run.
        """

    def start_run(
        self,
        args: Sequence[_Path],
        *,
        input: Union[str, bytes, None] = None,
        text: bool = False,
        check: bool = False,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[_Path] = None,
    ) -> Exchange:
        """Starts what :meth:`run` does and returns at once: for event loops."""

    def popen(
        self,
        args: Sequence[_Path],
        *,
        stdin: _Stream = None,
        stdout: _Stream = None,
        stderr: _Stream = None,
        pty: bool = False,
        rows: int = 24,
        columns: int = 80,
        text: bool = False,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[_Path] = None,
    ) -> Process:
        """Starts a program in it, in the manner of ``subprocess.Popen``.

        A standard stream is ``PIPE``, ``DEVNULL``, an open file or its descriptor, or ``None`` for ours. With ``pty``
        the program gets a terminal of its own of that many rows and columns. Raises what :meth:`run` does.
        """

    def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, and kills what has not after ``timeout`` seconds. Raises :class:`Conflict` if it does not run.

        After Ctrl-C it goes on ending.
        """

    def kill(self) -> None:
        """Kills all that runs in it. Raises :class:`Conflict` if it does not run."""

    def send_signal(self, signal: int) -> None:
        """Sends a signal to its root process. Raises :class:`Conflict` if it does not run."""

    def destroy(self, *, force: bool = False) -> None:
        """Deletes it and all that it has written; with ``force`` it is killed first if it runs.

        Raises :class:`Conflict` for one that runs, or that belongs to another process.
        """

    def to_image(self, name: str) -> str:
        """Makes it the image ``NAME`` or ``NAME:VERSION``, in constant time: there is no such container any more.

        Returns name and version. Raises :class:`Conflict` for one that runs, :class:`AlreadyExists`.
        """

    def __enter__(self) -> Container: ...
    def __exit__(self, *exception: object) -> None:
        """One that goes with us goes now; another stays as it is."""

@final
class Process:
    """A process in a container.

    It gets SIGHUP, and SIGKILL two seconds later, when this object goes before it has ended.
    """

    @property
    def args(self) -> list[Path]:
        """The program and its arguments."""

    @property
    def pid(self) -> int:
        """The process in the host's PID namespace."""

    @property
    def stdin(self) -> Optional[IO[Any]]:
        """A file to write its standard input to, if that is a pipe; with a pty, its terminal."""

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

        Raises :class:`Timeout` after ``timeout`` seconds; the process runs on then.
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
    def __exit__(self, kind: object, _value: object, _traceback: object) -> None:
        """Closes its streams and waits for its end; kills it first after an exception."""

@final
class Exchange:
    """A program that is being run: what an event loop waits for on ``fileno()``."""

    def fileno(self) -> int:
        """A descriptor that is readable when ``advance()`` has something to do."""

    def advance(self) -> bool:
        """Does what there is to do without waiting; whether all is over."""

    def result(self) -> CompletedRun:
        """The result, once all is over."""

    def timed_out(self) -> BaseException:
        """Kills the process and gives the :class:`Timeout` to raise."""

    def abandon(self) -> None:
        """Kills the process."""

@final
class CompletedRun:
    """A program that has been run."""

    @property
    def args(self) -> list[Path]:
        """The program and its arguments."""

    @property
    def returncode(self) -> int:
        """Exit code, or minus the signal that ended it."""

    @property
    def stdout(self) -> Any:
        """What it has printed: bytes, or a text."""

    @property
    def stderr(self) -> Any:
        """What it has printed as errors: bytes, or a text."""

    def check_returncode(self) -> None:
        """Raises :class:`CommandFailed` unless it ended with 0."""

@final
class Image:
    """An image that is there."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """Its version; empty for none."""

    @property
    def size(self) -> int:
        """Bytes in its files."""

    @property
    def entries(self) -> int:
        """How many files, directories, links and devices it holds."""

    @property
    def modified(self) -> datetime:
        """When its content was last changed, as an aware datetime."""

@final
class Progress:
    """How far an export or import has come."""

    @property
    def archive(self) -> int:
        """Bytes of the archive read or written so far."""

    @property
    def content(self) -> int:
        """Bytes of the tar inside it."""

@final
class Summary:
    """What an export has written."""

    @property
    def entries(self) -> int:
        """Entries of the tar, the layer's own directory included."""

    @property
    def size(self) -> int:
        """Bytes in its files."""

    @property
    def archive(self) -> int:
        """Bytes of the archive."""

    @property
    def sockets(self) -> int:
        """Sockets, which no archive can hold, left out."""

@final
class Exit:
    """How the last run of a container ended."""

    @property
    def returncode(self) -> int:
        """Exit code of its root process, or minus the signal that ended it."""

    @property
    def ended(self) -> datetime:
        """When, as an aware datetime."""

    @property
    def lost(self) -> bool:
        """Whether nobody saw how it ended."""

    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed a process of it for want of memory."""

@final
class ContainerInfo:
    """A container as it is at a moment."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def images(self) -> list[str]:
        """Its layers, the lowest first."""

    @property
    def hostname(self) -> str:
        """Its host name."""

    @property
    def network(self) -> str:
        """Its network model."""

    @property
    def netns(self) -> Optional[str]:
        """Its network namespace, if it has one of its own."""

    @property
    def size(self) -> int:
        """Bytes that it has written above its layers."""

    @property
    def created(self) -> datetime:
        """When it was created, as an aware datetime."""

    @property
    def state(self) -> _State:
        """What it is doing."""

    @property
    def pid(self) -> Optional[int]:
        """Its root process on the host, while it runs."""

    @property
    def exit(self) -> Optional[Exit]:
        """How its last run ended; ``None`` before that, and while it runs."""

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
        """How long a quota has kept it waiting; ``None`` without one."""

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
    """What a container uses now, and has used since it was booted; ``None`` for what this host does not count."""

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
