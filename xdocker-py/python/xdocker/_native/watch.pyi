from typing import final

__all__ = ["Watch"]

@final
class Watch:
    """A run of a container whose end an event loop waits for on ``fileno()``. It keeps nothing alive."""

    def fileno(self) -> int:
        """A descriptor that is readable once the container has ended."""
