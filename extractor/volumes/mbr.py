"""The Master Boot Record: four primary partitions, and a chain of extended ones that hold the logical.

Numbers are Windows' and Linux': 1 to 4 primary, from 5 logical. Source: Microsoft, "Disk sectors on basic MBR disks".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.volumes.partition import Partition, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Readable

EXTENDED = (0x05, 0x0F, 0x85)
MOST_LOGICAL = 128
"""Links of the extended chain that are followed; a loop ends here at the latest."""

_ENTRY = struct.Struct("<B3sB3sII")


def parse_mbr(disk: Readable, sector_size: int) -> Table | None:
    """Return the MBR's partitions, None when sector 0 is no MBR or cannot be read."""
    try:
        sector = disk.read_at(0, 512)
    except DamagedError:
        return None  # the caller then says what is missing
    entries = _entries(sector)
    if not entries or not any(kind for kind, _, _ in entries):
        return None
    if any(active not in (0, 0x80) for active in sector[446:510:16]):
        return None
    partitions = list(_primary(entries, sector_size))
    note = ""
    for kind, start, _ in entries:
        if kind in EXTENDED:
            logical, note = _logical(disk, start, sector_size)
            partitions += logical
            break
    signature = int.from_bytes(sector[440:444], "little")
    return Table(sector_size, tuple(partitions), signature, note)


def _entries(sector: bytes) -> list[tuple[int, int, int]]:
    """Return (type, first sector, sectors) of the four entries; none when the signature is missing."""
    if len(sector) < 512 or sector[510:512] != b"\x55\xaa":
        return []
    rows = _ENTRY.iter_unpack(sector[446:510])
    return [(kind, start, count) for _, _, kind, _, start, count in rows]


def _primary(entries: list[tuple[int, int, int]], sector_size: int) -> Iterator[Partition]:
    for number, (kind, start, count) in enumerate(entries, 1):
        if kind and kind not in EXTENDED:
            yield _partition(number, kind, start, count, sector_size)


def _partition(number: int, kind: int, start: int, count: int, sector_size: int) -> Partition:
    return Partition(number, start * sector_size, count * sector_size, f"0x{kind:02x}")


def _logical(disk: Readable, first: int, sector_size: int) -> tuple[list[Partition], str]:
    """Follow the chain of extended boot records; links are relative to the first of them."""
    found: list[Partition] = []
    seen: set[int] = set()
    here = first
    while here not in seen and len(seen) < MOST_LOGICAL:
        seen.add(here)
        try:
            entries = _entries(disk.read_at(here * sector_size, 512))
        except DamagedError as error:
            return found, f"the extended partition cannot be followed: {error}"
        if not entries:
            return found, f"the chain of extended partitions breaks at sector {here}"
        for kind, start, count in entries:
            if kind and kind not in EXTENDED:
                number = 5 + len(found)
                found.append(_partition(number, kind, here + start, count, sector_size))
        link = next((start for kind, start, _ in entries if kind in EXTENDED), None)
        if link is None:
            return found, ""
        here = first + link
    return found, "the chain of extended partitions runs in a circle or is too long"
