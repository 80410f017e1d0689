"""Scripts that make patterns, usmt.md 3.8: for drives, for users, and the document finder's arguments (3.10)."""

from __future__ import annotations

import pytest

from extractor.evaluate.generators import GENERATORS
from extractor.evaluate.scene import Scene
from extractor.model import VolumeInfo, WinPath
from extractor.rules.functions import FUNCTIONS, Use
from extractor.testing import FakeFilesystem
from extractor.windows.namespace import Mount, Namespace
from tests.evaluate.activations import (
    ANNA,
    BOB,
    MACHINE,
    Files,
    includes,
    met,
    nodes,
    ruled,
    scene,
    told,
)


def made_by(call: str) -> str:
    return f"<include><objectSet><script>MigXmlHelper.{call}</script></objectSet></include>"


def drives(*letters: str) -> Scene:
    """Make a Windows of such drives: ``C`` is fixed, ``e`` removable, ``C\\Mount`` a volume at a folder."""

    def mount(letter: str) -> Mount:
        drive, *parts = letter.split("\\")
        filesystem = FakeFilesystem({}, VolumeInfo(letter, 0, 1, 0, 1, 512, "ntfs"))
        at = WinPath(f"{drive.upper()}:", tuple(parts))
        return Mount(at, filesystem, filesystem.root, fixed=drive.isupper())

    return Scene(Namespace(map(mount, letters)), (), MACHINE)


DRIVES = {
    "3.8 each fixed drive": ("'* [*.doc]','Fixed'", ["C:* [*.doc]", "D:* [*.doc]"]),
    "3.8 Fixed in any letter case": ("'* [*.doc]',' FIXED '", ["C:* [*.doc]", "D:* [*.doc]"]),
    "3.8 Fixed where nothing is said": ("'* [*.doc]',NULL", ["C:* [*.doc]", "D:* [*.doc]"]),
    "3.8 each removable drive": ("'* [*.doc]','Removable'", ["E:* [*.doc]"]),
    "3.8 no CD-ROM is on a disk image": ("'* [*.doc]','CDROM'", []),
    "3.8 no share is on a disk image": ("'* [*.doc]','Remote'", []),
    "3.8 a segment with a folder": (
        r"'\Requests\* [*] ','Fixed'",
        [r"C:\Requests\* [*] ", r"D:\Requests\* [*] "],
    ),
    "3.8 a segment in the middle": (
        r"'*\Requests\* [*]','Fixed'",
        [r"C:*\Requests\* [*]", r"D:*\Requests\* [*]"],
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), DRIVES.values(), ids=DRIVES.keys())
def test_a_segment_is_put_behind_each_drive_of_a_kind(arguments: str, expected: list[str]) -> None:
    body = ruled(made_by(f"GenerateDrivePatterns({arguments})"), "System")
    made = met(body, drives("C", "D", "e", r"C\Mount"))
    assert includes(made) == expected
    assert told(made) == []


