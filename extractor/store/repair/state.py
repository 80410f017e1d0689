"""Which papers of a store are as they were written: by its sums, by image 2, or because they confirm each other."""

from __future__ import annotations

import json
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError, StoreError
from extractor.store.catalog import Catalog, open_catalog
from extractor.store.manifest import MANIFEST, parse_manifest, write_objects
from extractor.store.papers import SUMS
from extractor.store.place import CATALOG
from extractor.store.repair.job import Job
from extractor.store.repair.shelf import Shelf

UNPROVEN = (
    f"{CATALOG} has another SHA-256 than {SUMS} says; it was kept, for its rows are those that the manifest, or its own"
    " last line, tells of, but what only it knows is not proven"
)


def judge(job: Job) -> None:
    """Find the papers that are as they were written: by the store's sums, by image 2, or by each other."""
    noted = job.shelf.sums()
    for name in (CATALOG, MANIFEST):
        found = job.hashes(name)
        if found is None:
            continue
        if noted.get(name) == found[1] or job.in_wim(name) == found[0]:
            job.digests[name] = found[1]
        else:
            job.doubtful[name] = found[1]
    both = {*job.doubtful, *job.digests} == {CATALOG, MANIFEST}
    if job.doubtful and both and agree(job.shelf):
        _believe(job, *job.doubtful)


def _believe(job: Job, *names: str) -> None:
    """Take papers for whole whose content proves itself; the original, where it is to be had, is better."""
    for name in names:
        if job.in_wim(name) is None:
            job.digests[name] = job.doubtful.pop(name)
            if name == CATALOG and CATALOG in job.shelf.sums():
                job.result.lost.append(UNPROVEN)


def believe_one(job: Job) -> None:
    """Where only one paper is left and no hash speaks for it, ask it alone."""
    if job.digests.keys() & {CATALOG, MANIFEST}:
        return
    if CATALOG in job.doubtful and is_sound(job.shelf.path(CATALOG)):
        job.digests[CATALOG] = job.doubtful[CATALOG]
        job.result.lost.append(UNPROVEN)
    elif MANIFEST in job.doubtful and is_complete(job.shelf.path(MANIFEST)):
        job.digests[MANIFEST] = job.doubtful[MANIFEST]


def agree(shelf: Shelf) -> bool:
    """Tell whether both are there and tell the same of every object."""
    path = shelf.path(MANIFEST)
    try:
        with closing(open_catalog(shelf.path(CATALOG))) as catalog:
            header, trailer = catalog.book()
            content = path.read_bytes()
            if not content.startswith(header.encode()) or not content.endswith(trailer.encode()):
                return False
            return is_complete(path) and _tells(catalog, trailer)
    except (StoreError, OSError, TypeError, ValueError):  # a damaged row may hold anything
        return False


def is_complete(manifest: Path) -> bool:
    """Tell whether the objects of a manifest are those that its last line speaks of."""
    try:
        with manifest.open("rb") as lines:
            deque(parse_manifest(lines, manifest), maxlen=0)
    except (CorruptStoreError, OSError):
        return False
    return True


def is_sound(path: Path) -> bool:
    """Tell whether a catalog holds the rows that its own last line speaks of."""
    try:
        with closing(open_catalog(path)) as catalog:
            return _tells(catalog, catalog.book()[1])
    except (StoreError, TypeError, ValueError):  # a damaged row may hold anything
        return False


def _tells(catalog: Catalog, trailer: str) -> bool:
    with catalog.translated():
        if catalog.connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            return False
    _, digest = write_objects(catalog, lambda _: None)
    return f'"objects_sha256":"{digest}"' in trailer and not any(catalog.changed_values())


def header_of(manifest: Path) -> dict[str, Any]:
    """Return the first line of a manifest; raise CorruptStoreError (42)."""
    with manifest.open("rb") as file:
        return first_line(file.readline(), manifest)


def first_line(line: bytes, place: Path) -> dict[str, Any]:
    """Return a line as JSON; raise CorruptStoreError (42) for what is no object."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise CorruptStoreError(f"{place}: the first line of the manifest is no JSON") from error
    return found if isinstance(found, dict) else {}
