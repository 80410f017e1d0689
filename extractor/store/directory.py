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

import errno
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, ClassVar, Self

from extractor.errors import DamagedError, SourceError
from extractor.filetime import UNIX_EPOCH
from extractor.model import Instruction, ObjectKind, Record, Selected, StreamInfo, WinPath
from extractor.seams import Captured
from extractor.store import records
from extractor.store.catalog import Catalog, create_catalog
from extractor.store.copying import SPARSE_LIMIT, is_hollow, parts_of
from extractor.store.crew import ALONE, Crew, Ticket
from extractor.store.failures import writing
from extractor.store.hand import Part, set_time
from extractor.store.manifest import MANIFEST, header_line, trailer_line, write_objects
from extractor.store.names import Names
from extractor.store.place import CATALOG, CATALOG_DIRECTORY, INCOMPLETE, open_place
from extractor.store.registry_export import REGISTRY, export_registry
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts, Tree

SUMS = "SHA256SUMS"
DOCUMENTS = "documents"
"""Field of the manifest's header: name of each further file of ``open-catalog`` -> SHA-256."""
FILES = "File"
STREAMS = (CATALOG_DIRECTORY, "streams")

_NO_HARD_LINK = frozenset({errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})
_REPRESENTABLE = range(-(1 << 31), 1 << 33)
"""Seconds that every Linux file system in use can hold as a modification time."""
_HOSTS_KEPT = 1 << 15
WINDOW = 1 << 14
"""Objects that may be on their way in at one time: a large file takes as long as thousands of small ones."""

Progress = Callable[[Captured, int], None]
Identity = tuple[str, int, int]


@dataclass(slots=True, eq=False)
class _Incoming:
    """An object on its way in: what is being copied, and what is known of its streams."""

    item: Captured
    copies: dict[str, tuple[Ticket, Parts]] = field(default_factory=dict)
    """By the name of the stream."""
    digests: dict[str, str] = field(default_factory=dict)
    streams_as: dict[str, str] = field(default_factory=dict)
    stored_as: str = ""
    original: _Incoming | None = None
    """The object that came before under another name of the same file."""
    failure: SourceError | None = None

    @property
    def is_done(self) -> bool:
        """Tell whether nothing of it is being copied any more."""
        return all(ticket.done for ticket, _ in self.copies.values())


