"""A volume's names as a tree, whatever file system they come from: children, names of a record, paths, orphans.

An orphan is an entry that cannot be reached from the root: its directory is gone, is a link, or is below itself.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from extractor.model import upcase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from extractor.model import Entry

ORPHANS = "$OrphanFiles"
NAME_SURROGATE = 0x20000000
"""The bit of a reparse tag that says: this stands for another file ([MS-FSCC] 2.1.2.1)."""


def is_link(entry: Entry) -> bool:
    """Tell whether an entry only stands for another (junction, symbolic link).

    Tags without that bit (a cloud folder's, say) leave a directory with children of its own.
    """
    return bool(entry.reparse_tag & NAME_SURROGATE)


def sort_key(entry: Entry) -> tuple[str, str, int]:
    """Return what Windows would list by, made total."""
    return upcase(entry.name), entry.name, entry.record


class Tree:
    """Entries indexed by parent, by record and by name.

    ``adopts`` tells whether an entry's parent is the directory that the entry was made for (on NTFS a record number
    may have been used again since).
    """

    def __init__(
        self, root: Entry, entries: Iterable[Entry], adopts: Callable[[Entry], bool]
    ) -> None:
        self.root = root
        self._names: dict[int, list[Entry]] = {root.record: [root]}
        self._children: dict[int, list[Entry]] = {}
        self._sorted: set[int] = set()
        strays = []
        for entry in entries:
            self._names.setdefault(entry.record, []).append(entry)
            if adopts(entry):
                self._children.setdefault(entry.parent, []).append(entry)
            else:
                strays.append(entry)
        self.orphans: tuple[Entry, ...] = tuple(self._unreached(strays))
        self._orphans = frozenset(self.orphans)

    def _unreached(self, strays: list[Entry]) -> Iterator[Entry]:
        """Yield the tops of all that the root does not reach; entries below an orphan are reached through it."""
        seen = self._reached(self.root.record, set())
        for entry in sorted(strays, key=lambda each: each.record):
            yield entry
            if entry.directory:
                self._reached(entry.record, seen)
        for parent in sorted(self._children):
            if parent not in seen:
                # a circle: it is cut at its lowest record, what lies below stays below
                cut = self._children.pop(parent)
                yield from cut
                for entry in cut:
                    if entry.directory:
                        self._reached(entry.record, seen)

    def _reached(self, start: int, seen: set[int]) -> set[int]:
        todo = [start]
        while todo:
            record = todo.pop()
            if record in seen:
                continue
            seen.add(record)
            todo += [
                each.record
                for each in self._children.get(record, ())
                if each.directory and not is_link(each)
            ]
        return seen

    def children(self, record: int) -> Sequence[Entry]:
        """Return the entries of a directory, sorted."""
        found = self._children.get(record, [])
        if record not in self._sorted:
            found.sort(key=sort_key)
            self._sorted.add(record)
        return found

    def names(self, record: int) -> Sequence[Entry]:
        """Return all entries of a record."""
        return self._names.get(record, ())

    def named(self, name: str) -> Sequence[Entry]:
        """Return all entries with a name, compared as Windows compares."""
        return self._by_name.get(upcase(name), ())

    @cached_property
    def _by_name(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for record in sorted(self._names):
            for entry in self._names[record]:
                found.setdefault(upcase(entry.name), []).append(entry)
        return found

    def path(self, entry: Entry) -> tuple[str, ...]:
        """Return the names from the root; for an orphan ``$OrphanFiles``, the lost directory's record, its name."""
        parts: list[str] = []
        seen: set[int] = set()
        while entry.record != self.root.record:
            parts.append(entry.name)
            above = self._names.get(entry.parent)
            if entry in self._orphans or above is None or entry.parent in seen:
                parts += [str(entry.parent), ORPHANS]
                break
            seen.add(entry.parent)
            entry = above[0]
        return tuple(reversed(parts))
