"""The metadata of an image -> its rows, believing nothing that it says.

Each entry that is met has bytes of its own, so entries that together have more bytes than the metadata lie over each
other or go round in a circle: that is refused, and bounds time whatever the offsets are. Memory holds the way down
and a few KiB of the list that is being read.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

from extractor.errors import CorruptStoreError
from extractor.store.wim.blob import BlobReader
from extractor.store.wim.dentry import (
    DENTRY,
    LINK,
    NO_SECURITY,
    REPARSE,
    STREAM,
    TAG_OBJECT_ID,
    TAGGED,
)  # fmt: skip
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import ENCRYPTED, REPARSE_POINT, Node, Parts, Row
from extractor.store.wim.security import HEAD

DEEPEST = 16384
"""Names in a path: as many as Windows' longest path has."""
_LONGEST = 1 << 20
"""Bytes of the largest entry or security descriptor that is read."""
_AHEAD = 4096
_FURTHER = 65536
_LENGTH = struct.Struct("<Q")
_FORBIDDEN = ("\0", "/", "\\")


def _corrupt(what: str) -> CorruptStoreError:
    return CorruptStoreError(f"the metadata of an image of the WIM is damaged: {what}")


class _Cursor:
    """Bytes in order, from one place of the metadata on."""

    def __init__(self, source: BlobReader, at: int) -> None:
        self._source = source
        self.at = at
        self._block = b""
        self._start = at
        self._ahead = _AHEAD

    def peek(self, length: int) -> bytes:
        """Return the next bytes without passing them."""
        skip = self.at - self._start
        if len(self._block) - skip < length:
            self._start, skip = self.at, 0
            self._block = self._source.read_at(self.at, max(length, self._ahead))
            self._ahead = _FURTHER
        if len(self._block) - skip < length:
            raise _corrupt("an entry reaches beyond the end")
        return self._block[skip : skip + length]


class _Security:
    """The descriptors, read when they are asked for."""

    def __init__(self, source: BlobReader) -> None:
        self._source = source
        head = source.read_at(0, HEAD.size)
        if len(head) < HEAD.size:
            raise _corrupt("it has no table of security descriptors")
        total, count = HEAD.unpack(head)
        self.end = max(total + 7 & ~7, HEAD.size)
        if self.end > source.size or count > (self.end - HEAD.size) // 8:
            raise _corrupt("the table of security descriptors does not fit")
        self._ends = array("Q")
        at = HEAD.size + 8 * count
        sizes = source.read_at(HEAD.size, 8 * count)
        for (size,) in _LENGTH.iter_unpack(sizes):
            at += size
            if at > self.end or size > _LONGEST:
                raise _corrupt("a security descriptor does not fit")
            self._ends.append(at)
        self._first = HEAD.size + 8 * count
        self._last: tuple[int, bytes | None] = NO_SECURITY, None

    def find(self, number: int) -> bytes | None:
        """Return a descriptor, None for number -1."""
        if number == NO_SECURITY:
            return None
        if number != self._last[0]:
            if not 0 <= number < len(self._ends):
                raise _corrupt(f"there is no security descriptor {number}")
            start = self._ends[number - 1] if number else self._first
            self._last = number, self._source.read_at(start, self._ends[number] - start)
        return self._last[1]


