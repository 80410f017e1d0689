"""Image 1 of ``store.wim`` -> rows of a catalog: what WIM says of each name, and the SHA-256 of what it holds.

Not there: whose it was, which rule took it, the fourth time and those of the name, where it lay on its volume, what was
left out. Names that no WIM can hold stay as the image has them. A folder of which the image knows nothing but its name,
and that holds something, was only on the way to that and has no row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import chain, pairwise
from typing import NamedTuple
from uuid import UUID

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.reparse import parse_reparse
from extractor.filesystems.sddl import sddl
from extractor.model import (
    FILE_ATTRIBUTE_ENCRYPTED,
    FILE_ATTRIBUTE_REPARSE_POINT,
    EfsFile,
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    Reparse,
    StreamInfo,
    StreamRecord,
    Times,
    WinPath,
)
from extractor.store.place import BLOB
from extractor.store.repair.archive import Archive, Content
from extractor.store.safe_name import original_name
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import Node, Parts, Row
from extractor.store.wim.writer import EMPTY

TREE = "tree"
"""``stored_as`` of a directory."""
DAMAGED = "its bytes in store.wim are damaged"
EFS_UNKNOWN = "made anew from store.wim: who can open it, only its raw data tells"
_VOLUME = "Volume-"
_END: Row = ((), Node(0))


class Made(NamedTuple):
    """A row that was made anew."""

    record: Record
    streams_as: Mapping[str, str]
    lost: tuple[str, ...] = ()
    """Names of streams that are damaged, empty for the content itself."""


class _Stream(NamedTuple):
    sha1: bytes
    content: Content | None
    """None when it is damaged."""


def rows_of(archive: Archive) -> Iterator[Made]:
    """Yield a row for each name of image 1; raise CorruptStoreError where the image is damaged."""
    names = Counter(node.link_group for _, node in archive.rows())
    for (parts, node), (below, _) in pairwise(chain(archive.rows(), (_END,))):
        if parts and not _is_way(parts, node, below):
            yield _made(archive, parts, node, names[node.link_group] if node.link_group else 1)


def _is_way(parts: Parts, node: Node, below: Parts) -> bool:
    """Tell whether a folder is only on the way to what comes next."""
    told = node.created or node.written or node.accessed or node.security or node.streams
    return node.is_directory and not told and below[: len(parts)] == parts


def _made(archive: Archive, parts: Parts, node: Node, names: int) -> Made:
    kind, (path, volume) = _kind(node), place_of(parts)
    streams = _streams(archive, node, kind)
    kept = {name: BLOB + (stream.sha1 if stream.sha1 != NO_HASH else EMPTY.sha1).hex()
            for name, stream in streams.items() if stream.content}  # fmt: skip
    lost = tuple(name for name in streams if name not in kept)
    own = streams[""].content if "" in streams else None
    record = Record(
        kind, path, volume,
        user="",
        outcome=OutcomeKind.NOT_STORED if "" in lost else OutcomeKind.STORED,
        reason=DAMAGED if "" in lost else "",
        size=own.size if own else 0,
        sha256=own.sha256 if own else "",
        streams=tuple(_recorded(name, each.content) for name, each in streams.items() if name),
        record=node.link_group,
        stored_as=TREE if kind is ObjectKind.DIRECTORY else kept.get("", ""),
        short_name=node.short_name,
        metadata=metadata_of(archive, node, names, streams),
        efs=_efs(node, own),
    )  # fmt: skip
    return Made(record, kept, lost)


def _kind(node: Node) -> ObjectKind:
    if node.attributes & FILE_ATTRIBUTE_REPARSE_POINT:
        return ObjectKind.LINK
    return ObjectKind.DIRECTORY if node.is_directory else ObjectKind.FILE


def place_of(parts: Parts) -> tuple[WinPath, str]:
    """Return the path and the volume that names of image 1 stand for; a drive's volume is not known."""
    first = parts[0].removesuffix("$")
    if first.startswith(_VOLUME):
        volume = original_name(first).removeprefix(_VOLUME)
        return WinPath(volume, parts[1:]), volume
    return WinPath(f"{first}:", parts[1:]), ""


def _streams(archive: Archive, node: Node, kind: ObjectKind) -> dict[str, _Stream]:
    """Return what a node holds by the names of its streams, each read and hashed."""
    own = kind is ObjectKind.FILE or node.sha1 != NO_HASH
    named = (("", node.sha1), *node.streams) if own else node.streams
    return {name: _Stream(sha1, archive.find(sha1)) for name, sha1 in named}


def _recorded(name: str, content: Content | None) -> StreamRecord:
    return StreamRecord(name, *content) if content else StreamRecord(name, 0)


def metadata_of(
    archive: Archive, node: Node, names: int, streams: Mapping[str, _Stream]
) -> Metadata:
    """Return what a node says of an object but for its content."""
    encrypted = bool(node.attributes & FILE_ATTRIBUTE_ENCRYPTED)
    sizes = {} if node.is_directory else {"": 0}  # a link that is a file has an empty content
    sizes |= {name: each.content.size if each.content else 0 for name, each in streams.items()}
    return Metadata(
        node.attributes,
        Times(created=node.created, modified=node.written, accessed=node.accessed),
        streams=tuple(
            StreamInfo(name, size, allocated=size, valid=size, encrypted=encrypted)
            for name, size in sizes.items()
        ),
        security=node.security or b"",
        sddl=sddl_of(node.security),
        reparse=reparse_of(archive, node),
        link_count=names,
        object_id=object_id_of(node),
    )


def sddl_of(security: bytes | None) -> str:
    """Return a descriptor as text; empty for none, and for one that makes no sense."""
    try:
        return sddl(security) if security else ""
    except DamagedError:
        return ""


def object_id_of(node: Node) -> str:
    """Return the GUID of an object; empty when it has none."""
    return str(UUID(bytes_le=node.object_id[:16])) if node.object_id else ""


def reparse_of(archive: Archive, node: Node) -> Reparse | None:
    """Return a reparse point; without data and target where these are damaged."""
    if not node.attributes & FILE_ATTRIBUTE_REPARSE_POINT:
        return None
    data = BytesIO()
    if not archive.copy_blob(node.reparse_sha1, data):
        return Reparse(node.reparse_tag, b"")
    return reparse_with(node.reparse_tag, data.getvalue())


def reparse_with(tag: int, data: bytes) -> Reparse:
    """Return a reparse point with its target, where its data tells of one."""
    guid = 0 if tag & 0x80000000 else 16  # of an owner who is not Microsoft; it is part of the data
    head = tag.to_bytes(4, "little") + max(len(data) - guid, 0).to_bytes(4, "little")
    try:
        return parse_reparse(head + data)
    except DamagedError:
        return Reparse(tag, data)


def _efs(node: Node, own: Content | None) -> EfsFile | None:
    if not node.attributes & FILE_ATTRIBUTE_ENCRYPTED or not own:
        return None
    return EfsFile("raw", own.size, (), "unknown", EFS_UNKNOWN)
