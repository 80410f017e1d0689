"""Environments and variables: usmt.md 3.5."""

from __future__ import annotations

import pytest

from extractor.evaluate.active import Remap
from tests.evaluate.activations import (
    ANNA,
    BOB,
    FALSE,
    TRUE,
    component,
    met,
    nodes,
    pattern,
    role,
    rules,
    scene,
    told,
)

USES = rules(r"C:\%V% [*]")


def environment(*variables: str, attributes: str = "", gate: str = "") -> str:
    given = f"<conditions>{gate}</conditions>" if gate else ""
    return f"<environment {attributes}>{given}{''.join(variables)}</environment>"


def text(value: str, name: str = "V", attributes: str = "") -> str:
    return f'<variable name="{name}" {attributes}><text>{value}</text></variable>'


def script(value: str, name: str = "V") -> str:
    return f'<variable name="{name}"><script>MigXmlHelper.{value}</script></variable>'


def first_of(inside: str, name: str = "V") -> str:
    return f'<variable name="{name}"><objectSet>{inside}</objectSet></variable>'


def made(call: str) -> str:
    return f"<script>MigXmlHelper.{call}</script>"


STRING = r"GetStringContent('Registry','HKLM\Software\X [{}]'{})"
READ = script(STRING.format("Dir", ""))
NULL = script(STRING.format("Nothing", ""))
MACHINE = scene(
    {r"Apps\One\x.exe": b"", r"Apps\Two\y.exe": b""},
    {
        "X": {
            "Dir": "Value",
            "Quoted": '"Trimmed\\"',
            "Expands": r"%WINDIR%\x",
            "Exe": r"C:\Apps\One\x.exe",
            "Gone": r"C:\Gone\x.exe",
            "Odd": "a[b]*",
        },
        "odd[1]": {"V": "Value"},
    },
    variables={"WINDIR": "Windows"},
)

VALUES = {
    "3.5 text": (environment(text("One")), r"C:\ONE\[*]"),
    "3.5 later overrides earlier": (environment(text("One"), text("Two")), r"C:\TWO\[*]"),
    "3.5 later environment overrides": (
        environment(text("One")) + environment(text("Two")),
        r"C:\TWO\[*]",
    ),
    "3.5 names in any letter case": (environment(text("One", "v")), r"C:\ONE\[*]"),
    "3.5 expansion may use earlier ones": (
        environment(text("One", "W"), text("%w%\\Two")),
        r"C:\ONE\TWO\[*]",
    ),
    "3.5 a variable may use its earlier value": (
        environment(text("One"), text("%V%\\Two")),
        r"C:\ONE\TWO\[*]",
    ),
    "3.5 built-ins come first": (environment(text("%WINDIR%")), r"C:\WINDOWS\[*]"),
    "3.5 script": (environment(READ), r"C:\VALUE\[*]"),
    "3.5 script overrides text": (environment(text("One"), READ), r"C:\VALUE\[*]"),
    "3.5 a NULL script leaves the earlier value": (environment(text("One"), NULL), r"C:\ONE\[*]"),
    "3.8 trim arguments": (
        environment(script(STRING.format("Quoted", """,'0','"','"\\'"""))),
        r"C:\TRIMMED\[*]",
    ),
    "3.8 data is expanded": (
        environment(script(STRING.format("Expands", ""))),
        r"C:\WINDOWS\X\[*]",
    ),
    "3.8 GetStringContent of a File is NULL": (
        environment(text("One"), script(r"GetStringContent('File','C:\Apps\One [x.exe]')")),
        r"C:\ONE\[*]",
    ),
    "3.5 objectSet: first object of a pattern": (
        environment(first_of(pattern(r"C:\Apps\T*"))).replace("C:\\%V%", "%V%"),
        r"C:\C:\APPS\TWO\[*]",
    ),
    "3.5 objectSet: a tree that a function makes is its folder": (
        environment(first_of(made(r"GenerateDrivePatterns('\Apps\* [*]','Fixed')"))),
        r"C:\C:\APPS\[*]",
    ),
    "3.5 objectSet: nothing leaves the earlier value": (
        environment(text("One"), first_of(pattern(r"C:\Gone\*"))),
        r"C:\ONE\[*]",
    ),
    "3.8 a variable in the location of a script is pattern text": (
        environment(
            text("odd^[1^]", "W"),
            script(r"GetStringContent('Registry','HKLM\Software\%W% [V]')"),
        ),
        r"C:\VALUE\[*]",
    ),
    "3.5 environment condition holds": (environment(text("One"), gate=TRUE), r"C:\ONE\[*]"),
    "3.5 environment condition does not hold": (
        environment(text("One")) + environment(text("Two"), gate=FALSE),
        r"C:\ONE\[*]",
    ),
    "3.5 environment of another context": (
        environment(text("One")) + environment(text("Two"), attributes='context="User"'),
        r"C:\ONE\[*]",
    ),
    "3.5 data of the machine is no pattern": (
        environment(script(STRING.format("Odd", ""))),
        r"C:\A[B]*\[*]",
    ),
}


@pytest.mark.parametrize(("given", "expected"), VALUES.values(), ids=VALUES.keys())
def test_the_last_definition_that_succeeds_counts(given: str, expected: str) -> None:
    made = met(component(given + role(USES), "System"), MACHINE)
    assert nodes(made) == [expected]
    assert told(made) == []


