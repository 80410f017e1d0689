"""Files held by the Windows Overlay Filter (CompactOS): content in the stream WofCompressedData, in chunks.

Source: [MS-FSCC] 2.1.2.1 (tag IO_REPARSE_TAG_WOF), FILE_PROVIDER_EXTERNAL_INFO; layout of the chunk table as in WIM.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.codecs import decompress
from extractor.volumes.volume import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extractor.model import Reparse
    from extractor.seams import Readable

TAG = 0x80000017
STREAM = "WofCompressedData"
WIM_PROVIDER = 1
FILE_PROVIDER = 2


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How chunks are compressed, and how much plain content each holds."""

    name: str
    codec: str
    chunk: int


ALGORITHMS = {
    0: Algorithm("XPRESS4K", "XPRESS", 4096),
    1: Algorithm("LZX", "LZX", 32768),
    2: Algorithm("XPRESS8K", "XPRESS", 8192),
    3: Algorithm("XPRESS16K", "XPRESS", 16384),
}


def wof_provider(reparse: Reparse | None) -> int:
    """Return the overlay's provider (1 a WIM file, 2 this file itself), 0 when there is no overlay."""
    if reparse is None or reparse.tag != TAG:
        return 0
    return int.from_bytes(reparse.data[4:8], "little")


def wof_algorithm(reparse: Reparse | None) -> Algorithm | None:
    """Return the algorithm of a file held by the file provider, None when it is not, or is not known."""
    if reparse is None or wof_provider(reparse) != FILE_PROVIDER or len(reparse.data) < 16:
        return None
    return ALGORITHMS.get(int.from_bytes(reparse.data[12:16], "little"))


class WofStream:
    """The plain content of an overlaid file."""

    def __init__(self, stored: Readable, size: int, algorithm: Algorithm) -> None:
        self.size = size
        self._stored = stored
        self._algorithm = algorithm
        self._chunks = -(-size // algorithm.chunk)
        # Entry i is where chunk i + 1 begins, counted from the table's end; chunk 0 begins at 0.
        self._entry = struct.Struct("<I" if size < 1 << 32 else "<Q")
        self._table = max(self._chunks - 1, 0) * self._entry.size
        if self._table > stored.size:
            raise DamagedError("its table of compressed chunks is longer than what is stored")

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)] if self.size else []

    def read_at(self, offset: int, length: int) -> bytes:
        """Return plain bytes; raise DamagedError when a chunk cannot be decompressed to its full length."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        chunk = self._algorithm.chunk
        first, last = offset // chunk, -(-end // chunk)
        plain = b"".join(self._plain(first, last))
        return plain[offset - first * chunk : end - first * chunk]

    def _plain(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the content of chunks, read together."""
        chunk = self._algorithm.chunk
        bounds = self._bounds(first, last)
        sizes = [min(chunk, self.size - index * chunk) for index in range(first, last)]
        for index, (start, end) in enumerate(pairwise(bounds)):
            if not start < end or end - start > sizes[index]:
                raise DamagedError(f"its compressed chunk {first + index} has an impossible place")
        begin, total = bounds[0], bounds[-1] - bounds[0]
        data = read_exactly(self._stored, self._table + begin, total, "a compressed chunk")
        for index, (start, end) in enumerate(pairwise(bounds)):
            yield self._chunk(first + index, data[start - begin : end - begin], sizes[index])

    def _bounds(self, first: int, last: int) -> list[int]:
        """Return where chunks ``first`` to ``last`` begin in the stored data, and where the last ends."""
        low, high = max(first - 1, 0), min(last, self._chunks - 1)
        width = self._entry.size
        raw = read_exactly(self._stored, low * width, (high - low) * width, "its chunk table")
        bounds = [offset for (offset,) in self._entry.iter_unpack(raw)]
        if first == 0:
            bounds.insert(0, 0)
        if last == self._chunks:
            bounds.append(self._stored.size - self._table)
        return bounds

    def _chunk(self, index: int, data: bytes, wanted: int) -> bytes:
        if len(data) == wanted:
            return data
        plain = decompress(self._algorithm.codec, data, wanted)
        if len(plain) != wanted:
            raise DamagedError(f"its compressed chunk {index} gives {len(plain)} of {wanted} bytes")
        return plain
