"""The truth tables of detection and conditions; each case names its section of the specification."""

from __future__ import annotations

import pytest

from tests.evaluate.activations import (
    BOB,
    FALSE,
    TRUE,
    component,
    includes,
    met,
    pattern,
    role,
    ruled,
    rules,
    said,
    scene,
    told,
)

HERE = r"C:\x [*]"
RULES = rules(HERE)
NOT_TRUE = TRUE.replace("<condition>", '<condition negation="Yes">')
NOT_FALSE = FALSE.replace("<condition>", '<condition negation="Yes">')


def detect(*inside: str, context: str = "") -> str:
    return f"<detect{_context(context)}>{''.join(inside)}</detect>"


def detects(*inside: str, context: str = "") -> str:
    return f"<detects{_context(context)}>{''.join(inside)}</detects>"


def detection(*inside: str, context: str = "") -> str:
    return f"<detection{_context(context)}>{''.join(inside)}</detection>"


def conditions(*inside: str, operation: str = "") -> str:
    given = f' operation="{operation}"' if operation else ""
    return f"<conditions{given}>{''.join(inside)}</conditions>"


def _context(context: str) -> str:
    return f' context="{context}"' if context else ""


def objects(text: str, gate: str = "") -> str:
    return f"<objectSet>{gate}{pattern(text)}</objectSet>"


DETECTIONS = {
    "3.3 no detection at all = present": ("", True),
    "3.3 detect of a true condition": (detects(detect(TRUE)), True),
    "3.3 detect of a false condition": (detects(detect(FALSE)), False),
    "3.3 detect = OR of its children": (detects(detect(FALSE, TRUE)), True),
    "3.3 detect = OR, none true": (detects(detect(FALSE, FALSE)), False),
    "3.3 detects = AND of its detect": (detects(detect(TRUE), detect(FALSE)), False),
    "3.3 detects = AND, all true": (detects(detect(TRUE), detect(FALSE, TRUE)), True),
    "3.3 several detects = OR": (detects(detect(FALSE)) + detects(detect(TRUE)), True),
    "3.3 several detects, none true": (detects(detect(FALSE)) + detects(detect(FALSE)), False),
    "3.3 detect: an objectSet with an object": (detects(detect(objects(r"C:\d [f]"))), True),
    "3.3 detect: an objectSet without": (detects(detect(objects(r"C:\d [g]"))), False),
    "3.3 detect: any objectSet": (
        detects(detect(objects(r"C:\d [g]"), objects(r"C:\d\* [*]"))),
        True,
    ),
    "3.4 detect: a blanked objectSet": (detects(detect(objects(r"C:\d [f]", FALSE))), False),
    "3.3 detection = its conditions": (detection(conditions(TRUE)), True),
    "3.3 detection, false": (detection(conditions(FALSE)), False),
    "3.3 several detection = OR": (
        detection(conditions(FALSE)) + detection(conditions(TRUE)),
        True,
    ),
    "3.4 AND default": (detection(conditions(TRUE, FALSE)), False),
    "3.4 AND, all true": (detection(conditions(TRUE, TRUE)), True),
    "3.4 operation AND": (detection(conditions(TRUE, FALSE, operation="AND")), False),
    "3.4 operation OR": (detection(conditions(FALSE, TRUE, operation="OR")), True),
    "3.4 OR, none true": (detection(conditions(FALSE, FALSE, operation="OR")), False),
    "3.4 AND(x, OR(y, z)) as in stock rules": (
        detection(conditions(TRUE, conditions(FALSE, TRUE, operation="OR"))),
        True,
    ),
    "3.4 AND(x, OR(no, no))": (
        detection(conditions(TRUE, conditions(FALSE, FALSE, operation="OR"))),
        False,
    ),
    "3.4 OR(no, AND(yes, yes))": (
        detection(conditions(FALSE, conditions(TRUE, TRUE), operation="OR")),
        True,
    ),
    "3.4 negation of true": (detection(conditions(NOT_TRUE)), False),
    "3.4 negation of false": (detection(conditions(NOT_FALSE)), True),
    "3.3 a detection of another context is absent": (
        detection(conditions(FALSE), context="User"),
        True,
    ),
    "3.3 absent members do not count in OR": (
        detection(conditions(TRUE), context="User") + detection(conditions(FALSE)),
        False,
    ),
    "3.3 absent members do not count in AND": (
        detects(detect(FALSE, context="User"), detect(TRUE)),
        True,
    ),
    "3.3 an empty group is absent": (detects() + detection(), True),
    "3.3 an empty group beside a false one": (detects() + detects(detect(FALSE)), False),
}


@pytest.mark.parametrize(("gate", "present"), DETECTIONS.values(), ids=DETECTIONS.keys())
def test_a_role_counts_where_its_detection_holds(gate: str, present: bool) -> None:
    made = met(component(role(gate + RULES)), scene({r"d\f": b""}))
    assert includes(made) == [HERE] * present
    assert [meeting.present for meeting in made.meetings] == [present]
    assert told(made) == []


