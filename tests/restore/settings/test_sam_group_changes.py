"""What a changeGroup asks: for whom, into which group, out of which; and what is none is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import Instruction
from extractor.restore.people.users import People, map_users
from extractor.restore.people.words import UserWords
from extractor.restore.settings.group_changes import GroupChange, group_changes
from tests.restore.people.test_users import ANNA, BOB, EVE, HEADER, MACHINE, words

FRIEND = "S-1-5-21-9-9-9-1200"
"""A domain user without a profile, a member of Administrators."""
ENTRA = "S-1-12-1-1-2-3-4"


def group(rid: int, name: str, *members: tuple[str, str]) -> dict[str, Any]:
    told = [{"sid": sid, "name": shown} for sid, shown in members]
    return {"sid": f"S-1-5-32-{rid}", "name": name, "comment": "", "members": told}


GROUPS = [
    group(544, "Administratoren", (BOB, r"DESK\bob"), (FRIEND, r"CONTOSO\friend")),
    group(545, "Benutzer", ("S-1-5-4", r"NT AUTHORITY\INTERACTIVE"), (BOB, r"DESK\bob"),
          (ANNA, r"CONTOSO\anna"), (f"{MACHINE}-1003", r"DESK\gone"), (ENTRA, ENTRA)),
]  # fmt: skip
STORE = {**HEADER, "groups": GROUPS}


def ask(
    source: str, target: str, applies: str = "MigratedUsers", *, line: int = 1, **more: Any
) -> Instruction:
    said = {"from": source, "to": target, "appliesTo": applies, "include": ["*"], "exclude": []}
    text = json.dumps({**said, **more})
    return Instruction("localGroups", text, source=f"config.xml:{line}")


def asked(*instructions: Instruction, people: People | None = None) -> list[tuple[str, str, bool]]:
    changes, notes = group_changes(instructions, people or map_users(STORE, UserWords()), STORE)
    assert notes == ()
    return [(each.sid, each.group, each.add) for each in changes]


def added(*instructions: Instruction) -> list[str]:
    return [sid for sid, _, add in asked(*instructions) if add]


@pytest.mark.parametrize(
    ("applies", "sids"),
    [
        ("MigratedUsers", [BOB, EVE, ANNA]),
        ("NonmigratedUsers", [FRIEND, ENTRA]),
        ("AllUsers", [BOB, EVE, ANNA, FRIEND, ENTRA]),
    ],
)
def test_applies_to_says_whose_groups_change(applies: str, sids: list[str]) -> None:
    assert asked(ask("*", "Users", applies)) == [(sid, "Users", True) for sid in sids]


@pytest.mark.parametrize(
    "source", ["Administratoren", "ADMINISTRATOREN", "Administrators", "S-1-5-32-544"]
)
def test_who_was_in_the_group_is_moved_to_another(source: str) -> None:
    assert asked(ask(source, "Power Users")) == [
        (BOB, "Power Users", True), (BOB, source, False),
    ]  # fmt: skip


def test_from_a_group_to_itself_only_brings_in() -> None:
    assert asked(ask("Benutzer", "Benutzer")) == [(BOB, "Benutzer", True), (ANNA, "Benutzer", True)]


def test_a_group_that_somebody_is_moved_out_of_and_into_keeps_them() -> None:
    one, two = ask("Administrators", "Users"), ask("*", "administrators", line=2)
    found = asked(one, two)
    assert (BOB, "administrators", True) in found
    assert not [each for each in found if not each[2]]


def test_every_change_group_that_fits_is_followed_and_each_change_is_told_once() -> None:
    wide, narrow = ask("*", "Users", line=10), ask("Administrators", "Administrators", line=9)
    changes, _ = group_changes([wide, narrow, wide], map_users(STORE, UserWords()), STORE)
    assert [each for each in changes if each.sid == BOB] == [
        GroupChange(BOB, "Administrators", add=True, why="config.xml:9"),
        GroupChange(BOB, "Users", add=True, why="config.xml:10"),
    ]
    assert len(changes) == 4


@pytest.mark.parametrize(
    ("include", "exclude", "sids"),
    [
        ([r"DESK\*"], [], [BOB, EVE]),
        ([r"desk\bob"], [], [BOB]),
        ([r"%computername%\*"], [r"*\EVE"], [BOB]),
        (["bob"], [], [BOB]),
        (["anna"], [], []),
        ([r"CONTOSO\*", "eve"], [], [EVE, ANNA]),
        ([], [r"CONTOSO\*"], [BOB, EVE]),
        (["*"], ["*"], []),
        ([ANNA], [], [ANNA]),
    ],
)
def test_patterns_say_who_and_who_not(
    include: list[str], exclude: list[str], sids: list[str]
) -> None:
    assert added(ask("*", "Users", include=include, exclude=exclude)) == sids


def test_an_account_has_the_sid_that_it_has_at_the_target() -> None:
    people = map_users(STORE, UserWords())
    new = "S-1-5-21-4-4-4-1002"
    persons = tuple(
        replace(each, sid=new) if each.user.sid == BOB else each for each in people.persons
    )
    found = asked(ask("Administrators", "Users"), people=replace(people, persons=persons))
    assert found == [(new, "Users", True), (new, "Administrators", False)]


def test_one_who_is_left_out_does_not_migrate() -> None:
    people = map_users(STORE, words(exclude=(r"CONTOSO\anna",)))
    assert [sid for sid, _, _ in asked(ask("*", "Users"), people=people)] == [BOB, EVE]
    others = asked(ask("*", "Users", "NonmigratedUsers"), people=people)
    assert [sid for sid, _, _ in others] == [ANNA, FRIEND, ENTRA]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "{" * 3, "[" * 100_000,
        '{"from": "*", "to": "Users", "appliesTo": "cats", "include": ["*"], "exclude": []}',
        '{"from": "*", "to": "Users", "appliesTo": "AllUsers", "include": [], "exclude": []}',
        '{"from": "*", "to": 5, "appliesTo": "AllUsers", "include": ["*"], "exclude": []}',
        '{"from": "*", "to": "Users", "appliesTo": "AllUsers", "include": [7], "exclude": []}',
        '{"from": "*", "to": "Users", "appliesTo": "AllUsers", "include": 7, "exclude": []}',
        '{"from": "*", "to": "Users", "appliesTo": ["AllUsers"], "include": ["*"], "exclude": []}',
    ],
    ids=range(12),
)  # fmt: skip
def test_a_change_group_that_no_run_wrote_is_named(text: str) -> None:
    bad = Instruction("localGroups", text, source="config.xml:7")
    changes, notes = group_changes([bad], map_users(STORE, UserWords()), STORE)
    assert (changes, notes) == ((), ("config.xml:7: no change of groups of ProfileControl",))


def test_other_instructions_are_not_looked_at() -> None:
    other = Instruction("domains", "{", source="config.xml:7")
    assert group_changes([other], map_users(STORE, UserWords()), STORE) == ((), ())


LEAF = st.none() | st.integers() | st.text(max_size=5)
PLAIN = st.recursive(LEAF, lambda below: st.lists(below, max_size=3) | st.dictionaries(
    st.sampled_from(["sid", "name", "domain", "members"]), below, max_size=4), max_leaves=12)  # fmt: skip


@given(PLAIN, PLAIN, PLAIN)
def test_a_header_that_no_run_wrote_never_raises(users: Any, groups: Any, machine: Any) -> None:
    header = {"users": users, "groups": groups, "machine_sid": machine}
    changes, _ = group_changes([ask("*", "Users", "AllUsers")], People(()), header)
    assert all(each.sid.startswith("S-1-") for each in changes)
