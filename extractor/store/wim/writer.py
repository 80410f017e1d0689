"""A WIM, written in one pass: blobs as they come, then the images, the blob table, the XML, the header last.

``submit`` names content and returns at once; workers read, hash and compress it, one thread writes, in the order of the
calls. The same calls make the same file, byte for byte. Until ``finish`` the file begins with a mark that no tool
takes for a WIM.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from extractor.errors import DamagedError
from extractor.store.wim.codecs import Compression
from extractor.store.wim.content import UNIT, Content, Part, length_of, parts_of, units
from extractor.store.wim.document import compose, encode, seal_of, sealed
from extractor.store.wim.format import (
    CHUNK,
    HEADER_SIZE,
    INCOMPLETE,
    NO_HASH,
    BlobEntry,
    Flag,
    Header,
    Kind,
    Resource,
    pack_integrity,
)  # fmt: skip
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.integrity import Integrity
from extractor.store.wim.metadata import Counts, MetadataBuilder
from extractor.store.wim.node import Image
from extractor.store.wim.output import Output
from extractor.store.wim.pipeline import Pipeline
from extractor.store.wim.target import Target
from extractor.store.wim.ticket import Stored, Ticket
from extractor.store.wim.work import Batch, Blob, Segment

_ROWS = 8192
"""Rows of the blob table that are written at a time."""
EMPTY = Stored(
    hashlib.sha1(b"", usedforsecurity=False).digest(), hashlib.sha256(b"").hexdigest(), 0
)


class WimWriter:
    """One WIM being written, by one thread; leaving it without ``finish`` leaves a file that is no WIM."""

    def __init__(
        self,
        target: Target,
        *,
        compression: Compression = Compression.XPRESS,
        level: int = 0,
        threads: int = 0,
        resume: tuple[int, Iterable[BlobEntry]] | None = None,
    ) -> None:
        """Begin a file, or go on with one at what a checkpoint said; ``level`` and ``threads`` of 0 are the default.

        Raises OSError when the target cannot be written, ValueError when a checkpoint contradicts itself.
        """
        end, entries = resume or (HEADER_SIZE, ())
        self._compression = compression
        self._index = BlobIndex()
        self._index.load(entries, end)
        self._told = len(self._index)
        target.truncate(end)
        target.write_at(0, [INCOMPLETE + bytes(HEADER_SIZE - len(INCOMPLETE))])
        self._target = target
        self._pipeline = Pipeline(self._index, compression, level, threads or os.cpu_count() or 1)
        integrity = Integrity(target, self._pipeline.background)
        self._output = Output(target, self._index, integrity, end)
        integrity.settle(end)
        self._turn = 0
        self._batch: Batch | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads. What was submitted and is not written yet is left."""
        self._pipeline.close()

    def submit(self, content: Content, size: int) -> Ticket:
        """Hand on a blob of ``size`` bytes and return its ticket.

        Bytes must not change, and descriptors stay open, until the ticket is done. What iterating ``content`` raises
        goes to the caller, and nothing of that blob counts; a Piece that cannot be read is a DamagedError of the
        ticket. Raises ValueError when the parts are not ``size`` bytes, StoreError when the file cannot be written.
        """
        return self._submit(content, size, Kind(0))

    def add(self, content: Content, size: int) -> Stored:
        """Hand on a blob and wait for it."""
        ticket = self.submit(content, size)
        self._hand_on()
        return ticket.result()

    def flush(self) -> None:
        """Wait until everything that was submitted is written; raise StoreError when that fails."""
        self._hand_on()
        self._pipeline.drain()

    def hand_on(self) -> None:
        """Let the workers have the small blobs that wait for more: after this every ticket can be waited for."""
        self._hand_on()

    def checkpoint(self) -> tuple[int, list[BlobEntry]]:
        """Return the offset below which all is written, and the blobs there that no checkpoint told before.

        It waits for nothing: blobs under way are in a later one. The caller makes the file durable (fsync) up to the
        offset before it takes these for kept, and passes offset and all blobs to ``resume``.
        """
        self._pipeline.check()
        with self._output.lock:
            entries = list(self._index.entries(self._told))
            self._told = len(self._index)
            return self._output.end, entries

    def __contains__(self, sha1: bytes) -> bool:
        """Tell whether a blob is in the file by now."""
        return sha1 in self._index

    def _submit(self, content: Content, size: int, kind: Kind) -> Ticket:
        if not size:
            _check_size(sum(map(length_of, parts_of(content))), 0)
            return Ticket(0, stored=EMPTY)
        if size > UNIT or kind:
            return self._large(parts_of(content), size, kind)
        parts = list(parts_of(content))
        _check_size(sum(map(length_of, parts)), size)
        ticket = Ticket(size)
        batch = self._batch
        if batch is not None and (batch.size + size > UNIT or len(batch) == Batch.MOST):
            self._hand_on()
            batch = None
        if batch is None:
            self._turn += 1
            batch = self._batch = Batch(self._turn, self._pipeline.buffer())
        ticket.unit = batch
        batch.add(ticket, parts)
        return ticket

    def _hand_on(self) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            self._pipeline.hand_on(batch, partial(self._commit, batch))

    def _commit(self, batch: Batch) -> None:
        batch.commit(self._output)
        self._pipeline.release(batch.room)

    def _large(self, parts: Iterable[Part], size: int, kind: Kind) -> Ticket:
        """Hand on a blob in segments; each blob ends with one that is the last or brings a failure.

        A segment waits for the next one, so that the last is not handed on before the content has ended.
        """
        self._hand_on()
        blob = Blob(Ticket(size), kind)
        number, taken = 0, 0
        held: Sequence[Part] = ()
        try:
            for group in units(parts):
                taken += sum(map(length_of, group))
                if taken > size or blob.failure is not None:
                    break
                if held:
                    self._segment(blob, number, held)
                    number += 1
                held = group
            if blob.failure is None:
                _check_size(taken, size)
                self._segment(blob, number, held)
        except BaseException:  # the blob ends here whatever it was, or its memory never comes back
            self._segment(blob, number, (), DamagedError("its content did not come to its end"))
            raise
        return blob.ticket

    def _segment(
        self, blob: Blob, number: int, group: Sequence[Part], failure: Exception | None = None
    ) -> None:
        pipeline = self._pipeline
        segment = Segment(blob, number, group, pipeline.buffer(), pipeline.release)
        segment.failure = failure
        pipeline.hand_on(segment, partial(segment.commit, self._output, self._compression))
        blob.ticket.unit = segment

    def finish(self, images: Sequence[Image], *, scratch: Path | None = None) -> None:
        """Write the images and what makes the file a WIM; end the threads.

        Raises ValueError when an image's rows are not in order or name a blob that is not there.
        """
        self.flush()
        self._index.forget_references()
        described = [(image, self._metadata(image, scratch)) for image in images]
        output = self._output
        blobs, guid = self._write_table()
        digests = output.integrity.digests(output.end)
        self._seal(blobs, pack_integrity(digests), compose(described, output.end), guid)
        self.close()

    def _write_table(self) -> tuple[Resource, bytes]:
        """Write the blob table, in blocks; return where it is, and the first 16 bytes of its SHA-256."""
        output, start = self._output, self._output.end
        digest = hashlib.sha256()
        rows = self._table()
        while block := b"".join(islice(rows, _ROWS)):
            digest.update(block)
            output.append([block])
            output.advance(len(block))
        size = output.end - start
        return Resource(start, size, size, Kind.METADATA), digest.digest()[:16]

    def _metadata(self, image: Image, scratch: Path | None) -> Counts:
        with MetadataBuilder(self._index, scratch) as builder:
            size = builder.build(image.rows)
            ticket = self._submit(builder.blocks(), size, Kind.METADATA)
            self.flush()
            ticket.result()
            return builder.counts

    def _table(self) -> Iterator[bytes]:
        for sha1, resource in self._output.metadata:
            yield BlobEntry(resource, 1, sha1).pack()
        for entry in self._index.entries():
            yield entry.pack()

    def _seal(self, blobs: Resource, integrity: bytes, text: str, guid: bytes) -> None:
        """Write XML, integrity table and header; the GUID is a hash of the blob table."""
        size = len(encode(text))
        xml = Resource(blobs.end, size, size, Kind.METADATA)
        check = Resource(xml.end, len(integrity), len(integrity), Kind(0))
        flags = self._compression.flags
        header = Header(
            flags, CHUNK if flags & Flag.COMPRESSION else 0, guid,
            len(self._output.metadata), blobs, xml, check,
        ).pack()  # fmt: skip
        text = sealed(text, seal_of(header, text, integrity))
        self._target.write_at(xml.offset, [encode(text), integrity])
        self._target.truncate(check.end)
        self._target.write_at(0, [header])


def _check_size(found: int, size: int) -> None:
    if found != size:
        raise ValueError(f"a blob of {size} bytes was announced, its parts have {found}")


def name_in_metadata(stored: Stored) -> bytes:
    """Return the hash by which a node names a blob: zeros for an empty one."""
    return stored.sha1 if stored.size else NO_HASH
