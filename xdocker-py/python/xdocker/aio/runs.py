"""Programs that need nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Optional

from .. import _native
from ..errors import Timeout
from ._loop import GLANCE, call

if TYPE_CHECKING:
    from .. import RunInfo

__all__ = ["DetachedRun"]


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
        return await call(self.sync.info)

    async def wait(self, timeout: Optional[float] = None) -> RunInfo:
        """Waits for its end, and says how it ended: :meth:`xdocker.DetachedRun.wait`."""

        async def over() -> RunInfo:
            while (info := await self.info()).state == "running":
                await asyncio.sleep(GLANCE)
            return info

        try:
            return await asyncio.wait_for(over(), timeout)
        except asyncio.TimeoutError:
            raise Timeout(f"detached run {self.id} did not end in time") from None

    def __repr__(self) -> str:
        return f"xdocker.aio.{self.sync!r}"
