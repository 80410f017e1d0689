"""The compressed store: ``STORE/USMT/store.wim``, one file that Windows, 7-Zip and wimlib open.

::

    USMT/store.wim                    image 1 "user state": C$/Users/bob/a.txt with streams, descriptors, times, links
                                      image 2 "settings": what lies in open-catalog, the catalog too
    USMT/open-catalog/…               catalog, manifest, registry, documents and their hashes, as in every store

A row's ``stored_as`` is ``blob/`` and the SHA-1 of the content, ``tree`` for a directory. Content is there once,
whoever has it. What WIM cannot say (the fourth time, runs, who decided) is in the catalog.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol, cast

from extractor.errors import StoreLocationError, UnsupportedError
from extractor.model import ObjectKind, StreamInfo
from extractor.store.catalog import Catalog
from extractor.store.copying import SPARSE_LIMIT, is_hollow, parts_of
from extractor.store.failures import writing
from extractor.store.hand import Part
from extractor.store.journal import Journal, Kept
from extractor.store.manifest import MANIFEST
from extractor.store.papers import Papers, PlainPapers, SealedPapers, size_of
from extractor.store.place import BLOB, CATALOG, INCOMPLETE, WIM, open_place
from extractor.store.sealed.keys import SealingKeys
from extractor.store.sealed.sealer import Sealer
from extractor.store.tree import Tree
from extractor.store.wim.codecs import Compression
from extractor.store.wim.format import HEADER_SIZE, NO_HASH, BlobEntry, parse_blob_table
from extractor.store.wim.node import Image
from extractor.store.wim.target import DescriptorTarget, Target
from extractor.store.wim.ticket import Ticket
from extractor.store.wim.writer import EMPTY, WimWriter
from extractor.store.wim_images import named_blob, settings_rows, user_state_rows
from extractor.store.writer import Incoming, Progress, Writer, prepared

TREE = "tree"
USER_STATE = "user state"
SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class _Copying:
    name: str
    ticket: Ticket

    @property
    def done(self) -> bool:
        return self.ticket.done


class WimStore(Writer):
    """A compressed store being written (seam: StoreWriter). A context manager.

    ``compression`` is none, xpress or lzx; ``level`` libwim's, 0 for what is usual here. The rest is as for the
    directory. Raises StoreLocationError (27) when the place will not do, StoreError (72) when writing fails.
    """

    name: ClassVar[str] = "wim"

    def __init__(
        self,
        store: Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        sparse_limit: int = SPARSE_LIMIT,
        compression: str = Compression.XPRESS,
        level: int = 0,
    ) -> None:
        place = open_place(store, overwrite=overwrite, resume=resume)
        how = How(Compression(compression), level, sparse_limit)
        with prepared(place, keep=WIM) as (journal, undo):
            at, papers = store / INCOMPLETE, PlainPapers(place.tree)
            catalog = papers.new_catalog(at)
            undo.callback(catalog.close)
            file = _WimFile(place.tree, at, journal, how)
            undo.callback(file.close)
            contents = WimContents(file, at, papers, how, file.left)
            super().__init__(place, papers, catalog, contents, journal)


class SealedStore(Writer):
    """An encrypted store being written (seam: StoreWriter): the WIM and the papers, sealed with age.

    ``keys`` tell to whom. Nothing of it is on the disk in plain at any time, and so no later run can go on with it.
    """

    name: ClassVar[str] = "sealed"

    def __init__(
        self,
        store: Path,
        *,
        keys: SealingKeys,
        overwrite: bool = False,
        sparse_limit: int = SPARSE_LIMIT,
        compression: str = Compression.XPRESS,
        level: int = 0,
    ) -> None:
        place, at = open_place(store, overwrite=overwrite), store / INCOMPLETE
        how = How(Compression(compression), level, sparse_limit)
        with prepared(place, journaled=False) as (_, undo):
            sealer = Sealer(place.tree, keys)
            papers = SealedPapers(sealer)
            catalog = papers.new_catalog(at)
            undo.callback(catalog.close)
            contents = WimContents(_SealedWim(sealer), at, papers, how, None)
            super().__init__(place, papers, catalog, contents)


@dataclass(frozen=True, slots=True)
class How:
    """How a WIM is written."""

    compression: Compression
    level: int
    sparse_limit: int


class Medium(Target, Protocol):
    """What a WIM is written into, and when that is safe."""

    def sync(self) -> None:
        """Have it written out."""
        ...

    def complete(self) -> None:
        """Do what comes when the WIM and all papers are written."""
        ...

    def close(self) -> None: ...


class _WimFile(DescriptorTarget):
    """``store.wim``, new or as an earlier run left it."""

    def __init__(self, tree: Tree, at: Path, journal: Journal | None, how: How) -> None:
        self.left: tuple[int, list[BlobEntry]] | None = None
        """Where an earlier run's file is whole, and its blobs."""
        with writing(at):
            exists = tree.exists((WIM,))
            self._file = tree.change((WIM,)) if exists else tree.create((WIM,))
        super().__init__(self._file)
        try:
            if journal:
                size = os.fstat(self._file).st_size
                self.left = _left(journal, f"{how.compression} {how.level}", size, at)
        except BaseException:
            self.close()
            raise

    def sync(self) -> None:
        """Have it written out."""
        os.fdatasync(self._file)

    def complete(self) -> None:
        """Do nothing: the place syncs all of it."""

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _left(journal: Journal, how: str, size: int, at: Path) -> tuple[int, list[BlobEntry]] | None:
    """Return where the file is whole, and its blobs: one that lies behind a gap, or behind the end, is copied anew."""
    told = [*journal.blobs()]
    if not told:
        return None
    if told[0] != how:
        raise StoreLocationError(
            f"{at}: the run that did not end here compressed by {told[0]}; give it the same, or add /o (--overwrite)"
            " to begin anew"
        )
    rows = [bytes.fromhex(each) for each in told if each != how]
    entries, end = [], HEADER_SIZE
    for entry in parse_blob_table(b"".join(rows)):
        if entry.resource.offset == end and entry.resource.end <= size:
            entries.append(entry)
            end = entry.resource.end
    return end, entries


