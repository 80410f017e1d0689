"""Bytes and holes, in order -> the hash by which a stored stream is known.

That is the SHA-256 of the content. A huge sparse file would take hours of hashing zeros, so its hash is of its blocks
of 64 KiB that are not all zeros, each led by its number, and of its size; it is written ``holes-`` and 64 digits, and
is the same for every copy of the content, whatever its holes are.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from typing import Protocol

BLOCK = 1 << 20
"""Bytes read and hashed at a time."""
GRAIN = 64 << 10
"""Bytes of a block of the hash with holes."""
HOLES = "holes-"
_NUMBER = struct.Struct("<Q")
_ZEROS = memoryview(bytes(BLOCK))


class Digest(Protocol):
    """A hash that is being made."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes."""
        ...

    def skip(self, count: int, /) -> None:
        """Add zeros."""
        ...

    def hexdigest(self) -> str: ...


class ContentDigest:
    """SHA-256 of the content."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.update = self._hash.update
        self.hexdigest = self._hash.hexdigest

    def skip(self, count: int) -> None:
        """Add zeros, from a constant."""
        while count > 0:
            self._hash.update(_ZEROS[:count])
            count -= BLOCK


class HolesDigest:
    """The hash of a huge sparse file: holes cost nothing."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0
        self._block = bytearray()

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        view = memoryview(data)
        while view:
            room = GRAIN - self._size % GRAIN
            self._block += view[:room]
            self._size += len(view[:room])
            view = view[room:]
            if self._size % GRAIN == 0:
                self._end_block()

    def skip(self, count: int) -> None:
        """Add zeros: those that fill the block begun, and whole blocks at once."""
        fill = min(count, -self._size % GRAIN)
        self.update(bytes(fill))
        whole = (count - fill) // GRAIN * GRAIN
        self._size += whole
        self.update(bytes(count - fill - whole))

    def _end_block(self) -> None:
        if any(self._block):
            self._hash.update(_NUMBER.pack((self._size - 1) // GRAIN))
            self._hash.update(self._block.ljust(GRAIN, b"\0"))
        self._block.clear()

    def hexdigest(self) -> str:
        """Return ``holes-`` and 64 digits; nothing may be added afterwards."""
        if self._block:
            self._end_block()
        self._hash.update(_NUMBER.pack(self._size))
        return HOLES + self._hash.hexdigest()


def new_digest(*, holes: bool) -> Digest:
    """Return a digest of either kind."""
    return HolesDigest() if holes else ContentDigest()


def digest_of(file: int, expected: str) -> Iterator[tuple[int, str]]:
    """Hash an open file as ``expected`` was made: yield the bytes added so far with the hash, empty until the last."""
    holes = expected.startswith(HOLES)
    digest, done, size = new_digest(holes=holes), 0, os.fstat(file).st_size
    for start, end in _data(file, size) if holes else [(0, size)]:
        digest.skip(start - done)
        done = start
        while done < end and (data := os.pread(file, min(BLOCK, end - done), done)):
            digest.update(data)
            done += len(data)
            yield done, ""
    digest.skip(size - done)
    yield size, digest.hexdigest()


def _data(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of what the file's system does not call a hole."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end
