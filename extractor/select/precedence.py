"""Which pattern decides: the narrowest of a component, a union over components, unconditionalExclude above all.

Source: USMT "Conflicts and precedence". Rules meet only inside one component and one context (the machine, or one
user); there the narrowest matching pattern decides, and an exclude wins over an equal include. So with all active
patterns in one order, narrowest first, the first match of each component is its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from extractor.rules.model import Verb
from extractor.rules.patterns import Location

_ORDER = {Verb.UNCONDITIONAL_EXCLUDE: 0, Verb.EXCLUDE: 1, Verb.INCLUDE: 2}


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """A compiled pattern in one context of one component."""

    verb: Verb
    location: Location
    instance: int
    """Number of the component in this context: rules with the same number meet."""
    scope: str
    """SID of the user in whose context it stands, empty for the machine."""
    source: str
    text: str
    """The pattern as its author wrote it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one object; ``rule`` decided, None when no include matches it."""

    chosen: bool
    rule: ActiveRule | None


UNSPOKEN = Verdict(chosen=False, rule=None)


def ranked(rules: Iterable[ActiveRule]) -> tuple[ActiveRule, ...]:
    """Return rules in the order in which they decide; no order of files or components changes it."""
    return tuple(sorted(rules, key=_rank))


def _rank(rule: ActiveRule) -> tuple[object, ...]:
    narrow = tuple(-number for number in rule.location.specificity)
    above = rule.verb is not Verb.UNCONDITIONAL_EXCLUDE
    # A user's own rule names the owner better than the machine's ("" sorts first, hence the `not`).
    return (above, narrow, _ORDER[rule.verb], not rule.scope, rule.scope, rule.source, rule.text)


def verdict(matching: Iterable[ActiveRule]) -> Verdict:
    """Judge an object by the rules that match it, given in ranked order.

    An exclude (or unconditionalExclude) counts only where an include of the same component (of any component) matches
    too: without one, nothing would have been taken anyway.
    """
    barred: ActiveRule | None = None
    chosen: ActiveRule | None = None
    excluded: ActiveRule | None = None
    first: dict[int, ActiveRule] = {}
    for rule in matching:
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
    return Verdict(chosen is not None, chosen or excluded)


def _names_owner_better(chosen: ActiveRule | None, rule: ActiveRule) -> bool:
    return chosen is not None and (bool(chosen.scope) or not rule.scope)


def _narrower(one: ActiveRule | None, other: ActiveRule) -> ActiveRule:
    return other if one is None or _rank(other) < _rank(one) else one


def cutter(live: Sequence[ActiveRule], here: Sequence[ActiveRule]) -> ActiveRule | None:
    """Return the exclude that leaves nothing to find in a whole directory, None when something may be chosen in it.

    ``live`` are the ranked rules that may match in or below the directory, ``here`` those whose node matches it. An
    exclude that takes the whole tree beats each include of its component that is not narrower.
    """
    trees: dict[int, ActiveRule] = {}
    for rule in here:
        if rule.verb is not Verb.INCLUDE and rule.location.takes_trees:
            if rule.verb is Verb.UNCONDITIONAL_EXCLUDE:
                return rule
            trees.setdefault(rule.instance, rule)
    cut: ActiveRule | None = None
    for rule in live:
        if rule.verb is not Verb.INCLUDE:
            continue
        tree = trees.get(rule.instance)
        if tree is None or rule.location.specificity > tree.location.specificity:
            return None
        cut = _narrower(cut, tree)
    return cut
