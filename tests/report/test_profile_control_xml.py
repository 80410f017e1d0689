"""The Config.xml of group memberships: our own /config reads it, and it says what SAM said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from extractor.model import LocalGroup, User, WinPath
from extractor.report.profile_control_xml import profile_control_xml, user_pattern
from extractor.rules.config import load_config

SID = "S-1-5-21-1-2-3"
ANNA = User(f"{SID}-1001", "anna", "DESK", WinPath("C:"), "ok", groups=("Administrators", "Users"))
BOB = User(f"{SID}-1002", "bob", "DESK", WinPath("C:"), "ok", groups=("Users",))
ADMINS = LocalGroup("S-1-5-32-544", "Administrators", "", (f"{SID}-500", f"{SID}-1001"))
USERS = LocalGroup("S-1-5-32-545", "Users", "", ("S-1-5-11", f"{SID}-1001", f"{SID}-1002"))
REMOTE = LocalGroup("S-1-5-32-555", "Remote Desktop Users", "", (f"{SID}-1001", f"{SID}-1002"))
EMPTY = LocalGroup("S-1-5-32-547", "Power Users")
NAMES = {"S-1-5-11": r"NT AUTHORITY\Authenticated Users", f"{SID}-500": r"DESK\Administrator"}
EVERYBODY = ("*", "Users", ["*"])


def groups_in(path: Path, text: str) -> list[tuple[object, object, object]]:
    """Return (from, to, include) as our own reader of Config.xml understands them; it has nothing to complain of."""
    path.write_text(text, "utf-8")
    config = load_config(path)
    assert (config.warnings, config.listed, config.error_rules) == ((), (), ())
    found = config.profile_control["localGroups"]
    assert {each["appliesTo"] for each in found} == {"MigratedUsers"}
    assert not any(each["exclude"] for each in found)
    return [(each["from"], each["to"], each["include"]) for each in found]


def comments(text: str) -> list[str]:
    root = etree.fromstring(text.encode())
    return [(each.text or "").strip() for each in root.iter(etree.Comment)]


def test_5_5_all_users_go_to_users_and_each_further_group_has_its_members(tmp_path: Path) -> None:
    text = profile_control_xml([ANNA, BOB], [ADMINS, USERS, EMPTY, REMOTE], NAMES)
    assert groups_in(tmp_path / "c.xml", text) == [
        ("Administrators", "Administrators", [r"DESK\anna"]),
        ("Remote Desktop Users", "Remote Desktop Users", [r"DESK\anna", r"DESK\bob"]),
        EVERYBODY,
    ]


def test_members_that_do_not_migrate_are_told_and_never_assigned(tmp_path: Path) -> None:
    text = profile_control_xml([BOB], [ADMINS, USERS], NAMES | {f"{SID}-1001": r"DESK\anna"})
    assert groups_in(tmp_path / "c.xml", text) == [EVERYBODY]
    assert comments(text)[1:] == [
        rf"DESK\bob ({SID}-1002): Users",
        r"Administrators: members that do not migrate: DESK\Administrator, DESK\anna",
        r"Users: members that do not migrate: NT AUTHORITY\Authenticated Users, DESK\anna",
    ]


def test_the_group_of_users_has_the_name_that_this_windows_gave_it(tmp_path: Path) -> None:
    german = [replace(USERS, name="Benutzer"), replace(ADMINS, name="Administratoren")]
    assert groups_in(tmp_path / "c.xml", profile_control_xml([ANNA], german, {})) == [
        ("Administratoren", "Administratoren", [r"DESK\anna"]),
        ("*", "Benutzer", ["*"]),
    ]


def test_without_a_sam_everybody_still_goes_to_users(tmp_path: Path) -> None:
    assert groups_in(tmp_path / "c.xml", profile_control_xml([], [], {})) == [EVERYBODY]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*",
        "a?",
        r"..\..\x",
        "a/b",
        " a",
        "a ",
        "x\x1b[31m",
        "x\u202ey",
        "\ud800",
        "\uffff",
        "<b>",
    ],
)
def test_a_name_that_is_no_pattern_of_itself_goes_by_its_sid(name: str, tmp_path: Path) -> None:
    user = replace(ANNA, name=name)
    assert user_pattern(user) == user.sid
    text = profile_control_xml([user], [ADMINS], {})
    assert groups_in(tmp_path / "c.xml", text)[0] == (
        "Administrators", "Administrators", [user.sid],
    )  # fmt: skip


def test_a_user_without_a_domain_goes_by_the_sid_for_a_bare_name_is_a_local_one() -> None:
    assert user_pattern(replace(ANNA, domain="")) == ANNA.sid
    assert user_pattern(replace(ANNA, domain="AzureAD", name="anna@example.com")) == (
        r"AzureAD\anna@example.com"
    )


def test_hostile_names_of_groups_and_members_stay_text(tmp_path: Path) -> None:
    name = '--><evil a="1">\x1b[31m--'
    group = replace(ADMINS, name=name)
    text = profile_control_xml([ANNA], [group], {f"{SID}-500": "--\ud800-->"})
    [(source, _, include), everybody] = groups_in(tmp_path / "c.xml", text)
    assert source == name.replace("\x1b", r"\x1b")
    assert (include, everybody) == ([r"DESK\anna"], EVERYBODY)
    assert "\x1b" not in text
    assert etree.fromstring(text.encode()).find(".//evil") is None
