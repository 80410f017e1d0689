"""$MFT -> Table: what all records say, as columns; no directory's index is asked, so a lost index loses no file.

The $MFT is read in slices, each parsed at once (``slices``); a record that is out of the ordinary goes through
``records`` alone. A bad record is a Damage and the reading goes on; one that cannot be read costs no neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.columns import (
    FILE,
    FOLDER,
    HOLDS,
    NAME,
    PLAIN,
    STREAM,
    Column,
    offsets,
)
from extractor.filesystems.ntfs.records import (
    DIRECTORY,
    FILE_NAME,
    IN_USE,
    NUMBER,
    REPARSE_POINT,
    FileName,
    decode_name,
    fix_up,
    parse_attribute,
    parse_file_name,
    parse_header,
    spans,
)
from extractor.filesystems.ntfs.slices import MAGIC, Slice, parse_slice
from extractor.model import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.filesystems.ntfs.mft import Mft

SLICE = 4 << 20
"""Bytes of the $MFT that are parsed at once."""
REUSE = np.uint64(48)
"""The bit of a file reference where its sequence number begins."""
DESCRIPTORS = 16 << 20
"""Bytes of files' own descriptors that are kept; files with further ones are not plain."""
FIRST_FILE = 24
"""Records below are the file system's own, or kept for it; unused ones carry no name."""


@dataclass(slots=True)
class Table:
    """What all records of a volume say. ``files`` is by record number; see ``columns``."""

    files: Column
    names: Column
    """By record number; of one file in the order of the records that hold them."""
    streams: Column
    name_text: bytearray
    stream_text: bytearray
    pairs: bytearray
    """All mapping pairs of plain files."""
    descriptors: list[bytes]
    """The different security descriptors that plain files keep in themselves."""
    extensions: dict[int, list[int]]
    """File reference of a base record -> numbers of the further records of that file, in order."""
    damage: list[Damage]

    def sequence(self, number: int) -> int | None:
        """Return the sequence number of a base record in use, None when there is none of that number."""
        if number >= len(self.files) or not self.files["state"][number] & HOLDS:
            return None
        return int(self.files["sequence"][number])


def read_table(mft: Mft) -> Table:
    """Return what all records in use say; no record's state ends the reading."""
    return _Reader(mft).read()


