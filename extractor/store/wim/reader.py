"""A WIM that is read: by anyone's writer, in one part, XPRESS, LZX or uncompressed.

It is opened from anything with ``size`` and ``read_at``, so that a container may lie beneath. What does not hold is a
CorruptStoreError with one sentence; no size in the file is believed before the file's own size bounds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from extractor.errors import CorruptStoreError
from extractor.seams import Readable
from extractor.store.failures import reading
from extractor.store.wim.blob import BlobFile, BlobReader
from extractor.store.wim.codecs import Compression, Decompressor, compression_of
from extractor.store.wim.document import ImageInfo, decode, parse
from extractor.store.wim.format import HEADER_SIZE, NO_HASH, BlobEntry, Kind, Resource, parse_header
from extractor.store.wim.node import Row
from extractor.store.wim.table import BlobTable
from extractor.store.wim.walk import Walk


class OpenFile:
    """A file of this host as a Readable."""

    def __init__(self, path: Path) -> None:
        """Open the file; raise CorruptStoreError when that fails."""
        self._path = path
        with reading(path):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.lseek(self._descriptor, 0, os.SEEK_END)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes, fewer only at the end."""
        with reading(self._path):
            found = os.pread(self._descriptor, length, offset)
            while len(found) < length and (more := self._more(found, offset, length)):
                found += more
        return found

    def _more(self, found: bytes, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length - len(found), offset + len(found))

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class WimFile:
    """A WIM; everything is read when it is asked for, but the header, the XML and the blob table."""

    def __init__(self, file: Readable) -> None:
        """Read header, XML and blob table; ``file`` stays the caller's."""
        self.file = file
        self.header_bytes = file.read_at(0, HEADER_SIZE)
        self.header = header = parse_header(self.header_bytes)
        self.compression: Compression = compression_of(header.flags)
        self._codec = Decompressor(self.compression, header.chunk) if header.flags & 2 else None
        self.xml = decode(self.whole(header.xml))
        self.images: list[ImageInfo] = parse(self.xml)
        self.blobs = BlobTable(self.whole(header.blobs))
        if not len(self.images) == len(self.blobs.metadata) == header.images:
            raise CorruptStoreError(
                "the header, the XML and the blob table of the WIM count its images differently"
            )
        self._own: OpenFile | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file of this host; ``close`` closes it."""
        file = OpenFile(path)
        try:
            wim = cls(file)
        except BaseException:
            file.close()
            raise
        wim._own = file
        return wim

    def close(self) -> None:
        """Close the file that ``open`` opened."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def whole(self, resource: Resource) -> bytes:
        """Return a resource that the header names; none of those is compressed."""
        if resource.kind & ~Kind.METADATA or resource.stored != resource.size:
            raise CorruptStoreError(
                "the header of the WIM names a resource of a kind that it cannot have"
            )
        if resource.end > self.file.size:
            raise CorruptStoreError("the WIM is cut: what its header names lies beyond its end")
        data = self.file.read_at(resource.offset, resource.stored)
        if len(data) != resource.stored:
            raise CorruptStoreError("the WIM is cut: what its header names is not all there")
        return data

    def reader(self, entry: BlobEntry) -> BlobReader:
        """Return what reads a blob, or the metadata of an image."""
        return BlobReader(self.file, entry.resource, self._codec, self.header.chunk)

    def blob(self, sha1: bytes) -> BlobReader:
        """Return what reads a blob; raise CorruptStoreError when the WIM has none of this hash."""
        entry = self.blobs.find(sha1)
        if entry is None:
            raise CorruptStoreError(f"the WIM has no blob {sha1.hex()}")
        return self.reader(entry)

    def open_blob(self, sha1: bytes) -> BlobFile:
        """Return a blob as a file of Python, to seek in; zeros name the empty one."""
        if sha1 == NO_HASH:
            return BlobFile(BlobReader(self.file, Resource(0, 0, 0, Kind(0)), None, 0))
        return BlobFile(self.blob(sha1))

    def rows(self, image: int) -> Iterator[Row]:
        """Yield the names of an image (1 is the first), each directory before what it holds."""
        return Walk(self.reader(self.blobs.metadata[image - 1])).rows()
