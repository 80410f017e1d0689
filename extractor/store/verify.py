"""Store -> Verification: every stored byte hashed again and compared with what manifest and catalog say of it."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from extractor.errors import CorruptStoreError, StoreError
from extractor.events import BytesCopied, Observer
from extractor.model import printable
from extractor.store.catalog import Catalog, catalog_in, open_catalog
from extractor.store.digest import digest_of
from extractor.store.directory import STREAMS
from extractor.store.failures import reading
from extractor.store.manifest import (
    MANIFEST,
    catalog_directory,
    parse_manifest,
    read_manifest,
    write_objects,
)
from extractor.store.papers import SUMS
from extractor.store.place import BLOB, CATALOG, CATALOG_DIRECTORY, FINAL, WIM
from extractor.store.sealed.keys import Passphrase
from extractor.store.sealed.opener import Opener, is_sealed, open_sealed
from extractor.store.tree import Parts, Tree, open_tree
from extractor.store.wim.reader import WimFile
from extractor.store.wim.verify import verify as verify_wim
from extractor.store.wim.writer import EMPTY
from extractor.store.writer import DOCUMENTS

SUMS_LIMIT = 1 << 20
"""Bytes of SHA256SUMS that are read: far more than there are documents."""
_OWN = frozenset((CATALOG_DIRECTORY, name) for name in (CATALOG, MANIFEST, SUMS))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found; names are relative to ``STORE/USMT`` and printable."""

    objects: int
    files: int
    """Files hashed, named streams included."""
    bytes: int
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with catalog and manifest themselves."""

    @property
    def intact(self) -> bool:
        """True when nothing differs."""
        return not (self.changed or self.missing or self.extra or self.problems)

    def check(self, store: Path) -> None:
        """Raise CorruptStoreError (42) with the counts and the first name when something differs."""
        if self.intact:
            return
        counts = ", ".join(
            f"{len(found)} {word}"
            for word, found in (("changed", self.changed), ("missing", self.missing),
                                ("extra", self.extra), ("problems of the catalog", self.problems))
            if found
        )  # fmt: skip
        first = (*self.problems, *self.changed, *self.missing, *self.extra)[0]
        raise CorruptStoreError(
            f"{store}: the store is not as it was written: {counts}; first: {first}"
        )


@dataclass(slots=True)
class _Findings:
    """A verification under way; ``expected`` are the names that the manifest accounts for."""

    objects: int = 0
    files: int = 0
    bytes: int = 0
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    blobs: frozenset[str] | None = None
    """SHA-256 of what a WIM holds as it was written; None where there is none."""
    sums: list[str] = field(default_factory=list)
    """Lines of SHA256SUMS beyond those of catalog and manifest: of documents, or forged."""

    def result(self) -> Verification:
        """Return it as a value."""
        lists = (self.changed, self.missing, self.extra, self.problems)
        return Verification(
            self.objects, self.files, self.bytes, *(tuple(map(printable, each)) for each in lists)
        )


def verify_store(
    store: Path,
    observer: Observer,
    *,
    passphrase: Passphrase | None = None,
    identities: Sequence[object] = (),
) -> Verification:
    """Hash every stored file and stream of ``store`` again; the observer hears BytesCopied with an empty scope.

    The keys are for an encrypted store. Raises NoSuchStoreError (27) for what is no finished store, WrongKeyError (37);
    what differs is in the Verification, whose ``check`` raises CorruptStoreError (42).
    """
    if is_sealed(store / FINAL):
        with open_sealed(store / FINAL, passphrase=passphrase, identities=identities) as opener:
            return _verify_sealed(opener, observer)
    directory = catalog_directory(store)
    found = _Findings()
    with reading(directory), open_tree(directory.parent) as tree:
        _verify_sums(tree, found)
        try:
            if tree.exists((WIM,)):
                _verify_wim_file(directory.parent / WIM, found, observer)
            _verify_objects(read_manifest(store), tree, found, observer)
            _verify_catalog(directory, found)
            found.extra.extend(sorted(_extra(tree, found.expected)))
        except CorruptStoreError as error:  # of the manifest: what else is there, nobody can say
            found.problems.append(str(error))
    return found.result()


def _verify_sums(tree: Tree, found: _Findings) -> None:
    """Compare catalog and manifest with SHA256SUMS, which exists only when both were complete."""
    sums = _read_sums(tree, found)
    for name in (CATALOG, MANIFEST):
        actual = _hash(tree, (CATALOG_DIRECTORY, name))
        if actual is None:
            found.missing.append(f"{CATALOG_DIRECTORY}/{name}")
        elif sums is not None and f"{actual[0]}  {name}" not in sums:
            found.changed.append(f"{CATALOG_DIRECTORY}/{name}")
    found.sums = [each for each in (sums or [])[:-1] if each[66:] not in {CATALOG, MANIFEST}]


def _read_sums(tree: Tree, found: _Findings) -> list[str] | None:
    try:
        with os.fdopen(tree.open((CATALOG_DIRECTORY, SUMS)), "rb") as file:
            lines = file.read(SUMS_LIMIT).decode("utf-8", "replace").split("\n")
    except OSError:
        found.missing.append(f"{CATALOG_DIRECTORY}/{SUMS}")
        return None
    if len(lines) < 3 or lines[-1]:
        found.changed.append(f"{CATALOG_DIRECTORY}/{SUMS}")
    return lines


def _verify_documents(tree: Tree, documents: object, found: _Findings) -> None:
    """Compare the further files of ``open-catalog`` with what the manifest's header says of them."""
    expected = documents if isinstance(documents, dict) else {}
    for name, digest in expected.items():
        stored_as = f"{CATALOG_DIRECTORY}/{name}"
        found.expected.add(stored_as)
        actual = _hash(tree, tuple(stored_as.split("/")))
        if actual is None:
            found.missing.append(stored_as)
        elif actual[0] != digest:
            found.changed.append(stored_as)
    sums = sorted(f"{digest}  {name}" for name, digest in expected.items())
    named = f"{CATALOG_DIRECTORY}/{SUMS}"
    if sorted(found.sums) != sums and named not in (*found.changed, *found.missing):
        found.changed.append(named)