class DirectoryStore:
    """A store being written (seam: StoreWriter). A context manager: left without ``finish``, it leaves nothing.

    ``sparse_limit`` is the logical size in bytes beyond which a file with less than a thousandth allocated is refused;
    ``alone`` the bytes from which it has other processes copy. Raises StoreLocationError (27) when the place will not
    do, StoreError (72) when writing fails.
    """

    name: ClassVar[str] = "directory"

    def __init__(
        self,
        store: Path,
        *,
        overwrite: bool = False,
        sparse_limit: int = SPARSE_LIMIT,
        alone: int = ALONE,
    ) -> None:
        self._place = open_place(store, overwrite=overwrite)
        self._open = True
        self._at = store / INCOMPLETE
        self._sparse_limit = sparse_limit
        self._crew = Crew(self._tree, self._at, alone=alone)
        self._linked: dict[Identity, _Incoming] = {}
        self._hosts: dict[tuple[str, Parts], str] = {}
        self._serial = 0
        try:
            self._catalog = _new_catalog(self._tree, self._at)
            self._names = Names(self._catalog)
        except BaseException:
            self._place.discard()
            raise

    @property
    def _tree(self) -> Tree:
        return self._place.tree

    def add_all(
        self, items: Iterable[Captured], progress: Progress, /
    ) -> Iterator[tuple[Captured, Record | SourceError]]:
        """Store objects and yield each with its row, or with why nothing of it is in the store; in the order given.

        Raises StoreError.
        """
        waiting: deque[_Incoming] = deque()
        for item in items:
            waiting.append(self._begin(item, progress))
            while waiting and (waiting[0].is_done or len(waiting) > WINDOW):
                yield self._end(waiting.popleft(), progress)
        while waiting:
            yield self._end(waiting.popleft(), progress)
        self._crew.finish()

    def note(self, record: Record, /) -> None:
        """Keep the row of an object that is not in the store."""
        self._catalog.add(record, {})

    def _begin(self, item: Captured, progress: Progress) -> _Incoming:
        incoming = _Incoming(item)
        try:
            if item.refusal is not None:
                raise item.refusal
            if item.links:
                identity = _identity(item.selected)
                incoming.original = self._linked.get(identity)
                self._linked.setdefault(identity, incoming)
            if incoming.original is None:
                self._begin_streams(incoming, progress)
        except SourceError as error:
            incoming.failure = error
        return incoming

    def _end(
        self, incoming: _Incoming, progress: Progress
    ) -> tuple[Captured, Record | SourceError]:
        """Wait for an object's streams, and write its row."""
        item = incoming.item
        try:
            if incoming.original and not self._link(incoming, incoming.original, progress):
                self._begin_streams(incoming, progress)
            if incoming.failure:
                raise incoming.failure
            for name, (ticket, _) in incoming.copies.items():
                incoming.digests[name] = self._crew.wait(ticket)
        except SourceError as error:
            self._undo(incoming)
            incoming.failure = error
            return item, error
        self._keep_loose(incoming)
        record = records.stored(item.selected, incoming.digests, incoming.stored_as, item.efs)
        self._catalog.add(record, incoming.streams_as)
        return item, record

    def _link(self, incoming: _Incoming, known: _Incoming, progress: Progress) -> bool:
        """Give a stored file its second name; False when it is not there, or when there are no hard links here."""
        selected = incoming.item.selected
        if known.failure or not known.stored_as:
            return False
        host = self._host_of(selected)
        with writing(self._at):
            try:
                self._tree.link(_parts(known.stored_as), _parts(host))
            except OSError as error:
                if error.errno in _NO_HARD_LINK:
                    return False
                raise
        incoming.digests, incoming.streams_as = known.digests, known.streams_as
        incoming.stored_as = host
        progress(incoming.item, selected.metadata.size)
        return True

    def _undo(self, incoming: _Incoming) -> None:
        """Remove the streams of an object of which another could not be read."""
        for ticket, parts in incoming.copies.values():
            with suppress(SourceError):  # of that one nothing is left
                self._crew.wait(ticket)
                with writing(self._at):
                    self._tree.remove(parts)

    def _begin_streams(self, incoming: _Incoming, progress: Progress) -> None:
        item, selected = incoming.item, incoming.item.selected
        streams = {stream.name: stream for stream in item.streams}
        if len(streams) != len(item.streams):
            raise DamagedError("has two streams of the same name")
        if selected.kind is ObjectKind.VALUE and selected.value:  # the catalog keeps its data
            incoming.digests[""] = hashlib.sha256(selected.value.data).hexdigest()
            progress(item, len(selected.value.data))
            return
        if selected.kind is ObjectKind.DIRECTORY:
            incoming.stored_as = self._make_directory(selected)
        elif selected.kind is ObjectKind.FILE:
            incoming.stored_as = self._host_of(selected)
            own = streams.pop("", None) or StreamInfo("", 0)  # without any it is an empty file
            modified = nanoseconds(selected.metadata.times.modified)
            self._copy(incoming, own, _parts(incoming.stored_as), modified, progress)
        for stream in streams.values():
            if stream.name or stream.size:
                self._serial += 1
                parts = (*STREAMS, f"incoming-{self._serial}")
                self._copy(incoming, stream, parts, None, progress)

    def _make_directory(self, selected: Selected) -> str:
        host = self._host(selected.path, selected.volume)
        self._crew.make_directory(_parts(host))
        return host

    def _copy(
        self,
        incoming: _Incoming,
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
        incoming.copies[info.name] = ticket, parts

    def _keep_loose(self, incoming: _Incoming) -> None:
        """Give the streams that are kept by content their final names; the same content is kept once."""
        for name, (_, parts) in incoming.copies.items():
            if parts[:-1] != STREAMS:
                continue
            digest = incoming.digests[name]
            final = (*STREAMS, digest[:2], digest)
            with writing(self._at):
                if self._tree.exists(final):
                    self._tree.remove(parts)
                else:
                    self._tree.move(parts, final)
            incoming.streams_as[name] = "/".join(final)
        if incoming.item.selected.kind is ObjectKind.LINK:
            # It has no place of its own, but perhaps content.
            incoming.stored_as = incoming.streams_as.get("", "")

    def _host_of(self, selected: Selected) -> str:
        """Return where a file's content goes; its identity is its exact path and its record."""
        parent = self._host(selected.path.parent, selected.volume)
        volume, record, sequence = _identity(selected)
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
        host = host or f"{FILES}/{_drive(path.drive, volume)}"
        for each in reversed(missing):
            host = f"{host}/{self._names.place(host, each.name, _exact(each))}"
            self._remember((each.drive or volume, each.parts), host)
        return host

    def _remember(self, key: tuple[str, Parts], host: str) -> None:
        if len(self._hosts) >= _HOSTS_KEPT:
            self._hosts.clear()
        self._hosts[key] = host

    def finish(
        self,
        header: Mapping[str, object],
        totals: Mapping[str, object],
        instructions: Iterable[Instruction] = (),
        documents: Mapping[str, bytes] = MappingProxyType({}),
        /,
    ) -> None:
        """Complete the store under its final name; ``documents`` are files for ``open-catalog``: name -> content."""
        self._crew.close()
        self._catalog.settle()
        self._catalog.instruct(instructions)
        sums = {**self._write_documents(documents), **self._export_registry()}
        header = {**header, **({DOCUMENTS: sums} if sums else {})}
        self._settle_names()
        self._date_directories()
        first = header_line(header)
        last = self._write_manifest(first, totals)
        self._catalog.close_book(first, last)
        self._catalog.close()
        self._write_sums((CATALOG, MANIFEST, *sums))
        self._place.complete()
        self._open = False

    def _settle_names(self) -> None:
        for parent, old, new in self._names.settled():
            if not self._tree.exists((*_parts(parent), old)):
                continue  # it asked for a name and then could not be stored
            with writing(self._at):
                self._tree.rename((*_parts(parent), old), new)
            self._catalog.move(f"{parent}/{old}", f"{parent}/{new}")

    def _date_directories(self) -> None:
        """Set the directories' times, now that nothing is written into them any more."""
        for stored_as, modified in self._catalog.stored_directories():
            with writing(self._at):
                target = self._tree.directory(_parts(stored_as))
            if (moment := nanoseconds(modified & (1 << 64) - 1)) is not None:
                set_time(target, moment)

    def _write_manifest(self, first: str, totals: Mapping[str, object]) -> str:
        with writing(self._at):
            target = self._tree.create((CATALOG_DIRECTORY, MANIFEST))
            with os.fdopen(target, "wb") as file:
                file.write(first.encode())
                last = trailer_line(*write_objects(self._catalog, file.write), totals)
                file.write(last.encode())
        return last

    def _write_documents(self, documents: Mapping[str, bytes]) -> dict[str, str]:
        """Write them and return the hash of each: the manifest's header has these, so it proves them."""
        with writing(self._at):
            for name, content in documents.items():
                with os.fdopen(self._tree.create((CATALOG_DIRECTORY, name)), "wb") as file:
                    file.write(content)
        return {name: hashlib.sha256(documents[name]).hexdigest() for name in sorted(documents)}

    def _export_registry(self) -> dict[str, str]:
        """Write the registry's rows as ``.reg`` and hives, and return the hash of each file."""

        def create(name: str) -> BinaryIO:
            return os.fdopen(self._tree.create((CATALOG_DIRECTORY, REGISTRY, name)), "wb")

        with writing(self._at):
            names = [f"{REGISTRY}/{name}" for name in export_registry(self._catalog, create)]
            return {name: _sum(self._tree, name) for name in names}

    def _write_sums(self, names: Iterable[str]) -> None:
        with writing(self._at):
            lines = [f"{_sum(self._tree, name)}  {name}\n" for name in names]
            with os.fdopen(self._tree.create((CATALOG_DIRECTORY, SUMS)), "wb") as file:
                file.write("".join(lines).encode())

    def discard(self) -> None:
        """Remove what was written; the final name never existed."""
        if self._open:
            self._open = False
            self._crew.close()
            self._catalog.close()
            self._place.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.discard()


def _new_catalog(tree: Tree, place: Path) -> Catalog:
    """Make the catalog by the descriptor of its directory: SQLite knows only paths, and a path could be swapped."""
    with writing(place):
        os.close(tree.create((CATALOG_DIRECTORY, CATALOG)))
        directory = tree.directory((CATALOG_DIRECTORY,))
    return create_catalog(f"/proc/self/fd/{directory}/{CATALOG}", place)


def nanoseconds(modified: int) -> int | None:
    """Return a FILETIME in ns since 1970; None for 0 and for what no file system of the host can hold."""
    found = (modified - UNIX_EPOCH) * 100
    return found if modified and found // 1_000_000_000 in _REPRESENTABLE else None


def _drive(drive: str, volume: str) -> str:
    """``C$``, as USMT writes it; a volume without a letter goes by its id."""
    if len(drive) == 2 and drive[0].isascii() and drive[0].isalpha():
        return f"{drive[0].upper()}$"
    return safe_name(f"Volume-{volume}$")


def _sum(tree: Tree, name: str) -> str:
    with os.fdopen(tree.open((CATALOG_DIRECTORY, *_parts(name))), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(selected: Selected) -> Identity:
    return selected.volume, selected.entry.record, selected.entry.sequence


def _exact(path: WinPath) -> bytes:
    return str(path).encode("utf-16-be", "surrogatepass")


def _parts(stored_as: str) -> Parts:
    return tuple(stored_as.split("/"))
