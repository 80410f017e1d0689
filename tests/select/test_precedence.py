from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import upcase
from extractor.rules.model import Verb
from extractor.rules.patterns import parse_location
from extractor.select.precedence import ActiveRule, cutter, ranked, verdict

INC, EXC, NEVER = Verb.INCLUDE, Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE
Rule = tuple[Verb, str]


def active(components: Sequence[Sequence[Rule]]) -> tuple[ActiveRule, ...]:
    """Number the components and compile their patterns."""
    return ranked(
        ActiveRule(verb, parse_location(text), number, "", f"t.xml:{number}", text)
        for number, rules in enumerate(components)
        for verb, text in rules
    )


def takes(components: Sequence[Sequence[Rule]], path: str) -> bool:
    r"""Tell whether a file ``C:\dir\name`` or a value ``HKLM\key\name`` is taken."""
    node, _, leaf = upcase(path).rpartition("\\")
    return verdict(
        rule
        for rule in active(components)
        if rule.location.node.matches(node + "\\") and rule.location.takes_leaf(leaf)
    ).chosen


VECTORS: list[tuple[int, list[list[Rule]], str, bool]] = [
    # USMT "Conflicts and precedence": number of the vector, components, an object, taken?
    (1, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\* [*.txt]")]], r"C:\Dir1\sub\a.txt", True),
    (1, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\* [*.txt]")]], r"C:\a.txt", False),
    (2, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\Dir1\Dir2\* [*.txt]")]], r"C:\Dir1\a.txt", True),
    (2, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\Dir1\Dir2\* [*.txt]")]], r"C:\Dir1\Dir2\a.txt", False),
    (2, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\Dir1\Dir2\* [*.txt]")]], r"C:\Dir1\Dir2\a.doc", True),
    (3, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\Dir1\* [*.txt]")]], r"C:\Dir1\a.txt", False),
    (3, [[(INC, r"C:\Dir1\* [*]"), (EXC, r"C:\Dir1\* [*.txt]")]], r"C:\Dir1\a.doc", True),
    (4, [[(INC, r"C:\Dir1\Dir2\* [*.txt]"), (EXC, r"C:\Dir1\Dir2\* [*.txt]")]], r"C:\Dir1\Dir2\a.txt", False),
    (5, [[(INC, r"C:\Dir1\* [*.txt]"), (EXC, r"C:\Dir1\Dir2\* [*]")]], r"C:\Dir1\a.txt", True),
    (5, [[(INC, r"C:\Dir1\* [*.txt]"), (EXC, r"C:\Dir1\Dir2\* [*]")]], r"C:\Dir1\Dir2\a.txt", False),
    (6, [[(INC, r"C:\Dir1\Dir2\* [*]"), (EXC, r"C:\Dir1\* [*.txt]")]], r"C:\Dir1\Dir2\a.txt", True),
    (7, [[(INC, r"C:\Data\* [*]"), (EXC, r"C:\* [*.mp3]")]], r"C:\Data\x\a.mp3", True),
    (8, [[(INC, r"C:\E\* [*]"), (EXC, r"C:\E\ [*]")]], r"C:\E\a", False),
    (8, [[(INC, r"C:\E\* [*]"), (EXC, r"C:\E\ [*]")]], r"C:\E\sub\a", True),
    (9, [[(INC, r"C:\E\* [*]"), (EXC, r"C:\E\ [Sample.doc]")]], r"C:\E\Sample.doc", False),
    (9, [[(INC, r"C:\E\* [*]"), (EXC, r"C:\E\ [Sample.doc]")]], r"C:\E\sub\Sample.doc", True),
    (9, [[(INC, r"C:\E\* [*]"), (EXC, r"C:\E\ [Sample.doc]")]], r"C:\E\other.doc", True),
    (10, [[(INC, r"HKLM\K\* [*]"), (EXC, r"HKLM\K [DefaultColor]")]], r"HKLM\K\DefaultColor", False),
    (10, [[(INC, r"HKLM\K\* [*]"), (EXC, r"HKLM\K [DefaultColor]")]], r"HKLM\K\Other", True),
    (11, [[(INC, r"HKLM\K [DefaultColor]"), (EXC, r"HKLM\K\* [*]")]], r"HKLM\K\DefaultColor", True),
    (11, [[(INC, r"HKLM\K [DefaultColor]"), (EXC, r"HKLM\K\* [*]")]], r"HKLM\K\Other", False),
    (12, [[(INC, r"HKLM\K [V]"), (EXC, r"HKLM\K [V]")]], r"HKLM\K\V", False),
    (13, [[(INC, r"C:\D\* [*]")], [(EXC, r"C:\D\* [*]")]], r"C:\D\a", True),
    (14, [[(INC, r"C:\D\* [*]")], [(NEVER, r"C:\D\* [*]")]], r"C:\D\a", False),
    (14, [[(INC, r"C:\D\ [a]")], [(NEVER, r"C:\* [*]")]], r"C:\D\a", False),
    (15, [[(INC, r"c:\data\* [*]"), (EXC, r"c:\* [*.txt]")]], r"C:\data\a.txt", True),
    (15, [[(INC, r"c:\data\* [*]"), (EXC, r"c:\data\* [*.txt]")]], r"C:\data\a.txt", False),
    (16, [[(INC, r"C:* [*.txt]"), (EXC, r"C:\Users\* [*]")]], r"C:\any\a.txt", True),
    (16, [[(INC, r"C:* [*.txt]"), (EXC, r"C:\Users\* [*]")]], r"C:\Users\bob\a.txt", False),
]  # fmt: skip


@pytest.mark.parametrize(("number", "components", "path", "expected"), VECTORS)
def test_the_documented_conflicts_end_as_documented(
    number: int, components: list[list[Rule]], path: str, expected: bool
) -> None:
    assert takes(components, path) is expected, f"vector {number}"


def test_all_sixteen_vectors_are_here() -> None:
    assert {number for number, *_ in VECTORS} == set(range(1, 17))


def test_an_exclude_without_an_include_decides_nothing() -> None:
    rules = active([[(EXC, r"C:\D\* [*]"), (NEVER, r"C:\* [*]")]])
    assert verdict(rules).rule is None


def test_the_deciding_rule_is_named() -> None:
    rules = active([[(INC, r"C:\* [*]"), (EXC, r"C:\D\* [*.tmp]"), (EXC, r"C:\* [*.tmp]")]])
    said = verdict(rules)
    assert said.rule is not None
    assert said.rule.text == r"C:\D\* [*.tmp]"


def test_a_users_rule_names_the_owner_before_the_machines() -> None:
    location = parse_location(r"C:\D\* [*]")
    deeper = parse_location(r"C:\D\E\* [*]")
    rules = ranked(
        [
            ActiveRule(INC, deeper, 1, "", "m.xml:1", ""),
            ActiveRule(INC, location, 2, "S-2", "u.xml:1", ""),
            ActiveRule(INC, location, 3, "S-1", "u.xml:1", ""),
        ]
    )
    said = verdict(rules)
    assert said.rule is not None
    assert said.rule.scope == "S-1"


PIECES = st.sampled_from(
    [
        r"C:\* [*]", r"C:\A\* [*]", r"C:\A\B\* [*]", r"C:\A\ [*]", r"C:\A [x]", r"C:\A\* [*.t]", r"C:\*\B\* [*]",
        r"C:\A*[*]", r"* [x]", r"C:\A\B [*.t]", r"C:* [*.t]",
    ]
)  # fmt: skip
RULES = st.lists(st.tuples(st.sampled_from([INC, EXC, NEVER]), PIECES), max_size=5)
PATHS = st.sampled_from([r"C:\x", r"C:\A\x", r"C:\A\y.t", r"C:\A\B\x", r"C:\A\B\z.t", r"C:\Q\B\x"])


@given(st.lists(RULES, max_size=4), PATHS, st.randoms(use_true_random=False))
def test_the_order_of_components_and_rules_changes_nothing(
    components: list[list[Rule]], path: str, shuffler: random.Random
) -> None:
    turned = [shuffler.sample(rules, len(rules)) for rules in components]
    shuffler.shuffle(turned)
    assert takes(components, path) == takes(turned, path)


@given(st.lists(RULES, max_size=4), st.sampled_from(["C:\\", "C:\\A\\", "C:\\A\\B\\"]), PATHS)
def test_a_cut_folder_holds_nothing_that_would_be_taken(
    components: list[list[Rule]], node: str, path: str
) -> None:
    live = [rule for rule in active(components) if rule.location.node.reaches_below(node)]
    here = [rule for rule in live if rule.location.node.matches(node)]
    if upcase(path).startswith(node) and cutter(live, here):
        assert not takes(components, path)


@given(st.lists(RULES, max_size=3), PATHS)
def test_the_verdict_is_what_the_five_sentences_say(
    components: list[list[Rule]], path: str
) -> None:
    """An oracle written from the prose: best include against best exclude, union, then unconditional excludes."""
    node, _, leaf = upcase(path).rpartition("\\")

    def keys(rules: list[Rule], wanted: Verb) -> list[tuple[int | bool, ...]]:
        locations = [parse_location(text) for verb, text in rules if verb is wanted]
        return [
            location.specificity
            for location in locations
            if location.node.matches(node + "\\") and location.takes_leaf(leaf)
        ]

    kept = any(
        max(keys(rules, INC), default=()) > max(keys(rules, EXC), default=())
        for rules in components
    )
    barred = any(keys(rules, NEVER) for rules in components)
    assert takes(components, path) is (kept and not barred)
