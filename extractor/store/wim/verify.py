"""Every byte of a WIM checked: the seal, the integrity table, each blob's and each image's SHA-1, and no gap between.

A WIM of ours is covered to the last bit. One of another tool has no seal, and of its header and XML is found only what
contradicts itself; so a missing seal is damage unless the caller says that the WIM is another tool's.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from extractor.errors import CorruptStoreError
from extractor.store.wim.document import seal_in, seal_of
from extractor.store.wim.format import HEADER_SIZE, BlobEntry, parse_integrity
from extractor.store.wim.node import hashes_of
from extractor.store.wim.reader import WimFile

_BLOCK = 256 << 10
_GROUP = 1 << 20
_MOST = 256
"""Bytes, or blobs, that one thread takes at a time."""
Progress = Callable[[int], None]
Whole = Callable[[str], None]
"""Told the SHA-256 of each blob that is as it was written, by several threads."""
"""Told of stored bytes that were checked since the last time; twice the file's size together."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it was written, in one sentence."""

    message: str
    sha1: bytes = b""
    """The blob that is damaged, empty when it is something else."""
    offset: int = 0
    length: int = 0
    """Where in the file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; ``sealed`` is False when header and XML have no hash in this file."""

    damage: list[Damage]
    sealed: bool
    blobs: int


def verify(
    wim: WimFile,
    progress: Progress = lambda _: None,
    whole: Whole = lambda _: None,
    *,
    threads: int = 2,
    ours: bool = True,
) -> Checked:
    """Check a WIM that could be opened; what is damaged is named, and the check goes on."""
    damage = list(_layout(wim))
    seal = seal_in(wim.xml)
    if ours and not (seal and wim.header.integrity.size):
        damage.append(Damage("the WIM has no seal, or no integrity table", length=HEADER_SIZE))
    if seal and not damage:
        integrity = wim.whole(wim.header.integrity)
        if seal != seal_of(wim.header_bytes, wim.xml, integrity):
            damage.append(
                Damage(
                    "the header, the XML or the integrity table differs from the seal",
                    length=HEADER_SIZE,
                )
            )
    with ThreadPoolExecutor(threads, "wim-verify") as pool:
        for found in _checks(_works(wim, progress, whole), pool, threads):
            damage.extend(found)
    damage.extend(_references(wim))
    return Checked(damage, bool(seal), len(wim.blobs))


def _layout(wim: WimFile) -> Iterator[Damage]:
    """Find bytes that nothing names, or that two name."""
    header = wim.header
    places = [("the blob table", header.blobs), ("the XML", header.xml)]
    if header.integrity.size:
        places.append(("the integrity table", header.integrity))
    named = [(place.offset, place.stored, what) for what, place in places]
    named += [(e.resource.offset, e.resource.stored, "the metadata") for e in wim.blobs.metadata]
    named += [(e.resource.offset, e.resource.stored, "a blob") for e in wim.blobs]
    at = HEADER_SIZE
    for offset, stored, what in sorted(named):
        if offset != at:
            problem = "overlaps what comes before it" if offset < at else "leaves a gap before it"
            yield Damage(f"{what} {problem}", offset=min(at, offset), length=abs(offset - at))
        at = max(at, offset + stored)
    if at != wim.file.size:
        yield Damage("bytes follow the end of the WIM", offset=at, length=wim.file.size - at)
    if header.boot_index or any(header.boot):
        yield Damage("the header names an image to boot", length=HEADER_SIZE)


def _checks(
    works: Iterable[Callable[[], list[Damage]]], pool: ThreadPoolExecutor, threads: int
) -> Iterator[list[Damage]]:
    """Yield what each check found, in order; few are under way at a time."""
    under_way: deque[Future[list[Damage]]] = deque()
    for work in works:
        under_way.append(pool.submit(work))
        if len(under_way) > 8 * threads:
            yield under_way.popleft().result()
    for future in under_way:
        yield future.result()


def _works(wim: WimFile, progress: Progress, whole: Whole) -> Iterator[Callable[[], list[Damage]]]:
    header = wim.header
    if header.integrity.size:
        end = header.blobs.end
        try:
            chunk, digests = parse_integrity(wim.whole(header.integrity), end - HEADER_SIZE)
        except CorruptStoreError as error:
            message = str(error)
            yield lambda: [Damage(message, offset=header.integrity.offset)]
        else:
            for number, digest in enumerate(digests):
                start = HEADER_SIZE + number * chunk
                yield partial(_stretch, wim, start, min(chunk, end - start), digest, progress)
    yield from (partial(_blobs, wim, [entry], progress) for entry in wim.blobs.metadata)
    group: list[BlobEntry] = []
    size = 0
    for entry in wim.blobs:
        group.append(entry)
        size += entry.resource.size
        if size >= _GROUP or len(group) == _MOST:
            yield partial(_blobs, wim, group, progress, whole)
            group, size = [], 0
    yield partial(_blobs, wim, group, progress, whole)


def _stretch(
    wim: WimFile, start: int, length: int, wanted: bytes, progress: Progress
) -> list[Damage]:
    digest = hashlib.sha1(usedforsecurity=False)
    for at in range(start, start + length, _BLOCK):
        digest.update(wim.file.read_at(at, min(_BLOCK, start + length - at)))
    progress(length)
    if digest.digest() == wanted:
        return []
    return [Damage("bytes differ from the integrity table", offset=start, length=length)]


def _blobs(
    wim: WimFile,
    entries: Sequence[BlobEntry],
    progress: Progress,
    whole: Whole = lambda _: None,
) -> list[Damage]:
    damage = []
    for entry in entries:
        resource = entry.resource
        try:
            sha1, sha256 = _hashes(wim, entry)
            problem = "" if sha1 == entry.sha1 else "a blob differs from its SHA-1"
            if not problem:
                whole(sha256)
        except CorruptStoreError as error:
            problem = str(error)
        if problem:
            damage.append(Damage(problem, entry.sha1, resource.offset, resource.stored))
        progress(resource.stored)
    return damage


def _hashes(wim: WimFile, entry: BlobEntry) -> tuple[bytes, str]:
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    reader = wim.reader(entry)
    for at in range(0, reader.size, _BLOCK):
        block = reader.read_at(at, _BLOCK)
        sha1.update(block)
        sha256.update(block)
    return sha1.digest(), sha256.hexdigest()


def _references(wim: WimFile) -> Iterator[Damage]:
    """Find images whose names cannot be read, and blobs that they name and that are not there."""
    for image in range(1, wim.header.images + 1):
        try:
            missing = {sha1 for sha1 in _named(wim, image) if wim.blobs.find(sha1) is None}
        except CorruptStoreError as error:
            yield Damage(str(error), wim.blobs.metadata[image - 1].sha1)
        else:
            for sha1 in sorted(missing):
                yield Damage(f"image {image} names a blob that is not there", sha1)


def _named(wim: WimFile, image: int) -> Iterable[bytes]:
    for _, node in wim.rows(image):
        yield from hashes_of(node)
