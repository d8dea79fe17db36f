"""The engine for asyncio, by the same names.

Whatever may take long is waited for on the event loop itself, without a thread: programs, containers, ports. What works
for a moment on files and in the kernel, such as booting and destroying, is done in the loop's executor. Records and
errors are those of :mod:`xdocker`, and ``sync`` of each object is its twin there.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Optional, TypeVar, Union

from . import _native
from .errors import Conflict, Timeout, XdockerError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import (
        Bridge,
        CompletedRun,
        ContainerInfo,
        Event,
        Exit,
        Image,
        LogLine,
        ProcessInfo,
        Progress,
        RunInfo,
        Stats,
        Summary,
    )
    from .options import (
        Amount,
        ContainerOptions,
        LimitOptions,
        PathArgument,
        ProgramOptions,
        Volumes,
    )

__all__ = ["Container", "Containers", "DetachedRun", "Engine", "Images", "Process"]

T = TypeVar("T")

_GLANCE = 0.01
"""Seconds between two looks at what no descriptor tells of."""


async def _call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Does in the loop's executor what is over in a moment."""
    return await asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))


async def _readable(fileno: int) -> None:
    """Waits on the loop until the descriptor is readable."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fileno, tell)
    try:
        await ready
    finally:
        loop.remove_reader(fileno)


class _Output(asyncio.StreamReaderProtocol):
    """A terminal whose last program has gone is at its end: pty(7) calls that an error."""

    def connection_lost(self, exc: Optional[Exception]) -> None:
        over = isinstance(exc, OSError) and exc.errno == errno.EIO
        super().connection_lost(None if over else exc)


async def _reader(pipe: IO[Any]) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: _Output(reader), pipe)
    return reader


async def _writer(pipe: IO[Any]) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), pipe
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


class Process:
    """:class:`xdocker.Process` for asyncio, with its pipes as streams of asyncio's."""

    sync: _native.process.Process
    stdin: Optional[asyncio.StreamWriter] = None
    """To write to its standard input, if that is a pipe; with a pty, to its terminal."""
    stdout: Optional[asyncio.StreamReader] = None
    """To read its standard output, if that is a pipe; with a pty, its terminal."""
    stderr: Optional[asyncio.StreamReader] = None
    """To read its standard error, if that is a pipe."""

    def __init__(self, process: _native.process.Process) -> None:
        """For :meth:`Container.popen`, which connects the streams."""
        self.sync = process

    @property
    def args(self) -> list[str]:
        """The program and its arguments."""
        return self.sync.args

    @property
    def pid(self) -> int:
        """The process in the host's PID namespace."""
        return self.sync.pid

    def poll(self) -> Optional[int]:
        """Exit code, or minus the signal that ended it; ``None`` while it runs."""
        return self.sync.poll()

    async def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for its end: :meth:`xdocker.Process.wait`."""

        async def over() -> int:
            while (code := self.sync.poll()) is None:
                await _readable(self.sync.fileno())
            return code

        try:
            return await asyncio.wait_for(over(), timeout)
        except asyncio.TimeoutError as error:
            if isinstance(error, Timeout):
                raise
            raise Timeout(f"{self.args[0]} did not end in time") from None

    async def communicate(self, input: Optional[bytes] = None) -> tuple[bytes, bytes]:
        """Writes ``input``, reads what it prints, and waits for its end; what is no pipe counts as empty."""

        async def feed() -> None:
            if self.stdin is not None:
                try:
                    self.stdin.write(input or b"")
                    await self.stdin.drain()
                except (BrokenPipeError, ConnectionResetError):
                    pass  # It has read what it wants.
                self.stdin.close()

        async def collect(stream: Optional[asyncio.StreamReader]) -> bytes:
            return b"" if stream is None else await stream.read()

        _, stdout, stderr = await asyncio.gather(feed(), collect(self.stdout), collect(self.stderr))
        await self.wait()
        return stdout, stderr

    def send_signal(self, signal: int) -> None:
        """Sends a signal to its process group. One that has ended is no error."""
        self.sync.send_signal(signal)

    def terminate(self) -> None:
        """Sends it SIGTERM."""
        self.sync.terminate()

    def kill(self) -> None:
        """Sends it SIGKILL."""
        self.sync.kill()

    def resize(self, rows: int, columns: int) -> None:
        """Gives its terminal another size. Raises :class:`InvalidArgument` when it has none."""
        self.sync.resize(rows, columns)

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Closes its standard input and waits for its end; kills it first after an exception."""
        if kind is not None:
            self.kill()
        if self.stdin is not None:
            self.stdin.close()
        await self.wait()


