"""Wrong types and values for every argument of every call: a clear error, and nothing made."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import xdocker
from xdocker.options import ContainerOptions, LimitOptions

CLASSES = [xdocker.Engine, xdocker.Images, xdocker.Containers, xdocker.Container, xdocker.Process, xdocker.DetachedRun]
GIVEN: dict[str, Any] = {
    "address": "root@127.0.0.1:9",
    "archive": "/nowhere/archive",
    "args": ["true"],
    "data": b"",
    "id": 1,
    "mapping": {"a": "b"},
    "pattern": "a",
    "policy": "no",
    "ports": {8080: 80},
    "source": "/nowhere",
    "template": "/nowhere/file",
    "text": "",
    "vip": "10.0.0.2",
    "volumes": {},
    "home": "/nowhere",
    "image": "test",
    "name": "made",
    "path": "/nowhere/file",
    "port": 80,
    "rows": 24,
    "columns": 80,
    "signal": 0,
    "to": "/nowhere",
    "version": "2",
}
KEYWORDS = {
    ("Containers", "run"): ContainerOptions,
    ("Containers", "create"): ContainerOptions,
    ("Containers", "from_image"): ContainerOptions,
    ("Container", "limit"): LimitOptions,
    ("Container", "boot"): LimitOptions,
}


def every_argument() -> Iterator[tuple[str, str, str]]:
    """Class, call and argument, as the module itself tells them."""
    yield "Engine", "__new__", "home"
    for owner in CLASSES:
        for name, call in inspect.getmembers(owner, callable):
            if name.startswith("_"):
                continue
            for parameter in list(inspect.signature(call).parameters.values()):
                if parameter.kind is parameter.VAR_KEYWORD:
                    options = KEYWORDS[owner.__name__, name]
                    yield from ((owner.__name__, name, option) for option in options.__annotations__)
                elif parameter.name != "self" and parameter.kind is not parameter.VAR_POSITIONAL:
                    yield owner.__name__, name, parameter.name


def required(call: Any, without: str) -> dict[str, Any]:
    """What has to be given beside one argument."""
    parameters = inspect.signature(call).parameters.values()
    names = [each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    given = {**GIVEN, "to": "made"} if call.__name__ == "copy" else GIVEN
    return {name: given[name] for name in names if name not in ("self", without)}


@pytest.fixture(scope="module")
def objects(engine: xdocker.Engine, image: xdocker.Image) -> Iterator[dict[str, Any]]:
    with engine.containers.run(image, net="HOST", name="objects") as c, c.popen(["cat"], stdin=xdocker.PIPE) as process:
        yield {
            "Engine": engine,
            "Images": engine.images,
            "Containers": engine.containers,
            "Container": c,
            "Process": process,
            "DetachedRun": c.run_detached(["true"]),
        }


def of(objects: dict[str, Any], owner: str, name: str) -> Any:
    """The call of that name."""
    constructor: Any = xdocker.Engine
    return constructor if name == "__new__" else getattr(objects[owner], name)


def test_there_are_arguments_to_try() -> None:
    arguments = list(every_argument())
    assert len(arguments) > 200 and ("Container", "run", "timeout") in arguments


@pytest.mark.parametrize(("owner", "name", "argument"), list(every_argument()))
def test_a_wrong_type_is_an_error(objects: dict[str, Any], owner: str, name: str, argument: str) -> None:
    call = of(objects, owner, name)
    before = objects["Containers"].list(), objects["Images"].list()
    with pytest.raises(TypeError):
        call(**required(call, argument), **{argument: object()})
    assert before == (objects["Containers"].list(), objects["Images"].list())


@pytest.mark.parametrize(("owner", "name"), sorted({argument[:2] for argument in every_argument()}))
def test_an_unknown_argument_is_an_error(objects: dict[str, Any], owner: str, name: str) -> None:
    call = of(objects, owner, name)
    with pytest.raises(TypeError, match="no_such_argument"):
        call(**required(call, ""), no_such_argument=1)


NOT_A_HOST = ["", "a b", "-oProxyCommand=true", "@", "user@", "host:", "host:0", "host:65536", "a\0b"]
NOT_A_NAME = ["", "a/b", "..", "é" * 200, "a\0b"]
WRONG: list[tuple[str, str, str, list[Any]]] = [
    ("Images", "get", "image", NOT_A_NAME),
    ("Images", "delete", "image", NOT_A_NAME),
    ("Images", "copy", "to", NOT_A_NAME),
    ("Images", "set_version", "version", ["a/b", "a:b", ".."]),
    ("Images", "install_test", "version", ["a/b", "a:b"]),
    ("Images", "export", "whiteouts", ["", "docker"]),
    ("Images", "export", "level", [10]),
    ("Images", "search", "repository", NOT_A_HOST),
    ("Images", "search", "ssh", [[]]),
    ("Images", "push", "image", NOT_A_NAME),
    ("Images", "push", "repository", NOT_A_HOST),
    ("Images", "push", "ssh", [[]]),
    ("Images", "pull", "image", NOT_A_NAME),
    ("Images", "pull", "repository", NOT_A_HOST),
    ("Images", "pull", "ssh", [[]]),
    ("Images", "remember_repository", "address", NOT_A_HOST),
    ("Images", "import_", "name", NOT_A_NAME),
    ("Containers", "get", "name", NOT_A_NAME),
    ("Containers", "from_image", "name", NOT_A_NAME),
    ("Containers", "from_image", "onto", NOT_A_NAME),
    ("Containers", "from_image", "hostname", ["", "a b"]),
    ("Containers", "create", "image", [[], *NOT_A_NAME]),
    ("Containers", "create", "name", NOT_A_NAME),
    ("Containers", "create", "hostname", ["", "a b"]),
    ("Containers", "create", "net", ["", "bridge", "TOKEN"]),
    ("Containers", "create", "vip", ["10.88.0.2"]),
    ("Containers", "create", "vip6", ["fd00::2"]),
    ("Containers", "create", "ports", [{80: 80}, "80:80"]),
    ("Containers", "create", "host_eth", ["eth0"]),
    ("Containers", "create", "tmpfs", [["relative"], ["/"], ["/proc"], ["/a/../b"]]),
    ("Containers", "create", "cap_add", [["NO_SUCH"]]),
    ("Containers", "create", "cap_drop", [["NO_SUCH"]]),
    ("Containers", "create", "cpus", ["x", -1, "1-"]),
    ("Containers", "create", "cpu_quota", ["50", "0%", "much"]),
    ("Containers", "create", "cpu_weight", [0, 10_001, "x"]),
    ("Containers", "create", "memory", [0, -1, "many", "1.5G"]),
    ("Containers", "create", "memory_reservation", [0, "many"]),
    ("Containers", "create", "pids", [0, "few"]),
    ("Containers", "create", "io_weight", [0, "x"]),
    ("Containers", "create", "io_max", [["sda:wbps=1M"], ["/dev/sda"]]),
    ("Containers", "run", "command", [[]]),
    ("Containers", "run", "env", [{"A": "1"}]),
    ("Containers", "run", "workdir", ["/"]),
    ("Containers", "create", "volumes", [["relative:/a"], {"relative": "/a"}, {"/a": "relative"}, {"/a": "/proc/x"}]),
    ("Containers", "create", "log", ["many", 1]),
    ("Containers", "create", "userns", ["", "AUTO"]),
    ("Containers", "create", "restart", ["", "sometimes", "on-failure:0"]),
    ("Containers", "create", "stop_signal", [0, 65]),
    ("Containers", "run", "restart", ["always"]),
    ("Container", "set_restart", "policy", ["", "sometimes"]),
    ("Container", "limit", "memory", [0, "many"]),
    ("Container", "replace", "mapping", [{"": "x"}, {"a": "b", b"a": "c"}]),
    ("Container", "run_detached", "args", [[]]),
    ("Container", "run_detached", "timeout", [-1]),
    ("Container", "detached_run", "id", [0]),
    ("Container", "logs", "run", [0]),
    ("Container", "wait_for_log", "timeout", [-1]),
    ("Container", "set_vip", "vip", ["", "10.0.0"]),
    ("Container", "set_ports", "ports", ["80", {80: 0}]),
    ("Container", "set_volumes", "volumes", [["relative"], {"/a": "/"}]),
    ("DetachedRun", "wait", "timeout", [-1]),
    ("Container", "run", "args", [[], ["a\0b"]]),
    ("Container", "run", "timeout", [-1, float("nan"), float("inf")]),
    ("Container", "run", "workdir", ["relative", "/a\0b"]),
    ("Container", "run", "env", [{"": "x"}, {"A=B": "x"}, {"A": "\0"}]),
    ("Container", "run", "user", ["", "no-such-user", "-1", "a:b:c"]),
    ("Container", "popen", "timeout", [-1, float("nan")]),
    ("Container", "popen", "user", ["no-such-user"]),
    ("Container", "login_shell", "user", ["", "no-such-user"]),
    ("Container", "login_shell", "timeout", [-1, float("nan")]),
    ("Container", "get_archive", "level", [10]),
    ("Container", "send_signal", "signal", [-1, 65]),
    ("Container", "wait", "timeout", [-1]),
    ("Container", "listens", "transport", ["sctp", ""]),
    ("Container", "wait_for_port", "timeout", [-1]),
    ("Container", "shutdown", "timeout", [-1, float("nan")]),
    ("Container", "to_image", "name", NOT_A_NAME),
    ("Process", "wait", "timeout", [-1]),
    ("Process", "send_signal", "signal", [-1, 65]),
    ("Process", "resize", "rows", [1]),
    ("Engine", "set_bridge", "name", ["", "a/b", "a" * 16]),
    ("Engine", "set_bridge", "subnet", ["", "10.0.0.0", "10.0.0.1/33"]),
    ("Engine", "set_bridge", "subnet6", ["", "fd00::", "10.0.0.1/24"]),
]


@pytest.mark.parametrize(
    ("owner", "name", "argument", "value"),
    [(owner, name, argument, value) for owner, name, argument, values in WRONG for value in values],
)
def test_a_wrong_value_is_an_error(
    objects: dict[str, Any], owner: str, name: str, argument: str, value: object
) -> None:
    call = getattr(objects[owner], name)
    before = objects["Containers"].list(), objects["Images"].list(), objects["Engine"].bridge()
    with pytest.raises(xdocker.InvalidArgument) as caught:
        call(**required(call, argument), **{argument: value})
    assert str(caught.value)
    assert before == (objects["Containers"].list(), objects["Images"].list(), objects["Engine"].bridge())


@pytest.mark.parametrize(
    ("owner", "name", "argument", "value", "error"),
    [
        ("Images", "get", "image", "no-such-image", xdocker.NotFound),
        ("Images", "export", "path", "/no/such/directory/file", xdocker.NotFound),
        ("Images", "import_", "path", "/no/such/file", xdocker.NotFound),
        ("Images", "import_", "max_bytes", -1, OverflowError),
        ("Images", "export", "level", -1, OverflowError),
        ("Images", "search", "ssh", "ssh", TypeError),
        ("Images", "push", "image", "no-such-image", xdocker.NotFound),
        ("Images", "push", "repository", 22, TypeError),
        ("Images", "pull", "max_entries", -1, OverflowError),
        ("Container", "login_shell", "rows", 1 << 16, OverflowError),
        ("Container", "login_shell", "workdir", "/no/such/directory", xdocker.NotFound),
        ("Container", "put_archive", "max_ratio", -1, OverflowError),
        ("Containers", "get", "name", "nobody", xdocker.NotFound),
        ("Containers", "create", "seccomp", "/no/such/file", FileNotFoundError),
        ("Containers", "create", "memory", True, TypeError),
        ("Container", "run", "args", "true", TypeError),
        ("Container", "read_text", "path", "/no/such/file", xdocker.NotFound),
        ("Container", "write_text", "path", "/no/such/file", xdocker.NotFound),
        ("Container", "put", "source", "/no/such/file", xdocker.NotFound),
        ("Container", "get", "source", "/no/such/file", xdocker.NotFound),
        ("Container", "put_archive", "archive", "/no/such/file", xdocker.NotFound),
        ("Container", "get_archive", "source", "/no/such/file", xdocker.NotFound),
        ("Container", "detached_run", "id", 12345, xdocker.NotFound),
        ("Container", "set_volumes", "volumes", {}, xdocker.Conflict),
        ("Container", "run", "args", b"true", TypeError),
        ("Container", "run", "input", [1], TypeError),
        ("Container", "run", "workdir", "/no/such/directory", xdocker.NotFound),
        ("Container", "popen", "rows", 1 << 16, OverflowError),
        ("Container", "popen", "stdout", 12345, xdocker.EngineError),
        ("Container", "popen", "stdout", xdocker.STDOUT, xdocker.InvalidArgument),
        ("Container", "listens", "port", 1 << 16, OverflowError),
    ],
)
def test_other_wrong_values(
    objects: dict[str, Any], owner: str, name: str, argument: str, value: object, error: type[Exception]
) -> None:
    call = getattr(objects[owner], name)
    with pytest.raises(error):
        call(**required(call, argument), **{argument: value})


def test_arguments_that_exclude_each_other(
    objects: dict[str, Any], engine: xdocker.Engine, tmp_path: Path
) -> None:
    c = objects["Container"]
    with pytest.raises(xdocker.InvalidArgument):
        c.popen(["true"], pty=True, stdout=xdocker.PIPE)
    with pytest.raises(TypeError):
        c.run(["true"], shell=True)
    (tmp_path / "taken").touch()
    with pytest.raises(xdocker.AlreadyExists):
        engine.images.export("test", tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b""
