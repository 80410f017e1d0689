"""What lies at the target already, looked up as Windows would: case does not count, nothing leads outside.

The names of a folder are read once; what is planned for it, or planned to be gone, is remembered beside them.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from dataclasses import dataclass

from extractor.model import upcase
from extractor.store.tree import Parts, Tree

KEPT = 4096
"""Folders whose names are remembered."""


class InTheWayError(Exception):
    """Something that is no folder has the name of one."""


@dataclass(frozen=True, slots=True)
class There:
    """What lies at a place of the target."""

    directory: bool
    regular: bool
    size: int
    device: int
    inode: int


class View:
    """The target as it will be: what is there, less what is planned to go, and the names that are planned."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names: OrderedDict[Parts, dict[str, str]] = OrderedDict()
        self._planned: dict[tuple[int, str], str] = {}
        """(hash of the folder, name in upper case) -> the name that is planned there."""
        self._gone: set[Parts] = set()
        self._folders: dict[Parts, Parts] = {(): ()}
        """Folders as they were asked for -> as they are spelled; only what can change no more."""

    def place(self, wanted: Parts) -> Parts:
        """Return a place with the spelling of what is there or planned already; raise InTheWayError."""
        depth = len(wanted) - 1  # of the deepest folder that is known: a store may be deep
        while depth > 0 and wanted[:depth] not in self._folders:
            depth -= 1
        found = self._folders[wanted[: max(depth, 0)]]
        settled = True
        for at in range(max(depth, 0), len(wanted)):
            spelled = self.spelling(found, wanted[at])
            found = (*found, spelled or wanted[at])
            if at < len(wanted) - 1:
                self._refuse_file(found, spelled)
                settled = settled and bool(spelled)
                if settled:
                    self._remember(wanted[: at + 1], found)
        return found

    def _refuse_file(self, found: Parts, spelled: str) -> None:
        if spelled and not self.is_planned(found) and not self._is_folder(found):
            raise InTheWayError(f"{'/'.join(found)} is no folder")

    def _remember(self, wanted: Parts, found: Parts) -> None:
        if len(self._folders) >= KEPT:
            self._folders = {(): ()}
        self._folders[wanted] = found

    def spelling(self, folder: Parts, name: str) -> str:
        """Return how a name of a folder is spelled, empty when it is free."""
        key = upcase(name)
        planned = self._planned.get((hash(folder), key))
        if planned is not None:
            return planned
        known = self._of(folder)
        found = name if known.get(name) == name else known.get(key, "")
        return "" if (*folder, found) in self._gone else found

    def plan(self, place: Parts) -> None:
        """Remember that a name will be there."""
        self._planned[hash(place[:-1]), upcase(place[-1])] = place[-1]

    def is_planned(self, place: Parts) -> bool:
        """Tell whether a name is there only because it is planned."""
        return (hash(place[:-1]), upcase(place[-1])) in self._planned

    def remove(self, place: Parts) -> None:
        """Remember that what is there will be gone."""
        self._gone.add(place)
        self._folders = {(): ()}
        self._names.pop(place, None)

    def there(self, place: Parts) -> There | None:
        """Return what lies at a place now, None for nothing; raise OSError."""
        try:
            parent = self._tree.directory(place[:-1])
            found = os.stat(place[-1], dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        mode = found.st_mode
        return There(
            stat.S_ISDIR(mode), stat.S_ISREG(mode), found.st_size, found.st_dev, found.st_ino
        )

    def names(self, folder: Parts) -> list[str]:
        """Return the names in a folder that are there and stay, sorted."""
        own = set(self._of(folder).values())
        return sorted(each for each in own if (*folder, each) not in self._gone)

    def _is_folder(self, place: Parts) -> bool:
        found = self.there(place)
        return found is None or found.directory

    def _of(self, folder: Parts) -> dict[str, str]:
        """Return the names of a folder by themselves and in upper case."""
        known = self._names.get(folder)
        if known is None:
            known = self._names[folder] = self._read(folder)
            if len(self._names) > KEPT:
                self._names.popitem(last=False)
        return known

    def _read(self, folder: Parts) -> dict[str, str]:
        if self._gone and any(folder[:depth] in self._gone for depth in range(1, len(folder) + 1)):
            return {}
        try:
            names = self._tree.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        by_case = {upcase(name): name for name in sorted(names, reverse=True)}
        return by_case | {name: name for name in names}
