"""What of a run is safely in its store: an object's identity -> where its bytes lie and their hashes.

A SQLite file beside the unfinished store (``STORE/USMT.resume``). ``checkpoint`` first has the system write out the
bytes and then commits the rows that tell of them, so the journal never knows of bytes that a power cut could take; it
comes every now and then, so that it costs at most a twentieth of the time. It holds hashes in place of names: beside an
encrypted store it tells nobody what is in there.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from extractor.errors import StoreError, StoreLocationError
from extractor.model import ObjectKind, Record, WinPath
from extractor.seams import Captured
from extractor.store.catalog import translated
from extractor.store.place import BLOB

FORMAT = 1
SHARE = 20
"""A checkpoint may come when this many times what the last one took has gone by."""
PATIENCE = 0.25
"""Seconds between two checkpoints at least."""
_SCHEMA = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kept (id INTEGER PRIMARY KEY, identity BLOB NOT NULL, kept TEXT NOT NULL) STRICT;
CREATE TABLE places (stored_as TEXT NOT NULL, identity BLOB NOT NULL) STRICT;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, blob TEXT NOT NULL) STRICT;
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS kept_identity ON kept (identity)",
    "CREATE INDEX IF NOT EXISTS places_stored_as ON places (stored_as)",
)
"""Made when a run goes on: one that is not stopped only appends, which is several times as fast."""
_BELOW = "(SELECT identity FROM places WHERE stored_as = ?1 OR (stored_as > ?2 AND stored_as < ?3))"
_FORGET = tuple(f"DELETE FROM {table} WHERE identity IN {_BELOW}" for table in ("kept", "places"))  # noqa: S608


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an object's streams: by their names the hash, and where each lies."""

    stored_as: str
    digests: Mapping[str, str]
    streams_as: Mapping[str, str]

    @property
    def places(self) -> frozenset[str]:
        """Every place of the store that it needs."""
        return frozenset({self.stored_as, *self.streams_as.values()} - {""})


class Journal:
    """An open journal; errors of SQLite leave as StoreError (72)."""

    def __init__(self, connection: sqlite3.Connection, place: Path) -> None:
        self._connection = connection
        self._place = place
        self._new: list[tuple[bytes, Kept]] = []
        self._blobs: list[str] = []
        """What no checkpoint made durable yet."""
        self._ended: bool | None = None
        """After ``close``, whether it was empty."""
        self._due = time.monotonic() + PATIENCE
        with translated(place):
            (self._resumes,) = connection.execute("SELECT EXISTS (SELECT 1 FROM kept)").fetchone()
            if self._resumes:
                self._index()

    def _index(self) -> None:
        with self._connection as run:
            for statement in _INDEXES:
                run.execute(statement)

    def begin(self, identity: str) -> None:
        """Remember what this run reads and asks (``identity``); refuse to go on with another's store (27)."""
        with translated(self._place):
            run = self._connection.execute
            row = run("SELECT value FROM run WHERE name = 'identity'").fetchone()
            if row is None:
                run("INSERT INTO run VALUES ('identity', ?)", (identity,))
                self._connection.commit()
            elif row[0] != identity:
                raise StoreLocationError(
                    f"{self._place}: the run that did not end here read another image, or was given other rules,"
                    " users or keys; give it the same, or add /o (--overwrite) to begin anew"
                )

    def kept(self, item: Captured) -> Kept | None:
        """Return what an earlier run kept of an object; None when it has still to be copied."""
        if not self._resumes:
            return None
        with translated(self._place):
            row = self._connection.execute(
                "SELECT kept FROM kept WHERE identity = ? ORDER BY id DESC LIMIT 1",
                (identity_of(item),),
            ).fetchone()
        return Kept(*json.loads(row[0])) if row else None

    def add(self, identity: bytes, kept: Kept) -> None:
        """Remember an object (``identity_of``) whose bytes were handed to the system."""
        self._new.append((identity, kept))

    @property
    def is_empty(self) -> bool:
        """True when nothing was kept, now or before."""
        if self._ended is not None:
            return self._ended
        with translated(self._place):
            (kept,) = self._connection.execute("SELECT EXISTS (SELECT 1 FROM kept)").fetchone()
        return not (self._new or kept)

    @property
    def is_due(self) -> bool:
        """Tell whether it is time for a checkpoint."""
        return bool(self._new) and time.monotonic() >= self._due

    def checkpoint(self, sync: Callable[[], None], blobs: Iterable[Any] = ()) -> None:
        """Have the bytes written out (``sync``), then make durable what was added; ``blobs`` are JSON values.

        What cannot be made durable now is in the next one. After ``close`` there is nothing to do.
        """
        if self._ended is not None:
            return
        began = time.monotonic()
        sync()
        self._blobs.extend(map(_text, blobs))
        with translated(self._place), self._connection as run:
            run.executemany(
                "INSERT INTO blobs (blob) VALUES (?)", ((each,) for each in self._blobs)
            )
            run.executemany("INSERT INTO kept (identity, kept) VALUES (?, ?)", map(_row, self._new))
            run.executemany(
                "INSERT INTO places VALUES (?, ?)",
                ((each, identity) for identity, kept in self._new for each in _files(kept)),
            )
        self._new.clear()
        self._blobs.clear()
        now = time.monotonic()
        self._due = now + max(PATIENCE, SHARE * (now - began))

    def knows(self, stored_as: str) -> bool:
        """Tell whether the bytes at a place of the store are told of."""
        with translated(self._place):
            found = self._connection.execute(
                "SELECT 1 FROM places WHERE stored_as = ?", (stored_as,)
            )
            return found.fetchone() is not None

    def blobs(self) -> Iterator[Any]:
        """Yield what checkpoints were given as ``blobs``, in order."""
        with translated(self._place):
            for (text,) in self._connection.execute("SELECT blob FROM blobs ORDER BY id"):
                yield json.loads(text)

    def forget(self, stored_as: str) -> None:
        """Forget all objects at a place of the store and below it: they are about to be moved."""
        below = (stored_as, f"{stored_as}/", f"{stored_as}0")
        with translated(self._place), self._connection as run:  # all of it, or nothing
            for statement in (*_INDEXES, *_FORGET):
                run.execute(statement, below if statement in _FORGET else ())

    def close(self) -> None:
        """Close it; what no checkpoint made durable is forgotten."""
        if self._ended is None:
            with suppress(StoreError):
                self._ended = self.is_empty
            self._connection.close()
            self._ended = bool(self._ended)


