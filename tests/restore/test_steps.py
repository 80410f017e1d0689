"""What gives way stays on its own volume, and comes back from there."""

from __future__ import annotations

import os
from pathlib import Path

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
