"""The journal of a restore: plan, steps, and how each task ended; SQLite, one folder for each run.

It lies in the target (``TARGET/.coldstate-restore/1/``), beside the files that the run moved aside: a rename keeps all
that a file has, and works on one file system only; so an undo needs nothing but the target, wherever it is mounted.
Each commit reaches the system before the step that it tells of: a killed run goes on where it was. What a power cut may
take is the end of the journal, and then a resume finds at the target what it was about to write.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from extractor.errors import CorruptStoreError
from extractor.restore.tasks import SETTLED, Deed, End, Spot, Step, Task
from extractor.store.catalog import translated
from extractor.store.tree import Parts

FOLDER = ".coldstate-restore"
DATABASE = "journal.sqlite"
ASIDE = "aside"
FORMAT = 2
JOURNAL = "the journal"
BATCH = 2000
_DRIVE = "CASE WHEN substr(target, 2, 1) = x'3a' THEN substr(target, 1, 2) ELSE x'' END"
"""SQL for the letter that names below the target begin with, empty for the system drive."""
WHOLE = "spot = ''"
"""SQL for tasks of a file or folder, not of what lies in one."""
_SCHEMA = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, object INTEGER NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, target BLOB NOT NULL,
    deed TEXT NOT NULL, why TEXT NOT NULL, conflict TEXT NOT NULL, size INTEGER NOT NULL, first INTEGER NOT NULL,
    state TEXT NOT NULL, detail TEXT NOT NULL, spot TEXT NOT NULL
) STRICT;
CREATE INDEX tasks_first ON tasks (first) WHERE first != 0;
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, kind TEXT NOT NULL, path BLOB NOT NULL, aside BLOB NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_task ON steps (task);
"""
_ALONE = "PRAGMA locking_mode = EXCLUSIVE"
"""No shared memory is needed then, which not every file system has."""
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
)
_NO_NAMES = frozenset({"", ".", ".."})
_Row = TypeVar("_Row")


