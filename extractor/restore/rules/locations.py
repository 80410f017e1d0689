r"""An object of a store -> its paths at the target, in the words of Windows: what rules move, profiles, drives.

In this order: ``locationModify`` (its arguments hold the old machine's folders), ``remap`` (from the value of a
variable there to that at the target, which is final), the profile folder under its new name, the drive (a letter that
the target lacks is the system drive's, with the same folders). A ``locationModify`` of another component than the one
whose include took the object gives it a second place. Source: USMT "LoadState syntax", "Conflicts and precedence",
"XML elements library" (variable, ExactMove, RelativeMove, Move).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from extractor.evaluate.registry_names import split_brackets
from extractor.model import Instruction, ObjectKind, Record, WinPath, upcase
from extractor.restore.people.users import People
from extractor.restore.rules.asked import Asked, Request, Subject, registry_path, subject_of
from extractor.restore.rules.remap import (
    REGISTRY,
    Destinations,
    Remap,
    below,
    read_remaps,
    settled,
)
from extractor.rules.patterns import PatternError, PatternKind

FLATTENED = "its folder is flattened"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an object goes, and the rules and words that say so; ``skip`` is why it goes nowhere."""

    path: WinPath
    why: str = ""
    skip: str = ""


@dataclass(frozen=True, slots=True)
class Locations:
    """What decides about places; a pure function of records."""

    people: People
    asked: Asked = field(default_factory=lambda: Asked(()))
    drives: Mapping[str, WinPath] = field(default_factory=dict)
    """Letters of the old machine (``D:``) -> where their content goes."""
    system: str = "C:"
    """The system drive: what no entry of ``drives`` speaks of goes there."""
    folders: Mapping[str, Sequence[WinPath]] = field(default_factory=dict)
    """SID (or empty) -> known folders, which ``Move`` looks for."""
    destination: Destinations = field(default_factory=dict)
    """What the variables with ``remap`` are at the target."""
    _remaps: tuple[Remap, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_remaps", read_remaps(self.asked))

    def of(self, record: Record) -> Placed:
        """Return where an object goes, in the first place."""
        return self.all_of(record)[0]

    def all_of(self, record: Record) -> tuple[Placed, ...]:
        """Return every place where an object goes: its own, then those that other components give it.

        Where the store does not say which component took it, the narrowest ``locationModify`` decides alone.
        """
        subject = subject_of(record)
        asking = list(self.asked.taking("locationModify", subject)) if subject else []
        takers = self.asked.takers(record) if asking else frozenset()
        if not subject or not takers:
            return (self._placed(record, subject, asking[0] if asking else None),)
        by_component: dict[str, Request] = {}
        for each in asking:
            by_component.setdefault("" if each.component in takers else each.component, each)
        first = self._placed(record, subject, by_component.pop("", None))
        places = {first.path.key: first}
        for request in by_component.values():
            other = self._placed(record, subject, request)
            if not other.skip:
                places.setdefault(other.path.key, other)
        return tuple(places.values())

    @property
    def _drives(self) -> frozenset[str]:
        """Drives of the target that something is restored to."""
        return frozenset({self.system, *(each.drive for each in self.drives.values())})

    @property
    def settled(self) -> list[Instruction]:
        """The variables with ``remap`` of which nothing is left to say (``asked.not_done``)."""
        return settled(self._remaps, self.destination, self._drives, self.people.profiles)

    def _placed(self, record: Record, subject: Subject | None, request: Request | None) -> Placed:
        path = record.path
        why: list[str] = []
        if request and subject:
            moved = self._moved(record, subject, request)
            if moved is None:
                return Placed(path, request.why, FLATTENED)
            if moved.key != path.key:
                path = moved
                why.append(request.why)
        for remap in self._remaps:
            target = remap.target(self.destination, self._drives)
            if target and remap.takes(path, record.user):
                return Placed(below(path, remap.value, target), "; ".join((*why, remap.why)))
        if path.drive in REGISTRY:
            return Placed(self._of_sid(path), "; ".join(why))
        return self._at_target(path, why)

    def renamed(self, path: WinPath) -> WinPath:
        """Return a path of the old machine with the profile folder, the variables and the drive of the target."""
        for remap in self._remaps:
            target = remap.target(self.destination, self._drives)
            if target and path.is_below(remap.value):
                return below(path, remap.value, target)
        return self._at_target(path, []).path

    def _at_target(self, path: WinPath, why: list[str]) -> Placed:
        for old, new in self.people.profiles:
            if path.is_below(old):
                if old.key != new.key:
                    path = WinPath(new.drive, (*new.parts, *path.parts[len(old.parts) :]))
                    why.append(self._how(new))
                break
        drive = upcase(path.drive)
        if drive in self.drives:
            root = self.drives[drive]
            path = WinPath(root.drive, (*root.parts, *path.parts))
            why.append(f"drive {drive}")
        elif drive != self.system:
            path = WinPath(self.system, path.parts)
            why.append(f"the target has no drive {drive or 'without a letter'}")
        return Placed(path, "; ".join(why))

    def _how(self, profile: WinPath) -> str:
        return next(each.how for each in self.people.persons if each.profile == profile)

    def _of_sid(self, path: WinPath) -> WinPath:
        """Return a path of the registry with the user's new SID."""
        if path.drive != "HKU" or not path.parts:
            return path
        person = self.people.by_sid.get(path.parts[0])
        return WinPath("HKU", (person.sid, *path.parts[1:])) if person else path

    def _moved(self, record: Record, subject: Subject, request: Request) -> WinPath | None:
        """Return where a rule moves an object: nowhere where it makes no sense; None for a folder that is flattened."""
        call, path, scope = request.call, record.path, request.instruction.scope
        try:
            given = (
                [_place(each or "", subject.kind, scope) for each in call.arguments] if call else []
            )
        except PatternError as error:
            self.asked.note(f"{request.why}: {error}")
            return path
        match call.function if call else "", given:
            case "RelativeMove", [source, target]:
                return below(path, source.path, target.path)
            case "ExactMove", [target]:
                return _exact(path, subject, target, is_key=record.kind is ObjectKind.KEY)
            case "Move", [target]:
                return _above(path, target.path, self._known(scope))
        self.asked.note(f"{request.why}: moves nothing")
        return path

    def _known(self, scope: str) -> Sequence[WinPath]:
        return [*self.folders.get(scope, ()), *self.folders.get("", ())]


@dataclass(frozen=True, slots=True)
class _Place:
    path: WinPath
    leaf: str | None


def _place(text: str, kind: PatternKind, sid: str) -> _Place:
    node, leaf = split_brackets(text.strip())
    registry = kind is PatternKind.REGISTRY
    path = registry_path(node, sid) if registry else WinPath.parse(node)
    if not path.drive or (registry and not path.parts) or "*" in text or ".." in path.parts:
        raise PatternError(f"{text!r} is no place to move to")
    return _Place(path, leaf[1:-1] if leaf else None)


def _exact(path: WinPath, subject: Subject, place: _Place, *, is_key: bool) -> WinPath | None:
    """Move to one folder, whose insides are flat, or to one name."""
    if subject.leaf is None or is_key:
        return None
    if place.leaf is None:
        return place.path / path.name
    value = subject.kind is not PatternKind.FILE
    return place.path / (f"[{place.leaf}]" if value else place.leaf)


def _above(path: WinPath, target: WinPath, known: Sequence[WinPath]) -> WinPath:
    """Make again, below the target, what lies below the longest known folder; without one, all below the drive."""
    around = [each for each in known if path.is_below(each)]
    # A user's SID and a hive of the machine are no keys, and not made again.
    least = 1 if path.drive in REGISTRY else 0
    depth = max((len(each.parts) for each in around), default=least)
    return WinPath(target.drive, (*target.parts, *path.parts[depth:]))
