r"""Old paths in registry data become new ones where they are paths, and not a byte beside them changes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import RegistryValue, WinPath, upcase
from extractor.restore.settings.relocate import Relocations

MOVES = [
    (r"C:\Users\bob", r"C:\Users\rob ert"),
    (r"C:\Users\bob\Documents", r"E:\Docs"),
    (r"C:\Users\Jörg", r"C:\Users\jö"),
    (r"C:\Users\Same", r"c:\users\same"),
    ("D:\\", "C:\\"),
    ("G:\\", r"C:\Drive G"),
    (r"C:\old", "F:\\"),
    (r"\no\drive", r"C:\x"),
]
PATHS = [(WinPath.parse(old), WinPath.parse(new)) for old, new in MOVES]
RELOCATIONS = Relocations(PATHS)


def sz(text: str, kind: int = 1) -> RegistryValue:
    return RegistryValue("v", kind, (text + "\0").encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"C:\Users\bob", r"C:\Users\rob ert"),
        (r"c:\USERS\Bob\a.txt", r"C:\Users\rob ert\a.txt"),
        (r"C:\USERS\JÖRG\x", r"C:\Users\jö\x"),
        (r"C:\Users\bob\Documents\a", r"E:\Docs\a"),
        (r"C:\Users\bob\Documents2\a", r"C:\Users\rob ert\Documents2\a"),
        (r'"C:\Users\bob\a.exe" /o C:\Users\bob', r'"C:\Users\rob ert\a.exe" /o C:\Users\rob ert'),
        (r"C:\Users\bob;C:\Users\bob\Documents", r"C:\Users\rob ert;E:\Docs"),
        (r"C:\Users\bob\x.dll,-1", r"C:\Users\rob ert\x.dll,-1"),
        (r"C:\Users\bob,0", r"C:\Users\rob ert,0"),
        (r"@C:\Users\bob\x.dll,-1", r"@C:\Users\rob ert\x.dll,-1"),
        (r"\\?\C:\Users\bob\q", r"\\?\C:\Users\rob ert\q"),
        (r"\??\C:\Users\bob", r"\??\C:\Users\rob ert"),
        (r"'C:\Users\bob'", r"'C:\Users\rob ert'"),
        (r"a|C:\Users\bob|b", r"a|C:\Users\rob ert|b"),
        ("C:/Users/bob/x", "C:/Users/rob ert/x"),
        (r'{"a":"C:\\Users\\bob\\x"}', r'{"a":"C:\\Users\\rob ert\\x"}'),
        ("file:///C:/Users/bob/a%20b", "file:///C:/Users/rob%20ert/a%20b"),
        ("FILE:///c:/users/BOB", "FILE:///C:/Users/rob%20ert"),
        ("file://localhost/C:/Users/bob/x", "file://localhost/C:/Users/rob%20ert/x"),
        ("file:///C:/Users/j%C3%B6rg/x", "file:///C:/Users/j%C3%B6/x"),
        ("file:///C:/Users/J%c3%96RG", "file:///C:/Users/j%C3%B6"),
        (r"C:\old", "F:\\"),
        (r"C:\old\x", r"F:\x"),
        ("C:/old;", "F:/;"),
        (r"c:\USERS\Same\x", r"c:\USERS\Same\x"),
    ],
)
def test_a_folder_that_begins_a_path_is_replaced(text: str, expected: str) -> None:
    assert RELOCATIONS.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"C:\Users\bobby",
        r"C:\Users\bob smith\x",
        r"C:\Users\bob.old",
        r"C:\Users\bob*",
        r"C:\Users",
        r"xC:\Users\bob",
        r"9C:\Users\bob",
        r"_C:\Users\bob",
        r"\C:\Users\bob",
        r"C:Users\bob",
        "file:///C:/Users/bob%20smith",
        r"\no\drive\x",
        r"C:\\\Users\bob",
    ],
)
def test_what_is_no_such_path_stays(text: str) -> None:
    assert RELOCATIONS.text(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D:", "C:"),
        ("D:\\", "C:\\"),
        (r"d:\Games\x.exe -f", r"C:\Games\x.exe -f"),
        (r"a;D:\b;D:\c", r"a;C:\b;C:\c"),
        (r"D:\a; D:\b", r"C:\a; C:\b"),
        (r'run "D:\x" and "D:\y"', r'run "C:\x" and "C:\y"'),
        (r"@D:\x.dll,-1", r"@C:\x.dll,-1"),
        (r"\\?\D:\x", r"\\?\C:\x"),
        ("file:///D:/x%20y", "file:///C:/x%20y"),
        (r"G:\a", r"C:\Drive G\a"),
        (r"G:\\a\\b", r"C:\\Drive G\\a\\b"),
        ("G:", r"C:\Drive G"),
        ("file:///G:/a", "file:///C:/Drive%20G/a"),
        ("D:x", "D:x"),
        ("D: is the drive", "D: is the drive"),
        (r"see D:\x", r"see D:\x"),
        (r"grade=D:\x", r"grade=D:\x"),
        (r"AD:\x", r"AD:\x"),
        (r"\\server\D:\x", r"\\server\D:\x"),
    ],
)
def test_a_drive_is_replaced_only_where_a_path_may_stand_alone(text: str, expected: str) -> None:
    assert RELOCATIONS.text(text) == expected


def test_each_text_of_a_list_is_looked_at() -> None:
    before = sz("D:\\a\0\0C:\\Users\\bob\0see D:\\x\0", 7)
    assert RELOCATIONS.of(before) == sz("C:\\a\0\0C:\\Users\\rob ert\0see D:\\x\0", 7)


def test_bytes_behind_the_end_of_a_text_stay() -> None:
    tail = "D:\\b\0".encode("utf-16-le") + b"\x07"
    found = RELOCATIONS.of(RegistryValue("v", 2, sz("D:\\a").data + tail))
    assert found.data == sz("C:\\a").data + tail
    bare = RELOCATIONS.of(RegistryValue("v", 1, "D:\\a".encode("utf-16-le")))
    assert bare.data == "C:\\a".encode("utf-16-le")


@pytest.mark.parametrize("kind", [0, 3, 4, 6, 8, 11, 0x100001])
def test_data_that_is_no_text_is_not_touched(kind: int) -> None:
    value = sz("D:\\a", kind)
    assert RELOCATIONS.of(value) is value
    assert Relocations([]).of(sz("D:\\a")) == sz("D:\\a")


def test_megabytes_of_hostile_text_take_no_time() -> None:
    many = [(WinPath.parse(rf"C:\Users\u{n}"), WinPath.parse(rf"E:\u{n}")) for n in range(30)]
    relocations = Relocations(many)
    begin = time.monotonic()
    for text in (
        "C:\\\\" * 200_000,
        ":" * 500_000,
        "file:///C:/Users/" * 50_000,
        "C:\\Users\\u" * 90_000,
    ):
        relocations.of(sz(text))
    assert time.monotonic() - begin < 20


# --- properties ---------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["C:", "D:", "\\", "/", "Users", "bob", "BOB", "Documents", " ", ";", '"', "file:///", "%20", "\0", "x",
     "?\\", "@", "ö", "\ud800", "old"]
)  # fmt: skip
TEXT = st.lists(PIECES, max_size=14).map("".join)
KINDS = st.sampled_from([1, 2, 7])
LETTERS = st.characters(exclude_characters="\\/:*?\"<>|;,'\0", exclude_categories=["Cs", "Cc"])
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3).map(tuple)
FOLDER = st.builds(WinPath, st.sampled_from(["C:", "D:"]), NAMES)


@given(st.binary(max_size=60), st.integers(0, 12))
def test_no_data_makes_it_fail_and_without_a_colon_nothing_changes(data: bytes, kind: int) -> None:
    value = RegistryValue("v", kind, data)
    found = RELOCATIONS.of(value)
    if b":" not in data:
        assert found is value


@given(TEXT, KINDS, st.booleans())
def test_data_without_an_old_folder_is_the_same_to_the_byte(
    text: str, kind: int, odd: bool
) -> None:
    value = RegistryValue("v", kind, text.encode("utf-16-le", "surrogatepass") + b"\1" * odd)
    plain = upcase(text).replace("/", "\\").replace("\\\\", "\\")
    olds = (r"C:\USERS\BOB", "C:\\OLD", "D:")
    if not any(old in plain for old in olds):
        assert RELOCATIONS.of(value) == value


@given(TEXT, KINDS)
def test_what_is_not_replaced_stays_in_its_place(text: str, kind: int) -> None:
    """The texts before and behind each NUL, and the number of them, are what they were."""
    found = RELOCATIONS.of(RegistryValue("v", kind, text.encode("utf-16-le", "surrogatepass")))
    told = found.data.decode("utf-16-le", "surrogatepass")
    assert told.count("\0") == text.count("\0")
    assert [part for part in told.split("\0")[1:] if kind != 7] == [
        part for part in text.split("\0")[1:] if kind != 7
    ]


@given(FOLDER, FOLDER, st.sampled_from([r"{}", r'"{}\x"', r"{}\y;{}", "a {}", r"\\?\{}\z", r"-{}"]))
def test_a_move_done_twice_changes_nothing_more(old: WinPath, new: WinPath, frame: str) -> None:
    if old.is_below(new) or new.is_below(old):
        return
    relocations = Relocations([(old, new)])
    once = relocations.text(frame.replace("{}", str(old)))
    assert once == frame.replace("{}", str(new))
    assert relocations.text(once) == once


@given(FOLDER, FOLDER)
def test_an_address_is_found_however_it_is_spelled(old: WinPath, new: WinPath) -> None:
    from urllib.parse import quote, unquote

    relocations = Relocations([(old, new)])
    plain = "/".join([old.drive, *old.parts])
    if "%" in plain or "#" in plain:
        return
    expected = "/".join([new.drive, *new.parts]) if old.key != new.key else plain
    for spelled in (plain, "/".join([old.drive, *map(quote, old.parts)])):
        assert unquote(relocations.text(f"file:///{spelled}/x")) == f"file:///{expected}/x"
