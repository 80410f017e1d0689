"""Table -> Names: entries made when they are asked for, the tree, orphans.

A DOS name joins the long name it belongs to; a hard link is an entry of its own; a row is a row of the table's names.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from extractor.filesystems.ntfs.columns import FILE, FOLDER, HOLDS, NAME
from extractor.filesystems.ntfs.frozen import constructor
from extractor.filesystems.ntfs.records import NUMBER, decode_name
from extractor.filesystems.ntfs.table import REUSE
from extractor.filesystems.ntfs.wof import TAG as WOF
from extractor.filesystems.tree import NAME_SURROGATE, climb, cut_circles, sort_key
from extractor.model import Damage, Entry, upcase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from extractor.filesystems.ntfs.columns import Column
    from extractor.filesystems.ntfs.table import Table

ROOT = 5
WIN32, DOS = 1, 2
HIDDEN = 0xFFFFFFFF
"""``alias`` of a name that is no entry: a DOS name beside its long name, a name of the root."""
LISTED = 1 << 15
"""Entries of directories that are kept once they were listed."""
FILE_HEAD = struct.Struct("<BHII")
"""state, sequence, tag, links"""
NAME_HEAD = struct.Struct("<IQIQB")
"""record, parent, alias, text, units"""
_entry = constructor(Entry)


class Names:
    """All names of a volume: by directory, by record, by name. A record's entries come in the order of the table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        _ensure_root(table.files)
        _join_aliases(table)
        self.root = Entry(ROOT, int(table.files["sequence"][ROOT]), ROOT, "", directory=True)
        self._files = table.files.view(np.uint8).data
        self._rows = table.names.view(np.uint8).data
        self._listed: dict[int, Sequence[Entry]] = {}
        self._held = 0
        self._first = lru_cache(maxsize=4096)(self._first_of)
        links = (table.files["tag"] & NAME_SURROGATE != 0) & (table.files["links"] > 0)
        links[ROOT] = False
        rows = np.flatnonzero(table.names["alias"] != HIDDEN)
        strays = _strays(table, rows, links)
        self._plant(np.delete(rows, strays))
        self._cut = self._circles(rows[strays], links)
        self.orphans: tuple[Entry, ...] = tuple(self._lost(rows[strays].tolist()))
        self._orphans = frozenset(self.orphans)
        links_of = frozenset(np.flatnonzero(links).tolist()) if self.orphans else frozenset()
        self.damage = [_orphaned(each, link=each.parent in links_of) for each in self.orphans]

    def _lost(self, strays: Iterable[int]) -> Iterator[Entry]:
        """Yield the tops of all that the root does not reach."""
        yield from map(self._entry, strays)
        for record in sorted(self._cut):
            yield from map(self._entry, self._below(record))

    # --- the tree -----------------------------------------------------------------------------

    def _plant(self, rows: Column) -> None:
        """Sort the rows of entries by directory, and keep where each directory begins."""
        parents = (self._table.names["parent"][rows] & NUMBER).astype(np.int64)
        order = np.argsort(parents, kind="stable")
        counts = np.bincount(parents, minlength=len(self._table.files))
        self._order = rows[order].astype(np.uint32)
        self._begin = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32).data

    def _below(self, record: int) -> list[int]:
        """Return the rows of the entries of a directory."""
        if not 0 <= record < len(self._begin) - 1:
            return []
        rows: list[int] = self._order[self._begin[record] : self._begin[record + 1]].tolist()
        return rows

    def _circles(self, strays: Column, links: Column) -> frozenset[int]:
        """Return the directories that are below themselves, each cut at its lowest record.

        Every directory is led to the one above until all have come to the root (or to a stray, which nothing is
        above): twice as far with each step. Only when some never arrive are they followed one by one.
        """
        files, names = self._table.files, self._table.names
        records = names["record"][self._order].astype(np.int64)
        folders = (files["state"][records] & FOLDER != 0) & ~links[records]
        above = np.arange(len(files))
        parents = (names["parent"][self._order] & NUMBER).astype(np.int64)
        above[records[folders]] = parents[folders]
        tops = names["record"][strays].astype(np.int64)
        above[tops] = above[ROOT] = ROOT
        for _ in range(len(files).bit_length()):
            before, above = above, above[above]
            if np.array_equal(above, before):
                break
        if bool((above[parents] == ROOT).all()):
            return frozenset()
        folder_tops = tops[files["state"][tops] & FOLDER != 0]
        below = _graph(records, parents, folders)
        starts = [ROOT, *folder_tops.tolist()]
        return frozenset(cut_circles(starts, np.unique(parents).tolist(), below))

    # --- entries ------------------------------------------------------------------------------

    def _entry(self, row: int) -> Entry:
        record, parent, alias, text, units = NAME_HEAD.unpack_from(self._rows, row * NAME.itemsize)
        state, sequence, tag, _ = FILE_HEAD.unpack_from(self._files, record * FILE.itemsize)
        name = decode_name(self._table.name_text[text : text + 2 * units])
        # WOF's tag is hidden by Windows itself: to every program the file is an ordinary one.
        return _entry(
            record, sequence, parent & NUMBER, name, bool(state & FOLDER),
            self._text(alias - 1) if alias else "", 0 if tag == WOF else tag,
        )  # fmt: skip

    def _text(self, row: int) -> str:
        _, _, _, text, units = NAME_HEAD.unpack_from(self._rows, row * NAME.itemsize)
        return decode_name(self._table.name_text[text : text + 2 * units])

    def children(self, record: int) -> Sequence[Entry]:
        """Return the entries of a directory, sorted."""
        found = self._listed.get(record)
        if found is None:
            rows = () if record in self._cut else self._below(record)
            found = tuple(sorted(map(self._entry, rows), key=sort_key))
            self._held += len(found)
            if self._held > LISTED:
                self._listed, self._held = {}, len(found)
            self._listed[record] = found
        return found

    def names(self, record: int) -> Sequence[Entry]:
        """Return all entries of a record."""
        if record == ROOT:
            return (self.root,)
        return tuple(self._entry(row) for row in self._rows_of(record))

    def links(self, record: int) -> int:
        """Return how many entries a record has."""
        if not 0 <= record < len(self._table.files):
            return 0
        return int(self._table.files["links"][record])

    def _rows_of(self, record: int) -> list[int]:
        if not 0 <= record < len(self._table.files):
            return []
        file = self._table.files[record]
        start, count = int(file["name"]), int(file["names"])
        shown = self._table.names["alias"][start : start + count] != HIDDEN
        rows: list[int] = (start + np.flatnonzero(shown)).tolist()
        return rows

    def _first_of(self, record: int) -> Entry | None:
        return next(iter(self.names(record)), None)

    def named(self, name: str) -> Sequence[Entry]:
        """Return all entries with a name, compared as Windows compares; by record."""
        wanted = upcase(name)
        table = self._table.names
        units = len(name.encode("utf-16-le", "surrogatepass")) // 2
        rows = np.flatnonzero((table["units"] == units) & (table["alias"] != HIDDEN))
        root = (self.root,) if not wanted else ()
        rows = rows[self._alike(rows, wanted, units)]
        found = (self._entry(row) for row in rows.tolist())
        return (*root, *(each for each in found if upcase(each.name) == wanted))

    def _alike(self, rows: Column, wanted: str, units: int) -> Column:
        """Return which of the rows may have that name: those that agree where it has ASCII."""
        text = np.frombuffer(self._table.name_text, "<u2")
        begin = (self._table.names["text"][rows] >> np.uint64(1)).astype(np.int64)
        alike = np.ones(len(rows), bool)
        pattern = np.frombuffer(wanted.encode("utf-16-le", "surrogatepass"), "<u2")
        for index in range(units):
            upper = int(pattern[index])
            if upper < 0x80:
                unit = text[begin + index]
                lower = upper + 32 if 65 <= upper <= 90 else upper
                # The upper case of a letter beyond ASCII may be in it: dotless i, long s.
                alike &= (unit == upper) | (unit == lower) | (unit >= 0x80)
        return alike

    def path(self, entry: Entry) -> tuple[str, ...]:
        """Return the names from the root; for an orphan ``$OrphanFiles``, the lost directory's record, its name."""
        return climb(entry, ROOT, self._first, self._orphans)


