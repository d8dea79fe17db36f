"""Images on an ssh server, with a real sshd on loopback."""

from __future__ import annotations

import asyncio
import os
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import xdocker
import xdocker.aio
from conftest import PATIENCE, ends_at_once_with_ctrl_c, held, interrupted, resident, until
from sshd import Sshd

STALLS = "sleep 300"
"""What an account does that answers nothing."""
LITTLE = 3_000_000
"""Bytes after which a line stalls."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of one's own, with what a broken pull may leave in it for the next one."""
    return tmp_path / "home"


@pytest.fixture
def images(home: Path) -> xdocker.Images:
    return xdocker.Engine(home).images


def made(images: xdocker.Images, directory: Path, name: str, *, noise: int = 0) -> xdocker.Image:
    """An image with a file of so many bytes that no compression makes fewer."""
    archive = directory / "made.tar"
    (directory / "noise").write_bytes(os.urandom(noise))
    with tarfile.open(archive, "w") as tar:
        tar.add(directory / "noise", "noise")
    return images.import_(archive, name)


def children() -> list[int]:
    """The children of this process, those that nobody has waited for included."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        # Others go meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            found += [int(process.name)] if int(parent) == os.getpid() else []
    return sorted(found)


def test_an_image_goes_and_comes(images: xdocker.Images, server: Sshd) -> None:
    ssh = server.ssh()
    image = images.install_test("1.0.0", busybox=True)
    assert images.repository is None
    assert images.search(repository=server.address, ssh=ssh) == []
    assert images.repository == server.address

    seen: list[xdocker.Progress] = []
    moved = images.push(image, ssh=ssh, progress=seen.append)
    assert server.stored() == ["test:1.0.0.xdockerimage"] and server.uploads() == []
    assert moved.archive == (server.home / "test:1.0.0.xdockerimage").stat().st_size
    assert moved.sent > moved.archive and moved.received > 0 and repr(moved).startswith("Transfer(archive=")
    assert seen[-1].done == seen[-1].total == image.size
    assert [now.done for now in seen] == sorted(now.done for now in seen)

    (there,) = images.search("test", ssh=ssh)
    assert (there.name, there.version, str(there)) == ("test", "1.0.0", "test:1.0.0")
    assert there.size == moved.archive and there.modified.tzinfo is not None
    assert repr(there).startswith("RemoteImage(name='test'") and there == images.search(ssh=ssh)[0]
    assert images.search("nothing", ssh=ssh) == []

    images.delete(image)
    seen.clear()
    pulled = images.pull(there, ssh=ssh, progress=seen.append)
    assert isinstance(pulled, xdocker.Image) and pulled == images.get("test") and hash(pulled) == hash(image)
    assert pulled.size == image.size
    assert pulled.transfer.archive == moved.archive and "transfer=Transfer(" in repr(pulled)
    assert seen[-1].total is None and seen[-1].content > image.size
    # What is there already is not sent.
    images.set_version(pulled, "2")
    assert images.push("test:2", ssh=ssh).sent < moved.sent / 10
    assert images.pull("test:1.0.0", ssh=ssh).transfer.received < moved.archive / 2


def test_what_goes_wrong_says_what_to_do(images: xdocker.Images, server: Sshd, tmp_path: Path) -> None:
    image, ssh = made(images, tmp_path, "one:1"), server.ssh()
    with pytest.raises(xdocker.InvalidArgument, match="no ssh image repository") as none:
        images.search(ssh=ssh)
    assert none.value.hint is not None and "user@host" in none.value.hint
    images.remember_repository(server.address)
    with pytest.raises(xdocker.NotFound) as missing:
        images.pull("one", ssh=ssh, force=True)
    assert missing.value.hint is not None and "search()" in missing.value.hint
    images.push(image, ssh=ssh)
    with pytest.raises(xdocker.AlreadyExists) as exists:
        images.push(image, ssh=ssh)
    assert exists.value.hint == "force=True replaces it"
    images.push(image, ssh=ssh, force=True)
    with pytest.raises(xdocker.AlreadyExists):
        images.pull(image, ssh=ssh)
    images.pull(image, ssh=ssh, force=True)
    with pytest.raises(xdocker.PermissionDenied) as refused:
        images.search(ssh=server.ssh("stranger-client"))
    assert refused.value.hint is not None and "ssh-copy-id" in refused.value.hint
    with pytest.raises(xdocker.NotFound, match="cannot start"):
        images.search(ssh=["/no/such/program"])
    # Nobody listens on the discard port of this machine.
    with pytest.raises(xdocker.EngineError, match="cannot be reached"):
        images.search(repository="root@127.0.0.1:9", ssh=ssh)
    assert images.repository == server.address, "who has not answered is not remembered"
    with pytest.raises(xdocker.InvalidArgument, match="bytes"):
        images.delete(image)
        images.pull(image, ssh=ssh, max_bytes=10)
    assert images.list() == []


@pytest.mark.parametrize("way", ["push", "pull"])
def test_what_a_callback_raises_ends_it(images: xdocker.Images, server: Sshd, tmp_path: Path, way: str) -> None:
    image, ssh = made(images, tmp_path, "noise:1", noise=20 << 20), server.ssh()
    images.remember_repository(server.address)
    if way == "pull":
        images.push(image, ssh=ssh)
        images.delete(image)

    def stop(now: xdocker.Progress) -> None:
        if now.archive > 0 or now.content > 0:
            raise LookupError(now)

    with pytest.raises(LookupError):
        getattr(images, way)("noise:1", ssh=ssh, progress=stop)
    if way == "push":
        assert server.stored() == []
        images.push(image, ssh=ssh)
    else:
        assert images.list() == []
        assert images.pull("noise", ssh=ssh).size == image.size
    assert until(lambda: server.uploads() == [])


def stalling(way: str) -> str:
    """What an account does whose line stalls while an image comes or goes."""
    if way == "push":
        return f'(stdbuf -o0 head -c {LITTLE}; {STALLS}) | sh -c "$SSH_ORIGINAL_COMMAND"'
    return f'sh -c "$SSH_ORIGINAL_COMMAND" | (stdbuf -o0 head -c {LITTLE}; {STALLS})'


@pytest.mark.parametrize("way", ["search", "push", "pull"])
def test_a_server_that_does_not_answer_is_left_by_ctrl_c(
    images: xdocker.Images, server: Sshd, tmp_path: Path, way: str
) -> None:
    made(images, tmp_path, "one:1" if way == "push" else "other:1")
    images.remember_repository(server.address)
    server.behave(STALLS)
    before, ours = held(), children()
    ends_at_once_with_ctrl_c(lambda: getattr(images, way)("one", ssh=server.ssh()))
    assert children() == ours, "ssh has ended"
    assert until(lambda: held() == before)


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_line_that_stalls_is_left_by_ctrl_c(
    images: xdocker.Images, home: Path, server: Sshd, tmp_path: Path, way: str
) -> None:
    image, ssh = made(images, tmp_path, "noise:1", noise=20 << 20), server.ssh()
    images.push(image, repository=server.address, ssh=ssh)
    if way == "push":
        (server.home / "noise:1.xdockerimage").unlink()
    else:
        images.delete(image)
    server.behave(stalling(way))
    ours, seen = children(), list[xdocker.Progress]()
    with interrupted(when=lambda: any(now.content > 0 for now in seen)):
        getattr(images, way)("noise:1", ssh=ssh, progress=seen.append)
    assert children() == ours, "ssh has ended"
    assert server.stored() == ([] if way == "push" else ["noise:1.xdockerimage"])
    assert images.list() == ([image] if way == "push" else [])
    server.behave()
    assert getattr(images, way)("noise:1", ssh=ssh) is not None, "the next one goes on"
    assert server.stored() == ["noise:1.xdockerimage"] and images.get("noise:1").size == image.size


def test_for_asyncio(home: Path, server: Sshd, tmp_path: Path) -> None:
    async def main() -> None:
        images, ssh = xdocker.aio.Engine(home).images, server.ssh()
        image = made(images.sync, tmp_path, "noise:1", noise=20 << 20)
        assert await images.search(repository=server.address, ssh=ssh) == []
        assert images.repository == server.address
        await images.remember_repository(server.address)
        assert (await images.push(image, ssh=ssh)).archive > 0
        await images.delete(image)
        assert (await images.pull("noise", ssh=ssh)).size == image.size

        ours, seen = children(), list[xdocker.Progress]()
        server.behave(stalling("push"))
        (server.home / "noise:1.xdockerimage").unlink()
        task = asyncio.create_task(images.push("noise:1", ssh=ssh, progress=seen.append))
        deadline = time.monotonic() + PATIENCE
        while not any(now.content > 0 for now in seen) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert not task.done() and seen[-1].content > 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert until(lambda: children() == ours), "ssh has ended"
        server.behave(STALLS)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(images.search(ssh=ssh), 0.5)
        assert until(lambda: children() == ours)

    asyncio.run(main())


def test_pushes_and_pulls_leak_nothing(images: xdocker.Images, server: Sshd, tmp_path: Path) -> None:
    image, ssh = made(images, tmp_path, "noise:1", noise=1 << 20), server.ssh()
    images.remember_repository(server.address)

    def stop(_: xdocker.Progress) -> None:
        raise LookupError

    def once() -> None:
        images.push(image, ssh=ssh, force=True)
        images.pull(image, ssh=ssh, force=True)
        for stopped in (images.push, images.pull):
            call: Callable[..., Any] = stopped
            with pytest.raises(LookupError):
                call(image, ssh=ssh, force=True, progress=stop)

    for _ in range(3):
        once()
    before, memory, ours = held(), resident(), children()
    for _ in range(10):
        once()
    assert until(lambda: held() == before), (held(), before)
    assert resident() - memory < 4 << 20
    assert children() == ours