class Walk:
    """One pass over an image."""

    def __init__(self, source: BlobReader) -> None:
        self._source = source
        self._security = _Security(source)
        self._left = source.size - self._security.end
        """Bytes that entries may still have."""

    def rows(self) -> Iterator[Row]:
        """Yield the root and everything below it, each directory before what it holds."""
        cursor = _Cursor(self._source, self._security.end)
        found = self._next(cursor)
        if found is None or not found[1].is_directory or found[0]:
            raise _corrupt("it has no root")
        _, root, children = found
        yield (), root
        path: list[tuple[Parts, _Cursor, set[str]]] = []
        self._enter(path, (), root, children)
        while path:
            parts, cursor, names = path[-1]
            found = self._next(cursor)
            if found is None:
                path.pop()
                continue
            name, node, children = found
            if name in ("", ".", "..") or any(sign in name for sign in _FORBIDDEN) or name in names:
                raise _corrupt(f"a directory has the name {name!r}, or has it twice")
            names.add(name)
            yield (*parts, name), node
            self._enter(path, (*parts, name), node, children)

    def _enter(
        self, path: list[tuple[Parts, _Cursor, set[str]]], parts: Parts, node: Node, children: int
    ) -> None:
        if not children:
            return
        if not node.is_directory:
            raise _corrupt("a file has children")
        if children < self._security.end or children % 8 or len(path) >= DEEPEST:
            raise _corrupt("a directory lies where none can be, or too deep")
        path.append((parts, _Cursor(self._source, children), set()))

    def _pass(self, cursor: _Cursor, length: int) -> None:
        cursor.at += length
        self._left -= length
        if self._left < 0:
            raise _corrupt("directories lie over each other, or in each other")

    def _next(self, cursor: _Cursor) -> tuple[str, Node, int] | None:
        """Return the next entry of a list and where its children are; None at the end of the list."""
        (length,) = _LENGTH.unpack(cursor.peek(8))
        if not length:
            self._pass(cursor, 8)
            return None
        if not DENTRY.size <= length <= _LONGEST:
            raise _corrupt(f"an entry has {length} bytes")
        raw = cursor.peek(length)
        self._pass(cursor, length + 7 & ~7)
        (
            _, attributes, security, children, created, accessed, written, main, _, union, streams,
            short_length, name_length,
        ) = DENTRY.unpack_from(raw)  # fmt: skip
        name, short, tagged = _names(raw, name_length, short_length)
        node = Node(attributes, created, accessed, written, short_name=short)
        node.security = self._security.find(security)
        node.object_id = _object_id(tagged)
        if attributes & REPARSE_POINT:
            node.reparse_tag, node.reparse_reserved, _ = REPARSE.unpack(union)
        else:
            (node.link_group,) = LINK.unpack(union)
        self._streams(cursor, node, main, streams)
        return name, node, children

    def _streams(self, cursor: _Cursor, node: Node, main: bytes, count: int) -> None:
        unnamed = [main] if main != NO_HASH else []
        named = []
        for _ in range(count):
            length, sha1, name_length = STREAM.unpack(cursor.peek(STREAM.size))
            if not STREAM.size + name_length <= length <= _LONGEST:
                raise _corrupt(f"a stream has an entry of {length} bytes")
            raw = cursor.peek(length)
            self._pass(cursor, length + 7 & ~7)
            if name_length:
                named.append((_text(raw[STREAM.size : STREAM.size + name_length]), sha1))
            else:
                unnamed.append(sha1)
        node.streams = tuple(named)
        if node.attributes & REPARSE_POINT and not node.attributes & ENCRYPTED and unnamed:
            node.reparse_sha1 = unnamed.pop(0)
        node.sha1 = next((sha1 for sha1 in unnamed if sha1 != NO_HASH), NO_HASH)


def _names(raw: bytes, name_length: int, short_length: int) -> tuple[str, str, bytes]:
    """Return name, short name, and what follows them."""
    name_end = DENTRY.size + name_length
    short_start = name_end + 2 if name_length else name_end
    short_end = short_start + short_length
    if short_end > len(raw):
        raise _corrupt("a name does not fit into its entry")
    rest = short_end + (2 if short_length else 0)
    return (
        _text(raw[DENTRY.size : name_end]),
        _text(raw[short_start:short_end]),
        raw[rest + 7 & ~7 :],
    )


def _text(raw: bytes) -> str:
    if len(raw) % 2:
        raise _corrupt("a name is half a character long")
    return raw.decode("utf-16-le", "surrogatepass")


def _object_id(tagged: bytes) -> bytes:
    """Return the object ID among the tagged items, empty when there is none."""
    at = 0
    while at + TAGGED.size <= len(tagged):
        tag, length = TAGGED.unpack_from(tagged, at)
        at += TAGGED.size
        if length > len(tagged) - at:
            break
        if tag == TAG_OBJECT_ID:
            return tagged[at : at + length] if 16 <= length <= 64 else b""
        at += length + 7 & ~7
    return b""
