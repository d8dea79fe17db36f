from collections.abc import Iterator
from pathlib import Path

import pytest

import xdocker


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def engine(home: Path) -> xdocker.Engine:
    return xdocker.Engine(home)


@pytest.fixture(scope="session")
def xdocker_engine(engine: xdocker.Engine) -> xdocker.Engine:
    return engine


@pytest.fixture(scope="session")
def image(engine: xdocker.Engine) -> xdocker.Image:
    return engine.images.install_test("1.0.0", busybox=True)


@pytest.fixture
def c(engine: xdocker.Engine, image: xdocker.Image) -> Iterator[xdocker.Container]:
    with engine.containers.run(image, net="HOST") as container:
        yield container
    assert engine.containers.list() == []
