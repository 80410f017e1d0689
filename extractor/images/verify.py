"""Image -> Verification: the whole medium read, hashed, and compared with the hashes kept in the container.

Hashed again when all is done, it is compared with itself: nobody may have written to it meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any, Protocol, Self

from extractor.errors import CanceledError, DamagedError
from extractor.model import BadRange
from extractor.seams import Image, Readable

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
    CHANGED = "changed"
    """Hashed again when all was done, the medium is not what it was."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: hexadecimal digests by algorithm, the ranges that cannot be read, one sentence for a person."""

    verdict: Verdict
    computed: dict[str, str]
    stored: dict[str, str]
    bad: tuple[BadRange, ...]
    sentence: str
    after: dict[str, str] = field(default_factory=dict)
    """The digests when all was done; empty when nobody hashed it again."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file of the image, by path; one that cannot be read in whole is missing."""


class Verifying:
    """A verification that goes on in threads of its own, beside whatever else reads the same image.

    As a context manager it is given up when its block ends before it does. ``progress`` is called by its thread, with
    the bytes of each block as it is done. ``files`` are hashed at the same time, as they lie on this host.
    """

    def __init__(
        self,
        image: Image,
        progress: Callable[[int], None] = lambda _: None,
        files: Sequence[str] = (),
    ) -> None:
        self.size = image.size
        self.done = 0
        """Bytes that are done, out of ``size``."""
        self._progress = progress
        self._given_up = Event()
        self._thread = ThreadPoolExecutor(2, "verify")
        self._outcome = self._thread.submit(_verify, image, self._count)
        self._files = self._thread.submit(_hash_files, files, self._check)

    def _check(self) -> None:
        if self._given_up.is_set():
            raise CanceledError("the verification of the image was given up")

    def _count(self, length: int) -> None:
        self._check()
        self.done += length
        self._progress(length)

    def wait(self, seconds: float) -> bool:
        """Wait a while; tell whether it is done."""
        tasks: list[Future[Any]] = [self._outcome, self._files]
        return not wait(tasks, seconds).not_done

    def result(self) -> Verification:
        """Wait until the whole medium is done; raise CanceledError when it was given up."""
        return replace(self._outcome.result(), files=self._files.result())

    def cancel(self) -> None:
        """Give up, unless it is done; no read of the image is under way any more when this returns."""
        self._given_up.set()
        self._thread.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()


def verify_image(image: Image, progress: Callable[[int], None]) -> Verification:
    """Verify an image and wait; ``progress`` is told the bytes of each block, whose sum is the medium's size."""
    with Verifying(image, progress) as verifying:
        return verifying.result()


def verifying_again(image: Image) -> Verifying:
    """Begin to hash a medium once more, and the SHA-256 of its files beside it: both read the same bytes."""
    # The one file of a raw image is the medium itself.
    files = () if image.info.format == "raw" else image.info.segments
    return Verifying(image, files=files)


def compared(image: Image, before: Verification, after: Verification) -> Verification:
    """Return the first verification of a medium with what the second adds; ``CHANGED`` when they differ."""
    files = after.files
    if image.info.format == "raw" and "sha256" in after.computed:
        files = dict.fromkeys(image.info.segments, after.computed["sha256"])
    found = replace(before, after=after.computed, files=files)
    for name, digest in before.computed.items():
        if digest != after.computed[name]:
            sentence = (
                f"{before.sentence}; it was written to, or reads otherwise now: its {name} was {digest} and is"
                f" {after.computed[name]} at the end of the run"
            )
            return replace(found, verdict=Verdict.CHANGED, sentence=sentence)
    return replace(
        found, sentence=f"{before.sentence}; the medium reads the same at the end of the run"
    )


def _hash_files(paths: Sequence[str], check: Callable[[], None]) -> dict[str, str]:
    """Return the SHA-256 of files; one that cannot be read in whole is left out. ``check`` may raise to give up."""
    found: dict[str, str] = {}
    for path in paths:
        digest = hashlib.sha256()
        try:
            with Path(path).open("rb", buffering=0) as file:
                while block := file.read(BLOCK):
                    check()
                    digest.update(block)
        except OSError:
            continue
        found[path] = digest.hexdigest()
    return found


def _verify(image: Image, progress: Callable[[int], None]) -> Verification:
    """Read the whole medium once, in order, and compare it with the hashes that the container stores.

    Only these are computed; SHA-256 when there are none. A range that cannot be read counts as zeros, as acquiring
    programs count a sector that they could not read.
    """
    stored = dict(image.info.stored_hashes)
    names = [name for name in ALGORITHMS if name in stored] or ["sha256"]
    hashes = [hashlib.new(name, usedforsecurity=False) for name in names]
    bad: list[BadRange] = []
    with ThreadPoolExecutor(len(hashes), "hash") as pool:
        running: list[Future[None]] = []
        for block in _blocks(image, bad):
            # This block was read while the one before it was hashed; a hash takes its blocks in order.
            for done in running:
                done.result()
            running = [pool.submit(each.update, block) for each in hashes]
            progress(len(block))
    computed = {each.name: each.hexdigest() for each in hashes}
    return _judge(computed, stored, tuple(bad))


def _blocks(image: Image, bad: list[BadRange]) -> Iterator[bytes]:
    """Yield the medium in order, zeros for what cannot be read, and note that in ``bad``."""
    for offset in range(0, image.size, BLOCK):
        length = min(BLOCK, image.size - offset)
        try:
            yield image.read_at(offset, length)
        except DamagedError:
            yield b"".join(sound_and_zeros(image, offset, length, bad))


class Faulty(Readable, Protocol):
    """Bytes that know some of their faults."""

    def bad_ranges(self) -> Sequence[BadRange]: ...


def sound_and_zeros(
    image: Faulty, offset: int, length: int, bad: list[BadRange]
) -> Iterator[bytes]:
    """Yield a range that cannot be read as a whole, zeros for what is lost, which is noted in ``bad``.

    First it is cut at what the image knows to be bad, then in halves of halves, down to sectors.
    """
    end = offset + length
    for known in image.bad_ranges():
        start, stop = max(offset, known.offset), min(end, known.offset + known.length)
        if start < stop:
            if offset < start:
                yield from _halves(image, offset, start - offset, bad)
            _note(bad, BadRange(start, stop - start, known.reason))
            yield bytes(stop - start)
            offset = stop
    if offset < end:
        yield from _halves(image, offset, end - offset, bad)


def _halves(image: Faulty, offset: int, length: int, bad: list[BadRange]) -> Iterator[bytes]:
    """Yield a range in halves of halves, down to the sectors that cannot be read."""
    try:
        yield image.read_at(offset, length)
    except DamagedError as error:
        if length <= SECTOR:
            _note(bad, BadRange(offset, length, str(error)))
            yield bytes(length)
            return
        half = (length // 2 + SECTOR - 1) // SECTOR * SECTOR
        yield from _halves(image, offset, half, bad)
        yield from _halves(image, offset + half, length - half, bad)


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
