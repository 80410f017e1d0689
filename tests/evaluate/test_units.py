"""Migration units, usmt.md 6.9: what each component came to in each context, for the diagnostic log."""

from __future__ import annotations

import pytest

from extractor.evaluate.units import units_of
from extractor.events import MigUnit
from extractor.rules.model import Component, Role
from tests.evaluate.activations import (
    ANNA,
    BOB,
    FALSE,
    component,
    met,
    role,
    ruled,
    rules,
    said,
    scene,
)

BOTH = said("include", r"%WINDIR%\a\* [*]") + said("exclude", r"%WINDIR%\a [*.tmp]")
ABSENT = f"<detection><conditions>{FALSE}</conditions></detection>"


def only(body: str) -> MigUnit:
    (unit,) = units_of(met(body))
    return unit


def test_a_unit_has_the_patterns_of_its_component_expanded_by_what_they_do() -> None:
    everything = BOTH + said("unconditionalExclude", r"C:\x [b]", r"C:\x [a]")
    unit = only(ruled(everything, "System", "Acme"))
    assert unit == MigUnit(
        component="Acme",
        scope="",
        group="Applications",
        role="Settings",
        present=True,
        selected=True,
        patterns={
            "Exclude": (("File", r"C:\Windows\a [*.tmp]"),),
            "Include": (("File", r"C:\Windows\a\* [*]"),),
            "UnconditionalExclude": (("File", r"C:\x [a]"), ("File", r"C:\x [b]")),
        },
        sources=frozenset({"test.xml:1"}),
    )


GROUPS = {
    "6.9 Application": ("Application", "Applications"),
    "5.2 Documents": ("Documents", "Documents"),
    "5.2 System": ("System", "WindowsComponents"),
    "5.2 Device": ("Device", "WindowsComponents"),
}


@pytest.mark.parametrize(("kind", "group"), GROUPS.values(), ids=GROUPS.keys())
def test_the_group_comes_from_the_type(kind: str, group: str) -> None:
    assert only(ruled(BOTH, "System").replace('"Application"', f'"{kind}"')).group == group


ROLES = {
    "6.9 Data is UserData": (["Data"], "UserData"),
    "6.9 Settings": (["Settings"], "Settings"),
    "6.9 Binaries": (["Binaries"], "Binaries"),
    "6.9 several": (["Settings", "Data"], "Settings,UserData"),
}


@pytest.mark.parametrize(("kinds", "expected"), ROLES.values(), ids=ROLES.keys())
def test_the_role_comes_from_the_roles(kinds: list[str], expected: str) -> None:
    body = component("".join(role(rules(r"C:\x [*]"), kind) for kind in kinds), "System")
    assert only(body).role == expected


def test_each_context_has_its_unit_the_machine_first() -> None:
    made = met(ruled(said("include", r"C:\%USERNAME% [*]")), scene(users=[BOB, ANNA]), [BOB, ANNA])
    units = list(units_of(made))
    assert [unit.scope for unit in units] == ["", BOB.sid, ANNA.sid]
    assert [unit.patterns for unit in units] == [
        {},
        {"Include": (("File", r"C:\bob [*]"),)},
        {"Include": (("File", r"C:\anna [*]"),)},
    ]


def test_a_container_has_no_unit_and_what_is_in_it_has() -> None:
    inner = component(role(rules(r"C:\x [*]")), "System", "Inner")
    body = component(role(inner, "Container"), "System", "Outer")
    assert [unit.component for unit in units_of(met(body))] == ["Inner"]


class Choice:
    """A Config.xml that leaves out what is called Off."""

    def migrates(self, component: Component, _role: Role) -> bool:
        return component.name != "Off"


STATES = {
    "3.3 there": ("On", "", True, True),
    "3.3 not there": ("On", ABSENT, False, False),
    "5.3 there, and Config.xml says no": ("Off", "", True, False),
    "5.3 not there, and Config.xml says no": ("Off", ABSENT, False, False),
}


@pytest.mark.parametrize(
    ("name", "gate", "present", "selected"), STATES.values(), ids=STATES.keys()
)
def test_a_unit_tells_whether_it_is_there_and_whether_it_comes(
    name: str, gate: str, present: bool, selected: bool
) -> None:
    made = met(ruled(BOTH, "System", name, gate), config=Choice())
    (unit,) = units_of(made)
    assert (unit.present, unit.selected) == (present, selected)
    assert bool(unit.patterns) is selected


def test_attributes_are_no_patterns_of_a_unit() -> None:
    body = said("excludeAttributes", r"C:\x [*]", attributes='attributes="Security"')
    assert set(only(ruled(BOTH + body, "System")).patterns) == {"Include", "Exclude"}
