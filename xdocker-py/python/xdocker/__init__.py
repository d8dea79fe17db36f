"""A container engine that is a library: no daemon, nothing to install beside it."""

from ._xdocker import ContainerInfo, Engine, __version__

__all__ = ["ContainerInfo", "Engine", "__version__"]
