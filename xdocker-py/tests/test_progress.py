"""The ready-made progress bar, with tqdm and without."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import xdocker
from xdocker.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def archive(engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path) -> Path:
    engine.images.export(image, tmp_path / "image")
    return tmp_path / "image"


@pytest.mark.parametrize("tqdm", [True, False])
def test_a_bar_is_shown_and_wiped_out(
    engine: xdocker.Engine, archive: Path, monkeypatch: pytest.MonkeyPatch, tqdm: bool
) -> None:
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    screen = Terminal()
    with ProgressBar("import", file=screen, **({"mininterval": 0} if tqdm else {})) as bar:
        made = engine.images.import_(archive, "bar:1", progress=bar)
    engine.images.delete(made)
    shown = screen.getvalue()
    assert "import" in shown and ("%|" in shown) == tqdm
    assert shown.endswith("\r") or shown.endswith("\r\x1b[K")


def test_without_tqdm_a_file_gets_nothing(
    engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    file = io.StringIO()
    with ProgressBar(file=file) as bar:
        engine.images.export(image, tmp_path / "image", progress=bar)
    assert file.getvalue() == ""


def test_it_comes_to_its_end(engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path, archive: Path) -> None:
    seen: list[xdocker.Progress] = []
    engine.images.export(image, tmp_path / "again", progress=seen.append)
    made = engine.images.import_(archive, "end:1", progress=seen.append)
    engine.images.delete(made)
    exported = [now for now in seen if now.total == image.size]
    imported = [now for now in seen if now.total == archive.stat().st_size]
    for steps in (exported, imported):
        assert steps and [now.done for now in steps] == sorted(now.done for now in steps)
        assert steps[-1].done == steps[-1].total