class Journal:
    """An open journal; sqlite3's errors leave as StoreError (72) or CorruptStoreError (42)."""

    def __init__(self, connection: sqlite3.Connection, place: Path) -> None:
        self._connection = connection
        self.place = place
        self._waiting: list[tuple[Any, ...]] = []
        connection.row_factory = sqlite3.Row

    # --- the plan ---------------------------------------------------------------------------------

    def add(self, task: Task) -> None:
        """Keep a task of the plan; ``commit`` makes it last."""
        state = SETTLED.get(task.deed, End.OPEN)
        self._waiting.append(
            (
                task.id, task.object, task.kind, task.source, _packed(task.target), task.deed.value, task.why,
                task.conflict, task.size, task.first, state.value, task.detail, _spelled(task.spot),
            )
        )  # fmt: skip
        if len(self._waiting) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        with translated(self.place, JOURNAL):
            marks = ", ".join("?" * 13)
            self._connection.executemany(f"INSERT INTO tasks VALUES ({marks})", self._waiting)  # noqa: S608
            self._waiting.clear()

    def commit(self) -> None:
        """Have the system take all that was said."""
        self._flush()
        with translated(self.place, JOURNAL):
            self._connection.commit()

    def tasks(self, where: str = "1", most: int = -1) -> Iterator[Task]:
        """Yield tasks in the plan's order, ``most`` of them; ``where`` is SQL about columns of ``tasks``."""
        self._flush()
        with translated(self.place, JOURNAL):
            rows = self._connection.execute(
                f"SELECT * FROM tasks WHERE {where} ORDER BY id LIMIT {most}"  # noqa: S608
            )
            yield from (self._read(_task, row) for row in rows)

    def _read(self, make: Callable[[Any], _Row], row: sqlite3.Row) -> _Row:
        """Return what a row tells of; raise CorruptStoreError for what no run wrote: a target may be planted."""
        try:
            return make(row)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise CorruptStoreError(
                f"{self.place}: a row of the journal makes no sense: {error}"
            ) from error

    def task(self, number: int) -> Task | None:
        """Return one task."""
        return next(self.tasks(f"id = {int(number)}"), None)

    def sums(self, where: str = "1") -> dict[tuple[Deed, End], tuple[int, int]]:
        """Return (deed, end) -> tasks and bytes, of the tasks that ``where`` (SQL) speaks of."""
        self._flush()
        with translated(self.place, JOURNAL):
            rows = self._connection.execute(
                f"SELECT deed, state, count(*), sum(size) FROM tasks WHERE {where}"  # noqa: S608
                " GROUP BY deed, state"
            )
            return {
                (self._read(Deed, deed), self._read(End, state)): (n, size)
                for deed, state, n, size in rows
            }

    def ends(self) -> dict[End, int]:
        """Return how many objects of the store ended how."""
        self._flush()
        with translated(self.place, JOURNAL):
            rows = self._connection.execute(
                "SELECT state, count(*) FROM tasks WHERE object != 0 GROUP BY state"
            )
            return {self._read(End, state): count for state, count in rows}

    def rooms(self, deeds: Sequence[str]) -> list[tuple[str, int, int]]:
        """Return first name of the places -> bytes and files that are still to be written, for a ``D:`` only."""
        self._flush()
        marks = ", ".join("?" * len(deeds))
        with translated(self.place, JOURNAL):
            rows = self._connection.execute(
                f"SELECT {_DRIVE}, sum(size), count(*) FROM tasks WHERE {WHOLE}"  # noqa: S608
                f" AND deed IN ({marks}) AND state IN ('open', 'begun') GROUP BY 1",
                deeds,
            )
            return [(os.fsdecode(name), size, count) for name, size, count in rows]

    # --- the work ---------------------------------------------------------------------------------

    def end(self, task: int, state: End, detail: str = "") -> None:
        """Say how a task ended, or that it begins; its place among the commits is the caller's."""
        with translated(self.place, JOURNAL):
            self._connection.execute(
                "UPDATE tasks SET state = ?, detail = ? WHERE id = ?", (state.value, detail, task)
            )

    def end_all(self, holder: int, state: End, detail: str = "") -> None:
        """Say how all tasks ended whose settings lie in one file, but for those that did already."""
        with translated(self.place, JOURNAL):
            self._connection.execute(
                "UPDATE tasks SET state = ?, detail = ? WHERE first = ? AND spot != '' AND state = 'open'",
                (state.value, detail, holder),
            )

    def step(self, step: Step, *, later: bool = False) -> int:
        """Write down a step that is about to be made, at once, or with the next ``commit``; return its number."""
        row = (
            step.task, step.kind, _packed(step.path), _packed(step.aside),
            _signed(step.inode), step.size, step.modified,
        )  # fmt: skip
        with translated(self.place, JOURNAL):
            done = self._connection.execute(
                "INSERT INTO steps VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row
            )
            if not later:
                self._connection.commit()
        return done.lastrowid or 0

    def steps(self, task: int | None = None) -> Iterator[Step]:
        """Yield the steps of a task, or of all, the last first."""
        where, values = ("WHERE task = ?", (task,)) if task is not None else ("", ())
        with translated(self.place, JOURNAL):
            rows = self._connection.execute(
                f"SELECT * FROM steps {where} ORDER BY id DESC",  # noqa: S608
                values,
            ).fetchall()
        yield from (self._read(_step, row) for row in rows)

    def forget(self, step: int) -> None:
        """Take a step out that was undone."""
        with translated(self.place, JOURNAL):
            self._connection.execute("DELETE FROM steps WHERE id = ?", (step,))

    # --- the run ----------------------------------------------------------------------------------

    def tell(self, facts: Mapping[str, object]) -> None:
        """Keep what there is to say of the run."""
        with translated(self.place, JOURNAL):
            self._connection.executemany(
                "INSERT OR REPLACE INTO run VALUES (?, ?)",
                ((name, json.dumps(value, ensure_ascii=True)) for name, value in facts.items()),
            )

    def told(self, name: str) -> Any:  # noqa: ANN401 (plain values of JSON)
        """Return what was kept of the run, None where nothing was."""
        with translated(self.place, JOURNAL):
            row = self._connection.execute("SELECT value FROM run WHERE name = ?", (name,))
            found = row.fetchone()
        return self._read(lambda row: json.loads(row[0]), found) if found else None

    def copy_to(self, other: Journal) -> None:
        """Have another journal hold all that this one does."""
        with translated(other.place, JOURNAL):
            self._connection.backup(other._connection)
            other._connection.commit()

    def close(self) -> None:
        """Close it; what was not committed is gone."""
        self._connection.close()


