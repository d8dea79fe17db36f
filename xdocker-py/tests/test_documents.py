"""The recipes and the examples do what they say."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import xdocker
import xdocker.aio
import xdocker.options
import xdocker.progress
import xdocker.pytest_plugin
from conftest import left
from sshd import Sshd

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def printed(code: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    exec(compile(code, "a recipe", "exec"), names)
    return capsys.readouterr().out


def test_recipes(tmp_path: Path, server: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "python.md").read_text())
    assert len(blocks) >= 10
    names: dict[str, Any] = {
        "home": tmp_path / "home",
        "archive": tmp_path / "test.xdockerimage",
        "work": tmp_path / "work",
        "server": server.address,
        "ssh": server.ssh(),
    }
    (tmp_path / "work").mkdir()
    for code, expected in blocks:
        assert printed(code, names, capsys) == expected, code
    assert left(tmp_path / "home") == []


def test_the_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) == 1
    code, expected = blocks[0]
    assert '"/var/xdocker"' in code
    assert printed(code.replace('"/var/xdocker"', repr(str(tmp_path / "home"))), {}, capsys) == expected
    assert left(tmp_path / "home") == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples(example: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, str(example)], env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
    assert ended.returncode == 0 and ended.stdout.count(b"\n") > 5, ended.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_everything_has_a_docstring() -> None:
    without: list[str] = []
    for module in (xdocker, xdocker.aio, xdocker.errors, xdocker.options, xdocker.progress, xdocker.pytest_plugin):
        exported: list[str] = getattr(module, "__all__")
        for name in exported:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or callable(thing)) or not str(thing.__module__).startswith("xdocker"):
                continue
            parts = [each for each in vars(thing) if not each.startswith("_")] if inspect.isclass(thing) else []
            without += [f"{name}.{part}" for part in parts if callable(getattr(thing, part)) and not getattr(thing, part).__doc__]
            if not thing.__doc__:
                without.append(name)
    assert without == []
