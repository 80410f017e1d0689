"""The catalog: SQLite, a row for every object with all that is known of it (columns: ``SCHEMA.md``).

It is written in one transaction, for a store that is not finished is never kept; ``rows`` gives it back in the order
of the manifest, so that memory does not grow with the number of objects.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError, StoreError
from extractor.model import EfsFile, Instruction, ObjectKind, Record, StreamInfo, printable
from extractor.store import columns
from extractor.store.columns import StoredObject
from extractor.store.failures import free_space

FORMAT = 2
"""``user_version`` of the database; it rises when a reader written for an older one would err."""

SCHEMA = """
CREATE TABLE objects (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, volume TEXT NOT NULL, user TEXT NOT NULL,
    path TEXT NOT NULL, path_utf16 BLOB NOT NULL, name_lengths TEXT NOT NULL,
    sort_key BLOB NOT NULL, exact_key BLOB NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    record INTEGER NOT NULL, sequence INTEGER NOT NULL, stored_as TEXT NOT NULL, short_name TEXT NOT NULL,
    attributes INTEGER, link_count INTEGER, object_id TEXT,
    si_created INTEGER, si_modified INTEGER, si_changed INTEGER, si_accessed INTEGER,
    fn_created INTEGER, fn_modified INTEGER, fn_changed INTEGER, fn_accessed INTEGER,
    sddl TEXT NOT NULL, security BLOB NOT NULL,
    reparse_tag INTEGER, reparse_data BLOB, reparse_target TEXT, reparse_target_utf16 BLOB,
    extended_attributes BLOB NOT NULL,
    pretended INTEGER NOT NULL, left_out TEXT NOT NULL
) STRICT;
CREATE TABLE "values" (
    object INTEGER PRIMARY KEY REFERENCES objects, name TEXT NOT NULL, name_utf16 BLOB NOT NULL,
    type INTEGER NOT NULL, data BLOB NOT NULL, provenance TEXT NOT NULL
) STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, object INTEGER NOT NULL REFERENCES objects, name TEXT NOT NULL, name_utf16 BLOB NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, stored_as TEXT NOT NULL,
    allocated INTEGER, valid INTEGER, resident INTEGER, compressed INTEGER, sparse INTEGER, encrypted INTEGER, wof TEXT
) STRICT;
CREATE TABLE runs (
    stream INTEGER NOT NULL REFERENCES streams, position INTEGER NOT NULL, "offset" INTEGER, length INTEGER NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE efs (
    object INTEGER PRIMARY KEY REFERENCES objects, form TEXT NOT NULL, size INTEGER NOT NULL, verdict TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TABLE efs_users (
    object INTEGER NOT NULL REFERENCES objects, position INTEGER NOT NULL, role TEXT NOT NULL, sid TEXT NOT NULL,
    name TEXT NOT NULL, thumbprint TEXT NOT NULL, PRIMARY KEY (object, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE instructions (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, user TEXT NOT NULL, component TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;
CREATE TABLE instruction_patterns (
    instruction INTEGER NOT NULL REFERENCES instructions, position INTEGER NOT NULL, type TEXT NOT NULL,
    pattern TEXT NOT NULL, PRIMARY KEY (instruction, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE manifest (header TEXT NOT NULL, trailer TEXT NOT NULL) STRICT;
"""
INDEXES = """
CREATE INDEX objects_order ON objects (sort_key, exact_key, kind, volume, record, sequence);
CREATE INDEX objects_identity ON objects (volume, record, sequence);
CREATE INDEX objects_stored_as ON objects (stored_as);
CREATE INDEX streams_object ON streams (object);
"""
"""Made when all rows are there: that is several times as fast as to keep them in order from the first."""
_FASTER = (
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
)
"""A crash leaves a store under its temporary name, which is thrown away: the journal need not survive it."""
_IN_ORDER = """
SELECT objects.*, "values".type AS value_type, efs.object IS NOT NULL AS is_efs,
    EXISTS (SELECT 1 FROM streams WHERE streams.object = objects.id AND length(name_utf16) > 0) AS has_named
FROM objects LEFT JOIN "values" ON "values".object = objects.id LEFT JOIN efs ON efs.object = objects.id
{where} ORDER BY {order}sort_key, exact_key, kind, volume, record, sequence, id
"""
_LINKS = """
SELECT path FROM objects
WHERE volume = ? AND record = ? AND sequence = ? AND kind = 'file' AND outcome != 'excluded'
ORDER BY sort_key, exact_key, kind, id
"""
_INSERT = "INSERT INTO {} VALUES ({})"
_FILLED = ("objects", '"values"', "streams", "runs", "efs", "efs_users")
"""Tables that grow with every object."""
TOGETHER = 500
"""Objects that are read together."""
BATCH = 2000
"""Objects whose rows are written together."""


class Catalog:
    """An open catalog; sqlite3's errors leave as StoreError.

    One that is being made keeps up to ``BATCH`` rows back; ``settle`` writes all of them, and then they can be read.
    """

    def __init__(self, connection: sqlite3.Connection, place: Path) -> None:
        self.connection = connection
        self.place = place
        connection.row_factory = sqlite3.Row
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _FILLED}
        self._objects = self._streams = 0

    def add(self, record: Record, streams_as: Mapping[str, str]) -> None:
        """Keep a row; ``streams_as`` maps the name of a stream to where its bytes lie in the store."""
        self._objects += 1
        key, rows = self._objects, self._rows
        rows["objects"].append((key, *columns.object_row(record)))
        for info, digest in columns.streams(record):
            self._add_stream(key, info, digest, streams_as.get(info.name, ""))
        if record.kind is ObjectKind.VALUE and record.value:
            rows['"values"'].append(columns.value_row(key, record.value))
        if record.efs:
            self._add_efs(key, record.efs)
        if len(rows["objects"]) >= BATCH or len(rows["runs"]) >= 10 * BATCH:
            self._write()

    def _add_stream(self, key: int, info: StreamInfo, digest: str, stored_as: str) -> None:
        self._streams += 1
        self._rows["streams"].append(
            (self._streams, *columns.stream_row(key, info, digest, stored_as))
        )
        self._rows["runs"] += [
            (self._streams, n, run.offset, columns.int64(run.length))
            for n, run in enumerate(info.runs)
        ]

    def _add_efs(self, key: int, efs: EfsFile) -> None:
        self._rows["efs"].append((key, efs.form, efs.size, efs.verdict, printable(efs.reason)))
        self._rows["efs_users"] += [
            (key, position, *map(printable, (user.role, user.sid, user.name, user.thumbprint)))
            for position, user in enumerate(efs.users)
        ]

    def _write(self) -> None:
        """Write the rows that were kept back."""
        with self.translated():
            for table, rows in self._rows.items():
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    self.connection.executemany(_INSERT.format(table, marks), rows)
                    rows.clear()

    def settle(self) -> None:
        """Write all rows that were added, and the indexes: from now on it is read."""
        self._write()
        with self.translated():
            for statement in filter(str.strip, INDEXES.split(";")):
                self.connection.execute(statement)

    def efs(self, key: int) -> tuple[sqlite3.Row, list[sqlite3.Row]] | None:
        """Return what is known of an EFS file and of who can open it; None when the object is none."""
        with self.translated():
            run = self.connection.execute
            row = run("SELECT * FROM efs WHERE object = ?", (key,)).fetchone()
            users = run("SELECT * FROM efs_users WHERE object = ? ORDER BY position", (key,))
            return (row, users.fetchall()) if row else None

    def instruct(self, instructions: Iterable[Instruction]) -> None:
        """Keep what the rules ask of a restore, in the order given."""
        with self.translated():
            for each in instructions:
                words = (each.kind, each.text, each.scope, each.component, each.source)
                key = self._insert("instructions", tuple(map(printable, words)))
                self.connection.executemany(
                    _INSERT.format("instruction_patterns", "?, ?, ?, ?"),
                    (
                        (key, n, kind, printable(text))
                        for n, (kind, text) in enumerate(each.patterns)
                    ),
                )

    def changed_values(self) -> Iterator[str]:
        """Yield the paths of values whose data has another SHA-256 than their object."""
        with self.translated():
            rows = self.connection.execute(
                'SELECT path, sha256, data FROM objects JOIN "values" ON object = objects.id'
            )
            for path, digest, data in rows:
                if sha256(data).hexdigest() != digest:
                    yield path

    def _insert(self, table: str, row: tuple[Any, ...]) -> int:
        marks = ", ".join("?" * (len(row) + 1))
        return self.connection.execute(_INSERT.format(table, marks), (None, *row)).lastrowid or 0

    def move(self, old: str, new: str) -> None:
        """Note that a file or directory of the store has another name, and all below it."""
        with self.translated():
            self.connection.execute(
                "UPDATE objects SET stored_as = ?1 || substr(stored_as, ?3)"
                " WHERE stored_as = ?2 OR (stored_as > ?2 || '/' AND stored_as < ?2 || '0')",
                (new, old, len(old) + 1),
            )

    def rows(self) -> Iterator[sqlite3.Row]:
        """Yield the objects in the order of the manifest."""
        with self.translated():
            yield from self.connection.execute(_IN_ORDER.format(where="", order=""))

    def named_streams(self, key: int) -> list[sqlite3.Row]:
        """Return the named streams of an object, by exact name."""
        with self.translated():
            return self.connection.execute(
                "SELECT * FROM streams WHERE object = ? AND length(name_utf16) > 0 ORDER BY name_utf16, id",
                (key,),
            ).fetchall()

    def links(self, row: sqlite3.Row) -> list[str]:
        """Return the paths, for reading, of all chosen names of a file; empty when there is one."""
        with self.translated():
            identity = (row["volume"], row["record"], row["sequence"])
            found = self.connection.execute(_LINKS, identity).fetchall()
        return [each["path"] for each in found] if len(found) > 1 else []

    def objects(self, where: str = "", order: str = "") -> Iterator[StoredObject]:
        """Yield the objects whole, in the order of the manifest; ``where`` is SQL about columns of ``objects``.

        ``order`` is SQL that comes before that order.

        Raises CorruptStoreError for a row that no run wrote.
        """
        before = {"where": where and f"WHERE {where}", "order": order and f"{order}, "}
        with self.translated():
            found = self.connection.execute(_IN_ORDER.format_map(before))
            while rows := found.fetchmany(TOGETHER):
                streams = self._streams_of([row["id"] for row in rows])
                for row in rows:
                    yield self._object(row, streams.get(row["id"], ()))

    def _streams_of(self, keys: list[int]) -> dict[int, list[sqlite3.Row]]:
        """Return the streams of objects, each one's in the order of their names."""
        marks = ", ".join("?" * len(keys))
        found: dict[int, list[sqlite3.Row]] = {}
        statement = (
            f"SELECT * FROM streams WHERE object IN ({marks}) ORDER BY object, name_utf16, id"  # noqa: S608
        )
        for row in self.connection.execute(statement, keys):
            found.setdefault(row["object"], []).append(row)
        return found

    def _object(self, row: sqlite3.Row, streams: Sequence[sqlite3.Row]) -> StoredObject:
        value = None
        if row["value_type"] is not None:
            find = 'SELECT * FROM "values" WHERE object = ?'
            value = self.connection.execute(find, (row["id"],)).fetchone()
        efs = self.efs(row["id"]) if row["is_efs"] else None
        try:
            return columns.object_of(row, streams, value, efs)
        except (ValueError, TypeError, AttributeError) as error:
            raise CorruptStoreError(
                f"{self.place}: row {row['id']} of the catalog makes no sense: {error}"
            ) from error

    def stored_directories(self) -> Iterator[tuple[str, int]]:
        """Yield ``stored_as`` and modification time (FILETIME) of the directories in the store."""
        with self.translated():
            yield from self.connection.execute(
                "SELECT stored_as, si_modified FROM objects WHERE kind = 'directory' AND outcome = 'stored'"
            )

    def close_book(self, header: str, trailer: str) -> None:
        """Keep the manifest's first and last line and commit."""
        with self.translated():
            self.connection.execute("INSERT INTO manifest VALUES (?, ?)", (header, trailer))
            self.connection.commit()

    def book(self) -> tuple[str, str]:
        """Return the manifest's first and last line."""
        with self.translated():
            row = self.connection.execute("SELECT header, trailer FROM manifest").fetchone()
        if row is None:
            raise CorruptStoreError(f"{self.place}: the catalog was never completed")
        return str(row["header"]), str(row["trailer"])

    def close(self) -> None:
        """Close the database; what was not committed is gone."""
        self.connection.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Translate sqlite3's errors."""
        with translated(self.place):
            yield


@contextmanager
def translated(place: Path, what: str = "the catalog") -> Iterator[None]:
    """Translate sqlite3's errors into StoreError (72), a damaged file into CorruptStoreError (42)."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{place}: {what} cannot be written or read: {error} ({free_space(place)})"
        ) from error
    except sqlite3.DatabaseError as error:
        raise CorruptStoreError(f"{place}: {what} is damaged: {error}") from error


def create_catalog(path: str, place: Path) -> Catalog:
    """Make a new catalog in the empty file at ``path``; ``place`` is what messages name. Raises StoreError."""
    with translated(place):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            for statement in _FASTER:
                connection.execute(statement)
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("BEGIN")
        except sqlite3.Error:
            connection.close()
            raise
    return Catalog(connection, place)


def open_catalog(path: Path) -> Catalog:
    """Open a finished catalog for reading only, leaving no trace; raise CorruptStoreError."""
    with translated(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            _refuse_other_schema(connection, path)
        except BaseException:
            connection.close()
            raise
    return Catalog(connection, path)


def catalog_in(content: bytes, place: Path) -> Catalog:
    """Open a finished catalog that is in memory; raise CorruptStoreError."""
    with translated(place):
        connection = sqlite3.connect(":memory:")
        try:
            connection.deserialize(content)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            _refuse_other_schema(connection, place)
        except BaseException:
            connection.close()
            raise
    return Catalog(connection, place)


def _refuse_other_schema(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != FORMAT:
        raise CorruptStoreError(f"{path}: catalog of format {found}, this program reads {FORMAT}")
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(SCHEMA + INDEXES)
        if _definitions(connection) != _definitions(model):
            raise CorruptStoreError(
                f"{path}: the tables of the catalog are not those of format {FORMAT}"
            )


def _definitions(connection: sqlite3.Connection) -> list[object]:
    return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
