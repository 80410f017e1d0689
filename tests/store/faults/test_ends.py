"""The moments that went wrong once, each by itself: the last steps of a run, and a journal that tells half."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from extractor.errors import StoreError
from extractor.store.journal import Kept, open_journal
from extractor.store.place import open_place
from tests.store.faults.runs import (
    STORES,
    goes_on,
    has_older,
    is_final,
    manifest_digest,
    prepare,
    run,
)


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of each kind of store the manifest of a run that nothing disturbed."""
    found = {}
    for kind in ("directory", "wim"):
        folder = tmp_path_factory.mktemp(kind)
        run(kind, folder, resume=False, eager=False)
        found[kind] = manifest_digest(folder)
    return found


def failing(*_: object) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("kind", ["directory", "wim"])
@pytest.mark.parametrize("step", ["sync_tree", "os.fsync"])
def test_a_run_that_fails_when_all_is_written_can_be_resumed(
    kind: str, step: str, tmp_path: Path, digests: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"extractor.store.place.{step}", failing)
        with pytest.raises(StoreError) as caught:
            run(kind, tmp_path, resume=False, eager=False)
    assert (caught.value.exit_code, is_final(tmp_path), goes_on(tmp_path)) == (72, False, True)
    run(kind, tmp_path, resume=True, eager=False)
    assert manifest_digest(tmp_path) == digests[kind]


def test_the_older_store_is_back_when_the_new_one_cannot_have_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("replacing", tmp_path)
    monkeypatch.setattr("extractor.store.place.os.fsync", failing)
    with pytest.raises(StoreError):
        run("replacing", tmp_path, resume=False, eager=False)
    assert has_older(tmp_path)


def test_what_is_left_over_beside_a_complete_store_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = open_place(tmp_path, overwrite=False)
    monkeypatch.setattr("extractor.store.place._remove_journal", failing)
    made.complete()
    assert (tmp_path / "USMT").is_dir()


def lose_a_row(at: Path) -> None:
    """Lose a blob of the journal, as an interrupt between two lines of it could."""
    with sqlite3.connect(at / "USMT.resume") as connection:
        connection.execute("DELETE FROM blobs WHERE id = 4")
    connection.close()


def lose_the_file(at: Path) -> None:
    (at / "USMT.incomplete/store.wim").unlink()


def lose_the_end(at: Path) -> None:
    wim = at / "USMT.incomplete/store.wim"
    os.truncate(wim, wim.stat().st_size - 100)


@pytest.mark.parametrize("lose", [lose_a_row, lose_the_file, lose_the_end])
def test_blobs_that_are_not_there_any_more_are_copied_anew(
    lose: Callable[[Path], None], tmp_path: Path, digests: dict[str, str]
) -> None:
    prepare("resuming-wim", tmp_path)
    lose(tmp_path)
    for _ in range(2):  # what the first one adds to the journal is understood by the second
        with pytest.raises(KeyboardInterrupt):
            _stopped(tmp_path)
    run("wim", tmp_path, resume=True, eager=False)
    assert manifest_digest(tmp_path) == digests["wim"]


def _stopped(at: Path) -> None:
    store = STORES["wim"](at, resume=True)
    try:
        store.begin("run")
        raise KeyboardInterrupt
    finally:
        store.leave()


def test_what_could_not_be_forgotten_whole_is_remembered(tmp_path: Path) -> None:
    opened = open_journal(str(tmp_path / "journal"), tmp_path)
    opened.add(b"object", Kept("File/a", {}, {}))
    opened.checkpoint(lambda: None)
    run_sql = opened._connection.execute
    run_sql("CREATE TRIGGER no BEFORE DELETE ON places BEGIN SELECT RAISE(ABORT, 'stop'); END")
    with pytest.raises(StoreError):
        opened.forget("File/a")
    opened.checkpoint(lambda: None)
    assert opened.knows("File/a")
    assert run_sql("SELECT count(*) FROM kept").fetchone()[0] == 1
    opened.close()
    opened.checkpoint(failing)  # there is nothing to do any more
    assert not opened.is_empty
