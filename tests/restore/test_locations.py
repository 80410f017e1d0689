"""Where an object goes: rules that move, profiles renamed, drives that the target lacks."""

from __future__ import annotations

import pytest

from extractor.model import Instruction, Metadata, ObjectKind, OutcomeKind, Record, Times, WinPath
from extractor.restore.asked import Asked
from extractor.restore.locations import FLATTENED, Locations, Placed
from extractor.restore.users import map_users
from extractor.restore.words import Renaming, UserWords, parse_mu
from tests.restore.test_users import BOB, HEADER

PEOPLE = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))


def record(path: str, kind: ObjectKind = ObjectKind.FILE, user: str = BOB) -> Record:
    drive, _, rest = path.partition("\\")
    parts = tuple(rest.split("\\"))
    folder = Metadata(0x10, Times()) if kind is ObjectKind.DIRECTORY else None
    return Record(kind, WinPath(drive, parts), "v", user, OutcomeKind.STORED, metadata=folder)


def move(call: str, *patterns: str, kind: str = "File", scope: str = "", line: int = 1) -> Instruction:  # fmt: skip
    found = tuple((kind, each) for each in patterns)
    return Instruction("locationModify", f"MigXmlHelper.{call}", scope, "c", f"r.xml:{line}", found)


def place(path: str, *said: Instruction, kind: ObjectKind = ObjectKind.FILE) -> Placed:
    documents = {BOB: [WinPath("C:", ("Users", "bob", "Documents"))]}
    drives = {"E:": WinPath("C:", ("Old", "E"))}
    locations = Locations(PEOPLE, Asked(said), drives, folders=documents)
    return locations.of(record(path, kind))


@pytest.mark.parametrize(
    ("path", "goes", "why"),
    [
        (r"C:\Users\bob\a.txt", r"C:\Users\rob\a.txt", "/mu:bob:rob"),
        (r"C:\USERS\BOB\a.txt", r"C:\Users\rob\a.txt", "/mu:bob:rob"),
        (r"C:\Users\bobby\a.txt", r"C:\Users\bobby\a.txt", ""),
        (r"C:\Users\eve\a.txt", r"C:\Users\eve\a.txt", ""),
        (r"D:\Data\a.txt", r"C:\Data\a.txt", "the target has no drive D:"),
        (r"E:\Data\a.txt", r"C:\Old\E\Data\a.txt", "drive E:"),
        (rf"HKU\{BOB}\Software\X\[v]", rf"HKU\{BOB}\Software\X\[v]", ""),
        (r"HKLM\SOFTWARE\X\[v]", r"HKLM\SOFTWARE\X\[v]", ""),
    ],
)
def test_profiles_and_drives_are_those_of_the_target(path: str, goes: str, why: str) -> None:
    assert place(path) == Placed(WinPath(*_split(goes)), why)


@pytest.mark.parametrize(
    ("call", "pattern", "path", "goes"),
    [
        (r"RelativeMove('C:\Data','C:\New')", r"C:\Data\* [*]", r"C:\Data\a\b.txt", r"C:\New\a\b.txt"),
        (r"RelativeMove('C:\Other','C:\New')", r"C:\Data\* [*]", r"C:\Data\a\b.txt", r"C:\Data\a\b.txt"),
        (r"RelativeMove('C:\Data','C:\Users\bob\D')", r"C:\Data\* [*]", r"C:\Data\b.txt", r"C:\Users\rob\D\b.txt"),
        (r"ExactMove('C:\New')", r"C:\Data\* [*]", r"C:\Data\a\b.txt", r"C:\New\b.txt"),
        (r"ExactMove('C:\New [one.txt]')", r"C:\Data [b.txt]", r"C:\Data\b.txt", r"C:\New\one.txt"),
        (r"Move('C:\New')", r"C:\Users\* [*]", r"C:\Users\bob\Documents\a\b.txt", r"C:\New\a\b.txt"),
        (r"Move('C:\New')", r"C:\Data\* [*]", r"C:\Data\a\b.txt", r"C:\New\Data\a\b.txt"),
        (r"RelativeMove('C:\Data','C:\..\New')", r"C:\Data\* [*]", r"C:\Data\b.txt", r"C:\Data\b.txt"),
        (r"RelativeMove('C:\Data','C:\')", r"C:\Data\* [*]", r"C:\Data\a\b.txt", r"C:\a\b.txt"),
        (r"RelativeMove('C:\','C:\Old')", r"C:\Data\* [*]", r"C:\Data\b.txt", r"C:\Old\Data\b.txt"),
        (r"RelativeMove('C:\Data','\New')", r"C:\Data\* [*]", r"C:\Data\b.txt", r"C:\Data\b.txt"),
        ("Nonsense('x')", r"C:\Data\* [*]", r"C:\Data\b.txt", r"C:\Data\b.txt"),
    ],
)  # fmt: skip
def test_a_rule_moves_what_its_pattern_takes(call: str, pattern: str, path: str, goes: str) -> None:
    found = place(path, move(call, pattern, scope=BOB))
    assert found.path == WinPath(*_split(goes))
    assert ("locationModify" in found.why) == (goes != path)


