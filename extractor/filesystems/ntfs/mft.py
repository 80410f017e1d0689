"""The $MFT as a file: opened through its own first record, that record's mirror, or the backup boot sector."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from extractor.errors import DamagedError, ImageError
from extractor.filesystems.ntfs.records import (
    ATTRIBUTE_LIST,
    BITMAP,
    DATA,
    NUMBER,
    Attribute,
    fix_up,
    parse_attribute,
    parse_header,
    spans,
)
from extractor.filesystems.ntfs.runs import RunList, join, mapping_pairs, parse_pairs
from extractor.filesystems.ntfs.streams import RunStream
from extractor.model import Damage
from extractor.volumes.volume import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.filesystems.ntfs.columns import Column
    from extractor.seams import Readable
    from extractor.volumes.ntfs_boot import NtfsBoot

LARGEST_VALUE = 16 << 20
"""Bytes of an attribute that is read as one value (list, reparse data, descriptor, extended attributes)."""

AHEAD = 16
"""Records that are read together when one is asked for."""
RECORDS = 8 * LARGEST_VALUE
"""Records that are read: as many as a bitmap of that size can tell of, a thousand times what volumes have."""
_LIST_ENTRY = struct.Struct("<IHBBQQH")


class Mft:
    """The file records of a volume by number."""

    def __init__(self, volume: Readable, boot: NtfsBoot) -> None:
        self.volume = volume
        self.boot = boot
        self.damage: list[Damage] = []
        """What was wrong with the table itself, and how it was opened all the same."""
        self.count = 0
        """Number of records."""
        self._block = -AHEAD, b""
        """The records read last, and the number of the first of them: files lie beside one another."""
        first = self._open_first()
        self._bitmap = self._read_bitmap(first)
        self.count = self._count()

    def _count(self) -> int:
        """Return how many records there are: no more than the runs and the volume have room for."""
        room = min(self._stream.allocated, self.volume.size)
        count = min(self._stream.size, room) // self.boot.record_size
        if self._stream.size > room:
            reason = f"the master file table claims {self._stream.size} bytes, there are {room}"
            self.damage.append(Damage(0, reason))
        if count > RECORDS:
            reason = f"the master file table claims {count} records, the first {RECORDS} were read"
            self.damage.append(Damage(0, reason))
        return min(count, RECORDS)

    def record(self, number: int) -> bytes:
        """Return a record with its fix-ups undone; raise DamagedError."""
        first, block = self._block
        if not first <= number < first + AHEAD:
            first, block = self._around(number)
        size = self.boot.record_size
        return fix_up(block[(number - first) * size : (number - first + 1) * size])

    def _around(self, number: int) -> tuple[int, bytes]:
        """Return the records about one, and keep them; where one of them cannot be read, it alone."""
        first = number - number % AHEAD
        if number >= self.count:
            return number, self.raw(number, 1)
        try:
            self._block = first, self.raw(first, min(AHEAD, self.count - first))
        except DamagedError:
            return number, self.raw(number, 1)
        return self._block

    def raw(self, number: int, count: int) -> bytes:
        """Return ``count`` records as they are on disk; raise DamagedError."""
        size = self.boot.record_size
        return read_exactly(self._stream, number * size, count * size, f"file record {number}")

    def in_use(self) -> Column:
        """Return for each record whether the $MFT's bitmap has it in use; what it does not reach counts as in use."""
        found = np.ones(self.count, bool)
        bits = np.frombuffer(self._bitmap, np.uint8)[: -(-self.count // 8)]
        bits = np.unpackbits(bits, bitorder="little", count=min(8 * len(bits), self.count))
        found[: len(bits)] = bits
        return found

    def value(self, pieces: Sequence[Attribute]) -> bytes:
        """Return the whole value of an attribute, wherever it lies; raise DamagedError."""
        if pieces[0].resident:
            return pieces[0].value
        size = pieces[0].size
        if size > LARGEST_VALUE:
            raise DamagedError(f"attribute 0x{pieces[0].type:x} claims {size} bytes")
        stream = RunStream(self.volume, self.runs(pieces).runs, size, pieces[0].valid)
        return stream.read_at(0, size)

    def runs(self, pieces: Sequence[Attribute]) -> RunList:
        """Return the runs of an attribute from all its pieces in order; raise DamagedError when one is missing."""
        lists: list[RunList] = []
        length = 0
        for piece in pieces:
            if piece.resident or piece.lowest_vcn * self.boot.cluster_size != length:
                raise DamagedError(f"a piece of attribute 0x{piece.type:x} is missing")
            found = parse_pairs(mapping_pairs(piece.raw), self.boot.cluster_size)
            length += found.length
            lists.append(found)
        return join(lists)

    def _open_first(self) -> list[Attribute]:
        """Open the table through record 0 or the copy of it in $MFTMirr; raise ImageError when both are bad."""
        problems = []
        for name, cluster in (("$MFT", self.boot.mft), ("$MFTMirr", self.boot.mft_mirror)):
            place, size = cluster * self.boot.cluster_size, self.boot.record_size
            try:
                raw = read_exactly(self.volume, place, size, "record 0")
                first = parse_attributes(fix_up(raw))
                self._stream = self._opened(first)
            except DamagedError as error:
                problems.append(f"{name}: {error}")
            else:
                if problems:
                    reason = f"record 0 was taken from $MFTMirr ({problems[0]})"
                    self.damage.append(Damage(0, reason, lost=False))
                return first
        raise ImageError(f"the master file table cannot be opened ({'; '.join(problems)})")

    def _opened(self, first: Sequence[Attribute]) -> RunStream:
        """Return $MFT's content; its later pieces lie in records that its earlier pieces hold."""
        pieces = [each for each in first if each.type == DATA and not each.name]
        if not pieces or pieces[0].resident:
            raise DamagedError("it has no run list")
        pieces.sort(key=lambda each: each.lowest_vcn)
        size, valid = pieces[0].size, pieces[0].valid
        self._stream = RunStream(self.volume, self.runs(pieces).runs, size, valid)
        for number in self._further_records(first):
            further = parse_attributes(self.record(number))
            pieces = [each for each in further if each.type == DATA and not each.name]
            pieces.sort(key=lambda each: each.lowest_vcn)
            for piece in pieces:
                self._extend(piece)
        return self._stream

    def _extend(self, piece: Attribute) -> None:
        """Add the runs of a further piece of $MFT; raise DamagedError when one before it is missing."""
        if piece.resident or piece.lowest_vcn * self.boot.cluster_size != self._stream.held:
            raise DamagedError(f"a piece of attribute 0x{piece.type:x} is missing")
        found = parse_pairs(mapping_pairs(piece.raw), self.boot.cluster_size)
        self._stream.extend(found.runs)

    def _further_records(self, first: Sequence[Attribute]) -> list[int]:
        listed = [each for each in first if each.type == ATTRIBUTE_LIST]
        if not listed:
            return []
        entries = list(parse_attribute_list(self.value(listed)))
        ordered = sorted((vcn, number) for kind, vcn, number, _ in entries if kind == DATA)
        return [number for number in dict.fromkeys(number for _, number in ordered) if number]

    def _read_bitmap(self, first: Sequence[Attribute]) -> bytes:
        pieces = [each for each in first if each.type == BITMAP]
        try:
            return self.value(pieces) if pieces else b""
        except DamagedError:
            return b""  # then every record counts as in use, and none is passed over in silence


def parse_attributes(record: bytes) -> list[Attribute]:
    """Return all attributes of a record; raise DamagedError at the first that is not whole."""
    header = parse_header(record)
    return [
        parse_attribute(record[start : start + length])
        for _, start, length in spans(record, header)
    ]


def parse_attribute_list(value: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (type, lowest VCN, record number, sequence) of each ATTRIBUTE_LIST_ENTRY; raise DamagedError."""
    position = 0
    while position + 26 <= len(value):
        kind, length, _, _, vcn, reference, _ = _LIST_ENTRY.unpack_from(value, position)
        if length < 26:
            raise DamagedError("an entry of its attribute list has no length")
        yield kind, vcn, reference & NUMBER, reference >> 48
        position += length
