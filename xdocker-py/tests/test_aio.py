"""The twin for asyncio: the same names, and no thread that waits."""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import xdocker
import xdocker.aio
from conftest import LONGER, PATIENCE, held

FOR_LOOPS = {"start_run", "watch", "fileno"}
"""What the twin is made of."""
ITS_OWN = {"sync", "communicate"}


@pytest.mark.parametrize("name", ["Engine", "Images", "Containers", "Container", "Process", "DetachedRun"])
def test_the_names_are_the_same(name: str) -> None:
    def public(owner: object) -> set[str]:
        return {each for each in dir(owner) if not each.startswith("_")}

    sync, twin = getattr(xdocker, name), getattr(xdocker.aio, name)
    attributes = {"images", "containers"} if name == "Engine" else set[str]()
    assert public(twin) - ITS_OWN == public(sync) - FOR_LOOPS - attributes


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (owner, name)
        for owner in ("Engine", "Images", "Containers", "Container", "Process", "DetachedRun")
        for name, _ in inspect.getmembers(getattr(xdocker, owner), callable)
        if not name.startswith("_") and name not in FOR_LOOPS
    ],
)
def test_the_arguments_are_the_same(owner: str, name: str) -> None:
    def arguments(module: Any) -> dict[str, Any]:
        parameters = inspect.signature(getattr(getattr(module, owner), name)).parameters.values()
        return {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD}

    sync, twin = arguments(xdocker), arguments(xdocker.aio)
    # Those come as a group there; its streams are bytes.
    for gone in ("shell", "env", "workdir", "user", *(["text"] if name in ("popen", "login_shell") else [])):
        if gone not in twin:
            sync.pop(gone, None)
    assert sync == twin


def run(main: Coroutine[Any, Any, None]) -> None:
    before = held()[0]
    asyncio.run(main)
    gc.collect()
    assert held()[0] == before, "no descriptor is left"


