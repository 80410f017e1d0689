"""Who the people of a store are in an offline Windows: account, SID and profile folder, or why nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extractor.errors import UnsupportedError, UsageError
from extractor.model import WinPath
from extractor.restore.people.accounts import MOST_NAMES, MakeAccount, settle
from extractor.restore.people.users import People, Person, map_users
from extractor.restore.people.words import Renaming, UserWords, parse_md, parse_mu
from extractor.windows import WindowsInstall
from tests.restore.people.test_users import ANNA, BOB, EVE, HEADER, row
from tests.restore.settings.sam_hive import MACHINE
from tests.restore.windows_target import plain_windows

ROB = f"{MACHINE}-1001"


def settled(
    install: WindowsInstall, make: MakeAccount | None = None, words: UserWords | None = None
) -> People:
    return settle(map_users(HEADER, words or UserWords()), install, make)


def told(person: Person) -> tuple[str, str, str]:
    return person.account, person.sid, str(person.profile)


def names(*renamings: str) -> UserWords:
    return UserWords(tuple(map(parse_mu, renamings)))


def test_a_profile_that_has_the_sid_and_the_name_is_that_user() -> None:
    people = settled(plain_windows({BOB: r"DESK\bob|C:\Users\bob.0"}, {ROB: "bob"}))
    bob = people.by_sid[BOB]
    assert told(bob) == (r"DESK\bob", BOB, r"C:\Users\bob.0")
    assert (bob.is_new, bob.to_make, bob.left_out) == (False, False, "")


def test_a_profile_of_the_same_sid_and_another_name_is_somebody_else() -> None:
    people = settled(plain_windows({BOB: r"DESK\carl|C:\Users\carl"}))
    assert "no local account bob" in people.by_sid[BOB].left_out


@pytest.mark.parametrize(("renaming", "sid"), [("eve:eva", BOB), ("bob:robert", ROB)])
def test_a_profile_of_the_same_sid_that_nobody_knows_the_name_of_is_that_user_under_the_old_name(
    renaming: str, sid: str
) -> None:
    install = plain_windows({BOB: r"\|C:\Users\bob.0"}, {ROB: "robert"})
    bob = settled(install, words=names(renaming)).by_sid[BOB]
    assert (bob.sid, bob.left_out) == (sid, "")


def test_a_local_user_is_the_account_of_that_name_whatever_its_case() -> None:
    people = settled(plain_windows({ROB: r"NEW-PC\BOB|C:\Users\robert"}, {ROB: "BOB"}))
    assert told(people.by_sid[BOB]) == (r"NEW-PC\bob", ROB, r"C:\Users\robert")
    assert people.sids == {BOB: ROB}


def test_an_account_that_never_logged_on_gets_a_new_profile() -> None:
    bob = settled(plain_windows({}, {ROB: "bob"})).by_sid[BOB]
    assert told(bob) == (r"NEW-PC\bob", ROB, r"C:\Users\bob")
    assert (bob.is_new, bob.to_make) == (True, False)


def test_a_local_user_without_an_account_is_left_out_and_so_is_who_a_switch_leaves_out() -> None:
    words = UserWords(exclude=(r"DESK\eve",))
    people = settled(plain_windows(), words=words)
    assert people.by_sid[BOB].left_out == (
        "the target has no local account bob, and /lac was not given"
    )
    assert people.by_sid[EVE].left_out == r"/ue:DESK\eve"
    assert people.accounts == ()


def test_lac_makes_the_account_and_only_the_one_that_is_missing() -> None:
    asked: list[str] = []

    def make(name: str) -> str:
        asked.append(name)
        return f"{MACHINE}-{2000 + len(asked)}"

    people = settled(plain_windows({}, {ROB: "eve"}), make)
    assert asked == ["bob"]
    bob = people.by_sid[BOB]
    assert told(bob) == (r"NEW-PC\bob", f"{MACHINE}-2001", r"C:\Users\bob")
    assert (bob.is_new, bob.to_make) == (True, True)
    assert people.accounts == (r"NEW-PC\bob",)


def test_an_account_that_the_sam_refuses_is_to_be_created_by_hand_and_hides_nothing() -> None:
    def make(_name: str) -> str:
        raise UnsupportedError("odd\x1b structure")

    people = settled(plain_windows(), make)
    said = "to be created in Windows by hand: the local account bob (odd\\x1b structure)"
    assert people.by_sid[BOB].left_out == said
    assert f"{said}; then give its SID with --user-map" in people.notes
    assert people.accounts == ()


def test_a_user_of_a_domain_is_its_profile_there_or_keeps_the_sid() -> None:
    there = settled(plain_windows({"S-1-5-21-8-8-8-1": r"Contoso\Anna|C:\Home\anna"}))
    assert told(there.by_sid[ANNA]) == (r"CONTOSO\anna", "S-1-5-21-8-8-8-1", r"C:\Home\anna")
    alone = settled(plain_windows()).by_sid[ANNA]
    assert told(alone) == (r"CONTOSO\anna", ANNA, r"C:\Users\anna.CONTOSO")
    assert (alone.is_new, alone.to_make, alone.left_out) == (True, False, "")


@pytest.mark.parametrize("profile", [r"D:\Home\anna", "C:\\", r"C:\Users\..\x", "nonsense"])
def test_a_profile_that_is_no_folder_of_a_drive_there_takes_nothing(profile: str) -> None:
    people = settled(plain_windows({"S-1-5-21-8-8-8-1": rf"CONTOSO\anna|{profile}"}))
    assert "is no folder of a drive that the target has" in people.by_sid[ANNA].left_out


def test_of_two_profiles_of_one_domain_user_none_is_taken_by_name() -> None:
    twice = {f"S-1-5-21-8-8-8-{n}": rf"CONTOSO\anna|C:\Users\anna{n}" for n in (1, 2)}
    assert settled(plain_windows(twice)).by_sid[ANNA].sid == ANNA


def test_a_domain_that_becomes_the_computer_makes_a_local_user() -> None:
    words = UserWords((), (parse_md("CONTOSO:DESK"),))
    people = settled(plain_windows({}, {ROB: "anna"}), words=words)
    assert told(people.by_sid[ANNA])[:2] == (r"NEW-PC\anna", ROB)


def test_a_sid_that_is_renamingis_not_looked_for() -> None:
    words = UserWords((Renaming("bob", None, "", "map.csv:1", sid="S-1-5-21-7-7-7-7"),))
    bob = settled(plain_windows({ROB: r"NEW-PC\bob|C:\Users\b"}, {ROB: "bob"}), words=words)
    assert told(bob.by_sid[BOB])[1:] == ("S-1-5-21-7-7-7-7", r"C:\Users\bob")


def test_a_profile_that_is_renamingcounts_and_is_new_where_the_target_has_another() -> None:
    renaming = Renaming("bob", None, "", "map.csv:1", sid=ROB, profile=WinPath.parse(r"D:\Bob"))
    install = plain_windows({ROB: r"NEW-PC\bob|C:\Users\bob"}, {ROB: "bob"})
    bob = settled(install, words=UserWords((renaming,))).by_sid[BOB]
    assert (str(bob.profile), bob.is_new) == (r"D:\Bob", True)
    same = replace(renaming, profile=WinPath.parse(r"c:\users\BOB"))
    assert not settled(install, words=UserWords((same,))).by_sid[BOB].is_new


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([r"C:\Users\else"], r"C:\Users\bob"),
        ([r"C:\USERS\Bob"], r"C:\Users\bob.NEW-PC"),
        ([r"C:\Users\bob", r"C:\Users\bob.new-pc"], r"C:\Users\bob.000"),
        ([r"C:\Users\bob", r"C:\Users\bob.NEW-PC", r"C:\Users\bob.000"], r"C:\Users\bob.001"),
    ],
)
def test_a_profile_folder_that_is_taken_gets_the_next_name(taken: list[str], expected: str) -> None:
    users = {f"S-1-5-21-6-6-6-{n}": rf"X\u{n}|{path}" for n, path in enumerate(taken)}
    people = settled(plain_windows(users, {ROB: "bob"}))
    assert str(people.by_sid[BOB].profile) == expected


def test_where_every_name_is_taken_a_folder_has_to_be_told() -> None:
    names_ = ["bob", "bob.NEW-PC", *(f"bob.{n:03}" for n in range(MOST_NAMES))]
    users = {f"S-1-5-21-6-6-6-{n}": rf"X\u{n}|C:\Users\{name}" for n, name in enumerate(names_)}
    with pytest.raises(UsageError, match="name a folder with --user-map"):
        settled(plain_windows(users, {ROB: "bob"}))


def test_two_who_are_new_do_not_get_one_folder() -> None:
    people = map_users(HEADER, UserWords())
    one = WinPath.parse(r"C:\Users\one")
    alike = tuple(replace(each, profile=one) for each in people.persons if each.user.sid != BOB)
    found = settle(replace(people, persons=alike), plain_windows({}, {ROB: "eve"}), None)
    assert {str(each.profile) for each in found.persons} == {
        r"C:\Users\one",
        r"C:\Users\one.CONTOSO",
    }


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (r"C:\Documents and Settings\Default User", r"C:\Documents and Settings\bob"),
        (r"D:\People\Default", r"D:\People\bob"),
    ],
)
def test_a_new_profile_lies_where_the_target_keeps_them(default: str, expected: str) -> None:
    bob = settled(plain_windows({}, {ROB: "bob"}, version="5.1", default=default)).by_sid[BOB]
    assert str(bob.profile) == expected


def test_a_profile_that_the_old_machine_had_elsewhere_stays_there() -> None:
    own = {**row(BOB, "bob", "DESK", "bob"), "profile": r"D:\Own\bob"}
    header = {**HEADER, "users": [own]}
    people = settle(map_users(header, UserWords()), plain_windows({}, {ROB: "bob"}), None)
    assert str(people.by_sid[BOB].profile) == r"D:\Own\bob"


def test_two_users_who_would_be_one_are_refused() -> None:
    install = plain_windows({ROB: r"NEW-PC\robert|C:\Users\robert"}, {ROB: "robert"})
    with pytest.raises(UsageError, match="share"):
        settled(install, words=names("bob:robert", "eve:ROBERT"))


def test_that_a_sid_is_not_known_is_said_no_more_where_the_target_tells_it() -> None:
    words = names("bob:robert")
    assert any("is not known" in note for note in map_users(HEADER, words).notes)
    known = plain_windows({ROB: r"NEW-PC\robert|C:\Users\robert"}, {ROB: "robert"})
    assert settled(known, words=words).notes == ()