UNUSABLE = {
    "3.8 no variables in a segment": (r"GenerateDrivePatterns('%WINDIR%\* [*]','Fixed')", "%WINDIR% is not defined"),
    "3.8 a kind of drive that is none": ("GenerateDrivePatterns('* [*]','Floppy')", "drive type 'floppy' is not known"),
    "3.8 a kind of object that is none": ("GenerateUserPatterns('Key','%USERPROFILE%')", "'Key' is no kind of object"),
    "3.8 no function that makes patterns": ("AnswerNo()", "it does not make patterns"),
    "3.7 no function that is known": ("MakeSome()", "it does not make patterns"),
    "3.6 a segment that is no pattern": ("GenerateDrivePatterns('* [*','Fixed')", "a pattern ends with one [leaf]"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "why"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_script_that_cannot_be_used_is_told_with_its_line(call: str, why: str) -> None:
    made = met(ruled(made_by(call), "System"), drives("C"))
    assert includes(made) == []
    assert any(why in each and each.startswith("test.xml:1: ") for each in told(made))


def test_a_variable_that_has_no_value_here_is_an_ordinary_thing_in_a_script() -> None:
    """3.5: the application that would set it is not installed; here with a NULL beside it."""
    gone = r"<script>MigXmlHelper.GetStringContent('Registry','HKLM\Software\Gone [V]')</script>"
    before = f'<environment><variable name="Gone">{gone}</variable></environment>'
    call = r"GenerateDrivePatterns('\%Gone% [*]',NULL)"
    made = met(ruled(made_by(call), "System", before=before), drives("C"))
    assert (includes(made), told(made), len(told(made, "info"))) == ([], [], 1)


BOBS, ANNAS = r"C:\Users\bob\X [*]", r"C:\Users\anna\X [*]"
USERS = {
    "3.8 for every user": ("'TRUE'", "System", {"": [BOBS, ANNAS]}),
    "3.8 for every user, NULL": ("NULL", "System", {"": [BOBS, ANNAS]}),
    "3.8 the machine is no user to leave out": ("'FALSE'", "System", {"": [BOBS, ANNAS]}),
    "3.8 each for all": (
        "'TRUE'", "User", {BOB.sid: [BOBS, ANNAS], ANNA.sid: [BOBS, ANNAS]},
    ),
    "3.8 each for all, NULL": ("NULL", "User", {BOB.sid: [BOBS, ANNAS], ANNA.sid: [BOBS, ANNAS]}),
    "3.8 each for the others": ("'FALSE'", "User", {BOB.sid: [ANNAS], ANNA.sid: [BOBS]}),
}  # fmt: skip


@pytest.mark.parametrize(("own", "context", "expected"), USERS.values(), ids=USERS.keys())
def test_a_pattern_is_expanded_for_the_users_who_come(
    own: str, context: str, expected: dict[str, list[str]]
) -> None:
    call = rf"GenerateUserPatterns('File','%USERPROFILE%\X [*]',{own})"
    made = met(ruled(made_by(call), context), scene(users=[BOB, ANNA]), [BOB, ANNA])
    found: dict[str, list[str]] = {}
    for rule in made.rules:
        found.setdefault(rule.scope, []).append(rule.expanded)
    assert {scope: sorted(each) for scope, each in found.items()} == {
        scope: sorted(each) for scope, each in expected.items()
    }
    assert told(made) == []


def test_a_user_who_does_not_come_has_no_patterns() -> None:
    call = r"GenerateUserPatterns('File','%USERPROFILE%\X [*]','TRUE')"
    made = met(ruled(made_by(call), "System"), scene(users=[BOB, ANNA]), [ANNA])
    assert [rule.expanded for rule in made.rules] == [ANNAS]


def test_a_registry_pattern_for_each_user_means_that_users_hive() -> None:
    call = r"GenerateUserPatterns('Registry','HKCU\Software\X [*]','TRUE')"
    made = met(ruled(made_by(call), "System"), scene(users=[BOB, ANNA]), [BOB, ANNA])
    assert nodes(made) == [
        rf"HKU\{BOB.sid}\SOFTWARE\X\[*]".upper(),
        rf"HKU\{ANNA.sid}\SOFTWARE\X\[*]".upper(),
    ]


def test_a_variable_of_the_component_is_not_one_of_the_users() -> None:
    """3.8: its value is that of the user (or machine) at hand, and wrong for another."""
    before = '<environment><variable name="Mine"><text>x</text></variable></environment>'
    call = r"GenerateUserPatterns('File','%USERPROFILE%\%Mine% [*]','TRUE')"
    made = met(ruled(made_by(call), "System", before=before), scene(users=[BOB]), [BOB])
    assert includes(made) == []
    assert any("%Mine% is not defined" in note.message for note in made.notes)


DOCUMENTS: Files = {
    r"Projects\plan.txt": b"",
    r"Projects\desktop.ini": b"",
    r"Users\bob\Notes\n.txt": b"",
    r"Users\bob\AppData\x": b"",
}
FINDER = {
    "3.10 of the machine": (
        "", "System", "", [r"C:\Projects\* [*]", "C:\\ [*]", r"D:\Films\* [*]", "D:\\ [*]"],
    ),
    "3.10 excludes": ("NULL,'FALSE'", "System", "", []),
    "3.10 every fixed drive": (
        "NULL,NULL,'FALSE'", "System", "", [r"C:\Projects\* [*]", "C:\\ [*]", r"D:\Films\* [*]", "D:\\ [*]"],
    ),
    "3.10 the system drive alone": ("NULL,NULL,'TRUE'", "System", "", [r"C:\Projects\* [*]", "C:\\ [*]"]),
    "3.10 of a user": ("'TRUE','TRUE','FALSE'", "User", BOB.sid, [r"C:\Users\bob\Notes\* [*]", "C:\\Users\\bob\\ [*]"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "context", "scope", "expected"), FINDER.values(), ids=FINDER.keys()
)
def test_the_document_finder_is_asked_for_each_context(
    arguments: str, context: str, scope: str, expected: list[str]
) -> None:
    of_c = scene(DOCUMENTS, users=[BOB])
    second = FakeFilesystem({r"Films\sea.mkv": b""}, VolumeInfo("D", 0, 1, 0, 1, 512, "ntfs"))
    mounts = [*of_c.mounts, Mount(WinPath("D:"), second, second.root)]
    on = Scene(Namespace(mounts), of_c.profiles, {**MACHINE, "SYSTEMDRIVE": "C:"})
    made = met(ruled(made_by(f"GenerateDocPatterns({arguments})"), context), on, [BOB])
    assert includes(made, scope) == sorted(expected)
    assert told(made) == []


def test_the_document_finder_goes_through_the_folders_once_for_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def counted(*_: object, include: bool, **__: object) -> tuple[str, ...]:
        asked.append(include)
        return ()

    monkeypatch.setattr("extractor.evaluate.generators.document_patterns", counted)
    both = made_by("GenerateDocPatterns()") + made_by("GenerateDocPatterns(FALSE,FALSE)")
    met(ruled(both * 2, "System"), scene())
    assert sorted(asked) == [False, True]


def test_every_generator_of_the_language_is_made() -> None:
    known = {name for name, each in FUNCTIONS.items() if each.uses & Use.GENERATOR}
    assert set(GENERATORS) == known
