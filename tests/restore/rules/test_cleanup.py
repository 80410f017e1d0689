r"""What a clean-up takes away at the target: files, trees, keys, values; what its filter says, and what it cannot."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from extractor.model import Instruction, WinPath
from extractor.registry import Registry
from extractor.restore.people.users import map_users
from extractor.restore.people.words import Renaming, UserWords, parse_mu
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.cleanup import (
    ini_removals,
    registry_removals,
    removals,
    undone_filters,
)
from extractor.restore.rules.cleanup_reach import UNANSWERED
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.shortcuts import target_of
from extractor.restore.view import View
from extractor.seams import Hive
from extractor.store.tree import Tree, open_tree
from extractor.testing import FakeHive
from tests.restore.people.test_users import BOB, EVE, HEADER

NEW = "S-1-5-21-7-7-7-1001"
PEOPLE = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))


def clean(filter_: str, *patterns: str, kind: str = "File", scope: str = "") -> Instruction:
    text = f"MigXmlHelper.{filter_}" if filter_ else ""
    found = tuple((kind, each) for each in patterns)
    return Instruction("destinationCleanup", text, scope, "u/c/data", "r.xml:1", found)


def shortcut(target: str, *, wide: bool = False, network: bool = False) -> bytes:
    """Return a .lnk as [MS-SHLLINK] lays it out: header, an ID list, LinkInfo."""
    ids = b"\x02\x00\x00\x00"
    header = 0x24 if wide else 0x1C
    base = target.encode("cp1252") + b"\0"
    at = header
    unicode_at = at + len(base) + 1
    info = struct.pack("<6I", header, 0 if network else 1, 0, at, 0, at + len(base) - 1)
    if wide:
        info += struct.pack("<2I", unicode_at, unicode_at + 2 * len(target))
        base = b"?\0".ljust(len(base), b"\0")
    body = info + base + b"\0" + (target.encode("utf-16-le") + b"\0\0" if wide else b"")
    link_info = struct.pack("<I", len(body) + 4) + body
    identity = bytes.fromhex("0114020000000000c000000000000046")
    return struct.pack("<I16sI", 0x4C, identity, 3).ljust(0x4C, b"\0") + ids + link_info


def cleaned(
    target: Path, files: Mapping[str, bytes], *asked: Instruction, drives: Sequence[str] = ()
) -> tuple[set[str], list[str]]:
    """Return what goes of a target, and the notes."""
    for name, content in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    said = Asked(asked)
    with open_tree(target) as tree:
        roots = {each: WinPath("C:", ("Old", each[0])) for each in drives}
        locations = Locations(PEOPLE, said, roots)
        found = {"/".join(each.place) for each in removals(View(tree), locations, said, tree)}
    return found, [*undone_filters(said), *said.notes]


FILES = {
    "Data/small.txt": b"s",
    "Data/big.txt": b"b" * 4096,
    "Data/in/deep.txt": b"d",
    "Data/alive.lnk": shortcut(r"C:\Data\small.txt"),
    "Data/dead.lnk": shortcut(r"C:\Data\gone.txt", wide=True),
    "Data/far.lnk": shortcut(r"\\server\x", network=True),
    "Data/odd.lnk": b"no shortcut",
    "Users/rob/Old/x.txt": b"x",
    "Old/E/Stuff/e.txt": b"e",
}
ALL = r"C:\Data\* [*]"
ALL_FILES = {each for each in FILES if each.startswith("Data/")}
DOUBT = [f"r.xml:1: destinationCleanup MigXmlHelper.{{}}: {UNANSWERED}"]


@pytest.mark.parametrize(
    ("filter_", "pattern", "goes", "said"),
    [
        ("", ALL, {"Data"}, []),
        ("", r"C:\Data\ [*.txt]", {"Data/small.txt", "Data/big.txt"}, []),
        ("", r"C:\Data", set(), []),
        ("", r"C:\Users\bob\Old\* [*]", {"Users/rob/Old"}, []),
        ("", r"C:\Users\rob\Old\* [*]", set(), []),
        ("", r"E:\Stuff\* [*]", {"Old/E/Stuff"}, []),
        ("AnswerNo()", ALL, set(), []),
        ("NeverRestore()", ALL, set(), []),
        ("FileProperties('filesize','gt','1KB')", ALL, {"Data/big.txt"}, []),
        ("FileProperties('filesize','lte','1KB')", r"C:\Data\* [*.txt]", {"Data/small.txt", "Data/in/deep.txt"}, []),
        ("FileProperties('dateModified','gt','2001/01/01')", r"C:\Data [small.txt]", {"Data/small.txt"}, []),
        ("FileProperties('dateCreated','gt','2001/01/01')", r"C:\Data [small.txt]", set(), DOUBT),
        ("CompareStringContent('x','Equal')", ALL, set(), []),
        ("CompareStringContent('x')", ALL, set(), DOUBT),
        ("IgnoreIrrelevantLinks()", ALL, ALL_FILES - {"Data/dead.lnk", "Data/far.lnk", "Data/odd.lnk"}, DOUBT),
        ("SameRegContent()", ALL, set(), ["destinationCleanup MigXmlHelper.SameRegContent(): USMT names this filter"]),
        ("Unheard()", ALL, set(), ["is no filter that is known"]),
        ("FileProperties('colour','eq','red')", ALL, set(), ["the property or the operator is not known"]),
    ],
)  # fmt: skip
def test_a_clean_up_takes_what_its_pattern_and_its_filter_take(
    filter_: str, pattern: str, goes: set[str], said: Sequence[str], tmp_path: Path
) -> None:
    found, notes = cleaned(tmp_path, FILES, clean(filter_, pattern), drives=("E:",))
    assert found == goes
    assert len(notes) == len(said)
    for note, words in zip(notes, said, strict=True):
        assert words.format(filter_).replace(" ", "") in note.replace(" ", "")


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (shortcut(r"C:\a\b.txt"), r"C:\a\b.txt"),
        (shortcut(r"C:\ä\b.txt", wide=True), r"C:\ä\b.txt"),
        (shortcut(r"C:\a\..\b"), None),
        (shortcut(r"C:\a", network=True), None),
        (shortcut(r"C:\a")[:90], None),
        (b"", None),
        (b"\x4c\0\0\0" * 40, None),
    ],
)
def test_a_shortcut_leads_where_its_local_path_says(content: bytes, target: str | None) -> None:
    found = target_of(content)
    assert (str(found) if found else None) == target


def test_a_profile_that_lies_elsewhere_now_is_cleaned_too(tmp_path: Path) -> None:
    moved = Renaming("bob", None, "rob", "map.csv:1", profile=WinPath("C:", ("People", "rob")))
    people = map_users(HEADER, UserWords((moved,)))
    (tmp_path / "People/rob/Old").mkdir(parents=True)
    asked = Asked([clean("", r"C:\Users\bob\Old\* [*]")])
    with open_tree(tmp_path) as tree:
        found = [each.place for each in removals(View(tree), Locations(people, asked), asked)]
    assert found == [("People", "rob", "Old")]


def test_nothing_of_a_user_who_does_not_come_is_taken_away(tmp_path: Path) -> None:
    people = map_users(HEADER, UserWords(exclude=("bob",)))
    (tmp_path / "Users/bob/Old").mkdir(parents=True)
    for scope, goes in ((BOB, 0), (EVE, 1)):
        asked = Asked([clean("", r"C:\Users\bob\Old\* [*]", scope=scope)])
        with open_tree(tmp_path) as tree:
            assert len(list(removals(View(tree), Locations(people, asked), asked))) == goes


def test_a_drive_that_is_a_volume_of_its_own_is_cleaned_under_its_letter(tmp_path: Path) -> None:
    for name in ("c/Stuff", "d/Stuff", "d/App"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "d/App/a.ini").write_bytes(b"[s]\nk=1\n")
    rows = [clean("", r"D:\Stuff\* [*]"), clean("", r"D:\App\a.ini|s[k]", kind="Ini")]
    asked = Asked(rows)
    flags = os.O_RDONLY | os.O_DIRECTORY
    roots = {"D:": os.open(tmp_path / "d", flags)}
    with Tree(os.open(tmp_path / "c", flags), roots) as tree:
        drives = {"D:": WinPath("D:")}
        locations = Locations(PEOPLE, asked, drives)
        found = [each.place for each in removals(View(tree), locations, asked, tree)]
        keys = [each.place for each in ini_removals(View(tree), tree, locations, asked)]
    assert found == [("D:", "Stuff")]
    assert keys == [("D:", "App", "a.ini")]


def test_bytes_of_any_kind_are_no_shortcut_that_breaks() -> None:
    whole = shortcut(r"C:\a\b.txt", wide=True)
    for at in range(len(whole)):
        for byte in (0, 0x7F, 0xFF):
            target_of(whole[:at] + bytes([byte]) + whole[at + 1 :])
        target_of(whole[:at])


# --- the registry ---------------------------------------------------------------------------------


def registry() -> Registry:
    software = FakeHive(
        {r"App": {"keep": "1", "drop": "old"}, r"App\Sub": {"v": "x"}, r"Other": {"v": "y"}}
    )
    people = FakeHive({r"Software\App": {"a": "1"}, r"Software\App\Deep": {"b": "2"}})
    classes = FakeHive({r".txt": {"": "text"}})
    system = FakeHive(
        {"Select": {"Current": 1}, r"ControlSet001\Services\Old": {"Start": 4}},
    )
    hives: dict[str, Hive] = {
        "HKLM\\SOFTWARE": software,
        "HKLM\\SYSTEM": system,
        f"HKU\\{NEW}": people,
        f"HKU\\{NEW}_CLASSES": classes,
    }
    return Registry({name: partial(hives.get, name) for name in hives})


REGISTRY_CASES = [
    ("", r"HKLM\SOFTWARE\App\* [*]", "", {r"HKLM\SOFTWARE\App"}),
    ("", r"HKLM\SOFTWARE\App [drop]", "", {r"HKLM\SOFTWARE\App\[drop]"}),
    ("", r"HKLM\SOFTWARE\App [*]", "", {r"HKLM\SOFTWARE\App\[keep]", r"HKLM\SOFTWARE\App\[drop]"}),
    ("", r"HKLM\SOFTWARE\*\Sub [v]", "", {r"HKLM\SOFTWARE\App\Sub\[v]"}),
    ("", r"HKLM\SOFTWARE\App", "", set()),
    ("", r"HKLM\SOFTWARE\* [*]", "", {r"HKLM\SOFTWARE\App", r"HKLM\SOFTWARE\Other"}),
    ("", r"HKLM\SYSTEM\CurrentControlSet\Services\Old\* [*]", "",
     {r"HKLM\SYSTEM\CurrentControlSet\Services\Old"}),
    ("", r"HKCU\Software\App\* [*]", BOB, {rf"HKU\{NEW}\Software\App"}),
    ("", rf"HKU\{BOB}\Software\App [a]", "", {rf"HKU\{NEW}\Software\App\[a]"}),
    ("", r"HKCR\.txt []", BOB, {rf"HKU\{NEW}\Software\Classes\.txt\[]"}),
    ("", r"HKCU\Software\Classes\* [*]", BOB, {rf"HKU\{NEW}\Software\Classes\.txt"}),
    ("CompareStringContent('OLD','Equal')", r"HKLM\SOFTWARE\App\* [*]", "", {r"HKLM\SOFTWARE\App\[drop]"}),
    ("CompareStringContent('old')", r"HKLM\SOFTWARE\App [*]", "", {r"HKLM\SOFTWARE\App\[keep]"}),
    ("NeverRestore()", r"HKLM\SOFTWARE\App\* [*]", "", set()),
    ("SameRegContent()", r"HKLM\SOFTWARE\App\* [*]", "", set()),
    ("FileProperties('filesize','gt','1')", r"HKLM\SOFTWARE\App [drop]", "", set()),
]  # fmt: skip


@pytest.mark.parametrize(("filter_", "pattern", "scope", "goes"), REGISTRY_CASES)
def test_a_clean_up_takes_keys_and_values_of_the_new_sid(
    filter_: str, pattern: str, scope: str, goes: set[str]
) -> None:
    people = map_users(HEADER, UserWords((Renaming("bob", None, "", "map.csv:1", sid=NEW),)))
    asked = Asked([clean(filter_, pattern, kind="Registry", scope=scope)])
    found = registry_removals(registry(), Locations(people, asked), asked)
    assert {str(each.path) for each in found} == goes


def test_a_filter_that_speaks_of_files_is_said_to_judge_no_value() -> None:
    size = "FileProperties('filesize','gt','1')"
    asked = Asked([clean(size, r"HKLM\SOFTWARE\App [*]", kind="Registry")])
    assert list(registry_removals(registry(), Locations(PEOPLE, asked), asked)) == []
    [note] = asked.notes
    assert UNANSWERED in note


def test_a_key_of_an_ini_file_goes_where_the_profile_is_now(tmp_path: Path) -> None:
    (tmp_path / "Users/rob").mkdir(parents=True)
    (tmp_path / "Users/rob/App.ini").write_bytes(b"[One]\na=1\nb=2\n[Two]\na=3\n")
    asked = Asked([clean("", r"C:\Users\bob\app.ini|one[a]", kind="Ini")])
    with open_tree(tmp_path) as tree:
        found = list(ini_removals(View(tree), tree, Locations(PEOPLE, asked), asked))
    assert [("/".join(each.place), each.section, each.name) for each in found] == [
        ("Users/rob/App.ini", "One", "a")
    ]
