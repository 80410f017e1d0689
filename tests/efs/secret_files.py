"""EFS files for a Disk: content in, ciphertext and $EFS on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.efs.decoder import AES_256, SECTOR, sectors
from tests.efs.disk import CLUSTER, ENCRYPTED, FILE_ATTRIBUTE_ENCRYPTED, SPARSE, Disk, Part
from tests.efs.people import Person, efs, fek

KEYS = {0x6610: bytes(range(32)), 0x6603: bytes(range(40, 64)), 0x6604: bytes(range(100, 116))}
GARBAGE = b"beyond the valid data length: nobody may ever read this. "


def noise(size: int, seed: str = "efs") -> bytes:
    """Return bytes that no compressor and no zero test takes for something else."""
    count = -(-size // 32)
    return b"".join(hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(count))[:size]


@dataclass(frozen=True)
class Content:
    """What one stream of an EFS file holds."""

    data: bytes
    valid: int = -1
    sparse: bool = False
    """Units of 64 KiB that are zeros become holes."""
    encrypted: bool = True
    extension: bool = False

    @property
    def read(self) -> bytes:
        """What its owner reads."""
        return self.data if self.valid < 0 else self.data[: self.valid].ljust(len(self.data), b"\0")

    def part(self, name: str, algorithm: int) -> Part:
        """Return the stream as it lies on the disk."""
        if not self.encrypted:
            return Part(0x80, name, self.data, extension=self.extension)
        whole = self.data + bytes(-len(self.data) % SECTOR)
        stored = sectors(whole, 0, algorithm, KEYS[algorithm], encrypt=True)
        valid = self.valid
        if valid >= 0:
            written = -(-valid // SECTOR) * SECTOR
            stored = (
                stored[:written]
                + (GARBAGE * (len(stored) // len(GARBAGE) + 1))[: len(stored) - written]
            )
        holes: list[int] = []
        for unit in range(0, len(whole), 1 << 16) if self.sparse else ():
            if not any(whole[unit : unit + (1 << 16)]):
                stored = (
                    stored[:unit]
                    + bytes(len(whole[unit : unit + (1 << 16)]))
                    + stored[unit + (1 << 16) :]
                )
                holes += range(unit // CLUSTER, -(-min(unit + (1 << 16), len(whole)) // CLUSTER))
        flags = ENCRYPTED | (SPARSE if self.sparse else 0)
        return Part(
            0x80, name, stored, len(self.data), valid, flags, holes, extension=self.extension
        )


def add_secret(
    disk: Disk,
    *path: str,
    streams: Mapping[str, Content],
    users: Sequence[Person],
    agents: Sequence[Person] = (),
    algorithm: int = AES_256,
    efs_in_extension: bool = False,
) -> bytes:
    """Add an EFS file to a disk; return its $EFS."""
    value = efs(fek(algorithm, KEYS[algorithm]), users, agents)
    parts = [content.part(name, algorithm) for name, content in streams.items()]
    parts.append(Part(0x100, "$EFS", value, extension=efs_in_extension))
    disk.file(*path, parts=parts, attributes=FILE_ATTRIBUTE_ENCRYPTED | 0x20)
    return value
