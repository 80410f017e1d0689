"""The parts of a VMDK laid end to end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from extractor.images.decoded import DecodedMedium
from extractor.images.file import File
from extractor.images.image import all_or_none
from extractor.model import BadRange
from extractor.seams import ZEROS, Piece

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of the disk: decoded, or from ``start`` in a file, or zeros where there is neither."""

    size: int
    file: File | None = None
    start: int = 0
    decoded: DecodedMedium | None = None

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the part; raise DamagedError."""
        if self.decoded:
            return self.decoded.read(offset, length)
        return self.file.read_at(self.start + offset, length) if self.file else bytes(length)

    def piece(self, offset: int, length: int) -> Piece | None:
        """Return where bytes of the part lie, None when they must be decoded."""
        if self.decoded:
            return None
        return (
            self.file.piece(self.start + offset, length) if self.file else Piece(ZEROS, 0, length)
        )


class ExtentMedium:
    """The disk that parts amount to."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(part.size for part in parts)][:-1]

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when an extent does not hold them."""
        read = [part.read(start, count) for part, start, count in self._ranges(offset, length)]
        return read[0] if len(read) == 1 else b"".join(read)

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where a range lies, None when a part of it must be decoded."""
        ranges = self._ranges(offset, length)
        return all_or_none(part.piece(start, count) for part, start, count in ranges)

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: a VMDK keeps no checksums of its content."""
        return ()

    def close(self) -> None:
        """Close the files."""
        for part in self._parts:
            if part.file:
                part.file.close()

    def _ranges(self, offset: int, length: int) -> Iterator[tuple[Part, int, int]]:
        """Yield (part, offset in it, length) of a range of the disk."""
        number, end = bisect_right(self._starts, offset) - 1, offset + length
        while offset < end:
            part, start = self._parts[number], offset - self._starts[number]
            count = min(part.size - start, end - offset)
            if count:
                yield part, start, count
            offset += count
            number += 1
