"""The label of an NTFS volume: attribute $VOLUME_NAME of MFT record 3, read before the file system is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.errors import DamagedError

if TYPE_CHECKING:
    from extractor.seams import Readable
    from extractor.volumes.ntfs_boot import NtfsBoot

VOLUME_NAME = 0x60
_END = 0xFFFFFFFF


def read_ntfs_label(volume: Readable, boot: NtfsBoot) -> str:
    """Return the label, empty when there is none or it cannot be read: it is told, never relied on."""
    for cluster in (boot.mft, boot.mft_mirror):
        try:
            place = cluster * boot.cluster_size + 3 * boot.record_size
            record = volume.read_at(place, boot.record_size)
        except DamagedError:
            continue  # the mirror holds the same record
        if record[:4] == b"FILE" and len(record) == boot.record_size:
            return _volume_name(record)
    return ""


def _volume_name(record: bytes) -> str:
    """Walk the attributes; the name lies before the first fix-up (byte 510) on every volume met, so none is undone."""
    position = int.from_bytes(record[20:22], "little")
    while position + 24 <= 510:
        kind = int.from_bytes(record[position : position + 4], "little")
        length = int.from_bytes(record[position + 4 : position + 8], "little")
        if kind == _END or length < 24:
            break
        if kind == VOLUME_NAME:
            size = int.from_bytes(record[position + 16 : position + 20], "little")
            start = position + int.from_bytes(record[position + 20 : position + 22], "little")
            return record[start : min(start + size, 510)].decode("utf-16-le", "replace")
        position += length
    return ""
