"""From a scan's names to entries: a DOS name joins the long name it belongs to; a hard link is an entry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.filesystems.ntfs.records import NUMBER
from extractor.filesystems.ntfs.wof import TAG as WOF
from extractor.filesystems.tree import Tree, is_link
from extractor.model import Damage, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.filesystems.ntfs.records import FileName
    from extractor.filesystems.ntfs.scan import Scan

ROOT = 5
WIN32, DOS = 1, 2


def plant(scan: Scan) -> tuple[Tree, list[Damage]]:
    """Return the tree of all names, and a Damage for every orphan: its own bytes are whole, its place is lost."""
    # Without its root record a volume still has a root: every file there points to record 5.
    scan.sequences.setdefault(ROOT, ROOT)
    scan.directories.add(ROOT)
    root = Entry(ROOT, scan.sequences[ROOT], ROOT, "", directory=True)
    entries: list[Entry] = []
    strays: set[Entry] = set()
    links: set[int] = set()
    for reference, names in scan.names.items():
        for entry, parent in _entries(scan, reference, names):
            entries.append(entry)
            if not _is_directory(scan, parent):
                strays.add(entry)
            if is_link(entry):
                links.add(entry.record)
    tree = Tree(root, entries, lambda each: each not in strays and each.parent not in links)
    return tree, [_orphaned(entry, links) for entry in tree.orphans]


def _is_directory(scan: Scan, reference: int) -> bool:
    """Tell whether a parent reference still means the directory it was made for.

    Sequence 0 is not checked, nor the root's: its record is never used for anything else.
    """
    number, sequence = reference & NUMBER, reference >> 48
    if number == ROOT:
        return True
    return number in scan.directories and sequence in (0, scan.sequences[number])


def _entries(scan: Scan, reference: int, names: Sequence[FileName]) -> Iterator[tuple[Entry, int]]:
    """Yield each entry of one record with the file reference of its parent."""
    number, sequence = reference & NUMBER, reference >> 48
    short = {each.parent: each for each in names if each.namespace == DOS}
    # WOF's tag is hidden by Windows itself: to every program the file is an ordinary one.
    tag = scan.tags.get(reference, 0)
    for name in names:
        if number == ROOT or (name.namespace == DOS and _has_long(name, names)):
            continue
        alias = short.get(name.parent) if name.namespace == WIN32 else None
        entry = Entry(
            number,
            sequence,
            name.parent & NUMBER,
            name.name,
            directory=number in scan.directories,
            short_name=alias.name if alias else "",
            reparse_tag=0 if tag == WOF else tag,
        )
        yield entry, name.parent


def _has_long(short: FileName, names: Sequence[FileName]) -> bool:
    return any(each.namespace == WIN32 and each.parent == short.parent for each in names)


def _orphaned(entry: Entry, links: set[int]) -> Damage:
    where = "a link" if entry.parent in links else "lost"
    reason = f"its directory (file record {entry.parent}) is {where}; its content is whole"
    # No parent: what has that record number now, if anything, is another file or folder.
    return Damage(entry.record, reason, entry.name)
