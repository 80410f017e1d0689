r"""The way down: in each directory just the rules that match there, and whether there is a reason to go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.evaluate import ActiveRule
from extractor.model import WinPath
from extractor.rules.model import Verb
from extractor.rules.patterns import node_text, parse_location
from extractor.select.precedence import ranked, verdict
from extractor.select.way import CLOSED, Way, way_of

INC, EXC, NEVER = Verb.INCLUDE, Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE
Spelled = tuple[Verb, int, str]


def compiled(spelled: Sequence[Spelled]) -> tuple[ActiveRule, ...]:
    return ranked(
        ActiveRule(verb, parse_location(text), number, "", "t.xml:1", text)
        for verb, number, text in spelled
    )


def path(text: str) -> WinPath:
    drive, *parts = text.split("\\")
    return WinPath(drive, tuple(part for part in parts if part))


NAMES = ["A", "B", "A", "B", "AB", "C", "a.b"]
NODES = st.one_of(
    st.sampled_from(
        [
            "*", "C:*", r"C:\*", "C:", r"C:\A", r"C:\A\*", r"C:\A*", r"C:\A\B\*", r"C:\A\B", r"C:\*\B\*", r"C:\*\B",
            r"*\B\*", r"C:*\B\*", r"C:\A*\B\*", r"C:\*A\*", r"C:\A\*\B\*\C\*", r"C:\*\A\B\*", r"C:\*A\B", r"D:\*",
            r"C:\*.*\*", r"C:\A\*B", r"C:\*\*\C", r"C:\*\A\*B*\C\*",
        ]
    ),
    st.lists(st.sampled_from(["A", "B", "*", "A*", "*B", "C"]), min_size=1, max_size=4).map(
        lambda parts: "\\".join(["C:", *parts])
    ),
)  # fmt: skip
LEAVES = st.sampled_from([" [*]", " [*]", " [a]", " [*.t]", ""])
TEXTS = st.tuples(NODES, LEAVES).map("".join)
RULES = st.lists(
    st.tuples(st.sampled_from([INC, INC, EXC, NEVER]), st.integers(0, 2), TEXTS), max_size=7
)
PATHS = st.lists(st.sampled_from(NAMES), max_size=6).map(lambda parts: WinPath("C:", tuple(parts)))


@settings(max_examples=400)
@given(RULES, PATHS)
def test_in_each_directory_just_the_rules_hold_that_match_it(
    spelled: list[Spelled], where: WinPath
) -> None:
    rules = compiled(spelled)
    way, node = way_of(rules).to(where), node_text(where)
    held = {rank for rank, rule in enumerate(rules) if way.here.holds((rank, rule))}
    matching = {rank for rank, rule in enumerate(rules) if rule.location.node.matches(node)}
    assert held == matching
    settled = {rank for rank, rule in enumerate(rules) if way.settled.holds((rank, rule))}
    assert settled == {rank for rank in matching if rules[rank].location.node.open_ended}


@given(RULES, PATHS)
def test_a_directory_is_closed_where_no_include_matches_or_reaches_further(
    spelled: list[Spelled], where: WinPath
) -> None:
    rules = compiled(spelled)
    reaching = any(
        rule.verb is INC and rule.location.node.reaches_below(node_text(where)) for rule in rules
    )
    assert (way_of(rules).to(where).outlook == CLOSED) is not reaching


@settings(max_examples=200)
@given(RULES, PATHS, PATHS, st.sampled_from(["A", "X.T"]))
def test_what_a_cut_directory_holds_is_never_taken(
    spelled: list[Spelled], above: WinPath, below: WinPath, leaf: str
) -> None:
    rules = compiled(spelled)
    outlook = way_of(rules).to(above).outlook
    if outlook.is_open:
        return
    node = node_text(WinPath("C:", above.parts + below.parts))
    matching = [rule for rule in rules if rule.location.node.matches(node)]
    assert not verdict(rule for rule in matching if rule.location.takes_leaf(leaf)).chosen
    assert not verdict(rule for rule in matching if rule.location.takes_nodes).chosen
    if outlook.cut:
        assert outlook.cut in matching
        assert outlook.cut.location.takes_trees


OUTLOOKS = [
    # rules, directory, open?, the exclude that leaves nothing
    ([], r"C:\A", False, None),
    ([(INC, 1, r"C:\A\B\ [x]")], r"C:", True, None),
    ([(INC, 1, r"C:\A\B\ [x]")], r"C:\A", True, None),
    ([(INC, 1, r"C:\A\B\ [x]")], r"C:\B", False, None),
    ([(INC, 1, r"C:\A\B\ [x]")], r"C:\A\B\C", False, None),
    ([(INC, 1, r"C:\*\B\* [*]")], r"C:\Q\R", True, None),
    ([(INC, 1, r"C:\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A", False, r"C:\A\* [*]"),
    ([(INC, 1, r"C:\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A\B", False, r"C:\A\* [*]"),
    ([(INC, 1, r"C:\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\B", True, None),
    ([(INC, 1, r"C:\*\B\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A", False, r"C:\A\* [*]"),
    ([(INC, 1, r"C:\*\B\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A\B", False, r"C:\A\* [*]"),
    ([(INC, 1, r"C:\A\B\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A", True, None),
    ([(INC, 1, r"C:\A\B\* [*]"), (EXC, 2, r"C:\A\* [*]")], r"C:\A", True, None),
    ([(INC, 1, r"C:\A\B\* [*]"), (NEVER, 2, r"C:\A\* [*]")], r"C:\A", False, r"C:\A\* [*]"),
    ([(INC, 1, r"C:\* [*]"), (INC, 2, r"C:\A\* [*]"), (EXC, 1, r"C:\A\* [*]")], r"C:\A", True, None),
    ([(INC, 1, r"C:\* [*]"), (EXC, 1, r"C:\A\* [*.t]")], r"C:\A", True, None),
]  # fmt: skip


@pytest.mark.parametrize(("spelled", "where", "is_open", "cut"), OUTLOOKS)
def test_a_directory_is_entered_while_something_in_it_may_be_chosen(
    spelled: list[Spelled], where: str, is_open: bool, cut: str | None
) -> None:
    outlook = way_of(compiled(spelled)).to(path(where)).outlook
    assert (outlook.is_open, outlook.cut and outlook.cut.text) == (is_open, cut)


def met(way: Way, name: str) -> set[str]:
    r"""Return the patterns that are looked at in a directory of this name."""
    return {rule.text for _, rule in way.roaming.meeting(f"{name}\\")}


def test_rules_that_want_a_name_are_looked_at_in_directories_of_that_name_only() -> None:
    spelled = [(INC, 1, text) for text in (r"C:\*\Pics\* [*]", r"C:\*Pics\* [*]", r"C:\*\Tmp [*]")]
    way = way_of(compiled(spelled)).to(path("C:"))
    assert met(way, "PICS") == {r"C:\*\Pics\* [*]", r"C:\*Pics\* [*]"}
    assert met(way, "MYPICS") == {r"C:\*Pics\* [*]"}
    assert met(way, "TMP") == {r"C:\*Pics\* [*]", r"C:\*\Tmp [*]"}


def test_rules_that_arrive_further_down_do_not_hide_those_from_above() -> None:
    rules = compiled([(INC, 1, r"C:\*\C\* [*]"), (INC, 1, r"C:\A\*\C\* [*]")])
    here = way_of(rules).to(path(r"C:\A\B\C")).here
    assert [here.holds(each) for each in enumerate(rules)] == [True, True]


def test_a_directory_that_adds_no_rule_costs_no_layer() -> None:
    way = way_of(compiled([(INC, 1, r"C:\* [*]"), (INC, 1, r"C:\A\B\* [*]")])).to(path("C:"))
    assert way.below("A").here is way.here
    assert way.below("A").below("C").here is way.here
    assert way.below("A").below("B").here is not way.here


def test_a_rule_that_takes_all_below_is_not_looked_at_again() -> None:
    way = way_of(compiled([(INC, 1, r"C:\*\A\* [*]")])).to(path(r"C:\X\A\B\A"))
    assert len(way.here.shelves) == 2, "the ground, and where it settled"


def test_a_backslash_in_a_name_is_no_separator() -> None:
    rules = compiled([(INC, 1, r"C:\A\B\* [*]")])
    assert way_of(rules).to(WinPath("C:", ("A\\B",))).outlook == CLOSED


@pytest.mark.parametrize("text", [r"C:\a\B\* [*]", r"c:\A\b\* [*]"])
def test_letter_case_does_not_lead_astray(text: str) -> None:
    assert way_of(compiled([(INC, 1, text)])).to(path(r"C:\A\B")).outlook.is_open
