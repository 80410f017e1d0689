"""What is said of each rule that touches an object: never something else than what the verdict came to."""

from __future__ import annotations

import pytest

from extractor.explain.trace import matching, touches
from extractor.model import ObjectKind, WinPath
from extractor.rules.patterns import PatternKind
from extractor.select.objects import Glimpse
from extractor.select.precedence import ranked, verdict
from tests.evaluate.activations import met as activation_of
from tests.select.material import component, rule_set, wrapped

FILE = WinPath.parse(r"C:\A\B\x.txt")
TREE, NARROW, LEAF = r"C:\A\* [*]", r"C:\A\B\* [*]", r"C:\A\B [x.txt]"

EFFECTS = {
    "4.1 an include alone": ([component([TREE])], ["decides"]),
    "4.2 the narrower exclude": ([component([TREE], [LEAF])], ["decides", "beaten by"]),
    "4.2 the narrower include": ([component([LEAF], [TREE])], ["decides", "beaten by"]),
    "4.1 of equals the exclude": ([component([TREE], [TREE])], ["decides", "an exclude wins"]),
    "4.1 a second include": ([component([TREE, NARROW])], ["decides", "narrower, says the same"]),
    "4.1 excludes alone": ([component([TREE]), component([], [LEAF], name="d")], ["decides"]),
    "4.1 another component takes it": (
        [component([TREE], [LEAF]), component([NARROW], name="d")],
        ["in its own component alone", "decides", "beaten by"],
    ),
    "4.1 two components take it": (
        [component([TREE]), component([NARROW], name="d")],
        ["decides", "takes the object too"],
    ),
    "4.1 two components leave it out": (
        [component([TREE], [LEAF]), component([TREE], [NARROW], name="d")],
        ["decides", "leaves the object out too", "beaten by", "beaten by"],
    ),
    "4.1 unconditional": (
        [component([TREE], never=[LEAF])],
        ["beats every include", "an unconditionalExclude is above it"],
    ),
    "4.1 unconditional, nothing to exclude": (
        [component([r"D:\* [*]"], never=[TREE])],
        ["nothing to exclude"],
    ),
    "3.8 a filter that says no": (
        [
            wrapped(
                f'<include filter="MigXmlHelper.AnswerNo()"><objectSet><pattern type="File">{TREE}</pattern>'
                "</objectSet></include>"
            )
        ],
        ["its filter MigXmlHelper.AnswerNo() says no"],
    ),
    "3.3 attributes": (
        [
            wrapped(
                f'<include><objectSet><pattern type="File">{TREE}</pattern></objectSet></include>'
                f'<excludeAttributes attributes="Security"><objectSet><pattern type="File">{LEAF}</pattern>'
                "</objectSet></excludeAttributes>"
            )
        ],
        ["leaves out attributes", "decides"],
    ),
}


@pytest.mark.parametrize(("components", "effects"), EFFECTS.values(), ids=EFFECTS.keys())
def test_each_rule_is_told_what_it_comes_to(components: list[str], effects: list[str]) -> None:
    active = activation_of("".join(components)).rules
    rules = ranked(rule for rule in active if rule.kind is PatternKind.FILE and not rule.scope)
    met = matching(rules, FILE, ObjectKind.FILE, is_node=False)
    said = verdict(met, Glimpse())
    found = list(touches(met, Glimpse(), said))
    assert len(found) == len(effects)
    assert [
        word for word, each in zip(effects, found, strict=True) if word not in each.effect
    ] == []
    assert [each.rule for each in found if each.decides] == ([said.rule] if said.rule else [])


def test_a_folder_is_asked_as_a_folder() -> None:
    rules = ranked(activation_of(component([r"C:\A [*]", r"C:\A", TREE])).rules)
    met = matching(rules, WinPath.parse(r"C:\A"), ObjectKind.DIRECTORY, is_node=True)
    assert {rule.text for rule in met if not rule.scope} == {r"C:\A", TREE}


def test_the_rule_set_of_the_tables_is_free_of_warnings() -> None:
    for components, _ in EFFECTS.values():
        assert rule_set("".join(components)).warnings == ()
