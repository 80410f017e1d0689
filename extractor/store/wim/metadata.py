"""Rows of an image -> its metadata resource: security descriptors, the root, then a list of entries per directory.

A directory's list is made when the last row below it has come, so that memory holds the lists of the directories on
the way down and 40 bytes for each directory; what is done goes to a scratch file beyond 16 MiB. In the resource the
lists lie in the order of the tree, each before those below it, as wimlib lays them out (7-Zip wants the root's first);
an entry in the scratch holds the number of its list, which becomes the offset when the scratch is read.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Self

from extractor.model import upcase
from extractor.store.wim.dentry import END_OF_LIST, SUBDIRECTORY, pack
from extractor.store.wim.index import BlobIndex
from extractor.store.wim.node import REPARSE_POINT, Node, Parts, Row, check, encoded, hashes_of
from extractor.store.wim.security import SecurityTable

_IN_MEMORY = 16 << 20
_OFFSET = struct.Struct("<Q")


@dataclass(slots=True)
class Counts:
    """What the XML says of an image; bytes are those of all names, links those of the second name on."""

    directories: int = 0
    files: int = 0
    total: int = 0
    linked: int = 0


@dataclass(slots=True)
class _Open:
    """A directory whose rows are still coming."""

    name: str
    node: Node
    raw: bytes
    number: int
    """Of its list, in the order of the tree."""
    entries: list[tuple[str, str, bytes, bool]] = field(default_factory=list)
    """Upcased name, name, entry, whether that is a directory."""


class MetadataBuilder:
    """One image. ``add`` its rows depth first, then read ``blocks`` once."""

    def __init__(self, index: BlobIndex, scratch: Path | None = None) -> None:
        """Count references in ``index``; the scratch file has no name and lies in ``scratch``."""
        self.counts = Counts()
        self._index = index
        self._security = SecurityTable()
        self._groups: dict[int, int] = {}
        self._path: list[_Open] = []
        directory = None if scratch is None else str(scratch)
        self._scratch = SpooledTemporaryFile(_IN_MEMORY, dir=directory)  # noqa: SIM115 - __exit__ closes it
        self._at = 0
        self._starts = array("Q")
        """Where in the scratch the list of each number is."""
        self._lengths = array("Q")
        """Its bytes; 0 for a directory without children."""
        self._pending = array("Q")
        """Where in the scratch numbers of lists are."""
        self._offsets = array("Q")
        self._head = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._scratch.close()

    def build(self, rows: Iterable[Row]) -> int:
        """Take all rows and return the size of the resource.

        Raises ValueError for rows in a wrong order, a name twice, a blob that is not there.
        """
        for parts, node in rows:
            self._add(parts, node)
        if not self._path:
            raise ValueError("an image has a root")
        while len(self._path) > 1:
            self._close()
        root = self._path.pop()
        self._write_list(root)
        security = self._security.number(root.node.security)
        table = self._security.pack()
        base = len(table) + len(pack(root.node, b"", security, 0, 0)) + len(END_OF_LIST)
        offsets = array("Q", accumulate(self._lengths, initial=base))
        size = offsets.pop()
        self._offsets = array("Q", map(_if, self._lengths, offsets))
        self._head = table + pack(root.node, b"", security, self._offsets[0], 0) + END_OF_LIST
        return size

    def blocks(self) -> Iterator[bytes]:
        """Yield the resource."""
        yield self._head
        for start, length in zip(self._starts, self._lengths, strict=True):
            if length:
                self._scratch.seek(start)
                yield self._put_right(bytearray(self._scratch.read(length)), start)

    def _put_right(self, block: bytearray, at: int) -> bytes:
        first = bisect_left(self._pending, at)
        last = bisect_left(self._pending, at + len(block))
        for place in self._pending[first:last]:
            (number,) = _OFFSET.unpack_from(block, place - at)
            _OFFSET.pack_into(block, place - at, self._offsets[number])
        return bytes(block)

    def _add(self, parts: Parts, node: Node) -> None:
        check(node)
        while self._path and not self._is_below(parts):
            self._close()
        if bool(parts) != bool(self._path):
            raise ValueError("the first row of an image, and no other, is its root")
        name = parts[-1] if parts else ""
        raw = encoded(name) if parts else b""
        group = self._count(node)
        if node.is_directory:
            self._path.append(_Open(name, node, raw, len(self._starts)))
            self._starts.append(0)
            self._lengths.append(0)
        else:
            security = self._security.number(node.security)
            self._enter(name, pack(node, raw, security, 0, group), directory=False)

    def _is_below(self, parts: Parts) -> bool:
        """Tell whether a row is a child of the last directory; raise ValueError when that was closed already."""
        depth = len(self._path)
        if len(parts) > depth:
            raise ValueError(f"{parts!r} comes before the directory that it is in")
        return len(parts) == depth and all(
            part == opened.name for part, opened in zip(parts, self._path[1:], strict=False)
        )

    def _count(self, node: Node) -> int:
        """Count a node and its blobs; return its link group, numbered from 1 in the order of the rows."""
        again = node.link_group in self._groups
        group = node.link_group and self._groups.setdefault(node.link_group, len(self._groups) + 1)
        size = sum(self._index.refer(sha1) for sha1 in hashes_of(node))
        counts = self.counts
        if node.is_directory and not node.attributes & REPARSE_POINT:  # as wimlib counts
            counts.directories += 1
        else:
            counts.files += 1
        counts.total += size
        counts.linked += size if again else 0
        return group

    def _close(self) -> None:
        """End the last directory of the path."""
        done = self._path.pop()
        if not self._path:
            raise ValueError("a row lies beside the root of the image")
        self._write_list(done)
        security = self._security.number(done.node.security)
        entry = pack(done.node, done.raw, security, done.number, 0)
        self._enter(done.name, entry, directory=True)

    def _enter(self, name: str, entry: bytes, *, directory: bool) -> None:
        self._path[-1].entries.append((upcase(name), name, entry, directory))

    def _write_list(self, directory: _Open) -> None:
        """Write a directory's list, sorted as Windows sorts, to the scratch."""
        if not directory.entries:
            return
        start, before = self._at, None
        for _, name, entry, pending in sorted(directory.entries, key=_order):
            if name == before:
                raise ValueError(f"a directory of the image has the name {name!r} twice")
            before = name
            if pending:
                self._pending.append(self._at + SUBDIRECTORY)
            self._scratch.write(entry)
            self._at += len(entry)
        self._scratch.write(END_OF_LIST)
        self._at += len(END_OF_LIST)
        self._starts[directory.number] = start
        self._lengths[directory.number] = self._at - start


def _if(length: int, offset: int) -> int:
    return offset if length else 0


def _order(entry: tuple[str, str, bytes, bool]) -> tuple[bytes, bytes]:
    upper, name, _, _ = entry
    return upper.encode("utf-16-be", "surrogatepass"), name.encode("utf-16-be", "surrogatepass")
