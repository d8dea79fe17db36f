from typing import final

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
