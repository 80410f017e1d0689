"""Whose a path is: that of the user in whose profile folder or hive it lies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from extractor.model import User, WinPath
from extractor.select import Choice
from extractor.select.owners import key_owner, owner_of, owners_of
from tests.select.material import user

BOB, ANNA = user("bob", 1001), user("anna", 1002)
INNER = user("inner", 1003, profile=r"C:\Users\bob\inner")
DRIVE = user("drive", 1004, profile="D:\\")
SHARE = user("share", 1005, profile=r"\\server\home")


def choices(*users: User, absent: Sequence[User] = ()) -> list[Choice]:
    return [Choice(each, selected=each not in absent) for each in (*users, *absent)]


FOLDERS = [
    (r"C:\Users\bob", "bob"),
    (r"C:\users\BOB\Documents\a.txt", "bob"),
    (r"C:\Users\bob\inner\a.txt", "inner"),
    (r"C:\Users\bobby\a.txt", None),
    (r"C:\Users", None),
    (r"D:\Users\bob\a.txt", None),
    (r"D:\anything", None),
]


@pytest.mark.parametrize(("path", "expected"), FOLDERS)
def test_a_profile_folder_and_all_in_it_belong_to_its_user(path: str, expected: str | None) -> None:
    owners = owners_of(choices(BOB, ANNA, INNER, DRIVE, SHARE))
    owner = owner_of(WinPath.parse(path), owners)
    assert (owner and owner.user.name) == expected


@pytest.mark.parametrize("profile", ["D:\\", r"\\server\home", "", "C:"])
def test_a_drive_or_a_share_is_nobodys_profile(profile: str) -> None:
    odd = replace(BOB, profile=WinPath.parse(profile))
    assert owners_of([Choice(odd, selected=True)]) == {}


def test_a_folder_of_two_users_belongs_to_the_one_who_comes_else_to_the_lower_sid() -> None:
    twin = user("twin", 1009, profile=r"c:\USERS\bob")
    for order in itertools.permutations([Choice(BOB, selected=False), Choice(twin, selected=True)]):
        assert [each.user.name for each in owners_of(order).values()] == ["twin"]
    for order in itertools.permutations(choices(BOB, twin)):
        assert [each.user.name for each in owners_of(order).values()] == ["bob"]


KEYS = [
    (rf"HKU\{BOB.sid}", "bob"),
    (rf"HKU\{BOB.sid.lower()}\Software\K", "bob"),
    (rf"HKU\{ANNA.sid}\Software", "anna"),
    (r"HKU\S-1-5-18\Software", None),
    (r"HKU\.DEFAULT", None),
    ("HKU", None),
    (rf"HKLM\{BOB.sid}", None),
]


@pytest.mark.parametrize(("path", "expected"), KEYS)
def test_a_hive_belongs_to_the_user_with_its_sid(path: str, expected: str | None) -> None:
    root, *parts = path.split("\\")
    owner = key_owner(WinPath(root, tuple(parts)), choices(BOB, absent=[ANNA]))
    assert (owner and owner.user.name) == expected


def test_of_two_profiles_with_one_sid_the_one_that_comes_owns_the_hive_in_any_order() -> None:
    kept = replace(BOB, name="kept", profile=WinPath.parse(r"C:\Users\bob.bak"))
    key = WinPath("HKU", (BOB.sid,))
    cases = [(choices(BOB, absent=[kept]), "bob"), (choices(kept, absent=[BOB]), "kept")]
    cases += [(choices(BOB, kept), "bob"), (choices(absent=[BOB, kept]), "bob")]
    for given, expected in cases:
        for order in itertools.permutations(given):
            owner = key_owner(key, order)
            assert (owner and owner.user.name) == expected
