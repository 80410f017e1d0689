"""The GUID Partition Table: the primary header, its backup when the primary is bad. Source: UEFI 2.10, chapter 5.3."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from extractor.errors import DamagedError
from extractor.volumes.partition import Partition, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Readable

UNUSED = "00000000-0000-0000-0000-000000000000"
MOST_ENTRIES = 4096
"""UEFI asks for at least 128; more than this is a hostile table."""

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")


@dataclass(frozen=True, slots=True)
class _Header:
    entries_lba: int
    count: int
    entry_size: int
    entries_crc: int


def parse_gpt(disk: Readable, sector_size: int) -> Table | None:
    """Return the GPT's partitions; the table's note says when the backup had to be used."""
    last = disk.size // sector_size - 1
    for lba, note in ((1, ""), (last, "the primary GPT is damaged, its backup was used")):
        try:
            partitions = _table(disk, lba, sector_size)
        except DamagedError:
            continue  # the other copy may be whole; when neither is, the caller says that there is no table
        if partitions is not None:
            return Table(sector_size, tuple(partitions), note=note)
    return None


def _table(disk: Readable, lba: int, sector_size: int) -> list[Partition] | None:
    header = _header(disk.read_at(lba * sector_size, sector_size), lba)
    if header is None:
        return None
    length = header.count * header.entry_size
    entries = disk.read_at(header.entries_lba * sector_size, length)
    if len(entries) != length or zlib.crc32(entries) != header.entries_crc:
        return None
    return list(_partitions(entries, header.entry_size, sector_size))


def _header(sector: bytes, lba: int) -> _Header | None:
    """Return what is needed of a header whose checksum and own address are right."""
    if sector[:8] != b"EFI PART" or len(sector) < _HEADER.size:
        return None
    (_, _, size, crc, _, own, _, _, _, _, entries, count, entry_size, entries_crc) = (
        _HEADER.unpack_from(sector)
    )
    if not _HEADER.size <= size <= len(sector) or own != lba:
        return None
    if zlib.crc32(sector[:16] + bytes(4) + sector[20:size]) != crc:
        return None
    if not 0 < count <= MOST_ENTRIES or not 128 <= entry_size <= 4096:
        return None
    return _Header(entries, count, entry_size, entries_crc)


def _partitions(entries: bytes, entry_size: int, sector_size: int) -> Iterator[Partition]:
    for number, start in enumerate(range(0, len(entries), entry_size), 1):
        kind, guid, first, last, _, _ = _ENTRY.unpack_from(entries, start)
        if str(UUID(bytes_le=kind)) == UNUSED or last < first:
            continue
        yield Partition(
            number,
            first * sector_size,
            (last - first + 1) * sector_size,
            str(UUID(bytes_le=kind)),
            str(UUID(bytes_le=guid)),
        )