def open_journal(path: Path) -> Journal:
    """Open a journal, new where there is none; raise StoreError (72) or CorruptStoreError (42)."""
    with translated(path, JOURNAL):
        new = not path.exists() or not path.stat().st_size
        connection = sqlite3.connect(path)
        try:
            connection.execute(_ALONE)
            if not new:
                _refuse_other_schema(connection, path)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            if new:
                _create(connection)
        except BaseException:
            connection.close()
            raise
    return Journal(connection, path)


def journal_of_plan(place: Path) -> Journal:
    """Return a journal that is gone when it is closed; it spills to the disk where the plan is long."""
    connection = sqlite3.connect("")
    _create(connection)
    return Journal(connection, place)


def _create(connection: sqlite3.Connection) -> None:
    connection.executescript(f"{_SCHEMA} PRAGMA user_version = {FORMAT}")


def _refuse_other_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise CorruptStoreError (42) for other tables than ours: a trigger or view would do what it likes."""
    with closing(sqlite3.connect(":memory:")) as model:
        _create(model)
        if _definitions(connection) != _definitions(model):
            raise CorruptStoreError(f"{path}: it is no journal of format {FORMAT} of a restore")


def _definitions(connection: sqlite3.Connection) -> list[object]:
    version = connection.execute("PRAGMA user_version").fetchall()
    return (
        version + connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    )


def _packed(parts: Parts) -> bytes:
    return b"/".join(map(os.fsencode, parts))


def _parts(packed: bytes) -> Parts:
    """Return names; raise ValueError for what is none, which a planted journal may say."""
    names = tuple(map(os.fsdecode, packed.split(b"/"))) if packed else ()
    if _NO_NAMES.intersection(names) or b"\0" in packed:
        raise ValueError(f"{packed[:64]!a} is no place")
    return names


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _spelled(spot: Spot | None) -> str:
    return json.dumps([spot.keys, spot.value]) if spot else ""


def _spot(text: str) -> Spot | None:
    if not text:
        return None
    keys, value = json.loads(text)
    return Spot(tuple(keys), value)


def _task(row: sqlite3.Row) -> Task:
    """Return a task; raise ValueError for what no plan has."""
    target, deed, state = _parts(row["target"]), Deed(row["deed"]), End(row["state"])
    if state in {End.OPEN, End.BEGUN} and (deed in SETTLED or not target):
        raise ValueError("nothing is to be done")
    if not all(isinstance(row[name], int) for name in ("object", "size", "first")):
        raise ValueError("it has no numbers")
    return Task(
        row["id"], row["object"], row["kind"], row["source"], target, deed, row["why"],
        row["conflict"], row["size"], row["first"], state, row["detail"], _spot(row["spot"]),
    )  # fmt: skip


def _step(row: sqlite3.Row) -> Step:
    inode = row["inode"] & (1 << 64) - 1
    return Step(
        row["id"], row["task"], row["kind"], _parts(row["path"]), _parts(row["aside"]), inode, row["size"],
        row["modified"],
    )  # fmt: skip
