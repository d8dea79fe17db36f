import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

import xdocker

OWNER = """
import os, signal, sys, xdocker
engine = xdocker.Engine(sys.argv[1])
c = engine.containers.run("test", name="bound", net="HOST")
engine.containers.create("test", name="detached", net="HOST").boot()
print(c.info().pid, flush=True)
{}
"""


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("end", ["", "os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError"])
def test_a_bound_container_goes_with_its_interpreter(
    engine: xdocker.Engine, image: xdocker.Image, home: Path, end: str
) -> None:
    owner = subprocess.run(
        [sys.executable, "-c", OWNER.format(end), str(home)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert gone(int(owner.stdout))
    assert [(each.name, each.state) for each in engine.containers.list()] == [("detached", "running")]
    engine.containers.get("detached").destroy(force=True)


def test_a_life(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="db", hostname="host", net="HOST", tmpfs=["/tmp"], memory="64M")
    assert c.info().state == c.state == "stopped"
    with pytest.raises(xdocker.Conflict) as caught:
        c.run(["true"])
    assert caught.value.hint == "boot() starts it"
    c.boot()
    assert c.run(["hostname"]).stdout == b"host\n"
    memory = c.stats().memory
    assert memory is None or memory.limit == 64 << 20
    c.run(["sh", "-c", "echo kept > /root/file"], check=True)
    c.shutdown()
    exit = c.info().exit
    assert exit is not None and exit.returncode == 0 and not exit.lost
    assert c.to_image("db:1.0") == "db:1.0"
    with engine.containers.run(["test", "db"], net="HOST", name="again") as again:
        assert again.run(["cat", "/root/file"]).stdout == b"kept\n"
    back = engine.containers.from_image("db")
    assert back.name == "db"
    back.destroy()


def test_a_command_as_pid_1(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="once", net="HOST")
    c.boot(["sh", "-c", "exit 5"])
    while c.state != "stopped":
        time.sleep(0.01)
    exit = c.info().exit
    assert exit is not None and exit.returncode == 5
    c.destroy()


def test_the_fixture_makes_containers(
    xdocker_container: Callable[..., xdocker.Container], image: xdocker.Image
) -> None:
    one, two = xdocker_container(image, net="HOST"), xdocker_container(image, net="HOST")
    assert one.name != two.name
    assert one.run(["true"]).returncode == two.run(["true"]).returncode == 0


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"name": "a/b"}, xdocker.InvalidArgument),
        ({"name": 1}, TypeError),
        ({"hostname": ""}, xdocker.InvalidArgument),
        ({"net": "TOKEN"}, xdocker.InvalidArgument),
        ({"ports": {80: 80}}, xdocker.InvalidArgument),
        ({"net": "BRIDGE", "ports": {80: 0}}, xdocker.InvalidArgument),
        ({"net": "BRIDGE", "ports": 80}, TypeError),
        ({"net": "BRIDGE", "vip": "10.0.0"}, xdocker.InvalidArgument),
        ({"tmpfs": ["relative"]}, xdocker.InvalidArgument),
        ({"tmpfs": 1}, TypeError),
        ({"cap_add": ["NO_SUCH"]}, xdocker.InvalidArgument),
        ({"memory": "many"}, xdocker.InvalidArgument),
        ({"memory": -1}, TypeError),
        ({"cpus": "x"}, xdocker.InvalidArgument),
        ({"read_only": "yes"}, TypeError),
        ({"no_such_option": 1}, TypeError),
        ({"seccomp": "/no/such/file"}, FileNotFoundError),
    ],
)
def test_wrong_options(
    engine: xdocker.Engine, image: xdocker.Image, wrong: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        engine.containers.create(image, **wrong)
    assert engine.containers.list() == []


def test_wrong_arguments(engine: xdocker.Engine, image: xdocker.Image, c: xdocker.Container) -> None:
    wrong: Any
    for wrong in ("hostname", 1, [1], None):
        with pytest.raises(TypeError):
            c.run(wrong)
    with pytest.raises(xdocker.InvalidArgument):
        c.run([])
    for timeout in (-1.0, float("nan")):
        with pytest.raises(xdocker.InvalidArgument):
            c.run(["true"], timeout=timeout)
    with pytest.raises(xdocker.InvalidArgument):
        c.popen(["true"], pty=True, stdout=xdocker.PIPE)
    with pytest.raises(OSError):
        c.popen(["true"], stdout=12345)
    for wrong in (1, None, b"test"):
        with pytest.raises(TypeError):
            engine.containers.create(wrong)
    with pytest.raises(xdocker.InvalidArgument):
        engine.containers.create([])
    with pytest.raises(xdocker.NotFound):
        engine.containers.get("nobody")
