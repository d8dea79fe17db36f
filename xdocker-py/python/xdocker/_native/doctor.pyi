from typing import List, final

__all__ = ["Feature", "HostReport", "doctor"]

@final
class Feature:
    """Something that a host has or has not."""

    @property
    def name(self) -> str:
        """What it is called."""
    @property
    def present(self) -> bool:
        """Whether it is there."""
    @property
    def required(self) -> bool:
        """Whether no container can be booted without it."""
    @property
    def detail(self) -> str:
        """Which one it is, as a version or a list of parts; may be empty."""
    @property
    def without(self) -> str:
        """What does not work where it is missing."""

@final
class HostReport:
    """What a host offers, and what then does not work."""

    @property
    def kernel(self) -> str:
        """Release of the kernel."""
    @property
    def can_boot(self) -> bool:
        """Whether containers can be booted."""
    @property
    def features(self) -> List[Feature]:
        """Everything that was looked at."""

def doctor() -> HostReport:
    """What this host offers containers, asked without changing anything."""
