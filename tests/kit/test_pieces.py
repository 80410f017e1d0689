"""Folders of the old machine in values: found as a restore finds them, and joined by another hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.kit.bases import locations_of
from extractor.kit.pieces import Pieces
from extractor.model import Instruction, RegistryValue, WinPath, upcase
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords
from extractor.restore.rules.asked import Asked
from extractor.restore.settings.relocate import Relocations
from tests.kit.replay import joined
from tests.restore.people.test_users import ANNA, BOB, EVE, HEADER

HERE = {
    f"profile:{BOB}": "E:\\Homes\\rob ert", f"profile:{EVE}": "C:\\Users\\eve", f"profile:{ANNA}": "C:\\Users\\ännä",
    "system": "C:", "drive:D": "C:\\From D", "drive:E": "E:",
}  # fmt: skip
"""A Windows on which bob has another profile, eve the same, and D: is a folder."""
RESTORED = Relocations([
    (WinPath.parse(old), WinPath.parse(new)) for old, new in (
        ("C:\\Users\\bob", "E:\\Homes\\rob ert"), ("C:\\Documents and Settings\\bob", "E:\\Homes\\rob ert"),
        ("C:\\Documents and Settings\\eve", "C:\\Users\\eve"), ("C:\\Users\\eve", "C:\\Users\\eve"),
        ("C:\\Users\\anna.CONTOSO", "C:\\Users\\ännä"), ("D:", "C:\\From D"),
        ("C:\\Documents and Settings\\anna.CONTOSO", "C:\\Users\\ännä"),
    )
])  # fmt: skip
"""What a restore onto that Windows does with a value."""


def pieces_of(words: UserWords | None = None, *rules: Instruction) -> Pieces:
    people = map_users(HEADER, words or UserWords())
    locations = locations_of(people, Asked(rules), "C:", {})
    return Pieces(locations, ["C:", "D:", "E:"])


PIECES = pieces_of()


def string(text: str, kind: int = 1, name: str = "V") -> RegistryValue:
    return RegistryValue(name, kind, (text + "\0").encode("utf-16-le", "surrogatepass"))


def here(value: RegistryValue, pieces: Pieces = PIECES) -> str:
    """Return the text of a value on that Windows."""
    data = joined(pieces.of(pieces.marked(value)), HERE.__getitem__) or value.data
    return replace(value, data=data).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("C:\\Users\\bob\\a.txt", "E:\\Homes\\rob ert\\a.txt"),
        ("c:/users/BOB/a", "E:/Homes/rob ert/a"),
        ('x="C:\\\\Users\\\\bob\\\\a"', 'x="E:\\\\Homes\\\\rob ert\\\\a"'),
        ("C:\\Users\\bob", "E:\\Homes\\rob ert"),
        ("C:\\Users\\bobby\\a", "C:\\Users\\bobby\\a"),
        ("c:\\users\\EVE\\a", "c:\\users\\EVE\\a"),
        ("C:\\Documents and Settings\\eve\\a", "C:\\Users\\eve\\a"),
        ("file:///C:/Users/bob/a%20b", "file:///E:/Homes/rob%20ert/a%20b"),
        ("file:///c:/Users/anna.CONTOSO", "file:///C:/Users/%C3%A4nn%C3%A4"),
        ("D:\\x;d:\\y;C:\\Users\\bob", "C:\\From D\\x;C:\\From D\\y;E:\\Homes\\rob ert"),
        ("D:", "C:\\From D"),
        ("\\\\?\\C:\\Users\\bob\\a", "\\\\?\\E:\\Homes\\rob ert\\a"),
        ("plain", "plain"),
        ("C:\\Users\\bob\\\ud800", "E:\\Homes\\rob ert\\\ud800"),
    ],
)
def test_a_text_has_the_folders_of_the_windows_that_it_comes_to(old: str, new: str) -> None:
    assert here(string(old)) == new


def test_what_names_no_folder_and_what_is_no_text_is_in_no_pieces() -> None:
    for value in (string("plain"), string("C:\\Users\\bob", 3), string("", 4), string("", 7)):
        assert PIECES.marked(value) is value
        assert PIECES.of(value) == []


def test_all_elements_and_odd_bytes_behind_a_text_stay() -> None:
    text = "C:\\Users\\bob\0\0D:\\x\0\0".encode("utf-16-le")
    for kind, second in ((7, "C:\\From D\\x"), (2, "D:\\x")):
        value = RegistryValue("V", kind, text + b"\x07")
        found = joined(PIECES.of(PIECES.marked(value)), HERE.__getitem__)
        wanted = f"E:\\Homes\\rob ert\0\0{second}\0\0"
        assert found == wanted.encode("utf-16-le") + b"\x07"


def test_a_folder_that_became_a_drive_keeps_a_separator() -> None:
    pieces = PIECES.of(PIECES.marked(string("C:\\Users\\bob and C:\\Users\\bob;C:\\Users\\bob\\x")))
    for folder, shown in (("F:", "F:\\;F:\\x\0"), ("F:\\y", "F:\\y;F:\\y\\x\0")):
        found = joined(pieces, {f"profile:{BOB}": folder, "system": "C:"}.__getitem__)
        assert found.decode("utf-16-le") == f"C:\\Users\\bob and {shown}"
    (bare, _) = PIECES.of(PIECES.marked(string("D:")))
    assert isinstance(bare, dict)
    assert (bare["base"], bare["was"], bare["root"]) == ("drive:D", "D:", "")


def test_what_a_rule_moves_as_a_whole_is_below_its_base() -> None:
    call = "MigXmlHelper.RelativeMove('C:\\Users\\bob\\Old','C:\\Users\\bob\\New Place')"
    pattern = ("File", "C:\\Users\\bob\\Old\\* [*]")
    rule = Instruction("locationModify", call, BOB, "c", "r.xml:1", (pattern,))
    pieces = pieces_of(None, rule)
    assert here(string("C:\\Users\\bob\\Old\\a"), pieces) == "E:\\Homes\\rob ert\\New Place\\a"
    assert here(string("file:///C:/Users/bob/Old"), pieces) == "file:///E:/Homes/rob%20ert/New%20Place"  # fmt: skip
    stays = joined(
        pieces.of(pieces.marked(string("C:\\Users\\bob\\Old"))), lambda _: "C:\\Users\\bob"
    )
    assert stays.decode("utf-16-le") == "C:\\Users\\bob\\New Place\0"


def test_the_folder_of_a_user_who_stays_behind_moves_with_its_drive_only() -> None:
    pieces = pieces_of(UserWords(exclude=("bob",)))
    (folder, rest) = pieces.of(pieces.marked(string("C:\\Users\\bob\\a")))
    assert isinstance(folder, dict)
    assert (folder["base"], folder["was"]) == ("system", "C:")
    assert bytes.fromhex(str(rest)).decode("utf-16-le") == "\\Users\\bob\\a\0"


def test_no_mark_is_in_any_piece_and_the_same_value_has_the_same_pieces() -> None:
    value = string("D:\\x;C:\\Users\\bob\\a;file:///C:/Users/bob")
    one, two = (each.of(each.marked(value)) for each in (pieces_of(), pieces_of()))
    assert one == two
    kept = b"".join(bytes.fromhex(each) for each in one if isinstance(each, str))
    assert kept.decode("utf-16-le") == "\\x;\\a;file:///\0"


WORDS = st.sampled_from([
    "C:\\Users\\bob", "c:\\USERS\\Bob", "C:/Users/bob", "C:\\\\Users\\\\bob", "C:\\Users\\eve", "D:", "d:\\", "C:\\",
    "C:\\Documents and Settings\\bob", "C:\\Users\\anna.CONTOSO", "file:///", "file://localhost/", "\\", "/", ";", ",",
    " ", '"', "'", "=", "x", "by", "%20", "*", "\0", "@", "\\\\?\\", "\\??\\", "!:\\", "\ud800", "ß", "!:",
])  # fmt: skip


@given(st.lists(WORDS, max_size=12), st.sampled_from([1, 2, 7]), st.binary(max_size=1))
def test_the_script_writes_what_a_restore_writes(words: list[str], kind: int, odd: bytes) -> None:
    value = string("".join(words), kind)
    value = replace(value, data=value.data + odd)
    found = joined(PIECES.of(PIECES.marked(value)), HERE.__getitem__) or value.data
    wanted = RESTORED.of(value).data
    assert _folded(found) == _folded(wanted)
    if wanted == value.data:
        assert found == wanted


def _folded(data: bytes) -> tuple[str, bytes]:
    """Return text without case, and addresses without the spellings that mean the same."""
    text = upcase(data[: len(data) & ~1].decode("utf-16-le", "surrogatepass"))
    return re.sub("%[0-9A-F]{2}", lambda each: each[0].lower(), text), data[len(data) & ~1 :]
