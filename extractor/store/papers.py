"""What a store writes about itself: the catalog, the manifest, the registry once more, documents, their hashes.

In a plain store they are files of ``open-catalog``; in an encrypted one nothing of them ever lies on the disk in plain.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from extractor.store.catalog import Catalog, create_catalog
from extractor.store.failures import writing
from extractor.store.manifest import MANIFEST
from extractor.store.place import CATALOG, CATALOG_DIRECTORY
from extractor.store.sealed.file import SealedFile
from extractor.store.sealed.sealer import Sealer
from extractor.store.tree import Tree

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class Papers(Protocol):
    """Files by name, written once and read again. OSError means that the store cannot be written."""

    def new_catalog(self, place: Path, /) -> Catalog:
        """Return an empty catalog; ``place`` is what messages name."""
        ...

    def create(self, name: str, /) -> BinaryIO:
        """Return a new file for writing."""
        ...

    def open(self, name: str, /) -> BinaryIO:
        """Return a file that was written; the catalog once it was committed."""
        ...

    def finish(self, sums: str, /) -> None:
        """Write the hashes, as ``sha256sum`` reads them, under the name ``SHA256SUMS``."""
        ...


SUMS = "SHA256SUMS"


def sum_of(papers: Papers, name: str) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with papers.open(name) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def size_of(file: BinaryIO) -> int:
    """Return the bytes of an open file, which stands at its beginning afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


class PlainPapers:
    """Files below ``open-catalog`` of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def new_catalog(self, place: Path) -> Catalog:
        """Make it by the descriptor of its directory: SQLite knows only paths, and a path could be swapped."""
        with writing(place):
            os.close(self._tree.create((CATALOG_DIRECTORY, CATALOG)))
            directory = self._tree.directory((CATALOG_DIRECTORY,))
        return create_catalog(f"/proc/self/fd/{directory}/{CATALOG}", place)

    def create(self, name: str) -> BinaryIO:
        """Return a new file."""
        return os.fdopen(self._tree.create((CATALOG_DIRECTORY, *name.split("/"))), "wb")

    def open(self, name: str) -> BinaryIO:
        """Return a file for reading."""
        return os.fdopen(self._tree.open((CATALOG_DIRECTORY, *name.split("/"))), "rb")

    def finish(self, sums: str) -> None:
        """Write the hashes."""
        with self.create(SUMS) as file:
            file.write(sums.encode())


class SealedPapers:
    """Papers of an encrypted store: catalog and manifest are sealed, the others go into the WIM only.

    All but the manifest are in memory until then, the catalog too.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._manifest: SealedFile | None = None
        self._others: dict[str, _Kept] = {}
        self._catalog: Catalog | None = None

    def new_catalog(self, place: Path) -> Catalog:
        """Return a catalog in memory."""
        self._catalog = create_catalog(":memory:", place)
        return self._catalog

    def create(self, name: str) -> BinaryIO:
        """Return a new file; its content stays after it was closed."""
        if name == MANIFEST:
            self._manifest = self._sealer.create(name)
            return io.BufferedWriter(_Sealing(self._manifest), 1 << 20)
        self._others[name] = _Kept()
        return self._others[name]

    def open(self, name: str) -> BinaryIO:
        """Return a file for reading."""
        if name == MANIFEST and self._manifest:
            return io.BufferedReader(_Sealing(self._manifest), 1 << 20)
        if name == CATALOG and self._catalog:
            if CATALOG not in self._others:
                self._others[CATALOG] = _Kept(self._catalog.connection.serialize())
            return io.BytesIO(self._others[CATALOG].getvalue())
        return io.BytesIO(self._others[name].getvalue())

    def finish(self, sums: str) -> None:
        """Seal catalog, manifest and hashes."""
        self._sealer.seal(CATALOG, self._others[CATALOG].getvalue())
        if self._manifest:
            self._manifest.finish()
        self._sealer.seal(SUMS, sums.encode())


class _Kept(io.BytesIO):
    """A file in memory that can be read after whoever wrote it has closed it."""

    def close(self) -> None:
        """Stay open."""


class _Sealing(io.RawIOBase):
    """A SealedFile as a file of Python: appended to, or read from its beginning."""

    def __init__(self, file: SealedFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        block = bytes(data)
        self._file.append(block)
        return len(block)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        found = self._file.read_at(self._at, len(view))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move where reading goes on."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        self._at = base + offset
        return self._at
