"""Ranked rules x one object -> what each rule that matches it comes to, in words (usmt.md 4.1, 4.2).

The verdict itself is ``select.precedence``'s: what is said here never decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from extractor.evaluate import ActiveRule
from extractor.evaluate.active import Judged
from extractor.model import ObjectKind, WinPath, upcase
from extractor.rules.model import Verb
from extractor.rules.patterns import Location, node_text
from extractor.select.precedence import ATTRIBUTES, Verdict


@dataclass(frozen=True, slots=True)
class Touch:
    """A rule that matches an object, and what comes of it."""

    rule: ActiveRule
    effect: str
    decides: bool = False


def matching(
    rules: Iterable[ActiveRule], path: WinPath, kind: ObjectKind, *, is_node: bool
) -> list[ActiveRule]:
    """Return the rules that match an object, in the order given; a link to a folder is asked as a folder."""
    if is_node:
        node = node_text(path)
        return [rule for rule in rules if _takes_node(rule.location, node)]
    node = node_text(path.parent)
    leaf = upcase(path.name[1:-1] if kind is ObjectKind.VALUE else path.name)
    return [
        rule
        for rule in rules
        if rule.location.node.matches(node) and rule.location.takes_leaf(leaf)
    ]


def _takes_node(location: Location, node: str) -> bool:
    return location.takes_nodes and location.node.matches(node)


def touches(ranked: Sequence[ActiveRule], judged: Judged, said: Verdict) -> Iterator[Touch]:
    """Yield what each matching rule comes to; ``said`` is the verdict on the object."""
    speaking = [rule for rule in ranked if not rule.filter or rule.filter(judged)]
    meeting = [
        rule
        for rule in speaking
        if rule.verb not in ATTRIBUTES and rule.verb is not Verb.UNCONDITIONAL_EXCLUDE
    ]
    first: dict[int, ActiveRule] = {}
    for rule in meeting:
        first.setdefault(rule.instance, rule)
    including = {rule.instance for rule in meeting if rule.verb is Verb.INCLUDE}
    for rule in ranked:
        if rule.filter and rule not in speaking:
            yield Touch(rule, f"its filter {rule.filter_text} says no")
        elif rule.verb in ATTRIBUTES:
            yield Touch(rule, _of_attributes(rule, said))
        elif rule.verb is Verb.UNCONDITIONAL_EXCLUDE:
            yield _of_unconditional(rule, said, any_include=bool(including))
        else:
            yield _of_component(rule, first[rule.instance], said, including)


def _of_attributes(rule: ActiveRule, said: Verdict) -> str:
    if not said.chosen:
        return "says nothing, for the object is not taken"
    left = rule.attributes & said.left_out
    if rule.verb is Verb.EXCLUDE_ATTRIBUTES and left:
        return "leaves out attributes of the object"
    return "keeps attributes of the object, or a narrower pattern decides on them"


def _of_unconditional(rule: ActiveRule, said: Verdict, *, any_include: bool) -> Touch:
    if rule == said.rule:
        return Touch(rule, "unconditional: beats every include of every component", decides=True)
    if not any_include:
        return Touch(rule, "no include matches, so there is nothing to exclude")
    return Touch(rule, "another unconditionalExclude stands for it")


def _of_component(rule: ActiveRule, first: ActiveRule, said: Verdict, including: set[int]) -> Touch:
    if rule is not first:
        return Touch(rule, _beaten(rule, first))
    if rule == said.rule:
        return Touch(rule, "the narrowest of its component: decides", decides=True)
    if rule.verb is Verb.EXCLUDE:
        return Touch(rule, _of_exclude(rule, said, including))
    if said.chosen:
        return Touch(rule, "its component takes the object too")
    return Touch(
        rule, "its component would take the object, but an unconditionalExclude is above it"
    )


def _of_exclude(rule: ActiveRule, said: Verdict, including: set[int]) -> str:
    if rule.instance not in including:
        return "no include of its component matches, so it does nothing"
    if said.chosen:
        return "decides in its own component alone, and another one takes the object"
    return "its component leaves the object out too"


def _beaten(rule: ActiveRule, first: ActiveRule) -> str:
    if first.location.specificity == rule.location.specificity:
        wins = "an exclude wins over its equal" if first.verb is not rule.verb else "says the same"
        return f"as narrow as {first.source}: {wins}"
    if first.verb is rule.verb:
        return f"{first.source}, which is narrower, says the same"
    return f"beaten by {first.source}, which is narrower"
