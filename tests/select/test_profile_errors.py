"""Profiles that went wrong: which end the run, which stay behind, which are a person's own (usmt.md 1.6, 2.4, 2.5)."""

from __future__ import annotations

import pytest

from extractor.errors import ProfileError
from extractor.model import OutcomeKind
from extractor.select import (
    Choice,
    UserSwitches,
    account_rows,
    choices_of,
    missing_of,
    scene_of,
    warnings_of,
)
from extractor.select.account_rows import NO_PROFILE
from extractor.select.install import NO_FOLDER, PUT_ASIDE, SKIPPED
from extractor.windows import WindowsInstall
from tests.registry.tiny_hive import tiny_hive
from tests.windows.machines import MACHINE_SID, installed, people, sam
from tests.windows.test_accounts import binary_sid

HIVE = tiny_hive({"Software": {}})
BOB, EVA = f"{MACHINE_SID}-1001", f"{MACHINE_SID}-1002"
ALL = UserSwitches()


def machine(
    *lines: tuple[str, str], here: tuple[str, ...] = ("bob", "eva", "TEMP")
) -> WindowsInstall:
    """Return a Windows whose ProfileList has these keys and folders, of which some are on its disk."""
    listed = {key: {"ProfileImagePath": rf"C:\Users\{folder}"} for key, folder in lines}
    files = {rf"Users\{folder}\NTUSER.DAT": HIVE for folder in here}
    return installed(files, people(listed), sam({500: "Administrator", 1001: "bob", 1002: "eva"}))


def chosen(
    install: WindowsInstall, switches: UserSwitches = ALL, *, fail: bool = True
) -> list[tuple[str, bool, str]]:
    found = choices_of(install, switches, 0, fail_on_profile_error=fail)
    return [(each.user.profile.name, each.selected, each.switch) for each in found]


def warned(install: WindowsInstall, choices: tuple[Choice, ...]) -> list[str]:
    return list(warnings_of(install, scene_of(install), choices, ALL))


def test_an_active_temporary_profile_ends_the_run_with_26_and_one_sentence() -> None:
    with pytest.raises(ProfileError) as caught:
        chosen(machine((BOB, "TEMP"), (EVA, "eva")))
    assert caught.value.exit_code == 26
    assert str(caught.value) == (
        r"DESK\bob: the profile C:\Users\TEMP is a temporary one that Windows made because it could not load the"
        " real one; set MIG_FAIL_ON_PROFILE_ERROR=0 to leave it behind"
    )


def test_mig_fail_on_profile_error_0_leaves_it_behind_with_a_warning() -> None:
    install = machine((BOB, "TEMP"), (EVA, "eva"))
    assert chosen(install, fail=False) == [("TEMP", False, SKIPPED), ("eva", True, "")]
    choices = choices_of(install, ALL, 0, fail_on_profile_error=False)
    assert warned(install, choices)[-1] == (
        r"DESK\bob: the profile C:\Users\TEMP is a temporary one that Windows made because it could not load the"
        " real one and is left behind (MIG_FAIL_ON_PROFILE_ERROR=0)"
    )


def test_a_duplicate_sid_ends_the_run_too() -> None:
    listed = {
        BOB: {"ProfileImagePath": r"C:\Users\bob", "Sid": binary_sid(BOB)},
        EVA: {"ProfileImagePath": r"C:\Users\eva", "Sid": binary_sid(BOB)},
    }
    files = {rf"Users\{name}\NTUSER.DAT": HIVE for name in ("bob", "eva")}
    install = installed(files, people(listed), sam({1001: "bob", 1002: "eva"}))
    with pytest.raises(
        ProfileError, match=r"eva: the profile .* claims the SID of another profile"
    ):
        chosen(install)
    assert chosen(install, fail=False) == [("bob", True, ""), ("eva", False, SKIPPED)]


