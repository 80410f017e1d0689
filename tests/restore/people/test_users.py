"""Who each user of a store is at the target; what cannot be is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extractor.errors import CorruptStoreError, UsageError
from extractor.model import Instruction, WinPath
from extractor.restore.people.users import People, Person, map_users
from extractor.restore.people.words import UserWords, of_config, parse_md, parse_mu, read_user_map

MACHINE = "S-1-5-21-1-2-3"
BOB, EVE, ANNA = f"{MACHINE}-1001", f"{MACHINE}-1002", "S-1-5-21-9-9-9-1105"


def row(sid: str, name: str, domain: str, folder: str, *, selected: bool = True) -> dict[str, Any]:
    profile = f"C:\\Users\\{folder}"
    told = {"sid": sid, "name": name, "domain": domain, "profile": profile, "state": "ok"}
    return {**told, "selected": selected}


HEADER = {
    "windows": {"computer": "DESK"},
    "machine_sid": MACHINE,
    "users": [
        row(BOB, "bob", "DESK", "bob"),
        row(EVE, "eve", "DESK", "eve"),
        row(ANNA, "anna", "CONTOSO", "anna.CONTOSO"),
        row(f"{MACHINE}-1003", "gone", "DESK", "gone", selected=False),
    ],
}


def mapped(words: UserWords) -> People:
    return map_users(HEADER, words)


def person(people: People, sid: str) -> Person:
    return people.by_sid[sid]


def words(*, mu: tuple[str, ...] = (), md: tuple[str, ...] = (), **more: Any) -> UserWords:
    return UserWords(tuple(map(parse_mu, mu)), tuple(map(parse_md, md)), **more)


def test_without_a_word_everybody_stays_and_those_left_at_home_are_not_there() -> None:
    people = mapped(UserWords())
    assert [each.account for each in people.persons] == ["DESK\\bob", "DESK\\eve", "CONTOSO\\anna"]
    assert people.sids == {}
    assert people.notes == ()


@pytest.mark.parametrize(
    ("word", "sid", "account", "profile"),
    [
        (r"bob:NEW\robert", BOB, r"NEW\robert", r"C:\Users\robert"),
        (r"DESK\bob:robert", BOB, r"DESK\robert", r"C:\Users\robert"),
        (r".\BOB:robert", BOB, r"DESK\robert", r"C:\Users\robert"),
        (r"%computername%\bob:robert", BOB, r"DESK\robert", r"C:\Users\robert"),
        (r"contoso\anna:fabrikam\anna", ANNA, r"fabrikam\anna", r"C:\Users\anna.CONTOSO"),
        (rf"{EVE}:ADAM", EVE, r"DESK\ADAM", r"C:\Users\ADAM"),
    ],
)
def test_mu_renames_a_user_and_the_profile_folder_follows(
    word: str, sid: str, account: str, profile: str
) -> None:
    found = person(mapped(words(mu=(word,))), sid)
    assert (found.account, str(found.profile), found.how) == (account, profile, f"/mu:{word}")


def test_a_bare_name_of_mu_means_a_local_user_only() -> None:
    people = mapped(words(mu=("anna:ann",)))
    assert person(people, ANNA).name == "anna"
    assert people.notes == ("/mu:anna:ann: the store has no user anna",)


def test_of_several_md_the_first_that_fits_decides_and_mu_beats_them() -> None:
    people = mapped(words(mu=(r"DESK\eve:HOME\eve",), md=("CON*:ONE", "*:TWO")))
    domains = [each.domain for each in people.persons]
    assert domains == ["TWO", "HOME", "ONE"]


def test_an_old_domain_that_nobody_has_is_named_and_nothing_else() -> None:
    people = mapped(words(md=("FABRIKAM:NEW",)))
    assert [each.domain for each in people.persons] == ["DESK", "DESK", "CONTOSO"]
    assert people.notes == ("/md:FABRIKAM:NEW: the store has no user of FABRIKAM",)


def test_a_row_of_the_user_map_tells_sid_and_profile(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    sid = "S-1-5-21-7-7-7-1200"
    table.write_text(
        f"old,new,sid,profile\n# a comment\nbob, NEW\\robert, {sid}, D:\\Profiles\\rob\nanna,,{sid}9\n",
        "utf-8-sig",
    )
    people = mapped(UserWords(read_user_map(table)))
    bob, anna = person(people, BOB), person(people, ANNA)
    assert (bob.account, bob.sid, bob.profile) == ("NEW\\robert", sid, WinPath("D:", ("Profiles", "rob")))  # fmt: skip
    assert (anna.account, anna.sid) == ("CONTOSO\\anna", f"{sid}9")
    assert people.sids == {BOB: sid, ANNA: f"{sid}9"}
    assert people.notes == ()


def test_a_sid_that_nobody_told_is_named() -> None:
    [note] = mapped(words(mu=(r"bob:NEW\robert",))).notes
    assert "the SID of NEW\\robert is not known" in note


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (words(mu=("bob:eve",)), "share the profile folder"),
        (words(mu=(r"bob:NEW\anna.CONTOSO",)), "share the profile folder"),
        (words(enable_accounts=True), "/lae enables"),
    ],
)
def test_two_users_who_would_be_one_are_refused(given: UserWords, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mapped(given)


def test_two_users_may_not_share_a_sid(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(f"bob,rob,{EVE}\n")
    with pytest.raises(UsageError, match="share the SID"):
        mapped(UserWords(read_user_map(table)))


def test_one_who_is_left_out_is_in_nobodys_way() -> None:
    people = mapped(words(mu=("bob:eve",), exclude=("eve",)))
    assert people.left_out(EVE) == "/ue:eve"
    assert people.left_out(BOB) == ""
    assert people.left_out("") == ""


def test_lac_names_the_local_accounts_that_are_to_be_made() -> None:
    people = mapped(words(md=("DESK:HOME",), create_accounts=True, enable_accounts=True))
    assert people.accounts == ()
    assert mapped(words(create_accounts=True)).accounts == ("DESK\\bob", "DESK\\eve")


@pytest.mark.parametrize(
    "word", ["bob", "bob:", ":x", "b*b:x", "bob:a/b", "bob:..", "bob:a.", "bob:D\\", "bob:x\\..\\y"]
)
def test_a_word_that_names_nobody_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="/mu"):
        parse_mu(word)


@pytest.mark.parametrize("word", ["OLD", "OLD:", ":NEW", "OLD:a*b"])
def test_a_domain_that_cannot_be_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="/md"):
        parse_md(word)


@pytest.mark.parametrize(
    "text",
    ["bob\n", "bob,new,S-1-x\n", r"bob,new,,C:\Users\..\Windows", "bob,a,b,c,d\n", ",x\n", r"bob,n,,\Users\n"],
)  # fmt: skip
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, text: str) -> None:
    table = tmp_path / "map.csv"
    table.write_text(f"# first line\n{text}")
    with pytest.raises(UsageError, match=r"map\.csv:2: "):
        read_user_map(table)


def test_a_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_user_map(tmp_path / "none.csv")


def test_a_config_of_the_scan_renames_too() -> None:
    said = [
        Instruction("users", r'{"from": "DESK\\bob", "to": "NEW\\rob"}', source="c.xml:1"),
        Instruction("domains", '{"from": "CONTOSO", "to": "FABRIKAM"}', source="c.xml:2"),
        Instruction("merge", "x"),
        Instruction("users", r'{"from": "x", "to": "*"}', source="c.xml:3"),
        Instruction("domains", "[]", source="c.xml:4"),
        Instruction("domains", "no JSON", source="c.xml:5"),
    ]
    renamings, movings, notes = of_config(said)
    assert [note.partition(": ")[0] for note in notes] == ["c.xml:3", "c.xml:4", "c.xml:5"]
    people = mapped(UserWords(tuple(renamings), tuple(movings)))
    assert [each.account for each in people.persons] == ["NEW\\rob", "DESK\\eve", "FABRIKAM\\anna"]


def test_a_header_that_no_run_wrote_is_refused() -> None:
    with pytest.raises(CorruptStoreError):
        map_users({"users": [{"selected": True, "sid": 7}]}, UserWords())


@pytest.mark.parametrize(
    ("since", "more", "come"),
    [
        (150, {}, ["eve"]),
        (300, {}, []),
        (150, {"include": ("bob",)}, ["bob", "eve"]),
        (150, {"exclude": ("eve",)}, ["eve"]),
    ],
)
def test_uel_leaves_out_who_did_not_log_on_since(
    since: int, more: dict[str, Any], come: list[str]
) -> None:
    rows = [
        {**row(BOB, "bob", "DESK", "bob"), "last_used": {"NTUSER.DAT": 100, "odd": "x"}},
        {**row(EVE, "eve", "DESK", "eve"), "last_used": {"NTUSER.DAT": 100, "UsrClass.dat": 200}},
    ]
    said = UserWords(last_used="30", since=since, **more)
    people = map_users({**HEADER, "users": rows}, said)
    assert [each.name for each in people.persons if not each.left_out] == come
    assert all(each.left_out in {"", "/uel:30"} for each in people.persons)
