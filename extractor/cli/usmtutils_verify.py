r"""What a verification found, as UsmtUtils reports it: ``name<TAB>OK`` or ``name<TAB>CORRUPTED``, last ``CATALOG``.

A line is a file of the offline machine that is in the store (its named streams with it), by its path. What is wrong and
is no file has a line of its own: a file that does not belong to the store, ``store.wim`` as such. The layout of the
summary is ours: Microsoft has not published theirs. Source: usmt.md 6.8.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extractor.cli.store_opening import Keys
from extractor.cli.usmtutils_commands import Report
from extractor.errors import CorruptStoreError
from extractor.events import Observer
from extractor.model import ObjectKind, OutcomeKind, printable
from extractor.store.catalog import catalog_in
from extractor.store.columns import StoredObject
from extractor.store.digest import BLOCK, HOLES, new_digest
from extractor.store.directory import STREAMS
from extractor.store.manifest import MANIFEST, parse_manifest, read_manifest
from extractor.store.opened import OpenStore, open_store
from extractor.store.place import CATALOG, CATALOG_DIRECTORY, FINAL, WIM
from extractor.store.sealed.opener import is_sealed, open_sealed
from extractor.store.verify import Verification, verify_store

OK, CORRUPTED = "OK", "CORRUPTED"
LAST = "CATALOG"
Tell = Callable[[str, str], None]
"""Prints a name and its state."""


def print_state(name: str, state: str) -> None:
    """Print a line to stdout."""
    print(f"{printable(name)}\t{state}")


@dataclass(slots=True)
class _Counts:
    """Lines of files, by their state."""

    intact: int = 0
    corrupted: int = 0


def report_store(
    store: Path, keys: Keys, report: Report, tell: Tell, observer: Observer
) -> Verification:
    """Verify a store and tell what the report asks for; raise as ``verify_store`` does.

    A store so damaged that it does not open has a corrupted catalog, and the error is raised.
    """
    try:
        found = verify_store(
            store, observer, passphrase=keys.passphrase, identities=keys.identities
        )
    except CorruptStoreError:
        tell(LAST, CORRUPTED)
        raise
    counts = _Counts()
    whole = _is_catalog_whole(store, keys, found)
    if report is not Report.CATALOG:
        for name, state in _lines(store, keys, found, is_catalog_whole=whole):
            counts.intact += state == OK
            counts.corrupted += state == CORRUPTED
            if report is Report.ALL or (report is Report.FAILURE_ONLY and state == CORRUPTED):
                tell(name, state)
    if report is Report.SUMMARY:
        tell("Files intact", str(counts.intact))
        tell("Files corrupted", str(counts.corrupted))
    if report is not Report.FAILURE_ONLY or not whole:
        tell(LAST, OK if whole else CORRUPTED)
    return found


def _lines(
    store: Path, keys: Keys, found: Verification, *, is_catalog_whole: bool
) -> Iterator[tuple[str, str]]:
    """Yield the files, and what else is wrong with the store but its catalog."""
    damaged = len(found.extra)
    for name, state in _files(store, keys, found):
        damaged += state == CORRUPTED
        yield name, state
    for name in found.extra:
        yield name, CORRUPTED
    if not damaged and is_catalog_whole and not found.intact:
        yield WIM, CORRUPTED


def _files(store: Path, keys: Keys, found: Verification) -> Iterator[tuple[str, str]]:
    if is_sealed(store / FINAL):
        yield from _sealed_files(store, keys, intact=found.intact)
        return
    wrong = {*found.changed, *found.missing}
    with suppress(CorruptStoreError):  # a manifest that ends early: the verification tells
        for row in read_manifest(store):
            if _is_file(row):
                bad = any(printable(each) in wrong for each in _places(row))
                yield str(row.get("path")), CORRUPTED if bad else OK


def _is_file(row: Mapping[str, Any]) -> bool:
    """Tell whether a line of the manifest is of an object that has bytes in the store."""
    if row.get("kind") == ObjectKind.FILE:
        return row.get("outcome") == OutcomeKind.STORED
    return any(each.get("sha256") for each in _streams(row))


def _streams(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = row.get("streams")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _places(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a verification calls an object: its path, or where its bytes lie."""
    yield str(row.get("path"))
    yield str(row.get("stored_as"))
    for each in _streams(row):
        digest = str(each.get("sha256"))
        yield "/".join((*STREAMS, digest[:2], digest))


def _sealed_files(store: Path, keys: Keys, *, intact: bool) -> Iterator[tuple[str, str]]:
    """Yield the files of an encrypted store; of a damaged one each is read again, for the verification ended there."""
    try:
        opened = open_store(store, passphrase=keys.passphrase, identities=keys.identities)
    except CorruptStoreError:  # of its catalog, or of the WIM: the last lines tell
        return
    with opened:
        for each in opened.objects("outcome = 'stored' AND kind IN ('file', 'directory', 'link')"):
            if each.content or any(stream.stored_as for stream in each.streams):
                whole = intact or _is_whole(opened, each)
                yield printable(str(each.record.path)), OK if whole else CORRUPTED


def _is_whole(store: OpenStore, found: StoredObject) -> bool:
    for stream in found.streams:
        if not stream.stored_as or not stream.sha256:
            continue
        digest = new_digest(holes=stream.sha256.startswith(HOLES))
        try:
            with store.open(stream.stored_as) as file:
                while block := file.read(BLOCK):
                    digest.update(block)
        except CorruptStoreError:
            return False
        if digest.hexdigest() != stream.sha256:
            return False
    return True


def _is_catalog_whole(store: Path, keys: Keys, found: Verification) -> bool:
    if found.intact:
        return True
    if is_sealed(store / FINAL):
        return _is_sealed_catalog_whole(store, keys)
    ours = f"{CATALOG_DIRECTORY}/"
    names = (each for each in (*found.changed, *found.missing) if each.startswith(ours))
    of_catalog = any(not each.startswith("/".join(STREAMS)) for each in names)
    return not of_catalog and all(each.startswith(f"{WIM}: ") for each in found.problems)


def _is_sealed_catalog_whole(store: Path, keys: Keys) -> bool:
    opener = open_sealed(store / FINAL, passphrase=keys.passphrase, identities=keys.identities)
    with opener:
        try:
            lines = opener.read(MANIFEST)
            deque(parse_manifest(io.BytesIO(lines), Path(MANIFEST)), maxlen=0)
            with closing(catalog_in(opener.read(CATALOG), Path(CATALOG))) as catalog:
                header, trailer = catalog.book()
        except CorruptStoreError:
            return False
    return lines.startswith(header.encode()) and lines.endswith(trailer.encode())
