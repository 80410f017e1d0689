"""From a FakeFilesystem to a finished store, with nothing of selection in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from extractor.errors import SourceError
from extractor.gather.files import FileGatherer
from extractor.model import Entry, ObjectKind, Record, Selected, WinPath
from extractor.report.ledger import Ledger
from extractor.seams import Captured, Filesystem
from extractor.store.directory import DirectoryStore
from extractor.store.records import not_stored
from extractor.store.writer import Writer

BOB = "S-1-5-21-1-2-3-1001"


def selections(filesystem: Filesystem, scope: str = BOB) -> list[Selected]:
    """Return everything on a volume as chosen, depth first; its letter is C."""
    return list(_below(filesystem, filesystem.root, WinPath("C:"), scope))


def _below(fs: Filesystem, directory: Entry, at: WinPath, scope: str) -> Iterator[Selected]:
    for entry in fs.children(directory):
        kind = ObjectKind.DIRECTORY if entry.directory else ObjectKind.FILE
        kind = ObjectKind.LINK if entry.reparse_tag else kind
        path = at / entry.name
        yield Selected(
            kind,
            path,
            fs.info.id,
            entry,
            fs.metadata(entry),
            scope,
            chosen=True,
            rule="rules.xml:7",
        )
        if entry.directory:
            yield from _below(fs, entry, path, scope)


def add(store: Writer, item: Captured, progress: Callable[[int], None] = lambda _: None) -> Record:
    """Store one object and return its row, or raise why it is not in the store."""
    [(_, outcome)] = store.add_all([item], lambda _, count: progress(count))
    if isinstance(outcome, SourceError):
        raise outcome
    return outcome


def store_all(
    store: Writer, filesystem: Filesystem, chosen: Iterable[Selected]
) -> tuple[list[Record], Ledger]:
    """Gather and store what is chosen, note what cannot be, balance the ledger and finish."""
    records, ledger = [], Ledger()
    for item in FileGatherer().gather(chosen, {filesystem.info.id: filesystem}):
        ledger.seen(item.selected.scope, 1, item.selected.metadata.size)
        try:
            record = add(store, item)
        except SourceError as error:
            record = not_stored(item.selected, str(error))
            store.note(record)
        ledger.ended(record)
        records.append(record)
    ledger.check()
    store.finish({"tool": "test"}, ledger.totals())
    return records, ledger


def make_store(place: Path, filesystem: Filesystem) -> list[Record]:
    """Store all of a volume under ``place``."""
    with DirectoryStore(place) as store:
        return store_all(store, filesystem, selections(filesystem))[0]
