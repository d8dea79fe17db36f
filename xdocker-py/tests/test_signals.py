"""Ctrl-C ends a wait at once, and leaves what was waited for as it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import xdocker
from conftest import PATIENCE, ends_at_once_with_ctrl_c, interrupted, left, until


def test_waits_for_programs(c: xdocker.Container) -> None:
    ends_at_once_with_ctrl_c(lambda: c.run(["sleep", "600"]))
    assert until(lambda: [process.name for process in c.top()] == [c.top()[0].name]), "it was killed"
    process = c.popen(["sleep", "600"], stdin=xdocker.DEVNULL)
    ends_at_once_with_ctrl_c(process.wait)
    assert process.poll() is None, "it runs on"
    process.kill()
    assert process.wait() == -signal.SIGKILL and c.state == "running"


def test_waits_for_containers(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.run(image, net="CUSTOM") as c:
        for wait in (c.wait, lambda: c.wait_for_port(1)):
            ends_at_once_with_ctrl_c(wait)
        assert c.state == "running" and c.run(["true"]).returncode == 0


def test_a_shutdown_goes_on(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="deaf", net="HOST")
    c.boot(["sh", "-c", "trap '' TERM; : > /ready; while :; do sleep 0.1; done"])
    assert until((c.root / "ready").exists)
    with interrupted():
        c.shutdown(timeout=5)
    assert c.state == "running"
    assert c.wait(timeout=PATIENCE).returncode == -signal.SIGKILL
    c.destroy()


def test_waiting_for_somebody_else_who_works_on_it(engine: xdocker.Engine, image: xdocker.Image) -> None:
    import fcntl

    c = engine.containers.create(image, name="held", net="HOST")
    directory = os.open(engine.home / "containers" / "held", os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    with interrupted():
        c.boot()
    os.close(directory)
    assert until(lambda: c.state == "running"), "the boot has gone on"
    c.shutdown()
    directory = os.open(engine.home / "containers" / "held", os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    ends_at_once_with_ctrl_c(lambda: c.put("/etc/passwd", "/x"))
    ends_at_once_with_ctrl_c(lambda: c.get("/bin/sh", engine.home / "x"))
    os.close(directory)
    with pytest.raises(xdocker.NotFound):
        c.read_bytes("/x")
    assert not (engine.home / "x").exists()
    c.destroy(force=True)


@pytest.mark.parametrize("way", ["put", "get", "put_archive", "copy", "export", "import_"])
def test_what_takes_its_time_leaves_nothing(
    engine: xdocker.Engine, image: xdocker.Image, c: xdocker.Container, tmp_path: Path, way: str
) -> None:
    """The key is pressed in the midst of it, as far as one can tell from the progress."""
    there = tmp_path / "there"
    there.mkdir()
    big, archive = tmp_path / "big", tmp_path / "archive"
    big.write_bytes(bytes(range(256)) * (100 << 12))
    c.put(big, "/srv/big")
    with tarfile.open(archive, "w") as tar:
        tar.add(big, "big")

    def press(_: xdocker.Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    calls: dict[str, Callable[[], object]] = {
        "put": lambda: c.put(big, "/srv/there", progress=press),
        "get": lambda: c.get("/srv/big", there, progress=press),
        "put_archive": lambda: c.put_archive(archive, "/srv/there", progress=press),
        "copy": lambda: engine.images.copy(image, "half:1", progress=press),
        "export": lambda: engine.images.export(image, there / "image", progress=press),
        "import_": lambda: engine.images.import_(archive, "half:1", progress=press),
    }
    before = engine.images.list()
    with pytest.raises(KeyboardInterrupt):
        calls[way]()
    assert list(there.iterdir()) == []
    assert c.run(["ls", "-A", "/srv"], text=True).stdout.split() == ["big"]
    assert engine.images.list() == before


def test_whenever_it_comes_nothing_is_left(
    image: xdocker.Image, home: Path, script: Callable[[str], list[str]]
) -> None:
    text = """
try:
    print("begin", flush=True)
    while True:
        with engine.containers.run("test", net="HOST") as c:
            c.run(["true"])
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    for number in range(20):
        with subprocess.Popen(script(text), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "begin\n"
            time.sleep(0.003 * number)
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "interrupted\n"
            assert process.wait(timeout=PATIENCE) == 0
        assert until(lambda: xdocker.Engine(home).containers.list() == [])
        assert until(lambda: left(home) == []), left(home)
