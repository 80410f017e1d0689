"""The filter functions of content, usmt.md 3.8: from a registry or INI value to patterns of the files it names."""

from __future__ import annotations

import pytest

from extractor.evaluate.contents import MOST_ENDS, content_patterns
from extractor.evaluate.facts import Facts
from extractor.evaluate.scene import Scene
from extractor.rules.calls import parse_call
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.patterns import PatternKind
from extractor.testing import FakeFile
from tests.evaluate.activations import Files, scene

FILES: Files = {
    r"App\draw.exe": b"",
    r"App\help, old.chm": b"",
    r"App\help": b"",
    r"App\Data\a.dat": b"",
    r"App\Data\b.dat": b"",
    r"Data\a[1].txt": FakeFile(b"", short_name="A_1_~1.TXT"),
    r"Windows\draw.ini": b"[Files]\r\nLast=C:\\App\\draw.exe\r\nHome=%Base%\\Data\r\n",
}
VARIABLES = {"BASE": r"C:\App", "ALLUSERSPROFILE": r"C:\Users\Public", "PROGRAMDATA": r"C:\App"}


def made(call: str, value: object, told: list[str] | None = None) -> list[str]:
    """Return the patterns that a function makes of one value of the registry."""
    where = scene(FILES, {"X": {"V": value}})
    return of(call, facts_of(where, told), PatternKind.REGISTRY, r"HKLM\Software\X [V]")


def facts_of(where: Scene, told: list[str] | None = None) -> Facts:
    notes = told if told is not None else []
    return Facts(where, "", lambda _, message: notes.append(message))


def of(call: str, facts: Facts, kind: PatternKind, location: str) -> list[str]:
    (found,) = facts.objects(kind, location)
    return list(content_patterns(parse_call(call), found, facts, VARIABLES))


SINGLE = "MigXmlHelper.ExtractSingleFile({})"
DRAW = [r"C:\App [draw.exe]"]
SINGLES = {
    "3.8 a file": ("NULL,NULL", r"C:\App\draw.exe", DRAW),
    "3.8 in any letter case": ("", r"c:\APP\DRAW.EXE", DRAW),
    "3.8 with the other slash": ("", "C:/App/draw.exe", DRAW),
    "3.8 one that is missing": ("", r"C:\App\erase.exe", []),
    "3.8 a folder is no file": ("", r"C:\App", []),
    "3.8 nothing": ("", "", []),
    "3.8 blanks around it": ("", r"  C:\App\draw.exe  ", DRAW),
    "3.8 cut at the first separator": ("','", r"C:\App\draw.exe,-2", DRAW),
    "3.8 several separators": ("',;'", r"C:\App\draw.exe;C:\App\help,1", DRAW),
    "3.8 a separator that is not there": ("','", r"C:\App\draw.exe", DRAW),
    "3.8 no separators": ("NULL", r"C:\App\draw.exe,-2", []),
    "3.8 a path with a separator in it": ("','", r"C:\App\help, old.chm,3", [r"C:\App [help]"]),
    "3.8 quoted": ("','", r'"C:\App\help, old.chm",3', [r"C:\App [help, old.chm]"]),
    "3.8 variables in the data": ("", r"%base%\draw.exe", DRAW),
    "3.8 variables as Windows means them": ("", r"%ALLUSERSPROFILE%\draw.exe", DRAW),
    "3.8 an unknown variable": ("", r"%NOBODY%\draw.exe", []),
    "3.8 not absolute, a hint": (r"NULL,'C:\App'", "draw.exe", DRAW),
    "3.8 not absolute, the second hint": (r"NULL,'C:\Data;%BASE%'", "draw.exe", DRAW),
    "3.8 not absolute, no hint": ("", "draw.exe", []),
    "3.8 absolute, hints do not matter": (r"NULL,'C:\Data'", r"C:\App\draw.exe", DRAW),
    "3.8 dots in the path": ("", r"C:\App\Data\..\draw.exe", DRAW),
    "3.8 the first text of several": ("", [r"C:\App\draw.exe", r"C:\App\help"], DRAW),
    "3.8 the first text of several is missing": ("", [r"C:\App\no.exe", r"C:\App\help"], []),
    "3.8 a short name is told by the long one, escaped": ("", r"C:\Data\A_1_~1.TXT", [r"C:\Data [a^[1^].txt]"]),
    "3.8 a number names nothing": ("", 7, []),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "value", "expected"), SINGLES.values(), ids=SINGLES.keys())
