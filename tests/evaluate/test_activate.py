"""All that rules mean on one Windows: what counts at all, what is kept for the restore, and what there is to say."""

from __future__ import annotations

import itertools

import pytest

from extractor.errors import RuleFileError
from extractor.evaluate.active import ActiveRule
from extractor.evaluate.frames import LONGEST_NOTE, Budget
from extractor.evaluate.variables import MOST_GROWN
from extractor.rules.model import Component, Role, RuleSet, Verb
from extractor.rules.patterns import PatternKind
from tests.evaluate.activations import (
    ANNA,
    BOB,
    FALSE,
    component,
    includes,
    met,
    nodes,
    role,
    rule_set,
    ruled,
    rules,
    said,
    scene,
    told,
)

INCLUDE = said("include", r"C:\x\* [*]")
EXCLUDE = said("exclude", r"C:\x\* [*.tmp]")
NEVER = said("unconditionalExclude", r"C:\x\* [*.bak]")


def verbs(found: tuple[ActiveRule, ...]) -> list[Verb]:
    return sorted(each.verb for each in found)


COUNTING = {
    "4.1 include and exclude": (INCLUDE + EXCLUDE, [Verb.EXCLUDE, Verb.INCLUDE]),
    "4.1 only excludes do nothing": (EXCLUDE, []),
    "4.1 but unconditional ones": (EXCLUDE + NEVER, [Verb.UNCONDITIONAL_EXCLUDE]),
    "4.1 in two rules of one component": (
        f"{INCLUDE}<rules>{EXCLUDE}</rules>",
        [Verb.EXCLUDE, Verb.INCLUDE],
    ),
    "3.4 an exclude whose include is gated": (
        f"<rules><conditions>{FALSE}</conditions>{INCLUDE}</rules>{EXCLUDE}",
        [],
    ),
    "3.3 attributes alone do nothing": (
        said("excludeAttributes", r"C:\x [*]", attributes='attributes="Security"'),
        [],
    ),
}


@pytest.mark.parametrize(("body", "expected"), COUNTING.values(), ids=COUNTING.keys())
def test_excludes_count_beside_an_include_of_their_component(
    body: str, expected: list[Verb]
) -> None:
    assert verbs(met(ruled(body, "System")).rules) == expected


def test_rules_of_one_component_meet_in_each_context_and_of_two_never() -> None:
    """4.1: component scope, per context instance."""
    made = met(ruled(INCLUDE, name="a") + ruled(INCLUDE, name="b"), users=[BOB])
    instances = {(each.component, each.scope): each.instance for each in made.rules}
    assert len(instances) == len(set(instances.values())) == 4


class Off:
    """A Config.xml that leaves out the roles that it names as component/role."""

    def __init__(self, *off: str) -> None:
        self._off = off

    def migrates(self, component: Component, role: Role) -> bool:
        return f"{component.name}/{role.kind}" not in self._off


def nested() -> str:
    inner = component(role(rules(r"C:\inner [*]"), "Data"), "System", "inner")
    other = component(role(rules(r"C:\other [*]")), "System", "other")
    two = role(rules(r"C:\settings [*]")) + role(rules(r"C:\data [*]"), "Data")
    return (
        component(role(inner + other, "Container"), "System", "outer")
        + component(two, "System", "two")
        + component(role(f"<rules>{NEVER}</rules>"), "System", "never")
    )


CHOICES = {
    "5.3 everything": ((), ["data", "inner", "other", "settings", "x"]),
    "5.3 one role of two": (("two/Data",), ["inner", "other", "settings", "x"]),
    "5.3 one inside a Container": (("inner/Data",), ["data", "other", "settings", "x"]),
    "5.3 a Container with all inside": (("outer/Container",), ["data", "settings", "x"]),
    "5.3 no unconditionalExclude of a component that is left out": (
        ("never/Settings",),
        ["data", "inner", "other", "settings"],
    ),
}


