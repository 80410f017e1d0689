"""Differencing disks for the tests, built from the specifications: no tool on Linux makes them."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

MIB = 1 << 20
SECTOR = 512
BAT = "2dc27766-f623-4200-9d64-115e9bfd4a08"
METADATA = "8b7ca206-4790-4b9a-b8fe-575f050f886e"
FILE_PARAMETERS = "caa16737-fa36-4d43-b3b6-33f0aa44e76b"
SECTOR_SIZE = "8141bf1d-a96f-4709-ba47-f233a8faab5f"


def vhd_child(
    parent: Path, child: Path, old: bytes, new: bytes, identity: UUID, block: int = 2 * MIB
) -> None:
    """Write a differencing VHD that holds the sectors in which ``new`` differs from ``old``."""
    size = len(new)
    footer = bytearray(parent.read_bytes()[-SECTOR:])
    parent_id = bytes(footer[68:84])
    struct.pack_into(">Q", footer, 16, SECTOR)
    struct.pack_into(">Q", footer, 48, size)
    footer[60:64], footer[68:84] = struct.pack(">I", 4), identity.bytes
    seal(footer, 64)
    count = -(-size // block)
    located = f".\\{parent.name}".encode("utf-16-le")
    table_at, start = 2048, 2048 + -(-4 * count // SECTOR) * SECTOR
    header = bytearray(1024)
    struct.pack_into(
        ">8sQQIII4x16s",
        header,
        0,
        b"cxsparse",
        2**64 - 1,
        table_at,
        0x10000,
        count,
        block,
        parent_id,
    )
    name = f"C:\\disks\\{parent.name}".encode("utf-16-be")
    header[64 : 64 + len(name)] = name
    struct.pack_into(">4sII4xQ", header, 576, b"W2ru", SECTOR, len(located), 1536)
    seal(header, 36)
    table, blocks = [], b""
    for offset in range(0, count * block, block):
        bitmap, content = _differing(
            old[offset : offset + block], new[offset : offset + block], block
        )
        table.append((start + len(blocks)) // SECTOR if any(bitmap) else 0xFFFFFFFF)
        blocks += bitmap.ljust(-(-len(bitmap) // SECTOR) * SECTOR, b"\0") if any(bitmap) else b""
        blocks += content if any(bitmap) else b""
    body = struct.pack(f">{count}I", *table).ljust(start - table_at, b"\xff") + blocks
    child.write_bytes(bytes(footer + header) + located.ljust(SECTOR, b"\0") + body + bytes(footer))


def _differing(old: bytes, new: bytes, block: int, sector: int = SECTOR) -> tuple[bytes, bytes]:
    """Return the sector bitmap (most significant bit first) and the block, zeros where nothing differs."""
    bitmap, content = bytearray(-(-block // sector // 8)), bytearray(block)
    for offset in range(0, len(new), sector):
        if old[offset : offset + sector] != new[offset : offset + sector]:
            number = offset // sector
            bitmap[number // 8] |= 0x80 >> number % 8
            content[offset : offset + sector] = new[offset : offset + sector]
    return bytes(bitmap), bytes(content)


def seal(raw: bytearray, place: int) -> None:
    """Set the checksum of a VHD's footer or header: the one's complement of the sum of its other bytes."""
    raw[place : place + 4] = bytes(4)
    struct.pack_into(">I", raw, place, ~sum(raw) & 0xFFFFFFFF)


def vhdx_child(empty: bytes, parent: Path, child: Path, old: bytes, new: bytes) -> None:
    """Write a differencing VHDX from an empty dynamic one, all of whose blocks are not present.

    Sizes of blocks and sectors are those of the empty disk; it must fit one chunk (4 GiB).
    """
    disk = bytearray(empty)
    block, _ = struct.unpack_from("<II", disk, metadata_item(disk, FILE_PARAMETERS))
    (sector,) = struct.unpack_from("<I", disk, metadata_item(disk, SECTOR_SIZE))
    table = block_table(disk)
    _add_locator(disk, parent)
    disk += bytes(-len(disk) % MIB)
    bitmaps, part = bytearray(MIB), block // sector // 8
    for number in range(-(-len(new) // block)):
        before, after = (each[number * block : (number + 1) * block] for each in (old, new))
        if before != after:
            bitmap, content = _differing(before, after, block, sector)
            # Sectors of a VHDX bitmap count from the least significant bit.
            reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in bitmap)
            bitmaps[number * part : (number + 1) * part] = reversed_bits
            full = all(byte == 0xFF for byte in bitmap)
            struct.pack_into("<Q", disk, table + 8 * number, len(disk) | (6 if full else 7))
            disk += content
    ratio = (1 << 23) * sector // block
    struct.pack_into("<Q", disk, table + 8 * ratio, len(disk) | 6)
    child.write_bytes(disk + bitmaps)


def resectored(disk: bytearray, blocks: int, sector: int = 4096) -> None:
    """Give a dynamic VHDX of ``blocks`` payload blocks another logical sector size, and its block table that layout."""
    size = metadata_item(disk, SECTOR_SIZE)
    (block,) = struct.unpack_from("<I", disk, metadata_item(disk, FILE_PARAMETERS))
    table, entries = block_table(disk), []
    before = (1 << 23) * struct.unpack_from("<I", disk, size)[0] // block
    after = (1 << 23) * sector // block
    for number in range(blocks):
        place = table + 8 * (number + number // before)
        entries.append(bytes(disk[place : place + 8]))
        disk[place : place + 8] = bytes(8)
    for number, entry in enumerate(entries):
        place = table + 8 * (number + number // after)
        disk[place : place + 8] = entry
    struct.pack_into("<I", disk, size, sector)


def block_table(disk: bytearray) -> int:
    """Return where the block allocation table of a VHDX lies in the file."""
    return dict(_rows(disk, 0x30000 + 16, struct.unpack_from("<I", disk, 0x30008)[0]))[BAT]


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
    metadata = _metadata(disk)
    count = struct.unpack_from("<H", disk, metadata + 10)[0]
    return metadata + dict(_rows(disk, metadata + 32, count))[guid]


def _metadata(disk: bytearray) -> int:
    return dict(_rows(disk, 0x30000 + 16, struct.unpack_from("<I", disk, 0x30008)[0]))[METADATA]


def _add_locator(disk: bytearray, parent: Path) -> None:
    metadata, flags = _metadata(disk), metadata_item(disk, FILE_PARAMETERS) + 4
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
