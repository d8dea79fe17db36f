"""The fixtures, as another project uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xdocker
from conftest import PATIENCE, left, until
from xdocker.pytest_plugin import ContainerFactory

TESTS = """
import os
import pytest

@pytest.mark.parametrize("number", range(24))
def test_it(xdocker_container, number):
    one = xdocker_container("test", net="HOST", memory="64M")
    two = xdocker_container("test", ["sleep", "60"], net="HOST")
    assert one.name != two.name
    assert one.run(["cat", "/proc/1/comm"]).returncode == two.run(["true"]).returncode == 0
    assert number != 7, "as it is with tests"
    if number == 11 and os.environ.get("CRASH"):
        os._exit(1)
"""


def test_the_fixture_makes_containers(xdocker_container: ContainerFactory, image: xdocker.Image) -> None:
    one, two = xdocker_container(image, net="HOST"), xdocker_container([image], net="HOST")
    assert one.name != two.name
    assert one.run(["true"]).returncode == two.run(["true"]).returncode == 0
    assert xdocker_container(image, name="named", net="HOST").name == "named"


@pytest.mark.parametrize(("arguments", "crash"), [(["-n", "0"], ""), (["-n", "4"], ""), (["-n", "4"], "1")])
def test_it_leaves_nothing_behind(
    home: Path, image: xdocker.Image, tmp_path: Path, arguments: list[str], crash: str
) -> None:
    (tmp_path / "test_other.py").write_text(TESTS)
    environment = {**os.environ, "xdocker_HOME": str(home), "CRASH": crash}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, timeout=5 * PATIENCE)
    failed = 2 if crash else 1
    assert f"{failed} failed, {24 - failed} passed" in ended.stdout, ended.stdout
    assert until(lambda: xdocker.Engine(home).containers.list() == [])
    assert left(home) == []
