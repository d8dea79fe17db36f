"""Fixtures of pytest: containers that go with the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Optional, Protocol, Union

import pytest

from . import Container, Engine, Image

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import ContainerOptions, PathArgument

__all__ = ["ContainerFactory", "xdocker_container", "xdocker_engine"]


class ContainerFactory(Protocol):
    """What the fixture :func:`xdocker_container` is."""

    def __call__(
        self,
        image: Union[str, Image, Sequence[Union[str, Image]]],
        command: Optional[Sequence[PathArgument]] = None,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """A running container that goes with the test: :meth:`xdocker.Containers.run`."""
        ...


@pytest.fixture(scope="session")
def xdocker_engine() -> Engine:
    """The engine of :func:`xdocker_container`: that of ``$xdocker_HOME``. Override it for another home."""
    return Engine()


@pytest.fixture
def xdocker_container(xdocker_engine: Engine) -> Iterator[ContainerFactory]:
    """Makes running containers that go with the test: ``xdocker_container(image, **options)``.

    The options are those of :meth:`xdocker.Containers.run`. Without ``name`` each gets one of its own, so that
    tests may run beside each other, in one process or in several.
    """
    with ExitStack() as stack:

        def run(
            image: Union[str, Image, Sequence[Union[str, Image]]],
            command: Optional[Sequence[PathArgument]] = None,
            **options: Unpack[ContainerOptions],
        ) -> Container:
            if options.get("name") is None:
                options["name"] = f"pytest-{uuid.uuid4().hex[:12]}"
            return stack.enter_context(xdocker_engine.containers.run(image, command, **options))

        yield run
