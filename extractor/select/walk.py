"""One volume, walked once, depth first, whatever the number of patterns: every object that the rules or a profile name.

On the way down each directory keeps only the rules that can still match in it, so most of a disk costs nothing: a
directory that no include can reach, or that an exclude takes whole, is not entered. Links are objects; they are never
followed. Names are hostile: the walk is a loop, not a recursion, and enters no record twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from extractor.events import EntriesSeen, Event, Noted
from extractor.filesystems.tree import is_link
from extractor.model import Damage, Entry, Selected, WinPath, upcase
from extractor.select.objects import (
    UNSEEN,
    Sight,
    Subject,
    Unreadable,
    damaged,
    kind_of,
    told,
)
from extractor.select.owners import Owners, owner_of
from extractor.select.precedence import Verdict
from extractor.select.users import Choice
from extractor.select.way import Way
from extractor.windows.namespace import Mount

_STEP = 1000


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds on all volumes: the way of all rules at its top, and to whom each profile folder belongs."""

    top: Way
    owners: Owners
    roots: frozenset[tuple[str, int]]
    """Volume and record of every mount's root."""

    def leads_to_profile(self, node: str) -> bool:
        """Tell whether a selected profile lies in or below a directory."""
        return any(own.startswith(node) for own, who in self.owners.items() if who.selected)


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory on the way."""

    entry: Entry
    path: WinPath
    way: Way
    owner: Choice | None


class Walk:
    """The walk over one mount; afterwards ``profiles`` holds the profile folders met, ``seen`` the count of entries."""

    def __init__(
        self, ground: Ground, mount: Mount, tell: Callable[[Event], None], seen: int = 0
    ) -> None:
        self.profiles: set[str] = set()
        self.seen = seen
        self._ground = ground
        self._mount = mount
        self._volume = mount.filesystem.info.id
        self._tell = tell
        self._entered: set[int] = set()
        self._lost: dict[int, list[Damage]] = {}
        for damage in mount.filesystem.damage:
            self._lost.setdefault(damage.parent, []).append(damage)

    def objects(self) -> Iterator[Selected | Unreadable]:
        """Yield the mount's objects: all below selected profiles, elsewhere those that an include matches."""
        at = self._mount.at
        top = self._place(
            self._mount.root, at, self._ground.top.to(at), owner_of(at, self._ground.owners)
        )
        sight = self._sight(top.entry)
        is_open, said = self._judged(top, sight)
        if not at.parts:  # what is mounted in a folder is told of there, as a link or a folder
            yield from self._told(top.entry, top.path, top.owner, said, sight)
        stack = [top] if is_open else []
        while stack:
            place = stack.pop()
            below: list[_Place] = []
            for entry in self._children(place):
                yield from self._child(entry, place, below)
            yield from self._damaged(place)
            stack.extend(reversed(below))

    def _child(
        self, entry: Entry, place: _Place, below: list[_Place]
    ) -> Iterator[Selected | Unreadable]:
        """Yield what a directory holds; a directory that is to be entered joins those ``below``."""
        sight, path = self._sight(entry), place.path / entry.name
        if not entry.directory:
            said = place.way.here.of_leaf(upcase(entry.name), sight)
            yield from self._told(entry, path, place.owner, said, sight)
            return
        inner = self._place(entry, path, place.way.below(entry.name), place.owner)
        is_open, said = self._judged(inner, sight)
        yield from self._told(entry, path, inner.owner, said, sight)
        if is_open:
            below.append(inner)

    def _place(self, entry: Entry, path: WinPath, way: Way, owner: Choice | None) -> _Place:
        if way.node in self._ground.owners:
            owner = self._ground.owners[way.node]
            if not is_link(entry):
                self.profiles.add(way.node)
        return _Place(entry, path, way, owner)

    def _sight(self, entry: Entry) -> Sight:
        return Sight(self._mount.filesystem, entry)

    def _children(self, place: _Place) -> Sequence[Entry]:
        if place.entry.record in self._entered:
            self._tell(Noted("warning", f"{place.path}: the folder is met twice and entered once"))
            return ()
        self._entered.add(place.entry.record)
        children = self._mount.filesystem.children(place.entry)
        before, self.seen = self.seen, self.seen + len(children)
        if before // _STEP != self.seen // _STEP:
            self._tell(EntriesSeen(self.seen))
        return children

    def _judged(self, place: _Place, sight: Sight) -> tuple[bool, Verdict]:
        """Tell whether a directory is entered, and what the rules say of it."""
        said = place.way.here.of_node(sight)
        if is_link(place.entry) or self._is_seen_elsewhere(place):
            return False, said
        if place.owner and place.owner.selected:
            return True, said
        if self._ground.leads_to_profile(place.way.node):
            return True, said
        if place.owner:
            return False, said
        outlook = place.way.outlook
        return outlook.is_open, Verdict(chosen=False, rule=outlook.cut) if outlook.cut else said

    def _is_seen_elsewhere(self, place: _Place) -> bool:
        """Tell whether a folder is the root of another mount: what is in it is told of once, under that path."""
        root = self._mount.root.record
        return (
            place.entry.record != root and (self._volume, place.entry.record) in self._ground.roots
        )

    def _told(
        self, entry: Entry, path: WinPath, owner: Choice | None, said: Verdict, sight: Sight
    ) -> Iterator[Selected | Unreadable]:
        return told(Subject(kind_of(entry), path, owner, said), entry, sight, self._volume)

    def _damaged(self, place: _Place) -> Iterator[Selected | Unreadable]:
        """Yield the damaged records that belong to a directory and that its listing does not show."""
        lost = self._lost.get(place.entry.record, ())
        shown = (
            {each.record for each in self._mount.filesystem.children(place.entry)} if lost else ()
        )
        for damage in lost:
            if damage.record not in shown:
                said = place.way.here.of_leaf(upcase(damage.name), UNSEEN)
                yield from damaged(damage, place.path, place.owner, said, self._volume)
