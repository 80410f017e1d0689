"""The document finder, usmt.md 3.10: where documents lie on one Windows, and what among them is none."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from extractor.errors import DamagedError
from extractor.evaluate import Profile, Scene
from extractor.evaluate.documents import document_patterns
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_HIDDEN,
    RegistryValue,
    Reparse,
    User,
    VolumeInfo,
    WinPath,
)
from extractor.registry import Registry
from extractor.rules.patterns import parse_location
from extractor.testing import FakeFile, FakeFilesystem, FakeHive
from extractor.windows.namespace import Mount, Namespace

Files = Mapping[str, bytes | FakeFile | None]
Keys = Mapping[str, Mapping[str, object]]

SID = "S-1-5-21-1-2-3-1001"
BOB = User(SID, "bob", "DESK", WinPath.parse(r"C:\Users\bob"), "ok")
SYSTEM = 0x4
SECRET = FakeFile(b"x", attributes=FILE_ATTRIBUTE_HIDDEN | SYSTEM)
HIDDEN = FakeFile(b"x", attributes=FILE_ATTRIBUTE_HIDDEN)
JUNCTION = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\Users"))
PE = (b"MZ" + bytes(58) + struct.pack("<I", 0x80)).ljust(0x80, b"\0") + b"PE\0\0"
UNINSTALL = r"Microsoft\Windows\CurrentVersion\Uninstall"
APP_PATHS = r"Microsoft\Windows\CurrentVersion\App Paths"
FOLDERS = r"Microsoft\Windows\CurrentVersion\Installer\Folders"
MACHINE = {
    "SYSTEMDRIVE": "C:",
    "WINDIR": r"C:\Windows",
    "ProgramFiles": r"C:\Program Files",
    "PROGRAMFILES(X86)": r"C:\Program Files (x86)",
    "PROGRAMDATA": r"C:\ProgramData",
    "PROFILESFOLDER": r"C:\Users",
    "PUBLIC": r"C:\Users\Public",
    "CSIDL_COMMON_DOCUMENTS": r"C:\Users\Public\Documents",
    "FOLDERID_PUBLICDOWNLOADS": r"C:\Users\Public\Downloads",
}
OF_BOB = {
    "CSIDL_MYDOCUMENTS": r"C:\Users\bob\Documents",
    "CSIDL_DESKTOP": r"C:\Users\bob\Desktop",
    "CSIDL_QUICKLAUNCH": r"C:\Users\bob\AppData\Roaming\Quick Launch",
    "FOLDERID_DOWNLOADS": r"D:\Downloads",
}
WINDOWS: Files = {
    r"Windows\System32\config\SYSTEM": b"",
    r"Program Files\Word\doc\manual.doc": b"",
    r"Program Files (x86)\Old\x.exe": PE,
    r"ProgramData\x\y.dat": b"",
    r"Users\bob\Documents\a.txt": b"",
    r"Users\Public\Documents\shared.txt": b"",
}


def volume(files: Files, identity: str) -> FakeFilesystem:
    return FakeFilesystem(files, VolumeInfo(identity, 0, 1, 0, 1 << 30, 512, "ntfs"))


def scene(
    files: Files,
    *,
    other: Files | None = None,
    fixed: bool = True,
    software: Keys | None = None,
    ntuser: Keys | None = None,
) -> Scene:
    first = volume({**WINDOWS, **files}, "C1")
    mounts = [Mount(WinPath("C:"), first, first.root)]
    if other is not None:
        second = volume(other, "D1")
        mounts.append(Mount(WinPath("D:"), second, second.root, fixed))
    registry = Registry(
        {
            "HKLM\\SOFTWARE": lambda: FakeHive(software or {}),
            f"HKU\\{SID}": lambda: FakeHive(ntuser or {}),
        }
    )
    profiles = (Profile(BOB, OF_BOB),)
    return Scene(Namespace(mounts), profiles, MACHINE, registry)


def of_machine(
    given: Scene, *, programs: bool = False, include: bool = True, system_drive: bool = False
) -> set[str]:
    found = document_patterns(
        given, None, programs=programs, include=include, system_drive=system_drive
    )
    return set(found)


def of_bob(given: Scene, *, include: bool = True, system_drive: bool = False) -> set[str]:
    bob = given.profiles[0]
    return set(
        document_patterns(given, bob, programs=True, include=include, system_drive=system_drive)
    )


ALWAYS = {"C:\\ [*]", r"C:\Users\Public\Documents\* [*]"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, set()),
        ({r"data\a.txt": b""}, {r"C:\data\* [*]"}),
        ({r"a[1]\b": b""}, {r"C:\a^[1^]\* [*]"}),
        ({r"data\deep\Windows\System32\config\SAM": b""}, {r"C:\data\* [*]"}),
        ({r"Windows.old\Users\x": b"", r"$WINDOWS.~BT\y": b""}, set()),
        ({r"Windows2\System32\config\SAM": b""}, set()),
        ({"Documents and Settings": JUNCTION}, set()),
        ({r"tools\putty.exe": PE}, set()),
        ({r"tools\putty.exe": b"MZ is no program"}, {r"C:\tools\* [*]"}),
        ({r"tools\putty.exe": FakeFile(error=DamagedError("bad"))}, {r"C:\tools\* [*]"}),
        ({r"tools\bin\putty.exe": PE}, {r"C:\tools\* [*]"}),
        (
            {
                "bin": FakeFile(
                    directory=True,
                    attributes=FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_HIDDEN | SYSTEM,
                )
            },
            set(),
        ),
    ],
)
def test_3_10_of_the_machine_every_folder_in_the_root_that_is_not_the_systems(
    files: Files, expected: set[str]
) -> None:
    assert of_machine(scene(files)) == ALWAYS | expected


def test_3_10_files_of_a_root_come_but_none_that_is_hidden_and_system() -> None:
    given = scene({"a.txt": b"", "bootmgr": SECRET, "b[1].txt": HIDDEN})
    assert {r"C:\ [a.txt]", r"C:\ [b^[1^].txt]"} < of_machine(given)
    assert "C:\\ [*]" not in of_machine(given)
    assert of_machine(given, include=False) == {r"C:\ [bootmgr]"}


@pytest.mark.parametrize(
    ("fixed", "system_drive", "expected"),
    [
        (True, False, {"D:\\ [*]", r"D:\film\* [*]", r"D:\Users\* [*]"}),
        (True, True, set()),
        (False, False, set()),
    ],
)
def test_3_10_drives_that_are_fixed_and_the_system_drive_alone(
    fixed: bool, system_drive: bool, expected: set[str]
) -> None:
    other = {
        r"film\x.mkv": b"",
        r"Windows\System32\config\SAM": b"",
        r"Program Files\x": b"",
        r"ProgramData\x": b"",
        r"Users\eve\x": b"",
    }
    given = scene({}, other=other, fixed=fixed)
    assert of_machine(given, system_drive=system_drive) == ALWAYS | expected


def test_3_10_program_folders_of_a_drive_without_windows_are_folders_like_others() -> None:
    given = scene({}, other={r"ProgramData\mine.doc": b""})
    assert r"D:\ProgramData\* [*]" in of_machine(given)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, set()),
        ({r"Users\bob\Projects\a.c": b""}, {r"C:\Users\bob\Projects\* [*]"}),
        ({r"Users\bob\AppData\Local\x": b"", r"Users\bob\Cookies": JUNCTION}, set()),
        ({r"Users\bob\Desktop\x": b""}, {r"C:\Users\bob\Desktop\* [*]"}),
        (
            {r"Users\bob\AppData\Roaming\Quick Launch\x.lnk": b""},
            {r"C:\Users\bob\AppData\Roaming\Quick Launch\* [*]"},
        ),
        ({r"Users\bob\Documents\program\x.exe": PE}, set()),
        ({r"Users\bob\scoop\x.exe": PE}, set()),
    ],
)
def test_3_10_of_a_user_the_profiles_root_and_the_shell_folders(
    files: Files, expected: set[str]
) -> None:
    usual = {"C:\\Users\\bob\\ [*]", r"C:\Users\bob\Documents\* [*]"}
    assert of_bob(scene(files)) == usual | expected


def test_3_10_a_shell_folder_elsewhere_comes_if_its_drive_is_fixed() -> None:
    files = {r"Downloads\setup.exe": PE}
    assert r"D:\Downloads\* [*]" in of_bob(scene({}, other=files))
    assert r"D:\Downloads\* [*]" not in of_bob(scene({}, other=files, fixed=False))
    assert r"D:\Downloads\* [*]" not in of_bob(scene({}, other=files), system_drive=True)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        (rf"{UNINSTALL}\x", {"InstallLocation": r"C:\data\app"}),
        (rf"{UNINSTALL}\x", {"InstallLocation": '"C:\\data\\app\\"'}),
        (rf"{UNINSTALL}\x", {"DisplayIcon": r"%SystemDrive%\data\app\a.ico,0"}),
        (rf"{UNINSTALL}\x", {"UninstallString": r'"C:\data\app\un ins.exe" /S'}),
        (rf"{UNINSTALL}\x", {"UninstallString": r"C:\data\app\un ins.exe /S"}),
        (rf"{UNINSTALL}\x", {"InstallLocation": r"c:\DATA\APP~1"}),
        (rf"WOW6432Node\{UNINSTALL}\x", {"InstallLocation": r"C:\data\app"}),
        (rf"{APP_PATHS}\a.exe", {"": r"C:\data\app\a.exe"}),
        (rf"{APP_PATHS}\a.exe", {"Path": r"C:\none;C:\data\app"}),
        (FOLDERS, {"C:\\data\\app\\": ""}),
    ],
)
def test_3_10_a_folder_that_the_registry_gives_to_a_program_is_excluded(
    key: str, values: Mapping[str, object]
) -> None:
    files: Files = {
        r"data\app": FakeFile(directory=True, short_name="APP~1"),
        r"data\app\readme.txt": b"",
        r"data\other\a.txt": b"",
    }
    given = scene(files, software={key: values})
    assert of_machine(given, include=False) == {r"C:\data\app\* [*]"}
    assert r"C:\data\* [*]" in of_machine(given)


@pytest.mark.parametrize(
    "place",
    [r"C:\Users\bob\Documents", r"C:\Users\bob", r"C:\Users", "C:\\", r"C:\Users\bob\Desktop"],
)
def test_a_program_cannot_claim_a_folder_that_people_have_theirs_in(place: str) -> None:
    files = {r"Users\bob\Desktop\a.txt": b""}
    keys = {rf"{UNINSTALL}\x": {"InstallLocation": place, "UninstallString": rf"{place}\un.exe"}}
    given = scene(files, software=keys, ntuser={f"Software\\{key}": keys[key] for key in keys})
    assert of_bob(given) == {
        "C:\\Users\\bob\\ [*]",
        r"C:\Users\bob\Documents\* [*]",
        r"C:\Users\bob\Desktop\* [*]",
    }
    assert of_bob(given, include=False) == set()


def test_3_10_a_program_that_only_a_user_has_is_excluded_for_that_user() -> None:
    keys = {rf"Software\{UNINSTALL}\x": {"InstallLocation": r"C:\Users\bob\Documents\app"}}
    given = scene({r"Users\bob\Documents\app\x": b""}, ntuser=keys)
    assert of_bob(given, include=False) == {r"C:\Users\bob\Documents\app\* [*]"}
    assert of_machine(given, include=False) == set()


def test_3_10_excludes_are_what_lies_inside_the_includes_and_is_no_document() -> None:
    files: Files = {
        r"data\desktop.ini": SECRET,
        r"data\old\Windows\System32\config\SAM": b"",
        r"data\old\Program Files\x": b"",
        r"data\old\Users\eve\a.txt": b"",
        r"data\apps\game\game.exe": PE,
        r"data\apps\game\save\a.sav": b"",
        r"Users\Public\Documents\tool\x.exe": PE,
        r"Users\Public\Documents\desktop.ini": SECRET,
    }
    assert of_machine(scene(files), include=False) == {
        r"C:\data\ [desktop.ini]",
        r"C:\data\old\Windows\* [*]",
        r"C:\data\old\Program Files\* [*]",
        r"C:\data\apps\game\* [*]",
        r"C:\Users\Public\Documents\ [desktop.ini]",
    }


def test_3_10_profiles_that_lie_in_a_folder_of_the_root_are_not_the_machines() -> None:
    given = scene({r"data\Homes\eve\a.txt": b"", r"data\Homes\eve.exe": PE})
    eve = User("S-1-5-21-1-2-3-1002", "eve", "DESK", WinPath.parse(r"C:\data\Homes\eve"), "ok")
    given = Scene(given.namespace, (Profile(eve, {}),), MACHINE, given.registry)
    assert r"C:\data\* [*]" in of_machine(given)
    assert of_machine(given, include=False) == {r"C:\data\Homes\eve\* [*]"}


def test_3_10_scan_program_files_finds_what_a_program_there_opens() -> None:
    classes = {
        r"Classes\.doc": {"": "Word.8"},
        r"Classes\Word.8\shell\open\command": {"": r'"C:\Program Files\Word\bin\word.exe" "%1"'},
        r"Classes\.txt": {"": "txtfile"},
        r"Classes\txtfile\shell\open\command": {"": r"%WINDIR%\notepad.exe %1"},
        r"Classes\.exe": {"": "exefile"},
        r"Classes\exefile\shell\open\command": {"": r"C:\Program Files\Word\bin\word.exe"},
    }
    files = {
        r"Program Files\Word\bin\word.exe": PE,
        r"Program Files\Word\doc\readme.txt": b"",
        r"Program Files\Word\deep\er\b.DOC": b"",
        r"Program Files\Other\c.doc": b"",
    }
    given = scene(files, software=classes)
    assert of_machine(given, programs=True) - of_machine(given) == {
        r"C:\Program Files\Word\doc\ [*.DOC]",
        r"C:\Program Files\Word\deep\er\ [*.DOC]",
    }
    assert of_bob(given) == of_bob(scene(files))


def test_every_pattern_means_the_folder_that_it_was_made_of() -> None:
    name = "a^b [x] $1 *"
    given = scene({rf"{name}\c": b"", rf"{name}\[z].ini": SECRET})
    patterns = of_machine(given) | of_machine(given, include=False)
    tree = next(
        parse_location(each) for each in patterns if each.endswith("* [*]") and "X" in each.upper()
    )
    assert tree.node.matches(f"C:\\{name.upper()}\\C\\")
    assert not tree.node.matches("C:\\A^B [X] $1 Q\\")


class BrokenHive(FakeHive):
    """A hive of which nothing can be read."""

    def subkeys(self, key: str = "") -> Sequence[str]:
        raise DamagedError(f"bad block at {key}")

    def values(self, key: str) -> Sequence[RegistryValue]:
        raise DamagedError(f"bad block at {key}")


def test_a_registry_that_cannot_be_read_leaves_more_for_documents() -> None:
    given = scene({r"data\a.txt": b""})
    broken = Registry({"HKLM\\SOFTWARE": lambda: BrokenHive({})})
    given = Scene(given.namespace, given.profiles, given.variables, broken)
    assert of_machine(given, programs=True) == {*ALWAYS, r"C:\data\* [*]"}
    assert of_machine(given, include=False) == set()