def open_journal(path: str, place: Path) -> Journal:
    """Open the journal at ``path``, or begin one; ``place`` is what messages name.

    Raises StoreError (72); StoreLocationError (27) for one of another version.
    """
    with translated(place):
        connection = sqlite3.connect(path, isolation_level="DEFERRED")
        try:
            _prepare(connection, place)
            return Journal(connection, place)
        except BaseException:
            connection.close()
            raise


def _prepare(connection: sqlite3.Connection, place: Path) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {FORMAT};COMMIT;")
    elif version != FORMAT:
        raise StoreLocationError(
            f"{place}: another version of this program began this store; add /o (--overwrite) to begin anew"
        )


def _files(kept: Kept) -> Iterable[str]:
    """Return the files that an object needs; what lies in a WIM has none of its own."""
    return () if kept.stored_as.startswith(BLOB) else kept.places


def _row(each: tuple[bytes, Kept]) -> tuple[bytes, str]:
    identity, kept = each
    return identity, _text([kept.stored_as, dict(kept.digests), dict(kept.streams_as)])


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def identity_of(item: Captured) -> bytes:
    """Return 16 bytes that stand for an object: its name, the record it was read from, and its form if it is EFS."""
    selected, form = item.selected, item.efs.form if item.efs else ""
    entry = selected.entry
    file = (selected.volume, entry.record, entry.sequence)
    return _identity(selected.kind, selected.path, file, form)


def identity_in(record: Record) -> bytes:
    """Return the same for the row of an object that was stored."""
    file = (record.volume, record.record, record.sequence)
    return _identity(record.kind, record.path, file, record.efs.form if record.efs else "")


def _identity(kind: ObjectKind, path: WinPath, file: tuple[str, int, int], form: str) -> bytes:
    volume, record, sequence = file
    where = f"{kind}\0{volume}\0{record}\0{sequence}\0{form}\0{path}"
    return blake2b(where.encode("utf-8", "surrogatepass"), digest_size=16).digest()