GATED_RULES = {
    "3.4 rules: conditions hold": (conditions(TRUE), True),
    "3.4 rules: conditions do not hold": (conditions(TRUE, FALSE), False),
    "3.4 rules: detects hold": (detects(detect(FALSE, TRUE)), True),
    "3.4 rules: detects do not hold": (detects(detect(FALSE)), False),
    "3.4 rules: several detects = OR": (detects(detect(FALSE)) + detects(detect(TRUE)), True),
}


@pytest.mark.parametrize(("gate", "active"), GATED_RULES.values(), ids=GATED_RULES.keys())
def test_rules_count_where_their_gate_holds(gate: str, active: bool) -> None:
    inside = f"<rules>{gate}{said('include', HERE)}</rules>{RULES.replace('x [*]', 'other [*]')}"
    expected = [r"C:\other [*]"] + [HERE] * active
    assert includes(met(component(role(inside)))) == expected


NESTED = {
    "3.3 nested rules, both hold": (TRUE, TRUE, True),
    "3.3 nested rules under false ones": (FALSE, TRUE, False),
    "3.3 nested rules with a false gate": (TRUE, FALSE, False),
}


@pytest.mark.parametrize(("outer", "inner", "active"), NESTED.values(), ids=NESTED.keys())
def test_nested_rules_count_where_those_around_do(outer: str, inner: str, active: bool) -> None:
    nested = f"<rules>{conditions(inner)}{said('include', HERE)}</rules>"
    inside = f"<rules>{conditions(outer)}{nested}</rules>"
    assert includes(met(component(role(inside)))) == [HERE] * active


OBJECT_SETS = {
    "3.4 objectSet: a bare condition holds": (TRUE, True),
    "3.4 objectSet: any false bare condition blanks it": (TRUE + FALSE, False),
    "3.4 objectSet: conditions hold": (conditions(FALSE, TRUE, operation="OR"), True),
    "3.4 objectSet: conditions do not hold": (conditions(FALSE), False),
}


@pytest.mark.parametrize(("gate", "filled"), OBJECT_SETS.values(), ids=OBJECT_SETS.keys())
def test_an_object_set_is_empty_where_its_gate_is_false(gate: str, filled: bool) -> None:
    made = met(ruled(f"<include>{objects(HERE, gate)}</include>"))
    assert includes(made) == [HERE] * filled


@pytest.mark.parametrize("present", [True, False], ids=["3.3 Container, there", "3.3 not there"])
def test_the_detection_of_a_container_gates_what_is_in_it(present: bool) -> None:
    inner = component(role(RULES), name="inner")
    gate = detection(conditions(TRUE if present else FALSE))
    made = met(component(role(gate + inner, "Container"), name="outer"))
    assert includes(made) == [HERE] * present
    assert {each.component.name: each.present for each in made.meetings} == {
        "outer": present,
        "inner": present,
    }


def test_the_detection_of_a_container_gates_through_all_levels() -> None:
    inner = component(role(RULES), name="inner")
    middle = component(role(inner, "Container"), name="middle")
    made = met(component(role(detection(conditions(FALSE)) + middle, "Container"), name="outer"))
    assert includes(made) == []
    assert [each.present for each in made.meetings] == [False] * 3


CONTEXTS = {
    "3.3 component User": ("User", "UserAndSystem", [], [HERE]),
    "3.3 component System": ("System", "UserAndSystem", [HERE], []),
    "3.3 rules User": ("UserAndSystem", "User", [], [HERE]),
    "3.3 rules System": ("UserAndSystem", "System", [HERE], []),
    "3.3 both": ("UserAndSystem", "UserAndSystem", [HERE], [HERE]),
    "3.3 rules outside the component's context are absent": ("User", "System", [], []),
}


@pytest.mark.parametrize(
    ("outer", "inner", "machine", "bob"), CONTEXTS.values(), ids=CONTEXTS.keys()
)
def test_contexts_are_narrowed(outer: str, inner: str, machine: list[str], bob: list[str]) -> None:
    made = met(component(role(rules(HERE, context=inner)), outer), users=[BOB])
    assert (includes(made), includes(made, BOB.sid)) == (machine, bob)


def test_a_named_detection_sees_the_variables_of_who_refers_to_it() -> None:
    """3.3 namedElements: stock detections use a variable that each component sets."""
    asks = "<condition>MigXmlHelper.DoesObjectExist('File','C:\\%App% [a.exe]')</condition>"
    named = f"<namedElements><detection name='It'>{conditions(asks)}</detection></namedElements>"

    def one(app: str) -> str:
        environment = (
            f"<environment><variable name='App'><text>{app}</text></variable></environment>"
        )
        gate = "<detection name='It'/>"
        return component(environment + role(gate + rules(rf"C:\{app} [*]")), name=app)

    made = met(named + one("One") + one("Two"), scene({r"Two\a.exe": b""}))
    assert includes(made) == [r"C:\Two [*]"]
    assert {each.component.name: each.present for each in made.meetings} == {
        "One": False,
        "Two": True,
    }


