"""What containers print, and programs that need nobody."""

from __future__ import annotations

import asyncio
import re
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

import xdocker
import xdocker.aio
from conftest import PATIENCE, ends_at_once_with_ctrl_c

LINES = ["sh", "-c", "echo one; echo two >&2; printf three"]


def test_what_was_printed_is_kept(engine: xdocker.Engine, image: xdocker.Image) -> None:
    before = datetime.now(timezone.utc)
    c = engine.containers.create(image, name="printing", net="HOST", log="1M")
    assert c.info().log == str(1 << 20) and list(c.logs()) == []
    c.boot(LINES)
    c.wait(timeout=PATIENCE)
    lines = sorted(c.logs(), key=lambda line: line.data)
    assert [(line.data, line.stream, line.run) for line in lines] == [
        (b"one\n", "stdout", None),
        (b"three", "stdout", None),
        (b"two\n", "stderr", None),
    ]
    assert all(before <= line.time <= datetime.now(timezone.utc) for line in lines) and str(lines[0]) == "one"
    assert len(list(c.logs(tail=1))) == 1 and list(c.logs(since=datetime.now(timezone.utc))) == []
    c.boot(["echo", "again"], log="none")
    c.wait(timeout=PATIENCE)
    assert len(list(c.logs())) == 3
    c.destroy()


def test_following_and_waiting(engine: xdocker.Engine, image: xdocker.Image) -> None:
    command = ["sh", "-c", "sleep 0.2; echo getting ready; sleep 0.1; echo ready on port 80; sleep 0.2; echo over"]
    with engine.containers.run(image, command, net="HOST") as c:
        assert c.wait_for_log("ready on", timeout=PATIENCE).data == b"ready on port 80\n"
        assert c.wait_for_log(b"getting").data == b"getting ready\n"
        assert str(c.wait_for_log(re.compile(r"port \d+$"))) == "ready on port 80"
        assert str(c.wait_for_log(re.compile(rb"^over"), timeout=PATIENCE)) == "over"
        assert [str(line) for line in c.logs(follow=True)] == ["getting ready", "ready on port 80", "over"]
        with pytest.raises(xdocker.Conflict):
            c.wait_for_log("never", timeout=PATIENCE)
    with engine.containers.run(image, ["sleep", "60"], net="HOST") as c:
        with pytest.raises(xdocker.Timeout):
            c.wait_for_log("never", timeout=0.1)
        logs = c.logs(follow=True)
        assert logs.next_now() is None and not logs.is_over and logs.fileno() > 2
        threading.Timer(0.2, c.kill).start()
        assert list(logs) == [] and logs.is_over
    with pytest.raises(xdocker.NotFound):
        c.logs()


def test_detached_runs(c: xdocker.Container) -> None:
    run = c.run_detached("echo $A; while [ ! -e /go ]; do sleep 0.02; done; exit 3", shell=True, env={"A": "kept"})
    info = run.info()
    assert (info.id, info.state, info.returncode, info.ended) == (run.id, "running", None, None) and info.pid
    with pytest.raises(xdocker.Timeout):
        run.wait(timeout=0.05)
    assert c.wait_for_log("kept", run=run.id).run == run.id
    c.run(["touch", "/go"], check=True)
    ended = run.wait(timeout=PATIENCE)
    assert (ended.state, ended.returncode, ended.timed_out, ended.pid) == ("ended", 3, False, None)
    assert c.detached_runs() == [ended] and c.detached_run(run.id).info() == ended
    limited = c.run_detached(["sleep", "60"], timeout=0.1).wait(timeout=PATIENCE)
    assert limited.timed_out and limited.returncode == -15
    assert [str(line) for line in c.logs(run=run.id)] == ["kept"]


def test_the_twin_for_asyncio(home: Path, image: xdocker.Image, tmp_path: Path) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        command = ["sh", "-c", "echo begin; sleep 0.3; echo end"]
        async with engine.containers.run(image, command, net="HOST") as c:
            assert str(await c.wait_for_log(re.compile("b.gin"), timeout=PATIENCE)) == "begin"
            assert [str(line) async for line in c.logs(follow=True)] == ["begin", "end"]
            assert [str(line) async for line in c.logs(tail=1)] == ["end"]
            with pytest.raises(xdocker.Conflict):
                await c.wait_for_log(b"never", timeout=PATIENCE)
        async with engine.containers.run(image, net="HOST") as c:
            run = await c.run_detached("while [ ! -e /go ]; do sleep 0.02; done", shell=True)
            with pytest.raises(xdocker.Timeout):
                await run.wait(timeout=0.01)
            await c.run(["touch", "/go"], check=True)
            assert (await run.wait(timeout=PATIENCE)).returncode == 0
            assert await c.detached_runs() == [await (await c.detached_run(run.id)).info()]
            with pytest.raises(xdocker.Timeout):
                await c.wait_for_log("never", timeout=0.05)
            await c.write_text("/root/file", "a")
            await c.replace("/root/file", {"a": "b"})
            await c.get("/root/file", tmp_path)
            await c.put(tmp_path / "file", "/root/again")
            assert await c.read_text("/root/again") == "b"
            await c.get_archive("/root", tmp_path / "archive")
            await c.put_archive(tmp_path / "archive", "/srv")
            await c.write_bytes("/srv/root/file", b"c")
            assert await c.read_bytes("/srv/root/file") == b"c"

    asyncio.run(main())


def test_a_follower_ends_at_once_with_ctrl_c(engine: xdocker.Engine, image: xdocker.Image) -> None:
    with engine.containers.run(image, ["sleep", "60"], net="HOST") as c:
        for wait in (lambda: next(c.logs(follow=True)), lambda: c.wait_for_log("x"), lambda: c.run_detached(["sleep", "60"]).wait()):
            ends_at_once_with_ctrl_c(wait)