def _verify_sealed(opener: Opener, observer: Observer) -> Verification:
    """Open everything, which proves each part, and hold the WIM against the manifest."""
    found = _Findings()
    try:
        opener.check(lambda count: observer(BytesCopied("", count)))
        _verify_wim(WimFile(opener.open(WIM)), found, observer)
        lines = io.BytesIO(opener.read(MANIFEST))
        for value in parse_manifest(lines, Path(MANIFEST)):
            if value.get("kind") not in {None, "trailer"}:
                found.objects += 1
                _verify_blobs(value, found.blobs or frozenset(), found)
        with closing(catalog_in(opener.read(CATALOG), Path(CATALOG))) as catalog:
            _compare(catalog, lines, found)
    except CorruptStoreError as error:
        found.problems.append(str(error))
    return found.result()


def _verify_wim_file(path: Path, found: _Findings, observer: Observer) -> None:
    found.expected.add(WIM)
    try:
        with WimFile.open(path) as wim:
            _verify_wim(wim, found, observer)
    except CorruptStoreError as error:
        found.blobs = frozenset()
        found.problems.append(f"{WIM}: {error}")


def _verify_wim(wim: WimFile, found: _Findings, observer: Observer) -> None:
    """Check every byte of a WIM; the objects whose content is not whole are named when they are come to."""
    known: set[str] = {EMPTY.sha256}
    checked = verify_wim(wim, lambda count: observer(BytesCopied("", count)), known.add)
    found.problems += [f"{WIM}: {each.message}" for each in checked.damage]
    found.files += checked.blobs
    found.bytes += sum(entry.resource.size for entry in wim.blobs)
    found.blobs = frozenset(known)


def _verify_objects(
    manifest: Iterable[dict[str, Any]], tree: Tree, found: _Findings, observer: Observer
) -> None:
    for value in manifest:
        kind, stored_as = value.get("kind"), value.get("stored_as")
        if kind is None:
            _verify_documents(tree, value.get(DOCUMENTS, {}), found)
        if kind in {None, "trailer"}:
            continue
        found.objects += 1
        if found.blobs is not None:
            _verify_blobs(value, found.blobs, found)
            continue
        _verify_streams(tree, value, found, observer)
        if not isinstance(stored_as, str) or not stored_as:
            continue
        if kind == "directory":
            _verify_directory(tree, stored_as, found)
        elif stored_as not in found.expected:
            _verify_file(tree, stored_as, str(value.get("sha256")), found, observer)