def test_an_install_directory_comes_from_a_registry_value() -> None:
    """3.5: the stock idiom, ExtractDirectory in a variable's objectSet; a value that names nothing yields nothing."""

    def extracted(value: str, suffix: str) -> str:
        inner = pattern(rf"HKLM\Software\X [{value}]", "Registry")
        call = f'MigXmlHelper.ExtractDirectory (NULL, "1", {suffix})'.replace('"', "&quot;")
        return f'<content filter="{call}"><objectSet>{inner}</objectSet></content>'

    uses = rules(r"%V%\* [*]")
    for suffix in ("NULL", r'"\* [*]"'):
        both = extracted("Gone", suffix) + extracted("Exe", suffix)
        made = met(component(environment(first_of(both)) + role(uses), "System"), MACHINE)
        assert nodes(made) == [r"C:\APPS\ONE\*[*]"]
        assert told(made) == []


def test_variables_belong_to_the_component_and_those_inside_it() -> None:
    def inner(name: str, own: str = "") -> str:
        return component(own + role(USES), "System", name)

    outer = component(
        environment(text("One"))
        + role(
            environment(text("%V%\\Role")) + inner("a") + inner("b", environment(text("%V%\\Own"))),
            "Container",
        ),
        "System",
        "outer",
    )
    made = met(outer + inner("stranger"), MACHINE)
    assert nodes(made) == [r"C:\ONE\ROLE\OWN\[*]", r"C:\ONE\ROLE\[*]"]
    assert ["%V% is not defined" in each for each in told(made)] == [True]


def test_the_environment_of_a_role_is_not_seen_by_another_role() -> None:
    first = role(environment(text("One")) + USES)
    made = met(component(first + role(USES, "Data"), "System"), MACHINE)
    assert nodes(made) == [r"C:\ONE\[*]"]
    assert len(told(made)) == 1


def test_the_detection_of_a_role_sees_its_environment() -> None:
    asks = "<condition>MigXmlHelper.DoesObjectExist('File','C:\\Apps\\%V%')</condition>"
    gate = f"<detection><conditions>{asks}</conditions></detection>"
    uses = rules(r"C:\x [*]")
    made = met(component(role(gate + environment(text("One")) + uses), "System"), MACHINE)
    assert nodes(made) == [r"C:\X\[*]"]


def test_a_named_environment_is_evaluated_by_who_refers_to_it() -> None:
    value = text(r"%Own%\x")
    named = f"<namedElements><environment name='E'>{value}</environment></namedElements>"
    both = "".join(
        component(environment(text(own, "Own")) + "<environment name='E'/>" + role(USES), "System")
        for own in ("One", "Two")
    )
    assert nodes(met(named + both, MACHINE)) == [r"C:\ONE\X\[*]", r"C:\TWO\X\[*]"]


def test_each_user_has_the_values_of_that_user() -> None:
    given = environment(text("%USERNAME%"), attributes='context="User"')
    made = met(component(given + role(USES), "User"), scene(users=[BOB, ANNA]), [BOB, ANNA])
    assert nodes(made, BOB.sid) == [r"C:\BOB\[*]"]
    assert nodes(made, ANNA.sid) == [r"C:\ANNA\[*]"]


def test_a_misspelt_variable_is_a_warning_and_one_without_a_value_here_is_not() -> None:
    """3.5, and 3.4 for conditions: stock files ask for applications that are not installed; that is no news."""
    uses = rules(r"%V%\x [*]", r"%CSIDL_PPROFILE%\x [*]")
    made = met(component(environment(NULL) + role(uses), "System"), MACHINE)
    assert nodes(made) == []
    assert [each.split(": ", 2)[2] for each in told(made)] == [
        r"%CSIDL_PPROFILE%\x [*] is not used: %CSIDL_PPROFILE% is not defined"
    ]
    assert [each.split(": ", 2)[2] for each in told(made, "info")] == [
        r"%V%\x [*] is not used: %V% is not defined"
    ]


def test_a_text_that_cannot_be_expanded_leaves_the_earlier_value_and_is_told() -> None:
    given = environment(text("One"), text("%NOBODY%"))
    made = met(component(given + role(USES), "System"), MACHINE)
    assert nodes(made) == [r"C:\ONE\[*]"]
    assert told(made) == ["test.xml:1: the machine: %V% is not set: %NOBODY% is not defined"]


@pytest.mark.parametrize("call", ["GenerateDrivePatterns('x','Fixed')", "Nothing()"])
def test_a_script_that_makes_no_text_is_told(call: str) -> None:
    made = met(component(environment(text("One"), script(call)) + role(USES), "System"), MACHINE)
    assert nodes(made) == [r"C:\ONE\[*]"]
    assert any("%V% is not set" in each and "does not make text" in each for each in told(made))


def test_remapped_variables_are_kept_for_the_restore() -> None:
    given = environment(text("One"), text("[x]", "W", 'remap="Yes"'))
    made = met(component(given + role(USES), "System"), MACHINE)
    assert made.remaps == (Remap("W", "[x]", "", "test.xml:1"),)


@pytest.mark.parametrize("gate", [FALSE, TRUE], ids=["absent", "present"])
def test_only_components_that_are_there_remap(gate: str) -> None:
    given = environment(text("One", attributes='remap="Yes"'))
    detection = f"<detection><conditions>{gate}</conditions></detection>"
    made = met(component(given + role(detection + USES), "System"), MACHINE)
    assert len(made.remaps) == (gate == TRUE)
