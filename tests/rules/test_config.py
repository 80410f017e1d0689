"""Config.xml, usmt.md section 5: its grammar, how an entry finds its component, what its no removes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.errors import ConfigFileError
from extractor.rules.config import Config, load_config, parse_config
from extractor.rules.model import Component, Role
from extractor.rules.patterns import PatternKind
from extractor.xmlfile import parse_xml

URLID = "http://www.microsoft.com/migration/1.0/migxmlext/migapp"
ID = f"{URLID}/mozilla firefox/settings"


def config(body: str) -> Config:
    text = f"<Configuration>\n{body}\n</Configuration>"
    return parse_config(parse_xml(text.encode(), name="c.xml", error=ConfigFileError), "c.xml")


def entry(migrate: str, identity: str = ID, inside: str = "", name: str = "Mozilla Firefox") -> str:
    return (
        f'<component displayname="{name}" migrate="{migrate}" ID="{identity}">{inside}</component>'
    )


def applications(*entries: str) -> Config:
    return config(f"<Applications>{''.join(entries)}</Applications>")


def migrates(
    given: Config, name: str = "Mozilla Firefox", role: str = "Settings", kind: str = "Application"
) -> bool:
    part = Role(role, "r.xml:1")
    return given.migrates(Component(URLID, name, kind, "r.xml:1", roles=(part,)), part)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], True),
        ([entry("no")], False),
        ([entry("No")], False),
        ([entry("yes")], True),
        ([entry("maybe")], True),
        ([entry("no", ID.upper())], False),
        ([entry("no", ID.replace("settings", "data"))], True),
        ([entry("no", ID.replace("migapp", "other"))], True),
        ([entry("no", f"{URLID}/mozilla firefox")], False),
        ([entry("no", "")], False),
        ([entry("no", "", name="Other")], True),
        ([entry("no", f"{URLID}/group/mozilla firefox/settings")], False),
        ([entry("no", "urn:other/group/mozilla firefox/settings")], True),
        ([entry("yes"), entry("no")], True),
        ([entry("no"), entry("yes")], True),
        ([entry("no", "group", entry("yes"))], False),
        ([entry("no", "", entry("yes"), name="Group"), entry("yes", "", name="Other")], False),
        ([entry("yes", "group", entry("no"))], False),
        ([entry("no", "group", entry("yes")), entry("yes", "group")], True),
        ([entry("no", "group", entry("yes")), entry("yes")], True),
    ],
)
def test_5_2_and_5_3_an_entry_finds_its_component_and_decides(
    entries: list[str], expected: bool
) -> None:
    assert migrates(applications(*entries)) is expected


@pytest.mark.parametrize(
    ("kind", "listed", "expected"),
    [
        ("System", "", False),
        ("Device", "", False),
        ("System", entry("yes"), True),
        ("Application", "", True),
        ("Documents", "", True),
    ],
)
def test_5_3_default_migrate_is_for_components_of_windows_that_are_not_listed(
    kind: str, listed: str, expected: bool
) -> None:
    body = f'<WindowsComponents defaultMigrate="no">{listed}</WindowsComponents>'
    assert migrates(config(body), kind=kind) is expected


@pytest.mark.parametrize("switch", ["hidden", "named"])
def test_5_3_what_cannot_be_listed_is_not_missing(switch: str) -> None:
    given = config('<WindowsComponents defaultMigrate="no"/>')
    part = Role("Settings", "r.xml:1")
    hidden = Component(URLID, "Guard", "System", "r.xml:1", roles=(part,))
    hidden = replace(hidden, hidden=True) if switch == "hidden" else replace(hidden, named=False)
    assert given.migrates(hidden, part)


def test_5_1_letter_case_and_order_of_sections_mean_nothing() -> None:
    given = config(
        f"<PROFILECONTROL/><policies/><documents>{entry('no')}</documents><applications/>"
        f'<WindowsComponents><Component DisplayName="a" Migrate="no" id="B"/></WindowsComponents>'
    )
    assert [(each.section, each.id) for each in given.listed] == [
        ("Documents", ID),
        ("WindowsComponents", "b"),
    ]
    assert given.warnings == ()


@pytest.mark.parametrize("policies", ["Policies", "Policy"])
def test_5_4_error_rules_keep_their_order_and_the_documented_typo_is_taken(policies: str) -> None:
    given = config(
        f"""<{policies}><ErrorControl>
        <fileError>
          <nonFatal errorCode="33">* [*]</nonFatal>
          <nonfatal errorCode="any">C:\\Users\\* [*]</nonfatal>
          <fatal>*[*]</fatal>
        </fileError>
        <registryError><nonFatal errorCode="5">HKCU\\SOFTWARE\\Microsoft\\* [*]</nonFatal></registryError>
        </ErrorControl><HardLinkStoreControl/></{policies}>"""
    )
    assert [(each.kind, each.fatal, each.code, each.pattern) for each in given.error_rules] == [
        (PatternKind.FILE, False, 33, "* [*]"),
        (PatternKind.FILE, False, None, "C:\\Users\\* [*]"),
        (PatternKind.FILE, True, None, "*[*]"),
        (PatternKind.REGISTRY, False, 5, "HKCU\\SOFTWARE\\Microsoft\\* [*]"),
    ]
    assert [each.source for each in given.error_rules] == [
        "c.xml:4",
        "c.xml:5",
        "c.xml:6",
        "c.xml:8",
    ]
    assert (given.warnings, given.notes) == ((), ())


def test_5_4_a_hard_link_policy_is_noted_and_nothing_else() -> None:
    given = config(
        "<Policies><HardLinkStoreControl><fileLocked><createHardLink>C:\\Users\\*</createHardLink>"
        "</fileLocked></HardLinkStoreControl></Policies>"
    )
    assert given.notes == ("c.xml:2: HardLinkStoreControl means nothing for an image",)
    assert given.warnings == ()


@pytest.mark.parametrize("nesting", ["{}", "<mappings>{}</mappings>"])
def test_5_5_profile_control_is_kept_as_plain_data(nesting: str) -> None:
    group = (
        '<changeGroup from="*" to="Users" appliesTo="migratedusers"><include>'
        "<pattern>DOM\\*</pattern></include><exclude><pattern>DOM\\bob</pattern></exclude></changeGroup>"
    )
    given = config(
        f"<ProfileControl><localGroups>{nesting.format(group)}</localGroups>"
        '<domains><domain from="A" to="B"/></domains>'
        '<users><user from="A\\U" to="B\\U"/></users></ProfileControl>'
    )
    assert json.loads(json.dumps(given.profile_control)) == {
        "localGroups": [
            {
                "from": "*",
                "to": "Users",
                "appliesTo": "MigratedUsers",
                "include": ["DOM\\*"],
                "exclude": ["DOM\\bob"],
                "source": "c.xml:2",
            }
        ],
        "domains": [{"from": "A", "to": "B", "source": "c.xml:2"}],
        "users": [{"from": "A\\U", "to": "B\\U", "source": "c.xml:2"}],
    }
    assert given.warnings == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<Sundries/>", "<Sundries> is not known here"),
        ("<Applications><app/></Applications>", "<app> is not known here"),
        (f"<Documents>{entry('perhaps')}</Documents>", "neither yes nor no"),
        ('<Documents><component displayname="x" migrate="no"/></Documents>', "has no ID"),
        ("<Policies><Other/></Policies>", "<Other> is not known here"),
        ("<Policies><ErrorControl><x/></ErrorControl></Policies>", "<x> is not known here"),
        (
            "<Policies><ErrorControl><fileError><perhaps/></fileError></ErrorControl></Policies>",
            "<perhaps> is not known",
        ),
        (
            "<Policies><ErrorControl><fileError><fatal>C:\\a ]</fatal></fileError></ErrorControl></Policies>",
            "this <fatal> is ignored",
        ),
        (
            (
                "<Policies><ErrorControl><fileError><fatal errorCode='x'>* [*]</fatal></fileError>"
                "</ErrorControl></Policies>"
            ),
            "neither any nor a number",
        ),
        ("<ProfileControl><other/></ProfileControl>", "<other> is not known here"),
        ("<ProfileControl><users><user from='a'/></users></ProfileControl>", "needs from and to"),
        (
            "<ProfileControl><localGroups><changeGroup from='a' to='b'/></localGroups></ProfileControl>",
            "needs an include or an exclude",
        ),
        (
            (
                "<ProfileControl><localGroups><changeGroup from='a' to='b' appliesTo='cats'/></localGroups>"
                "</ProfileControl>"
            ),
            'appliesTo="cats"',
        ),
    ],
)
def test_what_is_not_understood_is_a_warning_with_its_line(body: str, says: str) -> None:
    warnings = config(body).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("c.xml:2: ")
    assert says in warnings[0]


def test_a_no_for_a_component_that_no_rule_file_has_is_told() -> None:
    part = Role("Settings", "r.xml:1")
    firefox = Component(URLID, "Mozilla Firefox", "Application", "r.xml:1", roles=(part,))
    stray = entry("no", f"{URLID}/mozila/settings", name="Mozila")
    given = applications(entry("no"), stray, entry("yes", "urn:x/y/data", name="y"))
    assert list(given.unmatched([firefox])) == [
        f"c.xml:2: no component of the rules is '{URLID}/mozila/settings'"
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<Configuration>\n<!-- open", "c.xml:"),
        (b"<Configuration>\n<a></b></Configuration>", "c.xml:2"),
        (b'<migration urlid="x"/>', "give it with /i"),
        (b"<offline/>", "the root is <offline>"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>\n<Configuration>&b;</Configuration>", "DOCTYPE"),
        (b"", "c.xml"),
        (b"\x89PNG\r\n\x1a\n", "c.xml"),
    ],
)
def test_5_1_a_file_that_is_no_config_xml_ends_with_39_and_a_line(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "c.xml"
    path.write_bytes(content)
    with pytest.raises(ConfigFileError) as caught:
        load_config(path)
    assert caught.value.exit_code == 39
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_xml_that_is_not_there_ends_with_39(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="cannot be read"):
        load_config(tmp_path / "none.xml")
