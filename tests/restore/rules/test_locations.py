"""Where an object goes: rules that move, profiles renamed, drives that the target lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extractor.model import Instruction, Metadata, ObjectKind, OutcomeKind, Record, Times, WinPath
from extractor.restore.people.users import map_users
from extractor.restore.people.words import Renaming, UserWords, parse_mu
from extractor.restore.rules.asked import Asked, not_done
from extractor.restore.rules.locations import FLATTENED, Locations, Placed
from tests.restore.people.test_users import BOB, HEADER

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


# --- variables with remap -------------------------------------------------------------------------

DOCUMENTS = r"C:\Users\bob\Documents"
AT_TARGET = WinPath("C:", ("Shares", "rob"))


def remap(text: str, scope: str = BOB, line: int = 5) -> Instruction:
    return Instruction("remap", text, scope, source=f"r.xml:{line}")


@pytest.mark.parametrize(
    ("text", "destination", "path", "goes"),
    [
        (f"DOCS={DOCUMENTS}", AT_TARGET, rf"{DOCUMENTS}\a.txt", r"C:\Shares\rob\a.txt"),
        (f"docs={DOCUMENTS}", AT_TARGET, r"C:\USERS\BOB\DOCUMENTS\In\a.txt", r"C:\Shares\rob\In\a.txt"),
        (f"DOCS={DOCUMENTS}", AT_TARGET, r"C:\Users\bob\a.txt", r"C:\Users\rob\a.txt"),
        (f"DOCS={DOCUMENTS}", None, rf"{DOCUMENTS}\a.txt", r"C:\Users\rob\Documents\a.txt"),
        (f"DOCS={DOCUMENTS}", WinPath("D:", ("X",)), rf"{DOCUMENTS}\a.txt", r"C:\Users\rob\Documents\a.txt"),
        (r"DOCS=D:\Work", AT_TARGET, r"D:\Work\a.txt", r"C:\Shares\rob\a.txt"),
        (rf"DOCS={DOCUMENTS}\..\..", AT_TARGET, rf"{DOCUMENTS}\a.txt", r"C:\Users\rob\Documents\a.txt"),
        (r"DOCS=C:\ ", AT_TARGET, rf"{DOCUMENTS}\a.txt", r"C:\Users\rob\Documents\a.txt"),
        (r"DOCS=HKCU\Software\A", WinPath("HKU", (BOB, "Software", "B")), rf"HKU\{BOB}\Software\A\[v]",
         rf"HKU\{BOB}\Software\B\[v]"),
        (r"DOCS=HKCU\Software\A", AT_TARGET, rf"HKU\{BOB}\Software\A\[v]", rf"HKU\{BOB}\Software\A\[v]"),
    ],
)  # fmt: skip
def test_what_lies_below_a_remapped_variable_goes_to_its_value_at_the_target(
    text: str, destination: WinPath | None, path: str, goes: str
) -> None:
    known = {(BOB, "DOCS"): destination} if destination else {}
    asked = Asked([remap(text)])
    locations = Locations(PEOPLE, asked, destination=known)
    kind = ObjectKind.VALUE if path.endswith("]") else ObjectKind.FILE
    placed = locations.of(record(path, kind))
    assert str(placed.path) == goes
    assert ("remap DOCS" in placed.why) == ("Shares" in goes or r"Software\B" in goes)


def test_a_variable_of_one_user_moves_nothing_of_another_and_the_longest_value_decides() -> None:
    inner = WinPath("C:", ("Inner",))
    known = {(BOB, "DOCS"): AT_TARGET, (BOB, "IN"): inner}
    asked = Asked([remap(f"DOCS={DOCUMENTS}"), remap(rf"IN={DOCUMENTS}\In")])
    locations = Locations(PEOPLE, asked, destination=known)
    assert str(locations.of(record(rf"{DOCUMENTS}\In\a")).path) == r"C:\Inner\a"
    others = locations.of(record(rf"{DOCUMENTS}\a", user="S-1-5-9"))
    assert str(others.path) == r"C:\Users\rob\Documents\a"


def test_a_link_into_a_remapped_folder_leads_where_it_is_now() -> None:
    asked = Asked([remap(f"DOCS={DOCUMENTS}")])
    locations = Locations(PEOPLE, asked, destination={(BOB, "DOCS"): AT_TARGET})
    for path, goes in (
        (rf"{DOCUMENTS}\x", r"C:\Shares\rob\x"),
        (r"C:\Users\bob\x", r"C:\Users\rob\x"),
    ):
        assert str(locations.renamed(WinPath.parse(path))) == goes


def test_a_variable_that_nobody_tells_of_is_said_unless_it_follows_the_profile() -> None:
    rows = [remap(r"OUT=C:\Out"), remap(f"DOCS={DOCUMENTS}"), remap(r"KNOWN=C:\K")]
    asked = Asked(rows)
    locations = Locations(PEOPLE, asked, destination={(BOB, "KNOWN"): AT_TARGET})
    assert locations.settled == [rows[1], rows[2]]
    [note] = not_done(asked, locations.settled)
    assert note.startswith("1 x a variable with remap")


# --- second places --------------------------------------------------------------------------------


def by(component: str, call: str, pattern: str = r"C:\Data\* [*]", *, line: int = 1) -> Instruction:
    found = move(call, pattern, line=line)
    return Instruction(found.kind, found.text, "", f"u/{component}/data", found.source, found.patterns)  # fmt: skip


def include(component: str, pattern: str = r"C:\Data\* [*]", line: int = 9) -> Instruction:
    place = (("File", pattern),)
    return Instruction("include", "", "", f"u/{component}/settings", f"r.xml:{line}", place)


MOVED, FAR = r"C:\New\a.txt", r"C:\Far\a.txt"
HERE = r"C:\Data\a.txt"
TO_NEW, TO_FAR = r"ExactMove('C:\New')", r"ExactMove('C:\Far')"


@pytest.mark.parametrize(
    ("said", "goes"),
    [
        ((by("a", TO_NEW),), [MOVED]),
        ((include("a"), by("a", TO_NEW)), [MOVED]),
        ((include("a"), by("b", TO_NEW)), [HERE, MOVED]),
        ((include("a"), by("a", TO_FAR), by("b", TO_NEW)), [FAR, MOVED]),
        ((include("a"), by("b", TO_NEW), by("b", TO_FAR, r"C:\Data\ [a.txt]")), [HERE, FAR]),
        ((include("a"), by("b", TO_NEW), by("c", TO_FAR, line=2)), [HERE, MOVED, FAR]),
        ((include("a"), by("b", r"ExactMove('C:\Data')")), [HERE]),
        ((include("a", line=8), by("b", TO_NEW)), [HERE, MOVED]),
        ((include("a", line=8), include("b"), by("b", TO_NEW)), [MOVED]),
        ((include("a", r"C:\Other\* [*]"), by("b", TO_NEW)), [MOVED]),
    ],
)
def test_a_move_of_another_component_than_the_includes_gives_a_second_place(
    said: tuple[Instruction, ...], goes: list[str]
) -> None:
    locations = Locations(PEOPLE, Asked(said))
    found = replace(record(HERE), rule="r.xml:9")
    assert [str(each.path) for each in locations.all_of(found)] == goes
    assert str(locations.of(found).path) == goes[0]


def test_a_folder_has_no_second_place_where_it_would_be_flattened() -> None:
    locations = Locations(PEOPLE, Asked((include("a"), by("b", TO_NEW))))
    folder = replace(record(r"C:\Data\in", ObjectKind.DIRECTORY), rule="r.xml:9")
    assert [str(each.path) for each in locations.all_of(folder)] == [r"C:\Data\in"]