class _Growing:
    """Rows that come slice by slice. The array grows where it lies, so that no second copy of it is ever in memory."""

    def __init__(self, kind: npt.DTypeLike) -> None:
        self._rows = np.zeros(0, kind)
        self.count = 0

    def add(self, rows: Column) -> None:
        """Add rows at the end."""
        end = self.count + len(rows)
        if end > len(self._rows):
            self._rows.resize(end + end // 8, refcheck=False)
        self._rows[self.count : end] = rows
        self.count = end

    def whole(self) -> Column:
        """Return all rows; none can be added any more."""
        self._rows.resize(self.count, refcheck=False)
        return self._rows


class _Reader:
    """Gathers what slices and single records give."""

    def __init__(self, mft: Mft) -> None:
        self.damage: list[Damage] = []
        self._mft = mft
        self._in_use = mft.in_use()
        self._files = np.zeros(max(mft.count, FIRST_FILE), FILE)
        self._names, self._streams = _Growing(NAME), _Growing(STREAM)
        self._name_text, self._stream_text, self._pairs = bytearray(), bytearray(), bytearray()
        self._descriptors: dict[bytes, int] = {}
        self._descriptors_held = 0
        self._holders, self._references = _Growing(np.uint32), _Growing(np.uint64)
        """For each name: number of the record that holds it, reference of its base record."""
        self._further: list[tuple[int, int]] = []
        """Number of an extension record, reference of its base record."""
        self._tags: list[Column] = [np.zeros((3, 0), np.uint64)]
        """For each reparse point: the record that holds it, the reference of its base record, its tag."""

    def read(self) -> Table:
        """Read the whole $MFT."""
        for first, raw in self._slices():
            self._take(first, raw)
        return self._table()

    def _slices(self) -> Iterator[tuple[int, bytes]]:
        """Yield the $MFT in order; a slice that cannot be read is halved until only bad records are left out."""
        count = self._mft.count
        step = max(SLICE // self._mft.boot.record_size, 1)
        todo = [(first, min(step, count - first)) for first in range(0, count, step)][::-1]
        while todo:
            first, count = todo.pop()
            try:
                raw = self._mft.raw(first, count)
            except DamagedError as error:
                if count > 1:
                    half = count // 2
                    todo += [(first + half, count - half), (first, half)]
                elif self._in_use[first]:
                    self.damage.append(Damage(first, str(error)))
            else:
                yield first, raw

    # --- one slice ----------------------------------------------------------------------------

    def _take(self, first: int, raw: bytes) -> None:
        """Take a slice that begins with record ``first``."""
        size = self._mft.boot.record_size
        found = parse_slice(raw, size)
        here = self._files[first : first + len(raw) // size]
        self._take_records(first, here, found)
        self._take_streams(first, here, found)
        self._take_descriptors(here, found)
        bases = np.zeros(len(here), np.uint64)
        own = (
            found.rows.astype(np.uint64) + np.uint64(first)
            | found.sequence.astype(np.uint64) << REUSE
        )
        bases[found.rows] = np.where(found.base != 0, found.base, own)
        rows = found.names["record"].astype(np.int64)
        self._add_names(found.names, found.name_text, rows + first, bases[rows])
        rows, tags = found.tags
        columns = [rows + first, bases[rows], tags]
        self._tags.append(np.stack([each.astype(np.uint64) for each in columns]))
        for row in self._of_concern(first, raw, found.odd):
            self._take_odd(first + row, raw[row * size : (row + 1) * size])

    def _take_records(self, first: int, here: Column, found: Slice) -> None:
        own = found.base == 0
        here["state"][found.rows[own]] = found.state[own]
        here["sequence"][found.rows[own]] = found.sequence[own]
        further = zip(found.rows[~own].tolist(), found.base[~own].tolist(), strict=True)
        self._further += [(first + row, base) for row, base in further]
        here["state"][found.plain] |= PLAIN
        for name in ("attributes", "security", "times"):
            here[name][found.plain] = found.facts[name]

    def _take_streams(self, first: int, here: Column, found: Slice) -> None:
        rows = found.streams
        counts = np.bincount(rows["record"], minlength=len(here))
        here["stream"][found.plain] = (self._streams.count + offsets(counts))[found.plain]
        here["streams"][found.plain] = counts[found.plain]
        rows["record"] += np.uint32(first)
        rows["place"][rows["resident"] == 0] += np.uint64(len(self._pairs))
        rows["text"] += np.uint64(len(self._stream_text))
        self._streams.add(rows)
        self._stream_text += found.stream_text.tobytes()
        self._pairs += found.pairs.tobytes()

    def _take_descriptors(self, here: Column, found: Slice) -> None:
        """Keep one copy of each descriptor: where files have their own, most have the same as their neighbour."""
        ends = np.cumsum(found.owned)
        joined, begin, known = found.descriptors.tobytes(), 0, []
        last, number = None, 0
        for end in ends.tolist():
            raw = joined[begin:end]
            if raw != last:
                last, number = raw, self._descriptor(raw)
            known.append(number)
            begin = end
        here["own"][found.owners] = known
        here["state"][found.owners[np.array(known, int) == 0]] &= ~np.uint8(PLAIN)

    def _descriptor(self, raw: bytes) -> int:
        """Return the number of a descriptor, from 1; 0 when there is no room for it."""
        number = self._descriptors.get(raw, 0)
        if not number and self._descriptors_held + len(raw) <= DESCRIPTORS:
            self._descriptors_held += len(raw)
            number = self._descriptors[raw] = len(self._descriptors) + 1
        return number

    def _add_names(self, rows: Column, text: Column, holders: Column, bases: Column) -> None:
        rows["record"] = bases & NUMBER
        rows["text"] += np.uint64(len(self._name_text))
        self._names.add(rows)
        self._name_text += text.tobytes()
        self._holders.add(holders)
        self._references.add(bases)

    # --- odd records --------------------------------------------------------------------------

    def _of_concern(self, first: int, raw: bytes, odd: Column) -> list[int]:
        """Return those odd rows that may have been a file: free records and the reserved ones are often blank."""
        size = self._mft.boot.record_size
        magic = np.frombuffer(raw, "<u4").reshape(-1, size // 4)[odd, 0]
        blank = (magic == 0) & (odd + first < FIRST_FILE)
        kept: list[int] = odd[(magic == MAGIC) | (self._in_use[odd + first] & ~blank)].tolist()
        return kept

    def _take_odd(self, number: int, raw: bytes) -> None:
        """Take a record alone: what comes before the first damage in it counts."""
        names: list[FileName] = []
        base = 0
        try:
            record = fix_up(raw)
            header = parse_header(record)
            if not header.flags & IN_USE:
                return
            base = header.base or number | header.sequence << 48
            if header.base:
                self._further.append((number, base))
            else:
                self._files["sequence"][number] = header.sequence
                folder = FOLDER if header.flags & DIRECTORY else 0
                self._files["state"][number] = HOLDS | folder
            for kind, start, length in spans(record, header):
                self._take_attribute(number, base, kind, record[start : start + length], names)
        except DamagedError as error:
            if self._in_use[number]:
                self.damage.append(_damage(number, raw, str(error)))
        self._take_odd_names(number, base, names)

    def _take_attribute(
        self, number: int, base: int, kind: int, raw: bytes, names: list[FileName]
    ) -> None:
        if kind == FILE_NAME:
            names.append(parse_file_name(parse_attribute(raw).value))
        elif kind == REPARSE_POINT:
            value = self._mft.value([parse_attribute(raw)])
            tag = int.from_bytes(value[:4], "little")
            self._tags.append(np.array([[number], [base], [tag]], np.uint64))

    def _take_odd_names(self, number: int, base: int, names: Sequence[FileName]) -> None:
        if not names:
            return
        texts = [each.name.encode("utf-16-le", "surrogatepass") for each in names]
        sizes = np.array([len(each) for each in texts])
        rows = np.zeros(len(names), NAME)
        rows["parent"] = np.array([each.parent for each in names], np.uint64)
        rows["times"] = np.array([each.times for each in names], np.uint64)
        rows["namespace"] = [each.namespace for each in names]
        rows["units"], rows["text"] = sizes // 2, offsets(sizes)
        holders, bases = np.full(len(names), number), np.full(len(names), base, np.uint64)
        self._add_names(rows, np.frombuffer(b"".join(texts), np.uint16), holders, bases)

    # --- the whole ----------------------------------------------------------------------------

    def _table(self) -> Table:
        """Return the table; a record that belongs to no file, or has no name, is damage."""
        names, references = self._names.whole(), self._references.whole()
        held = self._held(references)
        extensions = self._extensions(names, references, ~held)
        names = _in_order(names, held, self._holders.whole())
        counts = np.bincount(names["record"], minlength=len(self._files))
        self._files["name"], self._files["names"] = offsets(counts), counts
        self._mark_tags()
        self._check_names()
        return Table(
            self._files, names, self._streams.whole(), self._name_text, self._stream_text,
            self._pairs, list(self._descriptors), extensions, self.damage,
        )  # fmt: skip

    def _held(self, references: Column) -> Column:
        """Return which references mean a base record in use that has their sequence number."""
        number = references & NUMBER
        inside = number < len(self._files)
        at = np.where(inside, number, 0).astype(np.int64)
        used = self._files["state"][at] & HOLDS != 0
        held: Column = inside & used & (self._files["sequence"][at] == references >> REUSE)
        return held

    def _extensions(self, names: Column, references: Column, lost: Column) -> dict[int, list[int]]:
        """Return the extensions by base record; those without one hold pieces of a file that nobody can name."""
        found: dict[int, list[int]] = {}
        for number, base in sorted(self._further):
            found.setdefault(base, []).append(number)
        bases = np.array(list(found), np.uint64)
        held = self._held(bases)
        self._files["state"][(bases[held] & NUMBER).astype(np.int64)] &= ~np.uint8(PLAIN)
        hints: dict[int, str] = {}
        for row in np.flatnonzero(lost).tolist():
            start, units = int(names["text"][row]), int(names["units"][row])
            name = decode_name(self._name_text[start : start + 2 * units])
            hints.setdefault(int(references[row]), name)
        for base in bases[~held].tolist():
            reason = f"it holds a part of file record {base & NUMBER}, which is gone"
            hint = hints.get(base, "")
            self.damage += [Damage(each, reason, hint) for each in found.pop(base)]
        return found

    def _mark_tags(self) -> None:
        holders, references, tags = np.concatenate(self._tags, axis=1)
        order = np.argsort(holders, kind="stable")
        order = order[self._held(references[order])]
        self._files["tag"][(references[order] & NUMBER).astype(np.int64)] = tags[order]

    def _check_names(self) -> None:
        nameless = (self._files["state"] & HOLDS != 0) & (self._files["names"] == 0)
        nameless[:FIRST_FILE] = False
        nameless[[each.record for each in self.damage]] = False
        for number in np.flatnonzero(nameless).tolist():
            self.damage.append(Damage(number, "it is in use but has no name"))


def _in_order(names: Column, held: Column, holders: Column) -> Column:
    """Return the names that belong to a file by its record and, within a file, by the record that holds them."""
    records = names["record"]
    if held.all() and (records[1:] >= records[:-1]).all() and (holders == records).all():
        return names  # the usual case: no extension, no odd record; it needs no copy
    rows = np.flatnonzero(held)
    return names[rows[np.lexsort((holders[rows], records[rows]))]]


def _damage(number: int, raw: bytes, reason: str) -> Damage:
    """Return the Damage with the name that a torn record still seems to hold: a hint for the reader, no more."""
    try:
        for kind, start, length in spans(raw, parse_header(raw)):
            if kind == FILE_NAME:
                found = parse_file_name(parse_attribute(raw[start : start + length]).value)
                return Damage(number, reason, found.name, found.parent & NUMBER)
    except DamagedError:
        return Damage(number, reason)  # nothing more is to be had from it
    return Damage(number, reason)
