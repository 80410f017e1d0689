"""Parts of a stream -> a file of the store and its hash: what is hashed is what is written, from one buffer.

A part is a Piece (bytes of another open file, or zeros) or the bytes themselves; together they are the stream.
The buffer begins at a page: on processors that copy by ``rep movsb`` a read into memory at 16 bytes past a line of the
cache takes five times as long (measured), and that is where CPython puts a large ``bytearray``.
"""

from __future__ import annotations

import mmap
import os

from extractor.errors import DamagedError
from extractor.seams import ZEROS, Piece
from extractor.store.digest import new_digest
from extractor.store.tree import Parts, Tree

BLOCK = 256 << 10
"""Bytes read, hashed and written at a time: they stay in the processor's second cache."""
Part = Piece | bytes

_BUFFER = memoryview(mmap.mmap(-1, BLOCK))


class Copy:
    """A file of the store on its way in. OSError means that the store cannot be written."""

    def __init__(self, tree: Tree, parts: Parts, *, holes: bool = False) -> None:
        """Create the file, and the directories that it lies in; ``holes`` chooses the hash (``digest``)."""
        self._target = tree.create(parts)
        self._tree = tree
        self._parts = parts
        self._digest = new_digest(holes=holes)
        self._at = 0

    @property
    def done(self) -> int:
        """Bytes of the stream that were taken so far."""
        return self._at

    def take(self, part: Part) -> None:
        """Add the next part; raise DamagedError when a Piece cannot be read."""
        if isinstance(part, bytes):
            self._put(memoryview(part))
        elif part.descriptor == ZEROS:
            self._skip(part.length)
        else:
            self._read(part)

    def _read(self, piece: Piece) -> None:
        descriptor, offset, length = piece
        while length:
            view = _BUFFER[: min(BLOCK, length)]
            try:
                count = os.preadv(descriptor, [view], offset)
            except OSError as error:
                raise DamagedError(
                    f"byte {offset} of the image cannot be read: {error.strerror}"
                ) from error
            if not count:
                raise DamagedError(f"the image ends at byte {offset}: it was cut while it was read")
            self._put(view[:count])
            offset += count
            length -= count

    def _put(self, data: memoryview) -> None:
        self._digest.update(data)
        while data:
            count = os.pwrite(self._target, data, self._at)
            data = data[count:]
            self._at += count

    def _skip(self, count: int) -> None:
        """Leave a hole."""
        self._at += count
        self._digest.skip(count)

    def finish(self, size: int, modified: int | None) -> str:
        """Close the file at ``size`` bytes, give it its time (ns since 1970) and return its hash."""
        os.ftruncate(self._target, size)
        if modified is not None:
            set_time(self._target, modified)
        self._close()
        return self._digest.hexdigest()

    def give_up(self) -> None:
        """Remove what was written."""
        self._close()
        self._tree.remove(self._parts)

    def _close(self) -> None:
        target, self._target = self._target, -1
        if target >= 0:
            os.close(target)


def set_time(target: int, modified: int) -> None:
    """Set the modification time of an open file (ns since 1970).

    A file system that has no times, or not this one, is no reason to lose the file: the catalog has it anyway.
    """
    try:
        os.utime(target, ns=(modified, modified))
    except OSError:
        return