def test_extract_single_file(arguments: str, value: object, expected: list[str]) -> None:
    told: list[str] = []
    assert made(SINGLE.format(arguments), value, told) == expected
    assert told == []


SEVERAL = "MigXmlHelper.ExtractMultipleFiles({})"
MULTIPLES = {
    "3.8 the texts of a REG_MULTI_SZ": (
        "NULL,NULL", [r"C:\App\draw.exe", r"C:\App\help"], [r"C:\App [draw.exe]", r"C:\App [help]"],
    ),
    "3.8 missing ones are dropped": ("", [r"C:\App\no", r"C:\App\help"], [r"C:\App [help]"]),
    "3.8 separators in one text": (
        "';'", r"C:\App\draw.exe;C:\App\no;C:\App\help", [r"C:\App [draw.exe]", r"C:\App [help]"],
    ),
    "3.8 quoted parts": ("','", r'"C:\App\draw.exe", "C:\App\help"', [r"C:\App [draw.exe]", r"C:\App [help]"]),
    "3.8 hints": (r"NULL,'C:\App;C:\App\Data'", ["draw.exe", "a.dat"], [r"C:\App [draw.exe]", r"C:\App\Data [a.dat]"]),
    "3.8 variables": ("", [r"%BASE%\help"], [r"C:\App [help]"]),
    "3.8 a separator that is special in expressions": (
        "']'", r"C:\App\draw.exe]C:\App\help", [r"C:\App [draw.exe]", r"C:\App [help]"],
    ),
    "3.8 none": ("", [], []),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "value", "expected"), MULTIPLES.values(), ids=MULTIPLES.keys()
)
def test_extract_multiple_files(arguments: str, value: object, expected: list[str]) -> None:
    assert made(SEVERAL.format(arguments), value) == expected


FOLDER = "MigXmlHelper.ExtractDirectory({})"
DIRECTORIES = {
    "3.8 a level up": (r"NULL,'1'", r"C:\App\draw.exe", [r"C:\App"]),
    "3.8 with a suffix": (r"NULL,'1','\* [*]'", r"C:\App\draw.exe", [r"C:\App\* [*]"]),
    "3.8 with a suffix of stock rules": (r"NULL,'0','\*[*.dat]'", r"C:\App\Data", [r"C:\App\Data\*[*.dat]"]),
    "3.8 as it is": ("NULL,NULL", r"C:\App\Data", [r"C:\App\Data"]),
    "3.8 a closing backslash": ("NULL,'0'", "C:\\App\\Data\\", [r"C:\App\Data"]),
    "3.8 two levels up": ("NULL,'2'", r"C:\App\Data\a.dat", [r"C:\App"]),
    "3.8 more levels than there are": ("NULL,'3'", r"C:\App\draw.exe", []),
    "3.8 the file need not be there, its folder must": ("NULL,'1'", r"C:\App\gone.exe", [r"C:\App"]),
    "3.8 a folder that is missing": ("NULL,'1'", r"C:\Gone\gone.exe", []),
    "3.8 a file is no folder": ("NULL,'0'", r"C:\App\draw.exe", []),
    "3.8 cut at a separator": ("',','1'", r"C:\App\draw.exe,5", [r"C:\App"]),
    "3.8 quoted": ("' ','1'", r'"C:\App\draw.exe" /open', [r"C:\App"]),
    "3.8 variables": ("NULL,'0'", r"%BASE%\Data", [r"C:\App\Data"]),
    "3.8 each of several": ("NULL,'0'", [r"C:\App", r"C:\Gone", r"C:\Data"], [r"C:\App", r"C:\Data"]),
    "3.8 a path that begins with no drive": ("NULL,'0'", r"App\Data", []),
    "3.8 a path on a server": ("NULL,'0'", r"\\server\App", []),
    "3.8 a drive": ("NULL,'1'", r"C:\App", ["C:"]),
    "a path whose parsing is switched off": ("NULL,'0'", r"\\?\C:\App\Data", [r"C:\App\Data"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "value", "expected"), DIRECTORIES.values(), ids=DIRECTORIES.keys()
)
def test_extract_directory(arguments: str, value: object, expected: list[str]) -> None:
    assert made(FOLDER.format(arguments), value) == expected


@pytest.mark.parametrize("levels", ["one", "-1", "1.5", "99999"])
def test_levels_that_are_no_number_are_told(levels: str) -> None:
    told: list[str] = []
    assert made(FOLDER.format(f"NULL,'{levels}'"), r"C:\App\draw.exe", told) == []
    assert len(told) == 1
    assert "is no number of levels to trim" in told[0]


BINARY = "MigSysHelper.ExtractSingleFile{}Bin()"
BINARIES = {
    "3.8 ANSI": ("Ansi", b"C:\\App\\draw.exe\0rest", DRAW),
    "3.8 ANSI without its NUL": ("Ansi", b"C:\\App\\draw.exe", DRAW),
    "3.8 ANSI, variables": ("Ansi", b"%BASE%\\draw.exe\0", DRAW),
    "3.8 ANSI, missing": ("Ansi", b"C:\\App\\no.exe\0", []),
    "3.8 ANSI, nothing": ("Ansi", b"", []),
    "3.8 UTF-16": ("Unicode", "C:\\App\\draw.exe\0rest".encode("utf-16-le"), DRAW),
    "3.8 UTF-16 with half a character": ("Unicode", "C:\\App\\draw.exe\0".encode("utf-16-le") + b"x", DRAW),
    "3.8 UTF-16 that is none": ("Unicode", b"\x00\xd8" * 9, []),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), BINARIES.values(), ids=BINARIES.keys())
