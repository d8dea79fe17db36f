"""Threads and processes, all at one home; and what is left after many of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import xdocker
from conftest import LONGER, PATIENCE, held, resident, until

THREADS, CYCLES = 32, int(os.environ.get("XDOCKER_PYTHON_CYCLES", "50"))
LIVES = 1000


def cycle(engine: xdocker.Engine, name: str) -> None:
    with engine.containers.run("test", name=name, net="HOST") as c:
        assert c.run(["hostname"]).stdout == f"{name}\n".encode()


def test_threads(engine: xdocker.Engine, image: xdocker.Image) -> None:
    def work(thread: int) -> None:
        for number in range(CYCLES):
            cycle(engine, f"t{thread}-{number}")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    assert engine.containers.list() == []


def test_threads_share_a_container(c: xdocker.Container) -> None:
    def work(number: int) -> None:
        for _ in range(10):
            assert c.run(["echo", str(number)]).stdout == f"{number}\n".encode()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def test_other_threads_go_on_meanwhile(c: xdocker.Container, engine: xdocker.Engine) -> None:
    calls: list[Callable[[float], object]] = [
        lambda time: c.run(["sleep", str(time)]),
        lambda time: c.popen(["sleep", str(time)], stdin=xdocker.DEVNULL).wait(),
        lambda time: c.wait(timeout=time),
        lambda time: c.wait_for_port(1, timeout=time),
        lambda time: engine.containers.run("test", ["sleep", str(time)], name="other", net="HOST").wait(),
    ]

    def counted_during(call: Callable[[float], object], time: float) -> int:
        counted, over = 0, threading.Event()

        def work() -> None:
            try:
                call(time)
            except xdocker.Timeout:
                pass
            over.set()

        worker = threading.Thread(target=work)
        worker.start()
        while not over.wait(0.005):
            counted += 1
        worker.join()
        return counted

    for call in calls:
        assert any(counted_during(call, time) > 10 for time in LONGER)


def in_child(engine: xdocker.Engine, name: str) -> None:
    cycle(engine, name)
    os._exit(0)


def test_fork_and_spawn(engine: xdocker.Engine, c: xdocker.Container) -> None:
    def in_fork() -> None:
        try:
            c.destroy(force=True)
        except xdocker.Conflict:
            in_child(engine, "forked")
        os._exit(2)

    forked = multiprocessing.get_context("fork").Process(target=in_fork)
    # The engine goes there by its home.
    spawned = multiprocessing.get_context("spawn").Process(target=in_child, args=(engine, "spawned"))
    for process in (forked, spawned):
        process.start()
    for process in (forked, spawned):
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert c.run(["true"]).returncode == 0


def test_a_fork_in_the_midst_of_threads(engine: xdocker.Engine, image: xdocker.Image) -> None:
    stop = threading.Event()

    def work(thread: int) -> None:
        number = 0
        while not stop.is_set():
            cycle(engine, f"busy{thread}-{number}")
            number += 1

    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(work, thread) for thread in range(4)]
        try:
            for number in range(10):
                child = os.fork()
                if child == 0:
                    try:
                        in_child(engine, f"child{number}")
                    finally:
                        os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            stop.set()
        for each in busy:
            each.result()
    assert engine.containers.list() == []


@pytest.mark.parametrize("what", ["runs", "processes", "errors"])
def test_calls_leak_nothing(c: xdocker.Container, what: str) -> None:
    def once() -> None:
        if what == "runs":
            c.run(["true"], input=b"x" * 10_000)
        elif what == "processes":
            with c.popen(["true"], stdin=xdocker.DEVNULL, stdout=xdocker.PIPE):
                pass
        else:
            with pytest.raises(xdocker.NotFound):
                c.run(["no-such-program"])

    for _ in range(50):
        once()
    before, memory = held(), resident()
    for _ in range(LIVES):
        once()
    assert until(lambda: held() == before), (held(), before)
    assert resident() - memory < 2 << 20


def test_lives_leak_nothing(engine: xdocker.Engine, image: xdocker.Image) -> None:
    for number in range(20):
        cycle(engine, f"warm{number}")
    before, memory, deadline = held(), resident(), time.monotonic() + 20
    for life in range(LIVES):
        cycle(engine, f"life{life}")
        # On a machine that is busy with other things fewer have to do.
        if life > LIVES // 10 and time.monotonic() > deadline:
            break
    assert until(lambda: held() == before), (held(), before)
    assert resident() - memory < 2 << 20
    assert engine.containers.list() == []
