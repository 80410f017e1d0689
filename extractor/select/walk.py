"""One volume, walked once, depth first, whatever the number of patterns: every object that the rules or a profile name.

On the way down each directory keeps only the rules that can still match in it, so most of a disk costs nothing: a
directory that no include can reach, or that an exclude takes whole, is not entered. Links are objects; they are never
followed. Names are hostile: the walk is a loop, not a recursion, and enters no record twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from extractor.events import EntriesSeen, Event, Noted
from extractor.filesystems.tree import is_link
from extractor.model import Damage, Entry, Selected, WinPath, upcase
from extractor.rules.model import Verb
from extractor.rules.patterns import ending, node_part, node_text
from extractor.select.objects import Subject, damaged, told
from extractor.select.precedence import UNSPOKEN, ActiveRule, Verdict, cutter, verdict
from extractor.select.scene import Mount, Unreadable
from extractor.select.users import Choice

_STEP = 1000


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds on all volumes: the ranked rules, and to whom each profile folder belongs."""

    rules: tuple[ActiveRule, ...]
    owners: Mapping[str, Choice]
    """Node text of a profile folder -> its user."""
    roots: frozenset[tuple[str, int]]
    """Volume and record of every mount's root."""
    endings: frozenset[str | None]
    """Extensions that the rules name."""

    def leads_to_profile(self, node: str) -> bool:
        """Tell whether a selected profile lies in or below a directory."""
        return any(own.startswith(node) for own, who in self.owners.items() if who.selected)


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory on the way: ``live`` rules may match in or below it, the node of ``here`` rules matches it."""

    entry: Entry
    path: WinPath
    node: str
    live: tuple[ActiveRule, ...]
    here: tuple[ActiveRule, ...]
    owner: Choice | None
    by_ending: dict[str | None, tuple[ActiveRule, ...]]
    """The part of ``here`` that may match names of one extension: rule files name hundreds of them."""


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
        top = self._place(self._mount.root, at, node_text(at), self._ground.rules, self._owner(at))
        is_open, said = self._judged(top)
        if not at.parts:  # what is mounted in a folder is told of there, as a link or a folder
            yield from self._told(self._directory(top, said))
        stack = [top] if is_open else []
        while stack:
            place = stack.pop()
            below = []
            for entry in self._children(place):
                if not entry.directory:
                    yield from self._leaf(entry, place)
                    continue
                inner = self._below(entry, place)
                is_open, said = self._judged(inner)
                yield from self._told(self._directory(inner, said))
                if is_open:
                    below.append(inner)
            yield from self._damaged(place)
            stack.extend(reversed(below))

    def _owner(self, path: WinPath) -> Choice | None:
        """Return to whom a path belongs that lies in a profile, when the mount itself begins inside one."""
        for depth in range(len(path.parts), 0, -1):
            owner = self._ground.owners.get(node_text(WinPath(path.drive, path.parts[:depth])))
            if owner:
                return owner
        return None

    def _place(
        self,
        entry: Entry,
        path: WinPath,
        node: str,
        rules: Sequence[ActiveRule],
        owner: Choice | None,
    ) -> _Place:
        live = tuple(rule for rule in rules if rule.location.node.reaches_below(node))
        here = tuple(rule for rule in live if rule.location.node.matches(node))
        if node in self._ground.owners:
            owner = self._ground.owners[node]
            if not is_link(entry):
                self.profiles.add(node)
        return _Place(entry, path, node, live, here, owner, {})

    def _below(self, entry: Entry, place: _Place) -> _Place:
        node = place.node + node_part(entry.name)
        inner = self._place(entry, place.path / entry.name, node, place.live, place.owner)
        return replace(inner, by_ending=place.by_ending) if inner.here == place.here else inner

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

    def _judged(self, place: _Place) -> tuple[bool, Verdict]:
        """Tell whether a directory is entered, and what the rules say of it."""
        said = self._of_directory(place)
        if is_link(place.entry) or self._is_seen_elsewhere(place):
            return False, said
        if place.owner and place.owner.selected:
            return True, said
        if self._ground.leads_to_profile(place.node):
            return True, said
        if place.owner or not any(rule.verb is Verb.INCLUDE for rule in place.live):
            return False, said
        cut = cutter(place.live, place.here)
        return (False, Verdict(chosen=False, rule=cut)) if cut else (True, said)

    def _is_seen_elsewhere(self, place: _Place) -> bool:
        """Tell whether a folder is the root of another mount: what is in it is told of once, under that path."""
        root = self._mount.root.record
        return (
            place.entry.record != root and (self._volume, place.entry.record) in self._ground.roots
        )

    def _of_directory(self, place: _Place) -> Verdict:
        return verdict(rule for rule in place.here if rule.location.takes_nodes)

    def _of_leaf(self, name: str, place: _Place) -> Verdict:
        if not place.here:
            return UNSPOKEN
        key = upcase(name)
        rules = self._for_ending(ending(key), place)
        return verdict(rule for rule in rules if rule.location.takes_leaf(key))

    def _for_ending(self, wanted: str | None, place: _Place) -> tuple[ActiveRule, ...]:
        """Return the rules of a place that may match names of an extension; one that no rule names is none."""
        wanted = wanted if wanted in self._ground.endings else None
        if wanted not in place.by_ending:
            place.by_ending[wanted] = tuple(
                rule
                for rule in place.here
                if rule.location.leaf and rule.location.leaf.ending in {None, wanted}
            )
        return place.by_ending[wanted]

    def _leaf(self, entry: Entry, place: _Place) -> Iterator[Selected | Unreadable]:
        said = self._of_leaf(entry.name, place)
        return self._told(Subject(entry, place.path / entry.name, place.owner, said))

    def _directory(self, place: _Place, said: Verdict) -> Subject:
        return Subject(place.entry, place.path, place.owner, said)

    def _told(self, subject: Subject) -> Iterator[Selected | Unreadable]:
        return told(subject, self._mount.filesystem)

    def _damaged(self, place: _Place) -> Iterator[Selected | Unreadable]:
        """Yield the damaged records that belong to a directory and that its listing does not show."""
        lost = self._lost.get(place.entry.record, ())
        shown = (
            {each.record for each in self._mount.filesystem.children(place.entry)} if lost else ()
        )
        for damage in lost:
            if damage.record not in shown:
                said = self._of_leaf(damage.name, place)
                yield from damaged(damage, place.path, place.owner, said, self._volume)
