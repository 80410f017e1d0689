"""A finished store, opened: its rows and its bytes, whatever kind of store it is.

``open_store`` is what every command about stores begins with; a container knows where the bytes lie.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

from extractor.errors import CorruptStoreError
from extractor.model import printable
from extractor.store.catalog import Catalog, catalog_in, open_catalog
from extractor.store.columns import StoredObject
from extractor.store.failures import reading
from extractor.store.manifest import catalog_directory
from extractor.store.place import CATALOG, CATALOG_DIRECTORY, FINAL, WIM
from extractor.store.sealed.keys import Passphrase
from extractor.store.sealed.opener import Opener, is_sealed, open_sealed
from extractor.store.tree import Tree, open_tree
from extractor.store.wim.reader import WimFile
from extractor.store.wim_images import named_blob


class Container(Protocol):
    """Where the bytes of a store lie."""

    def open(self, stored_as: str, /) -> BinaryIO:
        """Open what a row's ``stored_as`` names, seekable; raise CorruptStoreError when it is not there."""
        ...

    def close(self) -> None: ...


class DirectoryContainer:
    """The files below ``STORE/USMT``."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def open(self, stored_as: str) -> BinaryIO:
        """Open a file of the store; raise CorruptStoreError when it is not there."""
        try:
            return os.fdopen(self._tree.open(tuple(stored_as.split("/"))), "rb")
        except (OSError, ValueError) as error:
            raise CorruptStoreError(
                f"{printable(stored_as)} is missing from the store: {error}"
            ) from error

    def close(self) -> None:
        """Let go of the directory."""
        self._tree.close()


class WimContainer:
    """The blobs of ``store.wim``; ``stored_as`` is ``blob/`` and a SHA-1."""

    def __init__(self, wim: WimFile) -> None:
        self.wim = wim

    def open(self, stored_as: str) -> BinaryIO:
        """Open a blob, or a file of ``open-catalog`` as image 2 has it; raise CorruptStoreError when there is none."""
        paper = stored_as.removeprefix(f"{CATALOG_DIRECTORY}/")
        sha1 = named_blob(stored_as) if paper == stored_as else self._paper(paper)
        return io.BufferedReader(self.wim.open_blob(sha1))

    def _paper(self, name: str) -> bytes:
        wanted = tuple(name.split("/"))
        found = next((node.sha1 for parts, node in self.wim.rows(2) if parts == wanted), None)
        if found is None:
            raise CorruptStoreError(f"{printable(name)} is missing from the store")
        return found

    def close(self) -> None:
        """Let go of the file."""
        self.wim.close()


class SealedContainer(WimContainer):
    """The same, of an encrypted store."""

    def __init__(self, opener: Opener) -> None:
        super().__init__(WimFile(opener.open(WIM)))
        self.opener = opener

    def close(self) -> None:
        """Let go of the directory."""
        self.opener.close()


class OpenStore:
    """A store for reading; a context manager."""

    def __init__(self, path: Path, catalog: Catalog, container: Container) -> None:
        self.path = path
        """What the person named: the folder that holds ``USMT``."""
        self.catalog = catalog
        self._container = container

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the manifest: what was read, which Windows, users, rules."""
        return self._line(0)

    @property
    def trailer(self) -> dict[str, Any]:
        """The last line: number of objects and the ledger's totals."""
        return self._line(1)

    def _line(self, which: int) -> dict[str, Any]:
        try:
            found = json.loads(self.catalog.book()[which])
        except (ValueError, RecursionError) as error:
            raise CorruptStoreError(
                f"{self.path}: the catalog's copy of the manifest's ends is no JSON"
            ) from error
        if not isinstance(found, dict):
            raise CorruptStoreError(
                f"{self.path}: the catalog's copy of the manifest's ends is no object"
            )
        return found

    def objects(self, where: str = "") -> Iterator[StoredObject]:
        """Yield every object, stored or not, in the order of the manifest; raise CorruptStoreError."""
        return self.catalog.objects(where)

    def open(self, stored_as: str) -> BinaryIO:
        """Open the bytes of a stream by its ``stored_as``; raise CorruptStoreError."""
        return self._container.open(stored_as)

    def close(self) -> None:
        self.catalog.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_store(
    store: Path, *, passphrase: Passphrase | None = None, identities: Sequence[object] = ()
) -> OpenStore:
    """Open the store in the folder ``store``; the keys are for one that is encrypted.

    Raises NoSuchStoreError (27) for what is no finished store, CorruptStoreError (42) for one without its catalog,
    WrongKeyError (37) when nothing given opens it.
    """
    if is_sealed(store / FINAL):
        return _open_sealed(
            store, open_sealed(store / FINAL, passphrase=passphrase, identities=identities)
        )
    directory = catalog_directory(store)
    with reading(directory):
        catalog = open_catalog(directory / CATALOG)
        try:
            return OpenStore(store, catalog, _container(directory.parent))
        except BaseException:
            catalog.close()
            raise


def _open_sealed(store: Path, opener: Opener) -> OpenStore:
    """Open an encrypted store: its catalog is decrypted into memory, nothing is written."""
    catalog: Catalog | None = None
    try:
        catalog = catalog_in(opener.read(CATALOG), store / FINAL)
        return OpenStore(store, catalog, SealedContainer(opener))
    except BaseException:
        if catalog:
            catalog.close()
        opener.close()
        raise


def _container(folder: Path) -> Container:
    wim = folder / WIM
    return (
        WimContainer(WimFile.open(wim)) if wim.exists() else DirectoryContainer(open_tree(folder))
    )
