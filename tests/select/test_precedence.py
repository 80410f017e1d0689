"""The verdict on one object, given the rules that match it (usmt.md 4.1, 4.2)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evaluate import ActiveRule
from extractor.model import upcase
from extractor.rules.model import Attributes, Verb
from extractor.rules.patterns import parse_location
from extractor.select.objects import Glimpse
from extractor.select.precedence import Verdict, ranked, verdict
from tests.select.machine import thing

INC, EXC, NEVER = Verb.INCLUDE, Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE
Rule = tuple[Verb, str]


def active(components: Sequence[Sequence[Rule]]) -> tuple[ActiveRule, ...]:
    """Number the components and compile their patterns."""
    return ranked(
        ActiveRule(verb, parse_location(text), number, "", f"t.xml:{number}", text)
        for number, rules in enumerate(components)
        for verb, text in rules
    )


def judged(components: Sequence[Sequence[Rule]], path: str) -> Verdict:
    """Return what rules say of a file or value."""
    wanted = thing(path)
    node, leaf = upcase(wanted.node) + "\\", upcase(wanted.leaf or "")
    return verdict(
        rule
        for rule in active(components)
        if rule.location.node.matches(node) and rule.location.takes_leaf(leaf)
    )


DECIDING = [
    # components, the pattern that decides of C:\D\E [a.tmp], taken?
    ([[(INC, r"C:\* [*]")]], r"C:\* [*]", True),
    ([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*.tmp]"), (EXC, r"C:\* [*.tmp]")]], r"C:\D\* [*.tmp]", False),
    ([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*]"), (INC, r"C:\D\E\ [*.tmp]")]], r"C:\D\E\ [*.tmp]", True),
    ([[(INC, r"C:\D\* [*]"), (EXC, r"C:\D\* [*]")]], r"C:\D\* [*]", False),
    ([[(INC, r"C:\* [*]")], [(INC, r"C:\D\* [*]")]], r"C:\D\* [*]", True),
    ([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*]")], [(INC, r"C:\* [*.tmp]")]], r"C:\* [*.tmp]", True),
    ([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*]")], [(INC, r"C:\* [*]"), (EXC, r"C:\D\E\* [*]")]],
     r"C:\D\E\* [*]", False),
    ([[(INC, r"C:\D\* [*]"), (EXC, r"C:\D\E\* [*]")], [(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*]")]],
     r"C:\D\E\* [*]", False),
    ([[(INC, r"C:\* [*]")], [(NEVER, r"C:\D\* [*]"), (NEVER, r"C:\* [*]")]], r"C:\D\* [*]", False),
    ([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*]")], [(NEVER, r"C:\* [*.tmp]")]], r"C:\* [*.tmp]", False),
]  # fmt: skip


@pytest.mark.parametrize(("components", "text", "chosen"), DECIDING)
def test_the_deciding_pattern_is_the_narrowest_that_speaks(
    components: list[list[Rule]], text: str, chosen: bool
) -> None:
    said = judged(components, r"C:\D\E [a.tmp]")
    assert said.rule is not None
    assert (said.rule.text, said.chosen) == (text, chosen)


@pytest.mark.parametrize("verb", [EXC, NEVER])
def test_4_1_4_an_exclude_decides_nothing_where_no_include_speaks(verb: Verb) -> None:
    assert judged([[(verb, r"C:\D\* [*]")], [(INC, r"D:\* [*]")]], r"C:\D [a]").rule is None


def test_a_users_rule_names_the_owner_before_the_machines_and_of_two_users_the_lower_sid() -> None:
    wide, narrow = parse_location(r"C:\D\* [*]"), parse_location(r"C:\D\E\* [*]")
    said = verdict(
        ranked(
            [
                ActiveRule(INC, narrow, 1, "", "m.xml:1", ""),
                ActiveRule(INC, wide, 2, "S-2", "u.xml:1", ""),
                ActiveRule(INC, wide, 3, "S-1", "u.xml:1", ""),
            ]
        )
    )
    assert said.rule is not None
    assert said.rule.scope == "S-1"


def test_of_equal_excludes_the_users_is_named() -> None:
    here = parse_location(r"C:\D\* [*]")
    rules = [
        ActiveRule(verb, here, number, scope, "t.xml:1", "")
        for number, scope in enumerate(("", "S-1"))
        for verb in (INC, EXC)
    ]
    said = verdict(ranked(rules))
    assert said.rule is not None
    assert (said.chosen, said.rule.scope) == (False, "S-1")


def test_the_order_of_deciding_is_unconditional_excludes_then_narrow_then_excludes() -> None:
    texts = [
        (NEVER, r"C:\D\* [*]"), (NEVER, r"C:\* [*]"), (INC, r"C:\D\E\* [*]"), (EXC, r"C:\D\* [*]"),
        (INC, r"C:\D\* [*]"), (EXC, r"C:\* [*]"),
    ]  # fmt: skip
    rules = [ActiveRule(verb, parse_location(text), 1, "", "t.xml:1", text) for verb, text in texts]
    assert [(each.verb, each.text) for each in ranked(reversed(rules))] == texts


def test_rules_of_one_component_for_two_users_do_not_meet() -> None:
    here = parse_location(r"C:\D\* [*]")
    rules = [
        ActiveRule(INC, here, 1, "S-1", "u.xml:1", ""),
        ActiveRule(EXC, here, 2, "S-2", "u.xml:2", ""),
    ]
    assert verdict(ranked(rules)).chosen


def test_a_rule_whose_filter_is_false_is_as_if_it_were_not_there() -> None:
    here, wide = parse_location(r"C:\D\* [*]"), parse_location(r"C:\* [*]")
    rules = ranked(
        [
            ActiveRule(INC, wide, 1, "", "t.xml:1", "wide"),
            ActiveRule(EXC, here, 1, "", "t.xml:2", "none", filter=lambda _: False),
            ActiveRule(NEVER, here, 1, "", "t.xml:3", "none", filter=lambda _: False),
        ]
    )
    said = verdict(rules, Glimpse())
    assert said.rule is not None
    assert (said.chosen, said.rule.text) == (True, "wide")
    assert not verdict(rules).chosen, "without an object to look at, each filter may be true"


ATTRIBUTES = [
    # of excludes and includes of attributes, narrowest first: what is left out
    ([], Attributes.NONE),
    ([(Verb.EXCLUDE_ATTRIBUTES, r"C:\* [*]", Attributes.ALL)], Attributes.ALL),
    ([(Verb.INCLUDE_ATTRIBUTES, r"C:\* [*]", Attributes.ALL)], Attributes.NONE),
    ([(Verb.EXCLUDE_ATTRIBUTES, r"C:\* [*]", Attributes.ALL),
      (Verb.INCLUDE_ATTRIBUTES, r"C:\D\* [*]", Attributes.SECURITY)], Attributes.TIME_FIELDS),
    ([(Verb.EXCLUDE_ATTRIBUTES, r"C:\D\* [*]", Attributes.SECURITY),
      (Verb.INCLUDE_ATTRIBUTES, r"C:\* [*]", Attributes.ALL)], Attributes.SECURITY),
    ([(Verb.EXCLUDE_ATTRIBUTES, r"C:\D\* [*]", Attributes.SECURITY),
      (Verb.INCLUDE_ATTRIBUTES, r"C:\D\* [*]", Attributes.ALL)], Attributes.SECURITY),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "left_out"), ATTRIBUTES)
def test_3_3_attributes_are_left_out_of_what_is_chosen_only(
    attributes: list[tuple[Verb, str, Attributes]], left_out: Attributes
) -> None:
    rules = [
        ActiveRule(verb, parse_location(text), 2, "", "t.xml:1", text, attributes=which)
        for verb, text, which in attributes
    ]
    include = ActiveRule(INC, parse_location(r"C:\* [*]"), 1, "", "t.xml:2", "")
    assert verdict(ranked([include, *rules])).left_out == left_out
    assert verdict(ranked(rules)) == Verdict(chosen=False, rule=None)


# --- properties -----------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        r"C:\* [*]", r"C:\A\* [*]", r"C:\A\B\* [*]", r"C:\A\ [*]", r"C:\A [x]", r"C:\A\* [*.t]", r"C:\*\B\* [*]",
        r"C:\A*[*]", r"* [x]", r"C:\A\B [*.t]", r"C:* [*.t]",
    ]
)  # fmt: skip
RULES = st.lists(st.tuples(st.sampled_from([INC, EXC, NEVER]), PIECES), max_size=5)
PATHS = st.sampled_from(
    [r"C: [x]", r"C:\A [x]", r"C:\A [y.t]", r"C:\A\B [x]", r"C:\A\B [z.t]", r"C:\Q\B [x]"]
)


@given(st.lists(RULES, max_size=4), PATHS, st.randoms(use_true_random=False))
def test_4_1_1_the_order_of_components_and_rules_changes_nothing(
    components: list[list[Rule]], path: str, shuffler: random.Random
) -> None:
    turned = [shuffler.sample(rules, len(rules)) for rules in components]
    shuffler.shuffle(turned)
    one, other = judged(components, path), judged(turned, path)
    assert one.chosen is other.chosen
    assert (one.rule and one.rule.text) == (other.rule and other.rule.text)


@given(st.lists(RULES, max_size=3), PATHS)
def test_4_1_the_verdict_is_what_the_sentences_say(components: list[list[Rule]], path: str) -> None:
    """An oracle written from the prose: best include against best exclude, union, then unconditional excludes."""
    wanted = thing(path)
    node, leaf = upcase(wanted.node) + "\\", upcase(wanted.leaf or "")

    def keys(rules: list[Rule], which: Verb) -> list[tuple[int | bool, ...]]:
        locations = [parse_location(text) for verb, text in rules if verb is which]
        return [
            location.specificity
            for location in locations
            if location.node.matches(node) and location.takes_leaf(leaf)
        ]

    kept = any(
        max(keys(rules, INC), default=()) > max(keys(rules, EXC), default=())
        for rules in components
    )
    barred = any(keys(rules, NEVER) for rules in components)
    assert judged(components, path).chosen is (kept and not barred)
