"""OpenStore, format, target -> an export, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import MappingProxyType
from typing import BinaryIO

from extractor.errors import UsageError
from extractor.events import Observer, TotalsKnown
from extractor.store.export.archives import Archive, fill
from extractor.store.export.bag import BagArchive, bag_info
from extractor.store.export.bodyfile import write_bodyfile
from extractor.store.export.dfxml import write_dfxml
from extractor.store.export.members import STORED
from extractor.store.export.outcome import Exported, Tally
from extractor.store.export.tables import write_csv, write_jsonl
from extractor.store.export.tar_archive import IN_MEMORY, TarArchive
from extractor.store.export.target import new_file, new_folder, refuse
from extractor.store.export.zip_archive import ZipArchive
from extractor.store.opened import OpenStore

Listing = Callable[[OpenStore, BinaryIO, Tally, Observer], None]
LISTINGS: dict[str, Listing] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "dfxml": write_dfxml,
    "bodyfile": write_bodyfile,
}
FORMATS = ("tar", "zip", "bagit", *LISTINGS)
STREAMED = ("tar", *LISTINGS)
"""Formats that can be written into a pipe."""
NOTHING: Mapping[str, str] = MappingProxyType({})


def export_store(
    store: OpenStore,
    form: str,
    target: Path,
    observer: Observer,
    *,
    info: Mapping[str, str] = NOTHING,
) -> Exported:
    """Write ``store`` as ``form`` to the new file (``bagit``: folder) ``target``; ``info`` goes into bag-info.txt.

    The observer hears TotalsKnown, BytesCopied and ItemDone. Contents that are not what the catalog says are missing
    and named; ``Exported.check`` raises CorruptStoreError (42) for them. Raises StoreLocationError (27), StoreError
    (72) when writing fails, CorruptStoreError for a catalog that makes no sense.
    """
    if form not in FORMATS:
        raise UsageError(f"{form!r} is no format of an export; there are {', '.join(FORMATS)}")
    refuse(target, store.path)
    if form == "bagit":
        with new_folder(target) as tree:
            return _fill(store, BagArchive(tree, bag_info(store.header, info)), observer)
    with new_file(target) as sink:
        if form == "zip":
            return _fill(store, ZipArchive(sink), observer)
        return stream_store(store, form, sink, observer)


def stream_store(store: OpenStore, form: str, sink: BinaryIO, observer: Observer) -> Exported:
    """Write ``store`` as one of the STREAMED formats to an open file, which may be a pipe; OSError is the caller's."""
    if form == "tar":
        return _fill(store, TarArchive(sink), observer)
    tally = Tally()
    LISTINGS[form](store, sink, tally, observer)
    return tally.result()


def _fill(store: OpenStore, archive: Archive, observer: Observer) -> Exported:
    observer(_totals(store))
    with closing(archive), SpooledTemporaryFile(IN_MEMORY) as notes:
        tally = Tally(notes=notes)
        fill(store, archive, tally, observer)
    return tally.result()


def _totals(store: OpenStore) -> TotalsKnown:
    """Count what will be copied; hard links count as copies."""
    query = (
        f"SELECT count(DISTINCT objects.id), total(streams.size) FROM objects"  # noqa: S608 (our own words)
        f" LEFT JOIN streams ON object = objects.id AND streams.sha256 != '' WHERE {STORED}"
    )
    with store.catalog.translated():
        objects, size = store.catalog.connection.execute(query).fetchone()
    return TotalsKnown(int(objects), max(int(size), 0))
