"""Pieces of a disk -> its digests, computed beside the writing, and how they compare with those of the container."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from extractor.images.verify import Verdict

STORED = ("md5", "sha1", "sha256")
"""Algorithms of stored hashes that are compared."""


class Hashes:
    """SHA-256 of a disk, and whatever else its container stores, each in a thread of its own."""

    def __init__(self, stored: Mapping[str, str]) -> None:
        names = dict.fromkeys(("sha256", *(name for name in STORED if name in stored)))
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in names]
        self._pool = ThreadPoolExecutor(len(self._hashes), "hash")
        self._running: list[Future[None]] = []

    def update(self, data: bytes) -> None:
        """Take the next piece; it is hashed while the caller writes it."""
        self._wait()  # a hash takes its pieces in order
        self._running = [self._pool.submit(each.update, data) for each in self._hashes]

    def digests(self) -> dict[str, str]:
        """Return the hexadecimal digests of all pieces so far."""
        self._wait()
        return {each.name: each.hexdigest() for each in self._hashes}

    def _wait(self) -> None:
        for done in self._running:
            done.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def judged(
    digests: Mapping[str, str], stored: Mapping[str, str], *, lost: int = 0
) -> tuple[Verdict, str]:
    """Return the verdict on what was read, and one sentence; ``lost`` bytes of it counted as zeros."""
    compared = [name for name in STORED if name in stored]
    wrong = [name for name in compared if stored[name] != digests[name]]
    bad = f"{lost} bytes could not be read and are zeros"
    if lost and (wrong or not compared):
        return Verdict.DAMAGED, bad
    if wrong:
        told = "; ".join(
            f"the stored {n} is {stored[n]}, the disk's is {digests[n]}" for n in wrong
        )
        return Verdict.MISMATCH, told
    if compared:
        told = f"{' and '.join(compared)} of the disk are as the image stores them"
        return Verdict.VERIFIED, f"{told}; {bad}" if lost else told
    return Verdict.UNSTORED, "the image stores no hash to compare with"
