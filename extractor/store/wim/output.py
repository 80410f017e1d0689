"""The growing end of the file. One thread writes, in the order in which blobs were submitted.

So the same blobs make the same file whatever the workers' timing; and a blob that fails, or turns out to be known, is
undone by going back to where it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from extractor.store.wim.codecs import Compression, Decompressor
from extractor.store.wim.content import UNIT
from extractor.store.wim.format import CHUNK, Kind, Resource, chunk_table
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.integrity import Integrity
from extractor.store.wim.packing import Chunks, table_of
from extractor.store.wim.target import Buffer, Target


class Output:
    """Where the next blob goes."""

    def __init__(self, target: Target, index: BlobIndex, integrity: Integrity, end: int) -> None:
        self.target = target
        self.index = index
        self.integrity = integrity
        self.end = end
        """What lies below is complete."""
        self.metadata: list[tuple[bytes, Resource]] = []
        self.lock = Lock()
        """Held while ``end`` and the index change."""

    def append(self, buffers: Sequence[Buffer]) -> None:
        """Write behind the end, which stays where it is until ``advance``."""
        self.target.write_at(self.end, buffers)

    def advance(self, stored: int) -> None:
        """Move the end over what was written."""
        self.end += stored
        self.integrity.settle(self.end)

    def enter(self, sha1: bytes, resource: Resource) -> None:
        """Note a blob, or an image's metadata, whose bytes are in the file."""
        if resource.kind & Kind.METADATA:
            self.metadata.append((sha1, resource))
        else:
            self.index.add(sha1, resource)


class Growing:
    """A resource of more than one unit, written while its rest is still being read.

    The table of its chunks comes first, so room is left for it. As long as every chunk is stored as it is, a few units
    are held back: a photograph is written without a table and never moved.
    """

    HELD = 8

    def __init__(self, output: Output, size: int, compression: Compression, kind: Kind) -> None:
        self._output = output
        self._size = size
        self._compression = compression
        self._packing = bool(compression.flags)
        self._kind = kind
        entries, width = chunk_table(size, CHUNK)
        self._table = entries * width if self._packing else 0
        self._lengths: list[int] = []
        self._held: list[Buffer] | None = [] if self._packing else None
        self._at = output.end + self._table

    def put(self, plain: memoryview, packed: Chunks | None) -> bool:
        """Add a unit; return False when its memory is still needed."""
        if self._held is not None and packed is None and len(self._held) < self.HELD:
            self._held.append(plain)
            return False
        if self._held is not None:
            held, self._held = self._held, None
            for unit in held:
                self._write(unit, None)
        self._write(plain, packed)
        return True

    @property
    def holding(self) -> bool:
        """True while units that were put are held back in memory."""
        return bool(self._held)

    def _write(self, plain: Buffer, packed: Chunks | None) -> None:
        data = plain if packed is None else packed.data
        self._output.target.write_at(self._at, [data])
        self._at += len(data)
        self._output.integrity.settle(self._at)
        if packed is not None:
            self._lengths += packed.lengths
        elif self._packing:
            self._lengths += [min(CHUNK, len(data) - at) for at in range(0, len(data), CHUNK)]

    def finish(self, sha1: bytes) -> None:
        """End the resource; a blob that is known already is dropped."""
        if sha1 in self._output.index and not self._kind & Kind.METADATA:
            self.drop()
            return
        kind = self._kind
        base = self._output.end
        if self._held:
            self._output.append(self._held)
            stored = self._size
        elif self._packing and self._at - base >= self._size:
            stored = self._unpack()
        else:
            stored = self._at - base
            kind |= self._close_table()
        self._held = None
        with self._output.lock:
            self._output.enter(sha1, Resource(base, stored, self._size, kind))
            self._output.advance(stored)

    def _close_table(self) -> Kind:
        if not self._packing:
            return Kind(0)
        base = self._output.end
        self._output.target.write_at(base, [table_of(self._lengths, self._size)])
        if self._table:
            self._output.integrity.redo(base, base + self._table)
        return Kind.COMPRESSED

    def _unpack(self) -> int:
        """Write the chunks once more, as they are, over the table: with it they take more room than without.

        No chunk is overwritten before it is read: all that compression saved up to it is less than the table.
        """
        output = self._output
        source, goal = output.end + self._table, output.end
        codec = Decompressor(self._compression, CHUNK)
        for number, length in enumerate(self._lengths):
            plain = min(CHUNK, self._size - number * CHUNK)
            data = output.target.read_at(source, length)
            output.target.write_at(
                goal, [data if length == plain else codec.decompress(data, plain)]
            )
            source += length
            goal += plain
        output.integrity.rewind(output.end)
        return self._size

    def drop(self) -> None:
        """Undo what was written."""
        self._held = None
        self._output.integrity.rewind(self._output.end)


HELD_BYTES = Growing.HELD * UNIT