def _verify_blobs(value: dict[str, Any], blobs: frozenset[str], found: _Findings) -> None:
    """Name an object of which the WIM does not hold every stream as it was."""
    streams = value.get("streams")
    wanted = (
        [each.get("sha256") for each in streams if isinstance(each, dict)]
        if isinstance(streams, list)
        else []
    )
    if str(value.get("stored_as", "")).startswith(BLOB):
        wanted.append(value.get("sha256"))
    if any(digest and digest not in blobs for digest in wanted):
        found.changed.append(str(value.get("path")))


def _verify_directory(tree: Tree, stored_as: str, found: _Findings) -> None:
    try:
        tree.directory(tuple(stored_as.split("/")))
    except OSError:
        found.missing.append(stored_as)


def _verify_file(
    tree: Tree, stored_as: str, sha256: str, found: _Findings, observer: Observer
) -> None:
    found.expected.add(stored_as)
    actual = _hash(tree, tuple(stored_as.split("/")), sha256, observer)
    if actual is None:
        found.missing.append(stored_as)
        return
    found.files += 1
    found.bytes += actual[1]
    if actual[0] != sha256:
        found.changed.append(stored_as)


def _verify_streams(
    tree: Tree, value: dict[str, Any], found: _Findings, observer: Observer
) -> None:
    """Hash an object's named streams, each once however many objects share it."""
    streams = value.get("streams")
    for stream in streams if isinstance(streams, list) else ():
        digest = str(stream.get("sha256", "")) if isinstance(stream, dict) else ""
        stored_as = "/".join((*STREAMS, digest[:2], digest))
        if digest and stored_as not in found.expected:
            _verify_file(tree, stored_as, digest, found, observer)


def _verify_catalog(directory: Path, found: _Findings) -> None:
    """Prove that the catalog tells what the manifest tells; one whose own hash is wrong is not asked."""
    if f"{CATALOG_DIRECTORY}/{CATALOG}" in (*found.changed, *found.missing):
        return
    try:
        catalog = open_catalog(directory / CATALOG)
    except StoreError as error:
        found.problems.append(str(error))
        return
    try:
        with (directory / MANIFEST).open("rb") as manifest:
            _compare(catalog, manifest, found)
    except (StoreError, TypeError, ValueError) as error:  # a forged row may hold anything
        found.problems.append(f"the catalog cannot be read: {error}")
    finally:
        catalog.close()


def _compare(catalog: Catalog, manifest: IO[bytes], found: _Findings) -> None:
    header, trailer = catalog.book()
    count, digest = write_objects(catalog, lambda _: None)
    for path in catalog.changed_values():
        found.problems.append(f"the catalog holds other data of {path} than was stored")
    first, last = _ends(manifest)
    if (first, last) != (header, trailer):
        found.problems.append("the first or last line of the manifest is not the catalog's")
    if count != found.objects:
        found.problems.append(
            f"the manifest tells of {found.objects} objects, the catalog of {count}"
        )
    elif f'"objects_sha256":"{digest}"' not in trailer:
        found.problems.append("the catalog tells of the objects otherwise than the manifest")


def _ends(manifest: IO[bytes]) -> tuple[str, str]:
    manifest.seek(0)
    first = manifest.readline()
    last = deque(manifest, maxlen=1)
    return first.decode(errors="replace"), (last[0] if last else first).decode(errors="replace")


def _extra(tree: Tree, expected: set[str]) -> Iterator[str]:
    for parts in tree.files():
        name = "/".join(parts)
        if name not in expected and parts not in _OWN:
            yield name


def _hash(
    tree: Tree, parts: Parts, expected: str = "", observer: Observer | None = None
) -> tuple[str, int] | None:
    """Return hash, made as ``expected`` was, and size; None when there is no such regular file."""
    try:
        source = tree.open(parts)
    except (OSError, ValueError):  # ValueError: a NUL, in a manifest that is not ours any more
        return None
    digest, size = "", 0
    try:
        for done, digest in digest_of(source, expected):  # noqa: B007  the last one counts
            if observer:
                observer(BytesCopied("", done - size))
            size = done
    finally:
        os.close(source)
    return digest, size
