"""Programs that are talked with."""

from __future__ import annotations

import asyncio
import errno
from types import TracebackType
from typing import IO, Any, Optional

from .. import _native
from ..errors import Timeout
from ._loop import readable

__all__ = ["Process"]


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
                await readable(self.sync.fileno())
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


async def connected(process: _native.process.Process) -> Process:
    """A process with its pipes on the loop."""
    twin = Process(process)
    if process.stdin is not None:
        twin.stdin = await _writer(process.stdin)
    if process.stdout is not None:
        twin.stdout = await _reader(process.stdout)
    if process.stderr is not None:
        twin.stderr = await _reader(process.stderr)
    return twin
