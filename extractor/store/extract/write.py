"""Stored objects, one after another -> files of this host; what cannot be written is named and the next one follows."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from extractor.errors import CorruptStoreError, StoreError
from extractor.events import BytesCopied, ItemDone, ObjectFailed, Observer
from extractor.filetime import nanoseconds
from extractor.model import ObjectKind, OutcomeKind, Record
from extractor.seams import ZEROS, Piece
from extractor.store.columns import StoredObject, StoredStream
from extractor.store.digest import HOLES
from extractor.store.extract.places import NameTakenError, Places
from extractor.store.extract.result import Extraction, Failure, Link, Raw
from extractor.store.failures import free_space, reading
from extractor.store.hand import BLOCK, Copy, Part, set_time
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree

RAW = ".efsraw"
"""Ending of an EFS file in the format that WriteEncryptedFileRaw imports."""
IS_THERE = "something of this name is there already"
NAME_TAKEN = "shares its name with another, and the hash that would tell them apart"
ACTION = "UnableToCopy"
"""USMT's word for what did not succeed."""
NOWHERE = "the catalog does not say where its bytes lie"

_NO_HARD_LINK = frozenset({errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})
_THE_END = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE})
"""After these no other file would fare better."""
_NOTHING = bytes(BLOCK)


class _NotWrittenError(Exception):
    """One thing that is not written; the others go on."""

    def __init__(self, reason: str, *, corrupt: bool = False) -> None:
        super().__init__(reason)
        self.corrupt = corrupt


@dataclass(slots=True)
class Writer:
    """An extraction under way; ``tree`` is the destination, opened."""

    store: OpenStore
    tree: Tree
    destination: Path
    observer: Observer
    overwrite: bool = False
    streams: bool = True
    result: Extraction = field(default_factory=Extraction)
    _places: Places = field(default_factory=Places)
    _first: dict[tuple[object, ...], Parts] = field(default_factory=dict)
    """Where a stream of a file with several names lies already."""
    _folders: list[tuple[Parts, int]] = field(default_factory=list)
    """Folders and their times, which are set when nothing is written into them any more."""
    _serial: int = 0

    def take(self, found: StoredObject) -> None:
        """Write an object, count its end and tell it; raise StoreError when nothing can be written any more."""
        record, result = found.record, self.result
        before = len(result.failures)
        if record.kind is ObjectKind.DIRECTORY:
            with self._naming(record):
                self._make_folder(record)
        for stream in self._pieces(found):
            with self._naming(record, stream.name):
                self._write(record, stream)
        whole = len(result.failures) == before
        if not whole:
            result.failed += 1
        elif record.kind is ObjectKind.LINK:
            result.links.append(_link(record))
        else:
            result.written += 1
        outcome = OutcomeKind.STORED if whole else OutcomeKind.NOT_STORED
        self.observer(ItemDone(record.user, record.path, outcome, record.bytes, kind=record.kind))

    def date_folders(self) -> None:
        """Give the folders their times."""
        for parts, modified in self._folders:
            with suppress(OSError):  # a time is no reason to lose what was written
                set_time(self.tree.directory(parts), modified)

    def _pieces(self, found: StoredObject) -> Iterator[StoredStream]:
        """Yield what is to be written of an object; the content of a file is, whatever the catalog says of it."""
        own = found.content
        if found.record.kind is ObjectKind.FILE:
            yield own or StoredStream("", found.record.size, found.record.sha256, "")
        elif own:
            yield own
        if self.streams:
            yield from (each for each in found.streams if each.name and each.stored_as)

    @contextmanager
    def _naming(self, record: Record, stream: str = "") -> Iterator[None]:
        """Make a named failure of what goes wrong with one file, folder or stream."""
        corrupt = False
        try:
            yield
        except _NotWrittenError as error:
            reason, corrupt = str(error), error.corrupt
        except CorruptStoreError as error:
            reason, corrupt = str(error), True
        except NameTakenError:
            reason = NAME_TAKEN
        except FileExistsError:
            reason = IS_THERE
        except OSError as error:
            if error.errno in _THE_END:
                raise StoreError(
                    f"{self.destination}: cannot be written: {error.strerror} ({free_space(self.destination)})"
                ) from error
            reason = f"cannot be written: {error.strerror or error}"
        else:
            return
        path = f"{record.path}:{stream}" if stream else str(record.path)
        self.result.failures.append(Failure(path, reason, corrupt))
        self.observer(ObjectFailed(record.user, record.path, ACTION, reason, ignored=True))

    def _make_folder(self, record: Record) -> None:
        parts = self._places.folder(record.path, record.volume).parts
        self.tree.directory(parts, create=True)
        if (modified := _modified(record)) is not None:
            self._folders.append((parts, modified))

    def _write(self, record: Record, stream: StoredStream) -> None:
        """Write one stream to its place, as a hard link where that is what it was."""
        is_raw = record.efs is not None and record.efs.form == "raw" and not stream.name
        ending = f":{stream.name}" if stream.name else RAW if is_raw else ""
        parts = self._places.of(record, ending)
        known = self._known(record, stream)
        first = self._first.get(known) if known else None
        if first and self._link(first, parts):
            self.result.hard_links += not stream.name
            self.observer(BytesCopied(record.user, stream.size))
        else:
            with self._place(parts) as at:
                self._fill(record, stream, at)
        if known:
            self._first.setdefault(known, parts)
        self.result.streams += bool(stream.name)
        if is_raw and record.efs:
            self.result.raw.append(Raw(str(record.path), record.efs.verdict, record.efs.reason))

    def _known(self, record: Record, stream: StoredStream) -> tuple[object, ...] | None:
        """Return what all names of a file share, None when it has one name."""
        if record.pretended or not record.metadata or record.metadata.link_count < 2:
            return None
        identity = (record.volume, record.record, record.sequence)
        return (*identity, stream.name, stream.sha256, record.metadata.times.modified)

    def _link(self, first: Parts, parts: Parts) -> bool:
        """Give a file its second name; False where there are no hard links."""
        try:
            with self._place(parts) as at:
                self.tree.link(first, at)
        except OSError as error:
            if error.errno in _NO_HARD_LINK:
                return False
            raise
        return True

    @contextmanager
    def _place(self, parts: Parts) -> Iterator[Parts]:
        """Yield where a new file is to be made: its place, or a name beside what it replaces when it is whole."""
        if not (self.overwrite and self.tree.exists(parts)):
            yield parts
            return
        self._serial += 1
        at = (*parts[:-1], f".extracting-{os.getpid()}-{self._serial}")
        yield at
        try:
            self.tree.move(at, parts)
        finally:
            with suppress(
                FileNotFoundError
            ):  # it is still there where the move failed, or both are one file
                self.tree.remove(at)

    def _fill(self, record: Record, stream: StoredStream, parts: Parts) -> None:
        """Write a new file and hash it; one that is not what was stored is removed again."""
        if not stream.stored_as:
            raise _NotWrittenError(NOWHERE, corrupt=True)
        with self.store.open(stream.stored_as) as source:
            copy = Copy(self.tree, parts, holes=stream.sha256.startswith(HOLES))
            try:
                for part in parts_in(source, self.store.path):
                    before = copy.done
                    copy.take(part)
                    self.observer(BytesCopied(record.user, copy.done - before))
                size = copy.done
                digest = copy.finish(size, _modified(record))
            except BaseException:
                copy.give_up()
                raise
        if digest != stream.sha256:
            self.tree.remove(parts)
            told = stream.sha256 or "none"
            reason = f"its bytes are not those that were stored: SHA-256 {digest} instead of {told}"
            raise _NotWrittenError(reason, corrupt=True)
        self.result.bytes += size


