"""OpenStore -> a tree to walk and read: ``C$/Users/…``, as a file system asks for it.

Names are those of the store. Every stream is a file below ``.streams``, a small one also an extended attribute of its
file. A link is there when it is relative and leads nowhere outside. Nothing is proved while it is read: that is what
``store verify`` is for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from extractor.errors import CorruptStoreError
from extractor.filetime import nanoseconds
from extractor.model import Times, printable
from extractor.store.columns import StoredStream
from extractor.store.export.members import STREAMS, Member, MemberKind, Names, members
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name

STREAM_FOLDER = ".streams"
LARGEST_ATTRIBUTE = 1 << 16
"""Linux takes no larger extended attribute."""
LONGEST_ATTRIBUTE = 255
ATTRIBUTES_LIMIT = 1 << 15
"""Bytes of all names of one file's attributes; beyond 64 KiB Linux lists none."""

Identity = tuple[str, int, int, str]


@dataclass(slots=True, eq=False)
class Node:
    """A directory, file or link; a file with several names is one node."""

    mode: int
    number: int
    size: int = 0
    times: tuple[int, int, int] = (0, 0, 0)
    """Modified, accessed, changed: ns since 1970."""
    stored_as: str = ""
    target: str = ""
    path: str = ""
    """The path in the offline machine, for reading."""
    sha256: str = ""
    links: int = 1
    children: dict[str, Node] = field(default_factory=dict)
    streams: dict[str, StoredStream] = field(default_factory=dict)
    """Name of the attribute -> stream."""


class MountedStore:
    """A store's tree, and the files of it that are open; what cannot be is OSError with its number."""

    def __init__(self, store: OpenStore) -> None:
        self.objects = self.hidden_links = 0
        self._store = store
        self._nodes = 0
        self._linked: dict[Identity, Node] = {}
        self._files: dict[int, BinaryIO] = {}
        self._handles = 0
        self.root = self._node(stat.S_IFDIR | 0o555)
        owner = self.root
        for member in members(store, Names(str), beside=False):
            if member.kind is MemberKind.STREAM:
                self._add_stream(owner, member)
                continue
            self.objects += 1
            if member.kind is MemberKind.LINK and not member.target:
                self.hidden_links += 1
                owner = self._node(stat.S_IFLNK)  # of no use but for its streams
            else:
                owner = self._add(member)
        self._linked.clear()

    # --- the tree ---

    def _node(self, mode: int) -> Node:
        self._nodes += 1
        return Node(mode, self._nodes)

    def _add(self, member: Member) -> Node:
        parts = member.name.split("/")[1:]
        if member.kind is MemberKind.DIRECTORY:
            node = self._directory(parts)
        elif member.stream is not None:
            node = self._file(member, member.stream)
            self._directory(parts[:-1]).children[parts[-1]] = node
        else:
            node = self._node(stat.S_IFLNK | 0o777)
            node.target, node.size = member.target, len(member.target.encode())
            self._directory(parts[:-1]).children[parts[-1]] = node
        node.path = member.shown
        metadata = member.record.metadata
        node.times = _moments(metadata.times if metadata else Times())
        return node

    def _directory(self, parts: list[str]) -> Node:
        node = self.root
        for part in parts:
            found = node.children.get(part)
            if found is None:
                found = node.children[part] = self._node(stat.S_IFDIR | 0o555)
            node = found
        return node

    def _file(self, member: Member, stream: StoredStream) -> Node:
        record = member.record
        several = record.metadata is not None and record.metadata.link_count > 1
        identity = (record.volume, record.record, record.sequence, stream.sha256)
        if several and (known := self._linked.get(identity)):
            known.links += 1
            return known
        node = self._node(stat.S_IFREG | 0o444)
        node.size = record.efs.size if record.efs else stream.size
        node.stored_as, node.sha256 = stream.stored_as, stream.sha256
        if several:
            self._linked[identity] = node
        return node

    def _add_stream(self, owner: Node, member: Member) -> None:
        if member.stream is None:
            return
        stream = member.stream
        node = self._node(stat.S_IFREG | 0o444)
        node.size, node.stored_as, node.sha256 = stream.size, stream.stored_as, stream.sha256
        node.path, node.times = member.shown, owner.times
        parts = member.name.removeprefix(f"{STREAMS}/").split("/")
        self._directory([STREAM_FOLDER, *parts[:-1]]).children[parts[-1]] = node
        name = f"user.stream.{safe_name(stream.name)}"
        fits = stream.size <= LARGEST_ATTRIBUTE and len(name.encode()) <= LONGEST_ATTRIBUTE
        if fits and sum(len(each) + 1 for each in owner.streams) < ATTRIBUTES_LIMIT:
            owner.streams[name] = stream

    def find(self, path: str) -> Node:
        """Return what is at an absolute path."""
        node = self.root
        for part in path.split("/"):
            if part:
                found = node.children.get(part)
                if found is None:
                    raise _error(errno.ENOENT)
                node = found
        return node

    # --- content ---

    def open(self, path: str) -> int:
        """Open a file; return a number for ``read`` and ``close``."""
        node = self.find(path)
        if not stat.S_ISREG(node.mode):
            raise _error(errno.EISDIR if stat.S_ISDIR(node.mode) else errno.EINVAL)
        self._handles += 1
        self._files[self._handles] = self._open(node.stored_as)
        return self._handles

    def _open(self, stored_as: str) -> BinaryIO:
        try:
            return self._store.open(stored_as)
        except CorruptStoreError as error:
            raise _error(errno.EIO) from error

    def read(self, handle: int, size: int, offset: int) -> bytes:
        """Return bytes of an open file, fewer only at its end."""
        file = self._files.get(handle)
        if file is None:
            raise _error(errno.EBADF)
        return _read(file, size, offset)

    def close(self, handle: int) -> None:
        """Close a file."""
        if file := self._files.pop(handle, None):
            file.close()

    def close_all(self) -> None:
        """Close what nobody closed."""
        for handle in tuple(self._files):
            self.close(handle)

    # --- extended attributes ---

    def attribute_names(self, path: str) -> Iterator[str]:
        """Yield the names of the extended attributes."""
        node = self.find(path)
        if node.path:
            yield "user.coldstate.path"
        if node.sha256:
            yield "user.coldstate.sha256"
        yield from node.streams

    def attribute(self, path: str, name: str) -> bytes:
        """Return an extended attribute."""
        node = self.find(path)
        if name == "user.coldstate.path" and node.path:
            return printable(node.path).encode()
        if name == "user.coldstate.sha256" and node.sha256:
            return node.sha256.encode()
        if stream := node.streams.get(name):
            with self._open(stream.stored_as) as file:
                return _read(file, LARGEST_ATTRIBUTE, 0)
        raise _error(errno.ENODATA)


def _read(file: BinaryIO, size: int, offset: int) -> bytes:
    pieces: list[bytes] = []
    try:
        file.seek(offset)
        while size > 0 and (data := file.read(size)):
            pieces.append(data)
            size -= len(data)
    except CorruptStoreError as error:
        raise _error(errno.EIO) from error
    return b"".join(pieces)


def _moments(times: Times) -> tuple[int, int, int]:
    modified, accessed, changed = (
        nanoseconds(each) or 0 for each in (times.modified, times.accessed, times.changed)
    )
    return modified, accessed, changed


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