async def _connected(process: _native.process.Process) -> Process:
    """A process with its pipes on the loop."""
    twin = Process(process)
    if process.stdin is not None:
        twin.stdin = await _writer(process.stdin)
    if process.stdout is not None:
        twin.stdout = await _reader(process.stdout)
    if process.stderr is not None:
        twin.stderr = await _reader(process.stderr)
    return twin


class DetachedRun:
    """:class:`xdocker.DetachedRun` for asyncio."""

    def __init__(self, run: _native.runs.DetachedRun) -> None:
        self.sync = run

    @property
    def id(self) -> int:
        """Its id, unique in its container."""
        return self.sync.id

    async def info(self) -> RunInfo:
        """What is known of it: :meth:`xdocker.DetachedRun.info`."""
        return await _call(self.sync.info)

    async def wait(self, timeout: Optional[float] = None) -> RunInfo:
        """Waits for its end, and says how it ended: :meth:`xdocker.DetachedRun.wait`."""

        async def over() -> RunInfo:
            while (info := await self.info()).state == "running":
                await asyncio.sleep(_GLANCE)
            return info

        try:
            return await asyncio.wait_for(over(), timeout)
        except asyncio.TimeoutError:
            raise Timeout(f"detached run {self.id} did not end in time") from None

    def __repr__(self) -> str:
        return f"xdocker.aio.{self.sync!r}"


def _has(line: LogLine, pattern: Union[str, bytes, re.Pattern[str], re.Pattern[bytes]]) -> bool:
    """Whether a line has what is looked for."""
    text = line.data.decode(errors="replace")
    if isinstance(pattern, str):
        return pattern in text
    if isinstance(pattern, bytes):
        return pattern in line.data
    search: Callable[[Any], object] = pattern.search
    return search(text if isinstance(pattern.pattern, str) else line.data) is not None


