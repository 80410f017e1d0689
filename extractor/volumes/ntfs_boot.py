"""NTFS' boot sector: the geometry of a volume, from sector 0 or from its copy in the last sector.

Source: Microsoft, "NTFS: boot sector"; fields at 0x0B (bytes per sector) to 0x48 (serial number).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import DamagedError, ImageError

if TYPE_CHECKING:
    from extractor.seams import Readable

_FIELDS = struct.Struct("<HB26xQQQb3xb3xQ")


@dataclass(frozen=True, slots=True)
class NtfsBoot:
    """Sizes in bytes, places in clusters."""

    sector_size: int
    cluster_size: int
    record_size: int
    sectors: int
    mft: int
    mft_mirror: int
    serial: int
    from_backup: bool = False


def parse_ntfs_boot(sector: bytes, *, from_backup: bool = False) -> NtfsBoot | None:
    """Return the geometry that a boot sector gives, None when it is not NTFS' or cannot be true."""
    if len(sector) < 512 or sector[3:11] != b"NTFS    ":
        return None
    sector_size, per_cluster, sectors, mft, mirror, record, _, serial = _FIELDS.unpack_from(
        sector, 0x0B
    )
    # Above 0x80 the byte is a negative power of two: clusters of 128 KiB to 2 MiB.
    sectors_per_cluster = per_cluster if per_cluster <= 0x80 else 1 << (256 - per_cluster)
    cluster_size = sector_size * sectors_per_cluster
    record_size = 1 << -record if record < 0 else record * cluster_size
    if sector_size not in (256, 512, 1024, 2048, 4096) or not _power(cluster_size, 256, 1 << 21):
        return None
    if not _power(record_size, 512, 1 << 16) or not 0 < mft < sectors // sectors_per_cluster:
        return None
    return NtfsBoot(
        sector_size, cluster_size, record_size, sectors, mft, mirror, serial, from_backup
    )


def find_ntfs_boot(volume: Readable) -> NtfsBoot | None:
    """Return the geometry from the first sector or else from the copy at the volume's end."""
    places = [(0, False)] + [(volume.size - size, True) for size in (512, 4096)]
    for offset, backup in places:
        try:
            boot = parse_ntfs_boot(volume.read_at(offset, 512), from_backup=backup)
        except DamagedError:
            continue  # a bad first sector is what the copy is for
        if boot and (not backup or boot.sectors * boot.sector_size <= volume.size):
            return boot
    return None


def open_ntfs_boot(volume: Readable) -> NtfsBoot:
    """Return the geometry; raise ImageError when neither the boot sector nor its copy can be used."""
    boot = find_ntfs_boot(volume)
    if boot is None:
        raise ImageError("neither the NTFS boot sector nor its copy in the last sector is whole")
    return boot


def _power(value: int, least: int, most: int) -> bool:
    return least <= value <= most and value & (value - 1) == 0
