r"""An opened store and a folder of this host -> the files, written out as ``C$/Users/…`` under safe names.

Every byte is hashed while it is written: what is not what was stored is removed again and named, and the others go on.
Named streams lie beside their file as ``name:stream`` (the colon escaped), EFS files in raw form as ``name.efsraw``;
links are told, never made. Each object that is asked for is written, told as a link, or failed with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extractor.errors import StoreLocationError, UsageError
from extractor.events import Event, Observer, TotalsKnown
from extractor.store.extract.result import Extraction, Failure, Link, Raw
from extractor.store.extract.write import Writer
from extractor.store.listing import FILES, listing, matches, objects_of, takes
from extractor.store.opened import OpenStore
from extractor.store.place import FINAL
from extractor.store.tree import Tree, open_tree

__all__ = ["Extraction", "Failure", "Link", "Raw", "extract_store"]


def _silence(_: Event) -> None:
    """Tell nobody."""


def extract_store(
    store: OpenStore,
    destination: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    observer: Observer = _silence,
    *,
    overwrite: bool = False,
    streams: bool = True,
) -> Extraction:
    """Write the stored files that the patterns take (``listing.takes``) below ``destination``, made when missing.

    ``overwrite``: files that are there are replaced, by whole ones only; else they are failures. ``streams``: named
    streams too. The observer hears TotalsKnown, BytesCopied, ItemDone, ObjectFailed. Raises UsageError for a bad
    pattern, StoreLocationError (27) when the destination cannot be used, StoreError (72) when it is full,
    CorruptStoreError (42) when the catalog itself cannot be read; a corrupt file is a Failure.
    """
    result = Extraction()
    ids = _asked(store, include, exclude, result, observer)
    with _destination(store, destination) as tree:
        writer = Writer(store, tree, destination, observer, overwrite, streams, result)
        for found in objects_of(store, ids):
            writer.take(found)
        writer.date_folders()
    result.check()
    return result


def _asked(
    store: OpenStore,
    include: Sequence[str],
    exclude: Sequence[str],
    result: Extraction,
    observer: Observer,
) -> list[int]:
    """Count what is asked for and tell the totals; return the numbers of the objects."""
    ids, size = [], 0
    unmatched = dict.fromkeys(include)
    for each in listing(store, streams=True):
        if not takes(include, exclude, each.path):
            continue
        for pattern in [one for one in unmatched if matches([one], each.path)]:
            del unmatched[pattern]
        if each.kind in FILES:
            ids.append(each.id)
            size += each.size + sum(stream.size for stream in each.streams)
        else:
            result.others += 1
    result.asked, result.unmatched = len(ids), tuple(unmatched)
    observer(TotalsKnown(len(ids), size))
    return ids


def _destination(store: OpenStore, destination: Path) -> Tree:
    real, own = destination.resolve(), (store.path / FINAL).resolve()
    if real.is_relative_to(own):
        raise UsageError(f"{destination} lies in the store itself")
    try:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what is private
        return open_tree(destination)
    except OSError as error:
        raise StoreLocationError(f"{destination} cannot be used: {error.strerror}") from error
