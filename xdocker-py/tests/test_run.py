import os
import signal
import threading
import time
from pathlib import Path

import pytest

import xdocker


def test_output_and_code(c: xdocker.Container) -> None:
    run = c.run(["hostname"], timeout=5)
    assert (run.stdout, run.stderr, run.returncode) == (b"test\n", b"", 0)
    run = c.run(["sh", "-c", "echo wrong >&2; exit 3"], text=True)
    assert (run.stdout, run.stderr, run.returncode) == ("", "wrong\n", 3)
    assert c.run(["sh", "-c", "kill -9 $$"]).returncode == -9
    assert repr(run) == 'CompletedRun(args=["sh", "-c", "echo wrong >&2; exit 3"], returncode=3, ' \
        "stdout='', stderr='wrong\\n')"


def test_input_environment_and_directory(c: xdocker.Container) -> None:
    data = os.urandom(1 << 20)
    assert c.run(["cat"], input=data).stdout == data
    assert c.run(["cat"], input="é", text=True).stdout == "é"
    assert c.run(["true"], input=data).returncode == 0
    assert c.run(["sh", "-c", "echo $A; pwd"], env={"A": "1"}, cwd=Path("/bin")).stdout == b"1\n/bin\n"
    assert c.run(["cat"]).stdout == b""


def test_a_failed_command_carries_its_result(c: xdocker.Container) -> None:
    with pytest.raises(xdocker.CommandFailed, match="sh ended with code 7") as caught:
        c.run(["sh", "-c", "echo so; exit 7"], check=True)
    assert (caught.value.result.returncode, caught.value.result.stdout) == (7, b"so\n")


def test_a_timeout_kills_and_tells_what_was_printed(c: xdocker.Container) -> None:
    started = time.monotonic()
    with pytest.raises(xdocker.Timeout) as caught:
        c.run(["sh", "-c", "echo so far; sleep 60"], timeout=0.3)
    assert time.monotonic() - started < 2
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.stdout == b"so far\n"


def test_a_program_that_is_not_there(c: xdocker.Container) -> None:
    with pytest.raises(xdocker.NotFound) as caught:
        c.run(["no-such-program"])
    assert caught.value.step == "execute no-such-program"


def test_ctrl_c_ends_a_wait_at_once(c: xdocker.Container) -> None:
    asked: list[float] = []

    def press() -> None:
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    process = c.popen(["sleep", "60"], stdin=xdocker.DEVNULL)
    for wait in (lambda: c.run(["sleep", "60"]), process.wait):
        threading.Timer(0.3, press).start()
        with pytest.raises(KeyboardInterrupt):
            wait()
        assert time.monotonic() - asked.pop() < 0.2
    process.kill()
    assert process.wait() == -9
    assert c.state == "running"


def test_popen_talks(c: xdocker.Container) -> None:
    process = c.popen(["sh"], stdin=xdocker.PIPE, stdout=xdocker.PIPE, stderr=xdocker.DEVNULL)
    assert process.stdin is not None and process.stdout is not None and process.stderr is None
    assert process.poll() is None
    process.stdin.write(b"echo hello\n")
    assert process.stdout.readline() == b"hello\n"
    with pytest.raises(xdocker.Timeout):
        process.wait(timeout=0.05)
    process.stdin.write(b"exit 4\n")
    assert process.wait(timeout=5) == 4 == process.poll()
    process.kill()


def test_popen_into_a_file(c: xdocker.Container, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        assert c.popen(["echo", "there"], stdin=xdocker.DEVNULL, stdout=out).wait() == 0
    assert (tmp_path / "out").read_bytes() == b"there\n"


def test_a_process_goes_with_its_block(c: xdocker.Container) -> None:
    with pytest.raises(RuntimeError), c.popen(["sleep", "60"], stdin=xdocker.DEVNULL) as process:
        raise RuntimeError
    assert process.poll() == -9


def test_a_terminal(c: xdocker.Container) -> None:
    process = c.popen(["sh"], pty=True, rows=30, columns=100)
    assert process.stdin is not None and process.stdout is not None
    process.resize(40, 120)
    process.stdin.write(b"stty size; exit\n")
    seen = b""
    while b"40 120" not in seen:
        seen += os.read(process.stdout.fileno(), 4096)
    assert process.wait(timeout=5) == 0
