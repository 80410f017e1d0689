"""The version of a file of the store beside that of the file at its place, for ``NewestVersion``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from extractor.evaluate.versions import version_strings
from extractor.model import upcase
from extractor.store.columns import StoredObject
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree


@dataclass(frozen=True, slots=True)
class Versions:
    """Two files whose versions are asked for."""

    store: OpenStore
    tree: Tree
    found: StoredObject
    place: Parts

    def of(self, tag: str) -> tuple[str, str]:
        """Return the store's and the target's, empty where there is none; raise OSError, CorruptStoreError."""
        content = self.found.content
        ours = ""
        if content:
            with self.store.open(content.stored_as) as file:
                ours = _version(file, tag)
        with os.fdopen(self.tree.open(self.place), "rb") as file:
            return ours, _version(file, tag)


@dataclass(frozen=True, slots=True)
class _Stream:
    """An open file as what reads versions wants it."""

    file: BinaryIO

    @property
    def size(self) -> int:
        return self.file.seek(0, os.SEEK_END)

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)]

    def read_at(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(length)


def _version(file: BinaryIO, tag: str) -> str:
    return version_strings(_Stream(file)).get(upcase(tag), "")
