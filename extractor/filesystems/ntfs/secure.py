"""The descriptors that files share: the stream $SDS of $Secure, found by security id.

Every 256 KiB block of $SDS is followed by a copy of itself; a descriptor whose hash is wrong is taken from the copy.
Source: Microsoft, "NTFS security descriptors"; layout as in the $Secure chapters of ntfs.com and libfsntfs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.volumes.volume import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.seams import Readable

BLOCK = 256 * 1024
LARGEST = 256 << 20
"""Bytes of $SDS that are read; Windows volumes hold some MiB."""
_HEADER = struct.Struct("<IIQI")


class SecurityDescriptors:
    """Descriptors by security id."""

    def __init__(self, sds: Readable) -> None:
        self._sds = sds
        self._places: dict[int, list[tuple[int, int, int]]] = {}
        for start in range(0, min(sds.size, LARGEST), BLOCK):
            for identity, digest, offset, length in self._headers(start):
                self._places.setdefault(identity, []).append((digest, offset, length))

    def _headers(self, start: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield (id, hash, offset, length) of the descriptors of one block, or of its copy."""
        try:
            block = self._sds.read_at(start, BLOCK)
        except DamagedError:
            return  # each block has a copy; an id that neither has is told when it is looked for
        position = 0
        while position + _HEADER.size <= len(block):
            digest, identity, _, length = _HEADER.unpack_from(block, position)
            if not _HEADER.size <= length <= len(block) - position:
                return
            body = start + position + _HEADER.size
            yield identity, digest, body, length - _HEADER.size
            position += -(-length // 16) * 16

    def lookup(self, identity: int) -> bytes:
        """Return the descriptor of a security id; raise DamagedError when no whole copy of it exists."""
        for digest, offset, length in self._places.get(identity, ()):
            descriptor = read_exactly(self._sds, offset, length, "a security descriptor")
            if _hash(descriptor) == digest:
                return descriptor
        raise DamagedError(f"its security descriptor (id {identity}) is not in $Secure")


def _hash(descriptor: bytes) -> int:
    """Return $SDS' own checksum: rotate left by three, add."""
    total = 0
    for (word,) in struct.iter_unpack("<I", descriptor[: len(descriptor) & ~3]):
        total = ((total >> 29 | total << 3) + word) & 0xFFFFFFFF
    return total
