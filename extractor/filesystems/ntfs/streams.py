"""Content as Windows would read it: runs, holes, valid data length, LZNT1. Never a zero in place of an unknown byte."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.codecs import decompress
from extractor.seams import ZEROS, Mapped, Piece
from extractor.volumes.volume import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.model import Run
    from extractor.seams import Readable

LARGEST_UNIT = 1 << 20
"""NTFS' compression unit is 16 clusters of at most 4 KiB; a larger one is hostile."""


class RunStream:
    """A non-resident stream: holes and all bytes from the valid data length on read as zeros ([MS-FSCC] 2.4.42)."""

    def __init__(self, volume: Readable, runs: Sequence[Run], size: int, valid: int) -> None:
        self.size = size
        self._volume = volume
        self._runs = runs
        self._valid = min(valid, size)
        self._starts = [0, *accumulate(run.length for run in runs)]

    @property
    def allocated(self) -> int:
        """Bytes of the runs that are no holes."""
        return sum(run.length for run in self._runs if run.offset is not None)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError where the runs end early or leave the volume."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        data_end = max(offset, min(end, self._valid))
        return b"".join(self._pieces(offset, data_end)) + bytes(end - data_end)

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            if index >= len(self._runs):
                raise DamagedError(f"its run list ends at byte {offset} of {self.size}")
            run, inside = self._runs[index], offset - self._starts[index]
            length = min(run.length - inside, end - offset)
            if run.offset is None:
                yield bytes(length)
            else:
                yield read_exactly(self._volume, run.offset + inside, length, "a cluster of it")
            offset += length
            index += 1

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where an extent (``extents``) or a part of it lies; None when the volume must decode it."""
        if not isinstance(self._volume, Mapped):
            return None
        found: list[Piece] = []
        index, end = bisect_right(self._starts, offset) - 1, offset + length
        while offset < end:
            run, inside = self._runs[index], offset - self._starts[index]
            step = min(run.length - inside, end - offset)
            if run.offset is None:
                found.append(Piece(ZEROS, 0, step))
            elif (pieces := self._volume.pieces(run.offset + inside, step)) is not None:
                found += pieces
            else:
                return None
            offset, index = offset + step, index + 1
        return found

    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield the allocated parts, neighbours joined, cut at the valid data length."""
        begin = end = 0
        for start, run in zip(self._starts, self._runs, strict=False):
            if run.offset is None or start >= self._valid:
                continue
            if start != end:
                if end > begin:
                    yield begin, end - begin
                begin = start
            end = min(start + run.length, self._valid)
        if end > begin:
            yield begin, end - begin


class CompressedStream:
    """A stream compressed with LZNT1, unit by unit: a unit that ends in a hole is compressed, a full one is not.

    Source: [MS-XCA] 2.5 and Microsoft's "File Compression and Decompression".
    """

    def __init__(
        self, volume: Readable, runs: Sequence[Run], size: int, valid: int, unit: int
    ) -> None:
        if not 0 < unit <= LARGEST_UNIT:
            raise DamagedError(f"it claims a compression unit of {unit} bytes")
        self.size = size
        self._valid = min(valid, size)
        self._unit = unit
        self._runs = runs
        self._starts = [0, *accumulate(run.length for run in runs)]
        allocated = sum(run.length for run in runs)
        self._raw = RunStream(volume, runs, allocated, allocated)
        self._decoded = lru_cache(maxsize=4)(self._decode)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when a unit cannot be decompressed."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        data_end = max(offset, min(end, self._valid))
        first, last = offset // self._unit, -(-data_end // self._unit)
        plain = b"".join(self._decoded(index) for index in range(first, last))
        start = offset - first * self._unit
        return plain[start : start + data_end - offset] + bytes(end - data_end)

    def _decode(self, index: int) -> bytes:
        start, end = index * self._unit, (index + 1) * self._unit
        if end > self._raw.size:
            raise DamagedError(f"its run list ends at byte {self._raw.size} of {self.size}")
        stored = self._stored(start, end)
        if stored == 0:
            return bytes(self._unit)
        data = self._raw.read_at(start, stored)
        if stored == self._unit:
            return data
        return decompress("LZNT1", data, self._unit).ljust(self._unit, b"\0")

    def _stored(self, start: int, end: int) -> int:
        """Return how many bytes of the unit are on disk; they come first, the hole after them."""
        stored, position, index = 0, start, bisect_right(self._starts, start) - 1
        while position < end:
            run_end = min(self._starts[index + 1], end)
            if self._runs[index].offset is not None:
                if stored != position - start:
                    raise DamagedError(
                        f"its compression unit at byte {start} has data after a hole"
                    )
                stored += run_end - position
            position, index = run_end, index + 1
        return stored

    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield the parts whose units have any clusters."""
        done = 0
        for begin, length in self._raw.extents():
            first = max(begin // self._unit * self._unit, done)
            last = min(-(-(begin + length) // self._unit) * self._unit, self._valid)
            if last > first:
                yield first, last - first
                done = last
