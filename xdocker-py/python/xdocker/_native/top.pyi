from typing import List, Optional, final

__all__ = ["ProcessInfo"]

@final
class ProcessInfo:
    """A process of a container at a moment."""

    @property
    def pid(self) -> int:
        """Its number on the host."""
    @property
    def inner_pid(self) -> int:
        """Its number inside."""
    @property
    def uid(self) -> int:
        """Its effective user, as a number."""
    @property
    def user(self) -> Optional[str]:
        """That user's name in the container's own `/etc/passwd`; `None` where there is none."""
    @property
    def resident(self) -> int:
        """Bytes of memory that it has resident, those that it shares with others included."""
    @property
    def command(self) -> List[str]:
        """Its arguments, as it shows them itself; empty for one that has ended and was not yet reaped."""
    @property
    def name(self) -> str:
        """What the kernel calls it: the first 15 bytes of its program's name, unless it has changed that."""
