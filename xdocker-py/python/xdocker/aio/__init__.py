"""The engine for asyncio, by the same names.

Whatever may take long is waited for on the event loop itself, without a thread: programs, containers, ports. What works
for a moment on files and in the kernel, such as booting and destroying, is done in the loop's executor; so is what takes
its time with images and files, which ends when it is cancelled. Records and errors are those of :mod:`xdocker`, and
``sync`` of each object is its twin there.
"""

from .container import Container
from .containers import Containers
from .engine import Engine
from .images import Images
from .process import Process
from .runs import DetachedRun

__all__ = ["Container", "Containers", "DetachedRun", "Engine", "Images", "Process"]
