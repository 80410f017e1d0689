"""Ciphertext and the file's key -> the content, as a Windows with that key would read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from extractor.efs.ciphers import SECTOR, Fek, decrypt_sectors
from extractor.errors import DamagedError
from extractor.seams import Ciphertext


class PlainStream:
    """The content of an encrypted stream (seam: Stream).

    Holes are zeros and not what the key would make of zeros; so is all beyond the valid data length.
    """

    def __init__(self, cipher: Ciphertext, fek: Fek) -> None:
        self.size = cipher.size
        self._stored = cipher.stored
        self._fek = fek
        self._valid = min(cipher.valid, cipher.size)
        self._extents = [(start, start + length) for start, length in cipher.stored.extents()]

    def extents(self) -> Iterable[tuple[int, int]]:
        """Yield the parts that may hold data, cut at the valid data length."""
        for start, end in self._extents:
            if start < self._valid:
                yield start, min(end, self._valid) - start

    def read_at(self, offset: int, length: int) -> bytes:
        """Return plain bytes; raise DamagedError."""
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        valid = max(offset, min(end, self._valid))
        return b"".join(self._pieces(offset, valid)) + bytes(end - valid)

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        index = max(bisect_right(self._extents, (offset, 1 << 64)) - 1, 0)
        for start, stop in self._extents[index:]:
            if offset < min(start, end):
                yield bytes(min(start, end) - offset)
                offset = min(start, end)
            if offset < min(stop, end):
                yield self._decrypted(offset, min(stop, end))
                offset = min(stop, end)
            if offset >= end:
                return
        yield bytes(end - offset)

    def _decrypted(self, offset: int, end: int) -> bytes:
        first, last = offset // SECTOR * SECTOR, -(-end // SECTOR) * SECTOR
        data = self._stored.read_at(first, last - first)
        if len(data) != last - first:
            raise DamagedError(f"ends early: {len(data)} of {last - first} bytes at offset {first}")
        return decrypt_sectors(self._fek, first, data)[offset - first : end - first]
