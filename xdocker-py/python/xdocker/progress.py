"""A ready-made ``progress=`` for calls that take long."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TextIO

if TYPE_CHECKING:
    from ._native.archive import Progress

__all__ = ["ProgressBar"]

_MOMENT = 0.1
"""Seconds between two lines of the plain kind."""


class ProgressBar:
    """Shows how far something has come, by tqdm where that is installed, else as a line of text.

    Use one for one call, in a ``with`` statement, which wipes out what is left of it::

        with xdocker.progress.ProgressBar("import") as bar:
            engine.images.import_("base.xdockerimage", "base:1.0", progress=bar)

    ``file`` is where it is shown, standard error otherwise; the line of text on a terminal only. Other keyword
    arguments are tqdm's.
    """

    def __init__(self, description: str = "", *, file: Optional[TextIO] = None, **options: Any) -> None:
        self._description = description
        self._file = sys.stderr if file is None else file
        self._options = options
        self._bar: Any = None
        self._shown = 0.0

    def __call__(self, now: Progress) -> None:
        """Shows it."""
        if self._bar is None:
            self._bar = self._open(now.total)
        if self._bar is False:
            self._print(now)
        else:
            self._bar.update(now.done - self._bar.n)

    def _open(self, total: Optional[int]) -> Any:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return False
        settings: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024, "leave": False}
        return tqdm(desc=self._description or None, total=total, file=self._file, **{**settings, **self._options})

    def _print(self, now: Progress) -> None:
        moment = time.monotonic()
        if self._file.isatty() and moment - self._shown >= _MOMENT:
            self._shown = moment
            share = f"{100 * now.done // now.total:3} % of {now.total >> 20} MiB" if now.total else f"{now.done >> 20} MiB"
            self._file.write(f"\r{self._description} {share}\x1b[K")
            self._file.flush()

    def close(self) -> None:
        """Wipes it out. More than once does no harm."""
        bar, self._bar = self._bar, None
        if bar:
            bar.close()
        elif self._shown:
            self._shown = 0.0
            self._file.write("\r\x1b[K")
            self._file.flush()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
