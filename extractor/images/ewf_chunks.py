"""Our own reading of E01 chunks, which verifies each one: libewf turns a bad chunk into zeros and reports success.

libdeflate (``deflate``) decompresses: of four libraries it needs the least time for real chunks (``bench/ewf.py``), it
verifies the Adler-32 of a zlib stream as zlib does, and other threads run meanwhile.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from deflate import DeflateError, adler32, zlib_decompress

from extractor.errors import DamagedError
from extractor.images.ewf_layout import Stretch, bad_range
from extractor.images.ewf_segments import Geometry, Lost, Table
from extractor.model import BadRange

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPRESSED = 1 << 31
SLACK = 1 << 16
"""How much longer than its content a compressed chunk may be (deflate grows by 5 bytes per 16 KiB)."""
TABLES = 8
"""Tables whose entries are kept, at most 9 MiB each and usually 0.6."""
SHORT = 256
"""A compressed chunk of fewer bytes is one value repeated, mostly zeros, and comes again and again."""
SHORT_KEPT = 1 << 20
"""Bytes of content of such chunks that are kept."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for the content of a chunk that cannot be had, and says why."""

    reason: str


Content: TypeAlias = bytes | bytearray | memoryview | Unreadable
"""What a chunk holds; nobody writes into it. A view shares the bytes that were read with other chunks."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Where the chunks of a table lie: from one bound to the next, in bytes of the segment."""

    bounds: NDArray[np.int64]
    compressed: NDArray[np.bool_]


def parse_entries(raw: bytes, base: int, end: int) -> Entries:
    """Parse the entries of a chunk table; ``end`` is where its last chunk ends.

    Bit 31 says "compressed". EnCase 6.7 wrote segments beyond 2 GiB in which it is part of the offset instead: there
    the offsets seem to fall back although chunks lie in order, and all chunks are stored as they are (libewf).
    """
    import numpy as np

    entries = np.frombuffer(raw, "<u4").astype(np.int64)
    bounds = np.append(entries & ~COMPRESSED, end - base)
    compressed = entries >= COMPRESSED
    before, offsets = bounds[:-2], bounds[1:-1]
    falls = np.flatnonzero((offsets < before) & (before <= entries[1:]))
    if len(falls):
        beyond = falls[0] + 1
        bounds[beyond:-1] = entries[beyond:]
        compressed[beyond:] = False
    return Entries(bounds + base, compressed)


