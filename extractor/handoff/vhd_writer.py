"""Blocks -> VHD: dynamic, blocks of 2 MiB. Source: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0.

A fixed VHD is the raw disk and a footer; appended to a raw image it would change the evidence, so there is none here.
Nor can a raw image be the parent of a differencing disk: only a VHD can. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

from extractor.errors import UsageError
from extractor.handoff.blocks import ABSENT, Shape
from extractor.handoff.identity import content_guid
from extractor.images.vhd import COOKIE, MAX_SIZE, SECTOR, UNUSED, bitmap_size

BLOCK = 2 << 20
HEADER_AT, TABLE_AT = 512, 1536
"""The copy of the footer lies at 0, the dynamic disk header behind it, then the block table."""
FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBI4x16sB427x")
"""Cookie, features, version, header's offset, time, creator, its version and host, sizes, geometry, type, id, state.

The checksum's four bytes (``4x`` before the id) are filled in last.
"""
DYNAMIC = struct.Struct(">8sQQIII4x")
"""Cookie, no data offset, table's offset, version, entries, block size; the checksum follows."""
DYNAMIC_SIZE = 1024
CREATOR, CREATOR_HOST = b"win ", b"Wi2k"
"""Readers of VHD go by these: for a creator that they do not know, QEMU takes the disk's size from its geometry."""
NO_OFFSET = (1 << 64) - 1
KIND = 3
"""Dynamic."""
LARGEST_GEOMETRY = 65535 * 16 * 255
"""Sectors."""


class VhdContainer:
    """A VHD of one disk."""

    kind = "vhd-dynamic"

    def __init__(self, size: int, sector_size: int) -> None:
        """Prepare a disk of ``size`` bytes, rounded up to whole sectors; UsageError for what a VHD cannot be."""
        if sector_size != SECTOR:
            raise UsageError(
                f"a VHD has sectors of 512 bytes, this disk of {sector_size}; choose --format vhdx"
            )
        if size > MAX_SIZE:
            raise UsageError(
                f"a VHD holds 2040 GiB at most, this disk has {size} bytes; choose --format vhdx"
            )
        rounded = -(-size // SECTOR) * SECTOR
        entries = -(-rounded // BLOCK)
        bitmap = b"\xff" * bitmap_size(BLOCK)
        begin = TABLE_AT + -(-4 * entries // SECTOR) * SECTOR
        self.shape = Shape(rounded, BLOCK, begin, bitmap, SECTOR)
        self.identity = ""

    def structures(
        self, places: array[int], end: int, digest: bytes
    ) -> Iterator[tuple[int, bytes]]:
        """Yield the block table, the dynamic disk header, and last the footer and its copy."""
        lead = len(self.shape.lead)
        sectors = [UNUSED if place == ABSENT else (place - lead) // SECTOR for place in places]
        padded = sectors + [UNUSED] * (-len(sectors) % (SECTOR // 4))
        yield TABLE_AT, struct.pack(f">{len(padded)}I", *padded)
        yield HEADER_AT, _sealed(self._header(), 36)
        identity = content_guid(digest, "vhd disk")
        self.identity = str(identity)
        footer = _sealed(self._footer(identity.bytes), 64)
        yield end, footer
        yield 0, footer

    def _header(self) -> bytes:
        header = DYNAMIC.pack(b"cxsparse", NO_OFFSET, TABLE_AT, 0x10000, self.shape.blocks, BLOCK)
        return header.ljust(DYNAMIC_SIZE, b"\0")

    def _footer(self, identity: bytes) -> bytes:
        size = self.shape.size
        return FOOTER.pack(
            COOKIE, 2, 0x10000, HEADER_AT, 0, CREATOR, 0xA0000, CREATOR_HOST, size, size,
            *geometry(size // SECTOR), KIND, identity, 0,
        )  # fmt: skip


def geometry(sectors: int) -> tuple[int, int, int]:
    """Return cylinders, heads and sectors per track as the specification computes them ("CHS Calculation")."""
    sectors = min(sectors, LARGEST_GEOMETRY)
    if sectors >= 65535 * 16 * 63:
        return sectors // 255 // 16, 16, 255
    track = 17
    cylinder_heads = sectors // track
    heads = max((cylinder_heads + 1023) // 1024, 4)
    if cylinder_heads >= heads * 1024 or heads > 16:
        track, heads = 31, 16
        cylinder_heads = sectors // track
    if cylinder_heads >= heads * 1024:
        track, heads = 63, 16
        cylinder_heads = sectors // track
    return cylinder_heads // heads, heads, track


def _sealed(raw: bytes, place: int) -> bytes:
    """Return a structure with its checksum: the one's complement of the sum of its bytes."""
    return raw[:place] + struct.pack(">I", ~sum(raw) & 0xFFFFFFFF) + raw[place + 4 :]
