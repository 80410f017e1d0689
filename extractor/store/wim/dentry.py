"""A node -> its directory entry, as wimlib and WIMGAPI write them.

Microsoft, "Windows Imaging File Format (WIM)": DIRENTRY, STREAMENTRY; the rules for which stream is which, hard links
and tagged items are those that wimlib documents.
"""

from __future__ import annotations

import struct
from itertools import chain

from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import DIRECTORY, ENCRYPTED, REPARSE_POINT, Node, encoded

DENTRY = struct.Struct("<QIiQ16xQQQ20sI8s3H")
"""Length, attributes, security, children, times, hash, padding, reparse or link group, streams, lengths of names."""
STREAM = struct.Struct("<Q8x20sH")
REPARSE = struct.Struct("<I2H")
LINK = struct.Struct("<Q")
TAGGED = struct.Struct("<2I")
TAG_OBJECT_ID = 1
SUBDIRECTORY = 16
"""Where in an entry the offset of its children is."""
END_OF_LIST = bytes(8)
NO_SECURITY = -1


def padding(length: int) -> bytes:
    """Return the zeros up to the next 8 bytes."""
    return bytes(-length % 8)


def pack(node: Node, name: bytes, security: int, children: int, link_group: int) -> bytes:
    """Return an entry with its streams, a multiple of 8 bytes; ``name`` is UTF-16LE, empty for the root."""
    main, streams = _streams(node)
    short = encoded(node.short_name, what="short name") if node.short_name else b""
    body = (name + b"\0\0" if name else b"") + (short + b"\0\0" if short else b"")
    body += padding(DENTRY.size + len(body))
    if node.object_id:
        body += TAGGED.pack(TAG_OBJECT_ID, len(node.object_id)) + node.object_id
        body += padding(DENTRY.size + len(body))
    if node.attributes & REPARSE_POINT:
        union = REPARSE.pack(node.reparse_tag, node.reparse_reserved, 0)
    else:
        union = LINK.pack(link_group)
    head = DENTRY.pack(
        DENTRY.size + len(body), node.attributes, security, children, node.created, node.accessed,
        node.written, main, 0, union, len(streams), len(short), len(name),
    )  # fmt: skip
    return head + body + b"".join(streams)


def _streams(node: Node) -> tuple[bytes, list[bytes]]:
    """Return the hash in the entry itself and the stream entries behind it.

    Either there is one unnamed stream and its hash is in the entry, or all have entries: reparse data, content, named.
    """
    unnamed = []
    if node.attributes & ENCRYPTED:
        unnamed.append(node.sha1)
    else:
        if node.attributes & REPARSE_POINT:
            unnamed.append(node.reparse_sha1)
        if not node.attributes & DIRECTORY:
            unnamed.append(node.sha1)
    if len(unnamed) <= 1 and not node.streams:
        return (unnamed[0] if unnamed else NO_HASH), []
    named = ((encoded(name, what="stream name"), sha1) for name, sha1 in sorted(node.streams))
    return NO_HASH, [
        _stream(name, sha1) for name, sha1 in chain(((b"", sha1) for sha1 in unnamed), named)
    ]


def _stream(name: bytes, sha1: bytes) -> bytes:
    body = name + b"\0\0" if name else b""
    length = STREAM.size + len(body)
    zeros = padding(length)
    return STREAM.pack(length + len(zeros), sha1, len(name)) + body + zeros
