"""Blocks -> VHDX: dynamic, blocks of 32 MiB, an empty log. Source: [MS-VHDX]; numbers in brackets are its sections.

The file, in MiB: 0 identifier, two headers, two region tables (2.2); 1 log (2.3); 2 metadata (2.6); 3 block allocation
table (2.5); then payload blocks in the order of the disk. A block of zeros is PAYLOAD_BLOCK_ZERO: it has no place, and
its content is defined, which that of PAYLOAD_BLOCK_NOT_PRESENT is not (2.5.1.1).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from uuid import UUID

from extractor.errors import UsageError
from extractor.handoff.blocks import ABSENT, Shape
from extractor.handoff.identity import content_guid
from extractor.images.vhdx_header import (
    BAT,
    HEADER_SIZE,
    HEADERS,
    METADATA,
    MIB,
    REGION_TABLE_SIZE,
    REGION_TABLES,
    SIGNATURE,
    crc32c,
)
from extractor.images.vhdx_metadata import (
    DISK_SIZE,
    FILE_PARAMETERS,
    MAX_SIZE,
    SECTOR_SIZE,
    TABLE_SIZE,
    Layout,
)

BLOCK = 32 * MIB
"""What Hyper-V takes for a dynamic disk."""
LOG_AT, METADATA_AT, BAT_AT = MIB, 2 * MIB, 3 * MIB
LOG_SIZE = METADATA_SIZE = MIB
SECTORS = (512, 4096)
PHYSICAL_SECTOR = 4096
CREATOR = "coldstate"
DISK_ID = UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
"""Page 83 data: the disk's own identity (2.6.2.4)."""
PHYSICAL_SECTOR_SIZE = UUID("cda348c7-445d-4471-9cc9-e9885251c556")
ZERO, FULLY_PRESENT = 2, 6
"""States of a block (2.5.1.1)."""
HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")
"""Signature, CRC-32C, sequence, file write, data write and log GUID, versions, log length and offset (2.2.2)."""
REQUIRED, OF_DISK = 4, 2
"""Flags of a metadata item: IsRequired, IsVirtualDisk (2.6.1.2)."""


class VhdxContainer:
    """A VHDX of one disk."""

    kind = "vhdx-dynamic"

    def __init__(self, size: int, sector_size: int, block: int = BLOCK) -> None:
        """Prepare a disk of ``size`` bytes, rounded up to whole sectors; UsageError for what a VHDX cannot be."""
        if sector_size not in SECTORS:
            raise UsageError(f"a VHDX has sectors of 512 or 4096 bytes, this disk of {sector_size}")
        rounded = -(-size // sector_size) * sector_size
        if rounded > MAX_SIZE:
            raise UsageError(f"a VHDX holds 64 TiB at most, this disk has {size} bytes")
        self.layout = Layout(block, 0, rounded, sector_size)
        self._table = -(-8 * self.layout.entries // MIB) * MIB
        self.shape = Shape(rounded, block, BAT_AT + self._table)
        self.identity = ""

    def structures(
        self, places: array[int], end: int, digest: bytes
    ) -> Iterator[tuple[int, bytes]]:
        """Yield the block table, metadata, region tables and headers, and last the file type identifier."""
        data_write = content_guid(digest, f"vhdx data {self.layout.sector_size}")
        self.identity = str(data_write)
        yield BAT_AT, self._block_table(places)
        yield from self._metadata(digest)
        for offset in REGION_TABLES:
            yield offset, _region_table(self._table)
        for sequence, offset in enumerate(HEADERS, 1):
            yield offset, _header(sequence, content_guid(digest, "vhdx file"), data_write)
        yield 0, SIGNATURE + CREATOR.encode("utf-16-le").ljust(512, b"\0")

    def _block_table(self, places: array[int]) -> bytes:
        """Return the entries; one for a sector bitmap, unused here, follows each chunk of blocks (2.5.1)."""
        table = array("Q")
        ratio = self.layout.chunk_ratio
        for number, place in enumerate(places):
            if number and number % ratio == 0:
                table.append(0)
            table.append(ZERO if place == ABSENT else place | FULLY_PRESENT)
        return struct.pack(f"<{len(table)}Q", *table)

    def _metadata(self, digest: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the metadata table and its items, which begin 64 KiB behind it (2.6)."""
        layout = self.layout
        items = (
            (FILE_PARAMETERS, REQUIRED, struct.pack("<II", layout.block_size, layout.flags)),
            (DISK_SIZE, REQUIRED | OF_DISK, struct.pack("<Q", layout.size)),
            (DISK_ID, REQUIRED | OF_DISK, content_guid(digest, "vhdx disk").bytes_le),
            (SECTOR_SIZE, REQUIRED | OF_DISK, struct.pack("<I", layout.sector_size)),
            (PHYSICAL_SECTOR_SIZE, REQUIRED | OF_DISK, struct.pack("<I", PHYSICAL_SECTOR)),
        )
        table, data = struct.pack("<8s2xH20x", b"metadata", len(items)), b""
        for guid, flags, value in items:
            at = TABLE_SIZE + len(data)
            table += struct.pack("<16sIII4x", guid.bytes_le, at, len(value), flags)
            data += value
        yield METADATA_AT, table
        yield METADATA_AT + TABLE_SIZE, data


def _region_table(bat_size: int) -> bytes:
    """Return the region table (2.2.3)."""
    table = struct.pack("<4s4xI4x", b"regi", 2)
    for guid, offset, length in ((BAT, BAT_AT, bat_size), (METADATA, METADATA_AT, METADATA_SIZE)):
        table += struct.pack("<16sQII", guid.bytes_le, offset, length, 1)
    return _sealed(table.ljust(REGION_TABLE_SIZE, b"\0"))


def _header(sequence: int, file_write: UUID, data_write: UUID) -> bytes:
    """Return a header with an empty log: its log GUID is zero (2.2.2)."""
    guids = file_write.bytes_le, data_write.bytes_le, bytes(16)
    header = HEADER.pack(b"head", 0, sequence, *guids, 0, 1, LOG_SIZE, LOG_AT)
    return _sealed(header.ljust(HEADER_SIZE, b"\0"))


def _sealed(raw: bytes) -> bytes:
    return raw[:4] + struct.pack("<I", crc32c(raw)) + raw[8:]
