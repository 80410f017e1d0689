"""An opened Windows x questions -> answers: is an object taken, by which rule, and what the other rules say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.evaluate import ActiveRule, Meeting
from extractor.evaluate.activate import activate
from extractor.evaluate.active import Judged
from extractor.evaluate.facts import Facts
from extractor.explain.questions import Object, kind_of_missing, objects
from extractor.explain.trace import Touch, matching, touches
from extractor.explain.ungated import ungated
from extractor.filesystems import is_link
from extractor.model import ObjectKind, RegistryValue, WinPath
from extractor.opening import Opened
from extractor.rules.patterns import PatternKind, escape
from extractor.select import Choice
from extractor.select.objects import Glimpse, Sight, Subject, kind_of
from extractor.select.owners import key_owner, owner_of, owners_of
from extractor.select.precedence import ranked_by_kind, verdict
from extractor.select.registry import ValueSight

REG_SZ = 1


@dataclass(frozen=True, slots=True)
class Idle:
    """A rule that would match an object if its component, or its conditions, held."""

    rule: ActiveRule
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one object."""

    asked: Object
    kind: ObjectKind
    path: WinPath
    owner: Choice | None
    taken: bool
    reason: str
    """Why it is not taken, empty when it is."""
    rule: str
    """``file:line`` of the deciding pattern, empty when no rule decides."""
    touches: tuple[Touch, ...]
    idle: tuple[Idle, ...]
    remark: str = ""
    """What a person should know first: it is not there, or lies behind a link."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """An object as the disk has it."""

    kind: ObjectKind
    judged: Judged
    remark: str = ""
    is_node: bool = False


class Explainer:
    """Answers for one Windows; the rules are ranked once."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._scene = opened.scene
        self._sids = [each.user.sid for each in opened.choices if each.selected]
        self._owners = owners_of(opened.choices)
        self._facts = Facts(opened.scene, "", lambda _level, _message: None)
        self._rules = ranked_by_kind(opened.activation.rules)
        self._idle: dict[PatternKind, tuple[ActiveRule, ...]] | None = None

    def answers(self, word: str) -> Iterator[Answer]:
        """Yield an answer for each object that a word of a person means; raise UsageError (11)."""
        for asked in objects(word, self._scene.registry, self._sids):
            yield self._answer(asked)

    def _answer(self, asked: Object) -> Answer:
        seen = self._seen(asked)
        met = matching(self._rules[asked.kind], asked.path, seen.kind, is_node=seen.is_node)
        said = verdict(met, seen.judged)
        subject = Subject(seen.kind, asked.path, self._owner(asked), said)
        return Answer(
            asked=asked,
            kind=seen.kind,
            path=asked.path,
            owner=subject.owner,
            taken=subject.is_chosen,
            reason=subject.reason,
            rule=subject.rule,
            touches=tuple(touches(met, seen.judged, said)),
            idle=tuple(self._idle_rules(asked, seen)),
            remark=seen.remark,
        )

    def _owner(self, asked: Object) -> Choice | None:
        if asked.kind is PatternKind.REGISTRY:
            return key_owner(asked.path, self._opened.choices)
        return owner_of(asked.path, self._owners)

    # --- the object as it is ---

    def _seen(self, asked: Object) -> _Seen:
        try:
            return self._looked_at(asked)
        except SourceError as error:
            kind = kind_of_missing(asked)
            return _Seen(kind, Glimpse(), str(error), is_node=kind is ObjectKind.KEY)

    def _looked_at(self, asked: Object) -> _Seen:
        if asked.kind is PatternKind.FILE:
            return self._file(asked.path)
        if asked.kind is PatternKind.INI:
            return self._ini(asked.path)
        return self._value(asked.path) if asked.is_leaf else self._key(asked.path)

    def _file(self, path: WinPath) -> _Seen:
        place = self._scene.namespace.resolve(path)
        if place is None:
            return _Seen(ObjectKind.FILE, Glimpse(), self._missing(path))
        filesystem, entry = place
        return _Seen(kind_of(entry), Sight(filesystem, entry), is_node=entry.directory)

    def _missing(self, path: WinPath) -> str:
        for depth in range(1, len(path.parts)):
            above = WinPath(path.drive, path.parts[:depth])
            place = self._scene.namespace.resolve(above)
            if place and is_link(place[1]):
                reparse = place[0].metadata(place[1]).reparse
                target = f" to {reparse.target}" if reparse and reparse.target else ""
                return f"{above} is a link{target}, and links are not followed"
        return "it is not there; the rules are asked as for a file"

    def _ini(self, path: WinPath) -> _Seen:
        file = WinPath(path.drive, path.parts[:-1])
        text = self._facts.string(
            PatternKind.INI, f"{escape(str(file))}[{escape(path.name[1:-1])}]"
        )
        if text is None:
            return _Seen(ObjectKind.VALUE, Glimpse(), "there is no such INI value")
        return _Seen(ObjectKind.VALUE, Glimpse(string=text))

    def _value(self, path: WinPath) -> _Seen:
        value = self._scene.registry.value(str(path.parent), path.name[1:-1])
        if value is None:
            gone = RegistryValue(path.name[1:-1], REG_SZ, b"")
            return _Seen(ObjectKind.VALUE, ValueSight(gone), "there is no such value")
        return _Seen(ObjectKind.VALUE, ValueSight(value))

    def _key(self, path: WinPath) -> _Seen:
        there = self._scene.registry.exists(str(path))
        remark = "" if there else "there is no such key"
        return _Seen(ObjectKind.KEY, Glimpse(), remark, is_node=True)

    # --- rules that do not count ---

    def _idle_rules(self, asked: Object, seen: _Seen) -> Iterator[Idle]:
        known = {_identity(rule) for rule in self._rules[asked.kind]}
        there = matching(
            self._without_gates()[asked.kind], asked.path, seen.kind, is_node=seen.is_node
        )
        for rule in there:
            if _identity(rule) not in known:
                yield Idle(rule, self._why_idle(rule))

    def _without_gates(self) -> dict[PatternKind, tuple[ActiveRule, ...]]:
        """Return the rules as they would be if every detection and condition held: made when first asked for."""
        if self._idle is None:
            users = [each.user for each in self._opened.choices if each.selected]
            every = activate(ungated(self._opened.rules), self._scene, users)
            self._idle = ranked_by_kind(every.rules)
        return self._idle

    def _why_idle(self, rule: ActiveRule) -> str:
        meetings = [
            each
            for each in self._opened.activation.meetings
            if (each.component.name, each.scope) == (rule.component, rule.scope)
        ]
        if any(each.migrates for each in meetings) and not any(map(_is_present, meetings)):
            return f"{rule.component} is not detected here"
        if not any(each.migrates for each in meetings):
            return f"Config.xml leaves {rule.component} out"
        return "a condition of its rules is false, or its component has no include that counts"


def _is_present(meeting: Meeting) -> bool:
    return meeting.present


def _identity(rule: ActiveRule) -> tuple[object, ...]:
    return rule.verb, rule.location, rule.scope, rule.source
