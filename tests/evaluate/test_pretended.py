"""addObjects, usmt.md 3.3: what an object is on one machine, and what cannot be one."""

from __future__ import annotations

import pytest

from extractor.evaluate.active import Activation
from extractor.model import FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_READONLY
from extractor.rules.patterns import PatternKind
from tests.evaluate.activations import BOB, FALSE, TRUE, met, ruled, told

HERE = r"HKLM\Software\X [V]"
NONE, SZ, EXPAND_SZ, BINARY, DWORD, BIG_ENDIAN, LINK, MULTI_SZ, QWORD = (*range(8), 11)


def added(
    attributes: str = "",
    content: str | None = None,
    location: str = HERE,
    kind: str = "Registry",
    how: str = "",
) -> str:
    """Spell an addObjects with one object."""
    data = "" if content is None else f"<bytes {how}>{content}</bytes>"
    return (
        f'<addObjects><object><location type="{kind}">{location}</location>'
        f"<attributes>{attributes}</attributes>{data}</object></addObjects>"
    )


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


TEXT = 'string="Yes"'
AS_IT_IS = 'string="Yes" expand="No"'
VALUES = {
    "3.2 NONE": (added("NONE", "00ff"), NONE, b"\0\xff"),
    "3.2 DWORD of pairs, as in stock rules": (added("DWORD", "01000000"), DWORD, b"\1\0\0\0"),
    "3.2 DWORD of text": (added("DWORD", "10", how=TEXT), DWORD, b"\x0a\0\0\0"),
    "3.2 DWORD of text in hexadecimal": (added("DWORD", " 0x10 ", how=TEXT), DWORD, b"\x10\0\0\0"),
    "3.2 DWORD of no text": (added("DWORD", "", how=TEXT), DWORD, b"\0\0\0\0"),
    "3.2 REG_DWORD": (added("REG_DWORD", "01000000"), DWORD, b"\1\0\0\0"),
    "3.2 DWORD the other way round": (added("DWORD_BIG_ENDIAN", "1", how=TEXT), BIG_ENDIAN, b"\0\0\0\1"),
    "3.2 QWORD of text": (added("QWORD", "1", how=TEXT), QWORD, b"\1" + bytes(7)),
    "3.2 STRING of text": (added("STRING", "a b", how=TEXT), SZ, utf16("a b\0")),
    "3.2 STRING of pairs": (added("STRING", "61 00 00 00"), SZ, utf16("a\0")),
    "3.2 REG_SZ, as documented too": (added("REG_SZ", "a", how=TEXT), SZ, utf16("a\0")),
    "3.2 in any letter case": (added("string", "a", how=TEXT), SZ, utf16("a\0")),
    "3.2 EXPANDSTRING": (added("EXPANDSTRING", "%WINDIR%", how=AS_IT_IS), EXPAND_SZ, utf16("%WINDIR%\0")),
    "3.2 BINARY, pairs with commas": (added("BINARY", "00,ff,10"), BINARY, b"\0\xff\x10"),
    "3.2 BINARY, pairs in lines": (added("BINARY", "\n 00ff\n 10\n"), BINARY, b"\0\xff\x10"),
    "3.2 MULTI_SZ of text": (added("MULTISTRING", "a;b", how=TEXT), MULTI_SZ, utf16("a\0b\0\0")),
    "3.2 LINK": (added("LINK", "a", how=TEXT), LINK, utf16("a\0")),
    "3.3 expanded by default": (added("STRING", r"%WINDIR%\x", how=TEXT), SZ, utf16("C:\\Windows\\x\0")),
    "3.3 not expanded": (added("STRING", r"%WINDIR%\x", how=AS_IT_IS), SZ, utf16("%WINDIR%\\x\0")),
    "3.3 no bytes": (added("STRING"), SZ, b""),
    "3.3 the default value": (added("STRING", "a", HERE.replace("V", ""), how=TEXT), SZ, utf16("a\0")),
}  # fmt: skip


def only(made: Activation) -> tuple[PatternKind, str, int, bytes, str]:
    (each,) = made.pretended
    return each.kind, each.location, each.type, each.data, each.scope


@pytest.mark.parametrize(("body", "number", "data"), VALUES.values(), ids=VALUES.keys())
def test_a_value_has_a_type_and_data(body: str, number: int, data: bytes) -> None:
    made = met(ruled(body, "System"))
    assert only(made)[2:4] == (number, data)
    assert told(made) == []


def file(attributes: str, content: str | None = None, how: str = TEXT) -> str:
    return added(attributes, content, r"%WINDIR%\a [b.txt]", "File", how)