def test_a_user_with_another_sid_has_another_root_of_the_registry() -> None:
    people = map_users(HEADER, UserWords((Renaming("bob", None, "", "map.csv:1", sid="S-1-5-99"),)))
    found = Locations(people).of(record(rf"HKU\{BOB}\Software\[v]", ObjectKind.VALUE))
    assert str(found.path) == r"HKU\S-1-5-99\Software\[v]"


def test_a_key_of_a_user_moves_below_the_users_root() -> None:
    call = r"RelativeMove('HKCU\Software\A','HKCU\Software\B')"
    said = move(call, r"HKCU\Software\A\* [*]", kind="Registry", scope=BOB)
    value = place(rf"HKU\{BOB}\Software\A\x\[v]", said, kind=ObjectKind.VALUE)
    assert str(value.path) == rf"HKU\{BOB}\Software\B\x\[v]"
    key = place(rf"HKU\{BOB}\Software\A\x", said, kind=ObjectKind.KEY)
    assert str(key.path) == rf"HKU\{BOB}\Software\B\x"


def test_a_folder_that_is_flattened_goes_nowhere() -> None:
    said = move(r"ExactMove('C:\New')", r"C:\Data\* [*]")
    found = place(r"C:\Data\a", said, kind=ObjectKind.DIRECTORY)
    assert found.skip == FLATTENED


def test_the_narrowest_pattern_decides_whatever_stands_first() -> None:
    wide = move(r"ExactMove('C:\Wide')", r"C:\Data\* [*]", line=1)
    narrow = move(r"ExactMove('C:\Narrow')", r"C:\Data\* [*.txt]", line=2)
    for order in ((wide, narrow), (narrow, wide)):
        assert str(place(r"C:\Data\b.txt", *order).path) == r"C:\Narrow\b.txt"
        assert str(place(r"C:\Data\b.doc", *order).path) == r"C:\Wide\b.doc"


def test_a_move_that_makes_no_sense_is_named_once() -> None:
    asked = Asked(
        [move(r"RelativeMove('C:\Data','\New')", r"C:\Data\* [*]"), move("Odd()", r"C:\X\* [*]")]
    )
    locations = Locations(PEOPLE, asked)
    for path in (r"C:\Data\a", r"C:\Data\b", r"C:\X\a", r"C:\X\b"):
        assert str(locations.of(record(path)).path) == path
    assert len(asked.notes) == 2


def test_what_cannot_be_used_is_named() -> None:
    asked = Asked(
        [
            move("ExactMove('C:\\New')", "C:\\Data [x"),
            Instruction("merge", "no call", source="r.xml:9"),
            move("ExactMove('x')", r"HKCU\Software [v]", kind="Registry"),
            Instruction("merge", "", source="r.xml:10", patterns=(("Odd", "x"),)),
        ]
    )
    sources = [note.partition(": ")[0] for note in asked.notes]
    assert sources == ["r.xml:1", "r.xml:9", "r.xml:1", "r.xml:10"]


def _split(path: str) -> tuple[str, tuple[str, ...]]:
    drive, _, rest = path.partition("\\")
    return drive, tuple(rest.split("\\"))
