"""A volume as a file object for foreign readers that ask for one sector at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from extractor.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extractor.seams import Readable

LEAST, MOST = 1 << 15, 1 << 20
"""Bytes that are read ahead: more each time while reads go straight on, few after a jump."""


class Window:
    """Read-only and seekable; it reads ahead, for it is asked for every 512 bytes.

    ``patches`` (offset -> bytes) are shown in place of what lies there.
    """

    def __init__(self, volume: Readable, patches: Mapping[int, bytes] | None = None) -> None:
        self.size = volume.size
        self._failure: DamagedError | None = None
        self._volume = volume
        self._patches = patches or {}
        self._at = 0
        self._start = 0
        self._block = b""
        self._held = 0
        self._ahead = LEAST

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the position on; raise DamagedError."""
        start = self._at - self._start
        end = start + size
        if start < 0 or size < 0 or end > self._held:
            size = size if size >= 0 else max(self.size - self._at, 0)
            self._fill(size)
            start, end = 0, size
        data = self._block[start:end]
        self._at += len(data)
        return data

    def _fill(self, size: int) -> None:
        """Read ahead, or, where that meets bytes that cannot be read, only what was asked for."""
        if patch := self._patch(size):
            self._start, self._block, self._held = self._at, patch, len(patch)
            return
        straight = self._at == self._start + self._held
        self._ahead = min(2 * self._ahead, MOST) if straight else LEAST
        try:
            block = self._volume.read_at(self._at, max(size, self._ahead))
        except DamagedError:
            try:
                block = self._volume.read_at(self._at, size)
            except DamagedError as error:
                self._failure = error
                raise
        self._start, self._block = self._at, self._patched(block)
        self._held = len(self._block)

    def _patch(self, size: int) -> bytes:
        """Return what a patch shows from the position on; empty unless it shows all that is asked for."""
        for offset, patch in self._patches.items():
            if offset <= self._at and self._at + size <= offset + len(patch):
                return patch[self._at - offset :]
        return b""

    def _patched(self, block: bytes) -> bytes:
        for offset, patch in self._patches.items():
            low, high = max(offset, self._at), min(offset + len(patch), self._at + len(block))
            if low < high:
                head, tail = block[: low - self._at], block[high - self._at :]
                block = head + patch[low - offset : high - offset] + tail
        return block

    def cause(self) -> DamagedError | None:
        """Return once why a read failed: foreign readers tell it in their own words, or not at all."""
        failure, self._failure = self._failure, None
        return failure

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        if whence != os.SEEK_SET:
            offset += self._at if whence == os.SEEK_CUR else self.size
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def get_size(self) -> int:
        return self.size
