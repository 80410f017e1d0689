"""Content as Windows would read it: runs, holes, valid data length, LZNT1. Never a zero in place of an unknown byte."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.codecs import decompress
from extractor.seams import ZEROS, Piece, mapped
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
        self._runs = list(runs)
        self._valid = min(valid, size)
        self._starts = list(accumulate([run.length for run in runs], initial=0))

    @property
    def held(self) -> int:
        """Bytes of all runs."""
        return self._starts[-1]

    @property
    def allocated(self) -> int:
        """Bytes of the runs that are no holes."""
        return sum(run.length for run in self._runs if run.offset is not None)

    def extend(self, runs: Sequence[Run]) -> None:
        """Add runs at the end."""
        self._runs += runs
        self._starts += accumulate([run.length for run in runs], initial=self._starts.pop())

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError where the runs end early or leave the volume."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        return b"".join([self._read(place, size) for place, size in self._stretches(offset, end)])

    def _read(self, place: int | None, size: int) -> bytes:
        if place is None:
            return bytes(size)
        return read_exactly(self._volume, place, size, "a cluster of it")

    def _stretches(self, offset: int, end: int) -> Iterator[tuple[int | None, int]]:
        """Yield (place on the volume or None for zeros, bytes), neighbours on the volume joined."""
        data_end = max(offset, min(end, self._valid))
        index, begin, size = bisect_right(self._starts, offset) - 1, -1, 0
        zeros = end - data_end
        while offset < data_end:
            if index >= len(self._runs):
                raise DamagedError(f"its run list ends at byte {offset} of {self.size}")
            run, inside = self._runs[index], offset - self._starts[index]
            step = min(run.length - inside, data_end - offset)
            if size and (run.offset is None or run.offset + inside != begin + size):
                yield begin, size
                size = 0
            if run.offset is None:
                yield None, step
            else:
                begin = begin if size else run.offset + inside
                size += step
            offset, index = offset + step, index + 1
        if size:
            yield begin, size
        if zeros:
            yield None, zeros

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where a range of it lies; None when the volume must decode it."""
        volume = mapped(self._volume)
        if volume is None:
            return None
        found: list[Piece] = []
        for place, size in self._stretches(offset, offset + length):
            if place is None:
                found.append(Piece(ZEROS, 0, size))
            elif place + size > self._volume.size:
                raise DamagedError(
                    f"a cluster of it should lie at byte {place}, outside its volume"
                )
            elif (pieces := volume.pieces(place, size)) is not None:
                found += pieces
            else:
                return None
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
        self._last = lru_cache(maxsize=1)(self._one)
        """One unit; who reads in small steps asks for it again and again."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when a unit cannot be decompressed."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        data_end = max(offset, min(end, self._valid))
        first, last = offset // self._unit, -(-data_end // self._unit)
        units = self._last(first) if last - first == 1 else b"".join(self._units(first, last))
        start = offset - first * self._unit
        return units[start : start + data_end - offset] + bytes(end - data_end)

    def _one(self, index: int) -> bytes:
        (unit,) = self._units(index, index + 1)
        return unit

    def _units(self, first: int, last: int) -> Iterator[bytes]:
        """Yield whole units, read together."""
        begin, end = first * self._unit, last * self._unit
        if end > self._raw.size:
            raise DamagedError(f"its run list ends at byte {self._raw.size} of {self.size}")
        raw = self._raw.read_at(begin, end - begin)
        for start in range(begin, end, self._unit):
            stored = self._stored(start, start + self._unit)
            data = raw[start - begin : start - begin + (stored or self._unit)]
            if 0 < stored < self._unit:
                data = decompress("LZNT1", data, self._unit).ljust(self._unit, b"\0")
            yield data

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


def open_runs(
    volume: Readable, runs: Sequence[Run], size: int, valid: int, unit: int
) -> RunStream | CompressedStream:
    """Return a non-resident stream; ``unit`` is the bytes of its compression unit, 0 when it is not compressed."""
    if unit:
        return CompressedStream(volume, runs, size, valid, unit)
    return RunStream(volume, runs, size, valid)