@pytest.mark.parametrize(("off", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_what_config_xml_leaves_out_is_gone_with_all_inside(
    off: tuple[str, ...], expected: list[str]
) -> None:
    made = met(nested(), config=Off(*off))
    first = {each.location.node.prefix.split("\\")[1].lower() for each in made.rules}
    assert sorted(first) == expected
    by_role = {f"{each.component.name}/{each.role.kind}": each.migrates for each in made.meetings}
    assert [name for name in off if by_role[name]] == []


MISTAKE = '<environment><variable name="v"><text>%NOBODY%</text></variable></environment>'
LEFT_OUT = {
    "5.3 in its rules": ruled(said("include", r"%NOBODY%\x [*]"), "System", "a"),
    "5.3 in its environment": component(MISTAKE + role(rules(r"C:\x [*]")), "System", "a"),
    "5.3 in one role of two": component(
        role(MISTAKE + rules(r"C:\x [*]")) + role(rules(r"C:\y [*]"), "Data"), "System", "a"
    ),
}


@pytest.mark.parametrize("body", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_nothing_is_told_of_what_config_xml_leaves_out(body: str) -> None:
    assert len(told(met(body))) == 1
    assert told(met(body, config=Off("a/Settings"))) == []


LOADED = {
    "3.8 merge": (
        "<merge script='MigXmlHelper.SourcePriority()'>{}</merge>",
        ("merge", "MigXmlHelper.SourcePriority()"),
    ),
    "3.8 locationModify, with the variables of the component": (
        '<locationModify script=\'MigXmlHelper.RelativeMove("%Old%","C:\\New")\'>{}</locationModify>',
        ("locationModify", "MigXmlHelper.RelativeMove('C:\\Old', 'C:\\New')"),
    ),
    "3.8 a variable that only the destination has stays": (
        "<locationModify script='MigXmlHelper.Move(\"%THEIRS%\")'>{}</locationModify>",
        ("locationModify", "MigXmlHelper.Move('%THEIRS%')"),
    ),
    "3.8 contentModify": (
        "<contentModify script='MigXmlHelper.OffsetValue(\"1\")'>{}</contentModify>",
        ("contentModify", "MigXmlHelper.OffsetValue('1')"),
    ),
    "3.3 destinationCleanup": (
        "<destinationCleanup>{}</destinationCleanup>",
        ("destinationCleanup", ""),
    ),
}


@pytest.mark.parametrize(("element", "expected"), LOADED.values(), ids=LOADED.keys())
def test_rules_for_the_restore_are_kept_and_take_nothing(
    element: str, expected: tuple[str, str]
) -> None:
    before = '<environment><variable name="Old"><text>C:\\Old</text></variable></environment>'
    objects = r'<objectSet><pattern type="File">%Old%\* [*]</pattern></objectSet>'
    made = met(ruled(element.format(objects), "System", "Acme", before))
    (load,) = made.load_rules
    assert (load.element, load.call) == expected
    assert load.patterns == ((PatternKind.FILE, r"C:\Old\* [*]"),)
    assert (load.component, load.scope) == ("urn:test/acme/settings", "")
    assert load.source == "test.xml:1"
    assert made.rules == ()
    assert told(made) == []


SKIPPED = {
    "3.3 externalProcess": (
        '<externalProcess when="pre-scan"><commandLine>a</commandLine><commandLine>b</commandLine></externalProcess>',
        "test.xml:1: <externalProcess> (pre-scan) a; b",
    ),
    "3.3 processing": (
        '<processing when="post-apply"><script>MigXmlHelper.KillExplorer()</script></processing>',
        "test.xml:1: <processing> (post-apply) MigXmlHelper.KillExplorer()",
    ),
    "3.2 plugin": ('<plugin file="a.dll"/>', "test.xml:1: <plugin> a.dll"),
}


@pytest.mark.parametrize(("element", "expected"), SKIPPED.values(), ids=SKIPPED.keys())
def test_what_is_never_run_is_listed_once_however_many_users_there_are(
    element: str, expected: str
) -> None:
    inside = element if element.startswith("<plugin") else f"<rules>{element}</rules>"
    made = met(component(role(inside)), users=[BOB, ANNA])
    assert made.skipped == (expected,)


def test_no_order_of_files_changes_what_is_active_or_said() -> None:
    files = [
        rule_set(ruled(said("include", rf"C:\{name} [*]", r"%NOBODY%\x [*]"), name=name), f"{name}.xml", name)
        for name in "abc"
    ]  # fmt: skip
    told_and_active = {
        (tuple(nodes(made)), tuple(nodes(made, BOB.sid)), made.notes)
        for order in itertools.permutations(files)
        for made in [met(sum(order, RuleSet(())), users=[BOB])]
    }
    assert len(told_and_active) == 1


def test_the_warnings_of_the_parser_are_told_with_the_rest_by_file_and_line() -> None:
    body = "\n<madeUp/>" + ruled(f"\n{said('include', '%NOBODY% [*]')}", "System")
    found = told(met(body))
    assert [each.split(": ")[0] for each in found] == ["test.xml:2", "test.xml:3"]


def test_a_pattern_on_a_drive_that_is_not_here_is_told() -> None:
    """3.9: redirected outside the image."""
    made = met(ruled(said("include", r"H:\Documents\* [*]"), "System"))
    assert told(made) == [
        r"test.xml:1: the machine: H:\Documents\* [*] is H:\Documents\* [*], on no volume of these images"
    ]


def test_a_note_is_not_longer_than_a_paragraph() -> None:
    long = "x" * 30_000
    (message,) = told(met(ruled(said("include", rf"%NOBODY%\{long} [*]"), "System")))
    assert len(message) == LONGEST_NOTE + 1
    assert message.endswith("x…")


def test_a_filter_that_cannot_be_resolved_takes_no_data_away() -> None:
    """3.7: never lose user data silently."""
    given = "filter=\"MigXmlHelper.CompareStringContent('%NOBODY%','Equal')\""
    both = said("include", r"C:\x [*]", attributes=given) + said(
        "exclude", r"C:\x [*]", attributes=given
    )
    made = met(ruled(both, "System"))
    answers = {each.verb: each.filter(None) for each in made.rules if each.filter}  # type: ignore[arg-type]
    assert answers == {Verb.INCLUDE: True, Verb.EXCLUDE: False}
    assert len(told(made)) == 1


def test_users_who_do_not_come_have_no_frame() -> None:
    made = met(
        ruled(said("include", r"%USERPROFILE%\* [*]"), "User"), scene(users=[BOB, ANNA]), [ANNA]
    )
    assert includes(made, ANNA.sid) == [r"%USERPROFILE%\* [*]"]
    assert includes(made, BOB.sid) == []


# --- bombs ----------------------------------------------------------------------------------------


def test_elements_are_counted_and_a_bomb_is_refused_with_its_line() -> None:
    budget = Budget(3)
    for _ in range(3):
        budget.spend("a.xml:1")
    with pytest.raises(RuleFileError, match=r"a\.xml:1: with all that is referred to by name"):
        budget.spend("a.xml:1")


GROWING = {
    "3.5 values that are long": ("x" * 30_000, MOST_GROWN // 30_000 + 1),
    "3.5 values that are many": ("", MOST_GROWN // 256 + 1),
    "3.5 definitions without a value": ("%NOBODY%", MOST_GROWN // 256 + 1),
}


@pytest.mark.parametrize(("value", "count"), GROWING.values(), ids=GROWING.keys())
def test_variables_may_grow_so_far_and_no_further(value: str, count: int) -> None:
    def body(many: int) -> str:
        every = "".join(
            f'<variable name="v{n}"><text>{value}</text></variable>' for n in range(many)
        )
        return component(f"<environment>{every}</environment>" + role(rules(r"C:\x [*]")), "System")

    assert includes(met(body(count - 1))) == [r"C:\x [*]"]
    with pytest.raises(RuleFileError, match=r"^test\.xml:1: with this one, the variables"):
        met(body(count))
