from typing import Optional, final

__all__ = ["Bridge"]

@final
class Bridge:
    """The bridge that containers of a home are connected to."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def subnet(self) -> str:
        """Its own address and the prefix of those that containers may have, such as `166.88.0.1/24`."""
    @property
    def subnet6(self) -> Optional[str]:
        """The same of IPv6, such as `fd00:88::1/64`, if it has any."""
