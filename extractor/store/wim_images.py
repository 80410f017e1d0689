"""A finished catalog -> the rows of a WIM's two images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from uuid import UUID

from extractor.errors import CorruptStoreError
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_ENCRYPTED,
    FILE_ATTRIBUTE_REPARSE_POINT,
    Metadata,
    ObjectKind,
    Times,
    WinPath,
    printable,
    upcase,
)
from extractor.store.catalog import Catalog
from extractor.store.columns import StoredObject, path_of
from extractor.store.place import BLOB
from extractor.store.safe_name import drive_name, safe_name, twin_name
from extractor.store.wim.format import NO_HASH
from extractor.store.wim.node import Node, Parts, Row
from extractor.store.wim.writer import EMPTY

_WHERE = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"
_LINKED = f"""
SELECT volume, record, sequence FROM objects WHERE {_WHERE} AND kind = 'file' AND link_count > 1
GROUP BY volume, record, sequence HAVING count(*) > 1 ORDER BY volume, record, sequence
"""  # noqa: S608  a constant
_IN_ORDER = "tree_key(volume, path_utf16, name_lengths), kind = 'directory'"
"""What has the very name of a directory comes before it, so that the directory's own rows follow it."""
_REFUSED = frozenset("/\\\0")
_LONGEST_SHORT_NAME = 12
_OF_THE_DISK = 0x30000000
"""Bits that NTFS keeps beside the attributes and Windows refuses to be given."""
_SPECIAL = frozenset({0x80000014, 0x8000001B})
"""Tags of files that are nothing but their reparse data: a special file of NFS, an app's alias.

Other tags that are no link say how or where content is kept (WOF, a cloud); a file in a store has its content. WSL's
sockets, pipes and devices are empty files: libntfs-3g refuses their tags, and wimapply would end there.
"""

AddBytes = Callable[[bytes], bytes]
"""Puts bytes into the WIM and returns their SHA-1."""


def user_state_rows(catalog: Catalog, add: AddBytes) -> Iterator[Row]:
    """Yield image 1: each stored directory, file and link below its drive, depth first.

    Directories on the way that were not stored are there without anything but a name. What no name of a WIM can be,
    or no stream's, is written as in the directory store; a name that is there twice gets ``~`` and a hash.
    """
    with catalog.translated():
        catalog.connection.create_function("tree_key", 3, _tree_key, deterministic=True)
        linked = {
            tuple(row): number for number, row in enumerate(catalog.connection.execute(_LINKED), 1)
        }
    yield (), Node(FILE_ATTRIBUTE_DIRECTORY)
    yield from _with_parents(
        (each.record.path, each.record.volume, _node(each, linked, add))
        for each in catalog.objects(_WHERE, _IN_ORDER)
    )


def _with_parents(rows: Iterator[tuple[WinPath, str, Node]]) -> Iterator[Row]:
    """Yield rows with the directories on the way, and names made fit for a WIM."""
    exact: list[str] = []
    names: list[str] = []
    taken: list[set[str]] = [set()]
    for path, volume, node in rows:
        wanted = [drive_name(path.drive, volume), *path.parts]
        same = _common(exact, wanted)
        del exact[same:], names[same:], taken[same + 1 :]
        for depth in range(same, len(wanted)):
            exact.append(wanted[depth])
            names.append(_fit(wanted[depth], taken[-1], path))
            taken.append(set())
            last = depth == len(wanted) - 1
            yield tuple(names), node if last else Node(FILE_ATTRIBUTE_DIRECTORY)
        if not _may_hold(node):  # of a damaged disk: what has its name, and rows below, is another
            del exact[-1], names[-1], taken[-1]


def _may_hold(node: Node) -> bool:
    """Tell whether rows may lie below one: never below a link, through which a tool would write elsewhere."""
    return node.is_directory and not node.attributes & FILE_ATTRIBUTE_REPARSE_POINT


def _common(exact: list[str], wanted: list[str]) -> int:
    """Return how many leading names are those of the row before; a row is never all of it."""
    same = 0
    for mine, theirs in zip(exact, wanted[:-1], strict=False):
        if mine != theirs:
            break
        same += 1
    return same


def _fit(name: str, taken: set[str], path: WinPath) -> str:
    """Return what a WIM can call a name or a stream of ``path``, and add it to what is ``taken`` beside it."""
    fit = safe_name(name) if not name or name in {".", ".."} or _REFUSED & set(name) else name
    turn = len(taken)
    while fit in taken:
        fit = twin_name(safe_name(name), f"{path}\0{turn}".encode("utf-8", "surrogatepass"))
        turn += 1
    taken.add(fit)
    return fit


