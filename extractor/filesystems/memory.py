"""Content that is held already: of a resident stream, of a registry value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