class _SealedWim:
    """``store.wim`` in sealed parts."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._file = sealer.create(WIM)
        self.write_at, self.read_at = self._file.write_at, self._file.read_at
        self.truncate = self._file.truncate

    def sync(self) -> None:
        """Do nothing: no run goes on with it."""

    def complete(self) -> None:
        """Seal the first part and the listing."""
        self._file.finish()
        self._sealer.finish()

    def close(self) -> None:
        """Forget it."""


class WimContents:
    """Blobs of one WIM (``Contents``); ``at`` is what messages name, ``resume`` what is in it already."""

    def __init__(
        self,
        medium: Medium,
        at: Path,
        papers: Papers,
        how: How,
        resume: tuple[int, list[BlobEntry]] | None,
    ) -> None:
        self._medium = medium
        self._at = at
        self._papers = papers
        self._how = how
        self._told: list[BlobEntry] = []
        self._said = resume is not None
        with writing(at):
            self._writer = WimWriter(
                medium, compression=how.compression, level=how.level, resume=resume
            )

    def begin(
        self, incoming: Incoming, streams: Mapping[str, StreamInfo], progress: Progress
    ) -> None:
        """Hand the streams of an object to the writer."""
        selected = incoming.item.selected
        if selected.kind is ObjectKind.DIRECTORY:
            incoming.stored_as = TREE
        elif (
            selected.kind is ObjectKind.FILE and "" not in streams
        ):  # without any it is an empty file
            incoming.work.append(_Copying("", Ticket(0, stored=EMPTY)))
        for stream in streams.values():
            if stream.name or stream.size or selected.kind is ObjectKind.FILE:
                self._copy(incoming, stream, progress)

    def _copy(self, incoming: Incoming, info: StreamInfo, progress: Progress) -> None:
        item = incoming.item
        stream = item.open(info.name)
        if is_hollow(stream, info):
            raise UnsupportedError(
                f"sparse file of {info.size} bytes of which almost none is allocated: a WIM has no holes; a store"
                " with /nocompress can hold it"
            )
        content = _told(parts_of(stream, info, self._how.sparse_limit), partial(progress, item))
        with writing(self._at):
            ticket = self._writer.submit(content, info.size)
        incoming.work.append(_Copying(info.name, ticket))

    def end(self, incoming: Incoming) -> None:
        """Wait for the blobs and tell their hashes."""
        for each in cast("list[_Copying]", incoming.work):
            with writing(self._at):
                if not each.ticket.done:
                    self._writer.hand_on()
                stored = each.ticket.result()
            incoming.digests[each.name] = stored.sha256
            incoming.streams_as[each.name] = BLOB + stored.sha1.hex()
        incoming.stored_as = incoming.stored_as or incoming.streams_as.get("", "")

    def link(self, incoming: Incoming, known: Incoming) -> bool:
        """Let a second name of a file have its blobs."""
        incoming.stored_as = known.stored_as
        return True

    def restore(self, incoming: Incoming, kept: Kept) -> bool:
        """Take over what an earlier run stored, where all blobs of it are in the file."""
        return all(each == TREE or self._has(each) for each in kept.places)

    def _has(self, stored_as: str) -> bool:
        sha1 = named_blob(stored_as)
        return sha1 == NO_HASH or sha1 in self._writer

    def sync(self) -> None:
        """Have the file written out as far as the blobs go that ``blobs`` tells of next."""
        self._told += self._writer.checkpoint()[1]
        with writing(self._at):
            self._medium.sync()

    def blobs(self) -> Iterator[str]:
        """Yield first how chunks are compressed, then the rows of the blob table."""
        if not self._said:
            yield f"{self._how.compression} {self._how.level}"
            self._said = True
        yield from (entry.pack().hex() for entry in self._told)
        self._told.clear()

    def settle(self, catalog: Catalog, journal: Journal | None) -> None:
        """Do nothing: names are settled when the images are made."""

    def seal(self, catalog: Catalog, names: Iterable[str]) -> None:
        """Write both images and what makes the file a WIM."""
        files = {name: self._add_file(name) for name in (*names, CATALOG, MANIFEST)}
        with writing(self._at):
            images = [
                Image(
                    USER_STATE,
                    user_state_rows(catalog, self._add_bytes),
                    "files of the users and of the machine",
                ),
                Image(SETTINGS, settings_rows(files), "registry, accounts and catalog"),
            ]
            self._writer.finish(images)

    def _add_bytes(self, data: bytes) -> bytes:
        return self._writer.add([data], len(data)).sha1

    def _add_file(self, name: str) -> tuple[bytes, int]:
        """Put a paper into the WIM and return its SHA-1 and size."""
        with writing(self._at), self._papers.open(name) as file:
            size = size_of(file)
            stored = self._writer.add(iter(partial(file.read, 1 << 20), b""), size)
        return (stored.sha1, size)

    def complete(self) -> None:
        """Complete the medium."""
        self._medium.complete()

    def close(self) -> None:
        """End the threads and close the file."""
        self._writer.close()
        self._medium.close()


def _told(parts: Iterator[Part], tell: Callable[[int], None]) -> Iterator[Part]:
    """Yield the parts of a stream and tell of the bytes of each."""
    for part in parts:
        yield part
        tell(len(part) if isinstance(part, bytes) else part.length)
