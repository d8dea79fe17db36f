from datetime import datetime
from typing import final

from .images import Image

__all__ = ["PulledImage", "RemoteImage", "Transfer"]

@final
class RemoteImage:
    """An image in an ssh repository. ``str(image)`` is its name and version, as :meth:`Images.pull` takes it."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def version(self) -> str:
        """Its version; ``_`` for none."""
    @property
    def size(self) -> int:
        """Bytes of its archive."""
    @property
    def modified(self) -> datetime:
        """When it was put there, as an aware `datetime`; to the minute or the day where the server has no stat(1)."""

@final
class Transfer:
    """What a push or pull has moved."""

    @property
    def archive(self) -> int:
        """Bytes of the archive in the repository."""
    @property
    def sent(self) -> int:
        """Bytes that were sent to the server, within ssh."""
    @property
    def received(self) -> int:
        """Bytes that came from it, within ssh."""

@final
class PulledImage(Image):
    """An image that came from an ssh repository, and what of it was moved for that."""

    @property
    def transfer(self) -> Transfer:
        """What was moved."""