def parts_in(source: BinaryIO, place: Path) -> Iterator[Part]:
    """Yield an open file's bytes and holes, in order; raise CorruptStoreError, naming ``place``.

    A block of zeros counts as a hole, so that holes come back from a container that knows none.
    """
    file = _Source(source, place)
    at = 0
    for start, end in file.data():
        if start > at:
            yield Piece(ZEROS, 0, start - at)
        at = start
        while at < end and (data := file.read(min(BLOCK, end - at), at)):
            yield Piece(ZEROS, 0, len(data)) if data == _NOTHING[: len(data)] else data
            at += len(data)
    if file.size > at:
        yield Piece(ZEROS, 0, file.size - at)


class _Source:
    """An open file of a store; only of a plain one the system knows the holes."""

    def __init__(self, file: BinaryIO, place: Path) -> None:
        self._file = file
        self._place = place
        raw = file.raw if isinstance(file, io.BufferedReader) else None
        self._plain = raw.fileno() if isinstance(raw, io.FileIO) else -1
        with reading(place):
            self.size = file.seek(0, os.SEEK_END)

    def read(self, count: int, at: int) -> bytes:
        with reading(self._place):
            if self._plain >= 0:
                return os.pread(self._plain, count, at)
            self._file.seek(at)
            return self._file.read(count)

    def data(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of what is no hole."""
        if self._plain < 0:
            yield 0, self.size
            return
        end = 0
        while end < self.size:
            try:
                start = os.lseek(self._plain, end, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                return
            end = os.lseek(self._plain, start, os.SEEK_HOLE)
            yield start, end


def _link(record: Record) -> Link:
    reparse = record.metadata.reparse if record.metadata else None
    target, tag = (reparse.target, reparse.tag) if reparse else ("", 0)
    return Link(str(record.path), target, tag)


def _modified(record: Record) -> int | None:
    return nanoseconds(record.metadata.times.modified) if record.metadata else None
