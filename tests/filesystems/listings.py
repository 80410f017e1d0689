"""Two readers' listings of one volume compared: names, streams, sizes. Each difference that is understood says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import SourceError
from extractor.filesystems import walk
from extractor.filesystems.tsk import spelled, unsayable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extractor.model import Entry, Metadata, StreamInfo
    from extractor.seams import Filesystem

LONGEST_NAME = 255
SPARSE_LIMIT = 1 << 42
"""From here on The Sleuth Kit takes a sparse stream for empty (measured with 8 TiB)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which two readers disagree; ``reason`` is empty when it is not understood."""

    record: int
    path: tuple[str, ...]
    what: str
    """entry, name, metadata, streams or size."""
    first: str
    second: str
    reason: str = ""


def compare(first: Filesystem, second: Filesystem) -> list[Difference]:
    """Return every difference between two readers' views of one volume, ``first`` being the trusted one.

    Compared are entries (record and name), and the names and sizes of streams.
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


def _name_reason(name: str) -> str:
    """Return why The Sleuth Kit cannot give a name as it is; measured on the hostile sample image."""
    if name in (".", ".."):
        return "The Sleuth Kit takes a file of this name for the directory itself"
    if any(map(unsayable, name)):
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
        sizes = streams[name].size, others[name].size
        if sizes[0] != sizes[1]:
            reason, (ours, other_size) = _size_reason(streams[name]), sizes
            yield Difference(mine.record, path, "size", str(ours), str(other_size), reason)


def _stream_reason(metadata: Metadata, names: Iterable[str]) -> str:
    overlaid = any(stream.wof for stream in metadata.streams)
    if overlaid and set(names) == {"WofCompressedData"}:
        return "Windows hides the storage of an overlaid (WOF) file; The Sleuth Kit does not"
    return ""


def _size_reason(info: StreamInfo) -> str:
    if info.sparse and info.size >= SPARSE_LIMIT:
        return "The Sleuth Kit takes a sparse stream of this size for empty"
    return ""
