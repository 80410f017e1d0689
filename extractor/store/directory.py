"""The uncompressed store: ``STORE/USMT/File/C$/Users/…`` as USMT lays it out, streams and catalog beside it.

::

    USMT/File/C$/Users/bob/a.txt      content under a safe name; hard links are hard links, holes are holes
    USMT/open-catalog/streams/ab/ab…  named streams, by SHA-256
    USMT/open-catalog/catalog.sqlite  everything (SCHEMA.md)
    USMT/open-catalog/manifest.jsonl  every object and its outcome
    USMT/open-catalog/registry/…      the registry again, as ``.reg`` and hives
    USMT/open-catalog/ProfileControl.xml  and what else was handed to ``finish``
    USMT/open-catalog/SHA256SUMS      of these, for ``sha256sum -c``

Links and junctions are never made on the host: their target is in the catalog. So are registry and INI values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from extractor.errors import SourceError
from extractor.filetime import nanoseconds
from extractor.model import ObjectKind, Selected, StreamInfo, WinPath
from extractor.store.catalog import Catalog
from extractor.store.copying import SPARSE_LIMIT, is_hollow, parts_of
from extractor.store.crew import ALONE, Crew, Ticket
from extractor.store.failures import NO_HARD_LINK, sync_tree, writing
from extractor.store.hand import Part, set_time
from extractor.store.journal import Journal, Kept
from extractor.store.names import Names
from extractor.store.papers import PlainPapers
from extractor.store.place import CATALOG_DIRECTORY, INCOMPLETE, open_place
from extractor.store.safe_name import drive_name
from extractor.store.tree import Parts, Tree
from extractor.store.writer import Incoming, Progress, Writer, file_of, prepared

FILES = "File"
STREAMS = (CATALOG_DIRECTORY, "streams")

_HOSTS_KEPT = 1 << 15


@dataclass(frozen=True, slots=True)
class _Copying:
    """A stream that is being copied into a file of the store."""

    name: str
    ticket: Ticket
    parts: Parts

    @property
    def done(self) -> bool:
        return self.ticket.done


class DirectoryStore(Writer):
    """A store of plain files being written (seam: StoreWriter). A context manager.

    ``sparse_limit`` is the logical size in bytes beyond which a file with less than a thousandth allocated is refused;
    ``alone`` the bytes from which it has other processes copy; ``resume`` goes on with what an earlier run left.
    Raises StoreLocationError (27) when the place will not do, StoreError (72) when writing fails.
    """

    name: ClassVar[str] = "directory"

    def __init__(
        self,
        store: Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        sparse_limit: int = SPARSE_LIMIT,
        alone: int = ALONE,
    ) -> None:
        place = open_place(store, overwrite=overwrite, resume=resume)
        with prepared(place) as (journal, undo):
            at, papers = store / INCOMPLETE, PlainPapers(place.tree)
            catalog = papers.new_catalog(at)
            undo.callback(catalog.close)
            crew = Crew(place.tree, at, alone=alone)
            contents = DirectoryContents(place.tree, at, Names(catalog), crew, sparse_limit)
            super().__init__(place, papers, catalog, contents, journal)


class DirectoryContents:
    """Files below one tree (``Contents``); ``at`` is what messages name."""

    def __init__(self, tree: Tree, at: Path, names: Names, crew: Crew, sparse_limit: int) -> None:
        self._tree = tree
        self._at = at
        self._names = names
        self._crew = crew
        self._sparse_limit = sparse_limit
        self._hosts: dict[tuple[str, Parts], str] = {}
        self._serial = 0

    def begin(
        self, incoming: Incoming, streams: Mapping[str, StreamInfo], progress: Progress
    ) -> None:
        """Begin to copy the streams of an object."""
        selected = incoming.item.selected
        if selected.kind is ObjectKind.DIRECTORY:
            incoming.stored_as = self._make_directory(selected)
        elif selected.kind is ObjectKind.FILE:
            incoming.stored_as = self._host_of(selected)
            own = streams.get("") or StreamInfo("", 0)  # without any it is an empty file
            modified = nanoseconds(selected.metadata.times.modified)
            self._copy(incoming, own, _parts(incoming.stored_as), modified, progress)
        for stream in streams.values():
            if stream.name or (stream.size and selected.kind is not ObjectKind.FILE):
                self._serial += 1
                parts = (*STREAMS, f"incoming-{self._serial}")
                self._copy(incoming, stream, parts, None, progress)

    def end(self, incoming: Incoming) -> None:
        """Wait for the streams; give those that are kept by content their names."""
        try:
            for each in _copies(incoming):
                incoming.digests[each.name] = self._crew.wait(each.ticket)
        except SourceError:
            self._undo(incoming)
            raise
        self._keep_loose(incoming)

    def link(self, incoming: Incoming, known: Incoming) -> bool:
        """Give a stored file its second name; False when there are no hard links here."""
        host = self._host_of(incoming.item.selected)
        with writing(self._at):
            try:
                self._tree.link(_parts(known.stored_as), _parts(host))
            except OSError as error:
                if error.errno in NO_HARD_LINK:
                    return False
                raise
        incoming.stored_as = host
        return True

    def restore(self, incoming: Incoming, kept: Kept) -> bool:
        """Take over what an earlier run stored, where it still lies under the name that it has this time too."""
        selected = incoming.item.selected
        if selected.kind is ObjectKind.DIRECTORY:
            self._make_directory(selected)
        elif selected.kind is ObjectKind.FILE and self._host_of(selected) != kept.stored_as:
            return False
        return all(self._is_there(_parts(each)) for each in kept.places)

    def _is_there(self, parts: Parts) -> bool:
        with suppress(FileNotFoundError), writing(self._at):
            return self._tree.exists(parts)
        return False

    def sync(self) -> None:
        """Have what was copied written out."""
        with writing(self._at):
            sync_tree(self._tree.root)

    def blobs(self) -> Iterator[object]:
        """Yield nothing: the objects tell it all."""
        return iter(())

    def _undo(self, incoming: Incoming) -> None:
        """Remove the streams of an object of which another could not be read."""
        for each in _copies(incoming):
            with suppress(SourceError):  # of that one nothing is left
                self._crew.wait(each.ticket)
                with writing(self._at):
                    self._tree.remove(each.parts)

    def _make_directory(self, selected: Selected) -> str:
        host = self._host(selected.path, selected.volume)
        self._crew.make_directory(_parts(host))
        return host

    def _copy(
        self,
        incoming: Incoming,
        info: StreamInfo,
        parts: Parts,
        modified: int | None,
        progress: Progress,
    ) -> None:
        item = incoming.item
        exists = info.name or any(not each.name for each in item.streams)
        content: Iterable[Part] = ()
        holes = False
        if exists:
            stream = item.open(info.name)
            content = parts_of(stream, info, self._sparse_limit)
            holes = is_hollow(stream, info)
        tell = partial(progress, item)
        ticket = self._crew.copy(parts, content, info.size, modified, tell, holes=holes)
        incoming.work.append(_Copying(info.name, ticket, parts))

    def _keep_loose(self, incoming: Incoming) -> None:
        """Give the streams that are kept by content their final names; the same content is kept once."""
        for each in _copies(incoming):
            if each.parts[:-1] != STREAMS:
                continue
            digest = incoming.digests[each.name]
            final = (*STREAMS, digest[:2], digest)
            with writing(self._at):
                if self._tree.exists(final):
                    self._tree.remove(each.parts)
                else:
                    self._tree.move(each.parts, final)
            incoming.streams_as[each.name] = "/".join(final)
        if incoming.item.selected.kind is ObjectKind.LINK:
            # It has no place of its own, but perhaps content.
            incoming.stored_as = incoming.streams_as.get("", "")

    def _host_of(self, selected: Selected) -> str:
        """Return where a file's content goes; its identity is its exact path and its record."""
        parent = self._host(selected.path.parent, selected.volume)
        volume, record, sequence = file_of(selected)
        exact = _exact(selected.path) + f"\0{volume}\0{record}\0{sequence}".encode()
        # an odd length: never the identity of a directory, whatever its name
        identity = exact if len(exact) % 2 else exact + b"\0"
        return f"{parent}/{self._names.place(parent, selected.path.name, identity)}"

    def _host(self, path: WinPath, volume: str) -> str:
        """Return the directory of the store for a directory of the image; it may not exist yet."""
        missing: list[WinPath] = []
        host = None
        while path.parts and (host := self._hosts.get((path.drive or volume, path.parts))) is None:
            missing.append(path)
            path = path.parent
        host = host or f"{FILES}/{drive_name(path.drive, volume)}"
        for each in reversed(missing):
            host = f"{host}/{self._names.place(host, each.name, _exact(each))}"
            self._remember((each.drive or volume, each.parts), host)
        return host

    def _remember(self, key: tuple[str, Parts], host: str) -> None:
        if len(self._hosts) >= _HOSTS_KEPT:
            self._hosts.clear()
        self._hosts[key] = host

    def settle(self, catalog: Catalog, journal: Journal | None) -> None:
        """Settle who has which name, and give the directories their times."""
        self._crew.finish()
        self._crew.close()
        self._settle_names(catalog, journal)
        self._date_directories(catalog)

    def seal(self, catalog: Catalog, names: Iterable[str]) -> None:
        """Do nothing: the files are there."""

    def complete(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Let the hands go."""
        self._crew.close()

    def _settle_names(self, catalog: Catalog, journal: Journal | None) -> None:
        renames = list(self._names.settled())
        for parent, old, new in renames if journal else ():
            for name in (old, new):
                journal.forget(f"{parent}/{name}")  # type: ignore[union-attr]  # only with a journal
        for parent, old, new in renames:
            if not self._tree.exists((*_parts(parent), old)):
                continue  # it asked for a name and then could not be stored
            with writing(self._at):
                self._tree.rename((*_parts(parent), old), new)
            catalog.move(f"{parent}/{old}", f"{parent}/{new}")

    def _date_directories(self, catalog: Catalog) -> None:
        """Set the directories' times, now that nothing is written into them any more."""
        for stored_as, modified in catalog.stored_directories():
            with writing(self._at):
                target = self._tree.directory(_parts(stored_as))
            if (moment := nanoseconds(modified & (1 << 64) - 1)) is not None:
                set_time(target, moment)


def _copies(incoming: Incoming) -> list[_Copying]:
    return cast("list[_Copying]", incoming.work)


def _exact(path: WinPath) -> bytes:
    return str(path).encode("utf-16-be", "surrogatepass")


def _parts(stored_as: str) -> Parts:
    return tuple(stored_as.split("/"))
