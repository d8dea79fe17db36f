"""One container."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Optional, Union

from .. import _native
from ..errors import Conflict, Timeout
from ._loop import GLANCE, call, readable, stoppable
from .process import Process, connected
from .runs import DetachedRun

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .. import (
        CompletedRun,
        ContainerInfo,
        Exit,
        Image,
        LogLine,
        ProcessInfo,
        Progress,
        RunInfo,
        Stats,
        Summary,
    )
    from ..options import Amount, LimitOptions, PathArgument, ProgramOptions, Volumes

__all__ = ["Container"]


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
        return await call(lambda: self.sync.state)

    async def info(self) -> ContainerInfo:
        """All that is known of it at this moment: :meth:`xdocker.Container.info`."""
        return await call(self.sync.info)

    async def stats(self) -> Stats:
        """What it uses: :meth:`xdocker.Container.stats`."""
        return await call(self.sync.stats)

    async def top(self) -> list[ProcessInfo]:
        """The processes inside: :meth:`xdocker.Container.top`."""
        return await call(self.sync.top)

    async def limit(self, **limits: Unpack[LimitOptions]) -> None:
        """Changes limits: :meth:`xdocker.Container.limit`."""
        await call(self.sync.limit, **limits)

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
        await call(self.sync.boot, command, env=env, workdir=workdir, log=log, **limits)

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
            exchange = await call(self.sync.start_run, args, input=input, text=text, check=check, **program)
            while not exchange.advance():
                await readable(exchange.fileno())
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
        process = await call(
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
        return await connected(process)

    async def login_shell(
        self,
        *,
        rows: int = 24,
        columns: int = 80,
        timeout: Optional[float] = None,
        env: Optional[Mapping[str, str]] = None,
        workdir: Optional[PathArgument] = None,
        user: Optional[str] = None,
    ) -> Process:
        """Starts the image's shell on a terminal: :meth:`xdocker.Container.login_shell`; the terminal is in bytes."""
        shell = await call(
            self.sync.login_shell,
            rows=rows,
            columns=columns,
            timeout=timeout,
            env=env,
            workdir=workdir,
            user=user,
        )
        return await connected(shell)

    async def run_detached(
        self,
        args: Union[str, Sequence[PathArgument]],
        *,
        timeout: Optional[float] = None,
        **program: Unpack[ProgramOptions],
    ) -> DetachedRun:
        """Starts a program that needs nobody: :meth:`xdocker.Container.run_detached`."""
        return DetachedRun(await call(self.sync.run_detached, args, timeout=timeout, **program))

    async def detached_run(self, id: int) -> DetachedRun:
        """The detached run of that id: :meth:`xdocker.Container.detached_run`."""
        return DetachedRun(await call(self.sync.detached_run, id))

    async def detached_runs(self) -> list[RunInfo]:
        """The detached runs that are known: :meth:`xdocker.Container.detached_runs`."""
        return await call(self.sync.detached_runs)

    async def logs(
        self,
        *,
        follow: bool = False,
        tail: Optional[int] = None,
        since: Optional[datetime] = None,
        run: Optional[int] = None,
    ) -> AsyncGenerator[LogLine, None]:
        """What it has printed, for ``async for``: :meth:`xdocker.Container.logs`."""
        logs = await call(self.sync.logs, follow=follow, tail=tail, since=since, run=run)
        while True:
            while (line := logs.next_now()) is not None:
                yield line
            if not follow or logs.is_over:
                return
            await readable(logs.fileno())

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
        """Copies a file or a tree into it: :meth:`xdocker.Container.put`. Cancelling leaves nothing of it."""
        return await stoppable(partial(self.sync.put, source, to), progress)

    async def get(
        self,
        source: PathArgument,
        to: PathArgument,
        *,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> int:
        """Copies a file or a tree out of it: :meth:`xdocker.Container.get`. Cancelling leaves nothing of it."""
        return await stoppable(partial(self.sync.get, source, to), progress)

    async def read_bytes(self, path: PathArgument) -> bytes:
        """The content of a file inside: :meth:`xdocker.Container.read_bytes`."""
        return await call(self.sync.read_bytes, path)

    async def read_text(self, path: PathArgument) -> str:
        """The content of a file inside, as UTF-8: :meth:`xdocker.Container.read_text`."""
        return await call(self.sync.read_text, path)

    async def write_bytes(self, path: PathArgument, data: Union[bytes, bytearray]) -> None:
        """Makes ``data`` the content of a file inside: :meth:`xdocker.Container.write_bytes`."""
        await call(self.sync.write_bytes, path, data)

    async def write_text(self, path: PathArgument, text: str) -> None:
        """Makes ``text`` the content of a file inside: :meth:`xdocker.Container.write_text`."""
        await call(self.sync.write_text, path, text)

    async def replace(
        self,
        template: PathArgument,
        mapping: Union[Mapping[str, str], Mapping[bytes, bytes]],
        to: Optional[PathArgument] = None,
    ) -> list[str]:
        """Replaces keys in a file inside: :meth:`xdocker.Container.replace`."""
        return await call(self.sync.replace, template, mapping, to)

    async def put_archive(
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
        """Unpacks a tar into it: :meth:`xdocker.Container.put_archive`. Cancelling leaves nothing of it."""
        put = partial(
            self.sync.put_archive,
            archive,
            to,
            devices=devices,
            max_bytes=max_bytes,
            max_entries=max_entries,
            max_ratio=max_ratio,
        )
        return await stoppable(put, progress)

    async def get_archive(
        self,
        source: PathArgument,
        archive: Union[PathArgument, IO[bytes]],
        *,
        level: int = 4,
        progress: Optional[Callable[[Progress], object]] = None,
    ) -> Summary:
        """Packs a file or a tree of it: :meth:`xdocker.Container.get_archive`. Cancelling ends it."""
        return await stoppable(partial(self.sync.get_archive, source, archive, level=level), progress)

    async def set_restart(self, policy: str) -> None:
        """Gives it another restart policy: :meth:`xdocker.Container.set_restart`."""
        await call(self.sync.set_restart, policy)

    async def set_volumes(self, volumes: Volumes) -> None:
        """Gives it other volumes: :meth:`xdocker.Container.set_volumes`."""
        await call(self.sync.set_volumes, volumes)

    async def set_ports(self, ports: Union[str, Mapping[int, int]]) -> None:
        """Gives it other mapped ports: :meth:`xdocker.Container.set_ports`."""
        await call(self.sync.set_ports, ports)

    async def set_vip(self, vip: str) -> None:
        """Gives it another address: :meth:`xdocker.Container.set_vip`."""
        await call(self.sync.set_vip, vip)

    async def wait(self, timeout: Optional[float] = None) -> Exit:
        """Waits for its end and says how it ended: :meth:`xdocker.Container.wait`."""
        watch = await call(self.sync.watch)
        if watch is not None:
            try:
                await asyncio.wait_for(readable(watch.fileno()), timeout)
            except asyncio.TimeoutError:
                raise Timeout(f"container {self.name} did not end in time") from None
        return await call(self.sync.wait)

    async def listens(self, port: int, *, transport: Literal["tcp", "udp"] = "tcp") -> bool:
        """Whether a program listens on ``port``: :meth:`xdocker.Container.listens`."""
        return await call(self.sync.listens, port, transport=transport)

    async def wait_for_port(
        self, port: int, timeout: float = 30.0, *, transport: Literal["tcp", "udp"] = "tcp"
    ) -> None:
        """Waits until a program listens on ``port``: :meth:`xdocker.Container.wait_for_port`."""

        async def open() -> None:
            while not await self.listens(port, transport=transport):
                await asyncio.sleep(GLANCE)

        try:
            await asyncio.wait_for(open(), timeout)
        except asyncio.TimeoutError:
            message = f"nobody listened on port {port} of container {self.name} in time"
            raise Timeout(message) from None

    async def terminate(self) -> None:
        """Asks it to end, and does not wait: :meth:`xdocker.Container.terminate`."""
        await call(self.sync.terminate)

    async def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, and kills what has not after ``timeout`` seconds: :meth:`xdocker.Container.shutdown`."""
        watch = await call(self.sync.watch)
        await self.terminate()
        try:
            if watch is not None:
                await asyncio.wait_for(readable(watch.fileno()), timeout)
        except asyncio.TimeoutError:
            try:
                await self.kill()
            except Conflict:
                pass  # It has ended just now.
        # What a killed monitor has left is cleared up by a look.
        await self.state()

    async def kill(self, *, force: bool = False) -> None:
        """Kills all that runs in it: :meth:`xdocker.Container.kill`."""
        await call(self.sync.kill, force=force)

    async def send_signal(self, signal: int) -> None:
        """Sends a signal to its root process: :meth:`xdocker.Container.send_signal`."""
        await call(self.sync.send_signal, signal)

    async def destroy(self, *, force: bool = False) -> None:
        """Deletes it and all that it has written: :meth:`xdocker.Container.destroy`."""
        await call(self.sync.destroy, force=force)

    async def to_image(self, name: str) -> Image:
        """Makes it an image: :meth:`xdocker.Container.to_image`."""
        return await call(self.sync.to_image, name)

    async def __aenter__(self) -> Container:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """One that goes with us goes now; another stays as it is."""
        await call(self.sync.__exit__, kind, value, traceback)

    def __repr__(self) -> str:
        return f"xdocker.aio.{self.sync!r}"
