from pathlib import Path

import pytest

import xdocker


def test_an_image_lives_by_its_name(engine: xdocker.Engine, image: xdocker.Image) -> None:
    assert image in engine.images.list()
    assert engine.images.get("test") == image == engine.images.get("test:1.0.0")
    assert (image.name, image.version, str(image)) == ("test", "1.0.0", "test:1.0.0")
    assert image.size > 0 and image.entries > 0 and image.modified.tzinfo is not None


def test_it_is_told_what_the_test_image_has_got(engine: xdocker.Engine) -> None:
    made = engine.images.install_test("7", busybox=True)
    assert isinstance(made, xdocker.InstalledImage) and made == engine.images.get("test:7")
    assert Path("/bin/busybox") in made.programs and Path("/bin/sh") in made.programs
    assert all(name not in {path.name for path in made.programs} for name in made.missing)
    assert "programs=[" in repr(made) and repr(made).startswith("InstalledImage(name='test', version='7'")
    engine.images.delete(made)
    unversioned = engine.images.install_test(busybox=True)
    assert (str(unversioned), unversioned.version) == ("test", "_")
    engine.images.delete("test:_")


def test_copies_versions_and_deletion(engine: xdocker.Engine, image: xdocker.Image) -> None:
    seen: list[xdocker.Progress] = []
    copy = engine.images.copy(image, "copy:1", progress=seen.append)
    assert seen[-1].done == seen[-1].total == image.size
    assert (copy.size, copy.entries) == (image.size, image.entries)
    with pytest.raises(xdocker.AlreadyExists):
        engine.images.copy(image, "copy:1")
    changed = engine.images.set_version("copy:1", "2")
    assert str(changed) == "copy:2"
    engine.images.delete(changed)
    with pytest.raises(xdocker.NotFound) as caught:
        engine.images.get("copy")
    assert caught.value.hint is not None and caught.value.step is None


def test_an_archive_goes_and_comes_with_progress(
    engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path
) -> None:
    seen: list[int] = []
    summary = engine.images.export(image, tmp_path / "x.image", progress=lambda now: seen.append(now.content))
    assert summary.archive == (tmp_path / "x.image").stat().st_size
    assert seen == sorted(seen)
    with pytest.raises(xdocker.AlreadyExists):
        engine.images.export(image, tmp_path / "x.image")
    engine.images.export(image, tmp_path / "x.image", force=True, level=0)
    assert (tmp_path / "x.image").stat().st_size > image.size, "a plain tar"
    engine.images.export(image, tmp_path / "x.image", force=True, whiteouts="oci", level=1)
    back = engine.images.import_(tmp_path / "x.image", "back:3", devices=False)
    assert back.size == image.size
    engine.images.delete(back)


def test_what_a_progress_callback_raises_ends_the_call(
    engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path
) -> None:
    def stop(_: xdocker.Progress) -> None:
        raise KeyboardInterrupt

    engine.images.export(image, tmp_path / "x.image")
    with pytest.raises(KeyboardInterrupt):
        engine.images.import_(tmp_path / "x.image", "half", progress=stop)
    assert "half" not in [each.name for each in engine.images.list()]
    with pytest.raises(KeyboardInterrupt):
        engine.images.copy(image, "half", progress=stop)
    assert "half" not in [each.name for each in engine.images.list()]
    with pytest.raises(KeyboardInterrupt):
        engine.images.export(image, tmp_path / "y.image", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["x.image"]
    with pytest.raises(xdocker.NotFound):
        engine.images.import_(tmp_path / "nothing", "half")


def test_an_archive_has_its_bounds(engine: xdocker.Engine, image: xdocker.Image, tmp_path: Path) -> None:
    engine.images.export(image, tmp_path / "x.image")
    with pytest.raises(xdocker.InvalidArgument):
        engine.images.import_(tmp_path / "x.image", "half", max_bytes=1000)
    with pytest.raises(xdocker.InvalidArgument):
        engine.images.import_(tmp_path / "x.image", "half", max_entries=3)
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    with pytest.raises(xdocker.InvalidArgument):
        engine.images.import_(tmp_path / "noise", "half")
    assert "half" not in [each.name for each in engine.images.list()]
