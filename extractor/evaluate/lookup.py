r"""A File location -> the files and directories that match it, found by going down from its literal beginning.

A search is lazy, stops at links (junctions and symbolic links are objects, never ways) and goes on where a part of the
evidence cannot be read, after saying so. A *place* is a file or directory with its path in the machine's own letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from extractor.errors import SourceError
from extractor.filesystems import ORPHANS, is_link
from extractor.model import Entry, WinPath, upcase
from extractor.rules.patterns import (
    LONGEST,
    Glob,
    Location,
    PatternKind,
    escape,
    node_part,
    node_text,
)
from extractor.seams import Filesystem
from extractor.windows.namespace import Namespace

DIRECTORIES_KEPT = 64
"""Directories whose names are kept sorted for the next search; many conditions ask in the same few."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Told = Callable[[SourceError], None]
"""Hears of what could not be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that matches: ``location`` is pattern text that means it alone, ``node [leaf]`` or a bare node."""

    kind: PatternKind
    location: str
    path: WinPath


@dataclass(frozen=True, slots=True)
class Place:
    """A file or directory; ``text`` is its directory, or itself when it is one, as patterns see it."""

    filesystem: Filesystem
    entry: Entry
    path: WinPath
    text: str

    @property
    def found(self) -> Found:
        """The same as rules speak of it."""
        if self.entry.directory:
            return Found(PatternKind.FILE, directory_text(self.path), self.path)
        node, leaf = directory_text(self.path.parent), escape(self.path.name)
        return Found(PatternKind.FILE, f"{node} [{leaf}]", self.path)


def directory_text(path: WinPath) -> str:
    r"""Return pattern text that means a directory; a closing ``\`` keeps blanks at the end of its name."""
    text = escape(str(path).rstrip("\\"))
    return f"{text}\\" if text != text.rstrip() else text


