"""Exceptions of the engine: all are :class:`XdockerError`."""

from __future__ import annotations

# What checkers of types read, and the interpreter need not: `import xdocker` is to be quick.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from ._native.run import CompletedRun

__all__ = [
    "AlreadyExists",
    "CommandFailed",
    "Conflict",
    "EngineError",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "Timeout",
    "Unsupported",
    "XdockerError",
]


class XdockerError(Exception):
    """Something the engine could not do.

    ``hint`` is what one may do about it, ``step`` the step of a launch that failed; ``None`` where there is none.
    """

    def __init__(self, message: str, hint: Optional[str] = None, step: Optional[str] = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.step = step


class NotFound(XdockerError):
    """An image, container, file or program that is not there."""


class AlreadyExists(XdockerError):
    """A name that is taken."""


class Conflict(XdockerError):
    """The thing is there, but not in a state for that."""


class InvalidArgument(XdockerError, ValueError):
    """A value that can never be right."""


class CommandFailed(XdockerError):
    """A program ended with another code than 0. ``result`` is what came of it."""

    def __init__(self, result: CompletedRun) -> None:
        program = result.args[0]
        if result.returncode < 0:
            super().__init__(f"{program} was ended by signal {-result.returncode}")
        else:
            super().__init__(f"{program} ended with code {result.returncode}")
        self.result = result


class Timeout(XdockerError, TimeoutError):
    """It took longer than was allowed. ``stdout`` and ``stderr`` are what a program had printed until then."""

    stdout: bytes = b""
    stderr: bytes = b""


class PermissionDenied(XdockerError, PermissionError):
    """The kernel or the file system refuses for lack of rights."""


class Unsupported(XdockerError):
    """This kernel or host cannot do it."""


class EngineError(XdockerError):
    """A system call failed for a reason of the machine's: disk full, out of memory, and so on."""
