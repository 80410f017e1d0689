"""Bytes of a store -> a file of the target that has no name yet: hashed while it is written, never half believed."""

from __future__ import annotations

import errno
from hashlib import sha256

from extractor.store.columns import StoredObject, StoredStream
from extractor.store.digest import HOLES
from extractor.store.extract.write import NOWHERE, parts_in
from extractor.store.hand import Copy, Part
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree

THE_END = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE})
"""After these no other file would fare better."""


class FailedError(Exception):
    """One object that cannot be restored; the others go on."""


def content_of(found: StoredObject) -> StoredStream:
    """Return a file's own content, as the catalog knows it."""
    return found.content or StoredStream("", found.record.size, found.record.sha256, "")


def named_streams(found: StoredObject) -> list[StoredStream]:
    """Return the named streams whose bytes are in the store."""
    return [each for each in found.streams if each.name and each.stored_as]


def fill(store: OpenStore, tree: Tree, stream: StoredStream, place: Parts) -> None:
    """Write a stream to a new file; raise FailedError for other bytes than were stored, CorruptStoreError, OSError."""
    if not stream.stored_as:
        raise FailedError(NOWHERE)
    with store.open(stream.stored_as) as source:
        copy = Copy(tree, place, holes=stream.sha256.startswith(HOLES))
        try:
            for part in parts_in(source, store.path):
                copy.take(part)
            digest = copy.finish(copy.done, None)
        except BaseException:
            copy.give_up()
            raise
    _refuse_other(digest, stream)


def read(store: OpenStore, stream: StoredStream) -> bytes:
    """Return the bytes of a small stream; raise FailedError for others than were stored, CorruptStoreError."""
    with store.open(stream.stored_as) as source:
        content = bytearray()
        for part in parts_in(source, store.path):
            if len(content) + _length(part) > stream.size:  # told small, a hole may have terabytes
                raise FailedError(f"its stream {stream.name} has more bytes than were stored")
            content += part if isinstance(part, bytes) else bytes(part.length)
    _refuse_other(sha256(content).hexdigest(), stream)
    return bytes(content)


def _length(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part.length


def _refuse_other(digest: str, stream: StoredStream) -> None:
    if digest != stream.sha256:
        which = f"the bytes of its stream {stream.name}" if stream.name else "its bytes"
        told = stream.sha256 or "none"
        raise FailedError(f"{which} are not those that were stored: SHA-256 {digest}, not {told}")