class Files:
    """Searches the volumes of one Windows."""

    def __init__(self, namespace: Namespace, told: Told) -> None:
        self._namespace = namespace
        self._told = told
        self._hidden = {mount.at.key for mount in namespace.mounts}
        self._index = lru_cache(maxsize=DIRECTORIES_KEPT)(_index)

    def matching(self, location: Location) -> Iterator[Place]:
        """Yield what a File location speaks of: directories, files or both, a directory before what it holds."""
        leaf = location.leaf
        if leaf and leaf.exact and len(_fixed(location.node)) < 2 and not location.node.exact:
            yield from self._anywhere(location.node, leaf)
            return
        for directory in self.directories(location.node):
            if location.node.matches(directory.text):
                if location.takes_nodes:
                    yield directory
                if leaf:
                    yield from self.leaves(directory, leaf)

    def at(self, path: WinPath) -> Iterator[Place]:
        """Yield the files and directories with this very path: one, unless names differ by case only."""
        above, name = Glob((node_text(path.parent),)), Glob((upcase(path.name),))
        for directory in self.directories(above) if path.parts else ():
            if above.matches(directory.text):
                yield from self.leaves(directory, name)
        node = Glob((node_text(path),))
        yield from (each for each in self.directories(node) if node.matches(each.text))

    def directories(self, node: Glob) -> Iterator[Place]:
        """Yield the directories at and below the literal beginning of a node that may match, or lead to a match."""
        for mount in self._namespace.mounts:
            top = Place(mount.filesystem, mount.root, mount.at, node_text(mount.at))
            if node.reaches_below(top.text):
                fixed = node.prefix[len(top.text) :].split("\\")[:-1]
                for start in self._descended(top, fixed):
                    yield from self._tree(start, node)

    def leaves(self, directory: Place, leaf: Glob) -> Iterator[Place]:
        """Yield the files of a directory whose names match; a short (8.3) name does where no long one does."""
        if leaf.exact:
            entries = self._named(directory, leaf.prefix)
        else:
            entries = [
                each for each in self._children(directory) if leaf.matches(upcase(each.name))
            ]
        for each in entries:
            if not each.directory:
                yield self._below(directory, each, directory.text)

    def satellites(self, program: Place) -> Iterator[Place]:
        """Yield the language files of a program: ``name.exe.mui`` in folders beside it that are named en-US, de …."""
        above, leaf = Glob((program.text,)), Glob((upcase(f"{program.path.name}.mui"),))
        for directory in self.directories(above):
            for each in self._children(directory):
                if each.directory and _LANGUAGE.fullmatch(each.name):
                    below = self._below(directory, each, directory.text + node_part(each.name))
                    yield from self.leaves(below, leaf)

    def _tree(self, start: Place, node: Glob) -> Iterator[Place]:
        """Yield a directory and those below it that may match, in a fixed order."""
        entered = {start.entry.record}
        todo = [iter([start])]
        while todo:
            here = next(todo[-1], None)
            if here is None:
                todo.pop()
                continue
            yield here
            deeper = not node.exact or len(here.text) < len(node.prefix)
            if deeper and len(here.text) <= LONGEST and not is_link(here.entry):
                todo.append(self._subdirectories(here, node, entered))

    def _subdirectories(self, here: Place, node: Glob, entered: set[int]) -> Iterator[Place]:
        for each in self._children(here):
            if each.directory and each.record not in entered:
                text = here.text + node_part(each.name)
                below = self._below(here, each, text)
                if node.reaches_below(text) and not self._is_hidden(below):
                    entered.add(each.record)
                    yield below

    def _descended(self, top: Place, parts: Sequence[str]) -> Iterator[Place]:
        """Yield what a path of literal names below a directory leads to; several where names differ by case only."""
        here = [top]
        for part in parts:
            here = [
                below
                for above in here
                for each in self._named(above, part)
                if each.directory
                for below in [self._below(above, each, f"{above.text}{part}\\")]
                if not self._is_hidden(below)
            ]
        yield from here

    def _anywhere(self, node: Glob, leaf: Glob) -> Iterator[Place]:
        """Yield the files with one name wherever a node with a wildcard takes them, by the indexes of names."""
        seen: set[str] = set()
        for mount in self._namespace.mounts:
            filesystem = mount.filesystem
            if filesystem.info.id not in seen:
                seen.add(filesystem.info.id)
                found = [self._reached(filesystem, each) for each in filesystem.named(leaf.prefix)]
                places = [each for each in found if each and node.matches(each.text)]
                yield from sorted(places, key=lambda each: (each.path.key, each.path.parts))

    def _reached(self, filesystem: Filesystem, entry: Entry) -> Place | None:
        """Return the place of a file, None for a directory and for what the machine does not see (an orphan)."""
        if entry.directory or filesystem.path(entry)[:1] == (ORPHANS,):
            return None
        path = self._namespace.path_of(filesystem, entry)
        return Place(filesystem, entry, path, node_text(path.parent)) if path else None

    def _below(self, above: Place, entry: Entry, text: str) -> Place:
        return Place(above.filesystem, entry, above.path / entry.name, text)

    def _is_hidden(self, place: Place) -> bool:
        """Tell whether another volume is mounted over a directory: what lies below it is seen there."""
        return len(self._hidden) > 1 and place.path.key in self._hidden

    def _children(self, directory: Place) -> Sequence[Entry]:
        if is_link(directory.entry):
            return ()
        try:
            return directory.filesystem.children(directory.entry)
        except SourceError as error:
            self._told(error)
            return ()

    def _named(self, directory: Place, name: str) -> Sequence[Entry]:
        if is_link(directory.entry):
            return ()
        try:
            return self._index(directory).get(name, ())
        except SourceError as error:
            self._told(error)
            return ()


def _fixed(node: Glob) -> list[str]:
    """Return the directories below the drive that every match of a node lies in."""
    return node.prefix.split("\\")[1:-1]


def _index(directory: Place) -> dict[str, list[Entry]]:
    """Return a directory's entries by name as nodes spell it; by a short name where it is no long one too."""
    found: dict[str, list[Entry]] = {}
    children = directory.filesystem.children(directory.entry)
    for each in children:
        found.setdefault(node_part(each.name)[:-1], []).append(each)
    for each in children:
        short = upcase(each.short_name)
        if short and short not in found:
            found[short] = [each]
    return found
