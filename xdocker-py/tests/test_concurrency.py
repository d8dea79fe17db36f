import asyncio
import gc
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import xdocker
import xdocker.aio


def cycle(engine: xdocker.Engine, name: str) -> bytes:
    with engine.containers.run("test", name=name, net="HOST") as c:
        stdout = c.run(["hostname"]).stdout
        assert isinstance(stdout, bytes)
        return stdout


def test_threads(engine: xdocker.Engine, image: xdocker.Image) -> None:
    cycles = int(os.environ.get("XDOCKER_PYTHON_CYCLES", "5"))

    def work(thread: int) -> None:
        for number in range(cycles):
            assert cycle(engine, f"t{thread}-{number}") == f"t{thread}-{number}\n".encode()

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    assert engine.containers.list() == []


def test_200_runs_on_one_loop(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        async with engine.containers.run("test", net="HOST") as c:
            before = threading.active_count()
            runs = [c.run(["sh", "-c", f"sleep 0.2; echo {number}"]) for number in range(200)]
            results = await asyncio.gather(*runs)
            assert [int(run.stdout) for run in results] == list(range(200))
            assert threading.active_count() == before
            with pytest.raises(xdocker.Timeout):
                await c.run(["sleep", "60"], timeout=0.2)
            process = c.popen(["sleep", "0.1"], stdin=xdocker.DEVNULL)
            assert await c.wait(process) == 0
        assert await engine.containers.list() == []

    asyncio.run(main())


def in_child(engine: xdocker.Engine, name: str) -> None:
    os._exit(0 if cycle(engine, name) == f"{name}\n".encode() else 1)


def in_spawned(home: str) -> None:
    in_child(xdocker.Engine(home), "spawned")


def test_fork_and_spawn(engine: xdocker.Engine, home: Path, c: xdocker.Container) -> None:
    def in_fork() -> None:
        try:
            c.destroy(force=True)
        except xdocker.Conflict:
            in_child(engine, "forked")
        os._exit(2)

    forked = multiprocessing.get_context("fork").Process(target=in_fork)
    spawned = multiprocessing.get_context("spawn").Process(target=in_spawned, args=(str(home),))
    for process in (forked, spawned):
        process.start()
    for process in (forked, spawned):
        process.join()
        assert process.exitcode == 0
    assert c.run(["true"]).returncode == 0


def test_nothing_leaks(engine: xdocker.Engine, image: xdocker.Image) -> None:
    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    with engine.containers.run(image, net="HOST") as c:
        for _ in range(50):
            c.run(["true"])
        before, memory = held(), resident()
        for _ in range(1000):
            c.run(["true"])
        assert held() == before
        assert resident() - memory < 2 << 20
    before = held()
    for number in range(20):
        cycle(engine, f"leak{number}")
    # One that is only forgotten goes too.
    engine.containers.run(image, net="HOST")
    gc.collect()
    assert held()[1] == before[1] and engine.containers.list() == []
