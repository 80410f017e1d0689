"""Cells of a hive that is being written, in bins that are flushed as they fill; only a few bins are in memory.

A cell's offset is final when it is reserved, its content may be given later: a key is written when all below it is.
Offsets count from the first bin, as in every record. Source: "Windows registry file format specification"
(M. Suhanov), hive bin and cell.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

BASE_BLOCK = 0x1000
BIN_HEADER = 32
BIN_UNIT = 0x1000
LARGEST_HIVE = 2 << 30
"""Bytes that Windows loads at most; offsets beyond are those of volatile keys."""
_OPEN_BINS = 8
"""A cell goes where it leaves the least room; with so many to choose from, less than a hundredth of a hive is lost."""


class _Bin:
    __slots__ = ("content", "free", "start")

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.free = BIN_HEADER
        self.content = bytearray(size)
        struct.pack_into("<4s2I", self.content, 0, b"hbin", start, size)

    @property
    def room(self) -> int:
        return len(self.content) - self.free


class Cells:
    """The cells of one hive; ``file`` is seekable, and nothing else is written to it meanwhile.

    Methods raise OSError, and OverflowError beyond 2 GiB.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bins: list[_Bin] = []
        self.end = 0
        """Size of all bins so far."""

    def put(self, data: bytes) -> int:
        """Write a cell and return its offset."""
        size = (len(data) + 11) & ~7
        found = self._with_room(size)
        at = found.free
        struct.pack_into("<i", found.content, at, -size)
        found.content[at + 4 : at + 4 + len(data)] = data
        found.free += size
        return found.start + at

    def reserve(self, length: int) -> int:
        """Return the offset of a cell for ``length`` bytes, zeros until :meth:`fill`."""
        return self.put(bytes(length))

    def fill(self, offset: int, data: bytes) -> None:
        """Write what a reserved cell holds."""
        for each in self._bins:
            at = offset - each.start
            if 0 <= at < len(each.content):
                each.content[at + 4 : at + 4 + len(data)] = data
                return
        self._file.seek(BASE_BLOCK + offset + 4)
        self._file.write(data)

    def date(self, written: int) -> None:
        """Set the time of the first bin (FILETIME)."""
        self._file.seek(BASE_BLOCK + 20)
        self._file.write(struct.pack("<Q", written))

    def flush(self) -> None:
        """Write the bins that are still in memory; no cell can be added to them any more."""
        while self._bins:
            self._close(self._bins[0])

    def _with_room(self, size: int) -> _Bin:
        best: _Bin | None = None
        for each in self._bins:
            room = len(each.content) - each.free
            if room >= size and (best is None or room < len(best.content) - best.free):
                best = each
        return best or self._new(size)

    def _new(self, size: int) -> _Bin:
        if len(self._bins) >= _OPEN_BINS:
            self._close(min(self._bins, key=lambda each: each.room))
        length = (BIN_HEADER + size + BIN_UNIT - 1) // BIN_UNIT * BIN_UNIT
        if self.end + length > LARGEST_HIVE:
            raise OverflowError("a hive holds no more than 2 GiB")
        made = _Bin(self.end, length)
        self.end += length
        self._bins.append(made)
        return made

    def _close(self, full: _Bin) -> None:
        """Write a bin out; what is left of it is one free cell, whose size is positive."""
        if full.room:
            struct.pack_into("<i", full.content, full.free, full.room)
        self._file.seek(BASE_BLOCK + full.start)
        self._file.write(full.content)
        self._bins.remove(full)
