"""Where the papers of an encrypted store are sealed anew: parts beside the store first, then in place, sums last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError
from extractor.store.failures import sync_tree, writing
from extractor.store.manifest import MANIFEST
from extractor.store.place import FINAL
from extractor.store.repair.result import Repair
from extractor.store.repair.shelf import Shelf
from extractor.store.sealed.age import seal
from extractor.store.sealed.keys import SealingKeys, recipient_keys
from extractor.store.sealed.listing import (
    IDENTITY,
    LISTING,
    SUFFIX,
    SUMS,
    Listing,
    expected_sums,
    listing_text,
    sums_text,
)
from extractor.store.sealed.sealer import Sealer
from extractor.store.sealed.unlocking import open_listing
from extractor.store.tree import Tree, open_tree

_FOLDER = "sealed"


class Vault:
    """An encrypted store that gets new papers; ``identity`` is the one that its passphrase keeps, if it has one."""

    def __init__(self, store: Path, tree: Tree, listing: Listing, identity: Any) -> None:  # noqa: ANN401  pyrage's
        self._store = store
        self._tree = tree
        self._listing = listing
        self._identity = identity

    def put(self, papers: Mapping[str, bytes], names: Sequence[str], result: Repair) -> None:
        """Seal papers and put them in place, then make the plain sums right.

        Raises CorruptStoreError (42) when there is nobody to seal to, StoreError (72) when it cannot be written.
        """
        shelf = Shelf(self._store, self._tree)
        shelf.clear()
        try:
            if names:
                self._seal(shelf, {name: papers[name] for name in names})
            self._sums(shelf, result)
            self._drop_strangers(shelf, result)
            shelf.settle()
        finally:
            shelf.clear()

    def _seal(self, shelf: Shelf, papers: Mapping[str, bytes]) -> None:
        if self._identity is None:
            raise CorruptStoreError(
                f"{self._store / FINAL}: the store was sealed to recipients; who they all are is not known here, and so"
                f" {', '.join(papers)} cannot be sealed anew"
            )
        keys = recipient_keys([str(self._identity.to_public())])
        folder = shelf.place(_FOLDER, paper=False)
        shelf.new.pop(_FOLDER)
        with writing(self._store):
            folder.mkdir(mode=0o700)
            with open_tree(folder) as tree:
                made = _sealed(tree, keys, papers, folder, self._identity)
        for parts in made.files.values():
            for part in parts:
                shelf.new[part.sealed] = folder / part.sealed
        self._listing = Listing(self._listing.passphrase, {**self._listing.files, **made.files})
        place = shelf.place(LISTING, paper=False)
        with writing(place), place.open("xb") as file:
            seal(listing_text(self._listing), file, keys.recipients)

    def _sums(self, shelf: Shelf, result: Repair) -> None:
        digests = {name: _digest(shelf, self._store, name) for name in (IDENTITY, LISTING)}
        content = sums_text(expected_sums(self._listing, digests))
        there = self._store / FINAL / SUMS
        if shelf.new or not there.is_file() or there.read_bytes() != content:
            place = shelf.place(SUMS, paper=False)
            with writing(place):
                place.write_bytes(content)
            result.done.append(f"{SUMS}: written anew")

    def _drop_strangers(self, shelf: Shelf, result: Repair) -> None:
        """Put aside sealed files that the listing does not know, and name those that are missing."""
        known = {each.sealed for each in self._listing.parts()} | {LISTING}
        if self._listing.passphrase:
            known.add(IDENTITY)
        there = {"/".join(parts) for parts in self._tree.files()}
        for name in sorted(known - there - {*shelf.new}):
            result.lost.append(f"{name}, which is missing")
        for name in sorted(each for each in there - known if each.endswith(SUFFIX)):
            shelf.put_aside(name)
            result.done.append(f"{name}: does not belong to the store and was put aside")


def _sealed(
    tree: Tree, keys: SealingKeys, papers: Mapping[str, bytes], folder: Path, identity: object
) -> Listing:
    """Seal papers into an empty folder and return their listing."""
    sealer = Sealer(tree, keys)
    for name, content in papers.items():
        if name == MANIFEST:
            file = sealer.create(name)
            file.append(content)
            file.finish()
        else:
            sealer.seal(name, content)
    sealer.finish()
    sync_tree(tree.root)
    return open_listing(folder, tree, (identity,), proven=True)


def _digest(shelf: Shelf, store: Path, name: str) -> str:
    path = shelf.new.get(name, store / FINAL / name)
    if not os.path.lexists(path):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
