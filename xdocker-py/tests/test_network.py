"""Containers on the bridge, on a host of their own: the one that runs the tests keeps its network."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import xdocker
from conftest import PATIENCE

TEXT = """
import socket
engine.set_bridge("xdtest0", subnet="10.88.7.1/24")
assert repr(engine.bridge()) == "Bridge(name='xdtest0', subnet='10.88.7.1/24', subnet6=None)"
with engine.containers.run("test", net="BRIDGE", vip="10.88.7.9", ports={8080: 80}, name="web") as c:
    info = c.info()
    assert (info.network, info.vip, info.ports, info.host_eth) == ("BRIDGE", "10.88.7.9", "8080:80", None), info
    assert info.netns
    try:
        engine.set_bridge("other0")
        raise AssertionError("the bridge is in use")
    except xdocker.Conflict:
        pass
    assert not c.listens(80)
    server = c.popen(["nc", "-ll", "-p", "80", "-e", "hostname"], stdin=xdocker.DEVNULL)
    c.wait_for_port(80, timeout=60)
    for address in (("10.88.7.9", 80), ("127.0.0.1", 8080)):
        with socket.create_connection(address, timeout=60) as connection:
            assert connection.makefile().read() == "web\\n"
    assert c.stats().network.received > 0
c = engine.containers.create("test", net="BRIDGE")
c.set_vip("10.88.7.20")
c.set_ports({8081: 81, 8082: 82})
assert (c.info().vip, c.info().ports) == ("10.88.7.20", "8081:81,8082:82"), c.info()
c.destroy()
with engine.containers.run("test", net="BRIDGE", ports="10.88.7.1:53:53/udp", host_eth="lo") as c:
    assert (c.info().ports, c.info().host_eth) == ("10.88.7.1:53:53/udp", "lo")
    assert not c.listens(53, transport="udp")
assert engine.set_bridge("xdocker0", subnet="166.88.0.1/24", subnet6="fd00:88::1/64") == engine.bridge()
with engine.containers.run("test", net="BRIDGE", vip6="fd00:88::9", ports={8080: 80}, name="six") as c:
    assert (engine.bridge().subnet6, c.info().vip6) == ("fd00:88::1/64", "fd00:88::9"), c.info()
assert engine.set_bridge(subnet6="off").subnet6 is None
print("all of it", flush=True)
"""


def test_addresses_ports_and_the_bridge(
    home: Path, image: xdocker.Image, script: Callable[[str], list[str]]
) -> None:
    # `ip` is for what the host has without us: its loopback.
    host = "mount -t tmpfs none /run && ip link set lo up && exec \"$@\""
    command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", host, "sh", *script(TEXT)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE)
    assert ended.stdout == "all of it\n", ended.stdout
