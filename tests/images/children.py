"""Differencing disks for the tests, built from the specifications: no tool on Linux makes them."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

MIB = 1 << 20
SECTOR = 512


def vhd_child(parent: Path, child: Path, old: bytes, new: bytes, identity: UUID) -> None:
    """Write a differencing VHD that holds the sectors in which ``new`` differs from ``old``."""
    block, size = 2 * MIB, len(new)
    footer = bytearray(parent.read_bytes()[-SECTOR:])
    parent_id = bytes(footer[68:84])
    struct.pack_into(">Q", footer, 16, SECTOR)
    footer[60:64], footer[68:84] = struct.pack(">I", 4), identity.bytes
    _seal(footer, 64)
    count = -(-size // block)
    header = bytearray(1024)
    struct.pack_into(
        ">8sQQIII4x16s", header, 0, b"cxsparse", 2**64 - 1, 1536, 0x10000, count, block, parent_id
    )
    name = f"C:\\disks\\{parent.name}".encode("utf-16-be")
    header[64 : 64 + len(name)] = name
    _seal(header, 36)
    table, blocks = [], b""
    start = 1536 + -(-4 * count // SECTOR) * SECTOR
    for offset in range(0, count * block, block):
        bitmap, content = _differing(
            old[offset : offset + block], new[offset : offset + block], block
        )
        table.append((start + len(blocks)) // SECTOR if any(bitmap) else 0xFFFFFFFF)
        blocks += bitmap + content if any(bitmap) else b""
    body = struct.pack(f">{count}I", *table).ljust(start - 1536, b"\xff") + blocks
    child.write_bytes(bytes(footer + header) + body + bytes(footer))


def _differing(old: bytes, new: bytes, block: int) -> tuple[bytes, bytes]:
    """Return the sector bitmap (most significant bit first) and the block, zeros where nothing differs."""
    bitmap, content = bytearray(block // SECTOR // 8), bytearray(block)
    for offset in range(0, len(new), SECTOR):
        if old[offset : offset + SECTOR] != new[offset : offset + SECTOR]:
            number = offset // SECTOR
            bitmap[number // 8] |= 0x80 >> number % 8
            content[offset : offset + SECTOR] = new[offset : offset + SECTOR]
    return bytes(bitmap), bytes(content)


def _seal(raw: bytearray, place: int) -> None:
    raw[place : place + 4] = bytes(4)
    struct.pack_into(">I", raw, place, ~sum(raw) & 0xFFFFFFFF)


def vhdx_child(empty: bytes, parent: Path, child: Path, old: bytes, new: bytes) -> None:
    """Write a differencing VHDX from an empty dynamic one with blocks of 1 MiB, all blocks not present."""
    disk = bytearray(empty)
    regions = dict(_rows(disk, 0x30000 + 16, struct.unpack_from("<I", disk, 0x30008)[0]))
    table = regions["2dc27766-f623-4200-9d64-115e9bfd4a08"]
    metadata = regions["8b7ca206-4790-4b9a-b8fe-575f050f886e"]
    _add_locator(disk, metadata, parent)
    ratio = (1 << 23) * SECTOR // MIB
    disk += bytes(-len(disk) % MIB)
    bitmaps = bytearray(MIB)
    for number in range(len(new) // MIB):
        before, after = (each[number * MIB : (number + 1) * MIB] for each in (old, new))
        if before != after:
            bitmap, content = _differing(before, after, MIB)
            # Sectors of a VHDX bitmap count from the least significant bit.
            reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in bitmap)
            bitmaps[number * 256 : number * 256 + 256] = reversed_bits
            full = all(byte == 0xFF for byte in bitmap)
            struct.pack_into("<Q", disk, table + 8 * number, len(disk) | (6 if full else 7))
            disk += content
    struct.pack_into("<Q", disk, table + 8 * ratio, len(disk) | 6)
    child.write_bytes(disk + bitmaps)


def _rows(disk: bytearray, start: int, count: int) -> list[tuple[str, int]]:
    """Return GUID and offset of the 32-byte rows of a region or metadata table."""
    rows = []
    for place in range(start, start + 32 * count, 32):
        guid = str(UUID(bytes_le=bytes(disk[place : place + 16])))
        width = "<Q" if start < MIB else "<I"
        rows.append((guid, struct.unpack_from(width, disk, place + 16)[0]))
    return rows


def metadata_item(disk: bytearray, guid: str) -> int:
    """Return where a metadata item of a VHDX lies in the file."""
    regions = dict(_rows(disk, 0x30000 + 16, struct.unpack_from("<I", disk, 0x30008)[0]))
    metadata = regions["8b7ca206-4790-4b9a-b8fe-575f050f886e"]
    count = struct.unpack_from("<H", disk, metadata + 10)[0]
    return metadata + dict(_rows(disk, metadata + 32, count))[guid]


def _add_locator(disk: bytearray, metadata: int, parent: Path) -> None:
    flags = metadata_item(disk, "caa16737-fa36-4d43-b3b6-33f0aa44e76b") + 4
    struct.pack_into("<I", disk, flags, 2)
    linkage = f"{{{UUID(bytes_le=_current_header(parent)[32:48])}}}"
    pairs = {"parent_linkage": linkage, "relative_path": f".\\{parent.name}"}
    rows, text = b"", b""
    for key, value in pairs.items():
        raw = [each.encode("utf-16-le") for each in (key, value)]
        at = 20 + 12 * len(pairs) + len(text)
        rows += struct.pack("<IIHH", at, at + len(raw[0]), len(raw[0]), len(raw[1]))
        text += raw[0] + raw[1]
    kind = UUID("b04aefb7-d19e-4a81-b789-25b8e9445913").bytes_le
    locator = kind + struct.pack("<HH", 0, len(pairs)) + rows + text
    count = struct.unpack_from("<H", disk, metadata + 10)[0]
    place = 96 << 10
    disk[metadata + place : metadata + place + len(locator)] = locator
    guid = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").bytes_le
    row = guid + struct.pack("<IIII", place, len(locator), 4, 0)
    disk[metadata + 32 + 32 * count : metadata + 64 + 32 * count] = row
    struct.pack_into("<H", disk, metadata + 10, count + 1)


def _current_header(path: Path) -> bytes:
    raw = path.read_bytes()[: 1 << 18]
    headers = (raw[at : at + 4096] for at in (0x10000, 0x20000))
    return max(headers, key=lambda header: int(struct.unpack_from("<Q", header, 8)[0]))
