"""A volume's names as a tree, whatever file system they come from: children, names of a record, paths, orphans.

An orphan is an entry that cannot be reached from the root: its directory is gone, is a link, or is below itself.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from extractor.model import upcase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

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
        strays.sort(key=lambda each: each.record)
        yield from strays
        starts = [self.root.record, *(each.record for each in strays if each.directory)]
        below = {record: list(self._folders(record)) for record in self._children}
        for parent in cut_circles(starts, sorted(below), below):
            yield from self._children.pop(parent)

    def _folders(self, record: int) -> Iterator[int]:
        for each in self._children[record]:
            if each.directory and not is_link(each):
                yield each.record

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
        return climb(entry, self.root.record, self._above, self._orphans)

    def _above(self, record: int) -> Entry | None:
        return next(iter(self._names.get(record, ())), None)


def cut_circles(
    starts: Iterable[int], parents: Iterable[int], below: Mapping[int, Sequence[int]]
) -> list[int]:
    """Return which directories must be cut off from what lies below them, so that no circle is left.

    ``starts`` are directories that nothing needs to reach, ``parents`` those that have entries, ``below`` the
    directories in each. A circle is cut at the first of ``parents`` in it; what lies below stays below.
    """
    seen: set[int] = set()
    for each in starts:
        _reach(each, below, seen)
    cut = []
    for parent in parents:
        if parent not in seen:
            cut.append(parent)
            for each in below.get(parent, ()):
                _reach(each, below, seen)
    return cut


def _reach(start: int, below: Mapping[int, Sequence[int]], seen: set[int]) -> None:
    todo = [start]
    while todo:
        record = todo.pop()
        if record not in seen:
            seen.add(record)
            todo += below.get(record, ())


def climb(
    entry: Entry, root: int, above: Callable[[int], Entry | None], orphans: Set[Entry]
) -> tuple[str, ...]:
    """Return the names from the root down to an entry; ``above`` gives a directory's first entry by its record."""
    parts: list[str] = []
    seen: set[int] = set()
    while entry.record != root:
        parts.append(entry.name)
        parent = above(entry.parent)
        if parent is None or entry.parent in seen or (orphans and entry in orphans):
            parts += [str(entry.parent), ORPHANS]
            break
        seen.add(entry.parent)
        entry = parent
    return tuple(reversed(parts))
