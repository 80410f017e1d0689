"""Plain bytes -> a sealed directory: whole files at once or in a stream, others in parts while they are written."""

from __future__ import annotations

import hashlib
import os

from extractor.errors import StoreError
from extractor.store.sealed.age import Data, UnsealError, seal, unseal
from extractor.store.sealed.file import SealedFile, part_name
from extractor.store.sealed.keys import SealingKeys
from extractor.store.sealed.listing import (
    IDENTITY,
    LISTING,
    OWN,
    SUFFIX,
    SUMS,
    Listing,
    Part,
    expected_sums,
    is_name,
    listing_text,
    sums_text,
)
from extractor.store.tree import Tree

PART = 64 << 20
"""Plaintext bytes of a part."""
HEAD = 4096
"""Plaintext bytes of part 0, which stays in memory and changes until the end: a WIM's header has 208."""


class Sealer:
    """Seals files into one directory tree, lent by the caller; methods raise OSError as the tree does.

    ``identity.age`` is written at once, listing and sums by :meth:`finish`, without which nothing can be opened by us.
    """

    def __init__(
        self, tree: Tree, keys: SealingKeys, *, part: int = PART, head: int = HEAD
    ) -> None:
        if part < 1 or head < 1:
            raise ValueError("a part has at least one byte")
        self._tree = tree
        self._keys = keys
        self._size = (head, part)
        self._files: dict[str, tuple[Part, ...]] = {}
        self._digests: dict[str, str] = {}
        if keys.identity_file is not None:
            self._write(IDENTITY, keys.identity_file)

    def seal(self, name: str, data: Data) -> None:
        """Seal a whole file as ``NAME.age``: bytes, or what a binary file holds from where it stands."""
        self._reserve(name, name + SUFFIX)
        self._files[name] = (self.part(name + SUFFIX, data),)

    def create(self, name: str) -> SealedFile:
        """Return a file that is written in any order and sealed in parts, ``NAME.00000.age`` and so on."""
        self._reserve(name, part_name(name, 0))
        return SealedFile(self, name, *self._size)

    def _reserve(self, name: str, sealed: str) -> None:
        if not is_name(name) or sealed in OWN:
            raise ValueError(f"{name!a} cannot be the name of a sealed file")
        if name in self._files:
            raise ValueError(f"{name!a} is sealed already")
        self._files[name] = ()

    def part(self, sealed: str, data: Data, *, reopening: bool = False) -> Part:
        """Write one age file, over one that is there; for :class:`SealedFile`."""
        parts = tuple(sealed.split("/"))
        if self._tree.exists(parts):
            self._tree.remove(parts)
        keys = self._keys
        recipients = (*keys.recipients, *keys.reopening) if reopening else keys.recipients
        with os.fdopen(self._tree.create(parts), "wb") as file:
            return Part(sealed, seal(data, file, recipients))

    def reopen(self, part: Part) -> bytearray:
        """Return what a part holds that was sealed with ``reopening``; raise StoreError (72)."""
        content = _Content()
        try:
            with os.fdopen(self._tree.open(tuple(part.sealed.split("/"))), "rb") as file:
                digest = unseal(file, content, self._keys.session, part.sums.size)
        except UnsealError as error:
            raise StoreError(f"{part.sealed}: cannot be read again: {error}") from error
        if digest != part.sums.sha256:
            raise StoreError(f"{part.sealed}: is not what was written")
        return content.data

    def remove(self, part: Part) -> None:
        """Remove a part that is not needed any more; for :class:`SealedFile`."""
        self._tree.remove(tuple(part.sealed.split("/")))

    def add(self, name: str, parts: tuple[Part, ...]) -> None:
        """Take the parts of a file into the listing; for :class:`SealedFile`."""
        self._files[name] = parts

    def finish(self) -> None:
        """Write the listing, and last the sums."""
        unfinished = [name for name, parts in self._files.items() if not parts]
        if unfinished:
            raise ValueError(f"{unfinished[0]!a} was not finished")
        listing = Listing(self._keys.identity_file is not None, self._files)
        self._digests[LISTING] = self.part(LISTING, listing_text(listing)).sums.sealed_sha256
        self._write(SUMS, sums_text(expected_sums(listing, self._digests)))

    def _write(self, name: str, content: bytes) -> None:
        with os.fdopen(self._tree.create((name,)), "wb") as file:
            file.write(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()


class _Content:
    """A target that is kept in memory, and may be changed."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data
