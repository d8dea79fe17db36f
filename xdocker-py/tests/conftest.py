from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import xdocker
from sshd import Sshd

PATIENCE = 120.0
"""Seconds that anything a test waits for may take: only a hang comes near it, however slow and busy the machine is."""

LONGER = (0.3, 1.0, 4.0, 16.0)
"""Seconds to try one after the other: the machine decides which is long enough for something to begin in it."""


def until(happened: Callable[[], bool]) -> bool:
    """Whether something happens that does not take long."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# A shell starts what it has in the background with Ctrl-C ignored, and Python leaves it at that (signal(7)).
signal.signal(signal.SIGINT, signal.default_int_handler)

AT_ONCE = 0.1
"""Seconds from the key to the exception, on a machine that has time for it."""


@contextmanager
def interrupted(when: Callable[[], bool] = lambda: True) -> Generator[list[float]]:
    """Presses Ctrl-C in the block, when something has happened; the block must be left by it. Gives how many seconds that
    took."""
    happened: list[bool] = []
    pressed: list[float] = []
    took: list[float] = []

    def press() -> None:
        happened.append(until(when))
        time.sleep(0.2)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        presser.start()
        yield took
    took.append(time.monotonic() - pressed[0])
    presser.join()
    assert happened == [True]


def ends_at_once_with_ctrl_c(wait: Callable[[], object]) -> None:
    """What would wait for long is left by Ctrl-C at once: each time, or as soon as the machine has time for it."""
    times: list[float] = []
    while len(times) < 50:
        with interrupted() as took:
            wait()
        times += took
        if took[0] < AT_ONCE:
            return
    raise AssertionError(f"never within {AT_ONCE} s: {times}")


def left(home: Path) -> list[str]:
    """What is there of the containers of a home, in the home and in the kernel."""
    names = [f"container {path.name}" for path in (home / "containers").iterdir()]
    work = [f"stage {path.name}" for path in (home / ".work").iterdir()]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(home) in line]
    return names + work + mounts


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    yield home
    gc.collect()
    assert left(home) == []


@pytest.fixture(scope="session")
def engine(home: Path) -> xdocker.Engine:
    return xdocker.Engine(home)


@pytest.fixture(scope="session")
def xdocker_engine(engine: xdocker.Engine) -> xdocker.Engine:
    return engine


@pytest.fixture(scope="session")
def image(engine: xdocker.Engine) -> xdocker.Image:
    made = engine.images.install_test("1.0.0", busybox=True)
    # The first boot of a process keeps the helper program for the others.
    engine.containers.run(made, net="HOST").destroy()
    return made


@pytest.fixture
def c(engine: xdocker.Engine, image: xdocker.Image) -> Iterator[xdocker.Container]:
    with engine.containers.run(image, net="HOST") as container:
        yield container
    assert engine.containers.list() == []


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.close()


@pytest.fixture
def server(sshd: Sshd) -> Iterator[Sshd]:
    """An ssh server whose account has nothing."""
    yield sshd
    sshd.behave()
    for path in sshd.home.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def script(home: Path) -> Callable[[str], list[str]]:
    """The command line of a program that has the engine and the image ``test``."""
    begin = "import os, signal, sys, time, xdocker\nengine = xdocker.Engine(sys.argv[1])\n"
    return lambda text: [sys.executable, "-c", begin + text, str(home)]


def held() -> tuple[int, int]:
    """Open descriptors and threads of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
