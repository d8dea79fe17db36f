"""Fixtures of pytest: containers that go with the test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Callable

import pytest

from . import Container, Engine

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def xdocker_engine() -> Engine:
    """The engine of :func:`xdocker_container`: that of ``$xdocker_HOME``. Override it for another home."""
    return Engine()


@pytest.fixture
def xdocker_container(xdocker_engine: Engine) -> Iterator[Callable[..., Container]]:
    """Makes running containers that go with the test: ``xdocker_container(image, **options)``.

    The options are those of :meth:`xdocker.Containers.run`. Without ``name`` each gets one of its own, so that
    tests may run beside each other.
    """
    with ExitStack() as stack:

        def run(image: Any, *args: Any, **options: Any) -> Container:
            options.setdefault("name", f"pytest-{os.getpid()}-{next(_NUMBERS)}")
            return stack.enter_context(xdocker_engine.containers.run(image, *args, **options))

        yield run