class Container:
    """:class:`xdocker.Container` for asyncio."""

    def __init__(self, container: _native.container.Container) -> None:
        self.sync = container

    @property
    def name(self) -> str:
        """Its name."""
        return self.sync.name

    @property
    def root(self) -> Path:
        """Where its root appears on the host while it runs."""
        return self.sync.root

    async def state(self) -> Literal["stopped", "starting", "running", "restarting", "broken"]:
        """What it is doing: :attr:`xdocker.Container.state`."""
        return await _call(lambda: self.sync.state)

    async def info(self) -> ContainerInfo:
        """All that is known of it at this moment: :meth:`xdocker.Container.info`."""
        return await _call(self.sync.info)

    async def stats(self) -> Stats:
        """What it uses: :meth:`xdocker.Container.stats`."""
        return await _call(self.sync.stats)

    async def top(self) -> list[ProcessInfo]:
        """The processes inside: :meth:`xdocker.Container.top`."""
        return await _call(self.sync.top)

    async def limit(self, **limits: Unpack[LimitOptions]) -> None:
        """Changes limits: :meth:`xdocker.Container.limit`."""
        await _call(self.sync.limit, **limits)

    async def boot(
        self,
        command: Optional[Sequence[PathArgument]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        log: Optional[Amount] = None,
        **limits: Unpack[LimitOptions],
    ) -> None:
        """Boots it: :meth:`xdocker.Container.boot`."""
        await _call(self.sync.boot, command, env=env, workdir=workdir, log=log, **limits)

    async def run(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        timeout: Optional[float] = None,
        input: Union[str, bytes, bytearray, None] = None,
        text: bool = False,
        check: bool = False,
        **program: Unpack[ProgramOptions],
    ) -> CompletedRun:
        """Runs a program in it to its end: :meth:`xdocker.Container.run`. Cancelling kills the program."""
        exchange: Optional[_native.run.Exchange] = None

        async def over() -> _native.run.Exchange:
            nonlocal exchange
            exchange = await _call(self.sync.start_run, args, input=input, text=text, check=check, **program)
            while not exchange.advance():
                await _readable(exchange.fileno())
            return exchange

        try:
            ended = await asyncio.wait_for(over(), timeout)
        except asyncio.TimeoutError:
            if exchange is None:
                raise Timeout(f"{args!r} did not start in time") from None
            raise exchange.timed_out() from None
        except BaseException:
            if exchange is not None:
                exchange.abandon()
            raise
        return ended.result()

    async def popen(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        stdin: Union[int, IO[Any], None] = None,
        stdout: Union[int, IO[Any], None] = None,
        stderr: Union[int, IO[Any], None] = None,
        pty: bool = False,
        rows: int = 24,
        columns: int = 80,
        timeout: Optional[float] = None,
        **program: Unpack[ProgramOptions],
    ) -> Process:
        """Starts a program in it: :meth:`xdocker.Container.popen`."""
        process = await _call(
            self.sync.popen,
            args,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pty=pty,
            rows=rows,
            columns=columns,
            timeout=timeout,
            **program,
        )
        return await _connected(process)

    async def run_detached(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        timeout: Optional[float] = None,
        **program: Unpack[ProgramOptions],
    ) -> DetachedRun:
        """Starts a program that needs nobody: :meth:`xdocker.Container.run_detached`."""
        return DetachedRun(await _call(self.sync.run_detached, args, timeout=timeout, **program))

    async def detached_run(self, id: int) -> DetachedRun:
        """The detached run of that id: :meth:`xdocker.Container.detached_run`."""
        return DetachedRun(await _call(self.sync.detached_run, id))

    async def detached_runs(self) -> list[RunInfo]:
        """The detached runs that are known: :meth:`xdocker.Container.detached_runs`."""
        return await _call(self.sync.detached_runs)

    async def logs(
        self,
        *,
        follow: bool = False,
        tail: Optional[int] = None,
        since: Optional[datetime] = None,
        run: Optional[int] = None,
    ) -> AsyncGenerator[LogLine, None]:
        """What it has printed, for ``async for``: :meth:`xdocker.Container.logs`."""
        logs = await _call(self.sync.logs, follow=follow, tail=tail, since=since, run=run)
        while True:
            while (line := logs.next_now()) is not None:
                yield line
            if not follow or logs.is_over:
                return
            await _readable(logs.fileno())

    async def wait_for_log(
        self,
        pattern: Union[str, bytes, re.Pattern[str], re.Pattern[bytes]],
        timeout: float = 30.0,
        *,
        run: Optional[int] = None,
    ) -> LogLine:
        """Waits until a line of its log has ``pattern``: :meth:`xdocker.Container.wait_for_log`."""

        async def found() -> LogLine:
            async for line in self.logs(follow=True, run=run):
                if _has(line, pattern):
                    return line
            raise Conflict(f"container {self.name} is not running", "boot() starts it")

        try:
            return await asyncio.wait_for(found(), timeout)
        except asyncio.TimeoutError:
            raise Timeout(f"container {self.name} did not print such a line in time") from None

    async def put(
        self,
        source: PathArgument,
        to: PathArgument,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> int:
        """Copies a file or a tree into it: :meth:`xdocker.Container.put`."""
        return await _call(self.sync.put, source, to, progress=progress)

    async def get(
        self,
        source: PathArgument,
        to: PathArgument,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> int:
        """Copies a file or a tree out of it: :meth:`xdocker.Container.get`."""
        return await _call(self.sync.get, source, to, progress=progress)

    async def read_bytes(self, path: PathArgument) -> bytes:
        """The content of a file inside: :meth:`xdocker.Container.read_bytes`."""
        return await _call(self.sync.read_bytes, path)

    async def read_text(self, path: PathArgument) -> str:
        """The content of a file inside, as UTF-8: :meth:`xdocker.Container.read_text`."""
        return await _call(self.sync.read_text, path)

    async def write_bytes(self, path: PathArgument, data: Union[bytes, bytearray]) -> None:
        """Makes ``data`` the content of a file inside: :meth:`xdocker.Container.write_bytes`."""
        await _call(self.sync.write_bytes, path, data)

    async def write_text(self, path: PathArgument, text: str) -> None:
        """Makes ``text`` the content of a file inside: :meth:`xdocker.Container.write_text`."""
        await _call(self.sync.write_text, path, text)

    async def replace(
        self,
        template: PathArgument,
        mapping: Union[Mapping[str, str], Mapping[bytes, bytes]],
        to: Optional[PathArgument] = None,
    ) -> list[str]:
        """Replaces keys in a file inside: :meth:`xdocker.Container.replace`."""
        return await _call(self.sync.replace, template, mapping, to)

    async def put_archive(self, archive: Union[PathArgument, IO[bytes]], to: PathArgument) -> Summary:
        """Unpacks a tar into it: :meth:`xdocker.Container.put_archive`; ``read`` is called in a thread."""
        return await _call(self.sync.put_archive, archive, to)

    async def get_archive(self, source: PathArgument, archive: Union[PathArgument, IO[bytes]]) -> Summary:
        """Packs a file or a tree of it: :meth:`xdocker.Container.get_archive`; ``write`` is called in a thread."""
        return await _call(self.sync.get_archive, source, archive)

    async def set_restart(self, policy: str) -> None:
        """Gives it another restart policy: :meth:`xdocker.Container.set_restart`."""
        await _call(self.sync.set_restart, policy)

    async def set_volumes(self, volumes: Volumes) -> None:
        """Gives it other volumes: :meth:`xdocker.Container.set_volumes`."""
        await _call(self.sync.set_volumes, volumes)

    async def set_ports(self, ports: Union[str, Mapping[int, int]]) -> None:
        """Gives it other mapped ports: :meth:`xdocker.Container.set_ports`."""
        await _call(self.sync.set_ports, ports)

    async def set_vip(self, vip: str) -> None:
        """Gives it another address: :meth:`xdocker.Container.set_vip`."""
        await _call(self.sync.set_vip, vip)

    async def wait(self, timeout: Optional[float] = None) -> Exit:
        """Waits for its end and says how it ended: :meth:`xdocker.Container.wait`."""
        watch = await _call(self.sync.watch)
        if watch is not None:
            try:
                await asyncio.wait_for(_readable(watch.fileno()), timeout)
            except asyncio.TimeoutError:
                raise Timeout(f"container {self.name} did not end in time") from None
        return await _call(self.sync.wait)

    async def listens(self, port: int, *, transport: Literal["tcp", "udp"] = "tcp") -> bool:
        """Whether a program listens on ``port``: :meth:`xdocker.Container.listens`."""
        return await _call(self.sync.listens, port, transport=transport)

    async def wait_for_port(
        self, port: int, timeout: float = 30.0, *, transport: Literal["tcp", "udp"] = "tcp"
    ) -> None:
        """Waits until a program listens on ``port``: :meth:`xdocker.Container.wait_for_port`."""

        async def open() -> None:
            while not await self.listens(port, transport=transport):
                await asyncio.sleep(_GLANCE)

        try:
            await asyncio.wait_for(open(), timeout)
        except asyncio.TimeoutError:
            message = f"nobody listened on port {port} of container {self.name} in time"
            raise Timeout(message) from None

    async def terminate(self) -> None:
        """Asks it to end, and does not wait: :meth:`xdocker.Container.terminate`."""
        await _call(self.sync.terminate)

    async def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, and kills what has not after ``timeout`` seconds: :meth:`xdocker.Container.shutdown`."""
        watch = await _call(self.sync.watch)
        await self.terminate()
        try:
            if watch is not None:
                await asyncio.wait_for(_readable(watch.fileno()), timeout)
        except asyncio.TimeoutError:
            try:
                await self.kill()
            except Conflict:
                pass  # It has ended just now.
        # What a killed monitor has left is cleared up by a look.
        await self.state()

    async def kill(self) -> None:
        """Kills all that runs in it: :meth:`xdocker.Container.kill`."""
        await _call(self.sync.kill)

    async def send_signal(self, signal: int) -> None:
        """Sends a signal to its root process: :meth:`xdocker.Container.send_signal`."""
        await _call(self.sync.send_signal, signal)

    async def destroy(self, *, force: bool = False) -> None:
        """Deletes it and all that it has written: :meth:`xdocker.Container.destroy`."""
        await _call(self.sync.destroy, force=force)

    async def to_image(self, name: str) -> Image:
        """Makes it an image: :meth:`xdocker.Container.to_image`."""
        return await _call(self.sync.to_image, name)

    async def __aenter__(self) -> Container:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """One that goes with us goes now; another stays as it is."""
        await _call(self.sync.__exit__, kind, value, traceback)

    def __repr__(self) -> str:
        return f"xdocker.aio.{self.sync!r}"


class Containers:
    """:class:`xdocker.Containers` for asyncio."""

    def __init__(self, containers: _native.containers.Containers) -> None:
        self.sync = containers

    @asynccontextmanager
    async def run(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        command: Optional[Sequence[PathArgument]] = None,
        *,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        **options: Unpack[ContainerOptions],
    ) -> AsyncGenerator[Container, None]:
        """A running container for the time of an ``async with`` block: :meth:`xdocker.Containers.run`."""
        container = await _call(self.sync.run, image, command, env=env, workdir=workdir, **options)
        try:
            yield Container(container)
        finally:
            await _call(container.__exit__, None, None, None)

    async def create(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        *,
        bound: bool = False,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Creates a container: :meth:`xdocker.Containers.create`."""
        return Container(await _call(self.sync.create, image, bound=bound, **options))

    async def get(self, name: str) -> Container:
        """The container of that name: :meth:`xdocker.Containers.get`."""
        return Container(await _call(self.sync.get, name))

    async def from_image(
        self,
        image: Union[str, Image],
        *,
        name: Optional[str] = None,
        onto: Union[str, Image, Sequence[Union[str, Image]], None] = None,
        force: bool = False,
    ) -> Container:
        """Makes an image a container: :meth:`xdocker.Containers.from_image`."""
        return Container(await _call(self.sync.from_image, image, name=name, onto=onto, force=force))

    async def list(self) -> list[ContainerInfo]:
        """All containers, by name: :meth:`xdocker.Containers.list`."""
        return await _call(self.sync.list)


class Images:
    """:class:`xdocker.Images` for asyncio. A ``progress`` is called in a thread of the loop's executor."""

    def __init__(self, images: _native.images.Images) -> None:
        self.sync = images

    async def list(self) -> list[Image]:
        """All images, by name and version: :meth:`xdocker.Images.list`."""
        return await _call(self.sync.list)

    async def get(self, image: Union[str, Image]) -> Image:
        """The image of that name: :meth:`xdocker.Images.get`."""
        return await _call(self.sync.get, image)

    async def delete(self, image: Union[str, Image], *, force: bool = False) -> None:
        """Deletes an image: :meth:`xdocker.Images.delete`."""
        await _call(self.sync.delete, image, force=force)

    async def copy(self, image: Union[str, Image], to: str) -> Image:
        """Copies an image: :meth:`xdocker.Images.copy`."""
        return await _call(self.sync.copy, image, to)

    async def set_version(self, image: Union[str, Image], version: str, *, force: bool = False) -> Image:
        """Gives an image another version: :meth:`xdocker.Images.set_version`."""
        return await _call(self.sync.set_version, image, version, force=force)

    async def install_test(self, version: Optional[str] = None, *, busybox: bool = False) -> Image:
        """Makes the image ``test``: :meth:`xdocker.Images.install_test`."""
        return await _call(self.sync.install_test, version, busybox=busybox)

    async def export(
        self,
        image: Union[str, Image],
        path: Union[str, PathLike[str]],
        *,
        force: bool = False,
        whiteouts: Literal["overlay", "oci"] = "overlay",
        level: int = 6,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Writes an image to a file: :meth:`xdocker.Images.export`. Cancelling leaves no file."""
        export = partial(self.sync.export, image, path, force=force, whiteouts=whiteouts, level=level)
        return await _stoppable(export, progress)

    async def import_(
        self,
        path: Union[str, PathLike[str]],
        name: str,
        *,
        devices: bool = True,
        max_bytes: Optional[int] = None,
        max_entries: Optional[int] = None,
        max_ratio: Optional[int] = None,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Image:
        """Makes an image of an archive: :meth:`xdocker.Images.import_`. Cancelling leaves no image."""
        bounds = partial(
            self.sync.import_,
            path,
            name,
            devices=devices,
            max_bytes=max_bytes,
            max_entries=max_entries,
            max_ratio=max_ratio,
        )
        return await _stoppable(bounds, progress)


class _Stopped(Exception):
    """Nobody waits for it any more."""


async def _stoppable(work: Callable[..., T], progress: Optional[Callable[[Progress], object]]) -> T:
    """Does what tells of its progress, and ends it when it is cancelled."""
    stopped = False

    def tell(now: Progress) -> None:
        if progress is not None:
            progress(now)
        if stopped:
            raise _Stopped

    try:
        return await _call(work, progress=tell)
    except asyncio.CancelledError:
        stopped = True
        raise


class Engine:
    """:class:`xdocker.Engine` for asyncio."""

    def __init__(self, home: Union[str, PathLike[str], None] = None) -> None:
        """Opens the home, as :class:`xdocker.Engine` does."""
        self.sync = _native.engine.Engine(home)
        self.images = Images(self.sync.images)
        self.containers = Containers(self.sync.containers)

    @property
    def home(self) -> Path:
        """The home, as an absolute path."""
        return self.sync.home

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens to containers from the first step on, for ``async for``: :meth:`xdocker.Engine.events`."""
        events = await _call(self.sync.events)
        while True:
            while (event := events.next_now()) is not None:
                yield event
            await _readable(events.fileno())

    async def boot_all(self) -> dict[str, Optional[XdockerError]]:
        """Boots all containers that are to run: :meth:`xdocker.Engine.boot_all`."""
        return await _call(self.sync.boot_all)

    async def bridge(self) -> Bridge:
        """The bridge of this home: :meth:`xdocker.Engine.bridge`."""
        return await _call(self.sync.bridge)

    async def set_bridge(
        self, name: Optional[str] = None, *, subnet: Optional[str] = None, subnet6: Optional[str] = None
    ) -> Bridge:
        """Chooses another bridge: :meth:`xdocker.Engine.set_bridge`."""
        return await _call(self.sync.set_bridge, name, subnet=subnet, subnet6=subnet6)
