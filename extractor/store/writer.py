"""Objects in, rows out, a store under its final name at the end: what every kind of store does alike.

How bytes get in and lie there differs (``Contents``); the catalog, the manifest, the registry once more, hashes of all
these, the journal by which a run that stopped goes on, and the place are the same.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO, Protocol, Self

from extractor.errors import DamagedError, SourceError, StoreError
from extractor.model import Instruction, ObjectKind, Record, Selected, StreamInfo
from extractor.seams import Captured
from extractor.store import records
from extractor.store.catalog import Catalog
from extractor.store.failures import writing
from extractor.store.journal import Journal, Kept, identity_of, open_journal
from extractor.store.manifest import MANIFEST, header_line, trailer_line, write_objects
from extractor.store.papers import Papers, sum_of
from extractor.store.place import CATALOG, INCOMPLETE, Place
from extractor.store.registry_export import REGISTRY, export_registry

DOCUMENTS = "documents"
"""Field of the manifest's header: name of each further file of ``open-catalog`` -> SHA-256."""
WINDOW = 1 << 14
"""Objects that may be on their way in at one time: a large file takes as long as thousands of small ones."""

log = logging.getLogger(__name__)

Progress = Callable[[Captured, int], None]
Identity = tuple[str, int, int]


@dataclass(slots=True, eq=False)
class Incoming:
    """An object on its way in; what is known of its streams is by their names."""

    item: Captured
    work: list[Work] = field(default_factory=list)
    """Its streams that are being copied."""
    digests: dict[str, str] = field(default_factory=dict)
    streams_as: dict[str, str] = field(default_factory=dict)
    stored_as: str = ""
    original: Incoming | None = None
    """The object that came before under another name of the same file."""
    failure: SourceError | None = None
    was_kept: bool = False
    """True when an earlier run stored it."""

    @property
    def is_done(self) -> bool:
        """Tell whether nothing of it is being copied any more."""
        return all(work.done for work in self.work)

    @property
    def kept(self) -> Kept:
        """What the journal remembers of it."""
        return Kept(self.stored_as, self.digests, self.streams_as)


class Work(Protocol):
    """A stream that is being copied."""

    @property
    def done(self) -> bool: ...


class Contents(Protocol):
    """How bytes get into a store of one kind. Its methods raise StoreError, and SourceError for an object."""

    def begin(
        self, incoming: Incoming, streams: Mapping[str, StreamInfo], progress: Progress, /
    ) -> None:
        """Begin to copy the streams of a file, directory or link."""
        ...

    def end(self, incoming: Incoming, /) -> None:
        """Wait for them and tell hashes and places; after a SourceError nothing of the object is left."""
        ...

    def link(self, incoming: Incoming, known: Incoming, /) -> bool:
        """Give a stored file its second name; False when it must be stored once more."""
        ...

    def restore(self, incoming: Incoming, kept: Kept, /) -> bool:
        """Take over what an earlier run stored; False when it is not there."""
        ...

    def sync(self) -> None:
        """Have all that was copied so far written out."""
        ...

    def blobs(self) -> Iterator[object]:
        """Yield what the journal must remember beside the objects, as JSON values; each once."""
        ...

    def settle(self, catalog: Catalog, journal: Journal | None, /) -> None:
        """Put everything into its final order: all objects are in, and the catalog can be read."""
        ...

    def seal(self, catalog: Catalog, names: Iterable[str], /) -> None:
        """Complete what is of this kind; ``names`` are the finished files of ``open-catalog``."""
        ...

    def complete(self) -> None:
        """Do what comes when all else of the store is written."""
        ...

    def close(self) -> None:
        """Let all go; what is not finished stays as it is."""
        ...


