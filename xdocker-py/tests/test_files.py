"""Files into a container and out of it."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

import xdocker


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "file").write_bytes(bytes(100_000))
    (root / "run").write_text("#!/bin/sh\necho it runs\n")
    (root / "run").chmod(0o750)
    (root / "link").symlink_to("deep/file")
    return root


def test_trees_go_in_and_come_out(c: xdocker.Container, tree: Path, tmp_path: Path) -> None:
    seen: list[xdocker.Progress] = []
    assert c.put(tree, "/srv", progress=seen.append) == 100_000 + len((tree / "run").read_bytes())
    assert all(now.total is None for now in seen)
    assert c.run(["/srv/tree/run"]).stdout == b"it runs\n"
    assert c.run(["readlink", "/srv/tree/link"]).stdout == b"deep/file\n"
    assert c.get("/srv/tree/.", tmp_path / "back") > 100_000
    assert (tmp_path / "back" / "run").stat().st_mode & 0o777 == 0o750
    assert os.readlink(tmp_path / "back" / "link") == "deep/file"


def test_contents(c: xdocker.Container) -> None:
    c.write_text("/root/file", "é\n")
    assert c.read_bytes("/root/file") == "é\n".encode() and c.read_text(Path("/root/file")) == "é\n"
    c.write_bytes("/root/file", bytearray(b"\xff"))
    with pytest.raises(UnicodeDecodeError):
        c.read_text("/root/file")
    assert "root" in c.read_text("/etc/passwd")
    c.run(["chmod", "600", "/root/file"], check=True)
    c.write_text("/root/file", "again")
    assert c.run("stat -c %a /root/file; cat /root/file", shell=True).stdout == b"600\nagain"


def test_a_stopped_one_has_files_too(engine: xdocker.Engine, image: xdocker.Image) -> None:
    c = engine.containers.create(image, name="stopped", net="HOST")
    c.write_text("/root/file", "before")
    c.boot()
    assert c.run(["cat", "/root/file"]).stdout == b"before"
    c.shutdown()
    assert c.read_text("/root/file") == "before"
    c.destroy()


def test_templates(c: xdocker.Container) -> None:
    c.write_text("/root/tpl.txt", "leaf: ${LEAF}, root: ${ROOT}\n")
    assert c.replace("/root/tpl.txt", {"${LEAF}": "a\nb", "${STEM}": "x"}, "/root/out.txt") == ["${STEM}"]
    assert c.read_text("/root/out.txt") == "leaf: a\nb, root: ${ROOT}\n"
    assert c.replace("/root/tpl.txt", {b"${ROOT}": b"\xff"}) == []
    assert c.read_bytes("/root/tpl.txt") == b"leaf: ${LEAF}, root: \xff\n"


def test_archives_as_streams(c: xdocker.Container, tree: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(tree, arcname="tree")
    packed.seek(0)
    assert c.put_archive(packed, "/srv/new").entries >= 4
    assert c.run(["/srv/new/tree/run"]).stdout == b"it runs\n"
    out = io.BytesIO()
    summary = c.get_archive("/srv/new/tree", out)
    assert summary.archive == len(out.getvalue())
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert {"tree/run", "tree/deep/file"} <= {name.rstrip("/") for name in tar.getnames()}
    seen: list[xdocker.Progress] = []
    c.get_archive("/srv/new/tree", tmp_path / "tree.tar", level=0, progress=seen.append)
    assert seen[-1].content > 100_000 and (tmp_path / "tree.tar").stat().st_size % 512 == 0
    with tarfile.open(tmp_path / "tree.tar", "r:") as tar:
        assert "tree/run" in [name.rstrip("/") for name in tar.getnames()]
    with pytest.raises(xdocker.InvalidArgument):
        c.put_archive(tmp_path / "tree.tar", "/srv/half", max_bytes=1000, progress=seen.append)
    assert c.run(["ls", "-A", "/srv"], text=True).stdout == "new\n"
    c.get_archive("/srv/new/tree", tmp_path / "tree.tar.gz")
    c.put_archive(tmp_path / "tree.tar.gz", "/srv/again")
    assert c.run(["/srv/again/tree/run"]).stdout == b"it runs\n"


def test_what_a_stream_raises_comes_back(c: xdocker.Container) -> None:
    class Broken(io.BytesIO):
        def read(self, size: "int | None" = -1) -> bytes:
            raise ZeroDivisionError

        def write(self, data: object) -> int:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        c.put_archive(Broken(), "/srv/half")
    with pytest.raises(ZeroDivisionError):
        c.get_archive("/etc", Broken())
    assert c.run(["ls", "/srv"]).stdout == b""


def test_volumes(engine: xdocker.Engine, image: xdocker.Image, tree: Path) -> None:
    with engine.containers.run(image, net="HOST", volumes={tree: "/data", tree / "deep": "/deep:ro"}) as c:
        assert c.info().volumes == [f"{tree}:/data", f"{tree}/deep:/deep:ro"]
        assert c.run("echo written > /data/new; touch /deep/new", shell=True).returncode != 0
    assert (tree / "new").read_text() == "written\n" and not (tree / "deep" / "new").exists()
    c = engine.containers.create(image, name="volumes", net="HOST")
    c.set_volumes([f"{tree}:/data:ro"])
    c.boot()
    assert c.run(["cat", "/data/new"]).stdout == b"written\n"
    with pytest.raises(xdocker.Conflict):
        c.set_volumes({})
    c.destroy(force=True)
