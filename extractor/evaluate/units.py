"""Activation -> units: what each component came to in each context, as USMT's diagnostic log lists it (usmt.md 6.9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from extractor.evaluate.active import Activation, ActiveRule, Meeting
from extractor.events import MigUnit
from extractor.rules.model import Verb

_GROUPS = {
    "Application": "Applications",
    "System": "WindowsComponents",
    "Device": "WindowsComponents",
}
_ROLES = {"Data": "UserData"}
_PATTERNS = {
    Verb.INCLUDE: "Include",
    Verb.EXCLUDE: "Exclude",
    Verb.UNCONDITIONAL_EXCLUDE: "UnconditionalExclude",
}


def units_of(activation: Activation) -> Iterator[MigUnit]:
    """Yield a unit for each component and context, in the order in which they met; Containers have no patterns.

    Rules are told apart by the component's name, so two components of one name in one context share their patterns.
    """
    met: dict[tuple[str, str], list[Meeting]] = defaultdict(list)
    for meeting in activation.meetings:
        if meeting.role.kind != "Container":
            met[meeting.component.name, meeting.scope].append(meeting)
    rules: dict[tuple[str, str], list[ActiveRule]] = defaultdict(list)
    for rule in activation.rules:
        rules[rule.component, rule.scope].append(rule)
    for key, meetings in met.items():
        yield _unit(meetings, rules.get(key, []))


def _unit(meetings: list[Meeting], rules: list[ActiveRule]) -> MigUnit:
    component = meetings[0].component
    roles = dict.fromkeys(_ROLES.get(each.role.kind, each.role.kind) for each in meetings)
    patterns: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    for rule in rules:
        if rule.verb in _PATTERNS:
            patterns[_PATTERNS[rule.verb]][rule.kind.value, rule.expanded or rule.text] = None
    return MigUnit(
        component=component.name,
        scope=meetings[0].scope,
        group=_GROUPS.get(component.kind, component.kind),
        role=",".join(roles),
        present=any(each.present for each in meetings),
        selected=any(each.present and each.migrates for each in meetings),
        patterns={name: tuple(sorted(found)) for name, found in sorted(patterns.items())},
        sources=frozenset(rule.source for rule in rules),
    )
