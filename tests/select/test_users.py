"""Which users come (usmt.md 4.3): /ui beats /uel beats /ue, else everybody who has a profile."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from extractor.errors import UsageError
from extractor.filetime import TICKS, to_filetime
from extractor.model import User
from extractor.select.users import UserSwitches, choose_users, matches_user, unmatched
from tests.select.material import user

NOW = 133_500_000_000_000_000  # 2024-01-17
DAY = 86_400 * TICKS
BOB = user("bob", 1001)
ANNA = replace(user("anna", 1105, domain="CORP"), last_used=(("NTUSER.DAT", NOW - 3 * DAY),))
ADMIN = user("Administrator", 500)
EVERYBODY = (BOB, ANNA, ADMIN)


def names(switches: UserSwitches) -> str:
    """Return the first letters of those who come."""
    choices = choose_users(EVERYBODY, switches, "PC", NOW)
    return "".join(choice.user.name[0] for choice in choices if choice.selected)


# --- the truth table ------------------------------------------------------------------------------

NONE, NO, YES = "not given", "does not match", "matches"
ANNAS = {NONE: (), NO: ("somebody",), YES: (r"CORP\anna",)}
WINDOWS = {NONE: "", NO: "2", YES: "5"}
"""Days of /uel; Anna was here three days ago."""
DECIDED = {
    # /ui, /uel, /ue: does Anna come?
    (NONE, NONE, NONE): True, (NONE, NONE, NO): True, (NONE, NONE, YES): False,
    (NONE, NO, NONE): False, (NONE, NO, NO): False, (NONE, NO, YES): False,
    (NONE, YES, NONE): True, (NONE, YES, NO): True, (NONE, YES, YES): True,
    (NO, NONE, NONE): True, (NO, NONE, NO): True, (NO, NONE, YES): False,
    (NO, NO, NONE): False, (NO, NO, NO): False, (NO, NO, YES): False,
    (NO, YES, NONE): True, (NO, YES, NO): True, (NO, YES, YES): True,
    (YES, NONE, NONE): True, (YES, NONE, NO): True, (YES, NONE, YES): True,
    (YES, NO, NONE): True, (YES, NO, NO): True, (YES, NO, YES): True,
    (YES, YES, NONE): True, (YES, YES, NO): True, (YES, YES, YES): True,
}  # fmt: skip


@pytest.mark.parametrize(("include", "last_used", "exclude"), DECIDED)
def test_4_3_ui_beats_uel_beats_ue(include: str, last_used: str, exclude: str) -> None:
    switches = UserSwitches(ANNAS[include], ANNAS[exclude], WINDOWS[last_used])
    (choice,) = choose_users([ANNA], switches, "PC", NOW)
    assert choice.selected is DECIDED[include, last_used, exclude]


def test_4_3_the_truth_table_is_complete() -> None:
    assert set(DECIDED) == set(itertools.product((NONE, NO, YES), repeat=3))


TOGETHER = [
    # /ui, /ue, /uel of three users: who comes?
    ((), (), "", "baA"),
    (("bob",), (), "", "baA"),
    ((), ("bob",), "", "aA"),
    (("bob",), ("*",), "", "b"),
    (("bob",), (r"*\*",), "", "b"),
    ((), ("*",), "", ""),
    ((), (r"*\*",), "", ""),
    (("bob", r"corp\*"), ("*",), "", "ba"),
    ((), ("bob", "*-500"), "", "a"),
    ((), (), "5", "a"),
    (("bob",), (), "5", "ba"),
    ((), (), "0", ""),
    ((), ("*-500",), "", "ba"),
    (("S-1-5-21-1-2-3-1105",), ("*",), "", "a"),
    (("S-1-5-21-1-2-3-1*",), ("*",), "", "ba"),
    ((), ("anna",), "", "baA"),
    ((), (r"corp\*",), "", "bA"),
    ((), (r"%ComputerName%\*",), "", "a"),
]


@pytest.mark.parametrize(("include", "exclude", "last_used", "expected"), TOGETHER)
def test_4_3_the_switches_decide_for_each_user(
    include: tuple[str, ...], exclude: tuple[str, ...], last_used: str, expected: str
) -> None:
    assert names(UserSwitches(include, exclude, last_used)) == expected


def test_the_deciding_switch_is_told() -> None:
    switches = UserSwitches(("nobody", "bob"), (r"corp\*",))
    told = [choice.switch for choice in choose_users(EVERYBODY, switches, "PC", NOW)]
    assert told == ["/ui:bob", r"/ue:corp\*", ""]
    told = [
        choice.switch for choice in choose_users(EVERYBODY, UserSwitches(last_used="5"), "PC", NOW)
    ]
    assert told == ["/uel:5"] * 3


# --- patterns -------------------------------------------------------------------------------------

NAMELESS = replace(user("", 1300, domain=""), name="")
UNDOMAINED = replace(BOB, domain="")
PATTERNS: list[tuple[str, User, bool]] = [
    # domain\user and computer\user, in any letter case, * anywhere
    (r"PC\bob", BOB, True),
    (r"pc\BOB", BOB, True),
    (r"OTHER\bob", BOB, False),
    (r"CORP\anna", ANNA, True),
    (r"corp\ANNA", ANNA, True),
    (r"PC\anna", ANNA, False),
    (r"contoso\*", replace(ANNA, domain="Contoso"), True),
    (r"contoso\*", ANNA, False),
    (r"c*\a*a", ANNA, True),
    (r"*\b*", BOB, True),
    (r"*\user*", replace(ANNA, name="User17"), True),
    (r"*\user*", ANNA, False),
    (r"*\*", ANNA, True),
    (r"*\*", NAMELESS, True),
    # %computername% is the offline machine
    (r"%computername%\bob", BOB, True),
    (r"%COMPUTERNAME%\b*", BOB, True),
    (r"%computername%\anna", ANNA, False),
    (r"%computername%\bob", UNDOMAINED, True),
    # a bare name is a local user
    ("bob", BOB, True),
    ("BOB", UNDOMAINED, True),
    ("b*b", BOB, True),
    ("  bob ", BOB, True),
    ("anna", ANNA, False),
    ("a*", ANNA, False),
    (r"pc\bob", UNDOMAINED, True),
    # SIDs
    ("S-1-5-21-1-2-3-1001", BOB, True),
    ("s-1-5-21-1-2-3-1001", BOB, True),
    ("S-1-5-21-1-2-3-1105", ANNA, True),
    ("S-1-5-21-1-2-3-*", ANNA, True),
    ("S-1-5-21-1-2-3-1001*", BOB, True),
    ("S-1-5-21-1-2-3-1001*", ANNA, False),
    ("S-1-5-21-1-2-3-100", BOB, False),
    ("S-1-5-21-*-1105", ANNA, True),
    ("*-500", ADMIN, True),
    ("*-500", BOB, False),
    ("*-500", replace(ANNA, sid="S-1-5-21-9-9-9-500"), True),
    ("*-1001", BOB, True),
    ("*-100", BOB, False),
    ("S-1-5-21-1-2-3-1300", NAMELESS, True),
    # * alone is everyone; nothing but * is a wildcard
    ("*", BOB, True),
    ("*", ANNA, True),
    ("*", NAMELESS, True),
    ("b?b", BOB, False),
    ("[b]ob", BOB, False),
    ("b.b", BOB, False),
    ("", BOB, False),
    ("\\", BOB, False),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "who", "expected"), PATTERNS)
def test_4_3_a_pattern_names_a_user(pattern: str, who: User, expected: bool) -> None:
    assert matches_user(pattern, who, "PC") is expected


def test_a_computer_whose_name_looks_like_a_pattern_names_itself() -> None:
    odd = replace(BOB, domain=r"A\1")
    assert matches_user(r"%computername%\bob", odd, r"A\1")


@pytest.mark.parametrize(
    "sid", ["S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-80-1-2-3", "S-1-5-90-0-1"]
)
def test_accounts_of_windows_itself_come_only_when_named(sid: str) -> None:
    account = replace(BOB, sid=sid)
    assert not choose_users([account], UserSwitches(), "PC", NOW)[0].selected
    assert not choose_users([account], UserSwitches(last_used="9"), "PC", NOW)[0].selected
    assert choose_users([account], UserSwitches((sid,)), "PC", NOW)[0].selected


def test_sids_that_begin_like_those_of_windows_are_people() -> None:
    for sid in ("S-1-5-21-18-1-1-1001", "S-1-12-1-1-2-3-4", "S-1-5-180"):
        assert choose_users([replace(BOB, sid=sid)], UserSwitches(), "PC", NOW)[0].selected


def test_4_3_a_pattern_that_names_nobody_is_found() -> None:
    patterns = ("bob", "nobody", "*-500", "anna", r"CORP\*", r"NOWHERE\*")
    assert unmatched(patterns, EVERYBODY, "PC") == ("nobody", "anna", r"NOWHERE\*")


# --- /uel -----------------------------------------------------------------------------------------

JANUARY_10 = to_filetime(datetime(2024, 1, 10, tzinfo=UTC))
USED = [
    # /uel, times of use, comes? Days are of 24 hours before the reference time; a date is its first moment
    ("5", [NOW - 5 * DAY], True),
    ("5", [NOW - 5 * DAY - 1], False),
    ("5", [NOW + 9 * DAY], True),
    ("5", [NOW - 90 * DAY, NOW - DAY], True),
    ("5", [], False),
    ("5", [0], False),
    ("999999", [1], True),
    ("0", [NOW], False),
    ("0", [NOW + 9 * DAY], False),
    ("00", [NOW], False),
    ("2024/01/10", [JANUARY_10], True),
    ("2024/01/10", [JANUARY_10 - 1], False),
    ("2024/1/10", [JANUARY_10], True),
    ("2030/01/01", [NOW], False),
]  # fmt: skip


@pytest.mark.parametrize(("last_used", "times", "expected"), USED)
def test_4_3_the_last_use_is_within_the_window(
    last_used: str, times: list[int], expected: bool
) -> None:
    who = replace(BOB, last_used=tuple((f"source {at}", at) for at in times))
    (choice,) = choose_users([who], UserSwitches(last_used=last_used), "PC", NOW)
    assert choice.selected is expected


def test_4_3_days_count_back_from_the_reference_time() -> None:
    switches = UserSwitches(last_used="5")
    assert choose_users([ANNA], switches, "PC", NOW)[0].selected
    assert not choose_users([ANNA], switches, "PC", NOW + 3 * DAY)[0].selected


@pytest.mark.parametrize(
    "text", ["yesterday", "-1", "2024/13/01", "1.5", "²", "2024-01-10", "1234567", "+5", " 5"]
)
def test_a_window_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="/uel:"):
        choose_users(EVERYBODY, UserSwitches(last_used=text), "PC", NOW)
