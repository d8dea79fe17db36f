"""What is waited for on the event loop, and what is done beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Optional, TypeVar

if TYPE_CHECKING:
    from .. import Progress

T = TypeVar("T")

GLANCE = 0.01
"""Seconds between two looks at what no descriptor tells of."""


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Does in the loop's executor what is over in a moment."""
    return await asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))


async def readable(fileno: int) -> None:
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


class _Stopped(Exception):
    """Nobody waits for it any more."""


async def stoppable(work: Callable[..., T], progress: Optional[Callable[[Progress], object]]) -> T:
    """Does what tells of its progress, and ends it when it is cancelled."""
    stopped = False

    def tell(now: Progress) -> None:
        if progress is not None:
            progress(now)
        # It may be cancelled in the meantime, and this be the last word.
        if stopped:
            raise _Stopped

    try:
        return await call(work, progress=tell)
    except asyncio.CancelledError:
        stopped = True
        raise
