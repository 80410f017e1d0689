"""EFS files as they lie on the disk: the attribute $EFS, and encrypted streams without a key.

The driver encrypts whole sectors of 512 bytes, so the last one is read to its end although the file's size is smaller.
Source: [MS-EFSR] 2.2.2 (the value of $EFS), "NTFS attribute types" ($LOGGED_UTILITY_STREAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.memory import BytesStream
from extractor.filesystems.ntfs.records import SPARSE
from extractor.filesystems.ntfs.streams import LARGEST_UNIT, RunStream
from extractor.seams import Ciphertext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extractor.filesystems.ntfs.mft import Mft
    from extractor.filesystems.ntfs.records import Attribute
    from extractor.model import Run

ATTRIBUTE = "$EFS"
SECTOR = 512
"""Bytes that are encrypted together, whatever the sector size of the disk."""
LARGEST = 262_144
"""Bytes of the largest $EFS that Windows takes ([MS-EFSR] 2.2.2, product behaviour)."""


def padded(size: int) -> int:
    """Return a size rounded up to whole sectors."""
    return -(-size // SECTOR) * SECTOR


def open_ciphertext(mft: Mft, first: Attribute, runs: Sequence[Run]) -> Ciphertext:
    """Return the stored form of an encrypted stream: its first piece and all its runs. Raises DamagedError."""
    cluster = mft.boot.cluster_size
    if first.resident:
        if first.size:
            raise DamagedError("an encrypted stream of it lies in its record, where none can be")
        return Ciphertext(BytesStream(b""), 0, 0, sparse=False, unit=cluster, cluster=cluster)
    unit = min(cluster << min(first.compression_unit, 32), LARGEST_UNIT)
    sparse = bool(first.flags & SPARSE) or any(run.offset is None for run in runs)
    stored = RunStream(mft.volume, runs, padded(first.size), padded(first.valid))
    return Ciphertext(stored, first.size, first.valid, sparse, unit, cluster)
