"""Partition tables, byte for byte: MBR (primary, extended with logical) and GPT, any sector size.

Written here rather than by sgdisk: the GUIDs, the checksums and 4096-byte sectors are ours to fix,
and the result is the same every time. [UEFI 5.3] is the source for GPT, sector counts are in LBAs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

MIB = 1 << 20
TYPES = {
    "efi": UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    "reserved": UUID("e3c9e316-0b5c-4db8-817d-f92df00215ae"),
    "ntfs": UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
}
MBR_TYPES = {"ntfs": 0x07, "extended": 0x0F, "protective": 0xEE}
ENTRIES, ENTRY_SIZE = 128, 128


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition to be laid out: what it is, and the file with its bytes (None: empty)."""

    kind: str
    size: int
    guid: str
    name: str
    data: Path | None


def copy_sparse(source: Path, out: Path, at: int) -> None:
    """Copy a file into another at an offset, leaving holes where it holds zeros."""
    with source.open("rb") as data, out.open("r+b") as file:
        for n, block in enumerate(iter(lambda: data.read(65536), b"")):
            if any(block):
                file.seek(at + n * 65536)
                file.write(block)


def write_gpt(parts: list[Partition], disk_id: str, out: Path, sector: int = 512) -> None:
    """Write a GPT disk: partitions from 1 MiB on, each on a MiB; both headers and tables."""
    total = MIB + sum(part.size for part in parts) + MIB
    _blank(out, total)
    rows, at = [], MIB
    for part in parts:
        rows.append(_gpt_row(part, at, sector))
        if part.data is not None:
            copy_sparse(part.data, out, at)
        at += part.size
    table = b"".join(rows).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    _put(out, 0, _mbr([("protective", 1, total // sector - 1)], signature=0))
    for offset, data in _gpt_copies(table, UUID(disk_id), total, sector):
        _put(out, offset, data)


def write_mbr(volume: Path, out: Path, signature: int = 0x5EED0001) -> None:
    """Write an MBR disk whose one primary partition, at 1 MiB, is `volume`."""
    size = volume.stat().st_size
    _blank(out, MIB + size)
    _put(out, 0, _mbr([("ntfs", MIB // 512, size // 512)], signature))
    copy_sparse(volume, out, MIB)


def write_logical(volume: Path, out: Path, signature: int = 0x5EED0002) -> None:
    """Write an MBR disk: an extended partition at 1 MiB, `volume` logical 1 MiB into it."""
    size = volume.stat().st_size
    _blank(out, 2 * MIB + size)
    _put(out, 0, _mbr([("extended", MIB // 512, (MIB + size) // 512)], signature))
    _put(out, MIB, _mbr([("ntfs", MIB // 512, size // 512)], signature=0))
    copy_sparse(volume, out, 2 * MIB)


def _blank(out: Path, size: int) -> None:
    with out.open("wb") as file:
        file.truncate(size)


def _put(out: Path, at: int, data: bytes) -> None:
    with out.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _mbr(rows: list[tuple[str, int, int]], signature: int) -> bytes:
    """Return a boot record: no code, disk signature, rows of (kind, first sector, sectors)."""
    table = b"".join(
        struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", MBR_TYPES[kind], b"\xfe\xff\xff", first, count)
        for kind, first, count in rows
    )
    return struct.pack("<440xIH", signature, 0) + table.ljust(64, b"\0") + b"\x55\xaa"


def _gpt_row(part: Partition, at: int, sector: int) -> bytes:
    first, last = at // sector, (at + part.size) // sector - 1
    name = part.name.encode("utf-16-le")[:72]
    kind, own = TYPES[part.kind].bytes_le, UUID(part.guid).bytes_le
    return struct.pack("<16s16sQQQ72s", kind, own, first, last, 0, name)


def _gpt_copies(table: bytes, disk: UUID, total: int, sector: int) -> Iterator[tuple[int, bytes]]:
    """Primary header and table after the MBR, and their copies at the end: offset, bytes."""
    last, span = total // sector - 1, -(-len(table) // sector)
    for header_at, table_at, other in ((1, 2, last), (last, last - span, 1)):
        fields = (header_at, other, 2 + span, last - span - 1, disk.bytes_le, table_at)
        yield header_at * sector, _gpt_header(fields, zlib.crc32(table))
        yield table_at * sector, table


def _gpt_header(fields: tuple[int, int, int, int, bytes, int], table_crc: int) -> bytes:
    body = struct.pack("<4Q16sQ3I", *fields, ENTRIES, ENTRY_SIZE, table_crc)
    head = struct.pack("<8sIIII", b"EFI PART", 0x00010000, 92, 0, 0)
    crc = zlib.crc32(head + body)
    return struct.pack("<8sIIII", b"EFI PART", 0x00010000, 92, crc, 0) + body