def test_200_runs_at_once(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run(image, net="HOST") as c:
            await c.run(["mkfifo", "/root/gate"], check=True)

            async def one(number: int) -> int:
                run = await c.run(f"read line < /root/gate; echo {number}", shell=True, timeout=5 * PATIENCE)
                return int(run.stdout)

            tasks = [asyncio.create_task(one(number)) for number in range(200)]
            while sum(process.name == "sh" for process in await c.top()) < 200:
                assert not any(task.done() for task in tasks), "all of them run at once"
            # A few threads do what is over in a moment, whatever the number of those that wait.
            assert threading.active_count() < 40
            await c.run(": > /root/gate", shell=True, check=True, timeout=PATIENCE)
            assert await asyncio.gather(*tasks) == list(range(200))
        assert await engine.containers.list() == []

    run(main())


def test_an_idle_wait_has_no_thread(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run(image, net="CUSTOM") as c:
            loop = asyncio.get_running_loop()
            before = threading.active_count()
            process = await c.popen(["sleep", "60"], stdin=xdocker.DEVNULL, stdout=xdocker.PIPE)
            assert process.stdout is not None
            waits = [
                c.run(["sleep", "60"]),
                process.wait(),
                process.stdout.read(1),
                c.wait(),
                c.wait(timeout=60),
            ]
            tasks = [loop.create_task(wait) for wait in waits]
            await asyncio.sleep(0.3)
            # Those of the executor have nothing to do: one more call needs no other one.
            idle = threading.active_count()
            await asyncio.gather(*(c.info() for _ in range(50)))
            assert not any(task.done() for task in tasks)
            assert threading.active_count() - idle <= 40 and before <= idle
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)
            process.kill()
            assert await process.wait() == -signal.SIGKILL

    run(main())


def test_timeouts_and_cancelling(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run(image, net="CUSTOM") as c:
            printed: object = b""
            for timeout in LONGER:
                with pytest.raises(xdocker.Timeout) as caught:
                    await c.run("echo so far; sleep 600", shell=True, timeout=timeout)
                # A shell that had no time to print anything has not.
                if printed := caught.value.stdout:
                    break
            assert printed == b"so far\n"
            with pytest.raises(xdocker.Timeout, match="test did not end"):
                await c.wait(timeout=0.05)
            with pytest.raises(xdocker.Timeout, match="port 1"):
                await c.wait_for_port(1, timeout=0.05)
            process = await c.popen(["sleep", "600"], stdin=xdocker.DEVNULL)
            with pytest.raises(xdocker.Timeout):
                await process.wait(timeout=0.01)
            process.kill()
            assert await process.wait() == -signal.SIGKILL
            process = await c.popen(["sleep", "600"], stdin=xdocker.DEVNULL, timeout=0.1)
            with pytest.raises(xdocker.Timeout):
                await process.wait()
            assert await process.wait() == -signal.SIGTERM
            task = asyncio.create_task(c.run(["sleep", "60"]))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while len(await c.top()) > 1:
                await asyncio.sleep(0.01)
            with pytest.raises(xdocker.CommandFailed):
                await c.run(["false"], check=True)
            with pytest.raises(xdocker.NotFound):
                await c.run(["no-such-program"])

    run(main())


def test_streams(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run(image, net="HOST") as c:
            data = bytes(range(256)) * 4096
            process = await c.popen(["cat"], stdin=xdocker.PIPE, stdout=xdocker.PIPE)
            assert await process.communicate(data) == (data, b"")
            process = await c.popen(["true"], stdin=xdocker.PIPE)
            assert await process.communicate(data) == (b"", b"") and process.poll() == 0
            line = "echo out; echo error >&2"
            process = await c.popen(line, shell=True, stdin=xdocker.DEVNULL, stdout=xdocker.PIPE, stderr=xdocker.PIPE)
            assert await process.communicate() == (b"out\n", b"error\n")
            async with await c.popen(["sh"], pty=True) as shell:
                assert shell.stdin is not None and shell.stdout is not None
                shell.resize(40, 120)
                shell.stdin.write(b"stty size; exit 3\n")
                assert b"40 120" in await shell.stdout.read()
            assert shell.poll() == 3
            with pytest.raises(RuntimeError):
                async with await c.popen(["sleep", "60"], stdin=xdocker.DEVNULL) as shell:
                    raise RuntimeError
            assert shell.poll() == -signal.SIGKILL

    run(main())


def test_a_life(home: Path, image: xdocker.Image, tmp_path: Path) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        assert engine.home == home and image in await engine.images.list()
        c = await engine.containers.create(image, name="life", net="CUSTOM")
        await c.boot(pids=50)
        assert await c.state() == "running" and (await c.info()).name == c.name == "life"
        assert (await c.stats()).pids is not None
        server = await c.popen(["nc", "-l", "-p", "80"], stdin=xdocker.DEVNULL)
        await c.wait_for_port(80, timeout=PATIENCE)
        assert await c.listens(80)
        server.kill()
        await server.wait()
        await c.limit(memory="64M")
        await c.shutdown()
        assert (await c.wait()).returncode == 0
        with pytest.raises(xdocker.Conflict):
            await c.shutdown()
        await c.boot(["sh", "-c", "trap '' TERM; : > /ready; while :; do sleep 0.1; done"])
        while not (c.root / "ready").exists():
            await asyncio.sleep(0.01)
        await c.shutdown(timeout=0.1)
        assert (await c.wait()).returncode == -signal.SIGKILL
        made = await c.to_image("life:1")
        assert made == await engine.images.get("life")
        summary = await engine.images.export(made, tmp_path / "life")
        assert summary.archive == (tmp_path / "life").stat().st_size
        await engine.images.delete(made)
        back = await engine.images.import_(tmp_path / "life", "life:2")
        c = await engine.containers.from_image(back, onto="test")
        async with c:
            assert c.root.name == "merged" and repr(c) == "xdocker.aio.Container('life')"
        await (await engine.containers.get("life")).destroy()
        assert (await engine.bridge()).name == "xdocker0"

    run(main())


def test_what_is_copied_is_left_when_it_is_cancelled(home: Path, image: xdocker.Image, tmp_path: Path) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run("test", net="HOST") as c:
            (tmp_path / "file").write_bytes(b"x" * 1_000_000)
            assert await c.put(tmp_path / "file", "/srv/whole") == 1_000_000
            begun, cancelled = threading.Event(), threading.Event()

            def slow(_: xdocker.Progress) -> None:
                begun.set()
                cancelled.wait(PATIENCE)

            task = asyncio.create_task(c.put(tmp_path / "file", "/srv/half", progress=slow))
            while not begun.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cancelled.set()
            listed = await c.run(["ls", "/srv"], text=True)
            assert listed.stdout == "whole\n"
            shell = await c.login_shell()
            assert shell.stdin is not None
            shell.stdin.write(b"exit 6\n")
            assert await shell.wait(timeout=PATIENCE) == 6

    run(main())


def test_a_cancelled_import_leaves_nothing(home: Path, image: xdocker.Image, tmp_path: Path) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        await engine.images.export(image, tmp_path / "image")
        begun, cancelled = threading.Event(), threading.Event()

        def slow(_: xdocker.Progress) -> None:
            begun.set()
            cancelled.wait(PATIENCE)

        task = asyncio.create_task(engine.images.import_(tmp_path / "image", "half", progress=slow))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        # The executor is waited for at the end of the loop.

    run(main())
    assert "half" not in [each.name for each in xdocker.Engine(home).images.list()]
    assert list((home / ".work").iterdir()) == []
