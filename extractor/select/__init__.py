r"""RuleSet x WindowsInstall (as a Scene) -> Selected…: what is taken, by which rule, and what is not and why.

Words defined here: Scene, Mount, Profile, Unreadable (``scene``); Choice, UserSwitches (``users``); ActiveRule, Verdict
(``precedence``). Every entry below a selected profile yields exactly one Selected or Unreadable; elsewhere an entry is
told of when an include matches it, and a folder that is excluded with all its content is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.events import Event, Noted, Observer
from extractor.filesystems import ORPHANS, is_link
from extractor.model import ObjectKind, Selected, WinPath
from extractor.rules.model import RuleSet
from extractor.rules.patterns import node_text
from extractor.select.activate import Activation
from extractor.select.install import choices_of, scene_of, warnings_of
from extractor.select.precedence import ActiveRule
from extractor.select.scene import Mount, Profile, Scene, Unreadable
from extractor.select.users import Choice, UserSwitches, choose_users
from extractor.select.walk import Ground, Walk

__all__ = [
    "Choice",
    "Mount",
    "Profile",
    "Scene",
    "Selection",
    "Unreadable",
    "UserSwitches",
    "choices_of",
    "choose_users",
    "scene_of",
    "select",
    "warnings_of",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection, ready to be walked; each iteration walks every volume once, in the order of the letters."""

    scene: Scene
    choices: tuple[Choice, ...]
    rules: tuple[ActiveRule, ...]
    """All active rules in the order in which they decide."""
    notes: tuple[Noted, ...]
    """What there is to say of rules that could not be used; the observer was told already."""
    ungathered: int
    """Include patterns for the registry and INI files: what they ask for is not gathered yet."""
    tell: Observer = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Selected | Unreadable]:
        owners = _owners(self.choices)
        mounts = self.scene.mounts
        roots = frozenset((each.filesystem.info.id, each.root.record) for each in mounts)
        leaves = [rule.location.leaf for rule in self.rules if rule.location.leaf]
        ground = Ground(self.rules, owners, roots, frozenset(leaf.ending for leaf in leaves))
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
    rules: RuleSet,
    choices: Sequence[Choice],
    observer: Observer | None = None,
) -> Selection:
    """Bring rules to one Windows and return what they select, walked when it is iterated.

    ``choices`` say which users come (``choose_users``). The observer is told now of every rule that cannot be used,
    the warnings of the rule files included, and of progress and missing profiles while the selection is iterated.
    """
    tell = observer or _silent
    selected = [choice.user for choice in choices if choice.selected]
    activation = Activation(scene, selected)
    active = activation.activate(rules)
    events: list[Event] = [*activation.events, *_without_folder(choices)]
    for event in events:
        tell(event)
    notes = tuple(event for event in events if isinstance(event, Noted))
    return Selection(scene, tuple(choices), active, notes, activation.ungathered, tell)


def _silent(_event: Event) -> None:
    """Nobody listens."""


def _owners(choices: Sequence[Choice]) -> Mapping[str, Choice]:
    """Return whose each profile folder is; where two users share one, a selected user, then the lower SID."""
    ranked = sorted(choices, key=lambda each: (not each.selected, each.user.sid))
    owners: dict[str, Choice] = {}
    for choice in ranked:
        if choice.user.profile.drive and choice.user.profile.parts:
            owners.setdefault(node_text(choice.user.profile), choice)
    return owners


def _without_folder(choices: Sequence[Choice]) -> Iterator[Noted]:
    """Name profiles that are a whole drive or lie on a server: they would claim everything, or are not here."""
    for choice in choices:
        where = choice.user.profile
        if choice.selected and not (where.drive and where.parts):
            yield Noted("warning", f"{_profile(choice)} is no folder on a drive of this machine")


def _profile(choice: Choice) -> str:
    return f"{choice.user.account}: the profile folder {choice.user.profile}"


def _strays(mount: Mount, tell: Callable[[Event], None]) -> Iterator[Unreadable]:
    """Yield what belongs to no directory that is still there: it may have been anybody's."""
    filesystem = mount.filesystem

    def is_entered(record: int) -> bool:
        return any(each.directory and not is_link(each) for each in filesystem.names(record))

    if mount.at.parts:
        return
    volume = filesystem.info.id
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
