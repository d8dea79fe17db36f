"""Records: read-only, equal when they say the same, and with a ``repr`` that shows all of it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import xdocker


def test_records_cannot_be_changed(c: xdocker.Container, image: xdocker.Image) -> None:
    records: list[Any] = [c.info(), c.info().limits, c.info().sandbox, c.stats(), c.top()[0], image, xdocker.doctor()]
    for record in records:
        for field in [name for name in dir(record) if not name.startswith("_")]:
            with pytest.raises(AttributeError):
                setattr(record, field, None)
        with pytest.raises(AttributeError):
            record.something_else = 1
        with pytest.raises(TypeError):
            type(record)()


def test_equal_is_what_says_the_same(c: xdocker.Container, engine: xdocker.Engine, image: xdocker.Image) -> None:
    others: list[object] = [c.info().limits, c.name, None]
    assert c.info() == c.info() and c.info() not in others
    assert image == engine.images.get("test") and {image, engine.images.get("test")} == {image}
    assert str(image) == "test:1.0.0"


def test_a_repr_shows_it_all(c: xdocker.Container, image: xdocker.Image) -> None:
    for record in (c.info(), c.stats(), c.top()[0], image, xdocker.doctor()):
        fields = [name for name in dir(type(record)) if not name.startswith("_")]
        shown = repr(record)
        assert shown.startswith(f"{type(record).__name__}(") and all(f"{field}=" in shown for field in fields)
    assert repr(c.run(["sh", "-c", "echo '\"'"])) == (
        "CompletedRun(args=['sh', '-c', 'echo \\'\"\\''], returncode=0, stdout=b'\"\\n', stderr=b'')"
    )


def test_the_doctor_reports(engine: xdocker.Engine) -> None:
    report = xdocker.doctor()
    assert report.can_boot and report.kernel[0].isdigit()
    assert {"root", "overlay", "seccomp"} <= {feature.name for feature in report.features if feature.required}
    assert all(feature.without for feature in report.features)


def test_an_engine_can_be_pickled_and_a_container_cannot(engine: xdocker.Engine, c: xdocker.Container) -> None:
    assert pickle.loads(pickle.dumps(engine)).home == engine.home
    with pytest.raises(TypeError, match="Container"):
        pickle.dumps(c)


def test_exceptions_are_those_of_python_too() -> None:
    assert issubclass(xdocker.Timeout, TimeoutError) and issubclass(xdocker.PermissionDenied, PermissionError)
    assert issubclass(xdocker.InvalidArgument, ValueError)
    names = [each for each in vars(xdocker.errors).values() if isinstance(each, type) and each.__module__ == "xdocker.errors"]
    assert all(issubclass(each, xdocker.XdockerError) for each in names) and len(names) == 10
