"""Content that is held already: of a resident stream, of a registry value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class BytesStream:
    """A stream whose bytes are in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + max(length, 0)]

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)] if self._content else []


class LateStream(BytesStream):
    """A stream whose bytes are fetched when they are first read; fetching may raise DamagedError."""

    def __init__(self, size: int, fetch: Callable[[], bytes]) -> None:
        super().__init__(b"")
        self._size = size
        self._fetch = fetch

    @property
    def size(self) -> int:
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        if not self._content:
            self._content = self._fetch()
        return super().read_at(offset, length)

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self._size)] if self._size else []
