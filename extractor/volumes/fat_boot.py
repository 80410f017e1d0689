"""FAT12, FAT16, FAT32 and exFAT: told apart by their boot sectors, with serial number and label.

Source: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 and "exFAT file system specification".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import DamagedError

if TYPE_CHECKING:
    from extractor.seams import Readable

_BPB = struct.Struct("<HBHBHHBHHHII")
_VOLUME_LABEL = 0x08
_ATTRIBUTES = 0x3F


@dataclass(frozen=True, slots=True)
class FatBoot:
    """Kind (fat12, fat16, fat32, exfat), serial number, label, and where the root directory begins (bytes)."""

    kind: str
    serial: int
    label: str
    root: int
    root_size: int


def parse_fat_boot(sector: bytes) -> FatBoot | None:
    """Return what the boot sector says, None when it is not FAT's or cannot be true."""
    if len(sector) < 512 or sector[510:512] != b"\x55\xaa":
        return None
    if sector[3:11] == b"EXFAT   ":
        return _exfat(sector)
    return _fat(sector) if sector[0] in (0xEB, 0xE9) else None


def _fat(sector: bytes) -> FatBoot | None:
    size, per_cluster, reserved, fats, roots, small, media, fat16, _, _, _, large = (
        _BPB.unpack_from(sector, 0x0B)
    )
    plausible = (
        size in (512, 1024, 2048, 4096)
        and per_cluster
        and not per_cluster & (per_cluster - 1)
        and reserved
        and fats in (1, 2)
        and media >= 0xF0
    )
    if not plausible:
        return None
    fat_size = fat16 or int.from_bytes(sector[0x24:0x28], "little")
    tables = reserved + fats * fat_size
    first_data = tables + (roots * 32 + size - 1) // size
    clusters = ((small or large) - first_data) // per_cluster
    if clusters <= 0:
        return None
    tail = 0x27 if roots else 0x43
    serial = int.from_bytes(sector[tail : tail + 4], "little")
    label = _label(sector[tail + 4 : tail + 15])
    if roots:
        kind = "fat12" if clusters < 4085 else "fat16"  # the specification's own limit
        return FatBoot(kind, serial, label, tables * size, roots * 32)
    root = first_data + (int.from_bytes(sector[0x2C:0x30], "little") - 2) * per_cluster
    return FatBoot("fat32", serial, label, root * size, per_cluster * size)


def _exfat(sector: bytes) -> FatBoot:
    (heap,) = struct.unpack_from("<I", sector, 0x58)
    root, serial = struct.unpack_from("<II", sector, 0x60)
    sector_size, cluster = 1 << (sector[0x6C] & 15), 1 << (sector[0x6D] & 31)
    start = (heap + (root - 2) * cluster) * sector_size
    return FatBoot("exfat", serial, "", start, min(cluster * sector_size, 1 << 16))


def read_label(volume: Readable, boot: FatBoot) -> str:
    """Return the label that Windows shows: the entry of the root directory, else the boot sector's."""
    try:
        directory = volume.read_at(max(boot.root, 0), min(boot.root_size, 1 << 16))
    except DamagedError:
        return boot.label  # the label is told, never relied on
    for start in range(0, len(directory) - 31, 32):
        entry = directory[start : start + 32]
        if boot.kind == "exfat" and entry[0] == 0x83:
            return entry[2 : 2 + 2 * min(entry[1], 11)].decode("utf-16-le", "replace")
        if boot.kind != "exfat" and entry[0] == 0:
            break
        if boot.kind != "exfat" and entry[11] & _ATTRIBUTES == _VOLUME_LABEL and entry[0] != 0xE5:
            return _label(entry[:11])
    return boot.label


def _label(raw: bytes) -> str:
    text = raw.decode("cp437").rstrip(" \0")
    return "" if text == "NO NAME" else text
