"""One name of an image, and what WIM can say of it. Times are FILETIME; attributes are FILE_ATTRIBUTE_*."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from extractor.store.wim.format import NO_HASH

DIRECTORY = 0x10
REPARSE_POINT = 0x400
ENCRYPTED = 0x4000
_REFUSED = ("/", "\\", "\0")


@dataclass(slots=True)
class Node:
    """A directory or file under one name. WIM keeps three of the four times: there is no time of change."""

    attributes: int
    created: int = 0
    accessed: int = 0
    written: int = 0
    sha1: bytes = NO_HASH
    """The unnamed stream; of an encrypted file, its raw data ([MS-EFSR]); zeros when it is empty."""
    short_name: str = ""
    security: bytes | None = None
    """A self-relative security descriptor ([MS-DTYP] 2.4.6)."""
    streams: tuple[tuple[str, bytes], ...] = ()
    """Named streams and their SHA-1; an encrypted file has them in its raw data instead."""
    reparse_tag: int = 0
    reparse_reserved: int = 0
    reparse_sha1: bytes = NO_HASH
    """The reparse data that follows tag, length and reserved; a GUID of its owner is part of it."""
    link_group: int = 0
    """The same for all hard links of a file and for no other file of the image; 0 when it has one name."""
    object_id: bytes = b""
    """16 to 64 bytes: the object ID, then birth volume, birth object and domain."""

    @property
    def is_directory(self) -> bool:
        """True when it may have children."""
        return bool(self.attributes & DIRECTORY)


Parts = tuple[str, ...]
"""The names from the root of the image down; () is the root itself."""
Row = tuple[Parts, Node]


class Image(NamedTuple):
    """What the XML says of an image, and its rows, depth first: each directory before what it holds."""

    name: str
    rows: Iterable[Row]
    description: str = ""
    created: int = 0
    """FILETIME."""
    flags: str = ""


def check(node: Node) -> None:
    """Raise ValueError when WIM cannot say this of one name."""
    if node.attributes & REPARSE_POINT and node.link_group:
        raise ValueError("WIM has no hard links of a reparse point")
    if node.attributes & ENCRYPTED and (node.streams or node.reparse_sha1 != NO_HASH):
        raise ValueError("an encrypted file has its streams in its raw data")
    if node.object_id and not 16 <= len(node.object_id) <= 64:
        raise ValueError("an object ID has 16 to 64 bytes")


def encoded(name: str, *, what: str = "name") -> bytes:
    """Return a name in UTF-16LE, lone surrogates as they are; raise ValueError for what no WIM tool takes."""
    if name in ("", ".", "..") or any(sign in name for sign in _REFUSED):
        raise ValueError(f"the {what} {name!r} cannot be one in a WIM")
    raw = name.encode("utf-16-le", "surrogatepass")
    if len(raw) > 0xFFFE:
        raise ValueError(f"a {what} of {len(raw) // 2} characters is too long for a WIM")
    return raw


def hashes_of(node: Node) -> Iterator[bytes]:
    """Yield the blobs that a node refers to; empty streams have none."""
    for sha1 in (node.sha1, node.reparse_sha1, *(sha1 for _, sha1 in node.streams)):
        if sha1 != NO_HASH:
            yield sha1
