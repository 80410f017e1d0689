"""Scripts that rules want run around a restore: empty folders go, everything else is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from extractor.evaluate import Profile, Scene
from extractor.model import Instruction, User, WinPath
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.processing import empty_folders, read_processing
from extractor.restore.view import View
from extractor.rules.functions import FUNCTIONS, Use
from extractor.store.tree import open_tree
from extractor.windows.namespace import Namespace
from tests.restore.people.test_users import BOB, EVE, HEADER


def scene() -> Scene:
    people = {BOB: r"C:\Users\bob", EVE: r"C:\Users\eve"}
    profiles = tuple(
        Profile(User(sid, "", "", WinPath.parse(place), "loaded"), {"UserProfile": place})
        for sid, place in people.items()
    )
    return Scene(Namespace(()), profiles, {"PROGRAMFILES(X86)": r"C:\Program Files (x86)"})


def row(text: str) -> Instruction:
    return Instruction("skipped", text, source="r.xml:7")


def removing(pattern: str, moment: str = "post-apply") -> Instruction:
    return row(f"<processing> ({moment}) MigXmlHelper.RemoveEmptyDirectories('{pattern}')")


TREE = (
    "Users/rob/Old/a/b/",
    "Users/rob/Old/full/x.txt",
    "Users/rob/New/",
    "Users/eve/Old/",
    "Program Files (x86)/App/",
    "Data/in/",
)


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        (r"C:\Data\*", ["Data/in", "Data"]),
        (r"C:\Data\in", ["Data/in"]),
        (r"C:\Data", []),
        (r"C:\Data\* [*]", ["Data/in", "Data"]),
        (r"%USERPROFILE%\Old\*", ["Users/rob/Old/a/b", "Users/rob/Old/a", "Users/eve/Old"]),
        (r"%ProgramFiles(x86)%\*", ["Program Files (x86)/App", "Program Files (x86)"]),
    ],
)
def test_folders_in_which_nothing_is_go_the_deepest_first(
    pattern: str, gone: Sequence[str], tmp_path: Path
) -> None:
    for each in TREE:
        place = tmp_path / each
        (place if each.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not each.endswith("/"):
            place.write_bytes(b"x")
    people = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))
    found = read_processing([removing(pattern)], scene())
    assert found.notes == []
    with open_tree(tmp_path) as tree:
        places = [
            "/".join(each.place)
            for each in empty_folders(View(tree), tree, Locations(people), found.emptyings)
        ]
    assert sorted(places) == sorted(gone)
    for name in places:
        (tmp_path / name).rmdir()  # which fails where a folder came before what is in it


@pytest.mark.parametrize("moment", ["pre-scan", "scan-success", "post-scan"])
def test_what_a_scan_wanted_done_is_not_of_a_restore(moment: str) -> None:
    found = read_processing([removing(r"C:\Data", moment)], scene())
    assert (found.emptyings, found.notes) == ([], [])


OTHERS = sorted(
    each.name
    for each in FUNCTIONS.values()
    if Use.PROCESSING in each.uses and each.name != "RemoveEmptyDirectories"
)


@pytest.mark.parametrize("function", OTHERS)
def test_all_that_needs_a_running_windows_is_named(function: str) -> None:
    found = read_processing(
        [row(f"<processing> (post-apply) MigXmlHelper.{function}('a;b')")], scene()
    )
    assert found.emptyings == []
    [note] = found.notes
    assert (
        note == f"r.xml:7: MigXmlHelper.{function}('a;b') is not run: it needs the running Windows"
    )


def test_several_scripts_of_one_element_are_read_one_by_one() -> None:
    text = (
        "<processing> (pre-apply) MigXmlHelper.KillExplorer();"
        r" MigXmlHelper.RemoveEmptyDirectories('C:\a;b'); no call; x.y('a"
    )
    found = read_processing([row(text)], scene())
    assert [each.node.prefix for each in found.emptyings] == ["C:\\A;B\\"]
    assert len(found.notes) == 3


@pytest.mark.parametrize("pattern", ["%NOBODY%\\x", "", "C:\\x [", "%USERPROFILE"])
def test_a_pattern_that_means_no_folder_removes_none_and_is_named(
    pattern: str, tmp_path: Path
) -> None:
    found = read_processing([removing(pattern)], scene())
    assert len(found.notes) + len(found.emptyings) == 1
    locations = Locations(map_users(HEADER, UserWords()))
    with open_tree(tmp_path) as tree:
        assert list(empty_folders(View(tree), tree, locations, found.emptyings)) == []


def test_commands_and_plug_ins_are_named_and_never_run() -> None:
    rows = [row("<externalProcess> (post-apply) net stop x"), row("<plugin> a.dll"), row("odd")]
    found = read_processing([*rows, *rows, Instruction("merge", "x")], scene())
    assert found.notes == [
        "r.xml:7: <externalProcess> net stop x: commands of rules are never run",
        "r.xml:7: <plugin> a.dll: a plug-in of Windows is never run",
    ]
    assert Asked(rows).notes == []
