"""The units of work: a batch of small blobs, or a stretch of a large one. Workers read, hash and compress them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Protocol

from extractor.errors import DamagedError
from extractor.store.wim.codecs import Compression
from extractor.store.wim.content import UNIT, Part, load
from extractor.store.wim.format import Kind, Resource
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.output import Growing, Output
from extractor.store.wim.packing import Chunks, Packer, resource_of
from extractor.store.wim.target import Buffer
from extractor.store.wim.ticket import Stored, Ticket

Release = Callable[[memoryview], None]


class Hash(Protocol):
    """A hash that is being made."""

    def update(self, data: memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


def stored_of(data: memoryview) -> Stored:
    """Return what a small blob is known by."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).digest()
    return Stored(sha1, hashlib.sha256(data).hexdigest(), len(data))


@dataclass(slots=True, eq=False)
class _Small:
    """A small blob after a worker had it: ``buffers`` is what the file gets, empty when it need not get anything."""

    ticket: Ticket
    stored: Stored | None = None
    failure: DamagedError | None = None
    buffers: list[Buffer] = field(default_factory=list)
    compressed: bool = False


class Batch:
    """Small blobs, up to ``UNIT`` bytes together."""

    MOST = 512

    def __init__(self, turn: int, room: memoryview) -> None:
        self.turn = turn
        self.size = 0
        self.room = room
        self.written: Future[None] | None = None
        self._contents: list[tuple[Ticket, Sequence[Part]]] = []
        self._items: list[_Small] = []

    def __len__(self) -> int:
        return len(self._contents)

    def add(self, ticket: Ticket, parts: Sequence[Part]) -> None:
        """Take a blob that fits."""
        self._contents.append((ticket, parts))
        self.size += ticket.size

    def work(self, packer: Packer, index: BlobIndex) -> None:
        """Read, hash, compress: in a worker."""
        room, mine = self.room, set[bytes]()
        for ticket, parts in self._contents:
            item = _Small(ticket)
            self._items.append(item)
            try:
                data = load(parts, room[: ticket.size])
            except DamagedError as error:
                item.failure = error
                continue
            room = room[ticket.size :]
            item.stored = stored_of(data)
            sha1 = item.stored.sha1
            if data and sha1 not in mine and index.claim(sha1, self.turn):
                mine.add(sha1)
                item.buffers, item.compressed = resource_of(data, packer.chunks(data))
        self._contents.clear()

    def commit(self, output: Output) -> None:
        """Write what is new, in order: in the thread that writes."""
        index, at = output.index, output.end
        buffers: list[Buffer] = []
        entries = []
        mine = set[bytes]()
        for item in self._items:
            if item.stored is None or not item.buffers:
                continue
            sha1, _, size = item.stored
            index.settle(sha1)
            if sha1 in index or sha1 in mine:
                continue
            mine.add(sha1)
            stored = sum(map(len, item.buffers))
            kind = Kind.COMPRESSED if item.compressed else Kind(0)
            entries.append((sha1, Resource(at, stored, size, kind)))
            buffers += item.buffers
            at += stored
        output.append(buffers)
        with output.lock:
            for sha1, resource in entries:
                index.add(sha1, resource)
            output.advance(at - output.end)
        self._tell()

    def _tell(self) -> None:
        for item in self._items:
            item.ticket.stored, item.ticket.failure = item.stored, item.failure
        self._items.clear()


class Chain:
    """One hash over the segments of a blob: whichever worker brings the next one carries on with it."""

    def __init__(self, digest: Hash) -> None:
        self.digest = digest
        self._lock = Lock()
        self._waiting: dict[int, Segment] = {}
        self._next = 0
        self._busy = False

    def add(self, segment: Segment) -> None:
        """Hash a segment now, or leave it to the worker that is at it."""
        with self._lock:
            self._waiting[segment.number] = segment
            if self._busy:
                return
            self._busy = True
        while (found := self._take()) is not None:
            self.digest.update(found.data)
            found.let_go()
            if found.last:
                found.blob.hashed[self].set()

    def _take(self) -> Segment | None:
        with self._lock:
            found = self._waiting.pop(self._next, None)
            self._busy = found is not None
            self._next += self._busy
        return found


class Blob:
    """A blob of several segments."""

    def __init__(self, ticket: Ticket, kind: Kind) -> None:
        self.ticket = ticket
        self.kind = kind
        self.failure: Exception | None = None
        self.sha1 = Chain(hashlib.sha1(usedforsecurity=False))
        self.sha256 = Chain(hashlib.sha256())
        self.hashed = {self.sha1: Event(), self.sha256: Event()}
        self.growing: Growing | None = None
        self.held: list[Segment] = []

    def stored(self) -> Stored:
        """Wait for both hashes."""
        for event in self.hashed.values():
            event.wait()
        sha256 = self.sha256.digest.digest().hex()
        return Stored(self.sha1.digest.digest(), sha256, self.ticket.size)


class Segment:
    """The bytes of a blob from ``number * UNIT`` on. ``failure`` is set when the caller could not bring the rest."""

    def __init__(
        self, blob: Blob, number: int, parts: Sequence[Part], room: memoryview, release: Release
    ) -> None:
        self.blob = blob
        self.number = number
        self.last = (number + 1) * UNIT >= blob.ticket.size
        self.data = memoryview(b"")
        self.failure: Exception | None = None
        self.written: Future[None] | None = None
        self._parts = parts
        self._packed: Chunks | None = None
        self._room = room
        self._release = release
        self._holders = 3
        """The one that writes, and the two hashes."""
        self._lock = Lock()

    def work(self, packer: Packer, _index: BlobIndex) -> None:
        """Read, compress, hash: in a worker."""
        try:
            if self.failure is None and self.blob.failure is None:
                self.data = load(self._parts, self._room)
                self._packed = packer.chunks(self.data)
        except DamagedError as error:
            self.failure = error
        finally:
            self.blob.sha1.add(self)
            self.blob.sha256.add(self)

    def commit(self, output: Output, compression: Compression) -> None:
        """Write the segment, and what ends the blob after its last one: in the thread that writes."""
        blob = self.blob
        if blob.growing is None:
            blob.growing = Growing(output, blob.ticket.size, compression, blob.kind)
        if self.failure is not None and blob.failure is None:
            blob.failure = self.failure
            blob.growing.drop()
        blob.held.append(self)
        if blob.failure is not None or blob.growing.put(self.data, self._packed):
            self._free()
        if self.last or self.failure is not None:
            self._end(blob.growing)

    def _end(self, growing: Growing) -> None:
        blob = self.blob
        if blob.failure is None:
            stored = blob.stored()
            growing.finish(stored.sha1)
            blob.ticket.stored = stored
        else:
            blob.ticket.failure = blob.failure
        self._free()

    def _free(self) -> None:
        for segment in self.blob.held:
            segment.let_go()
        self.blob.held.clear()

    def let_go(self) -> None:
        """Need the memory no more."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self.data = memoryview(b"")
            self._release(self._room)