def test_a_named_definition_keeps_its_own_context() -> None:
    """3.3 namedElements: the context of the definition still applies."""
    named = (
        f"<namedElements><rules name='R' context='User'>{said('include', HERE)}</rules>"
        "</namedElements>"
    )
    made = met(named + component(role("<rules name='R'/>")), users=[BOB])
    assert (includes(made), includes(made, BOB.sid)) == ([], [HERE])


def asks(text: str, *, negated: bool = False) -> str:
    given = ' negation="Yes"' if negated else ""
    return f"<condition{given}>MigXmlHelper.{text}</condition>"


UNDEFINED = asks(r"DoesObjectExist('File','%NOBODY%\d')")
UNRESOLVED = {
    "3.4 an undefined variable": (UNDEFINED, "%NOBODY% is not defined"),
    "3.7 an unknown function": (asks("IsMoonFull()"), "not a condition that is known"),
    "3.4 HKCU in System context": (
        asks(r"DoesObjectExist('Registry','HKCU\Software')"),
        "HKCU is invalid in the system context",
    ),
    "3.4 an unknown root": (
        asks(r"DoesObjectExist('Registry','HK_USERS\Software')"),
        "'HK_USERS' is no root",
    ),
    "3.8 an unknown kind of object": (asks("DoesObjectExist('Files','C:')"), "no kind of object"),
    "3.8 an argument that is missing": (asks("DoesObjectExist('File')"), "takes 2 arguments"),
}


@pytest.mark.parametrize(("call", "why"), UNRESOLVED.values(), ids=UNRESOLVED.keys())
def test_what_cannot_be_resolved_is_false_and_told_with_its_line(call: str, why: str) -> None:
    made = met(component(role(detection(conditions(call)) + RULES), "System"))
    assert includes(made) == []
    (message,) = [each for each in told(made) if "is false:" in each]
    assert message.startswith("test.xml:1: the machine: MigXmlHelper.")
    assert why in message


@pytest.mark.parametrize(("call", "_why"), UNRESOLVED.values(), ids=UNRESOLVED.keys())
def test_the_call_is_false_so_its_negation_is_true(call: str, _why: str) -> None:
    negated = call.replace("<condition>", '<condition negation="Yes">')
    made = met(component(role(detection(conditions(negated)) + RULES), "System"))
    assert includes(made) == [HERE]


def test_a_user_variable_asked_of_the_machine_is_an_ordinary_thing_in_user_and_system_rules() -> (
    None
):
    gate = detection(conditions(asks(r"DoesObjectExist('File','%APPDATA%\x')")))
    wide = met(component(role(gate + RULES)))
    assert (told(wide), len(told(wide, "info"))) == ([], 1)
    narrow = met(component(role(gate + RULES), "System"))
    assert (len(told(narrow)), told(narrow, "info")) == (1, [])


def test_a_variable_that_has_no_value_here_is_an_ordinary_thing_in_a_condition() -> None:
    """3.4: stock rules ask so for applications that are not installed; here with a NULL beside it."""
    gone = r"<script>MigXmlHelper.GetStringContent('Registry','HKLM\Software\Gone [V]')</script>"
    before = f'<environment><variable name="Gone">{gone}</variable></environment>'
    gate = detection(conditions(asks(r"DoesFileVersionMatch('%Gone%\a.exe',NULL,'1.*')")))
    made = met(component(before + role(gate + RULES), "System"))
    assert (includes(made), told(made), len(told(made, "info"))) == ([], [], 1)


CONTENT = {
    "3.7 an unknown function": "MigXmlHelper.Dig()",
    "3.8 a function that belongs elsewhere": "MigXmlHelper.AnswerNo()",
}


@pytest.mark.parametrize("call", CONTENT.values(), ids=CONTENT.keys())
def test_a_content_whose_function_makes_no_patterns_yields_nothing_and_is_told(call: str) -> None:
    inner = f"<objectSet>{pattern(HERE)}</objectSet>"
    body = f'<include><objectSet><content filter="{call}">{inner}</content></objectSet></include>'
    made = met(ruled(body, "System"), scene({r"x\a": b""}))
    assert includes(made) == []
    (message,) = [each for each in told(made) if "patterns of content" in each]
    assert message == f"test.xml:1: the machine: {call} does not make patterns of content"


def test_a_condition_met_twice_is_told_at_each_line_and_once() -> None:
    gate = detection(conditions(UNDEFINED))
    made = met("\n".join(component(role(gate + RULES), "System", name) for name in ("one", "two")))
    assert [each.split(" the machine")[0] for each in told(made)] == ["test.xml:1:", "test.xml:2:"]


def test_what_decides_first_leaves_the_rest_unasked() -> None:
    made = met(component(role(detection(conditions(FALSE, UNDEFINED)) + RULES), "System"))
    assert (includes(made), told(made)) == ([], [])
