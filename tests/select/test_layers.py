"""What a layer remembers of the rules that match a directory: the same verdicts as if it remembered nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evaluate import ActiveRule
from extractor.evaluate.active import Filter, Judged
from extractor.model import upcase
from extractor.rules.model import Verb
from extractor.rules.patterns import parse_location
from extractor.select.layers import Layer, Ranked, cutter, narrowest
from extractor.select.objects import Glimpse
from extractor.select.precedence import ranked, verdict

INC, EXC, NEVER = Verb.INCLUDE, Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE
Spelled = tuple[Verb, int, str, bool]
"""Verb, component, pattern, with a filter?"""


def says_yes(judged: Judged) -> bool:
    return judged.string == "yes"


def rules_of(spelled: Sequence[Spelled]) -> tuple[Ranked, ...]:
    """Compile rules and number them in the order in which they decide."""
    made: list[ActiveRule] = []
    for verb, component, text, filtered in spelled:
        only: Filter | None = says_yes if filtered else None
        location = parse_location(text)
        made.append(ActiveRule(verb, location, component, "", "t.xml:1", text, filter=only))
    return tuple(enumerate(ranked(made)))


SPELLED = st.lists(
    st.tuples(
        st.sampled_from([INC, INC, EXC, NEVER, Verb.INCLUDE_ATTRIBUTES]),
        st.integers(0, 2),
        st.sampled_from(
            [
                r"C:\D\* [*]", r"C:\D\ [*]", r"C:\D\* [*.txt]", r"C:\D [*.t*]", r"C:\D [a.txt]", r"C:\* [a.txt]",
                r"C:\* [*.tar.gz]", r"C:\D [*.gz]", r"C:\D [a*]", r"C:\D [*.]", r"C:* [*a*]", r"C:\D []", r"C:\D",
                r"C:\D\*",
            ]
        ),
        st.booleans(),
    ),
    max_size=6,
)  # fmt: skip
NAMES = ["a.txt", "b.txt", "b.TXT", "a", "", "a.", "x.tar.gz", "x.gz", "bab.doc", "ab.other"]
QUESTIONS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["yes", "no"])), max_size=12)


def stacked(rules: Sequence[Ranked], cuts: Sequence[int]) -> Layer:
    """Put rules into layers upon layers, cut where a test says."""
    layer = Layer()
    ends = sorted({min(cut, len(rules)) for cut in cuts} | {len(rules)})
    for begin, end in zip([0, *ends], ends, strict=False):
        layer = Layer(rules[begin:end], layer)
    return layer


@given(SPELLED, st.lists(st.integers(0, 6), max_size=2), QUESTIONS)
def test_of_each_name_a_layer_says_what_all_its_rules_say(
    spelled: list[Spelled], cuts: list[int], questions: list[tuple[str, str]]
) -> None:
    """Whatever was asked before."""
    rules = rules_of(spelled)
    layer = stacked(rules, cuts)
    for name, string in questions:
        key, judged = upcase(name), Glimpse(string=string)
        naive = [rule for _, rule in rules if rule.location.takes_leaf(key)]
        assert layer.of_leaf(key, judged) == verdict(naive, judged)


@given(SPELLED, st.lists(st.integers(0, 6), max_size=2), st.lists(st.sampled_from(["yes", "no"])))
def test_of_the_directory_a_layer_says_what_all_its_rules_say(
    spelled: list[Spelled], cuts: list[int], strings: list[str]
) -> None:
    rules = rules_of(spelled)
    layer = stacked(rules, cuts)
    naive = [rule for _, rule in rules if rule.location.takes_nodes]
    for string in strings:
        judged = Glimpse(string=string)
        assert layer.of_node(judged) == verdict(naive, judged)


@given(SPELLED, st.lists(st.integers(0, 6), max_size=2), st.sampled_from(NAMES))
def test_where_a_layer_is_cut_nothing_in_it_would_be_taken(
    spelled: list[Spelled], cuts: list[int], name: str
) -> None:
    rules = rules_of(spelled)
    layer = stacked(rules, cuts)
    if layer.includes and cutter(layer, [layer.includes]):
        for string in ("yes", "no"):
            assert not layer.of_leaf(upcase(name), Glimpse(string=string)).chosen
            assert not layer.of_node(Glimpse(string=string)).chosen


CUTS = [
    # the rules of a directory, the pattern that leaves nothing in it to take
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", False)], r"C:\D\* [*]"),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*.txt]", False)], None),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", True)], None),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\*", False)], None),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D [*]", False)], None),
    ([(INC, 1, r"C:\D\ [*]", False), (EXC, 1, r"C:\D\* [*]", False)], None),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 2, r"C:\D\* [*]", False)], None),
    ([(INC, 1, r"C:\* [*]", False), (INC, 2, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", False)], None),
    ([(INC, 1, r"C:\D\ [a]", False), (NEVER, 2, r"C:\* [*]", False)], r"C:\* [*]"),
    ([(INC, 1, r"C:\D\ [a]", False), (NEVER, 2, r"C:\* [*]", True)], None),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", False), (NEVER, 1, r"C:\* [*]", False)], r"C:\* [*]"),
    ([(INC, 1, r"C:\D\* [*]", False), (EXC, 1, r"C:\D\* [*]", False)], r"C:\D\* [*]"),
    # of several that do, the narrowest is named; of several includes, the narrowest must be beaten
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", False)], r"C:\D\* [*]"),
    ([(INC, 1, r"C:\* [*]", False), (NEVER, 1, r"C:\* [*]", False), (NEVER, 2, r"C:\D\* [*]", False)], r"C:\D\* [*]"),
    ([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\* [*]", False),
      (INC, 2, r"C:\* [*]", False), (EXC, 2, r"C:\D\* [*]", False)], r"C:\D\* [*]"),
    ([(INC, 1, r"C:\* [*]", False), (INC, 1, r"C:\D\ [*]", False), (EXC, 1, r"C:\D\* [*]", False)], None),
]  # fmt: skip


@pytest.mark.parametrize(("spelled", "text"), CUTS)
def test_only_an_exclude_of_all_below_that_beats_every_include_cuts(
    spelled: list[Spelled], text: str | None
) -> None:
    rules = rules_of(spelled)
    one_by_one = stacked(rules, range(len(rules)))
    for layer in (Layer(rules, Layer()), one_by_one):
        cut = cutter(layer, [layer.includes])
        assert (cut and cut.text) == text
        assert layer.is_open is (text is None)


def test_an_include_that_reaches_further_down_and_is_narrower_keeps_a_directory_open() -> None:
    rules = rules_of([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\D\* [*]", False)])
    layer = Layer(rules, Layer())
    deeper = narrowest({}, rules_of([(INC, 1, r"C:\D\E\* [*]", False)]))
    assert cutter(layer, [layer.includes, deeper]) is None
    wide = narrowest({}, rules_of([(INC, 1, r"C:\*\E\* [*]", False)]))
    assert cutter(layer, [layer.includes, wide]) is not None


def test_a_rule_is_held_where_it_was_put_and_below() -> None:
    first, second = rules_of([(INC, 1, r"C:\* [*]", False), (INC, 1, r"C:\D\* [*]", False)])
    above = Layer([first], Layer())
    below = Layer([second], above)
    assert [above.holds(first), above.holds(second)] == [True, False]
    assert below.holds(first)
    assert below.holds(second)


def test_what_a_filter_decides_is_asked_again() -> None:
    layer = Layer(rules_of([(INC, 1, r"C:\D\* [*]", True), (INC, 2, r"C:\*", False)]))
    for string in ("yes", "no", "yes"):
        said = [layer.of_node(Glimpse(string=string)), layer.of_leaf("A", Glimpse(string=string))]
        assert [each.rule and each.rule.text for each in said] == (
            [r"C:\D\* [*]"] * 2 if string == "yes" else [r"C:\*", None]
        )


def test_what_is_remembered_is_asked_once() -> None:
    """A verdict that the extension decides is given again, the very same one, for any name that has it."""
    layer = Layer(rules_of([(INC, 1, r"C:\* [*]", False), (EXC, 1, r"C:\* [*.tmp]", False)]))
    assert layer.of_leaf("A.TMP") is layer.of_leaf("B.TMP")
    assert layer.of_leaf("A.DOC") is layer.of_leaf("B")
    assert layer.of_leaf("A.TMP") is not layer.of_leaf("A.DOC")
