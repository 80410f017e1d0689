"""Which pattern decides: the narrowest of a component, a union over components, unconditionalExclude above all.

Source: USMT "Conflicts and precedence". Rules meet only inside one component and one context (the machine, or one
user); there the narrowest matching pattern decides, and an exclude wins over an equal include. So with all active
patterns in one order, narrowest first, the first match of each component is its answer. Where the documentation
contradicts itself (usmt.md 9: #2 equal patterns, #3 a narrower include), this is what it says more often.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from extractor.evaluate.active import ActiveRule, Judged
from extractor.rules.model import Attributes, Verb
from extractor.rules.patterns import PatternKind

ATTRIBUTES = frozenset({Verb.INCLUDE_ATTRIBUTES, Verb.EXCLUDE_ATTRIBUTES})
_ORDER = {
    Verb.UNCONDITIONAL_EXCLUDE: 0,
    Verb.EXCLUDE: 1,
    Verb.EXCLUDE_ATTRIBUTES: 1,
    Verb.INCLUDE: 2,
    Verb.INCLUDE_ATTRIBUTES: 2,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one object; ``rule`` decided, None when no include matches it."""

    chosen: bool
    rule: ActiveRule | None
    left_out: Attributes = Attributes.NONE
    """Attributes of a chosen object that are not taken."""


UNSPOKEN = Verdict(chosen=False, rule=None)


def ranked(rules: Iterable[ActiveRule]) -> tuple[ActiveRule, ...]:
    """Return rules in the order in which they decide; no order of files or components changes it."""
    return tuple(sorted(rules, key=_rank))


def ranked_by_kind(rules: Iterable[ActiveRule]) -> dict[PatternKind, tuple[ActiveRule, ...]]:
    """Return the rules of each kind in the order in which they decide: kinds never meet."""
    every = tuple(rules)
    return {kind: ranked(rule for rule in every if rule.kind is kind) for kind in PatternKind}


def _rank(rule: ActiveRule) -> tuple[object, ...]:
    narrow = tuple(-number for number in rule.location.specificity)
    above = rule.verb is not Verb.UNCONDITIONAL_EXCLUDE
    # A user's own rule names the owner better than the machine's ("" sorts first, hence the `not`).
    by_name = (rule.source, rule.text, rule.component, rule.filter_text, rule.attributes.value)
    return (above, narrow, _ORDER[rule.verb], not rule.scope, rule.scope, *by_name)


def verdict(matching: Iterable[ActiveRule], judged: Judged | None = None) -> Verdict:
    """Judge an object by the rules that match it, given in ranked order; filters are shown the object, if any.

    An exclude (or unconditionalExclude) counts only where an include of the same component (of any component) matches
    too: without one, nothing would have been taken anyway.
    """
    barred: ActiveRule | None = None
    chosen: ActiveRule | None = None
    excluded: ActiveRule | None = None
    first: dict[int, ActiveRule] = {}
    attributes: list[ActiveRule] = []
    for rule in matching:
        if rule.verb in ATTRIBUTES:
            attributes.append(rule)
            continue
        if rule.filter and judged and not rule.filter(judged):
            continue
        if rule.verb is Verb.UNCONDITIONAL_EXCLUDE:
            barred = barred or rule
            continue
        decides = first.setdefault(rule.instance, rule)
        if rule.verb is Verb.INCLUDE and decides.verb is Verb.EXCLUDE:
            excluded = _narrower(excluded, decides)
        elif rule.verb is Verb.INCLUDE and not _names_owner_better(chosen, rule):
            chosen = rule
    if barred and (chosen or excluded):
        return Verdict(chosen=False, rule=barred)
    if chosen is None:
        return Verdict(chosen=False, rule=excluded)
    return Verdict(chosen=True, rule=chosen, left_out=_left_out(attributes))


def _names_owner_better(chosen: ActiveRule | None, rule: ActiveRule) -> bool:
    return chosen is not None and (bool(chosen.scope) or not rule.scope)


def _narrower(one: ActiveRule | None, other: ActiveRule) -> ActiveRule:
    return other if one is None or _rank(other) < _rank(one) else one


def _left_out(matching: Iterable[ActiveRule]) -> Attributes:
    """Return what is not taken of an object: of each attribute the narrowest pattern decides (usmt.md 3.3)."""
    left, open_questions = Attributes.NONE, Attributes.ALL
    for rule in matching:
        if rule.verb is Verb.EXCLUDE_ATTRIBUTES:
            left |= rule.attributes & open_questions
        open_questions &= ~rule.attributes
    return left
