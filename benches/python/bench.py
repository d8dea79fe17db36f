"""What the Python module costs, beside the same on the host, in Rust, and against what was asked for.

``bench.py WHEEL LIVES [ROUNDS]``, as root, in an environment that has the wheel; ``make bench-python`` does it. ``LIVES``
is the program ``xdocker-lives``. Each round measures everything once, so that whatever else the machine does hits all
alike; medians are printed, and of differences the median of each round's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import xdocker

OUTPUT = 200_000_000
IN_A_ROW = 20
BIG_ROUNDS = 7


def milliseconds(work: Callable[[], object]) -> float:
    """What ``work`` takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def over(costs: dict[str, list[float]], what: str, other: str) -> float:
    """The median of what one costs over the other in the same round."""
    return median(mine - theirs for mine, theirs in zip(costs[what], costs[other]))


def measure(rounds: int, works: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What all cost, measured in turn, after two rounds that do not count."""
    samples: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 2):
        for name, work in works.items():
            cost = work()
            if number >= 2:
                samples[name].append(cost)
    return samples


def interpreter(text: str) -> float:
    """A Python of our own that does this, from its start to its end."""
    return milliseconds(lambda: subprocess.run([sys.executable, "-I", "-c", text], check=True))


def one_of(count: int, work: Callable[[], object]) -> float:
    """One of many in a row."""
    return milliseconds(lambda: [work() for _ in range(count)]) / count


def show(what: str, value: str, asked: str, reached: bool) -> None:
    print(f"{what:<58}{value:>12}   {asked:<28}{'reached' if reached else 'MISSED'}")


def main() -> None:
    wheel, lives = Path(sys.argv[1]), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    busybox = shutil.which("busybox")
    assert busybox is not None, "busybox-static is needed"
    load = os.getloadavg()[0]
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} processors, {rounds} rounds, interleaved; load {load:.2f}")
    with tempfile.TemporaryDirectory(prefix="xdocker-bench-", dir="/var/tmp") as directory:
        engine = xdocker.Engine(Path(directory) / "home")
        image = engine.images.install_test(busybox=True)
        rust = subprocess.Popen(
            [lives, str(engine.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

        def life_in_rust() -> float:
            assert rust.stdin is not None and rust.stdout is not None
            rust.stdin.write("\n")
            return float(rust.stdout.readline())

        def life() -> None:
            with engine.containers.run(image, name="python") as c:
                assert c.run(["true"]).returncode == 0

        with engine.containers.run(image, name="idle") as c:
            costs = measure(
                rounds,
                {
                    "bare": lambda: interpreter("pass"),
                    "import": lambda: interpreter("import xdocker"),
                    "run": lambda: milliseconds(lambda: c.run(["true"])),
                    "row": lambda: one_of(IN_A_ROW, lambda: c.run(["true"])),
                    "host": lambda: one_of(IN_A_ROW, lambda: subprocess.run([busybox, "true"], capture_output=True)),
                    "life": lambda: milliseconds(life),
                    "rust": life_in_rust,
                },
            )
            bigs = measure(
                BIG_ROUNDS,
                {
                    "container": lambda: milliseconds(lambda: c.run(["head", "-c", str(OUTPUT), "/dev/zero"])),
                    "host": lambda: milliseconds(
                        lambda: subprocess.run([busybox, "head", "-c", str(OUTPUT), "/dev/zero"], capture_output=True)
                    ),
                },
            )
        assert rust.stdin is not None
        rust.stdin.close()
        rust.wait()
    cost, big = ({name: median(values) for name, values in each.items()} for each in (costs, bigs))
    importing, size = over(costs, "import", "bare"), wheel.stat().st_size / (1 << 20)
    beside, share = over(costs, "life", "rust"), big["host"] / big["container"]
    print()
    show("import xdocker, over bare Python", f"{importing:.2f} ms", "under 15 ms", importing < 15)
    show("size of the wheel", f"{size:.2f} MiB", "under 6 MB", wheel.stat().st_size < 6e6)
    show("c.run(['true']), alone between other things", f"{cost['run']:.2f} ms", "under 1.5 ms", cost["run"] < 1.5)
    show(f"the same, one of {IN_A_ROW} in a row", f"{cost['row']:.2f} ms", "under 1.5 ms", cost["row"] < 1.5)
    print(f"{'  on the host, by subprocess.run':<58}{cost['host']:>9.2f} ms")
    show("a life: create, boot, run true, destroy; ephemeral", f"{cost['life']:.2f} ms", "", True)
    show("  over the same in Rust", f"{beside:.2f} ms", "within 1 ms", beside < 1)
    print(f"{'  in Rust':<58}{cost['rust']:>9.2f} ms")
    show(f"capturing {OUTPUT // 10**6} MB, as a share of the host's speed", f"{share:.2f} x", "at least 0.8 x", share >= 0.8)
    print(f"{'  in a container, and on the host by subprocess.run':<58}{big['container']:>9.0f} ms{big['host']:>9.0f} ms")
    print("\ndocker-py needs a dockerd, of which there is none here: it is not compared.")


if __name__ == "__main__":
    main()
