"""What gives way stays on its own volume, and comes back from there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from extractor.restore.journal import ASIDE, FOLDER, journal_of_plan
from extractor.restore.steps import Steps
from extractor.store.tree import open_tree


def test_what_gives_way_on_another_drive_is_kept_there_and_returns(
    tmp_path: Path, small_disk: Path
) -> None:
    system = tmp_path / "system"
    system.mkdir()
    (small_disk / "old").write_bytes(b"old")
    journal = journal_of_plan(system)
    with open_tree(system, drives={"D:": small_disk}) as tree:
        steps = Steps(tree, journal, (FOLDER, "1", ASIDE))
        assert steps.folder(7, ("D:", "new"))
        assert not steps.folder(7, ("D:",))
        temporary = steps.temporary(7, ("D:", "old"))
        os.close(tree.create(temporary))
        steps.aside(7, ("D:", "old"))
        steps.put(7, temporary, ("D:", "old"))
        assert (small_disk / FOLDER / "1" / ASIDE / "7").read_bytes() == b"old"
        assert (small_disk / "old").read_bytes() == b""
        assert list(system.iterdir()) == []
        assert steps.undo(journal.steps()) == []
    assert [each.name for each in small_disk.iterdir()] == ["old"]
    assert (small_disk / "old").read_bytes() == b"old"
    assert list(system.iterdir()) == []
    journal.close()


class KilledError(BaseException):
    """Stands for an end in the middle of a step."""


@pytest.mark.parametrize("stage", ["link", "move", "done"])
def test_a_swap_leaves_a_file_there_at_every_moment_and_is_taken_back_from_any(
    tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "SOFTWARE"
    place.write_bytes(b"old")

    def killed(*_: object) -> None:
        raise KilledError

    journal = journal_of_plan(tmp_path)
    with open_tree(tmp_path) as tree:
        steps = Steps(tree, journal, (FOLDER, "1", ASIDE))
        temporary = steps.temporary(7, ("SOFTWARE",))
        os.write(file := tree.create(temporary), b"new")
        os.close(file)
        with monkeypatch.context() as patch:
            if stage != "done":
                patch.setattr(tree, stage, killed)
            with suppress(KilledError):
                steps.swap(7, temporary, ("SOFTWARE",))
        assert place.read_bytes() == (b"new" if stage == "done" else b"old")
        assert steps.undo(journal.steps()) == []
    assert place.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["SOFTWARE"]
    journal.close()


def test_a_swap_that_somebody_wrote_over_is_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    journal = journal_of_plan(tmp_path)
    with open_tree(tmp_path) as tree:
        steps = Steps(tree, journal, (FOLDER, "1", ASIDE))
        temporary = steps.temporary(7, ("f",))
        os.close(tree.create(temporary))
        steps.swap(7, temporary, ("f",))
        (tmp_path / "f").write_bytes(b"somebody's own")
        left = steps.undo(journal.steps())
    assert any("it was changed since, and stays" in each for each in left)
    assert (tmp_path / "f").read_bytes() == b"somebody's own"
    assert (tmp_path / FOLDER / "1" / ASIDE / "7").read_bytes() == b"old"
    journal.close()


def test_where_files_have_one_name_only_a_swap_moves_the_old_one_away_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    journal = journal_of_plan(tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "no second names here")

    with open_tree(tmp_path) as tree:
        steps = Steps(tree, journal, (FOLDER, "1", ASIDE))
        temporary = steps.temporary(7, ("f",))
        os.close(tree.create(temporary))
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", refused)
            steps.swap(7, temporary, ("f",))
        assert (tmp_path / "f").read_bytes() == b""
        assert steps.undo(journal.steps()) == []
    assert (tmp_path / "f").read_bytes() == b"old"
    journal.close()
