"""The SHA-1 of each 10 MiB of the file, taken by the workers while the file grows, from the page cache.

They cover what lies between the header and the end of the blob table (Microsoft's paper, "Integrity Table").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future

from extractor.store.wim.format import HEADER_SIZE, INTEGRITY_CHUNK
from extractor.store.wim.target import Target

_BLOCK = 256 << 10
Submit = Callable[[Callable[[], bytes]], "Future[bytes]"]


class Integrity:
    """Hashes of the stretches that were written to their end; what is written once more is hashed once more."""

    def __init__(self, target: Target, submit: Submit) -> None:
        self._target = target
        self._submit = submit
        self._stretches: list[Future[bytes]] = []

    def settle(self, end: int) -> None:
        """Take the file as written up to ``end``."""
        while HEADER_SIZE + (len(self._stretches) + 1) * INTEGRITY_CHUNK <= end:
            self._stretches.append(self._hash(len(self._stretches), INTEGRITY_CHUNK))

    def redo(self, start: int, end: int) -> None:
        """Take the bytes of a range as changed."""
        first = (start - HEADER_SIZE) // INTEGRITY_CHUNK
        last = (end - 1 - HEADER_SIZE) // INTEGRITY_CHUNK
        for number in range(first, min(last + 1, len(self._stretches))):
            self._stretches[number] = self._hash(number, INTEGRITY_CHUNK)

    def rewind(self, end: int) -> None:
        """Take the file as cut at ``end``."""
        del self._stretches[(end - HEADER_SIZE) // INTEGRITY_CHUNK :]

    def digests(self, end: int) -> list[bytes]:
        """Return the hashes of a file whose covered part ends at ``end``; wait for them."""
        self.settle(end)
        rest = end - HEADER_SIZE - len(self._stretches) * INTEGRITY_CHUNK
        digests = [stretch.result() for stretch in self._stretches]
        if rest:
            digests.append(self._hash(len(digests), rest).result())
        return digests

    def _hash(self, number: int, length: int) -> Future[bytes]:
        start = HEADER_SIZE + number * INTEGRITY_CHUNK
        return self._submit(lambda: hash_range(self._target, start, length))


def hash_range(target: Target, start: int, length: int) -> bytes:
    """Return the SHA-1 of a range of a file."""
    digest = hashlib.sha1(usedforsecurity=False)
    for at in range(start, start + length, _BLOCK):
        digest.update(target.read_at(at, min(_BLOCK, start + length - at)))
    return digest.digest()