OTHERS = {
    "3.2 a file": (
        file("ARCHIVE", "text é"),
        (PatternKind.FILE, r"C:\Windows\a [b.txt]", FILE_ATTRIBUTE_ARCHIVE, "text é".encode()),
    ),
    "3.2 a file of pairs": (
        file("ARCHIVE", "00ff", ""),
        (PatternKind.FILE, r"C:\Windows\a [b.txt]", FILE_ATTRIBUTE_ARCHIVE, b"\0\xff"),
    ),
    "3.2 attributes of a file, a comma list": (
        file("READ-ONLY, hidden,System", ""),
        (PatternKind.FILE, r"C:\Windows\a [b.txt]", FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | 4, b""),
    ),
    "3.3 a folder has no bytes": (
        added("ARCHIVE", "text", r"C:\a", "File", TEXT), (PatternKind.FILE, r"C:\a", NONE, b""),
    ),
    "3.3 a key has no bytes": (
        added("DWORD", "01000000", r"HKLM\Software\X"), (PatternKind.REGISTRY, r"HKLM\Software\X", NONE, b""),
    ),
    "3.6 a key of an INI file": (
        added("STRING", "a", r"C:\a.ini|S[K]", "Ini", TEXT), (PatternKind.INI, r"C:\a.ini|S[K]", SZ, utf16("a\0")),
    ),
    "3.6 a key of an INI file is text, whatever is said": (
        added("DWORD", "1", r"C:\a.ini|S[K]", "Ini", TEXT), (PatternKind.INI, r"C:\a.ini|S[K]", SZ, utf16("1\0")),
    ),
    "3.6 escapes": (
        added("ARCHIVE", "", r"C:\a [b^[1^].txt]", "File"),
        (PatternKind.FILE, r"C:\a [b^[1^].txt]", FILE_ATTRIBUTE_ARCHIVE, b""),
    ),
    "2.5 a long name of the registry": (
        added("DWORD", "01000000", r"HKEY_LOCAL_MACHINE\Software\X [V]"),
        (PatternKind.REGISTRY, r"HKLM\Software\X [V]", DWORD, b"\1\0\0\0"),
    ),
    "2.5 HKCR is the machine's": (
        added("STRING", "a", r"HKCR\.txt []", how=TEXT),
        (PatternKind.REGISTRY, r"HKLM\SOFTWARE\Classes\.txt []", SZ, utf16("a\0")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), OTHERS.values(), ids=OTHERS.keys())
def test_an_object_has_a_place_attributes_and_content(
    body: str, expected: tuple[PatternKind, str, int, bytes]
) -> None:
    made = met(ruled(body, "System"))
    assert only(made) == (*expected, "")
    assert told(made) == []


def test_an_object_of_hkcu_is_each_users() -> None:
    made = met(ruled(added("DWORD", "01000000", r"HKCU\X [V]"), "User"), users=[BOB])
    assert [(each.location, each.scope) for each in made.pretended] == [
        (rf"HKU\{BOB.sid}\X [V]", BOB.sid)
    ]


REFUSED = {
    "3.2 an unknown type": (added("NUMBER", "1"), "'NUMBER' is none of"),
    "3.2 two types": (added("DWORD,STRING", "1"), "a registry value has one type"),
    "3.2 an unknown attribute of a file": (file("SECRET"), "'SECRET' is none of ARCHIVE"),
    "3.3 pairs that are none": (added("BINARY", "0g"), "'0g' is not made of hexadecimal pairs"),
    "3.3 half a pair": (added("BINARY", "012"), "is not made of hexadecimal pairs"),
    "3.2 a number that is none": (added("DWORD", "ten", how=TEXT), "'ten' is no number of 4 bytes"),
    "3.2 a number that is too large": (added("DWORD", "4294967296", how=TEXT), "is no number of 4 bytes"),
    "3.2 a number below zero": (added("DWORD", "-1", how=TEXT), "is no number of 4 bytes"),
    "3.6 a wildcard in the key": (added("DWORD", location=r"HKLM\*\X [V]"), "an object has no wildcards"),
    "3.6 a wildcard in the value": (added("DWORD", location=r"HKLM\X [*]"), "an object has no wildcards"),
    "3.5 an undefined variable in the place": (added("DWORD", location=r"HKLM\%No% [V]"), "%No% is not defined"),
    "3.5 an undefined variable in the text": (added("STRING", "%No%", how=TEXT), "%No% is not defined"),
    "3.4 HKCU of the machine": (added("DWORD", location=r"HKCU\X [V]"), "HKCU is invalid in the system context"),
    "3.4 an unknown root": (added("DWORD", location=r"HKXX\X [V]"), "'HKXX' is no root"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_an_object_is_told_with_its_line(body: str, why: str) -> None:
    made = met(ruled(body, "System"))
    assert made.pretended == ()
    (message,) = told(made)
    assert message.startswith("test.xml:1: the machine: ")
    assert f"is not added: {why}" in message or why in message


GATES = {
    "3.4 a condition holds": (TRUE, True),
    "3.4 any false one blanks the parent": (TRUE + FALSE, False),
    "3.4 conditions hold": (f'<conditions operation="OR">{FALSE}{TRUE}</conditions>', True),
    "3.4 conditions do not hold": (f"<conditions>{FALSE}</conditions>", False),
}


@pytest.mark.parametrize(("gate", "there"), GATES.values(), ids=GATES.keys())
def test_objects_are_added_where_their_gate_holds(gate: str, there: bool) -> None:
    body = added("DWORD", "01000000").replace("<addObjects>", f"<addObjects>{gate}")
    assert len(met(ruled(body, "System")).pretended) == there


def test_a_component_that_is_not_there_adds_nothing() -> None:
    """3.3: the detection of a role gates all in it."""
    gate = f"<detection><conditions>{FALSE}</conditions></detection>"
    assert met(ruled(added("DWORD", "01000000"), "System", before=gate)).pretended == ()
