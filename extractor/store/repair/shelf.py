"""The papers of a store that is no encrypted one: what lies in ``open-catalog``, and what takes its place.

New papers are made in ``STORE/USMT.repair`` and put in place by renaming when all are there; what lay there before goes
to ``STORE/USMT.before-repair``, beside the store, where no verification calls it extra. Nothing is ever overwritten.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from extractor.errors import StoreLocationError
from extractor.store.catalog import Catalog, create_catalog
from extractor.store.failures import sync_tree, writing
from extractor.store.papers import SUMS
from extractor.store.place import CATALOG_DIRECTORY, FINAL
from extractor.store.tree import Tree, open_tree
from extractor.store.verify import SUMS_LIMIT

WORK = "USMT.repair"
BEFORE = "USMT.before-repair"
_SCRATCH = "scratch"
_BLOCK = 1 << 20


class Shelf:
    """The papers of the store in a folder, and new ones; its methods raise StoreError when nothing can be written."""

    def __init__(self, store: Path, tree: Tree) -> None:
        self.store = store
        self.directory = store / FINAL / CATALOG_DIRECTORY
        self._tree = tree
        self._work = store / WORK
        self.new: dict[str, Path] = {}
        """Name, below ``STORE/USMT``, of each file that was made anew -> where it is until ``settle``."""
        self._left_out: list[str] = []

    def open(self, name: str) -> BinaryIO | None:
        """Open a paper, the new one where there is one; None when it is not there."""
        made = self.new.get(f"{CATALOG_DIRECTORY}/{name}")
        if made is not None:
            return made.open("rb")
        try:
            return os.fdopen(self._tree.open((CATALOG_DIRECTORY, *name.split("/"))), "rb")
        except (OSError, ValueError):
            return None

    def read(self, name: str) -> bytes | None:
        """Return a whole paper."""
        file = self.open(name)
        if file is None:
            return None
        with file, suppress(OSError):
            return file.read()
        return None

    def names(self) -> Iterator[str]:
        """Yield the papers that are there."""
        for parts in self._tree.files():
            if parts[0] == CATALOG_DIRECTORY and len(parts) > 1:
                yield "/".join(parts[1:])

    def sums(self) -> dict[str, str]:
        """Return name -> SHA-256 as the store's own sums have it, as far as they can be read."""
        file = self.open(SUMS)
        if file is None:
            return {}
        with file:
            lines = file.read(SUMS_LIMIT).decode("utf-8", "replace").split("\n")
        return {line[66:]: line[:64] for line in lines if line[64:66] == "  "}

    def path(self, name: str) -> Path:
        """Return where a paper lies now."""
        return self.new.get(f"{CATALOG_DIRECTORY}/{name}") or self.directory / name

    def place(self, name: str, *, paper: bool = True) -> Path:
        """Return where a new file is made; it takes its place at the end."""
        name = f"{CATALOG_DIRECTORY}/{name}" if paper else name
        place = self._work / name
        with writing(self.store):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
        self.new[name] = place
        return place

    def leave_out(self, name: str) -> None:
        """Have a paper that nobody can prove put aside at the end."""
        self._left_out.append(f"{CATALOG_DIRECTORY}/{name}")

    def drop(self, name: str, *, paper: bool = True) -> None:
        """Forget a new file that came to nothing."""
        place = self.new.pop(f"{CATALOG_DIRECTORY}/{name}" if paper else name)
        with writing(self.store):
            place.unlink(missing_ok=True)

    def scratch(self, name: str) -> BinaryIO:
        """Return a new file that is no paper yet."""
        place = self._work / _SCRATCH / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place.open("x+b")

    def take(self, name: str, paper: str, sha256: str) -> bool:
        """Make a paper of a file from ``scratch``; False when there is none that is what its hash says."""
        made = self._work / _SCRATCH / name
        if not made.is_file():
            return False
        with writing(self.store):
            found = hashes_of(made.open("rb"))
            if found is None or found[1] != sha256:
                return False
            made.rename(self.place(paper))
        return True

    def new_catalog(self, name: str) -> Catalog:
        """Return an empty catalog, whose file is a new paper."""
        place = self.place(name)
        return create_catalog(str(place), place)

    def settle(self) -> None:
        """Put the new files in place, the old ones aside: at no time is a name without a file."""
        if not self.new:
            return
        with writing(self.store):
            sync_tree(self._tree.root)
            for name in self._left_out:
                self.put_aside(name)
            for name, place in self.new.items():
                target = self.store / FINAL / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._keep(name)
                place.replace(target)
            sync_tree(self._tree.root)
        self.new.clear()

    def _keep(self, name: str) -> None:
        """Give a file of the store a second name beside it."""
        old = self.store / FINAL / name
        if os.path.lexists(old):
            try:
                os.link(old, self._aside(name), follow_symlinks=False)
            except OSError:  # a file system without hard links
                self.put_aside(name)

    def put_aside(self, name: str) -> None:
        """Move a file of the store out of it, beside what was put aside before; raise OSError."""
        old = self.store / FINAL / name
        if os.path.lexists(old):
            old.rename(self._aside(name))

    def _aside(self, name: str) -> Path:
        """Return a free place beside the store."""
        aside, serial = self.store / BEFORE / name, 1
        aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while os.path.lexists(aside):
            serial += 1
            aside = self.store / BEFORE / f"{name}.{serial}"
        return aside

    def clear(self) -> None:
        """Remove what an unfinished repair made."""
        with writing(self.store):
            if self._work.is_dir() and not self._work.is_symlink():
                shutil.rmtree(self._work)


def lock(tree: Tree, store: Path) -> None:
    """Keep other repairs away while the tree is open; raise StoreLocationError (27) when one is at work."""
    try:
        fcntl.flock(tree.root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreLocationError(f"{store}: another run works on this store now") from error


@contextmanager
def open_shelf(store: Path) -> Iterator[Shelf]:
    """Open the papers of a store, locked; raise StoreLocationError (27) when another run works on it."""
    with open_tree(store / FINAL) as tree:
        lock(tree, store)
        shelf = Shelf(store, tree)
        shelf.clear()
        try:
            yield shelf
        finally:
            shelf.clear()


def hashes_of(file: BinaryIO) -> tuple[bytes, str] | None:
    """Return SHA-1 and SHA-256 of an open file and close it; None when it cannot be read."""
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    try:
        with file:
            while block := file.read(_BLOCK):
                sha1.update(block)
                sha256.update(block)
    except OSError:
        return None
    return sha1.digest(), sha256.hexdigest()


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return name -> SHA-256 as ``sha256sum`` writes it."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()
