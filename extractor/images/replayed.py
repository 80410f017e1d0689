"""A file as it would be once changes that were logged, but not written back, are made: an overlay in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path

from extractor.images.file import File
from extractor.seams import Piece


@dataclass(frozen=True, slots=True)
class Write:
    """A change of the bytes from ``start`` to ``stop``; no data are zeros."""

    start: int
    stop: int
    data: bytes | None = None


class ReplayedFile:
    """A file under an overlay; where it grew it holds zeros."""

    def __init__(self, file: File, writes: Sequence[Write], size: int) -> None:
        """Lay writes, in the order in which they were made, over a file that is to have ``size`` bytes at least."""
        self.path: Path = file.path
        self.size = max(size, file.size)
        self._file = file
        self._patches = list(_flattened(writes))
        self._stops = array("Q", [patch.stop for patch in self._patches])

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only at the end; raise DamagedError."""
        parts, index = [], bisect_right(self._stops, offset)
        end = min(offset + length, self.size)
        while offset < end:
            if index == len(self._patches) or self._patches[index].start >= end:
                parts.append(self._plain(offset, end))
                break
            patch = self._patches[index]
            stop = min(patch.stop, end)
            if patch.start > offset:
                parts.append(self._plain(offset, patch.start))
                offset = patch.start
            data, skipped = patch.data, offset - patch.start
            parts.append(data[skipped : stop - patch.start] if data else bytes(stop - offset))
            offset, index = stop, index + 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def piece(self, offset: int, length: int) -> Piece | None:
        """Return where a range lies in the file, None when not all of it lies there as it is to be read."""
        index = bisect_right(self._stops, offset)
        patched = index < len(self._patches) and self._patches[index].start < offset + length
        if patched or offset + length > self._file.size:
            return None
        return self._file.piece(offset, length)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _plain(self, offset: int, end: int) -> bytes:
        return self._file.read_at(offset, end - offset).ljust(end - offset, b"\0")


def _flattened(writes: Sequence[Write]) -> Iterator[Write]:
    """Yield what is left of writes of which a later one hides an earlier one, by place; none overlap any more.

    Between two neighbouring borders the latest write that reaches there wins (n log n for n writes).
    """
    borders = sorted({border for write in writes for border in (write.start, write.stop)})
    by_start = sorted(range(len(writes)), key=lambda number: writes[number].start, reverse=True)
    latest: list[int] = []
    for start, stop in pairwise(borders):
        while by_start and writes[by_start[-1]].start <= start:
            heappush(latest, -by_start.pop())
        while latest and writes[-latest[0]].stop <= start:
            heappop(latest)
        if latest:
            write = writes[-latest[0]]
            data = write.data and write.data[start - write.start : stop - write.start]
            yield Write(start, stop, data)
