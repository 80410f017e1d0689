"""Bytes of the store on their way out: hashed as they pass, compared with the catalog at their end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from extractor.errors import CorruptStoreError
from extractor.model import printable
from extractor.store.digest import BLOCK, HOLES, new_digest


class Proof:
    """A content of known size, to be read to its end once.

    What cannot be read is given as zeros, so that an archive that has announced a size stays readable; ``problem``
    then says so.
    """

    def __init__(self, source: BinaryIO, expected: str, tell: Callable[[int], None]) -> None:
        self._source = source
        self._expected = expected
        self._tell = tell
        self._digest = new_digest(holes=expected.startswith(HOLES))
        self._lost = ""
        self.size = source.seek(0, os.SEEK_END)
        source.seek(0)
        self._left = self.size

    def read(self, count: int = BLOCK) -> bytes:
        """Return the next bytes, fewer only at the end, which is empty."""
        count = min(count, self._left)
        data = self._next(count) if count else b""
        self._left -= len(data)
        self._digest.update(data)
        self._tell(len(data))
        return data

    def _next(self, count: int) -> bytes:
        if not self._lost:
            try:
                data = self._source.read(count)
            except (OSError, CorruptStoreError) as error:
                self._lost = f"cannot be read: {printable(str(error))}"
                return bytes(count)
            if data:
                return data
            self._lost = "is shorter than it was"
        return bytes(count)

    @property
    def problem(self) -> str:
        """Why the bytes are not those of the catalog; empty when they are. To be asked at the end."""
        if self._lost or self._left:
            return self._lost or "was not read to its end"
        found = self._digest.hexdigest()
        return "" if found == self._expected else _differs(self._expected, found)


def _differs(expected: str, found: str) -> str:
    return (
        f"differs from the catalog: {printable(expected) or 'no hash'} was stored, {found} is there"
    )
