from datetime import datetime
from typing import Literal, Optional, final

from .info import Exit

__all__ = ["Event", "Events"]

@final
class Event:
    """Something that has happened to a container.

    Of one container they come in this order: ``created``, then any number of times ``booted`` and ``ended``, then
    ``destroyed``.
    """

    @property
    def time(self) -> datetime:
        """When, as an aware `datetime`; of what left no record, when it was seen."""
    @property
    def container(self) -> str:
        """Name of the container."""
    @property
    def kind(self) -> Literal["created", "booted", "ended", "destroyed"]:
        """``created``, ``booted``, ``ended`` or ``destroyed``; becoming a container or an image counts, too."""
    @property
    def pid(self) -> Optional[int]:
        """Of ``booted``: its root process on the host, unless it had ended before we looked."""
    @property
    def exit(self) -> Optional[Exit]:
        """Of ``ended``: how, if there is still a record of it."""

@final
class Events:
    """What happens to the containers of a home from the call on, whoever does it: an iterator that waits for the next
    :class:`Event`, and has no end.

    It is for who goes on reading: of what came and went between two looks it may tell less.
    """

    def next_now(self) -> Optional[Event]:
        """The next one of those that are there already; ``None`` when there is none for the moment."""
    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`next_now`, which has returned ``None``, may have something."""
    def __iter__(self) -> Events: ...
    def __next__(self) -> Event: ...
