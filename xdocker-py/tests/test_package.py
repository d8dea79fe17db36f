"""The wheel, in an environment that has nothing but it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import pytest

import xdocker

WHEELS = Path(os.environ.get("XDOCKER_WHEELS") or Path(__file__).parents[2] / "target" / "wheels")


def test_the_version_is_that_of_the_package() -> None:
    assert xdocker.__version__ == version("xdocker")


def test_all_names_are_there_and_no_other() -> None:
    names = {name for name in vars(xdocker) if name.isidentifier() and name[0] != "_"} | {"__version__"}
    assert names - {"errors", "aio", "options", "progress", "pytest_plugin"} == set(xdocker.__all__)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python with the wheel alone: neither pytest nor tqdm, nor what types are checked with."""
    directory = tmp_path_factory.mktemp("bare")
    venv.create(directory, symlinks=True)
    (wheel,) = WHEELS.glob("xdocker-*.whl")
    python = directory / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True)
    return python


def test_the_wheel_needs_nothing_else(bare: Path, home: Path, image: xdocker.Image, tmp_path: Path) -> None:
    text = """
import sys, xdocker, xdocker.aio, xdocker.options, xdocker.progress
engine = xdocker.Engine(sys.argv[1])
with engine.containers.run("test", net="HOST") as c:
    print(c.run(["hostname"], text=True).stdout, end="")
with xdocker.progress.ProgressBar() as bar:
    engine.images.export("test", sys.argv[2], progress=bar)
"""
    command = [str(bare), "-I", "-c", text, str(home), str(tmp_path / "image")]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
    assert (ended.returncode, ended.stdout) == (0, "test\n")


def test_importing_loads_little(bare: Path) -> None:
    text = "import sys; before = set(sys.modules); import xdocker; print(*sorted(set(sys.modules) - before))"
    ended = subprocess.run([str(bare), "-I", "-c", text], stdout=subprocess.PIPE, text=True, check=True)
    others = {name for name in ended.stdout.split() if not name.startswith("xdocker")}
    assert others <= {"__future__", "types"}


def test_importing_changes_nothing_of_the_process(bare: Path) -> None:
    text = """
import os, signal, threading
def seen():
    handlers = [signal.getsignal(number) for number in range(1, 65) if number not in (32, 33)]
    status = {line.split(':')[0]: line for line in open('/proc/self/status')}
    masks = [status[name] for name in ('SigBlk', 'SigIgn', 'SigCgt', 'Threads')]
    return handlers, masks, os.getcwd(), dict(os.environ), sorted(os.listdir('/proc/self/fd'))
before = seen()
import xdocker
assert seen() == before, (before, seen())
"""
    subprocess.run([str(bare), "-I", "-c", text], check=True)
