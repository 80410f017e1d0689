"""E01 sets as the tests take them apart: sections, tables and chunks, read here independently of the product."""

from __future__ import annotations

import struct
from pathlib import Path


def section(path: Path, kind: bytes) -> int:
    """Return the offset of the first section of a kind."""
    data, offset = path.read_bytes(), 13
    while data[offset : offset + 16].rstrip(b"\0") != kind:
        offset = struct.unpack_from("<Q", data, offset + 16)[0]
    return offset


def held(segment: Path) -> int:
    """Return how many chunks a segment holds, by the header of its only table."""
    return int(struct.unpack_from("<I", segment.read_bytes(), section(segment, b"table") + 76)[0])


def chunk_places(path: Path) -> list[tuple[int, int, bool]]:
    """Return (start, end, compressed) of each chunk of a segment with one table."""
    data = path.read_bytes()
    offset, table, sectors_end, kind = 13, 0, 0, b""
    while kind != b"table":
        kind = data[offset : offset + 16].rstrip(b"\0")
        following = struct.unpack_from("<Q", data, offset + 16)[0]
        sectors_end = following if kind == b"sectors" else sectors_end
        offset, table = following, offset
    count, base = struct.unpack_from("<I4xQ", data, table + 76)
    entries = struct.unpack_from(f"<{count}I", data, table + 100)
    starts = [base + (entry & 0x7FFFFFFF) for entry in entries]
    return [
        (start, end, bool(entry >> 31))
        for start, end, entry in zip(starts, [*starts[1:], sectors_end], entries, strict=True)
    ]


def flip(path: Path, offset: int, bits: int = 0x10) -> None:
    """Change bits of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= bits
    path.write_bytes(data)
