"""Partition tables: what MBR and GPT say of a disk, bounded by what the disk can hold.

A Partition is a place, not yet a volume. dissect.volume is not used here: it takes the last block of a GPT partition
for the first one beyond it (so the last sector, the backup of NTFS' boot sector, is lost), it neither checks nor
replaces a bad GPT header, and it follows extended partitions without end (measured with 3.18).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extractor.volumes import gpt, mbr
from extractor.volumes.partition import Partition, Table

if TYPE_CHECKING:
    from extractor.seams import Readable

MOST_PARTITIONS = 1024
"""More than any table made by Windows holds (GPT: 128); a bound for hostile ones."""


@dataclass(frozen=True, slots=True)
class _Extent:
    start: int
    end: int
    number: int


def partition_table(disk: Readable, sector_size: int) -> Table | None:
    """Return the disk's partition table, GPT before MBR, tried with the disk's sector size, then 512 and 4096."""
    sizes = dict.fromkeys((sector_size, 512, 4096))
    for each in sizes:
        if table := gpt.parse_gpt(disk, each):
            return _bounded(table, disk.size)
    for each in sizes:
        table = mbr.parse_mbr(disk, each)
        if table and any(part.offset < disk.size for part in table.partitions):
            return _bounded(table, disk.size)
    return None


def _bounded(table: Table, disk_size: int) -> Table:
    """Cut what reaches beyond the disk, note what overlaps, and drop what lies outside."""
    kept: list[Partition] = []
    extents: list[_Extent] = []
    for part in table.partitions[:MOST_PARTITIONS]:
        if part.offset >= disk_size or part.size <= 0:
            continue
        notes = [part.note] if part.note else []
        end = min(part.offset + part.size, disk_size)
        if end < part.offset + part.size:
            notes.append(
                f"the table gives it {part.size} bytes but the disk ends after {end - part.offset}"
            )
        extent = _Extent(part.offset, end, part.number)
        notes += [
            f"it overlaps partition {other.number}" for other in _overlapping(extent, extents)
        ]
        extents.append(extent)
        kept.append(replace(part, size=end - part.offset, note="; ".join(notes)))
    return replace(table, partitions=tuple(kept))


def _overlapping(extent: _Extent, others: list[_Extent]) -> list[_Extent]:
    return [each for each in others if each.start < extent.end and extent.start < each.end][:1]
