"""A sealed directory -> its plain bytes, read at any offset; nothing of it is believed before it is proven.

A part is decrypted whole and compared with the listing before a byte of it is given away; two are kept. What fails
after the key was proven is damage. Whether the key is wrong or its file is damaged, the plain sums tell.
"""

from __future__ import annotations

import hashlib
import io
import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import IO, Self

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.store.failures import reading
from extractor.store.sealed.age import BLOCK, Target, UnsealError, unseal
from extractor.store.sealed.keys import Passphrase
from extractor.store.sealed.listing import IDENTITY, LISTING, SUMS, Listing, Part
from extractor.store.sealed.unlocking import open_listing, read_sums, unlock
from extractor.store.tree import Tree, open_tree

KEPT = 2
"""Parts kept decrypted for each file that is open."""
SMALL = 1 << 30
"""Bytes of the largest file that :meth:`Opener.read` returns."""


class Opener:
    """The files of an open sealed store. Readers may be used by several threads; they take turns."""

    def __init__(
        self, directory: Path, tree: Tree, listing: Listing, identities: Sequence[object]
    ) -> None:
        self._directory = directory
        self._tree = tree
        self._listing = listing
        self._identities = identities
        self._turn = Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The files, by their plain names."""
        return tuple(self._listing.files)

    def size(self, name: str) -> int:
        """Return the plaintext bytes of a file."""
        return sum(each.sums.size for each in self._parts(name))

    def open(self, name: str) -> SealedReader:
        """Return a reader of a file; raise CorruptStoreError (42) when the store has none of this name."""
        return SealedReader(self._parts(name), self._plain)

    def read(self, name: str) -> bytes:
        """Return a whole file of at most 1 GiB; raise CorruptStoreError (42)."""
        if self.size(name) > SMALL:
            raise CorruptStoreError(f"{self._directory / name}: is too large to be read at once")
        return b"".join(map(self._plain, self._parts(name)))

    def copy(self, name: str, target: Target) -> None:
        """Write a file to ``target`` in a stream; after CorruptStoreError (42) what was written is to be discarded."""
        for part in self._parts(name):
            self._unseal(part, target)

    def check(self, tell: Callable[[int], object] = lambda _: None) -> None:
        """Decrypt and compare everything; ``tell`` hears the bytes of each part. Raises CorruptStoreError (42)."""
        for part in self._listing.parts():
            self._unseal(part, _Nowhere())
            tell(part.sums.size)

    def _parts(self, name: str) -> tuple[Part, ...]:
        parts = self._listing.files.get(name)
        if parts is None:
            raise CorruptStoreError(f"{self._directory}: holds no {name!a}")
        return parts

    def _plain(self, part: Part) -> bytes:
        target = io.BytesIO()
        self._unseal(part, target)
        return target.getvalue()

    def _unseal(self, part: Part, target: Target) -> None:
        """Write a part's plaintext; its size is bounded by that of its age file, whatever a listing says."""
        place = self._directory / part.sealed
        with self._turn, self._open(part, place) as file:
            try:
                source = _Source(file, place)
                digest = unseal(source, target, self._identities, part.sums.size)
            except UnsealError as error:
                raise CorruptStoreError(f"{place}: is damaged: {error}") from error
        if digest != part.sums.sha256:
            raise CorruptStoreError(f"{place}: is not the part that belongs here")

    def _open(self, part: Part, place: Path) -> IO[bytes]:
        with reading(place):
            file = os.fdopen(self._tree.open(tuple(part.sealed.split("/"))), "rb")
            size = os.fstat(file.fileno()).st_size
        if size != part.sums.sealed_size:
            file.close()
            raise CorruptStoreError(f"{place}: has {size} bytes instead of {part.sums.sealed_size}")
        return file

    def close(self) -> None:
        """Let go of the directory."""
        self._tree.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class SealedReader:
    """One file, read at any offset."""

    def __init__(self, parts: Sequence[Part], plain: Callable[[Part], bytes]) -> None:
        self._parts = parts
        self._plain = plain
        self._ends = list(accumulate(each.sums.size for each in parts))
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._turn = Lock()

    @property
    def size(self) -> int:
        """Plaintext bytes of the file."""
        return self._ends[-1]

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at ``offset``, fewer at the end of the file; raise CorruptStoreError (42)."""
        if offset < 0 or length < 0:
            raise ValueError("an offset or a length below zero")
        end, pieces = min(offset + length, self.size), []
        while offset < end:
            number = bisect_right(self._ends, offset)
            begin = self._ends[number] - self._parts[number].sums.size
            piece = self._part(number)[offset - begin : end - begin]
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def _part(self, number: int) -> bytes:
        with self._turn:
            found = self._kept.get(number)
            if found is None:
                while len(self._kept) >= KEPT:
                    self._kept.popitem(last=False)
                found = self._kept[number] = self._plain(self._parts[number])
            self._kept.move_to_end(number)
            return found


class _Source:
    """An age file whose read errors are the store's; those of a target stay what they are."""

    def __init__(self, file: IO[bytes], place: Path) -> None:
        self._file = file
        self._place = place

    def read(self, size: int, /) -> bytes:
        with reading(self._place):
            return self._file.read(size)


class _Nowhere:
    """A target that forgets."""

    def write(self, data: bytes) -> object:
        return len(data)


def is_sealed(directory: Path) -> bool:
    """Tell whether a directory looks like a sealed store, damaged or not."""
    return any((directory / name).is_file() for name in (SUMS, LISTING, IDENTITY))


def open_sealed(
    directory: Path, *, passphrase: Passphrase | None = None, identities: Sequence[object] = ()
) -> Opener:
    """Open a sealed directory with its passphrase, or with identities that its parts were sealed to.

    Raises NoSuchStoreError (27) for what is none, WrongKeyError (37) when nothing given opens it, CorruptStoreError
    (42) when a file of it is missing, too many, or not as it was written. The parts themselves are proven when they
    are read, or by :meth:`Opener.check`.
    """
    with reading(directory):
        if not is_sealed(directory):
            raise NoSuchStoreError(f"{directory} is no encrypted store of this program")
        tree = open_tree(directory)
    try:
        opening = unlock(directory, tree, passphrase, identities)
        listing = open_listing(directory, tree, opening, proven=not identities)
    except BaseException:
        tree.close()
        raise
    return Opener(directory, tree, listing, opening)


def check_sums(directory: Path) -> tuple[str, ...]:
    """Return the names of what differs from the plain sums, without any key: damage, but not forgery.

    Raises CorruptStoreError (42) when the sums themselves cannot be read.
    """
    with reading(directory), open_tree(directory) as tree:
        return tuple(
            name
            for name, digest in read_sums(directory, tree).items()
            if _digest(tree, name) != digest
        )


def _digest(tree: Tree, name: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with os.fdopen(tree.open(tuple(name.split("/"))), "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