def _tree_key(volume: str, path: bytes, lengths: str) -> bytes:
    """Return a key that sorts paths depth first, each name as Windows sorts: upcased, then exact."""
    found = path_of(path, lengths)
    names = (drive_name(found.drive, volume), *found.parts)
    return b"".join(_utf16(upcase(name)) + b"\0\0" + _utf16(name) + b"\0\0" for name in names)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _node(each: StoredObject, linked: Mapping[tuple[object, ...], int], add: AddBytes) -> Node:
    record, metadata = each.record, each.record.metadata or Metadata(0, Times())
    times = metadata.times
    node = Node(
        _attributes(each, metadata),
        times.created, times.accessed, times.modified,
        short_name=_short(record.short_name),
        security=metadata.security or None,
        object_id=_object_id(metadata.object_id),
    )  # fmt: skip
    _add_streams(node, each, metadata, add)
    if record.kind is ObjectKind.FILE and not node.attributes & FILE_ATTRIBUTE_REPARSE_POINT:
        node.link_group = linked.get((record.volume, record.record, record.sequence), 0)
    return node


def _add_streams(node: Node, each: StoredObject, metadata: Metadata, add: AddBytes) -> None:
    hashes = {
        stream.name: named_blob(stream.stored_as)
        for stream in each.streams
        if stream.stored_as.startswith(BLOB)
    }
    node.sha1 = hashes.pop("", NO_HASH)
    if not node.attributes & FILE_ATTRIBUTE_ENCRYPTED:
        taken: set[str] = set()
        node.streams = tuple(
            (_fit(name, taken, each.record.path), sha1)
            for name, sha1 in sorted(hashes.items(), key=_name)
        )
    if node.attributes & FILE_ATTRIBUTE_REPARSE_POINT and metadata.reparse:
        node.reparse_tag = metadata.reparse.tag
        node.reparse_sha1 = add(metadata.reparse.data) if metadata.reparse.data else NO_HASH


def _attributes(each: StoredObject, metadata: Metadata) -> int:
    """Return what the node is in the WIM: encrypted only where the bytes are, a reparse point only where it is one."""
    found = metadata.attributes & ~(
        FILE_ATTRIBUTE_DIRECTORY
        | FILE_ATTRIBUTE_ENCRYPTED
        | FILE_ATTRIBUTE_REPARSE_POINT
        | _OF_THE_DISK
    )
    record, reparse = each.record, metadata.reparse
    if record.efs and record.efs.form == "raw":
        found |= FILE_ATTRIBUTE_ENCRYPTED  # and nothing else can be said of it
    elif reparse and (record.kind is ObjectKind.LINK or reparse.tag in _SPECIAL):
        found |= FILE_ATTRIBUTE_REPARSE_POINT
    if record.kind is ObjectKind.DIRECTORY or metadata.attributes & FILE_ATTRIBUTE_DIRECTORY:
        found |= FILE_ATTRIBUTE_DIRECTORY
    return found


def named_blob(stored_as: str) -> bytes:
    """Return the SHA-1 that a row names, zeros for the empty one as in a WIM; raise CorruptStoreError for no blob."""
    with suppress(ValueError):
        sha1 = bytes.fromhex(stored_as.removeprefix(BLOB))
        if stored_as.startswith(BLOB) and len(sha1) == len(NO_HASH):
            return NO_HASH if sha1 == EMPTY.sha1 else sha1
    raise CorruptStoreError(f"{printable(stored_as)} is no blob of a WIM")


def _name(stream: tuple[str, bytes]) -> bytes:
    return _utf16(stream[0])


def _short(name: str) -> str:
    fine = name.isascii() and len(name) <= _LONGEST_SHORT_NAME and not _REFUSED & set(name)
    return name if fine and name not in {".", ".."} else ""


def _object_id(text: str) -> bytes:
    try:
        return UUID(text).bytes_le if text else b""
    except ValueError:
        return b""


def settings_rows(files: Mapping[str, tuple[bytes, int]]) -> Iterator[Row]:
    """Yield image 2: the files of ``open-catalog`` by their SHA-1 and size."""
    yield (), Node(FILE_ATTRIBUTE_DIRECTORY)
    seen: set[Parts] = set()
    for name, (sha1, size) in sorted(files.items(), key=lambda each: each[0].split("/")):
        parts = tuple(name.split("/"))
        for depth in range(1, len(parts)):
            if parts[:depth] not in seen:
                seen.add(parts[:depth])
                yield parts[:depth], Node(FILE_ATTRIBUTE_DIRECTORY)
        yield parts, Node(0x80, sha1=sha1 if size else NO_HASH)
