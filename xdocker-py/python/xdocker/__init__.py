"""A container engine that is a library: no daemon, nothing to install beside it.

    >>> import xdocker
    >>> engine = xdocker.Engine()
    >>> with engine.containers.run("test") as c:  # goes with the block, and with us
    ...     c.run(["hostname"]).stdout
    b'test\\n'

:mod:`xdocker.aio` has the same names for asyncio, :mod:`xdocker.errors` what can go wrong, :mod:`xdocker.options` the
keyword arguments of containers as types, :mod:`xdocker.progress` a progress bar, and :mod:`xdocker.pytest_plugin` the
fixtures of pytest. It needs Linux 5.12 or later on x86_64, and root.
"""

from ._native import __version__
from ._native.archive import Progress, Summary
from ._native.container import Container
from ._native.containers import Containers
from ._native.doctor import Feature, HostReport, doctor
from ._native.engine import Engine
from ._native.events import Event, Events
from ._native.images import Image, Images, InstalledImage
from ._native.info import ContainerInfo, Exit
from ._native.limits import Limits
from ._native.logs import LogLine, Logs
from ._native.network import Bridge
from ._native.process import DEVNULL, PIPE, STDOUT, Process
from ._native.repository import PulledImage, RemoteImage, Transfer
from ._native.run import CompletedRun
from ._native.runs import DetachedRun, RunInfo
from ._native.sandbox import Sandbox
from ._native.stats import CpuStats, IoStats, MemoryStats, NetworkStats, PidsStats, Stats
from ._native.top import ProcessInfo
from .errors import (
    AlreadyExists,
    CommandFailed,
    Conflict,
    EngineError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Timeout,
    Unsupported,
    XdockerError,
)

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "AlreadyExists",
    "Bridge",
    "CommandFailed",
    "CompletedRun",
    "Conflict",
    "Container",
    "ContainerInfo",
    "Containers",
    "CpuStats",
    "DetachedRun",
    "Engine",
    "EngineError",
    "Event",
    "Events",
    "Exit",
    "Feature",
    "HostReport",
    "Image",
    "Images",
    "InstalledImage",
    "InvalidArgument",
    "IoStats",
    "Limits",
    "LogLine",
    "Logs",
    "MemoryStats",
    "NetworkStats",
    "NotFound",
    "PermissionDenied",
    "PidsStats",
    "Process",
    "ProcessInfo",
    "Progress",
    "PulledImage",
    "RemoteImage",
    "RunInfo",
    "Sandbox",
    "Stats",
    "Summary",
    "Timeout",
    "Transfer",
    "Unsupported",
    "XdockerError",
    "__version__",
    "doctor",
]
