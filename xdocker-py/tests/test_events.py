"""What happens to containers, and containers that are started again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

import xdocker
import xdocker.aio
from conftest import PATIENCE, ends_at_once_with_ctrl_c, until


def test_a_life_is_told(engine: xdocker.Engine, image: xdocker.Image) -> None:
    events = engine.events()
    assert events.next_now() is None and events.fileno() > 2
    c = engine.containers.create(image, name="told", net="HOST")
    told = [next(events)]
    c.boot(["sh", "-c", "sleep 0.1; exit 3"])
    told += [next(events), next(events)]
    c.wait()
    c.destroy()
    told.append(next(events))
    assert [event.kind for event in told] == ["created", "booted", "ended", "destroyed"]
    assert {event.container for event in told} == {"told"}
    assert told[0].exit is None and (exit := told[2].exit) is not None and exit.returncode == 3
    ends_at_once_with_ctrl_c(lambda: next(events))


def test_it_is_told_to_a_loop(home: Path, image: xdocker.Image) -> None:
    async def main() -> None:
        engine = xdocker.aio.Engine(home)
        events = engine.events()
        first = asyncio.ensure_future(events.__anext__())
        # It listens from the first step on.
        await asyncio.sleep(0.2)
        async with engine.containers.run(image, name="told", net="HOST"):
            told = await asyncio.wait_for(first, PATIENCE)
            assert (told.kind, told.container) == ("created", "told")
            assert (await asyncio.wait_for(events.__anext__(), PATIENCE)).kind == "booted"
        while told.kind != "destroyed":
            told = await asyncio.wait_for(events.__anext__(), PATIENCE)
        await events.aclose()
        assert await engine.boot_all() == {}

    asyncio.run(main())


def test_one_that_fails_is_started_again(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="again", net="HOST", restart="on-failure:2", stop_signal=signal.SIGINT)
    info = c.info()
    assert (info.restart, info.restarts, info.stop_signal) == ("on-failure:2", 0, signal.SIGINT)
    c.boot(["sh", "-c", "echo here; exit 1"])
    assert until(lambda: c.state == "stopped")
    assert [str(line) for line in c.logs()] == ["here"] * 3
    c.set_restart("always")
    assert engine.boot_all() == {"again": None}
    assert c.state in ("running", "restarting")
    with pytest.raises(xdocker.Conflict):
        c.set_restart("no")
    c.shutdown()
    assert until(lambda: c.state == "stopped")
    c.set_restart("no")
    assert engine.boot_all() == {}
    c.boot(["sh", "-c", "trap 'exit 9' INT; : > /ready; while :; do sleep 0.02; done"])
    assert until((c.root / "ready").exists)
    c.shutdown()
    assert c.wait().returncode == 9
    c.destroy()
