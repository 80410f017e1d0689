from __future__ import annotations

from dataclasses import replace

import pytest

from extractor.errors import UsageError
from extractor.select.users import UserSwitches, choose_users, matches_user, unmatched
from tests.select.material import user

NOW = 133_500_000_000_000_000
DAY = 86_400 * 10_000_000
BOB = user("bob", 1001)
ANNA = replace(user("anna", 1105, domain="CORP"), last_used=(("NTUSER.DAT", NOW - 3 * DAY),))
ADMIN = user("Administrator", 500)
EVERYBODY = (BOB, ANNA, ADMIN)


def names(switches: UserSwitches) -> str:
    """Return the first letters of those who come."""
    choices = choose_users(EVERYBODY, switches, "PC", NOW)
    return "".join(choice.user.name[0] for choice in choices if choice.selected)


@pytest.mark.parametrize(
    ("include", "exclude", "last_used", "expected"),
    [
        # The truth table of "Identify users": /ui beats /uel beats /ue, else everybody.
        ((), (), "", "baA"),
        (("bob",), (), "", "baA"),
        ((), ("bob",), "", "aA"),
        (("bob",), ("*",), "", "b"),
        (("bob",), (r"*\*",), "", "b"),
        ((), (r"*\*",), "", ""),
        ((), (), "5", "a"),
        ((), (), "2", ""),
        (("bob",), (), "5", "ba"),
        ((), (r"CORP\anna",), "5", "a"),
        (("bob",), ("bob",), "2", "b"),
        ((), (), "0", ""),
        ((), (), "2024/01/01", "a"),
        ((), (), "2030/01/01", ""),
        ((), ("*-500",), "", "ba"),
        (("S-1-5-21-1-2-3-1105",), ("*",), "", "a"),
        ((), ("anna",), "", "baA"),
        ((), (r"corp\*",), "", "bA"),
        ((), (r"%ComputerName%\*",), "", "a"),
    ],
)
def test_the_switches_decide_as_documented(
    include: tuple[str, ...], exclude: tuple[str, ...], last_used: str, expected: str
) -> None:
    assert names(UserSwitches(include, exclude, last_used)) == expected


def test_the_deciding_switch_is_told() -> None:
    switches = UserSwitches(("bob",), (r"corp\*",))
    told = [choice.switch for choice in choose_users(EVERYBODY, switches, "PC", NOW)]
    assert told == ["/ui:bob", r"/ue:corp\*", ""]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"PC\bob", True),
        (r"pc\BOB", True),
        (r"OTHER\bob", False),
        ("b*b", True),
        (r"*\b*", True),
        ("*-1001", True),
        ("*-100", False),
        ("b?b", False),
        ("[b]ob", False),
        ("  bob ", True),
    ],
)
def test_a_pattern_names_a_user(pattern: str, expected: bool) -> None:
    assert matches_user(pattern, BOB, "PC") is expected


def test_a_bare_name_is_a_local_user() -> None:
    assert not matches_user("anna", ANNA, "PC")
    assert matches_user("bob", replace(BOB, domain=""), "PC")
    assert matches_user(r"pc\bob", replace(BOB, domain=""), "PC")


@pytest.mark.parametrize("sid", ["S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-80-1-2-3"])
def test_accounts_of_windows_itself_come_only_when_named(sid: str) -> None:
    account = replace(BOB, sid=sid)
    assert not choose_users([account], UserSwitches(), "PC", NOW)[0].selected
    assert choose_users([account], UserSwitches((sid,)), "PC", NOW)[0].selected


def test_a_pattern_that_names_nobody_is_found() -> None:
    assert unmatched(("bob", "nobody", "*-500"), EVERYBODY, "PC") == ("nobody",)


@pytest.mark.parametrize("text", ["yesterday", "-1", "2024/13/01", "1.5", "²"])
def test_a_window_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="/uel:"):
        choose_users(EVERYBODY, UserSwitches(last_used=text), "PC", NOW)
