"""Contents of a store -> where the kit has them: ``contents/``, each once and named by its SHA-256, or ``store.wim``.

``contents/ab/ab12…`` needs nothing but a way to read files. ``store.wim`` is copied as it is, and the script has DISM
put its image 1 into a folder; a content lies there under the first name that Windows can be sure to make: safe, and
without a twin that differs by case. What has no such name, and EFS files in raw form, lie in ``contents/`` there too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from extractor.errors import CorruptStoreError
from extractor.model import upcase
from extractor.restore.write import FailedError, fill
from extractor.store.columns import StoredStream
from extractor.store.digest import HOLES
from extractor.store.failures import reading
from extractor.store.opened import OpenStore
from extractor.store.place import FINAL, WIM
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts, Tree
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import ENCRYPTED, REPARSE_POINT, Node
from extractor.store.wim.reader import WimFile
from extractor.store.wim_images import named_blob

CONTENTS = "contents"
HUGE = (
    "a huge sparse file: a kit would be as large as it claims to be; `coldstate restore` makes it"
)


class NotCarriedError(Exception):
    """A content that the kit does not have, and why; ``corrupt``: the store's bytes are not what was stored."""

    def __init__(self, reason: str, *, corrupt: bool = False) -> None:
        super().__init__(reason)
        self.corrupt = corrupt


class Contents(Protocol):
    """Where a content of the kit lies, made when it is first asked for."""

    def place(self, stream: StoredStream, *, raw: bool = False) -> dict[str, Any]:
        """Return ``part`` (contents or wim), ``names`` and ``stream``; raise NotCarriedError, OSError."""
        ...


@dataclass(slots=True)
class TreeContents:
    """Plain files; ``tree`` is the kit's folder, opened."""

    store: OpenStore
    tree: Tree
    bytes: int = 0
    """Bytes written so far."""
    _known: set[str] = field(default_factory=set)

    def place(self, stream: StoredStream, *, raw: bool = False) -> dict[str, Any]:
        """Return where a content lies; ``raw`` (EFS) makes no difference here."""
        del raw
        digest = stream.sha256
        if digest.startswith(HOLES):
            raise NotCarriedError(HUGE)
        if not _is_digest(digest):
            raise NotCarriedError("the catalog does not say what its SHA-256 is", corrupt=True)
        names = (CONTENTS, digest[:2], digest)
        if digest not in self._known:
            try:
                fill(self.store, self.tree, stream, names)
            except (FailedError, CorruptStoreError) as error:
                self._remove(names)
                raise NotCarriedError(str(error), corrupt=True) from error
            self._known.add(digest)
            self.bytes += stream.size
        return {"part": CONTENTS, "names": list(names[1:]), "stream": ""}

    def _remove(self, names: Parts) -> None:
        if self.tree.exists(names[:1]) and self.tree.exists(names[:2]) and self.tree.exists(names):
            self.tree.remove(names)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


@dataclass(slots=True)
class WimContents:
    """The image of a WIM, and plain files for what no name of it is fit for."""

    beside: TreeContents
    names: dict[bytes, tuple[Parts, str]]
    """SHA-1 -> names in image 1, named stream."""

    def place(self, stream: StoredStream, *, raw: bool = False) -> dict[str, Any]:
        """Return where a content lies; one in raw form (EFS) would be decrypted by whoever reads it from the image."""
        try:
            found = None if raw else self.names.get(named_blob(stream.stored_as))
        except CorruptStoreError as error:
            raise NotCarriedError(str(error), corrupt=True) from error
        if found is None or stream.sha256.startswith(HOLES):
            return self.beside.place(stream)
        return {"part": "wim", "names": list(found[0]), "stream": found[1]}


def has_wim(store: OpenStore) -> bool:
    """Tell whether a store has a ``store.wim`` that Windows can open: not an encrypted one."""
    return (store.path / FINAL / WIM).is_file()


@dataclass(slots=True)
class _Image:
    """What is known of the names of image 1."""

    found: dict[bytes, tuple[Parts, str]] = field(default_factory=dict)
    unfit: int = 0
    """Names that Windows may refuse to make, or that differ from another by case only."""
    _seen: set[Parts] = field(default_factory=set)
    _bad: set[Parts] = field(default_factory=set)

    def take(self, names: Parts, node: Node) -> None:
        key = tuple(map(upcase, names))
        if key in self._seen or safe_name(names[-1]) != names[-1]:
            self._bad.add(key)
            self.unfit += 1
        self._seen.add(key)
        if any(key[:depth] in self._bad for depth in range(1, len(key) + 1)):
            return
        for stream, sha1 in _contents(node):
            self.found.setdefault(sha1, (names, stream))

    def settled(self) -> dict[bytes, tuple[Parts, str]]:
        """Return what lies under a name that has no twin further down the image."""
        return {
            sha1: place
            for sha1, place in self.found.items()
            if not any(
                tuple(map(upcase, place[0][:depth])) in self._bad
                for depth in range(1, len(place[0]) + 1)
            )
        }


def _contents(node: Node) -> Iterator[tuple[str, bytes]]:
    if node.attributes & (ENCRYPTED | REPARSE_POINT):
        return
    if not node.is_directory:
        yield "", node.sha1
    for name, sha1 in node.streams:
        if sha1 != NO_HASH and safe_name(name) == name:
            yield name, sha1


def image_names(store: OpenStore) -> tuple[dict[bytes, tuple[Parts, str]], int]:
    """Return SHA-1 -> a name of image 1, and how many names Windows may refuse; raise CorruptStoreError."""
    image = _Image()
    with WimFile.open(store.path / FINAL / WIM) as wim:
        for names, node in wim.rows(1):
            if names:
                image.take(names, node)
    return image.settled(), image.unfit


def copy_wim(store: OpenStore, folder: Path) -> int:
    """Copy ``store.wim`` into the kit; return its size. Raises CorruptStoreError, OSError."""
    source = store.path / FINAL / WIM
    with reading(source):
        size = source.stat().st_size
    shutil.copyfile(source, folder / WIM)
    return size