def test_extract_single_file_of_binary_data(name: str, value: bytes, expected: list[str]) -> None:
    assert made(BINARY.format(name), value) == expected


INI = {
    "3.6 an INI value": (SINGLE.format(""), "Last", DRAW),
    "3.6 an INI value with a variable": (FOLDER.format("NULL,'0'"), "Home", [r"C:\App\Data"]),
}


@pytest.mark.parametrize(("call", "key", "expected"), INI.values(), ids=INI.keys())
def test_a_value_of_an_ini_file_names_files_too(call: str, key: str, expected: list[str]) -> None:
    facts = facts_of(scene(FILES))
    location = rf"C:\Windows\draw.ini|Files[{key}]"
    assert of(call, facts, PatternKind.INI, location) == expected


def test_a_file_that_is_found_names_nothing_by_itself() -> None:
    """3.3: the inner set may find files; what they hold is no path."""
    facts = facts_of(scene(FILES))
    assert of(SINGLE.format(""), facts, PatternKind.FILE, r"C:\App [draw.exe]") == []


def test_what_is_no_content_function_is_told_and_yields_nothing() -> None:
    told: list[str] = []
    assert made("MigXmlHelper.AnswerNo()", r"C:\App\draw.exe", told) == []
    assert len(told) == 1


@pytest.mark.parametrize(("commas", "found"), [(MOST_ENDS - 1, True), (MOST_ENDS, False)])
def test_only_so_many_separators_are_tried(commas: int, found: bool) -> None:
    name = f"many{',' * commas}"
    where = scene({rf"App\{name}": b""}, {"X": {"V": rf"C:\App\{name},1"}})
    patterns = of(
        SINGLE.format("','"), facts_of(where), PatternKind.REGISTRY, r"HKLM\Software\X [V]"
    )
    assert patterns == [rf"C:\App [{name}]"] * found


def test_every_content_function_of_the_language_is_tested_here() -> None:
    tested = {SINGLE, SEVERAL, FOLDER, BINARY.format("Ansi"), BINARY.format("Unicode")}
    names = {call.partition(".")[2].partition("(")[0] for call in tested}
    assert names == {each.name for each in FUNCTIONS.values() if each.uses & Use.CONTENT}
