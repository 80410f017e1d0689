"""Journals that somebody planted in a target, and numbers of a catalog that lie: one sentence, nothing outside."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from extractor.cli.main import main
from extractor.restore.journal import DATABASE, FOLDER
from tests.restore.build import make_store, tree_of

CATALOG = "USMT/open-catalog/catalog.sqlite"
MAGIC = bytes.fromhex("d9d505f920a163d7")
"""Of a rollback journal (sqlite.org, "Database File Format", 3)."""
PAGE, LOCKED = 4096, 1 << 30


def restore(*words: object) -> int:
    return main(["restore", *map(str, words)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store") / "store")


def _run(target: Path) -> Path:
    folder = target / FOLDER / "1"
    folder.mkdir(parents=True)
    return folder


def _linked_folder(target: Path) -> None:
    (target / FOLDER).symlink_to(target.parent)


def _file(target: Path) -> None:
    (target / FOLDER).write_bytes(b"")


def _linked_run(target: Path) -> None:
    (target / FOLDER).mkdir()
    (target / FOLDER / "1").symlink_to(target.parent)


def _linked_journal(target: Path) -> None:
    (_run(target) / DATABASE).symlink_to(target.parent / "made by SQLite")


def _no_journal(target: Path) -> None:
    _run(target)


def _pipe(target: Path) -> None:
    os.mkfifo(_run(target) / DATABASE)


def _other_tables(target: Path) -> None:
    journal = sqlite3.connect(_run(target) / DATABASE)
    journal.executescript("CREATE TABLE run (name, value); PRAGMA user_version = 2")
    journal.close()


PLANTED: dict[str, tuple[Callable[[Path], None], int]] = {
    "the folder is a link": (_linked_folder, 27),
    "the folder is a file": (_file, 27),
    "the run is a link": (_linked_run, 42),
    "the journal is a link": (_linked_journal, 42),
    "there is no journal": (_no_journal, 42),
    "the journal is a pipe": (_pipe, 42),
    "the tables are others": (_other_tables, 42),
}


@pytest.mark.parametrize(("plant", "code"), PLANTED.values(), ids=PLANTED)
def test_what_is_planted_as_a_journal_is_refused(
    plant: Callable[[Path], None],
    code: int,
    store: Path,
    jail: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(jail)
    assert restore("--to", jail, "--undo") == code
    assert restore(store, "--to", jail) == code
    assert "internal error" not in capsys.readouterr().err
    assert tree_of(jail) == {}


def _done(store: Path, target: Path) -> Path:
    assert restore(store, "--to", target) in {0, 3}
    return target / FOLDER / "1" / DATABASE


def test_a_rollback_journal_beside_ours_deletes_no_file_of_this_host(
    store: Path, jail: Path
) -> None:
    database = _done(store, jail)
    victim = os.fsencode(jail.parent / "victim")
    head = (MAGIC + struct.pack(">5I", 0, 1, database.stat().st_size // PAGE, 512, PAGE)).ljust(
        512, b"\0"
    )
    name = (
        struct.pack(">I", LOCKED // PAGE + 1)
        + victim
        + struct.pack(">2I", len(victim), sum(victim))
        + MAGIC
    )
    database.with_name(f"{DATABASE}-journal").write_bytes(head + name)
    before = tree_of(jail)
    assert restore("--to", jail, "--undo") == 42
    assert tree_of(jail) == before


def forged(database: Path, statement: str, *values: object) -> None:
    """Change a database behind the back of its STRICT tables."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA writable_schema = ON")
    tables = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
    ).fetchall()
    _define(
        connection,
        [(name, sql.replace(" NOT NULL", "").replace(" STRICT", "")) for name, sql in tables],
    )
    connection.close()
    connection = sqlite3.connect(database)
    assert connection.execute(statement, values).rowcount
    connection.execute("PRAGMA writable_schema = ON")
    _define(connection, tables)
    connection.close()


def _define(connection: sqlite3.Connection, tables: list[tuple[str, str]]) -> None:
    for name, sql in tables:
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
    connection.commit()


STEPS = {
    "up": ("path", b"../victim"),
    "a NUL": ("path", b"a\0b"),
    "text": ("path", "words"),
    "nothing": ("path", None),
    "an inode": ("inode", "one"),
    "a kind": ("kind", "shred"),
}


@pytest.mark.parametrize(("column", "value"), STEPS.values(), ids=STEPS)
def test_a_step_that_makes_no_sense_ends_an_undo(
    column: str, value: object, store: Path, jail: Path
) -> None:
    forged(_done(store, jail), f"UPDATE steps SET {column} = ?", value)
    assert restore("--to", jail, "--undo") == 42


TASKS = {
    "up": ("target", b"../victim"),
    "nowhere": ("target", b""),
    "a deed": ("deed", "shred"),
    "a state": ("state", "shredded"),
    "a spot": ("spot", "{"),
    "a size": ("size", "much"),
}


@pytest.mark.parametrize(("column", "value"), TASKS.values(), ids=TASKS)
def test_a_task_that_makes_no_sense_ends_a_resume(
    column: str, value: object, store: Path, jail: Path
) -> None:
    journal = _done(store, jail)
    forged(journal, "DELETE FROM run WHERE name = 'state'")
    forged(journal, "UPDATE tasks SET state = 'open'")
    forged(journal, f"UPDATE tasks SET {column} = ?", value)
    assert restore(store, "--to", jail) == 42


@pytest.mark.parametrize("state", ["{", "[" * 100_000, b"\xff"])
def test_a_state_that_is_no_json_is_refused(state: str | bytes, store: Path, jail: Path) -> None:
    forged(_done(store, jail), "UPDATE run SET value = ? WHERE name = 'state'", state)
    assert restore("--to", jail, "--undo") == 42
    assert restore(store, "--to", jail) == 42


def test_a_state_that_is_a_list_is_none(store: Path, jail: Path) -> None:
    forged(_done(store, jail), "UPDATE run SET value = '[]' WHERE name = 'state'")
    assert restore(store, "--to", jail) in {0, 3}


LIES = {
    "a size beyond all": ("UPDATE streams SET size = -1", 3),
    "a file of no names": ("UPDATE objects SET link_count = NULL WHERE kind = 'file'", 0),
}


@pytest.mark.parametrize(("statement", "code"), LIES.values(), ids=LIES)
def test_a_number_of_the_catalog_that_lies_costs_its_object_only(
    statement: str, code: int, tmp_path: Path, jail: Path
) -> None:
    store = make_store(tmp_path / "store", {"a": b"a", "b": b"b"})
    forged(store / CATALOG, statement)
    assert restore(store, "--to", jail) == code


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_log_of_the_journal_that_is_a_link_is_refused(tmp_path: Path, ending: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    target = tmp_path / "out"
    store = make_store(tmp_path / "s" / "store", {"a.txt": b"a"})
    assert main(["restore", str(store), "--to", str(target)]) == 0
    (target / FOLDER / "1" / f"{DATABASE}{ending}").symlink_to(victim)
    assert main(["restore", "--to", str(target), "--undo"]) == 42
    assert victim.read_bytes() == b"precious"