def _graph(records: Column, parents: Column, folders: Column) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for parent, record in zip(parents[folders].tolist(), records[folders].tolist(), strict=True):
        found.setdefault(parent, []).append(record)
    return found


def _ensure_root(files: Column) -> None:
    """Without its root record a volume still has a root: every file there points to record 5."""
    if not files["state"][ROOT] & HOLDS:
        files["sequence"][ROOT] = ROOT
    files["state"][ROOT] |= HOLDS | FOLDER


def _join_aliases(table: Table) -> None:
    """Fill ``alias`` of all names, and ``links`` of all files.

    A long and a DOS name belong together when they are names of one file in one directory; the last DOS name counts.
    """
    files, names = table.files, table.names
    shortened = np.zeros(len(files), bool)
    shortened[names["record"][names["namespace"] == DOS]] = True
    rows = np.flatnonzero(shortened[names["record"]] & np.isin(names["namespace"], (WIN32, DOS)))
    record, parent = names["record"][rows], names["parent"][rows]
    order = np.lexsort((parent, record))
    rows, record, parent = rows[order], record[order], parent[order]
    other = (record[1:] != record[:-1]) | (parent[1:] != parent[:-1])
    group = np.concatenate([[0], np.cumsum(other)])[: len(rows)]
    dos = names["namespace"][rows] == DOS
    short, long = np.zeros(len(rows), np.uint32), np.zeros(len(rows), bool)
    short[group[dos]] = rows[dos] + 1
    long[group[~dos]] = True
    names["alias"][rows] = np.where(dos, np.where(long[group], HIDDEN, 0), short[group])
    names["alias"][names["record"] == ROOT] = HIDDEN
    files["links"] = np.bincount(names["record"][names["alias"] != HIDDEN], minlength=len(files))
    files["links"][ROOT] = 1


def _strays(table: Table, rows: Column, links: Column) -> Column:
    """Return which rows have no parent, or one that is not the directory any more that the name was made for.

    Sequence 0 is not checked, nor the root's: its record is never used for anything else. A link has no children.
    """
    reference = table.names["parent"][rows]
    number, sequence = reference & NUMBER, reference >> REUSE
    inside = number < len(table.files)
    at = np.where(inside, number, 0).astype(np.int64)
    same = (sequence == 0) | (sequence == table.files["sequence"][at]) | (number == ROOT)
    adopted = inside & (table.files["state"][at] & FOLDER != 0) & same & ~links[at]
    return np.flatnonzero(~adopted)


def _orphaned(entry: Entry, *, link: bool) -> Damage:
    """Return the damage of an orphan: its own bytes are whole, its place is lost."""
    where = "a link" if link else "lost"
    reason = f"its directory (file record {entry.parent}) is {where}; its content is whole"
    # No parent: what has that record number now, if anything, is another file or folder.
    return Damage(entry.record, reason, entry.name)
