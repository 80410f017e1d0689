"""An encrypted store whose sealed catalog, manifest or sums are missing or damaged -> the same store, whole again.

The listing must open, for it alone knows the parts. What is made is sealed to the store's own identity, which its
passphrase keeps; of a store that was sealed to recipients nobody here knows them all, so only its plain sums are made.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError, NoSuchStoreError, StoreError, WrongKeyError
from extractor.store.catalog import catalog_in, create_catalog
from extractor.store.failures import reading
from extractor.store.manifest import MANIFEST
from extractor.store.papers import SUMS
from extractor.store.place import CATALOG, FINAL, WIM
from extractor.store.repair.archive import Archive
from extractor.store.repair.manifest import others_of
from extractor.store.repair.rebuild import (
    close,
    documents_of,
    from_image,
    from_manifest,
    rewrite_manifest,
)
from extractor.store.repair.registry import Read, registry_rows
from extractor.store.repair.result import Repair
from extractor.store.repair.shelf import lock, sums_text
from extractor.store.repair.state import first_line
from extractor.store.repair.vault import Vault
from extractor.store.sealed.age import UnsealError, unseal_with_passphrase, unsealed
from extractor.store.sealed.keys import Passphrase, parse_identities
from extractor.store.sealed.listing import IDENTITY, LARGEST, LISTING, Listing, parse_listing
from extractor.store.sealed.opener import Opener
from extractor.store.sealed.unlocking import read_sums
from extractor.store.tree import Tree, open_tree
from extractor.store.wim.reader import WimFile

_PAPERS = (CATALOG, MANIFEST, SUMS)


def repair_sealed(
    store: Path, *, passphrase: Passphrase | None, identities: Sequence[object]
) -> Repair:
    """Repair the papers of an encrypted store.

    Raises WrongKeyError (37), CorruptStoreError (42) when its listing is lost or nothing is left to repair from.
    """
    directory = store / FINAL
    if not directory.is_dir():
        raise NoSuchStoreError(f"{directory} is no encrypted store of this program")
    with reading(directory), open_tree(directory) as tree:
        lock(tree, store)
        opening = tuple(identities) or _kept_identity(directory, tree, passphrase)
        listing = _listing(directory, tree, opening, proven=not identities)
        opener = Opener(directory, tree, listing, opening)
        result = Repair()
        vault = Vault(store, tree, listing, None if identities else opening[0])
        papers = {name: found for name in _PAPERS if (found := _whole(opener, name)) is not None}
        missing = [name for name in _PAPERS if name not in papers]
        if missing:
            _make(_archive(opener, result), papers, result, directory)
            if CATALOG in missing and result.rows and MANIFEST not in missing:
                missing.append(MANIFEST)
        vault.put(papers, missing, result)
    return result


def _read(tree: Tree, name: str) -> bytes | None:
    with suppress(OSError), os.fdopen(tree.open((name,)), "rb") as file:
        return file.read(LARGEST + 1)[:LARGEST]
    return None


def _kept_identity(
    directory: Path, tree: Tree, passphrase: Passphrase | None
) -> tuple[object, ...]:
    """Return the identity that the passphrase keeps; raise WrongKeyError (37) and CorruptStoreError (42)."""
    if passphrase is None:
        raise WrongKeyError(
            f"{directory}: the store is encrypted; give its key (--key, --keyfile, --identity)"
        )
    sealed = _read(tree, IDENTITY)
    if sealed is None:
        raise _no_identity(directory, tree)
    try:
        content = unseal_with_passphrase(sealed, passphrase.text)
    except UnsealError as error:
        if _is_known_damaged(directory, tree, IDENTITY, sealed):
            raise CorruptStoreError(f"{directory / IDENTITY}: is damaged") from error
        raise WrongKeyError(f"{directory}: the key does not open this store") from error
    return parse_identities(content, IDENTITY)


def _no_identity(directory: Path, tree: Tree) -> StoreError:
    """Return what is wrong with a store that has no identity of its own: it is lost, or never was."""
    with suppress(CorruptStoreError):
        if IDENTITY not in read_sums(directory, tree):
            return WrongKeyError(
                f"{directory}: the store was sealed to recipients; give an identity of one (--identity)"
            )
    return CorruptStoreError(
        f"{directory / IDENTITY}: is missing, and no passphrase opens the store"
    )


def _is_known_damaged(directory: Path, tree: Tree, name: str, content: bytes) -> bool:
    """Tell whether the plain sums, where they can be read, say that a file is not as it was written."""
    with suppress(CorruptStoreError):
        return read_sums(directory, tree).get(name) != hashlib.sha256(content).hexdigest()
    return False


def _listing(directory: Path, tree: Tree, opening: Sequence[object], *, proven: bool) -> Listing:
    sealed = _read(tree, LISTING)
    if sealed is None:
        raise CorruptStoreError(
            f"{directory / LISTING}: is missing, and nothing else knows the parts"
        )
    try:
        return parse_listing(unsealed(sealed, opening, LARGEST))
    except UnsealError as error:
        if proven or _is_known_damaged(directory, tree, LISTING, sealed):
            raise CorruptStoreError(
                f"{directory / LISTING}: is damaged, and nothing else knows the parts"
            ) from error
        raise WrongKeyError(f"{directory}: no identity that was given opens this store") from error


def _whole(opener: Opener, name: str) -> bytes | None:
    with suppress(CorruptStoreError):
        return opener.read(name)
    return None


def _archive(opener: Opener, result: Repair) -> Archive | None:
    try:
        return Archive(WimFile(opener.open(WIM)))
    except CorruptStoreError as error:
        result.lost.append(f"{WIM}, which cannot be opened: {error}")
        return None


def _make(
    archive: Archive | None, papers: dict[str, bytes], result: Repair, directory: Path
) -> None:
    """Make the papers that are missing: from image 2, from each other, from image 1."""
    for name in (CATALOG, MANIFEST):
        found = BytesIO()
        if name not in papers and archive and archive.copy(name, found):
            papers[name] = found.getvalue()
            result.done.append(f"{name}: as it was written, from image 2 of {WIM}")
    if CATALOG not in papers:
        _make_catalog(archive, papers, result, directory)
    if MANIFEST not in papers:
        lines = BytesIO()
        with closing(catalog_in(papers[CATALOG], directory)) as catalog:
            if not rewrite_manifest(catalog, lines.write):
                raise CorruptStoreError(
                    f"{directory}: the catalog tells otherwise than it was written"
                )
        papers[MANIFEST] = lines.getvalue()
        result.done.append(f"{MANIFEST}: as it was written, from {CATALOG}")
    documents = documents_of(first_line(papers[MANIFEST].partition(b"\n")[0], directory))
    sums = {name: hashlib.sha256(papers[name]).hexdigest() for name in (CATALOG, MANIFEST)}
    papers[SUMS] = sums_text(sums | documents)


def _make_catalog(
    archive: Archive | None, papers: dict[str, bytes], result: Repair, directory: Path
) -> None:
    registry = registry_rows([*archive.papers] if archive else [], _reader(archive))
    lines = BytesIO()
    with closing(create_catalog(":memory:", directory)) as catalog:
        if MANIFEST in papers:
            others = others_of(archive, registry)
            made = from_manifest(catalog, BytesIO(papers[MANIFEST]), directory, others)
        elif archive and archive.is_image_whole():
            made = from_image(catalog, archive, registry)
        else:
            raise CorruptStoreError(
                f"{directory}: nothing whole is left that a catalog could be made from"
            )
        catalog.settle()
        close(catalog, made, _documents(archive, made.header), lines.write)
        papers[CATALOG] = catalog.connection.serialize()
    papers[MANIFEST] = lines.getvalue()
    result.rows = made.objects
    result.lost += made.lost
    result.lost.append(f"image 2 of {WIM}, which stays as it is: no encrypted WIM is written anew")
    result.done.append(
        f"{CATALOG}, {MANIFEST}: made anew from {made.source}, {made.objects} objects"
    )


def _reader(archive: Archive | None) -> Read:
    def read(name: str) -> bytes | None:
        found = BytesIO()
        return found.getvalue() if archive and archive.copy(name, found) else None

    return read


def _documents(archive: Archive | None, header: Mapping[str, Any]) -> dict[str, str]:
    """Return the papers that the header tells of, or that the WIM holds."""
    told = documents_of(header)
    if told or archive is None:
        return told
    names = sorted({*archive.papers} - {CATALOG, MANIFEST})
    found = ((name, archive.find(archive.papers[name])) for name in names)
    return {name: content.sha256 for name, content in found if content}
