"""Image -> Verification: the whole medium read once, hashed, and compared with the hashes kept in the container."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from extractor.errors import DamagedError
from extractor.model import BadRange
from extractor.seams import Image

BLOCK = 4 << 20
SECTOR = 512
ALGORITHMS = ("md5", "sha1", "sha256")


class Verdict(StrEnum):
    """What a verification found."""

    VERIFIED = "verified"
    """Every hash that the container stores is that of the medium as it reads now."""
    MISMATCH = "mismatch"
    """All can be read, but a stored hash differs: the image is not what was acquired."""
    DAMAGED = "damaged"
    """Ranges cannot be read, and no stored hash says that they were so at acquisition."""
    UNSTORED = "no stored hash"
    """All can be read; the container stores no hash to compare with."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: hexadecimal digests by algorithm, the ranges that cannot be read, one sentence for a person."""

    verdict: Verdict
    computed: dict[str, str]
    stored: dict[str, str]
    bad: tuple[BadRange, ...]
    sentence: str


def verify_image(image: Image, progress: Callable[[int], None]) -> Verification:
    """Read the whole medium once and compare its MD5, SHA-1 and SHA-256 with the stored hashes.

    ``progress`` is told the bytes of each block as it is done (their sum is the medium's size). A range that cannot be
    read counts as zeros, as acquiring programs count a sector that they could not read.
    """
    hashes = [hashlib.new(name, usedforsecurity=False) for name in ALGORITHMS]
    bad: list[BadRange] = []
    with ThreadPoolExecutor(len(hashes)) as pool:
        running: list[Future[None]] = []
        for block in _blocks(image, bad):
            # This block was read while the one before it was hashed; a hash takes its blocks in order.
            for done in running:
                done.result()
            running = [pool.submit(each.update, block) for each in hashes]
            progress(len(block))
    computed = {each.name: each.hexdigest() for each in hashes}
    return _judge(computed, dict(image.info.stored_hashes), tuple(bad))


def _blocks(image: Image, bad: list[BadRange]) -> Iterator[bytes]:
    """Yield the medium in order, zeros for what cannot be read, and note that in ``bad``."""
    for offset in range(0, image.size, BLOCK):
        parts: list[bytes] = []
        for data, reason in _pieces(image, offset, min(BLOCK, image.size - offset)):
            if reason:
                _note(bad, BadRange(offset + sum(map(len, parts)), len(data), reason))
            parts.append(data)
        yield b"".join(parts)


def _pieces(image: Image, offset: int, length: int) -> Iterator[tuple[bytes, str]]:
    """Yield a range in halves of halves, down to the sectors that cannot be read: (zeros, reason)."""
    try:
        yield image.read_at(offset, length), ""
    except DamagedError as error:
        if length <= SECTOR:
            yield bytes(length), str(error)
            return
        half = (length // 2 + SECTOR - 1) // SECTOR * SECTOR
        yield from _pieces(image, offset, half)
        yield from _pieces(image, offset + half, length - half)


def _note(bad: list[BadRange], new: BadRange) -> None:
    """Add a range, joined to the one before when they touch for the same reason."""
    if bad and bad[-1].reason == new.reason and bad[-1].offset + bad[-1].length == new.offset:
        bad[-1] = replace(bad[-1], length=bad[-1].length + new.length)
    else:
        bad.append(new)


def _judge(
    computed: dict[str, str], stored: dict[str, str], bad: tuple[BadRange, ...]
) -> Verification:
    common = [name for name in ALGORITHMS if name in stored]
    wrong = [name for name in common if stored[name] != computed[name]]
    if bad and (wrong or not common):
        verdict, sentence = Verdict.DAMAGED, _lost(bad)
    elif wrong:
        verdict = Verdict.MISMATCH
        sentence = "; ".join(
            f"the stored {name} is {stored[name]}, the medium's is {computed[name]}"
            for name in wrong
        )
    elif common:
        verdict = Verdict.VERIFIED
        sentence = f"{' and '.join(common)} are as stored" + (f"; {_lost(bad)}" if bad else "")
    else:
        verdict, sentence = Verdict.UNSTORED, "the container stores no hash to compare with"
    return Verification(verdict, computed, stored, bad, sentence)


def _lost(bad: tuple[BadRange, ...]) -> str:
    total = sum(each.length for each in bad)
    return f"{total} bytes in {len(bad)} ranges cannot be read, the first at byte {bad[0].offset}: {bad[0].reason}"
