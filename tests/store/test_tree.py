"""A tree of several volumes, and names that lead nowhere outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.store.tree import NO_ROOTS, Tree, open_tree


@pytest.fixture
def two(tmp_path: Path) -> Tree:
    """A tree whose second volume is D:."""
    for name in ("system", "data"):
        (tmp_path / name).mkdir()
    return open_tree(tmp_path / "system", drives={"D:": tmp_path / "data"})


def test_a_name_that_begins_with_a_drive_is_on_that_volume(two: Tree, tmp_path: Path) -> None:
    with two:
        os.close(two.create(("D:", "deep", "er", "a")))
        os.close(two.create(("C:", "deep", "a")))
        os.close(two.open(("D:", "deep", "er", "a")))
        os.close(two.change(("D:", "deep", "er", "a")))
        assert two.names(("D:",)) == ["deep"]
        assert two.names(()) == ["C:"]
        assert two.exists(("D:",))
        assert two.exists(("D:", "deep"))
        assert not two.exists(("E:",))
        two.link(("D:", "deep", "er", "a"), ("D:", "b"))
        two.move(("D:", "b"), ("D:", "c", "b"))
        two.rename(("D:", "c", "b"), "d")
        two.remove(("D:", "deep", "er", "a"))
        assert sorted(two.files()) == [("C:", "deep", "a"), ("D:", "c", "d")]
        assert two.volume_of(("D:", "x")) == ("D:",)
        assert two.volume_of(("x", "D:")) == ()
        assert two.volume_of(()) == ()
    assert (tmp_path / "data" / "c" / "d").exists()
    assert not (tmp_path / "system" / "D:").exists()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_no_name_leads_out_of_a_volume(two: Tree, name: str) -> None:
    with two:
        for place in ((name, "x"), ("D:", name, "x"), ("D:", name)):
            with pytest.raises(OSError, match="is no name of a file"):
                two.create(place)


def test_all_volumes_are_closed_with_the_tree(two: Tree, tmp_path: Path) -> None:
    held = [two.root, *two.roots.values()]
    two.close()
    two.close()
    assert two.roots == NO_ROOTS
    for each in held:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)
    with pytest.raises(FileNotFoundError):
        open_tree(tmp_path / "system", drives={"D:": tmp_path / "none"})
