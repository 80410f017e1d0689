"""Two readers of one volume compared: names, streams, sizes, content. Each difference that is understood says why.

The tests hold our NTFS reader against The Sleuth Kit with it; no run calls it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from extractor.errors import EncryptedError, SourceError, UnsupportedError
from extractor.filesystems import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extractor.model import Entry, Metadata, StreamInfo
    from extractor.seams import Filesystem, Stream

WHOLE = 64 << 20
"""Bytes up to which a stream is read whole; of a larger one only the parts that hold data."""
PIECE = 1 << 20
LONGEST_NAME = 255
SPARSE_LIMIT = 1 << 42
"""From here on The Sleuth Kit takes a sparse stream for empty (measured with 8 TiB)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which two readers disagree; ``reason`` is empty when it is not understood."""

    record: int
    path: tuple[str, ...]
    what: str
    """entry, name, metadata, streams, size or content."""
    first: str
    second: str
    reason: str = ""


def compare(first: Filesystem, second: Filesystem) -> list[Difference]:
    """Return every difference between two readers' views of one volume, ``first`` being the trusted one.

    Compared are entries (record and name), the names and sizes of streams, and the content of every stream.
    """
    mine, theirs = _listing(first), _listing(second)
    pairs = [(mine[key], theirs[key]) for key in sorted(mine.keys() & theirs.keys())]
    differences = []
    left, right = _by_record(mine, theirs), _by_record(theirs, mine)
    for record in sorted(left.keys() | right.keys()):
        ours, others = left.get(record, []), right.get(record, [])
        misspelt = list(zip(ours, others, strict=False))
        pairs += misspelt
        differences += [_misspelt(first, *each) for each in misspelt]
        differences += [_missing(first, each, "listed", "absent") for each in ours[len(misspelt) :]]
        differences += [
            _missing(second, each, "absent", "listed") for each in others[len(misspelt) :]
        ]
    for ours_of_it, theirs_of_it in pairs:
        differences += _differences(first, second, ours_of_it, theirs_of_it)
    return differences


def _listing(filesystem: Filesystem) -> dict[tuple[int, str], Entry]:
    return {(each.record, each.name): each for each in walk(filesystem, filesystem.root)}


def _by_record(
    entries: dict[tuple[int, str], Entry], known: dict[tuple[int, str], Entry]
) -> dict[int, list[Entry]]:
    """Return the entries that the other listing does not have, by record."""
    found: dict[int, list[Entry]] = {}
    for key in sorted(entries.keys() - known.keys()):
        found.setdefault(key[0], []).append(entries[key])
    return found


def spelled(name: str) -> str:
    """Return a name with what The Sleuth Kit cannot say (controls, lone surrogates) as ``^``, its own sign."""
    return "".join("^" if _unsayable(each) else each for each in name)


def _unsayable(character: str) -> bool:
    return ord(character) < 0x20 or 0xD800 <= ord(character) <= 0xDFFF


def _name_reason(name: str) -> str:
    """Return why The Sleuth Kit cannot give a name as it is; measured on the hostile sample image."""
    if name in (".", ".."):
        return "The Sleuth Kit takes a file of this name for the directory itself"
    if any(map(_unsayable, name)):
        return "The Sleuth Kit cannot spell control characters, NUL and lone surrogates"
    if len(name.encode("utf-8")) >= LONGEST_NAME:
        return f"The Sleuth Kit cuts names at {LONGEST_NAME} bytes of UTF-8"
    return ""


def _misspelt(filesystem: Filesystem, mine: Entry, theirs: Entry) -> Difference:
    path = filesystem.path(mine)
    return Difference(mine.record, path, "name", mine.name, theirs.name, _name_reason(mine.name))


def _missing(filesystem: Filesystem, entry: Entry, first: str, second: str) -> Difference:
    reason = _name_reason(entry.name)
    return Difference(entry.record, filesystem.path(entry), "entry", first, second, reason)


def _differences(
    first: Filesystem, second: Filesystem, mine: Entry, theirs: Entry
) -> Iterator[Difference]:
    path = first.path(mine)
    try:
        known, other = first.metadata(mine), second.metadata(theirs)
    except SourceError as error:
        yield Difference(mine.record, path, "metadata", "", "", str(error))
        return
    streams = {spelled(each.name): each for each in known.streams}
    others = {spelled(each.name): each for each in other.streams}
    if streams.keys() != others.keys():
        reason = _stream_reason(known, streams.keys() ^ others.keys())
        shown = ", ".join(sorted(streams)), ", ".join(sorted(others))
        yield Difference(mine.record, path, "streams", *shown, reason)
    for name in sorted(streams.keys() & others.keys()):
        found = _stream_difference(first, second, (mine, theirs), (streams[name], others[name]))
        yield from (Difference(mine.record, path, *each) for each in found)


def _stream_reason(metadata: Metadata, names: Iterable[str]) -> str:
    overlaid = any(stream.wof for stream in metadata.streams)
    if overlaid and set(names) == {"WofCompressedData"}:
        return "Windows hides the storage of an overlaid (WOF) file; The Sleuth Kit does not"
    return ""


def _stream_difference(
    first: Filesystem,
    second: Filesystem,
    entries: tuple[Entry, Entry],
    infos: tuple[StreamInfo, StreamInfo],
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (what, first, second, reason) when one stream differs."""
    info = infos[0]
    try:
        mine = first.open(entries[0], info.name)
    except (UnsupportedError, EncryptedError) as error:
        yield "content", "refused", "read", str(error)
        return
    except SourceError as error:
        yield "content", str(error), "", ""
        return
    try:
        theirs = second.open(entries[1], infos[1].name)
        if mine.size != theirs.size:
            yield "size", str(mine.size), str(theirs.size), _size_reason(info)
            return
        ranges = list(_ranges(mine))
        digests = _digest(mine, ranges), _digest(theirs, ranges)
    except SourceError as error:
        yield "content", "", str(error), ""
        return
    if digests[0] != digests[1]:
        yield "content", *digests, _content_reason(info)


def _size_reason(info: StreamInfo) -> str:
    if info.sparse and info.size >= SPARSE_LIMIT:
        return "The Sleuth Kit takes a sparse stream of this size for empty"
    return ""


def _content_reason(info: StreamInfo) -> str:
    return "The Sleuth Kit gives zeros for an overlaid (WOF) file" if info.wof else ""


def _ranges(stream: Stream) -> Iterable[tuple[int, int]]:
    return [(0, stream.size)] if stream.size <= WHOLE else stream.extents()


def _digest(stream: Stream, ranges: Iterable[tuple[int, int]]) -> str:
    digest = hashlib.sha256()
    pieces = chain.from_iterable(_pieces(offset, length) for offset, length in ranges)
    for offset, length in pieces:
        digest.update(stream.read_at(offset, length))
    return digest.hexdigest()


def _pieces(offset: int, length: int) -> Iterator[tuple[int, int]]:
    for start in range(offset, offset + length, PIECE):
        yield start, min(PIECE, offset + length - start)
