"""An opened Windows -> what its rules come to: which match nothing, which never decide, what no rule reaches.

A rule is a place in a rule file: a pattern that meets three users, or a script that makes forty patterns, is one. What
an exclude leaves out whole is not looked into, so a rule that could match only there counts as one without a match.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extractor.evaluate import ActiveRule, Meeting
from extractor.events import Noted, Observer
from extractor.explain.uncollected import Folder, uncollected
from extractor.model import ObjectKind, Selected
from extractor.opening import Opened
from extractor.rules import GUARD
from extractor.select import Selection, select

_UNKNOWN = re.compile(r"%([^%]+)% is not defined")
_PLACE = re.compile(r"(.*):(\d+)$")
_GUARD = f"builtin/{GUARD}:"
_FILES = frozenset({ObjectKind.FILE, ObjectKind.LINK})


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A rule of a component that is there, and how often it decided."""

    source: str
    verb: str
    component: str
    written: str
    decided: int
    """Objects whose fate it was."""
    matched: bool
    """False when it matches nothing at all."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the rules come to on one Windows."""

    uses: tuple[RuleUse, ...]
    """By file and line."""
    undetected: tuple[str, ...]
    """Names of components that are not on this disk, for nobody."""
    unknown_variables: tuple[tuple[str, str], ...]
    """(name, the note that begins with ``file:line:``)."""
    notes: tuple[Noted, ...]
    """What else there is to say of rules that could not be used."""
    uncollected: tuple[Folder, ...]

    @property
    def without_hits(self) -> tuple[RuleUse, ...]:
        """Rules that match nothing."""
        return tuple(each for each in self.uses if not each.matched)

    @property
    def shadowed(self) -> tuple[RuleUse, ...]:
        """Rules that match something and never decide: a narrower rule, or one that says the same, always does."""
        return tuple(each for each in self.uses if each.matched and not each.decided)


def coverage(opened: Opened, observer: Observer) -> Coverage:
    """Select once and count; no content is read."""
    selection = select(opened.scene, opened.activation, opened.choices, observer)
    decided: Counter[str] = Counter()
    taken: set[tuple[str, int]] = set()
    for each in selection:
        decided[each.rule] += 1
        if isinstance(each, Selected) and each.chosen and each.kind in _FILES:
            taken.add((each.volume, each.entry.record))
    unknown, other = _sorted_notes(opened.activation.notes)
    return Coverage(
        uses=tuple(_uses(selection, decided)),
        undetected=tuple(_undetected(opened.activation.meetings)),
        unknown_variables=tuple(unknown),
        notes=tuple(other),
        uncollected=tuple(uncollected(opened.scene, opened.choices, taken)),
    )


def _uses(selection: Selection, decided: Counter[str]) -> Iterator[RuleUse]:
    rules: dict[str, ActiveRule] = {}
    matched: set[str] = set()
    for kind, ranked in selection.rules.items():
        met = selection.met[kind]
        for number, rule in enumerate(ranked):
            rules.setdefault(rule.source, rule)
            if number in met:
                matched.add(rule.source)
    for source in sorted(rules, key=_place):
        if source.startswith(_GUARD):  # nobody wrote it into a rule file
            continue
        rule, count = rules[source], decided[source]
        yield RuleUse(
            source,
            rule.verb.value,
            rule.component,
            rule.text,
            count,
            source in matched or count > 0,
        )


def _place(source: str) -> tuple[str, int]:
    found = _PLACE.match(source)
    return (found[1], int(found[2])) if found else (source, 0)


def _undetected(meetings: Iterable[Meeting]) -> Iterator[str]:
    """Yield the names of components none of whose roles is there for anybody."""
    present: dict[str, bool] = {}
    for each in meetings:
        present[each.component.name] = present.get(each.component.name, False) or each.present
    yield from (name for name, is_there in present.items() if not is_there)


def _sorted_notes(notes: Iterable[Noted]) -> tuple[list[tuple[str, str]], list[Noted]]:
    """Return the notes about variables that nobody knows, by name, and all other warnings."""
    unknown: list[tuple[str, str]] = []
    other: list[Noted] = []
    for note in notes:
        found = _UNKNOWN.search(note.message)
        if found and note.level == "warning":
            unknown.append((found[1], note.message))
        elif note.level == "warning":
            other.append(note)
    return sorted(unknown), other
