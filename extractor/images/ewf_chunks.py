"""Our own reading of E01 chunks, which verifies each one: libewf turns a bad chunk into zeros and reports success."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from extractor.errors import DamagedError
from extractor.images.ewf_segments import Geometry, Table

COMPRESSED = 1 << 31
SLACK = 1 << 16
"""How much longer than its content a compressed chunk may be (deflate grows by 5 bytes per 16 KiB)."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one table: offsets from the table's base, and whether each chunk is compressed."""

    offsets: Sequence[int]
    compressed: Sequence[bool]


def parse_entries(raw: bytes) -> Entries:
    """Parse the entries of a chunk table.

    Bit 31 says "compressed". EnCase 6.7 wrote segments beyond 2 GiB in which it is part of the offset instead: there
    the offsets seem to fall back although chunks lie in order, and all chunks are stored as they are (libewf).
    """
    offsets: list[int] = []
    compressed: list[bool] = []
    previous, overflow = 0, False
    for entry in _little_endian(raw):
        overflow = overflow or (entry & ~COMPRESSED) < previous <= entry
        previous = entry if overflow else entry & ~COMPRESSED
        offsets.append(previous)
        compressed.append(not overflow and entry >= COMPRESSED)
    return Entries(array("Q", offsets), compressed)


def _little_endian(raw: bytes) -> Sequence[int]:
    return memoryview(raw).cast("I")


class Chunks:
    """The verified chunks of a set, by number; safe for several threads."""

    def __init__(self, geometry: Geometry, tables: Sequence[Table]) -> None:
        self._geometry = geometry
        self._tables = tables
        self._firsts = [0, *accumulate(table.count for table in tables)]
        self._entries = lru_cache(maxsize=16)(self._load)

    @property
    def count(self) -> int:
        """Chunks that the set holds, at most those that the medium needs."""
        needed = -(-self._geometry.size // self._geometry.chunk_size)
        return min(needed, self._firsts[-1])

    def content(self, number: int) -> bytes:
        """Return a chunk's bytes, shorter only for the medium's last; raise DamagedError naming segment and chunk."""
        if number >= self._firsts[-1]:
            raise DamagedError(f"chunk {number} is in no segment: the acquisition is not complete")
        index = bisect_right(self._firsts, number) - 1
        table = self._tables[index]
        where = f"chunk {number} in {table.file.path}"
        raw, compressed = self._raw(index, number - self._firsts[index], where)
        wanted = min(
            self._geometry.chunk_size, self._geometry.size - number * self._geometry.chunk_size
        )
        return self._inflate(raw, wanted, where) if compressed else _stored(raw, wanted, where)

    def _raw(self, index: int, position: int, where: str) -> tuple[bytes, bool]:
        """Return a chunk as it lies in its segment, and whether it is compressed."""
        table, entries = self._tables[index], self._entries(index)
        start = table.base + entries.offsets[position]
        last = position + 1 == table.count
        end = table.data_end if last else table.base + entries.offsets[position + 1]
        length = min(end - start, self._geometry.chunk_size + SLACK)
        raw = table.file.read_at(start, length) if length > 0 else b""
        if len(raw) != length:
            raise DamagedError(f"{where} lies outside its segment: the table or the file is cut")
        return raw, entries.compressed[position]

    def _load(self, index: int) -> Entries:
        """Return a table's entries from the table or, when its checksum is wrong, from its mirror."""
        table = self._tables[index]
        for each in (table, table.mirror):
            if each is None:
                continue
            raw = each.file.read_at(each.entries, 4 * each.count + (4 if each.checked else 0))
            body = raw[: 4 * each.count]
            if not each.checked or zlib.adler32(body) == int.from_bytes(raw[-4:], "little"):
                return parse_entries(body)
        raise DamagedError(
            f"the chunk table at byte {table.entries} of {table.file.path} and its copy are damaged: "
            f"chunks {self._firsts[index]} to {self._firsts[index + 1] - 1} cannot be found"
        )

    def _inflate(self, raw: bytes, wanted: int, where: str) -> bytes:
        """Decompress a zlib stream; its own Adler-32 is verified when it ends."""
        stream = zlib.decompressobj()
        try:
            content = stream.decompress(raw, self._geometry.chunk_size + 1)
        except zlib.error as error:
            raise DamagedError(f"{where} is damaged: {error}") from error
        # EnCase pads the medium's last chunk.
        if not stream.eof or not wanted <= len(content) <= self._geometry.chunk_size:
            raise DamagedError(f"{where} is damaged: its compressed data does not end as it should")
        return content[:wanted]


def _stored(raw: bytes, wanted: int, where: str) -> bytes:
    """Return an uncompressed chunk after its trailing Adler-32 was verified."""
    content, checksum = raw[:wanted], raw[wanted : wanted + 4]
    if len(checksum) < 4 or zlib.adler32(content) != int.from_bytes(checksum, "little"):
        raise DamagedError(f"{where} is damaged: its checksum is wrong")
    return content
