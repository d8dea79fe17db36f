"""The life of a container, and what can be seen of it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from conftest import PATIENCE, until

import xdocker
from xdocker.options import ContainerOptions


def test_a_life(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="db", hostname="host", net="HOST", tmpfs=[Path("/tmp")], memory="64M")
    assert c.info().state == c.state == "stopped"
    with pytest.raises(xdocker.Conflict) as caught:
        c.run(["true"])
    assert caught.value.hint == "boot() starts it"
    with pytest.raises(xdocker.Conflict, match="never run"):
        c.wait()
    c.boot()
    assert c.run(["hostname"]).stdout == b"host\n"
    memory = c.stats().memory
    assert memory is None or memory.limit == 64 << 20
    c.run(["sh", "-c", "echo kept > /root/file"], check=True)
    c.shutdown()
    exit = c.info().exit
    assert exit is not None and exit.returncode == 0 and not exit.lost and c.wait() == exit
    made = c.to_image("db:1.0")
    assert (made.name, made.version) == ("db", "1.0") and made == engine.images.get("db")
    with engine.containers.run(["test", made], net="HOST", name="again") as again:
        assert again.run(["cat", "/root/file"]).stdout == b"kept\n"
    back = engine.containers.from_image("db", onto=["test"], hostname="back", memory="64M")
    assert (back.name, back.info().images) == ("db", ["test:1.0.0"])
    assert back.info().hostname == "back" and back.info().limits.memory == 64 << 20
    back.destroy()
    with pytest.raises(xdocker.NotFound):
        back.info()


def test_a_command_as_pid_1(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="once", net="HOST")
    c.boot(["sh", "-c", "exit $CODE"], env={"CODE": "5"}, workdir="/tmp")
    exit = c.wait(timeout=PATIENCE)
    assert exit.returncode == 5 and exit == c.info().exit
    c.boot(["sleep", "60"])
    with pytest.raises(xdocker.Timeout):
        c.wait(timeout=0.05)
    c.kill()
    assert c.wait().returncode == -signal.SIGKILL
    c.destroy()


def test_terminating_and_signals(engine: xdocker.Engine, image: xdocker.Image) -> None:
    command = ["sh", "-c", "trap 'exit 7' USR1; : > /ready; while :; do sleep 0.02; done"]
    with engine.containers.run(image, command, net="HOST") as c:
        c.send_signal(0)
        assert until((c.root / "ready").exists)
        c.send_signal(signal.SIGUSR1)
        assert c.wait(timeout=PATIENCE).returncode == 7
    with engine.containers.run(image, net="HOST") as c:
        c.terminate()
        assert c.wait(timeout=PATIENCE).returncode == 0


def test_killed_by_force(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.run(image, net="HOST") as c:
        c.kill(force=True)
        ended = c.wait(timeout=PATIENCE)
        assert ended.returncode == -signal.SIGKILL and ended.not_restarted is None
        with pytest.raises(xdocker.Conflict):
            c.kill(force=True)


def test_a_failed_boot_names_its_step(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with pytest.raises(xdocker.NotFound) as caught:
        engine.containers.run(image, ["no-such-program"], net="HOST")
    assert caught.value.step == "execute no-such-program"
    assert engine.containers.list() == []


def test_what_it_is_can_be_read(engine: xdocker.Engine, image: xdocker.Image) -> None:
    options: ContainerOptions = {
        "name": "all",
        "hostname": "h",
        "net": "HOST",
        "tmpfs": ["/tmp"],
        "read_only": True,
        "cap_add": ["NET_RAW"],
        "cap_drop": ["ALL"],
        "seccomp": "unconfined",
        "new_privileges": True,
        "masks": False,
        "core_dumps": True,
        "cpus": 0,
        "cpu_quota": "50%",
        "cpu_weight": 200,
        "memory": "64M",
        "memory_reservation": 1 << 24,
        "pids": 100,
        "io_weight": "300",
        "io_max": ["/:wbps=1M"],
    }
    c = engine.containers.create(image, **options)
    info = c.info()
    assert (info.name, info.hostname, info.network, info.images) == ("all", "h", "HOST", ["test:1.0.0"])
    assert (info.netns, info.vip, info.ports, info.host_eth) == (None, None, "", None)
    assert info.tmpfs == [Path("/tmp")] and info.state == "stopped" and info.pid is None and info.exit is None
    assert repr(info.sandbox) == (
        "Sandbox(capabilities=['NET_RAW'], userns='host', seccomp='unconfined', new_privileges=True, masks=False, "
        "core_dumps=True, read_only=True)"
    )
    assert repr(info.limits) == (
        "Limits(cpus='0', cpu_quota=50, cpu_weight=200, memory=67108864, memory_reservation=16777216, "
        "pids=100, io_weight=300, io_max=['/:rbps=max,wbps=1048576,riops=max,wiops=max'])"
    )
    assert engine.containers.list() == [info]
    c.destroy()


def test_the_sandbox_is_what_was_asked_for(engine: xdocker.Engine, image: xdocker.Image) -> None:
    line = "grep -c . /proc/kcore; grep -E '^(CapEff|Seccomp|NoNewPrivs):' /proc/self/status | tr -d '\\t\\n'"
    with engine.containers.run(image, net="HOST", read_only=True, cap_drop=["ALL"], cap_add=["KILL"]) as c:
        said = c.run(line, shell=True, text=True).stdout
        assert said.endswith("CapEff:0000000000000020NoNewPrivs:1Seccomp:2")
        assert c.run(["touch", "/file"]).returncode != 0 and c.run(["touch", "/tmp/file"]).returncode == 0
    with engine.containers.run(image, net="HOST", seccomp="unconfined", new_privileges=True) as c:
        assert c.run(line, shell=True, text=True).stdout.endswith("NoNewPrivs:0Seccomp:0")


def test_users_of_its_own(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.run(image, net="CUSTOM", userns="auto") as c:
        info = c.info()
        assert info.sandbox.userns == "auto" and info.ids is not None and info.ids[0] > 0
        assert c.run(["id", "-u"]).stdout == b"0\n"
        process = c.popen(["sleep", "60"], stdin=xdocker.DEVNULL)
        assert Path(f"/proc/{process.pid}").stat().st_uid == info.ids[0]
        process.kill()


def test_limits_change_while_it_runs(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="limited", net="HOST")
    c.boot(pids=20)
    assert (pids := c.stats().pids) is not None and pids.limit == 20
    assert c.info().limits.pids is None, "that was for one run"
    c.limit(pids="30", memory="64M")
    assert (pids := c.stats().pids) is not None and pids.limit == 30
    assert (c.info().limits.pids, c.info().limits.memory) == (30, 64 << 20)
    c.destroy(force=True)


def test_top_tells_of_processes(c: xdocker.Container) -> None:
    process = c.popen(["sleep", "60"], stdin=xdocker.DEVNULL)
    # A started program has its name a moment before it has its arguments: execve(2) shows them last.
    assert until(lambda: c.top()[1].command != [])
    root, sleep = c.top()
    assert (root.inner_pid, root.pid) == (1, c.info().pid)
    assert (sleep.pid, sleep.command, sleep.name, sleep.uid) == (process.pid, ["sleep", "60"], "sleep", 0)
    assert sleep.user == "root" and sleep.resident > 0
    process.kill()


def test_a_port_is_waited_for(engine: xdocker.Engine, image: xdocker.Image) -> None:
    # Not on the host's network, where another program may have any port.
    with engine.containers.run(image, net="CUSTOM") as c:
        assert not c.listens(80)
        with pytest.raises(xdocker.Timeout, match="port 80"):
            c.wait_for_port(80, timeout=0.05)
        server = c.popen(["sh", "-c", "sleep 0.2; exec nc -l -p 80 -e true"], stdin=xdocker.DEVNULL)
        c.wait_for_port(80, timeout=PATIENCE)
        assert c.listens(80) and not c.listens(80, transport="udp")
        server.kill()
        server.wait()


def test_a_port_of_the_host_is_seen(c: xdocker.Container) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert c.listens(server.getsockname()[1])


def test_a_port_of_udp(c: xdocker.Container) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        c.wait_for_port(port, PATIENCE, transport="udp")
    assert not c.listens(port, transport="udp")


def test_waiting_for_a_port_ends_with_the_container(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.run(image, ["sleep", "0.2"], net="CUSTOM") as c, pytest.raises(xdocker.Conflict):
        c.wait_for_port(1, timeout=PATIENCE)


def test_the_state_of_a_container_is_a_word(c: xdocker.Container, engine: xdocker.Engine) -> None:
    assert c.state == "running" and engine.containers.get(c.name).state == "running"
    assert c.root.is_dir() and repr(c) == "Container('test')"
