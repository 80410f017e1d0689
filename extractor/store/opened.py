"""A finished store, opened: its rows and its bytes, whatever kind of store it is.

``open_store`` is what every command about stores begins with; a container knows where the bytes lie.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

from extractor.errors import CorruptStoreError
from extractor.model import printable
from extractor.store.catalog import Catalog, open_catalog
from extractor.store.columns import StoredObject
from extractor.store.failures import reading
from extractor.store.manifest import catalog_directory
from extractor.store.place import CATALOG
from extractor.store.tree import Tree, open_tree


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


def open_store(store: Path) -> OpenStore:
    """Open the store in the folder ``store``.

    Raises NoSuchStoreError (27) for what is no finished store, CorruptStoreError (42) for one without its catalog.
    """
    directory = catalog_directory(store)
    with reading(directory):
        catalog = open_catalog(directory / CATALOG)
        return OpenStore(store, catalog, DirectoryContainer(open_tree(directory.parent)))
