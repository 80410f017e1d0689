"""Component -> patterns that stand in it for nothing: twice, beaten by their equal, or excludes without any include.

Patterns are compared as written; two count as equal only where the same conditions guard both. Source: usmt.md 4.1
(rules interact inside one component; of equals the exclude wins).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.rules.model import (
    Call,
    Component,
    Context,
    Gate,
    Pattern,
    Rules,
    Verb,
)
from extractor.rules.patterns import Location, PatternError, PatternKind, parse_location

_MEETING = frozenset({Verb.INCLUDE, Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE})


@dataclass(frozen=True, slots=True)
class _Placed:
    """A pattern of a component: what it does, for whom, and what guards it."""

    verb: Verb
    kind: PatternKind
    location: Location
    context: Context
    guards: tuple[Gate | Call | None, ...]
    source: str

    @property
    def speaks_of(self) -> tuple[PatternKind, Location]:
        """What it matches, whoever asks."""
        return self.kind, self.location


def interplay(component: Component) -> Iterator[str]:
    """Yield remarks on patterns of one component that change nothing; each begins with ``file:line:``."""
    verbs = {rule.verb for rules in _all_rules(component) for rule in rules.rules}
    if Verb.EXCLUDE in verbs and Verb.INCLUDE not in verbs:
        yield f"{component.source}: excludes without an include in the same component do nothing"
    placed = tuple(_placed(component))
    yield from _twice(placed)
    yield from _beaten(placed)


def _twice(placed: tuple[_Placed, ...]) -> Iterator[str]:
    first: dict[object, _Placed] = {}
    for each in placed:
        key = (each.verb, each.speaks_of, each.context, each.guards)
        other = first.setdefault(key, each)
        if other.source != each.source:
            yield f"{each.source}: the same {each.verb} stands at {other.source} already"


def _beaten(placed: tuple[_Placed, ...]) -> Iterator[str]:
    """Warn of includes whose objects an exclude names too that holds whenever they do."""
    excludes: dict[object, list[_Placed]] = {}
    for each in placed:
        if each.verb is not Verb.INCLUDE:
            excludes.setdefault(each.speaks_of, []).append(each)
    for each in placed:
        if each.verb is Verb.INCLUDE:
            rivals = [rival for rival in excludes.get(each.speaks_of, ()) if _always(rival, each)]
            if rivals:
                yield f"{each.source}: the {rivals[0].verb} at {rivals[0].source} is its equal and wins"


def _always(exclude: _Placed, include: _Placed) -> bool:
    guarded = {guard for guard in exclude.guards if guard is not None}
    return include.context & exclude.context == include.context and guarded <= set(include.guards)


def _all_rules(component: Component) -> Iterator[Rules]:
    """Yield the rules of a component without those of components inside it, outer before nested."""
    waiting = [rules for role in reversed(component.roles) for rules in reversed(role.rules)]
    while waiting:
        rules = waiting.pop()
        yield rules
        waiting.extend(reversed(rules.nested))


def _placed(component: Component) -> Iterator[_Placed]:
    for role in component.roles:
        for rules in role.rules:
            yield from _of_rules(rules, component.context, (role.gate,))


def _of_rules(
    rules: Rules, around: Context, guards: tuple[Gate | Call | None, ...]
) -> Iterator[_Placed]:
    context, guards = around & rules.context, (*guards, rules.gate)
    for rule in rules.rules:
        if rule.verb not in _MEETING or not context:
            continue
        for each in rule.sets:
            inner = (*guards, rule.filter, each.gate)
            for item in each.items:
                if isinstance(item, Pattern):
                    yield from _of_pattern(item, rule.verb, context, inner)
    for nested in rules.nested:
        yield from _of_rules(nested, context, guards)


def _of_pattern(
    item: Pattern, verb: Verb, context: Context, guards: tuple[Gate | Call | None, ...]
) -> Iterator[_Placed]:
    try:
        location = parse_location(item.text)
    except PatternError:
        return  # ``doubts`` says it
    yield _Placed(verb, item.kind, location, context, guards, item.source)
