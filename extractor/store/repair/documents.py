"""The papers beside catalog and manifest: files of the registry, documents, and the sums of all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from extractor.store.catalog import open_catalog
from extractor.store.failures import writing
from extractor.store.manifest import MANIFEST
from extractor.store.papers import SUMS
from extractor.store.place import CATALOG
from extractor.store.registry_export import REGISTRY, export_registry
from extractor.store.repair.job import Job
from extractor.store.repair.rebuild import Rebuilt, documents_of
from extractor.store.repair.shelf import sums_text
from extractor.store.repair.state import header_of


def document_sums(job: Job, made: Rebuilt) -> dict[str, str]:
    """Return the papers that the header of a new manifest tells of: those that are there."""
    wanted = documents_of(made.header)
    noted = {**job.shelf.sums(), **wanted}
    known = job.archive.papers if job.archive else {}
    ours = {CATALOG, MANIFEST, SUMS}
    for name in sorted({*wanted, *known, *noted} - ours):
        if name not in job.digests and not job.restore(name, noted.get(name, "")):
            made.lost.append(f"{name}, which is lost")
            job.shelf.leave_out(name)
    return {name: job.digests[name] for name in sorted(job.digests) if name not in ours}


def documents(job: Job, *, is_new: bool) -> dict[str, str]:
    """Return the papers that the header tells of, with those put in place that could be had."""
    wanted = documents_of(header_of(job.shelf.path(MANIFEST)))
    if not is_new:
        missing = [name for name, digest in wanted.items() if not job.restore(name, digest)]
        _export(job, missing, wanted)
    return wanted


def _export(job: Job, missing: list[str], wanted: dict[str, str]) -> None:
    """Make files of the registry from the catalog, of which the same rows make the same bytes."""
    if any(name.startswith(f"{REGISTRY}/") for name in missing):
        with closing(open_catalog(job.shelf.path(CATALOG))) as catalog:
            export_registry(catalog, job.shelf.scratch)
    for name in missing:
        if job.shelf.take(name.removeprefix(f"{REGISTRY}/"), name, wanted[name]):
            job.digests[name] = wanted[name]
            job.result.done.append(f"{name}: as it was written, from {CATALOG}")
        else:
            job.result.lost.append(f"{name}, which is lost")


def write_sums(job: Job, documents: Mapping[str, str]) -> None:
    """Write the hashes of all papers, where those that are there are others."""
    wanted = {name: job.digests[name] for name in (CATALOG, MANIFEST)} | {**documents}
    content = sums_text(wanted)
    if job.shelf.read(SUMS) != content:
        place = job.shelf.place(SUMS)
        with writing(place):
            place.write_bytes(content)
        job.result.done.append(f"{SUMS}: written anew")
