"""The $MFT as a file: opened through its own first record, that record's mirror, or the backup boot sector."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

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
from extractor.filesystems.ntfs.runs import parse_runs
from extractor.filesystems.ntfs.streams import RunStream
from extractor.model import Damage
from extractor.volumes.volume import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.model import Run
    from extractor.seams import Readable
    from extractor.volumes.ntfs_boot import NtfsBoot

LARGEST_VALUE = 16 << 20
"""Bytes of an attribute that is read as one value (list, reparse data, descriptor, extended attributes)."""

_LIST_ENTRY = struct.Struct("<IHBBQQH")


class Mft:
    """The file records of a volume by number."""

    def __init__(self, volume: Readable, boot: NtfsBoot) -> None:
        self.volume = volume
        self.boot = boot
        self.damage: list[Damage] = []
        """What was wrong with the table itself, and how it was opened all the same."""
        first = self._open_first()
        self._bitmap = self._read_bitmap(first)
        self.count = self._count()
        """Number of records."""

    def _count(self) -> int:
        """Return how many records there are: no more than the runs and the volume have room for."""
        room = min(self._stream.allocated, self.volume.size)
        count = min(self._stream.size, room) // self.boot.record_size
        if self._stream.size > room:
            reason = f"the master file table claims {self._stream.size} bytes, there are {room}"
            self.damage.append(Damage(0, reason))
        return count

    def record(self, number: int) -> bytes:
        """Return a record with its fix-ups undone; raise DamagedError."""
        return fix_up(self.raw(number, 1))

    def raw(self, number: int, count: int) -> bytes:
        """Return ``count`` records as they are on disk; raise DamagedError."""
        size = self.boot.record_size
        return read_exactly(self._stream, number * size, count * size, f"file record {number}")

    def allocated(self, number: int) -> bool:
        """Tell whether the $MFT's bitmap has this record in use; when the bitmap is lost, every record is."""
        byte = number // 8
        return byte >= len(self._bitmap) or bool(self._bitmap[byte] >> number % 8 & 1)

    def value(self, pieces: Sequence[Attribute]) -> bytes:
        """Return the whole value of an attribute, wherever it lies; raise DamagedError."""
        if pieces[0].resident:
            return pieces[0].value
        size = pieces[0].size
        if size > LARGEST_VALUE:
            raise DamagedError(f"attribute 0x{pieces[0].type:x} claims {size} bytes")
        stream = RunStream(self.volume, self.runs(pieces), size, pieces[0].valid)
        return stream.read_at(0, size)

    def runs(self, pieces: Sequence[Attribute]) -> list[Run]:
        """Return the runs of an attribute from all its pieces in order; raise DamagedError when one is missing."""
        runs: list[Run] = []
        length = 0
        for piece in pieces:
            if piece.resident or piece.lowest_vcn * self.boot.cluster_size != length:
                raise DamagedError(f"a piece of attribute 0x{piece.type:x} is missing")
            found = parse_runs(piece.raw, self.boot.cluster_size)
            length += sum(run.length for run in found)
            runs += found
        return runs

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
        size, valid = pieces[0].size, pieces[0].valid
        self._stream = RunStream(self.volume, self.runs(pieces), size, valid)
        for number in self._further_records(first):
            further = parse_attributes(self.record(number))
            pieces += [each for each in further if each.type == DATA and not each.name]
            pieces.sort(key=lambda each: each.lowest_vcn)
            self._stream = RunStream(self.volume, self.runs(pieces), size, valid)
        return self._stream

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
