r"""Activation x Scene -> Selected…: what is taken, by which rule, and what is not and why.

Words defined here: Choice, UserSwitches (``users``); Verdict (``precedence``); Unreadable (``objects``); Way (``way``).
Every entry below a selected profile yields exactly one Selected or Unreadable; elsewhere an entry is told of when an
include matches it, and a folder or key that is excluded with all its content is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.evaluate import Activation, ActiveRule, Scene
from extractor.events import Event, Noted, Observer
from extractor.filesystems import ORPHANS, is_link
from extractor.model import Damage, ObjectKind, Selected, WinPath
from extractor.rules.patterns import PatternKind
from extractor.seams import Filesystem
from extractor.select.account_rows import account_rows
from extractor.select.ini import IniValues
from extractor.select.install import choices_of, missing_of, scene_of, warnings_of
from extractor.select.objects import Unreadable, kind_of
from extractor.select.owners import Owners, owners_of
from extractor.select.precedence import ranked_by_kind
from extractor.select.pretended import PretendedObjects
from extractor.select.registry import RegistryWalk
from extractor.select.users import Choice, UserSwitches, choose_users
from extractor.select.walk import Ground, Walk
from extractor.select.way import Way, way_of
from extractor.windows.namespace import Mount

__all__ = [
    "Choice",
    "Selection",
    "Unreadable",
    "UserSwitches",
    "account_rows",
    "choices_of",
    "choose_users",
    "missing_of",
    "scene_of",
    "select",
    "warnings_of",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection, ready to be walked: volumes in the order of their letters, hives, INI files, pretended objects.

    Each iteration reads each of them once.
    """

    scene: Scene
    activation: Activation
    choices: tuple[Choice, ...]
    rules: Mapping[PatternKind, tuple[ActiveRule, ...]]
    """The active rules of each kind, in the order in which they decide."""
    notes: tuple[Noted, ...]
    """Users whose profile cannot be walked; the observer was told already."""
    tell: Observer = field(repr=False, compare=False)
    met: Mapping[PatternKind, set[int]] = field(
        default_factory=lambda: {kind: set() for kind in PatternKind}, repr=False, compare=False
    )
    """After an iteration: which of ``rules``, by number, matched anything that was looked at."""

    def __iter__(self) -> Iterator[Selected | Unreadable]:
        tops = {kind: way_of(rules, self.met[kind]) for kind, rules in self.rules.items()}
        owners = owners_of(self.choices)
        ini = self.rules[PatternKind.INI]
        yield from self._files(tops[PatternKind.FILE], owners)
        yield from RegistryWalk(self.scene, tops[PatternKind.REGISTRY], self.choices).objects()
        yield from IniValues(self.scene, ini, tops[PatternKind.INI], owners, self.tell).objects()
        pretended = PretendedObjects(self.scene, tops, self.choices, self.tell)
        yield from pretended.objects(self.activation.pretended)

    def _files(self, top: Way, owners: Owners) -> Iterator[Selected | Unreadable]:
        mounts = self.scene.mounts
        roots = frozenset((each.filesystem.info.id, each.root.record) for each in mounts)
        ground = Ground(top, owners, roots)
        met: set[str] = set()
        seen = 0
        for mount in sorted(mounts, key=lambda each: each.at.key):
            walk = Walk(ground, mount, self.tell, seen)
            yield from walk.objects()
            seen = walk.seen
            met |= walk.profiles
            yield from _strays(mount, self.tell)
        for node, choice in sorted(owners.items()):
            if choice.selected and node not in met:
                self.tell(Noted("warning", f"{_profile(choice)} is missing or behind a link"))


def select(
    scene: Scene,
    activation: Activation,
    choices: Sequence[Choice],
    observer: Observer | None = None,
) -> Selection:
    """Return what the active rules select on one Windows, walked when it is iterated.

    ``choices`` say which users come (``choose_users``). The observer is told now of users without a profile folder,
    and of progress and missing profiles while the selection is iterated.
    """
    tell = observer or _silent
    notes = tuple(_without_folder(choices))
    for note in notes:
        tell(note)
    rules = ranked_by_kind(activation.rules)
    return Selection(scene, activation, tuple(choices), rules, notes, tell)


def _silent(_event: Event) -> None:
    """Nobody listens."""


def _without_folder(choices: Sequence[Choice]) -> Iterator[Noted]:
    """Name profiles that are a whole drive or lie on a server: they would claim everything, or are not here."""
    for choice in choices:
        where = choice.user.profile
        if choice.selected and not (where.drive and where.parts):
            yield Noted("warning", f"{_profile(choice)} is no folder on a drive of this machine")


def _profile(choice: Choice) -> str:
    return f"{choice.user.account}: the profile folder {choice.user.profile}"


def _below(
    filesystem: Filesystem, lost: Damage, at: WinPath, told: set[int]
) -> Iterator[Unreadable]:
    """Yield all that lies in a lost directory, which is whole and reached by nobody; each folder once."""
    reason = f"it lies in file record {lost.record}, which is lost; its content is whole"
    tops = [each for each in filesystem.names(lost.record) if each.name == lost.name]
    stack = [(each, at) for each in tops[:1] if each.directory]
    while stack:
        folder, path = stack.pop()
        if folder.record in told:
            continue
        told.add(folder.record)
        for entry in filesystem.children(folder):
            here = path / entry.name
            kind = kind_of(entry)
            yield Unreadable(kind, here, filesystem.info.id, "", reason, entry=entry, is_stray=True)
            if kind is ObjectKind.DIRECTORY:
                stack.append((entry, here))


def _strays(mount: Mount, tell: Callable[[Event], None]) -> Iterator[Unreadable]:
    """Yield what belongs to no directory that is still there: it may have been anybody's."""
    filesystem = mount.filesystem

    def is_entered(record: int) -> bool:
        return any(each.directory and not is_link(each) for each in filesystem.names(record))

    if mount.at.parts:
        return
    volume = filesystem.info.id
    told: set[int] = set()
    for each in filesystem.damage:
        if each.parent >= 0 and is_entered(each.parent):
            continue
        if not each.lost:
            tell(Noted("warning", f"volume {volume}: {each.reason}"))
            continue
        path = WinPath(
            mount.at.drive, (ORPHANS, f"record {each.record}", each.name)[: 2 + bool(each.name)]
        )
        yield Unreadable(ObjectKind.FILE, path, volume, "", each.reason, is_stray=True)
        yield from _below(filesystem, each, path, told)
