"""A volume is a range of an image; reads of it are bounded here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.seams import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extractor.model import VolumeInfo
    from extractor.seams import Piece, Readable
    from extractor.volumes.bitlocker import Unlocked


class ImageVolume:
    """The bytes ``[info.offset, info.offset + info.size)`` of an image."""

    def __init__(self, image: Readable, info: VolumeInfo) -> None:
        self.info = info
        self.shut = False
        """True for an encrypted volume that stays shut although its key is known."""
        self._image = image
        self._mapped = mapped(image)

    @property
    def size(self) -> int:
        return self.info.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes of the volume, never a byte of its neighbour; fewer only at its end."""
        wanted = bounded(self.size, offset, length)
        return self._image.read_at(self.info.offset + offset, wanted) if wanted > 0 else b""

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where a range within the volume lies, None when the image must be asked to decode it."""
        return self._mapped.pieces(self.info.offset + offset, length) if self._mapped else None


class UnlockedVolume:
    """The plain bytes of an encrypted volume; ``unlocked`` knows what opened it."""

    def __init__(self, info: VolumeInfo, unlocked: Unlocked) -> None:
        self.info = info
        self.unlocked = unlocked
        self.size = min(info.size, unlocked.reader.size)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return plain bytes, fewer only at the volume's end."""
        wanted = bounded(self.size, offset, length)
        return self.unlocked.reader.read(offset, wanted) if wanted > 0 else b""

    def close(self) -> None:
        """Let go of the reader."""
        self.unlocked.reader.close()


def bounded(size: int, offset: int, length: int) -> int:
    """Return how many bytes of a read lie within a volume, 0 or less when none; raise DamagedError for nonsense."""
    if offset < 0 or length < 0:
        raise DamagedError(f"a read at byte {offset} of {length} bytes makes no sense")
    return min(length, size - offset)


def read_exactly(source: Readable, offset: int, length: int, what: str) -> bytes:
    """Return exactly ``length`` bytes, or raise DamagedError that says what could not be read."""
    if offset < 0 or length < 0 or offset + length > source.size:
        raise DamagedError(
            f"{what} should lie at bytes {offset} to {offset + length}, outside its {source.size} bytes"
        )
    data = source.read_at(offset, length)
    if len(data) != length:
        raise DamagedError(f"{what} at byte {offset} ends after {len(data)} of {length} bytes")
    return data
