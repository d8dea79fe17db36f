from typing import List, Literal, final

__all__ = ["Sandbox"]

@final
class Sandbox:
    """What the programs of a container may do."""

    @property
    def capabilities(self) -> List[str]:
        """Capabilities of its processes, as in capabilities(7) without `CAP_`; `["ALL"]` for all of them."""
    @property
    def userns(self) -> Literal["host", "auto"]:
        """Whose its users are: ``host``, or ``auto`` for its own, so that root inside is nobody outside."""
    @property
    def seccomp(self) -> Literal["default", "unconfined", "profile"]:
        """Filter of its system calls: `default`, `unconfined`, or `profile` for one of the user's own."""
    @property
    def new_privileges(self) -> bool:
        """Whether set-uid programs and file capabilities work inside."""
    @property
    def masks(self) -> bool:
        """Whether paths of /proc and /sys that tell about the host, or can hurt it, are hidden or read-only."""
    @property
    def core_dumps(self) -> bool:
        """Whether its processes may dump core."""
    @property
    def read_only(self) -> bool:
        """Whether its root is read-only."""
