"""String forms of values and GetStringContent, usmt.md 3.8; data is expanded as Windows means its variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evaluate.facts import Facts
from extractor.evaluate.strings import expand_data, string_content, string_form, texts
from extractor.model import RegistryValue
from extractor.rules.calls import parse_call
from extractor.rules.patterns import LONGEST, PatternError
from tests.evaluate.activations import BOB, scene

NONE, SZ, EXPAND_SZ, BINARY, DWORD, BIG_ENDIAN, LINK, MULTI_SZ = range(8)
QWORD = 11


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


FORMS = {
    "3.8 SZ as it is": (SZ, utf16("Text\0"), "Text"),
    "3.8 SZ without its NUL": (SZ, utf16("Text"), "Text"),
    "3.8 SZ up to its NUL": (SZ, utf16("Text\0rest\0"), "Text"),
    "3.8 SZ with half a character": (SZ, utf16("Text") + b"x", "Text"),
    "3.8 SZ, nothing": (SZ, b"", ""),
    "3.8 EXPAND_SZ as it is": (EXPAND_SZ, utf16("%WINDIR%\0"), "%WINDIR%"),
    "3.8 LINK as it is": (LINK, utf16(r"\Registry\Machine"), r"\Registry\Machine"),
    "3.8 MULTI_SZ joined by ;": (MULTI_SZ, utf16("a\0b\0\0"), "a;b"),
    "3.8 MULTI_SZ with half a character": (MULTI_SZ, utf16("a\0b\0") + b"x", "a;b"),
    "3.8 MULTI_SZ, nothing": (MULTI_SZ, utf16("\0"), ""),
    "3.8 MULTI_SZ with an empty text": (MULTI_SZ, utf16("a\0\0b\0\0"), "a;b"),
    "3.8 DWORD, 8 digits": (DWORD, b"\x01\0\0\0", "0x00000001"),
    "9, 18 DWORD in lower case": (DWORD, b"\xef\xbe\xad\xde", "0xdeadbeef"),
    "3.8 DWORD that is short": (DWORD, b"\x07", "0x00000007"),
    "3.8 DWORD that is long": (DWORD, b"\x07\0\0\0\xff", "0x00000007"),
    "3.8 DWORD, nothing": (DWORD, b"", "0x00000000"),
    "3.8 DWORD the other way round": (BIG_ENDIAN, b"\0\0\0\x07", "0x00000007"),
    "3.8 DWORD the other way round that is long": (BIG_ENDIAN, b"\0\0\0\x07\xff", "0x00000007"),
    "3.8 QWORD, 16 digits": (QWORD, b"\x01" + bytes(7), "0x0000000000000001"),
    "3.8 QWORD that is long": (QWORD, b"\x01" + bytes(7) + b"\xff", "0x0000000000000001"),
    "3.8 BINARY, pairs": (BINARY, b"\x00\xab", "00ab"),
    "3.8 NONE, pairs": (NONE, b"\x01", "01"),
    "3.8 a type that nobody knows, pairs": (0xFFFF0001, b"\x01\x02", "0102"),
    "3.8 a lone surrogate": (SZ, utf16("a\ud800\0"), "a\ud800"),
}


@pytest.mark.parametrize(("kind", "data", "expected"), FORMS.values(), ids=FORMS.keys())
def test_a_value_has_a_string_form(kind: int, data: bytes, expected: str) -> None:
    assert string_form(RegistryValue("v", kind, data)) == expected


@given(st.integers(0, 12), st.binary(max_size=40))
def test_whatever_a_value_holds_has_a_string_form_and_texts(kind: int, data: bytes) -> None:
    value = RegistryValue("v", kind, data)
    assert ";".join(texts(value)) == string_form(value)


TEXTS = {
    "3.8 MULTI_SZ": (MULTI_SZ, utf16("a\0b;c\0\0"), ("a", "b;c")),
    "3.8 SZ": (SZ, utf16("a;b\0"), ("a;b",)),
    "3.8 any other": (DWORD, b"\x01\0\0\0", ("0x00000001",)),
}


@pytest.mark.parametrize(("kind", "data", "expected"), TEXTS.values(), ids=TEXTS.keys())
def test_a_value_has_texts(kind: int, data: bytes, expected: tuple[str, ...]) -> None:
    assert texts(RegistryValue("v", kind, data)) == expected


VARIABLES = {
    "SystemRoot": r"C:\Windows",
    "ALLUSERSPROFILE": r"C:\Users\Public",
    "PROGRAMDATA": r"C:\ProgramData",
    "LONG": "x" * 20_000,
    "NESTED": "%SYSTEMROOT%",
}
EXPANDED = {
    "3.8 a variable": (r"%SystemRoot%\x", r"C:\Windows\x"),
    "3.5 in any letter case": (r"%SYSTEMROOT%\x", r"C:\Windows\x"),
    "3.8 an unknown one stays": (r"%Nobody%\x", r"%Nobody%\x"),
    "3.8 a percent sign": ("100% of %x", "100% of %x"),
    "9, 7 ALLUSERSPROFILE in data is ProgramData": (r"%ALLUSERSPROFILE%\x", r"C:\ProgramData\x"),
    "3.8 once": ("%NESTED%", "%SYSTEMROOT%"),
    "3.8 not beyond the longest path": ("%LONG%%LONG%", "%LONG%%LONG%"),
    "3.8 no variables": ("plain", "plain"),
}


@pytest.mark.parametrize(("text", "expected"), EXPANDED.values(), ids=EXPANDED.keys())
def test_data_is_expanded_as_windows_means_it(text: str, expected: str) -> None:
    assert expand_data(text, VARIABLES) == expected


def test_where_there_is_no_programdata_allusersprofile_is_what_it_is() -> None:
    """XP has no such folder."""
    assert expand_data("%allusersprofile%", {"ALLUSERSPROFILE": "C:\\All"}) == "C:\\All"


@given(st.text(alphabet="%aL", max_size=60))
def test_expanded_data_never_grows_beyond_the_longest_path(text: str) -> None:
    variables = {"A": "b" * 4_000, "L": "%A%" * 3_000}
    assert len(expand_data(text, variables)) <= max(len(text), LONGEST)


KEY = r"HKLM\Software\X"
MACHINE = scene(
    {r"App\draw.ini": b"[Files]\r\nLast='C:\\a'\r\n"},
    {
        "X": {
            "Quoted": '"C:\\App\\"',
            "Path": r"%WINDIR%\x",
            "Number": 10,
            "Blanks": "  a  ",
            "Odd": "a[b]*",
            "": "default",
        },
    },
    [BOB],
    {rf"HKU\{BOB.sid}": {"Own": {"V": "mine"}}},
)
CONTENTS = {
    "3.8 Registry": (rf"'Registry','{KEY} [Quoted]'", '"C:\\App\\"'),
    "3.8 the default value": (rf"'Registry','{KEY} []'", "default"),
    "3.8 a string form": (rf"'Registry','{KEY} [Number]'", "0x0000000a"),
    "3.8 Ini": (r"'Ini','C:\App\draw.ini|Files[Last]'", r"C:\a"),
    "3.8 type in any letter case": (rf"' registry ','{KEY} [Number]'", "0x0000000a"),
    "3.8 always NULL for File": (r"'File','C:\App [draw.ini]'", None),
    "3.8 NULL for a type that is none": (rf"'Key','{KEY} [Number]'", None),
    "3.8 NULL for a value that is missing": (rf"'Registry','{KEY} [Nothing]'", None),
    "3.8 NULL for a key": (rf"'Registry','{KEY}'", None),
    "3.8 expanded": (rf"'Registry','{KEY} [Path]'", r"C:\Windows\x"),
    "3.8 expanded, said so": (rf"'Registry','{KEY} [Path]','TRUE'", r"C:\Windows\x"),
    "3.8 expanded, NULL is the default": (rf"'Registry','{KEY} [Path]',NULL", r"C:\Windows\x"),
    "3.8 not expanded, FALSE": (rf"'Registry','{KEY} [Path]','FALSE'", r"%WINDIR%\x"),
    "3.8 not expanded, 0": (rf"'Registry','{KEY} [Path]','0'", r"%WINDIR%\x"),
    "3.8 not expanded, No": (rf"'Registry','{KEY} [Path]','no'", r"%WINDIR%\x"),
    "9, 13 trimmed as in stock rules": (
        rf"""'Registry','{KEY} [Quoted]','0','"','"\'""", r"C:\App",
    ),
    "9, 13 trimmed on the left": (rf"""'Registry','{KEY} [Quoted]','0','"'""", 'C:\\App\\"'),
    "9, 13 trimmed on the right": (rf"""'Registry','{KEY} [Quoted]','0',NULL,'"\'""", r'"C:\App'),
    "9, 13 sets, not words": (rf"'Registry','{KEY} [Odd]','0','[a','*]'", "b"),
    "9, 13 blanks": (rf"'Registry','{KEY} [Blanks]','0',' ',' '", "a"),
    "9, 13 trimmed after it is expanded": (rf"'Registry','{KEY} [Path]','1','C:\','x\'", "Windows"),
    "9, 13 nothing is trimmed without sets": (rf"'Registry','{KEY} [Blanks]'", "  a  "),
    "3.6 it is plain text, not pattern text": (rf"'Registry','{KEY} [Odd]'", "a[b]*"),
    "3.6 the first of several": (rf"'Registry','{KEY} [Nu*]'", "0x0000000a"),
}  # fmt: skip


def content(arguments: str, sid: str = "") -> str | None:
    facts = Facts(MACHINE, sid, lambda _, message: pytest.fail(message))
    call = parse_call(f"MigXmlHelper.GetStringContent({arguments})")
    return string_content(call, facts, {"WINDIR": r"C:\Windows"})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    CONTENTS.values(),
    ids=CONTENTS.keys(),
)
def test_get_string_content(arguments: str, expected: str | None) -> None:
    assert content(arguments) == expected


def test_hkcu_is_that_of_the_user_and_of_nobody_for_the_machine() -> None:
    """3.4."""
    assert content(r"'Registry','HKCU\Own [V]'", BOB.sid) == "mine"
    with pytest.raises(PatternError, match="invalid in the system context"):
        content(r"'Registry','HKCU\Own [V]'")
