"""``store.wim`` of a store whose papers are damaged: what image 2 keeps of them; blobs, each proven by its SHA-1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from extractor.errors import CorruptStoreError
from extractor.store.wim.document import seal_in, seal_of
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import Row, hashes_of
from extractor.store.wim.reader import WimFile
from extractor.store.wim.writer import EMPTY

USER_STATE, SETTINGS = 1, 2
"""Numbers of the images."""
_BLOCK = 1 << 20


class Content(NamedTuple):
    """A blob that is whole."""

    size: int
    sha256: str


class Target(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object: ...


class Archive:
    """A WIM that could be opened: header, XML and blob table are readable."""

    def __init__(self, wim: WimFile) -> None:
        self.wim = wim
        self.papers: dict[str, bytes] = {}
        """Name of each paper that image 2 tells of -> SHA-1."""
        self.is_readable = self._is_whole(SETTINGS)
        """Whether all names of image 2 are those that were written."""
        self._known: dict[bytes, Content | None] = {NO_HASH: Content(0, EMPTY.sha256)}
        if wim.header.images >= SETTINGS:
            with suppress(
                CorruptStoreError
            ):  # what came before the damage is proven by its SHA-1 all the same
                for parts, node in wim.rows(SETTINGS):
                    if parts and not node.is_directory:
                        self.papers["/".join(parts)] = node.sha1

    def is_image_whole(self) -> bool:
        """Tell whether image 1 names what was written."""
        return self._is_whole(USER_STATE)

    def _is_whole(self, image: int) -> bool:
        entries = self.wim.blobs.metadata
        if len(entries) < image:
            return False
        try:
            found = hashlib.sha1(usedforsecurity=False)
            reader = self.wim.reader(entries[image - 1])
            for at in range(0, reader.size, _BLOCK):
                found.update(reader.read_at(at, _BLOCK))
        except CorruptStoreError:
            return False
        return found.digest() == entries[image - 1].sha1

    def copy(self, name: str, target: Target) -> bool:
        """Write a paper; False when the WIM has it not, or not whole (what was written is to be discarded)."""
        sha1 = self.papers.get(name)
        return sha1 is not None and self.copy_blob(sha1, target)

    def copy_blob(self, sha1: bytes, target: Target) -> bool:
        """Write a blob; False when it is not there, or not whole."""
        digest = hashlib.sha1(usedforsecurity=False)
        try:
            with self.wim.open_blob(sha1) as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    target.write(block)
        except CorruptStoreError:
            return False
        return digest.digest() == (EMPTY.sha1 if sha1 == NO_HASH else sha1)

    def find(self, sha1: bytes) -> Content | None:
        """Return what a blob is, when it is whole; each is read once."""
        if sha1 not in self._known:
            summing = _Summing()
            whole = self.copy_blob(sha1, summing)
            self._known[sha1] = Content(summing.size, summing.digest.hexdigest()) if whole else None
        return self._known[sha1]

    def rows(self) -> Iterator[Row]:
        """Yield image 1; raise CorruptStoreError where its names end to be readable."""
        return self.wim.rows(USER_STATE)

    def user_blobs(self) -> set[bytes]:
        """Return the blobs that image 1 names; raise CorruptStoreError."""
        return {sha1 for _, node in self.rows() for sha1 in hashes_of(node)}

    def is_sealed_right(self) -> bool:
        """Tell whether header, XML and integrity table are those that were written."""
        wim = self.wim
        if not wim.header.integrity.size:
            return False
        try:
            integrity = wim.whole(wim.header.integrity)
        except CorruptStoreError:
            return False
        return seal_in(wim.xml) == seal_of(wim.header_bytes, wim.xml, integrity)


class _Summing:
    """A target that keeps nothing but size and hash."""

    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> object:
        self.size += len(data)
        self.digest.update(data)
        return len(data)
