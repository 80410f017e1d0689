"""A store whose catalog, manifest or sums are missing or damaged -> the same store, whole as far as it can be.

What is whole stays. What is not comes, in this order, from image 2 of ``store.wim``, which holds the very same files;
the manifest from the catalog, byte for byte; the catalog from the manifest, or from image 1 and the registry's files.
A catalog made so is marked ``repaired``. A WIM of which image 2 or its own structures are damaged is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.events import Observer
from extractor.store.catalog import Catalog, open_catalog
from extractor.store.failures import reading, writing
from extractor.store.manifest import MANIFEST
from extractor.store.place import CATALOG, CATALOG_DIRECTORY, FINAL, WIM
from extractor.store.repair.archive import Archive
from extractor.store.repair.documents import document_sums, documents, write_sums
from extractor.store.repair.job import Job
from extractor.store.repair.manifest import others_of
from extractor.store.repair.rebuild import (
    MOST_NAMED,
    close,
    from_image,
    from_manifest,
    rewrite_manifest,
)
from extractor.store.repair.registry import registry_rows
from extractor.store.repair.result import Repair
from extractor.store.repair.sealed import repair_sealed
from extractor.store.repair.shelf import open_shelf
from extractor.store.repair.state import believe_one, judge
from extractor.store.repair.wim import blobs_of, examine, owners_of, rewrite, wanted_of
from extractor.store.sealed.keys import Passphrase
from extractor.store.sealed.opener import is_sealed
from extractor.store.wim.reader import WimFile


def repair_store(
    store: Path,
    observer: Observer,
    *,
    passphrase: Passphrase | None = None,
    identities: Sequence[object] = (),
) -> Repair:
    """Repair the papers of a store, and what of its WIM is no content; what was replaced is kept beside the store.

    The keys are for an encrypted store. Raises NoSuchStoreError (27), WrongKeyError (37), CorruptStoreError (42) when
    nothing is left to make a catalog from, StoreError (72) when nothing can be written.
    """
    if is_sealed(store / FINAL):
        return repair_sealed(store, passphrase=passphrase, identities=identities)
    final = store / FINAL
    if not (final / CATALOG_DIRECTORY).is_dir() and not (final / WIM).is_file():
        raise NoSuchStoreError(f"{store} holds no store of this program")
    result = Repair()
    with reading(final), open_shelf(store) as shelf, _archive(final, result) as archive:
        _run(Job(shelf, archive, observer, result))
    return result


def _run(job: Job) -> None:
    """Repair, and put in place what was made."""
    judge(job)
    for name in (CATALOG, MANIFEST):
        if name not in job.digests:
            job.from_image_2(name)
    believe_one(job)
    is_new = CATALOG not in job.digests
    if is_new:
        _make_catalog(job)
    elif MANIFEST not in job.digests:
        _make_manifest(job)
    papers = documents(job, is_new=is_new)
    write_sums(job, papers)
    _write_wim(job, papers, is_new=is_new)
    job.shelf.settle()


@contextmanager
def _archive(final: Path, result: Repair) -> Iterator[Archive | None]:
    """Open the WIM; None where there is none, or none that can be opened."""
    if not (final / WIM).exists():
        yield None
        return
    try:
        wim = WimFile.open(final / WIM)
    except CorruptStoreError as error:
        result.lost.append(f"{WIM}, which cannot be opened: {error}")
        yield None
        return
    with wim:
        yield Archive(wim)


def _make_catalog(job: Job) -> None:
    archive, registry = job.archive, registry_rows([*job.registry()], job.shelf.read)
    catalog = job.shelf.new_catalog(CATALOG)
    try:
        if MANIFEST in job.digests:
            others = others_of(archive, registry)
            path = job.shelf.path(MANIFEST)
            with path.open("rb") as lines:
                made = from_manifest(catalog, lines, path, others)
        elif archive is not None and archive.is_image_whole():
            made = from_image(catalog, archive, registry)
        else:
            raise CorruptStoreError(
                f"{job.shelf.store}: nothing whole is left that a catalog could be made from: no catalog, no"
                " manifest, no image of a WIM"
            )
        catalog.settle()
        papers = document_sums(job, made)
        place = job.shelf.place(MANIFEST)
        with writing(place), place.open("xb") as file:
            close(catalog, made, papers, file.write)
    finally:
        catalog.close()
    job.note(CATALOG)
    job.note(MANIFEST)
    job.result.rows = made.objects
    job.result.lost += made.lost
    job.result.done.append(
        f"{CATALOG}, {MANIFEST}: made anew from {made.source}, {made.objects} objects"
    )


def _make_manifest(job: Job) -> None:
    place = job.shelf.place(MANIFEST)
    path = job.shelf.path(CATALOG)
    with closing(open_catalog(path)) as catalog, writing(place), place.open("xb") as file:
        same = rewrite_manifest(catalog, file.write)
    if not same:
        raise CorruptStoreError(
            f"{job.shelf.store}: the catalog tells otherwise than it was written"
        )
    job.note(MANIFEST)
    job.result.done.append(f"{MANIFEST}: as it was written, from {CATALOG}")


def _write_wim(job: Job, others: dict[str, str], *, is_new: bool) -> None:
    archive = job.archive
    with closing(open_catalog(job.shelf.path(CATALOG))) as catalog:
        if archive is None:
            if blobs_of(catalog) and not (job.shelf.store / FINAL / WIM).exists():
                job.result.lost.append(f"{WIM}, which is missing")
            return
        why, lost = examine(archive, wanted_of(archive, catalog), job.observer)
        for sha1 in lost[:MOST_NAMED]:
            job.result.lost.append(f"the content of {owners_of(catalog, sha1)}: it is damaged")
        if len(lost) > MOST_NAMED:
            job.result.lost.append(f"{len(lost) - MOST_NAMED} more contents, which are damaged")
        why = "it holds the old catalog" if is_new else why
        if why:
            named = ((name, job.shelf.path(name)) for name in (*others, CATALOG, MANIFEST))
            _rewrite(job, archive, catalog, [each for each in named if each[1].is_file()], why)


def _rewrite(
    job: Job, archive: Archive, catalog: Catalog, papers: list[tuple[str, Path]], why: str
) -> None:
    target = job.shelf.place(WIM, paper=False)
    try:
        rewrite(archive, catalog, target, papers, job.observer)
    except CorruptStoreError as error:
        job.shelf.drop(WIM, paper=False)
        job.result.lost.append(f"{WIM}, which cannot be written anew ({why}): {error}")
    else:
        job.result.done.append(f"{WIM}: written anew, for {why}")