@pytest.mark.parametrize("switches", [UserSwitches(exclude=("bob",)), UserSwitches(last_used="1")])
def test_a_temporary_profile_of_somebody_who_does_not_come_is_no_error(
    switches: UserSwitches,
) -> None:
    found = choices_of(machine((BOB, "TEMP")), switches, 1 << 62)
    assert [each.selected for each in found] == [False]


def test_a_temporary_profile_whose_folder_is_gone_is_no_error() -> None:
    install = machine((BOB, "TEMP"), here=("eva",))
    assert chosen(install) == [("TEMP", False, NO_FOLDER)]


PAIRS = [
    # key in use, key put aside, folders here -> what comes
    ("a leftover of a repair", "bob", "old", ("bob", "old"),
     [("bob", True, ""), ("old", False, PUT_ASIDE)]),
    ("the one in use is gone", "bob", "old", ("old",),
     [("bob", False, NO_FOLDER), ("old", True, "")]),
    ("the one in use was temporary, and is gone", "TEMP", "bob", ("bob",),
     [("TEMP", False, NO_FOLDER), ("bob", True, "")]),
    ("the one put aside is gone", "bob", "TEMP", ("bob",),
     [("bob", True, ""), ("TEMP", False, NO_FOLDER)]),
    ("both have one folder", "bob", "bob", ("bob",),
     [("bob", True, ""), ("bob", False, PUT_ASIDE)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("in_use", "aside", "here", "expected"), [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS]
)
def test_of_a_profile_and_its_bak_one_comes_and_that_is_no_error(
    in_use: str, aside: str, here: tuple[str, ...], expected: list[tuple[str, bool, str]]
) -> None:
    assert chosen(machine((BOB, in_use), (f"{BOB}.bak", aside), here=here)) == expected


def test_an_active_temporary_profile_beside_its_bak_is_the_documented_error() -> None:
    install = machine((BOB, "TEMP"), (f"{BOB}.bak", "bob"))
    with pytest.raises(ProfileError):
        chosen(install)
    assert chosen(install, fail=False) == [("TEMP", False, SKIPPED), ("bob", True, "")]
    choices = choices_of(install, ALL, 0, fail_on_profile_error=False)
    assert warned(install, choices)[-1] == (
        r"DESK\bob: the profile C:\Users\bob was put aside by Windows and comes: this person has no other here"
    )


def test_a_bak_alone_is_the_persons_own_profile_and_comes_with_a_warning() -> None:
    install = machine((f"{BOB}.bak", "bob"))
    assert chosen(install) == [("bob", True, "")]
    assert "was put aside by Windows and comes" in warned(install, choices_of(install, ALL, 0))[-1]


def test_a_missing_folder_is_told_apart_from_the_other_warnings() -> None:
    install = machine((BOB, "gone"), here=())
    choices = choices_of(install, ALL, 0)
    assert list(missing_of(choices)) == [
        rf"DESK\bob: the profile folder C:\Users\gone is {NO_FOLDER}"
    ]
    assert warned(install, choices) == []


# --- rows -----------------------------------------------------------------------------------------


def test_each_account_has_one_row_and_the_machine_owns_it() -> None:
    install = machine((BOB, "bob"), (f"{BOB}.bak", "old"), (EVA, "eva"), here=("bob", "old", "eva"))
    choices = choices_of(install, UserSwitches(exclude=("eva",)), 0)
    rows = list(account_rows(install, choices))
    assert [(str(row.path), row.outcome, row.rule, row.reason) for row in rows] == [
        (rf"{BOB}\DESK\bob", OutcomeKind.STORED, "", ""),
        (rf"{EVA}\DESK\eva", OutcomeKind.EXCLUDED, "/ue:eva", ""),
        (rf"{MACHINE_SID}-500\DESK\Administrator", OutcomeKind.EXCLUDED, "", NO_PROFILE),
    ]
    assert {(row.user, row.size, row.stored_as) for row in rows} == {("", 0, "")}
