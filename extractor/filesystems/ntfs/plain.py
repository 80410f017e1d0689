"""Plain files from the table's columns alone: one record, one $STANDARD_INFORMATION, nothing but names and streams.

What this says equals what ``file`` says of the same records, at a tenth of the time; nearly all files are plain.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from extractor.errors import DamagedError
from extractor.filesystems.memory import LateStream
from extractor.filesystems.ntfs.columns import FILE, NAME, PLAIN, STREAM
from extractor.filesystems.ntfs.frozen import constructor
from extractor.filesystems.ntfs.records import COMPRESSED, ENCRYPTED, NUMBER, SPARSE, decode_name
from extractor.filesystems.ntfs.runs import RunList, parse_pairs
from extractor.filesystems.ntfs.streams import open_runs
from extractor.model import FILE_ATTRIBUTE_DIRECTORY, Metadata, StreamInfo, Times

if TYPE_CHECKING:
    from collections.abc import Callable

    from extractor.filesystems.ntfs.mft import Mft
    from extractor.filesystems.ntfs.table import Table
    from extractor.model import Entry
    from extractor.seams import Stream

FILE_ROW = struct.Struct("<BHIIIIIIIII4Q")
NAME_ROW = struct.Struct("<4xQ4xQBx4Q")
"""parent, text, units, times"""
STREAM_ROW = struct.Struct("<4xQQHBBQBQH")
"""size, valid, flags, unit, resident, text, units, place, length"""

_metadata, _times, _stream_info = constructor(Metadata), constructor(Times), constructor(StreamInfo)


class PlainFiles:
    """Metadata and streams of plain files. What it cannot say it answers with None: the long way is asked then."""

    def __init__(self, mft: Mft, table: Table) -> None:
        self._mft = mft
        self._table = table
        self._files = table.files.view(np.uint8).data
        self._names = table.names.view(np.uint8).data
        self._streams = table.streams.view(np.uint8).data

    def _file(self, entry: Entry) -> tuple[int, ...] | None:
        """Return the row of a plain file as numbers (see FILE), None when it is not plain."""
        if not 0 <= entry.record < len(self._table.files):
            return None
        row = FILE_ROW.unpack_from(self._files, entry.record * FILE.itemsize)
        return row if row[0] & PLAIN and row[1] == entry.sequence else None

    def metadata(
        self, entry: Entry, describe: Callable[[int, bytes], tuple[bytes, str]]
    ) -> Metadata | None:
        """Return the metadata of a plain file; raise DamagedError.

        ``describe`` gives the descriptor, and its text, by security id and the file's own.
        """
        row = self._file(entry)
        if row is None:
            return None
        _, _, _, links, name, names, stream, streams, attributes, security, own = row[:11]
        descriptor, sddl = describe(security, self._table.descriptors[own - 1] if own else b"")
        name_times = self._name_times(entry, name, names)
        found = (self._stream(stream),) if streams == 1 else self._sorted(stream, streams)
        if found is None:
            return None
        return _metadata(
            attributes | FILE_ATTRIBUTE_DIRECTORY if entry.directory else attributes,
            _times(*row[11:]), name_times, found, descriptor, sddl, None, links, "", b"",
        )  # fmt: skip

    def _name_times(self, entry: Entry, first: int, count: int) -> Times:
        for row in range(first, first + count):
            parent, text, units, *times = NAME_ROW.unpack_from(self._names, row * NAME.itemsize)
            name = decode_name(self._table.name_text[text : text + 2 * units])
            same = parent & NUMBER == entry.parent and name == entry.name
            if same or entry.record == entry.parent:
                return _times(*times)
        raise DamagedError(f"its record holds no name {entry.name!r}")

    def _sorted(self, first: int, count: int) -> tuple[StreamInfo, ...] | None:
        """Return streams by name, None when two have the same: then they are pieces, or it is damage."""
        found = {each.name: each for each in map(self._stream, range(first, first + count))}
        return tuple(found[name] for name in sorted(found)) if len(found) == count else None

    def _stream(self, row: int) -> StreamInfo:
        size, valid, flags, _, resident, text, units, place, length = STREAM_ROW.unpack_from(
            self._streams, row * STREAM.itemsize
        )
        runs = NONE if resident else self._runs(size, place, length)
        return _stream_info(
            self._text(text, units),
            size, runs.allocated, valid, bool(resident), bool(flags & COMPRESSED),
            bool(flags & SPARSE), bool(flags & ENCRYPTED), "", runs.runs,
        )  # fmt: skip

    def _runs(self, size: int, place: int, length: int) -> RunList:
        pairs = self._table.pairs[place : place + length]
        runs = parse_pairs(pairs, self._mft.boot.cluster_size)
        runs.check(size, self._mft.volume.size)
        return runs

    def open(self, entry: Entry, name: str) -> Stream | None:
        """Open a stream of a plain file; raise DamagedError."""
        row = self._file(entry)
        if row is None:
            return None
        found = [each for each in range(row[6], row[6] + row[7]) if self._stream_name(each) == name]
        if len(found) != 1:
            return None
        size, valid, flags, unit, resident, _, _, place, length = STREAM_ROW.unpack_from(
            self._streams, found[0] * STREAM.itemsize
        )
        if flags & ENCRYPTED:
            return None
        if resident:
            return LateStream(size, lambda: self._mft.record(entry.record)[place : place + length])
        runs = self._runs(size, place, length).runs
        unit = self._mft.boot.cluster_size << min(unit, 32) if flags & COMPRESSED and unit else 0
        return open_runs(self._mft.volume, runs, size, valid, unit)

    def _stream_name(self, row: int) -> str:
        _, _, _, _, _, text, units, _, _ = STREAM_ROW.unpack_from(
            self._streams, row * STREAM.itemsize
        )
        return self._text(text, units)

    def _text(self, text: int, units: int) -> str:
        return decode_name(self._table.stream_text[text : text + 2 * units]) if units else ""


NONE = RunList()
