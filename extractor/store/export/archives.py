"""A store -> any archive: the walk that tar, zip and bag share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

from extractor.errors import CorruptStoreError
from extractor.events import BytesCopied, ItemDone, Observer
from extractor.model import Record, printable
from extractor.store.columns import StoredStream
from extractor.store.digest import HOLES
from extractor.store.export.members import Member, MemberKind, Names, members
from extractor.store.export.outcome import NOTES, Tally
from extractor.store.export.proof import Proof
from extractor.store.manifest import MANIFEST, write_objects
from extractor.store.opened import OpenStore
from extractor.store.place import CATALOG_DIRECTORY
from extractor.store.writer import DOCUMENTS

Identity = tuple[str, int, int]


class Links(Protocol):
    """What makes links in a kind of archive that can hold them."""

    def symbolic_link(self, name: str, target: str, record: Record, /) -> None: ...
    def hard_link(self, name: str, first: str, record: Record, /) -> None: ...


class Archive(Protocol):
    """A kind of archive, being written; OSError is the caller's to translate."""

    beside: bool
    """Streams lie beside their files (``name:stream``)."""

    @property
    def links(self) -> Links | None:
        """What makes links in it; None where it can hold neither hard links nor symbolic ones."""
        ...

    def spelled(self, name: str, /) -> str:
        """Return how it writes a name."""
        ...

    def accepts(self, name: str, /) -> str:
        """Return why a name cannot be in it; empty when it can."""
        ...

    def directory(self, name: str, record: Record, /) -> None: ...

    def file(self, name: str, content: Proof, record: Record | None, /) -> None:
        """Add a file, whose content is read to its end."""
        ...

    def take_back(self) -> bool:
        """Remove the last file; False when what is written cannot be taken back."""
        ...

    def text(self, name: str, write: Callable[[Callable[[bytes], object]], None], /) -> None:
        """Add a file of ours: ``write`` is called with what takes its bytes."""
        ...

    def finish(self) -> None: ...

    def close(self) -> None:
        """Let go, finished or not."""
        ...


def fill(store: OpenStore, archive: Archive, tally: Tally, observer: Observer) -> None:
    """Copy a store into an archive, its account of every object too, and finish it; raise CorruptStoreError."""
    filling = _Filling(store, archive, tally, observer)
    for member in members(store, filling.names, beside=archive.beside):
        if member.kind is not MemberKind.STREAM:
            tally.objects += 1
        filling.add(member)
    filling.add_documents()
    archive.text(f"{CATALOG_DIRECTORY}/{MANIFEST}", lambda write: write_manifest(store, write))
    archive.text(NOTES, lambda write: _write_all(tally.text(), write))
    archive.finish()


class _Filling:
    """A store on its way into an archive."""

    def __init__(
        self, store: OpenStore, archive: Archive, tally: Tally, observer: Observer
    ) -> None:
        self.names = Names(archive.spelled)
        self._store = store
        self._archive = archive
        self._tally = tally
        self._observer = observer
        self._linked: dict[Identity, tuple[str, str]] = {}
        """Name and hash of the files that have further names."""

    def add(self, member: Member) -> None:
        """Add an object or a stream, or note why it is not there."""
        name, record = member.name, member.record
        if why := self._archive.accepts(name):
            self._tally.leave_out(member, why)
        elif member.kind is MemberKind.DIRECTORY:
            self._archive.directory(name, record)
        elif member.stream is None:
            self._add_link(member)
        else:
            self._add_content(member, member.stream)
        if member.kind is not MemberKind.STREAM:
            self._observer(
                ItemDone("", record.path, record.outcome, record.bytes, kind=record.kind)
            )

    def _add_link(self, member: Member) -> None:
        links = self._archive.links
        if links and member.target:
            links.symbolic_link(member.name, member.target, member.record)
        else:
            self._tally.describe_link(member)

    def _add_content(self, member: Member, stream: StoredStream) -> None:
        identity, links = _identity(member), self._archive.links
        first, digest = self._linked.get(identity, ("", "")) if identity else ("", "")
        if stream.sha256.startswith(HOLES):
            self._tally.leave_out(member, f"it is a sparse file of {stream.size:,} bytes")
        elif links and first and digest == stream.sha256:
            links.hard_link(member.name, first, member.record)
        elif self._copy(member.name, member.shown, stream.stored_as, stream.sha256, member.record):
            self._tally.name(member, member.name)
            if identity:
                self._linked.setdefault(identity, (member.name, stream.sha256))

    def _copy(
        self, name: str, shown: str, stored_as: str, sha256: str, record: Record | None = None
    ) -> bool:
        """Copy one content; tell whether it is in the archive, as the catalog has it."""
        with ExitStack() as opened:
            try:
                source = opened.enter_context(self._store.open(stored_as))
                content = Proof(source, sha256, self._tell)
            except (CorruptStoreError, OSError) as error:
                self._tally.damage(shown, name, printable(str(error)))
                return False
            self._archive.file(name, content, record)
        if problem := content.problem:
            kept = "" if self._archive.take_back() else "; the wrong bytes are in the archive"
            self._tally.damage(shown, name, problem + kept)
            return False
        self._tally.files += 1
        self._tally.copied += content.size
        return True

    def _tell(self, count: int) -> None:
        self._observer(BytesCopied("", count))

    def add_documents(self) -> None:
        """Copy what lies in ``open-catalog`` beside catalog and manifest: the registry as files, and others."""
        documents = self._store.header.get(DOCUMENTS, {})
        for name, digest in documents.items() if isinstance(documents, dict) else ():
            place = f"{CATALOG_DIRECTORY}/{name}"
            self._copy(self.names.of_document(place), printable(place), place, str(digest))


def _identity(member: Member) -> Identity | None:
    """Return what names of the same file share; None for a file of one name, and for streams."""
    record, metadata = member.record, member.record.metadata
    if member.kind is not MemberKind.FILE or metadata is None or metadata.link_count < 2:
        return None
    return record.volume, record.record, record.sequence


def write_manifest(store: OpenStore, write: Callable[[bytes], object]) -> None:
    """Write the store's manifest, to the byte."""
    first, last = store.catalog.book()
    write(first.encode())
    write_objects(store.catalog, write)
    write(last.encode())


def _write_all(pieces: Iterator[bytes], write: Callable[[bytes], object]) -> None:
    for piece in pieces:
        write(piece)
