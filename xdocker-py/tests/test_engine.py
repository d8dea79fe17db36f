from pathlib import Path

import pytest

import xdocker


def test_an_engine_makes_its_home(tmp_path: Path) -> None:
    engine = xdocker.Engine(home=tmp_path / "home")
    assert engine.home == tmp_path / "home"
    assert (tmp_path / "home" / "containers").is_dir()
    assert engine.containers.list() == []


def test_the_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("xdocker_HOME", str(tmp_path / "home"))
    assert xdocker.Engine().home == tmp_path / "home"


def test_a_home_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(xdocker.XdockerError, match="file"):
        xdocker.Engine(home=tmp_path / "file")
