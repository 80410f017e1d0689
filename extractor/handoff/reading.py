"""Image -> its bytes in order, a piece at a time, as whole sectors: zeros for what cannot be read, and noted."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from extractor.errors import DamagedError
from extractor.handoff.blocks import PIECE, Shape
from extractor.images.verify import Faulty, sound_and_zeros
from extractor.model import BadRange
from extractor.seams import Volume


class Decrypted:
    """A disk whose opened BitLocker volumes read as what is in them; a volume's own structures read as zeros."""

    def __init__(self, image: Faulty, opened: Iterable[Volume]) -> None:
        """Take the opened volumes of this image, in any order."""
        self.size = image.size
        self._image = image
        self._opened = sorted(opened, key=lambda volume: volume.info.offset)

    def bad_ranges(self) -> Sequence[BadRange]:
        return self._image.bad_ranges()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return plain bytes where a volume was opened, the image's elsewhere; raise DamagedError."""
        end, parts = min(offset + length, self.size), []
        for volume in self._opened:
            first, last = volume.info.offset, volume.info.offset + volume.size
            start, stop = max(offset, first), min(end, last)
            if start < stop:
                parts += [self._image.read_at(offset, start - offset)]
                parts += [volume.read_at(start - first, stop - start)]
                offset = stop
        return b"".join([*parts, self._image.read_at(offset, max(0, end - offset))])


class Reading:
    """One reading of a disk; ``bad`` grows while it goes on."""

    def __init__(self, disk: Faulty, shape: Shape) -> None:
        self.bad: list[BadRange] = []
        """What could not be read, in order; neighbours with one reason joined."""
        self._disk = disk
        self._shape = shape

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the disk; the next piece is read while the caller handles the last."""
        with ThreadPoolExecutor(1, "read") as pool:
            ahead = None
            for offset in range(0, self._shape.size, PIECE):
                asked = pool.submit(self._piece, offset)
                if ahead:
                    yield ahead.result()
                ahead = asked
            if ahead:
                yield ahead.result()

    def _piece(self, offset: int) -> bytes:
        wanted = min(PIECE, self._shape.size - offset)
        there = min(wanted, self._disk.size - offset)
        try:
            data = self._disk.read_at(offset, there)
        except DamagedError:
            data = b"".join(sound_and_zeros(self._disk, offset, there, self.bad))
        return data + bytes(wanted - len(data))
