"""An open image: the bounds of a read are kept here once, the bytes come from the format's own Medium."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, Self

from extractor.model import BadRange, ImageInfo
from extractor.seams import Mapped, Piece


class Medium(Protocol):
    """The bytes inside a container; ``read`` is only ever asked for ranges that lie within it."""

    def read(self, offset: int, length: int, /) -> bytes:
        """Return exactly ``length`` bytes, safe to call from several threads; raise DamagedError."""
        ...

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return the ranges found wrong so far, in order."""
        ...

    def close(self) -> None: ...


def all_or_none(places: Iterable[Piece | None]) -> list[Piece] | None:
    """Return where the parts of a range lie, None when one of them lies nowhere as it is."""
    found = []
    for each in places:
        if each is None:
            return None
        found.append(each)
    return found


class OpenImage:
    """An Image over a Medium."""

    def __init__(self, info: ImageInfo, medium: Medium) -> None:
        self.info = info
        self._medium = medium
        self._mapped = medium if isinstance(medium, Mapped) else None

    @property
    def size(self) -> int:
        """Length of the disk in bytes."""
        return self.info.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only at the end of the disk.

        Raises ValueError for a negative offset or length, DamagedError when the image does not hold these bytes.
        """
        if offset < 0 or length < 0:
            raise ValueError(f"cannot read {length} bytes at {offset}")
        length = min(length, self.size - offset)
        return self._medium.read(offset, length) if length > 0 else b""

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where a range within the disk lies in the container's files, None when it must be decoded."""
        return self._mapped.pieces(offset, length) if self._mapped else None

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return the ranges found wrong so far, in order."""
        return self._medium.bad_ranges()

    def close(self) -> None:
        """Close every file of the image."""
        self._medium.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