class Chunks:
    """The verified chunks of a set, by number; safe for several threads."""

    def __init__(self, geometry: Geometry, stretches: Sequence[Stretch]) -> None:
        self._geometry = geometry
        self._size = geometry.chunk_size
        self._stretches = stretches
        self._firsts = [stretch.first for stretch in stretches]
        self._entries = lru_cache(TABLES)(self._load)
        self._short = lru_cache(SHORT_KEPT // self._size)(self._inflate)
        self._bad: dict[int, BadRange] = {}
        self._noting = Lock()

    def contents(self, first: int, count: int) -> list[Content]:
        """Return what chunks of the medium, one behind the other, hold: each is verified or unreadable."""
        found: list[Content] = []
        index = bisect_right(self._firsts, first) - 1
        while count:
            stretch = self._stretches[index]
            taken = min(count, stretch.first + stretch.count - first)
            found += self._of_stretch(index, first, taken)
            first, count, index = first + taken, count - taken, index + 1
        return found

    def bad_ranges(self) -> list[BadRange]:
        """Return the bad chunks met so far, in no order; chunks that one table has lost are one range."""
        with self._noting:
            return list(self._bad.values())

    def _of_stretch(self, index: int, first: int, count: int) -> Sequence[Content]:
        stretch = self._stretches[index]
        if isinstance(stretch.source, Lost):
            return [Unreadable(stretch.source.reason)] * count
        try:
            entries = self._entries(index)
        except DamagedError as error:
            return [self._unreadable(stretch.first, stretch.count, str(error))] * count
        at = first - stretch.first
        bounds: list[int] = entries.bounds[at : at + count + 1].tolist()
        compressed: list[bool] = entries.compressed[at : at + count].tolist()
        where = f"in {stretch.source.file.path}"
        try:
            raws = self._read(stretch.source, bounds)
        except DamagedError as error:
            if count == 1:
                return [self._unreadable(first, 1, f"chunk {first} {where}: {error}")]
            # One of them is at fault: which one, each alone will show.
            return [self._of_stretch(index, first + each, 1)[0] for each in range(count)]
        return [
            self._content(number, raw, packed, where)
            for number, (raw, packed) in enumerate(zip(raws, compressed, strict=True), first)
        ]

    def _load(self, index: int) -> Entries:
        """Return a table's entries from the table or, when its checksum is wrong, from its mirror."""
        stretch = self._stretches[index]
        table = stretch.source
        if isinstance(table, Lost):
            raise DamagedError(table.reason)
        for each in (table, table.mirror):
            if each is None:
                continue
            raw = each.file.read_at(each.entries, 4 * each.count + (4 if each.checked else 0))
            body = raw[: 4 * each.count]
            if not each.checked or adler32(body) == int.from_bytes(raw[-4:], "little"):
                return parse_entries(body, each.base, each.data_end)
        raise DamagedError(
            f"the chunk table at byte {table.entries} of {table.file.path} and its copy are damaged: "
            f"chunks {stretch.first} to {stretch.first + stretch.count - 1} cannot be found"
        )

    def _read(self, table: Table, bounds: Sequence[int]) -> list[memoryview]:
        """Return neighbouring chunks as they lie in their segment, by one read; raise DamagedError when that fails."""
        places = list(pairwise(bounds))
        start, end, most = bounds[0], bounds[-1], len(places) * (self._size + SLACK)
        if len(places) == 1:
            end = min(end, start + most)
        if end - start > most or any(low >= high for low, high in places):
            raise DamagedError("it has no place in its segment: the table is damaged")
        raw = memoryview(table.file.read_at(start, end - start))
        if len(raw) < end - start:
            raise DamagedError("it lies outside its segment: the table or the file is cut")
        return [raw[low - start : high - start] for low, high in places]

    def _content(self, number: int, raw: memoryview, packed: bool, where: str) -> Content:
        wanted = min(self._size, self._geometry.size - number * self._size)
        try:
            return self._unpacked(raw, wanted) if packed else self._stored(raw, wanted)
        except DamagedError as error:
            return self._unreadable(number, 1, f"chunk {number} {where} is damaged: {error}")

    def _unpacked(self, raw: memoryview, wanted: int) -> bytes | bytearray:
        content = self._inflate(raw) if len(raw) > SHORT else self._short(bytes(raw))
        # EnCase pads the medium's last chunk.
        if len(content) < wanted:
            raise DamagedError("its compressed data does not end as it should")
        return content if len(content) == wanted else content[:wanted]

    def _inflate(self, raw: memoryview | bytes) -> bytes | bytearray:
        """Decompress a zlib stream whose Adler-32 is right; zlib has the last word, and words for what is wrong."""
        try:
            return zlib_decompress(raw, self._size)
        except DeflateError:
            stream = zlib.decompressobj()
        try:
            content = stream.decompress(raw, self._size + 1)
        except zlib.error as error:
            raise DamagedError(str(error)) from error
        if not stream.eof or len(content) > self._size:
            raise DamagedError("its compressed data does not end as it should")
        return content

    def _stored(self, raw: memoryview, wanted: int) -> memoryview:
        """Return an uncompressed chunk after its trailing Adler-32 was verified; the last may be padded here, too."""
        for length in (wanted, self._size):
            checksum = raw[length : length + 4]
            if len(checksum) == 4 and adler32(raw[:length]) == int.from_bytes(checksum, "little"):
                return raw[:wanted]
        raise DamagedError("its checksum is wrong")

    def _unreadable(self, first: int, count: int, reason: str) -> Unreadable:
        """Note chunks that cannot be had."""
        with self._noting:
            self._bad[first] = bad_range(self._geometry, first, count, reason)
        return Unreadable(reason)
