r"""INI files as GetPrivateProfileString reads them, and Ini patterns (``path\file.ini|Section[Key]``, usmt.md 3.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError, UnsupportedError
from extractor.evaluate.facts import Facts
from extractor.evaluate.ini import LARGEST, IniFile, decode_ansi, open_ini, read_ini
from extractor.rules.patterns import PatternError, PatternKind
from extractor.seams import Stream
from extractor.testing import FakeFile, FakeStream
from tests.evaluate.activations import Files, scene

READ = {
    "a value": ("[Mail]\r\nMAPI=1\r\n", "1"),
    "letter case": ("[mail]\r\nmapi=1\r\n", "1"),
    "Unix line ends": ("[Mail]\nMAPI=1\n", "1"),
    "old Mac line ends": ("[Mail]\rMAPI=1\r", "1"),
    "no line end": ("[Mail]\nMAPI=1", "1"),
    "blanks": ("  [ Mail ]  \n  MAPI = 1  \n", "1"),
    "a blank inside": ("[Mail]\nMAPI=1 2\n", "1 2"),
    "an equals sign inside": ("[Mail]\nMAPI=a=b\n", "a=b"),
    "nothing": ("[Mail]\nMAPI=\n", ""),
    "double quotes are dropped": ('[Mail]\nMAPI=" a "\n', " a "),
    "single quotes are dropped": ("[Mail]\nMAPI=' a '\n", " a "),
    "one pair of quotes": ("[Mail]\nMAPI=\"'a'\"\n", "'a'"),
    "a quote alone": ('[Mail]\nMAPI="a\n', '"a'),
    "quotes of two kinds": ("[Mail]\nMAPI=\"a'\n", "\"a'"),
    "a comment": ("[Mail]\n;MAPI=0\nMAPI=1\n", "1"),
    "a semicolon inside": ("[Mail]\nMAPI=1;2\n", "1;2"),
    "the first of two": ("[Mail]\nMAPI=1\nMAPI=2\n", "1"),
    "the first section of two": ("[Mail]\nMAPI=1\n[Mail]\nMAPI=2\n", "1"),
    "a key only in the second section of a name": ("[Mail]\nX=1\n[Mail]\nMAPI=2\n", None),
    "another section": ("[Other]\nMAPI=1\n", None),
    "before any section": ("MAPI=1\n[Mail]\n", None),
    "a line without an equals sign": ("[Mail]\nMAPI\n", None),
    "a section that is not closed": ("[Mail\nMAPI=1\n", None),
    "text behind a section": ("[Mail] ; here\nMAPI=1\n", "1"),
    "a bracket in a value": ("[Mail]\nMAPI=[x]\n", "[x]"),
    "empty": ("", None),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ.keys())
def test_a_value_is_what_windows_would_read(text: str, expected: str | None) -> None:
    assert read_ini(text.encode()).value("Mail", "MAPI") == expected


ENCODED = {
    "ANSI": ("Müller €", "cp1252"),
    "UTF-8 with its mark": ("Müller €", "utf-8-sig"),
    "UTF-16": ("Müller ⛵", "utf-16"),
}


@pytest.mark.parametrize(("text", "encoding"), ENCODED.values(), ids=ENCODED.keys())
def test_the_mark_at_the_start_tells_the_encoding(text: str, encoding: str) -> None:
    content = f"[a]\nName={text}\n".encode(encoding)
    assert read_ini(content).value("A", "name") == text


def test_utf_16_the_other_way_round_is_read_by_its_mark() -> None:
    content = b"\xfe\xff" + "[a]\nb=⛵\n".encode("utf-16-be")
    assert read_ini(content).value("a", "b") == "⛵"


DECODED = {
    "ANSI, all 256": (bytes(range(256)), 256),
    "half a character of UTF-16": (b"\xff\xfea\0b", 1),
    "bytes that are no UTF-8": (b"\xef\xbb\xbf\xff", 1),
    "a lone surrogate": (b"\xff\xfe\x00\xd8", 1),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize(("content", "length"), DECODED.values(), ids=DECODED.keys())
def test_any_bytes_are_text(content: bytes, length: int) -> None:
    assert len(decode_ansi(content)) == length


def test_the_bytes_that_the_code_page_leaves_open_stay_control_codes() -> None:
    assert decode_ansi(b"\x80\x81") == "\u20ac\x81"


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_has_it_is_read(content: bytes) -> None:
    ini = read_ini(content)
    for section in ini.sections:
        for key, (_, value) in section.entries.items():
            assert ini.value(section.name, key) == value


def test_a_file_that_is_larger_than_any_ini_file_is_not_read() -> None:
    with pytest.raises(UnsupportedError, match=r"x\.ini: .* bytes are more than"):
        open_ini(FakeStream(bytes(LARGEST + 1)), "x.ini")


def test_a_file_is_opened_whole() -> None:
    assert open_ini(FakeStream(b"[a]\nb=c"), "x.ini").value("a", "b") == "c"


# --- patterns -------------------------------------------------------------------------------------

FILES: Files = {
    r"Windows\draw.ini": b"[Pens]\r\nWidth=3\r\nColour=red\r\n[Paper]\r\nWidth=210\r\n",
    r"Windows\erase.ini": b"[Pens]\r\nWidth=1\r\n",
    r"Windows\odd[1].ini": b"[Pens]\r\nK=v\r\n[a[b]]\r\nWi*=x\r\n",
    r"Windows\folder.ini\x": b"",
    r"Windows\deep\draw.ini": b"[Pens]\r\nWidth=9\r\n",
    r"Windows\short": FakeFile(directory=True, short_name="SHO~1"),
    r"Windows\short\own.ini": b"[Pens]\r\nWidth=5\r\n",
}
FOUND = {
    "3.6 a key": (r"C:\Windows\draw.ini|Pens[Width]", ["3"]),
    "3.6 in any letter case": (r"c:\windows\DRAW.INI|pens[WIDTH]", ["3"]),
    "3.6 a key that is missing": (r"C:\Windows\draw.ini|Pens[Ink]", []),
    "3.6 a section that is missing": (r"C:\Windows\draw.ini|Ink[Width]", []),
    "3.6 a file that is missing": (r"C:\Windows\ink.ini|Pens[Width]", []),
    "3.6 a folder is no file": (r"C:\Windows\folder.ini|Pens[Width]", []),
    "3.6 all keys": (r"C:\Windows\draw.ini|Pens[*]", ["3", "red"]),
    "3.6 keys by wildcard": (r"C:\Windows\draw.ini|Pens[W*]", ["3"]),
    "3.6 sections by wildcard": (r"C:\Windows\draw.ini|P*[Width]", ["3", "210"]),
    "3.6 files by wildcard, in folders too": (r"C:\Windows\d*.ini|Pens[Width]", ["3", "9"]),
    "3.6 folders by wildcard": (r"C:\Windows\*\draw.ini|Pens[Width]", ["9"]),
    "3.6 brackets in the name of a file": (r"C:\Windows\odd^[1^].ini|Pens[K]", ["v"]),
    "3.6 brackets in the name of a section": (r"C:\Windows\odd^[1^].ini|a^[b^][*]", ["x"]),
    "3.6 a star in the name of a key": (r"C:\Windows\odd^[1^].ini|a^[b^][Wi^*]", ["x"]),
    "3.6 blanks around": (r"  C:\Windows\draw.ini | Pens [Width]  ", ["3"]),
    "3.6 a short name": (r"C:\Windows\SHO~1\own.ini|Pens[Width]", ["5"]),
}


def facts(files: Files, told: list[str]) -> Facts:
    return Facts(scene(files), "", lambda _, message: told.append(message))


@pytest.mark.parametrize(("pattern", "values"), FOUND.values(), ids=FOUND.keys())
def test_an_ini_pattern_finds_values(pattern: str, values: list[str]) -> None:
    told: list[str] = []
    asked = facts(FILES, told)
    found = list(asked.objects(PatternKind.INI, pattern))
    assert [text for each in found for text in asked.texts(each)] == values
    assert told == []


@pytest.mark.parametrize(("pattern", "values"), FOUND.values(), ids=FOUND.keys())
def test_what_is_found_is_told_by_a_pattern_that_means_it_alone(
    pattern: str, values: list[str]
) -> None:
    asked = facts(FILES, [])
    for each, value in zip(asked.objects(PatternKind.INI, pattern), values, strict=True):
        (again,) = asked.objects(PatternKind.INI, each.location)
        assert again == each
        assert asked.string(PatternKind.INI, each.location) == value


@pytest.mark.parametrize(
    "pattern",
    [
        r"C:\Windows\draw.ini[Width]",
        r"C:\Windows\draw.ini|Pens",
        "draw.ini|Pens[Width]",
        "|[x]",
        "|Pens[x]",
    ],
)
def test_a_pattern_without_its_three_parts_cannot_be_used(pattern: str) -> None:
    with pytest.raises(PatternError):
        list(facts(FILES, []).objects(PatternKind.INI, pattern))


def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_found() -> None:
    told: list[str] = []
    files = {**FILES, r"Windows\dread.ini": FakeFile(b"x", error=DamagedError("bad sector"))}
    asked = facts(files, told)
    assert len(list(asked.objects(PatternKind.INI, r"C:\Windows\d*.ini|Pens[Width]"))) == 2
    assert told == ["not read while looking for what rules name: bad sector"]


def test_a_file_is_read_once_however_many_keys_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def counted(stream: Stream, name: str) -> IniFile:
        opened.append(name)
        return open_ini(stream, name)

    monkeypatch.setattr("extractor.evaluate.inis.open_ini", counted)
    asked = facts(FILES, [])
    for key in ("Width", "Colour", "Ink"):
        asked.string(PatternKind.INI, rf"C:\Windows\draw.ini|Pens[{key}]")
    assert opened == [r"C:\Windows\draw.ini"]
