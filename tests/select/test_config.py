"""What a Config.xml takes from the rules (usmt.md 4.1.6, 5.3)."""

from __future__ import annotations

import pytest

from extractor.rules.config import Config, parse_config
from extractor.xmlfile import parse_xml
from tests.select.material import chosen, component, disk, rule_set, said, selection, wrapped

FILES = {r"D\a": b"", r"D\b": b"", r"E\c": b""}


def config(*entries: str, section: str = "Documents") -> Config:
    text = f"<Configuration><{section}>{''.join(entries)}</{section}></Configuration>"
    return parse_config(parse_xml(text.encode(), name="Config.xml"), "Config.xml")


def entry(name: str, migrate: str, *inside: str, urlid: str = "urn:test") -> str:
    return (
        f'<component displayname="{name}" migrate="{migrate}" ID="{urlid}/{name}/data">'
        f"{''.join(inside)}</component>"
    )


def takes(body: str, *entries: str) -> str:
    """Return the names of the files that are taken under a Config.xml, in order."""
    found = chosen(selection(body, [disk(FILES)], config=config(*entries)))
    return "".join(sorted(path[-1] for path in found if path[-2] == "\\" and path[-1].islower()))


A, B = component([r"C:\D [a]"], name="A"), component([r"C:\D [b]"], name="B")
CONTAINER = (
    '<component type="Documents" context="System"><displayName>Group</displayName>'
    f'<role role="Container">{A}{B}</role></component>'
)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "ab"),
        ([entry("A", "no")], "b"),
        ([entry("A", "no"), entry("B", "no")], ""),
        ([entry("A", "yes")], "ab"),
        ([entry("A", "no"), entry("A", "yes")], "ab"),
        ([entry("A", "yes"), entry("A", "no")], "ab"),
        ([entry("A", "no", urlid="urn:other")], "ab"),
    ],
)
def test_5_3_a_component_that_is_said_no_to_is_gone_and_a_yes_outvotes_it(
    entries: list[str], expected: str
) -> None:
    assert takes(A + B, *entries) == expected


GROUP = "urn:test/group/container"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("A", "no")], "b"),
        ([f'<component displayname="Group" migrate="no" ID="{GROUP}"/>'], ""),
        ([f'<component displayname="Group" migrate="no" ID="{GROUP}">{entry("A", "yes")}</component>'], ""),
        ([f'<component displayname="Group" migrate="yes" ID="{GROUP}">{entry("A", "no")}</component>'], "b"),
        ([f'<component displayname="Group" migrate="no" ID="{GROUP}">{entry("A", "yes")}</component>',
          f'<component displayname="Group" migrate="yes" ID="{GROUP}"/>'], "ab"),
    ],
)  # fmt: skip
def test_5_3_the_no_of_a_group_is_the_no_of_all_in_it(entries: list[str], expected: str) -> None:
    assert takes(CONTAINER, *entries) == expected


def test_4_1_6_another_component_may_still_include_the_same_objects() -> None:
    both = component([r"C:\D\* [*]"], name="A") + component([r"C:\D [b]"], name="B")
    assert takes(both, entry("A", "no")) == "b"


def test_4_1_6_a_component_that_is_gone_excludes_nothing_either() -> None:
    never = component(never=[r"C:\D [a]"], name="Never")
    assert takes(A + B + never) == "b"
    assert takes(A + B + never, entry("Never", "no")) == "ab"
    excluding = component([r"C:\D\* [*]"], [r"C:\D [a]"], name="A")
    assert takes(excluding + component([r"C:\D [a]"], name="B"), entry("A", "no")) == "a"


def test_5_3_the_no_is_for_one_role() -> None:
    settings = said("include", r"C:\E [c]")
    role = f'<role role="Settings"><rules>{settings}</rules></role>'
    body = A.replace("</component>", f"{role}</component>")
    assert takes(body) == "ac"
    assert takes(body, entry("A", "no")) == "c"


def test_5_3_the_no_holds_for_every_user_and_the_machine() -> None:
    rules = rule_set(wrapped(said("include", r"C:\D\* [*]"), name="A"))
    made = selection(rules, [disk(FILES)], config=config(entry("A", "no")))
    assert list(made) == []
    assert made.activation.rules == ()
    assert [each.migrates for each in made.activation.meetings] == [False]
