"""VHDX logs for the tests, written from [MS-VHDX] 2.3: no tool leaves one behind on purpose."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

MIB = 1 << 20
SECTOR = 4096
GUID = UUID("00c01d57-a7e0-4000-8000-000000000106")
HEADERS = (0x10000, 0x20000)


@dataclass(frozen=True)
class Change:
    """What a descriptor says: sectors of data from ``offset`` on, or so many bytes of zeros."""

    offset: int
    data: bytes = b""
    zeros: int = 0


def entry(
    sequence: int,
    tail: int,
    changes: Sequence[Change],
    file_size: int,
    *,
    grown: int = 0,
    guid: UUID = GUID,
) -> bytes:
    """Return a log entry; ``tail`` is a place in the ring, ``grown`` the size of the file that it asks for."""
    rows, sectors = b"", b""
    for change in changes:
        if change.zeros:
            rows += struct.pack("<4s4xQQQ", b"zero", change.zeros, change.offset, sequence)
        for at in range(0, len(change.data), SECTOR):
            part = change.data[at : at + SECTOR]
            rows += struct.pack(
                "<4s4s8sQQ", b"desc", part[-4:], part[:8], change.offset + at, sequence
            )
            high, low = sequence >> 32, sequence & 0xFFFFFFFF
            sectors += struct.pack("<4sI", b"data", high) + part[8:-4] + struct.pack("<I", low)
    described = -(-(64 + len(rows)) // SECTOR) * SECTOR
    head = struct.pack(
        "<4sIIIQI4x16sQQ",
        b"loge", 0, described + len(sectors), tail, sequence, len(rows) // 32, guid.bytes_le,
        file_size, max(grown, file_size),
    )  # fmt: skip
    raw = bytearray((head + rows).ljust(described, b"\0") + sectors)
    struct.pack_into("<I", raw, 4, crc32c(raw))
    return bytes(raw)


def with_log(disk: bytes, entries: Sequence[bytes], at: int = 0, guid: UUID = GUID) -> bytes:
    """Return a cleanly closed VHDX as one whose log holds entries, the first at byte ``at`` of the ring."""
    made = bytearray(disk)
    length, offset = struct.unpack_from("<IQ", made, HEADERS[0] + 68)
    for number, raw in enumerate(b"".join(entries)[i : i + SECTOR] for i in _sectors(entries)):
        place = offset + (at + number * SECTOR) % length
        made[place : place + SECTOR] = raw
    for header in HEADERS:
        sealed = made[header : header + 4096]
        sealed[4:8] = bytes(4)
        sealed[48:64] = guid.bytes_le
        struct.pack_into("<I", sealed, 4, crc32c(sealed))
        made[header : header + 4096] = sealed
    return bytes(made)


def _sectors(entries: Sequence[bytes]) -> range:
    return range(0, sum(map(len, entries)), SECTOR)


def crc32c(raw: bytes | bytearray) -> int:
    """Return the CRC-32C (polynomial 0x1EDC6F41, reflected), a bit at a time."""
    crc = 0xFFFFFFFF
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
