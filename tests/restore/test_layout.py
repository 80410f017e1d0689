"""Homes of a Linux desktop, known folders that were moved to another drive, and what a target lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.model import ObjectKind, OutcomeKind, Record, RegistryValue, WinPath
from extractor.restore.layout import Layout, Places
from extractor.restore.people.folders import SHELL_FOLDERS, known_folders
from extractor.restore.people.users import map_users
from extractor.restore.people.words import Renaming, UserWords, parse_mu
from extractor.restore.rules.locations import Locations
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from tests.restore.build import header
from tests.restore.people.test_users import BOB, HEADER

PEOPLE = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))


def redirected(store: Path, value: str, data: str) -> Path:
    path = WinPath("HKU", (BOB, *SHELL_FOLDERS, f"[{value}]"))
    found = RegistryValue(value, 2, (data + "\0").encode("utf-16-le"))
    with DirectoryStore(store) as writer:
        writer.note(Record(ObjectKind.VALUE, path, "v", BOB, OutcomeKind.STORED, value=found))
        writer.finish(header(), {})
    return store


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (r"D:\Docs", r"D:\Docs"),
        (r"%USERPROFILE%\Papers", r"C:\Users\bob\Papers"),
        (r"%UNKNOWN%\x", r"C:\Users\bob\Documents"),
        (r"D:\..\x", r"C:\Users\bob\Documents"),
        (r"\\server\bob", r"C:\Users\bob\Documents"),
    ],
)
def test_a_known_folder_is_where_the_user_had_it(tmp_path: Path, data: str, expected: str) -> None:
    with open_store(redirected(tmp_path / "store", "Personal", data)) as store:
        folders = known_folders(store, PEOPLE)
    assert str(folders[BOB]["Documents"]) == expected


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (r"C:\Users\bob\Documents\a.txt", "rob/Documents/a.txt"),
        (r"D:\Docs\a.txt", "rob/Documents/a.txt"),
        (r"C:\Users\bob\My Documents\My Pictures\a.jpg", "rob/Pictures/a.jpg"),
        (r"C:\Users\bob\AppData\Local\Google\Chrome\User Data\Default\Bookmarks",
         "rob/.config/google-chrome/Default/Bookmarks"),
        (r"C:\Users\bob\AppData\Roaming\Acme\x", "rob/AppData/Roaming/Acme/x"),
        (r"C:\Users\anna.CONTOSO\Desktop\x", "anna/Desktop/x"),
        (r"C:\Users\Public\x", "C/Users/Public/x"),
        (r"E:\Data\x", "C/Data/x"),
    ],
)  # fmt: skip
def test_a_linux_desktop_finds_things_where_it_looks(path: str, names: str) -> None:
    folders = {BOB: {"Documents": WinPath("D:", ("Docs",))}}
    locations = Locations(PEOPLE)
    places = Places(Layout.LINUX, PEOPLE, locations, folders)
    assert "/".join(places.of(locations.renamed(WinPath.parse(path)))) == names


def test_two_of_one_name_have_two_homes() -> None:
    profile = WinPath("C:", ("Users", "bob.CONTOSO"))
    renaming = Renaming(r"CONTOSO\anna", None, "bob", "map.csv:1", profile=profile)
    people = map_users(HEADER, UserWords((renaming,)))
    places = Places(Layout.LINUX, people, Locations(people), {})
    homes = [places.of(each.profile) for each in people.persons]
    assert homes == [("bob.DESK",), ("eve",), ("bob.CONTOSO",)]


@pytest.mark.parametrize(
    ("path", "ending", "expected"),
    [
        (r"C:\Users\bob\CON", "", ("Users", "bob", "%43ON")),
        (r"D:\Data\a:b", ".efsraw", ("D:", "Data", "a%3Ab.efsraw")),
        (r"d:\x", "", ("D:", "x")),
        (r"E:\x", "", ("x",)),
        ("D:\\", "", ()),
        (r"C:\D:\x", "", ("D%3A", "x")),
        (r"C:\.ColdState-Restore\x", "", ("%2Ecoldstate-restore", "x")),
        (r"D:\.coldstate-restore", "", ("D:", "%2Ecoldstate-restore")),
    ],
)
def test_names_of_a_drive_that_the_target_has_begin_with_its_letter(
    path: str, ending: str, expected: tuple[str, ...]
) -> None:
    places = Places(Layout.WINDOWS, PEOPLE, Locations(PEOPLE), {}, {"d:"})
    assert places.at(WinPath.parse(path), ending) == expected


def test_a_linux_desktop_has_no_drives() -> None:
    places = Places(Layout.LINUX, PEOPLE, Locations(PEOPLE), {}, {"D:"})
    assert places.at(WinPath("D:", ("Data",))) == ("D", "Data")
