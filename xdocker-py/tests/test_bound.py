"""Containers that go with their owner, and those that do not."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

import xdocker
from conftest import PATIENCE, left, until

OWNER = """
c = engine.containers.run("test", name="bound", net="HOST")
created = engine.containers.create("test", name="created", net="HOST", bound=True)
created.boot()
engine.containers.create("test", name="detached", net="HOST").boot()
print(c.info().pid, created.info().pid, flush=True)
"""
ENDS = ["", "raise RuntimeError", "sys.exit(3)", "os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"]


def is_gone(pid: str) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("end", ENDS)
def test_an_owner_takes_its_containers_along(
    engine: xdocker.Engine, image: xdocker.Image, home: Path, script: Callable[[str], list[str]], end: str
) -> None:
    owner = subprocess.run(script(OWNER + end), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    pids = owner.stdout.split()
    assert len(pids) == 2 and until(lambda: all(is_gone(pid) for pid in pids))
    assert [(each.name, each.state) for each in engine.containers.list()] == [("detached", "running")]
    engine.containers.get("detached").destroy(force=True)
    assert left(home) == []


def test_a_block_ends_it_whatever_happens(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with pytest.raises(ZeroDivisionError), engine.containers.run(image, net="HOST"):
        _ = 1 / 0
    assert engine.containers.list() == []


def test_a_detached_one_survives_its_block(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.create(image, net="HOST") as c:
        c.boot()
    del c
    gc.collect()
    c = engine.containers.get("test")
    assert c.state == "running"
    c.destroy(force=True)


def test_one_that_is_forgotten_goes(engine: xdocker.Engine, image: xdocker.Image) -> None:
    engine.containers.run(image, net="HOST")
    gc.collect()
    assert engine.containers.list() == []


def test_one_that_never_ran_goes_too(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.create(image, bound=True) as c:
        assert c.state == "stopped"
    assert engine.containers.list() == []


def test_it_works_in_a_finaliser(engine: xdocker.Engine, image: xdocker.Image) -> None:
    class Owner:
        pass

    said: list[bytes] = []
    owner, c = Owner(), engine.containers.run(image, net="HOST")

    def finish(c: xdocker.Container) -> None:
        said.append(c.run(["hostname"]).stdout)
        c.destroy(force=True)

    weakref.finalize(owner, finish, c)
    del owner
    gc.collect()
    assert said == [b"test\n"]
    with pytest.raises(xdocker.NotFound):
        c.info()


@pytest.mark.parametrize("when", ["atexit.register(work)", "keep = Late()", "sys.keep = Late()"])
def test_it_works_while_the_interpreter_ends(
    engine: xdocker.Engine,
    image: xdocker.Image,
    home: Path,
    script: Callable[[str], list[str]],
    tmp_path: Path,
    when: str,
) -> None:
    text = f"""
import atexit
c = engine.containers.run("test", net="HOST")
run, destroy, write = c.run, c.destroy, os.write
out = os.open({str(tmp_path / "out")!r}, os.O_WRONLY | os.O_CREAT)
def work(run=run, destroy=destroy, write=write, out=out):
    write(out, run(["hostname"]).stdout)
    destroy(force=True)
class Late:
    def __del__(self, work=work):
        work()
{when}
"""
    assert subprocess.run(script(text), timeout=PATIENCE).returncode == 0
    assert (tmp_path / "out").read_bytes() == b"test\n"
    assert engine.containers.list() == [] and left(home) == []


def test_a_fork_neither_ends_it_nor_keeps_it(
    engine: xdocker.Engine, image: xdocker.Image, script: Callable[[str], list[str]]
) -> None:
    text = """
c = engine.containers.run("test", net="HOST")
if os.fork() == 0:
    try:
        c.destroy(force=True)
    except xdocker.Conflict:
        print("refused", c.run(["true"]).returncode, flush=True)
    del c
    sys.stdin.read()
    os._exit(0)
assert c.run(["true"]).returncode == 0
time.sleep(60)
"""
    with subprocess.Popen(
        script(text), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as owner:
        assert owner.stdin is not None and owner.stdout is not None
        assert owner.stdout.readline() == "refused 0\n"
        info = engine.containers.list()
        assert [each.state for each in info] == ["running"]
        owner.send_signal(signal.SIGKILL)
        # The child of the fork lives on.
        assert until(lambda: is_gone(str(info[0].pid)))
        assert until(lambda: engine.containers.list() == [])
        owner.stdin.close()
        owner.wait()
    assert until(lambda: not any(map(is_of(owner.pid), os.listdir("/proc"))))


def is_of(session: int) -> Callable[[str], bool]:
    """Whether a process belongs to a session."""

    def of(pid: str) -> bool:
        try:
            return pid.isdigit() and os.getsid(int(pid)) == session
        except ProcessLookupError:
            return False

    return of
