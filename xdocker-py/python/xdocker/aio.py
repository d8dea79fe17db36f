"""The engine for asyncio, by the same names.

``await container.run(…)`` waits on the event loop itself, without a thread. What works for a moment on files and
in the kernel, such as booting and destroying, is done in the loop's executor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Callable, TypeVar

from . import CompletedRun, ContainerInfo, Process, Timeout, _native

__all__ = ["Container", "Containers", "Engine"]

T = TypeVar("T")


async def _call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
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


class Container:
    """:class:`xdocker.Container` for asyncio."""

    def __init__(self, container: _native.Container) -> None:
        self.sync = container

    @property
    def name(self) -> str:
        """Its name."""
        return self.sync.name

    async def run(self, args: Any, *, timeout: float | None = None, **options: Any) -> CompletedRun:
        """Runs a program in it to its end: :meth:`xdocker.Container.run`. Cancelling kills the program."""
        exchange = self.sync.start_run(args, **options)

        async def over() -> None:
            while not exchange.advance():
                await _readable(exchange.fileno())

        try:
            await asyncio.wait_for(over(), timeout)
        except asyncio.TimeoutError:
            raise exchange.timed_out() from None
        except BaseException:
            exchange.abandon()
            raise
        return exchange.result()

    def popen(self, args: Any, **options: Any) -> Process:
        """Starts a program in it: :meth:`xdocker.Container.popen`."""
        return self.sync.popen(args, **options)

    async def wait(self, process: Process, timeout: float | None = None) -> int:
        """Waits for the end of a process of :meth:`popen`, as :meth:`xdocker.Process.wait` does."""
        try:
            await asyncio.wait_for(_readable(process.fileno()), timeout)
        except asyncio.TimeoutError:
            raise Timeout(f"{process.args[0]} did not end in time") from None
        return process.wait()

    async def info(self) -> ContainerInfo:
        """All that is known of it at this moment."""
        return await _call(self.sync.info)

    async def boot(self, *args: Any, **options: Any) -> None:
        """Boots it: :meth:`xdocker.Container.boot`."""
        await _call(self.sync.boot, *args, **options)

    async def shutdown(self, timeout: float = 10.0) -> None:
        """Asks it to end, and kills what has not after so many seconds."""
        await _call(self.sync.shutdown, timeout)

    async def kill(self) -> None:
        """Kills all that runs in it."""
        await _call(self.sync.kill)

    async def destroy(self, *, force: bool = False) -> None:
        """Deletes it and all that it has written."""
        await _call(self.sync.destroy, force=force)


class Containers:
    """:class:`xdocker.Containers` for asyncio."""

    def __init__(self, containers: _native.Containers) -> None:
        self.sync = containers

    @asynccontextmanager
    async def run(self, image: Any, *args: Any, **options: Any) -> AsyncIterator[Container]:
        """A container for the time of an ``async with`` block: :meth:`xdocker.Containers.run`."""
        container = await _call(self.sync.run, image, *args, **options)
        try:
            yield Container(container)
        finally:
            await _call(container.destroy, force=True)

    async def create(self, image: Any, **options: Any) -> Container:
        """Creates a container: :meth:`xdocker.Containers.create`."""
        return Container(await _call(self.sync.create, image, **options))

    async def get(self, name: str) -> Container:
        """The container of that name."""
        return Container(await _call(self.sync.get, name))

    async def list(self) -> Any:
        """All containers, by name."""
        return await _call(self.sync.list)


class Engine:
    """:class:`xdocker.Engine` for asyncio; ``images`` are those of the engine itself."""

    def __init__(self, home: Any = None) -> None:
        self.sync = _native.Engine(home)
        self.images = self.sync.images
        self.containers = Containers(self.sync.containers)
