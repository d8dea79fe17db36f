import os
import signal
from pathlib import Path

import pytest

import xdocker
from conftest import LONGER, PATIENCE


def test_output_and_code(c: xdocker.Container) -> None:
    run = c.run(["hostname"], timeout=PATIENCE)
    assert (run.stdout, run.stderr, run.returncode) == (b"test\n", b"", 0)
    run = c.run(["sh", "-c", "echo wrong >&2; exit 3"], text=True)
    assert (run.stdout, run.stderr, run.returncode) == ("", "wrong\n", 3)
    assert c.run(["sh", "-c", "kill -9 $$"]).returncode == -9
    assert run.args == ["sh", "-c", "echo wrong >&2; exit 3"]


def test_input_environment_and_directory(c: xdocker.Container) -> None:
    data = os.urandom(1 << 20)
    assert c.run(["cat"], input=data).stdout == data
    assert c.run(["cat"], input="é", text=True).stdout == "é"
    assert c.run(["true"], input=data).returncode == 0
    assert c.run(["sh", "-c", "echo $A; pwd"], env={"A": "1"}, workdir=Path("/bin")).stdout == b"1\n/bin\n"
    assert c.run(["cat"]).stdout == b""


def test_a_line_for_the_shell(c: xdocker.Container) -> None:
    run = c.run("echo a | tr a b; exit 3", shell=True, text=True)
    assert (run.args, run.stdout, run.returncode) == (["echo a | tr a b; exit 3"], "b\n", 3)
    process = c.popen("read line; echo $line", shell=True, stdin=xdocker.PIPE, stdout=xdocker.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("so\n")
    process.stdin.close()
    assert (process.stdout.read(), process.wait()) == ("so\n", 0)


def test_somebody_else_than_root(c: xdocker.Container) -> None:
    line = "id -u; id -g; echo $HOME"
    assert c.run(line, shell=True, user="33:44", text=True).stdout.split()[:2] == ["33", "44"]
    assert c.run(line, shell=True, user="root", text=True).stdout.split() == ["0", "0", "/root"]
    assert c.popen(["touch", "/etc/file"], stdin=xdocker.DEVNULL, stderr=xdocker.DEVNULL, user="33").wait() == 1


def test_paths_and_what_is_no_utf_8(c: xdocker.Container) -> None:
    assert c.run([Path("/bin/echo"), Path("/a")]).stdout == b"/a\n"
    odd = os.fsdecode(b"\xff")
    run = c.run(["printf", "%s", odd])
    assert (run.stdout, run.args[2]) == (b"\xff", odd)
    with pytest.raises(UnicodeDecodeError):
        c.run(["printf", "%s", odd], text=True)
    assert c.run(["sh", "-c", "printf %s $A"], env={"A": odd}).stdout == b"\xff"


def test_any_kind_of_bytes_is_input(c: xdocker.Container) -> None:
    for data in (b"data", bytearray(b"data"), "data"):
        assert c.run(["cat"], input=data).stdout == b"data"


def test_a_failed_command_carries_its_result(c: xdocker.Container) -> None:
    with pytest.raises(xdocker.CommandFailed, match="sh ended with code 7") as caught:
        c.run(["sh", "-c", "echo so; exit 7"], check=True)
    assert (caught.value.result.returncode, caught.value.result.stdout) == (7, b"so\n")


def test_a_timeout_kills_and_tells_what_was_printed(c: xdocker.Container) -> None:
    printed: object = b""
    for timeout in LONGER:
        with pytest.raises(xdocker.Timeout) as caught:
            c.run(["sh", "-c", "echo so far; sleep 600"], timeout=timeout)
        assert isinstance(caught.value, TimeoutError)
        # A shell that had no time to print anything has not.
        if printed := caught.value.stdout:
            break
    assert printed == b"so far\n"


def test_a_program_that_is_not_there(c: xdocker.Container) -> None:
    with pytest.raises(xdocker.NotFound) as caught:
        c.run(["no-such-program"])
    assert caught.value.step == "execute no-such-program"


def test_popen_talks(c: xdocker.Container) -> None:
    process = c.popen(["sh"], stdin=xdocker.PIPE, stdout=xdocker.PIPE, stderr=xdocker.DEVNULL)
    assert process.stdin is not None and process.stdout is not None and process.stderr is None
    assert process.poll() is None
    process.stdin.write(b"echo hello\n")
    assert process.stdout.readline() == b"hello\n"
    with pytest.raises(xdocker.Timeout):
        process.wait(timeout=0.05)
    process.stdin.write(b"exit 4\n")
    assert process.wait(timeout=PATIENCE) == 4 == process.poll()
    process.kill()


def test_popen_with_a_time_limit(c: xdocker.Container) -> None:
    process = c.popen(["sleep", "600"], stdin=xdocker.DEVNULL, timeout=0.2)
    with pytest.raises(xdocker.Timeout):
        process.wait()
    assert process.wait() == -signal.SIGTERM


def test_errors_where_the_output_goes(c: xdocker.Container, tmp_path: Path) -> None:
    line = "echo out; echo error >&2; echo out"
    process = c.popen(line, shell=True, stdin=xdocker.DEVNULL, stdout=xdocker.PIPE, stderr=xdocker.STDOUT)
    assert process.stdout is not None and process.stderr is None
    assert (process.stdout.read(), process.wait()) == (b"out\nerror\nout\n", 0)
    with open(tmp_path / "out", "wb") as out:
        assert c.popen(line, shell=True, stdin=xdocker.DEVNULL, stdout=out, stderr=xdocker.STDOUT).wait() == 0
    assert (tmp_path / "out").read_bytes() == b"out\nerror\nout\n"


def test_popen_into_a_file(c: xdocker.Container, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        assert c.popen(["echo", "there"], stdin=xdocker.DEVNULL, stdout=out).wait() == 0
    assert (tmp_path / "out").read_bytes() == b"there\n"


def test_a_login_shell(c: xdocker.Container) -> None:
    with c.login_shell(rows=30, columns=100, text=True, env={"NAME": "me"}) as shell:
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write("echo $NAME:$PWD:$(stty size); exit 3\n")
        shell.stdin.flush()
        while "me:/root:30 100" not in (line := shell.stdout.readline()):
            assert line
        assert shell.wait(timeout=PATIENCE) == 3


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
    assert process.wait(timeout=PATIENCE) == 0
