"""The door."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from .. import _native
from ..errors import XdockerError
from ._loop import call, readable
from .containers import Containers
from .images import Images

if TYPE_CHECKING:
    from .. import Bridge, Event

__all__ = ["Engine"]


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
        events = await call(self.sync.events)
        while True:
            while (event := events.next_now()) is not None:
                yield event
            await readable(events.fileno())

    async def boot_all(self) -> dict[str, Optional[XdockerError]]:
        """Boots all containers that are to run: :meth:`xdocker.Engine.boot_all`."""
        return await call(self.sync.boot_all)

    async def bridge(self) -> Bridge:
        """The bridge of this home: :meth:`xdocker.Engine.bridge`."""
        return await call(self.sync.bridge)

    async def set_bridge(
        self, name: Optional[str] = None, *, subnet: Optional[str] = None, subnet6: Optional[str] = None
    ) -> Bridge:
        """Chooses another bridge: :meth:`xdocker.Engine.set_bridge`."""
        return await call(self.sync.set_bridge, name, subnet=subnet, subnet6=subnet6)