class Writer:
    """A store being written (seam: StoreWriter). A context manager: left without ``finish``, it leaves nothing.

    Made by the functions that know a kind of store. Raises StoreError (72) when writing fails.
    """

    def __init__(
        self,
        place: Place,
        papers: Papers,
        catalog: Catalog,
        contents: Contents,
        journal: Journal | None = None,
    ) -> None:
        self._place = place
        self._papers = papers
        self._catalog = catalog
        self._contents = contents
        self._journal = journal
        self._open = True
        self._at = place.store / INCOMPLETE
        self._linked: dict[Identity, Incoming] = {}

    def begin(self, identity: str, /) -> None:
        """Say what this run reads and asks: a run that goes on must say the same. Raises StoreLocationError (27)."""
        if self._journal:
            self._journal.begin(identity)

    def add_all(
        self, items: Iterable[Captured], progress: Progress, /
    ) -> Iterator[tuple[Captured, Record | SourceError]]:
        """Store objects and yield each with its row, or with why nothing of it is in the store; in the order given.

        Raises StoreError.
        """
        waiting: deque[Incoming] = deque()
        for item in items:
            waiting.append(self._begin(item, progress))
            while waiting and (waiting[0].is_done or len(waiting) > WINDOW):
                yield self._end(waiting.popleft(), progress)
        while waiting:
            yield self._end(waiting.popleft(), progress)

    def note(self, record: Record, /) -> None:
        """Keep the row of an object that is not in the store."""
        self._catalog.add(record, {})

    def _begin(self, item: Captured, progress: Progress) -> Incoming:
        incoming = Incoming(item)
        try:
            if item.refusal is not None:
                raise item.refusal
            if item.links:
                identity = file_of(item.selected)
                incoming.original = self._linked.get(identity)
                self._linked.setdefault(identity, incoming)
            if self._was_kept(incoming, progress):
                incoming.original = None
            elif incoming.original is None:
                self._begin_streams(incoming, progress)
        except SourceError as error:
            incoming.failure = error
        return incoming

    def _was_kept(self, incoming: Incoming, progress: Progress) -> bool:
        """Take over what an earlier run stored of an object, if it did."""
        selected = incoming.item.selected
        kept = self._journal.kept(incoming.item) if self._journal else None
        if kept is None or not self._contents.restore(incoming, kept):
            return False
        incoming.stored_as, incoming.was_kept = kept.stored_as, True
        incoming.digests, incoming.streams_as = dict(kept.digests), dict(kept.streams_as)
        progress(incoming.item, selected.metadata.size)
        return True

    def _begin_streams(self, incoming: Incoming, progress: Progress) -> None:
        item, selected = incoming.item, incoming.item.selected
        streams = {stream.name: stream for stream in item.streams}
        if len(streams) != len(item.streams):
            raise DamagedError("has two streams of the same name")
        if selected.kind is ObjectKind.VALUE and selected.value:  # the catalog keeps its data
            incoming.digests[""] = hashlib.sha256(selected.value.data).hexdigest()
            progress(item, len(selected.value.data))
            return
        self._contents.begin(incoming, streams, progress)

    def _end(self, incoming: Incoming, progress: Progress) -> tuple[Captured, Record | SourceError]:
        """Wait for an object's streams, and write its row."""
        item = incoming.item
        try:
            if incoming.original and not self._link(incoming, incoming.original, progress):
                self._begin_streams(incoming, progress)
            if incoming.failure:
                raise incoming.failure
            self._contents.end(incoming)
        except SourceError as error:
            incoming.failure = error
            return item, error
        self._remember(incoming)
        record = records.stored(item.selected, incoming.digests, incoming.stored_as, item.efs)
        self._catalog.add(record, incoming.streams_as)
        return item, record

    def _link(self, incoming: Incoming, known: Incoming, progress: Progress) -> bool:
        if known.failure or not known.stored_as or not self._contents.link(incoming, known):
            return False
        incoming.digests, incoming.streams_as = known.digests, known.streams_as
        progress(incoming.item, incoming.item.selected.metadata.size)
        return True

    def _remember(self, incoming: Incoming) -> None:
        if self._journal and incoming.kept.places and not incoming.was_kept:
            self._journal.add(identity_of(incoming.item), incoming.kept)
            if self._journal.is_due:
                self._checkpoint()

    def _checkpoint(self) -> None:
        if self._journal:
            self._journal.checkpoint(self._contents.sync, self._contents.blobs())

    def finish(
        self,
        header: Mapping[str, object],
        totals: Mapping[str, object],
        instructions: Iterable[Instruction] = (),
        documents: Mapping[str, bytes] = MappingProxyType({}),
        /,
    ) -> None:
        """Complete the store under its final name; ``documents`` are files for ``open-catalog``: name -> content."""
        self._checkpoint()
        self._catalog.settle()
        self._catalog.instruct(instructions)
        sums = {**self._write_documents(documents), **self._export_registry()}
        header = {**header, **({DOCUMENTS: sums} if sums else {})}
        self._contents.settle(self._catalog, self._journal)
        first = header_line(header)
        last = self._write_manifest(first, totals)
        self._catalog.close_book(first, last)
        self._contents.seal(self._catalog, sums)
        self._write_sums((CATALOG, MANIFEST, *sums))
        self._catalog.close()
        self._contents.close()
        if self._journal:
            self._journal.close()
        self._place.complete()
        self._open = False

    def _write_manifest(self, first: str, totals: Mapping[str, object]) -> str:
        with writing(self._at), self._papers.create(MANIFEST) as file:
            file.write(first.encode())
            last = trailer_line(*write_objects(self._catalog, file.write), totals)
            file.write(last.encode())
        return last

    def _write_documents(self, documents: Mapping[str, bytes]) -> dict[str, str]:
        """Write them and return the hash of each: the manifest's header has these, so it proves them."""
        with writing(self._at):
            for name, content in documents.items():
                with self._papers.create(name) as file:
                    file.write(content)
        return {name: hashlib.sha256(documents[name]).hexdigest() for name in sorted(documents)}

    def _export_registry(self) -> dict[str, str]:
        """Write the registry's rows as ``.reg`` and hives, and return the hash of each file."""

        def create(name: str) -> BinaryIO:
            return self._papers.create(f"{REGISTRY}/{name}")

        with writing(self._at):
            names = [f"{REGISTRY}/{name}" for name in export_registry(self._catalog, create)]
            return {name: sum_of(self._papers, name) for name in names}

    def _write_sums(self, names: Iterable[str]) -> None:
        with writing(self._at):
            lines = [f"{sum_of(self._papers, name)}  {name}\n" for name in names]
            self._papers.finish("".join(lines))
            self._contents.complete()

    def leave(self) -> None:
        """Leave what is there, incomplete, for a run that goes on; without a journal there is nothing to go on with."""
        if not self._open or not self._journal or self._journal.is_empty:
            self.discard()
            return
        self._open = False
        try:
            self._checkpoint()
        except StoreError as error:  # the disk that is full, or gone: what was safe before still is
            log.warning("%s", error)
        self._contents.close()
        self._catalog.close()
        self._journal.close()
        self._place.close()

    def discard(self) -> None:
        """Remove what was written; the final name never existed."""
        if self._open:
            self._open = False
            self._contents.close()
            self._catalog.close()
            if self._journal:
                self._journal.close()
            self._place.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.discard()


@contextmanager
def prepared(
    place: Place, *, keep: str = "", journaled: bool = True
) -> Iterator[tuple[Journal | None, ExitStack]]:
    """Yield the journal of a place that is rid of what no journal tells of, and what is to be undone by a failure.

    ``keep`` is a file that no journal needs to tell of. After a failure nothing is left but what an earlier run left.
    """
    with ExitStack() as undo:
        undo.callback(place.close if place.resumed else place.discard)
        journal: Journal | None = None
        if journaled:
            journal = open_journal(place.journal, place.store / INCOMPLETE)
            undo.callback(journal.close)
            if place.resumed:
                _remove_untold(place, journal, keep)
        yield journal, undo
        undo.pop_all()


def _remove_untold(place: Place, journal: Journal, keep: str) -> None:
    """Remove every file that the journal does not tell of: half copied, or of the end of a run, which comes anew."""
    with writing(place.store / INCOMPLETE):
        for parts in list(place.tree.files()):
            if parts != (keep,) and not journal.knows("/".join(parts)):
                place.tree.remove(parts)


def file_of(selected: Selected) -> Identity:
    """Return the file that an object is a name of."""
    return selected.volume, selected.entry.record, selected.entry.sequence
