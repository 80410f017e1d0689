"""Stream -> bytes in a file of the store, and their SHA-256.

Only what ``extents()`` names is read; all between is zeros, hashed from a constant and left a hole. A stream is an
attacker's: its extents are checked, its bytes counted, and a huge one of almost nothing is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import StreamInfo
from extractor.seams import Stream
from extractor.store.failures import in_words, writing

BLOCK = 1 << 20
"""Bytes read and hashed at a time."""
SPARSE_LIMIT = 64 << 30
"""Logical size from which a file must have something to show for it."""
SPARSE_RATIO = 1000
"""Logical bytes per allocated byte beyond which a large file is refused."""

_ZEROS = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies streams below ``place`` (for messages); ``sparse_limit`` is in bytes."""

    place: Path
    sparse_limit: int = SPARSE_LIMIT

    def copy(
        self, stream: Stream, info: StreamInfo, target: int, progress: Callable[[int], None]
    ) -> str:
        """Copy a stream into an empty file (a descriptor) and return its SHA-256 in hexadecimal.

        Raises DamagedError when the stream is not as long as its metadata says or its extents make no sense,
        UnsupportedError for a sparse bomb, whatever SourceError the read raises, and StoreError.
        """
        if stream.size != info.size:
            raise DamagedError(f"holds {stream.size} bytes where its metadata says {info.size}")
        self._refuse_bomb(stream, info)
        digest = hashlib.sha256()
        position = 0
        for offset, length in checked_extents(stream):
            _hash_zeros(digest.update, offset - position, progress)
            position = offset
            for data in _blocks(stream, offset, length):
                self._write(target, data, position)
                digest.update(data)
                progress(len(data))
                position += len(data)
        _hash_zeros(digest.update, info.size - position, progress)
        with writing(self.place):
            os.ftruncate(target, info.size)
        return digest.hexdigest()

    def _write(self, target: int, data: bytes, offset: int) -> None:
        view = memoryview(data)
        with writing(self.place):
            while view:
                count = os.pwrite(target, view, offset)
                view, offset = view[count:], offset + count

    def _refuse_bomb(self, stream: Stream, info: StreamInfo) -> None:
        if info.size <= self.sparse_limit:
            return
        held = sum(length for _, length in checked_extents(stream))
        held = min(held, info.allocated or held)
        if held * SPARSE_RATIO < info.size:
            raise UnsupportedError(
                f"sparse file of {info.size} bytes logical ({in_words(info.size)}), {held} of them allocated: beyond"
                f" the limit of {in_words(self.sparse_limit)}; raise the sparse limit to store it"
            )


def checked_extents(stream: Stream) -> Iterator[tuple[int, int]]:
    """Yield the stream's extents; raise DamagedError when they overlap, go back or pass its end."""
    position = 0
    for offset, length in stream.extents():
        if length < 0 or offset < position or offset + length > stream.size:
            raise DamagedError(f"extent {offset}+{length} does not fit into {stream.size} bytes")
        position = offset + length
        if length:
            yield offset, length


def _blocks(stream: Stream, offset: int, length: int) -> Iterator[bytes]:
    end = offset + length
    while offset < end:
        wanted = min(BLOCK, end - offset)
        data = stream.read_at(offset, wanted)
        if len(data) != wanted:
            raise DamagedError(f"ends early: {len(data)} of {wanted} bytes at offset {offset}")
        yield data
        offset += wanted


def _hash_zeros(
    update: Callable[[bytes | memoryview], None], count: int, progress: Callable[[int], None]
) -> None:
    zeros = memoryview(_ZEROS)
    while count > 0:
        step = min(count, BLOCK)
        update(zeros[:step])
        progress(step)
        count -= step
