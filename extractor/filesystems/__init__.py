"""Volume -> Filesystem: NTFS by our own reader, FAT and exFAT by The Sleuth Kit; lookup and walk over either.

Words defined here: an *orphan* is a file whose directory is lost (its path begins with ``$OrphanFiles``); a *link* is
an entry that stands for another file (junction, symbolic link), never followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.errors import ImageError
from extractor.filesystems.tree import ORPHANS, is_link
from extractor.model import upcase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.model import Entry
    from extractor.seams import Filesystem, Volume

__all__ = ["ORPHANS", "READABLE", "find", "is_link", "open_filesystem", "walk"]

FAT = frozenset({"fat12", "fat16", "fat32", "exfat"})
READABLE = FAT | {"ntfs"}
"""``VolumeInfo.filesystem`` of what ``open_filesystem`` can open."""


def open_filesystem(volume: Volume) -> Filesystem:
    """Open the file system of a volume; raise ImageError when it is damaged or is of a kind that cannot be read."""
    info = volume.info
    if info.filesystem == "ntfs":
        from extractor.filesystems.ntfs import NtfsFilesystem

        return NtfsFilesystem(volume)
    if info.filesystem in FAT:
        from extractor.filesystems.tsk import TskFilesystem

        return TskFilesystem(volume)
    raise ImageError(f"volume {info.id} cannot be read: {info.note or info.filesystem}")


def find(filesystem: Filesystem, parts: Sequence[str], start: Entry | None = None) -> Entry | None:
    """Return the entry at a path of names below ``start`` (the root), None when there is none.

    Names compare as Windows compares; of names that differ only by case the exact one is taken, and a short (8.3)
    name is found when no long one matches. Links are never followed.
    """
    here: Entry | None = start or filesystem.root
    for part in parts:
        here = _child(filesystem, here, part) if here else None
    return here


def _child(filesystem: Filesystem, directory: Entry, name: str) -> Entry | None:
    if is_link(directory) or not directory.directory:
        return None
    wanted = upcase(name)
    long, short = [], []
    for each in filesystem.children(directory):
        if each.name == name:
            return each
        if upcase(each.name) == wanted:
            long.append(each)
        elif each.short_name and upcase(each.short_name) == wanted:
            short.append(each)
    return next(iter(long + short), None)


def walk(filesystem: Filesystem, start: Entry) -> Iterator[Entry]:
    """Yield all that lies below ``start`` (not itself), a directory before what it holds, in a fixed order.

    Links are yielded and not followed; a directory that is met a second time (a circle, or two names) is yielded and
    not entered again.
    """
    entered = {start.record}
    todo = [iter(filesystem.children(start))]
    while todo:
        entry = next(todo[-1], None)
        if entry is None:
            todo.pop()
            continue
        yield entry
        if entry.directory and not is_link(entry) and entry.record not in entered:
            entered.add(entry.record)
            todo.append(iter(filesystem.children(entry)))
