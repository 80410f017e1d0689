"""A resource of a WIM as a file that can be read at any place."""

from __future__ import annotations

import io
import sys
from array import array
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from extractor.errors import CorruptStoreError
from extractor.store.wim.codecs import Decompressor
from extractor.store.wim.format import Kind, Resource, chunk_table

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from extractor.seams import Readable

_KEPT = 8
"""Chunks that are kept, decompressed."""
_TABLE = 4096
"""Entries of a chunk table that are read at a time: a table may be of many MiB."""


class BlobReader:
    """The bytes of a resource; several threads may ask at once. What it cannot give is a CorruptStoreError."""

    def __init__(
        self, file: Readable, resource: Resource, codec: Decompressor | None, chunk: int
    ) -> None:
        """Look at the entry alone; ``codec`` is None and ``chunk`` 0 in a file that is not compressed."""
        self._file = file
        self._resource = resource
        self.size = resource.size
        compressed = bool(resource.kind & Kind.COMPRESSED)
        if compressed and codec is None:
            raise CorruptStoreError("a resource of the WIM is compressed, the WIM is not")
        self._codec = codec if compressed else None
        self._chunk = chunk
        entries, self._width = chunk_table(self.size, chunk) if compressed else (0, 4)
        self._entries = entries
        self._data = entries * self._width
        """Where the first chunk is, from the start of the resource."""
        self._tables: OrderedDict[int, array[int]] = OrderedDict()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()
        if resource.end > file.size or (
            compressed and self._data + entries >= max(resource.stored, 1)
        ):
            raise CorruptStoreError(
                "a resource of the WIM reaches beyond its end, or is too short for its chunks"
            )
        if not compressed and resource.stored != resource.size:
            raise CorruptStoreError("a resource of the WIM that is not compressed has two sizes")

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only at the end."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if self._codec is None:
            return self._raw(offset, length)
        first, skip = divmod(offset, self._chunk)
        last = (offset + length - 1) // self._chunk
        if first == last:
            return self._plain(self._codec, first)[skip : skip + length]
        data = b"".join(self._plain(self._codec, number) for number in range(first, last + 1))
        return data[skip : skip + length] if skip or length < len(data) else data

    def _raw(self, offset: int, length: int) -> bytes:
        data = self._file.read_at(self._resource.offset + offset, length)
        if len(data) != length:
            raise CorruptStoreError("the WIM is cut: a resource ends early")
        return data

    def _plain(self, codec: Decompressor, number: int) -> bytes:
        with self._lock:
            found = self._kept.get(number)
            if found is not None:
                self._kept.move_to_end(number)
                return found
        start, end = self._place(number)
        size = min(self._chunk, self.size - number * self._chunk)
        if not 0 < end - start <= size:
            raise CorruptStoreError("a chunk of the WIM has more bytes than it can have, or none")
        data = self._raw(start, end - start)
        if len(data) < size:
            data = codec.decompress(data, size)
        with self._lock:
            self._kept[number] = data
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return data

    def _place(self, number: int) -> tuple[int, int]:
        """Return where a chunk starts and ends, from the start of the resource."""
        start = self._entry(number - 1) if number else 0
        end = self._entry(number) if number < self._entries else self._resource.stored - self._data
        if not 0 <= start < end <= self._resource.stored - self._data:
            raise CorruptStoreError("the chunks of a resource of the WIM are out of order")
        return self._data + start, self._data + end

    def _entry(self, number: int) -> int:
        group, at = divmod(number, _TABLE)
        with self._lock:
            table = self._tables.get(group)
        if table is None:
            count = min(_TABLE, self._entries - group * _TABLE)
            table = array("Q" if self._width == 8 else "I")
            table.frombytes(self._raw(group * _TABLE * self._width, count * self._width))
            if sys.byteorder == "big":
                table.byteswap()
            with self._lock:
                self._tables[group] = table
                if len(self._tables) > 2:
                    self._tables.popitem(last=False)
        return table[at]


class BlobFile(io.RawIOBase):
    """A resource as a file of Python, read-only."""

    def __init__(self, reader: BlobReader) -> None:
        self._reader = reader
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; raise ValueError before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reader.size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start of a blob")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer and return how many bytes there were."""
        room = memoryview(buffer).cast("B")
        data = self._reader.read_at(self._at, len(room))
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
