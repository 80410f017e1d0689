"""An INI file takes values and keeps all else to the byte; what is put is what Windows, and our scan, would read."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extractor.errors import UnsupportedError
from extractor.evaluate.ini import read_ini
from extractor.model import RegistryValue, upcase
from extractor.restore.settings.ini import IniFile, ini_value

PLAIN = (
    b"; a comment\r\n[Fonts]\r\nArial = arial.ttf\r\n  Odd=\tx ; y\r\n\r\n\r\n"
    b"[fonts]\r\nArial=second\r\nOnly=here\r\n[Empty]\r\n[Last]\r\nq=\"quoted\"\r\nlast=1"
)  # fmt: skip


def put(content: bytes, section: str, key: str, text: str) -> bytes:
    file = IniFile.parse(content)
    file.put(section, key, text)
    return file.content


@pytest.mark.parametrize(
    ("section", "key", "text", "old", "new"),
    [
        ("FONTS", "ARIAL", "a.ttf", b"Arial = arial.ttf", b"Arial = a.ttf"),
        ("Fonts", "odd", "z", b"  Odd=\tx ; y", b"  Odd=\tz"),
        ("Fonts", "New", "n", b"  Odd=\tx ; y\r\n", b"  Odd=\tx ; y\r\nNew=n\r\n"),
        ("Fonts", "Only", "n", b"  Odd=\tx ; y\r\n", b"  Odd=\tx ; y\r\nOnly=n\r\n"),
        ("Empty", "k", "v", b"[Empty]\r\n", b"[Empty]\r\nk=v\r\n"),
        ("Last", "q", "other", b'q="quoted"', b'q="other"'),
        ("Last", "last", " b ", b"last=1", b'last=" b "'),
        ("Last", "last", '"b"', b"last=1", b'last=""b""'),
        ("Last", "last", "\xa0b", b"last=1", b'last="\xa0b"'),
        ("Last", "last", "", b"last=1", b"last="),
        ("Last", "more", "2", b"last=1", b"last=1\r\nmore=2"),
        ("Wholly New", "k", "v", b"last=1", b"last=1\r\n[Wholly New]\r\nk=v\r\n"),
        ("Last", "last", "caf\xe9 \u20ac", b"last=1", b"last=caf\xe9 \x80"),
    ],
)
def test_a_value_is_put_and_all_else_stays(
    section: str, key: str, text: str, old: bytes, new: bytes
) -> None:
    found = put(PLAIN, section, key, text)
    assert found == PLAIN.replace(old, new)
    assert IniFile.parse(found).value(section.lower(), key.upper()) == text
    assert read_ini(found).value(section, key) == text


@pytest.mark.parametrize(
    ("section", "key", "expected"),
    [
        ("fonts", "ARIAL", "arial.ttf"),
        ("Fonts", "Odd", "x ; y"),
        ("Fonts", "Only", None),
        ("Last", "q", "quoted"),
        ("Empty", "q", None),
        ("None", "q", None),
    ],
)
def test_the_first_of_its_name_counts(section: str, key: str, expected: str | None) -> None:
    assert IniFile.parse(PLAIN).value(section, key) == expected


def test_a_key_is_removed_with_its_twins_and_nothing_else() -> None:
    file = IniFile.parse(b"[A]\nx=1\n;x\ny=2\nX=3\n[B]\nx=4\n")
    file.remove("a", "x")
    file.remove("a", "none")
    file.remove("none", "x")
    assert file.content == b"[A]\n;x\ny=2\n[B]\nx=4\n"
    assert file.value("A", "x") is None
    file.put("A", "x", "5")
    assert file.content == b"[A]\n;x\ny=2\nx=5\n[B]\nx=4\n"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_new_lines_end_as_the_others_do(end: str) -> None:
    content = f"[A]{end}x=1{end}".encode()
    assert put(content, "B", "y", "2") == content + f"[B]{end}y=2{end}".encode()


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_the_encoding_of_a_file_stays(mark: bytes, encoding: str) -> None:
    content = mark + "[Ж]\r\nключ=а\r\n".encode(encoding)
    found = put(content, "ж", "КЛЮЧ", "名前")
    assert found == mark + "[Ж]\r\nключ=名前\r\n".encode(encoding)
    assert read_ini(found).value("Ж", "ключ") == "名前"


def test_a_new_file_is_ascii_or_unicode() -> None:
    assert put(b"", "A", "x", "1") == b"[A]\r\nx=1\r\n"
    found = put(b"", "A", "x", "\xe9")
    assert found == codecs.BOM_UTF16_LE + "[A]\r\nx=\xe9\r\n".encode("utf-16-le")
    assert IniFile.parse(found).value("A", "x") == "\xe9"
    assert IniFile.parse(b"").content == b""


def test_letters_of_any_code_page_survive_and_what_no_byte_stands_for_is_refused() -> None:
    cyrillic = "[A]\r\nимя=значение\r\n".encode("cp1251")
    assert put(cyrillic, "A", "x", "1") == cyrillic + b"x=1\r\n"
    name = read_ini(cyrillic).by_name["A"].entries
    (key, value), *_ = name.values()
    assert put(b"[A]\r\n", "A", key, value) == cyrillic
    with pytest.raises(UnsupportedError, match="does not fit into the encoding"):
        put(cyrillic, "A", "x", "\u540d")
    with pytest.raises(UnsupportedError, match="does not fit into the encoding"):
        put(codecs.BOM_UTF8 + b"[A]\r\n", "A", "x", "\ud800")


def test_a_file_of_ascii_becomes_unicode_where_no_byte_stands_for_a_letter() -> None:
    found = put(b"[A]\r\nx=1\r\n", "A", "x", "\u540d")
    assert found == codecs.BOM_UTF16_LE + "[A]\r\nx=\u540d\r\n".encode("utf-16-le")


@pytest.mark.parametrize(
    ("section", "key", "text"),
    [
        ("A", "x", "1\r\n[B]"),
        ("A", "x", "1\n"),
        ("A", "x", "1\0"),
        ("A", "x=y", "1"),
        ("A", ";x", "1"),
        ("A", " x", "1"),
        ("A", "[x", "1]"),
        ("A\n[B", "x", "1"),
        (" A", "x", "1"),
    ],
)
def test_what_an_ini_file_cannot_say_is_refused(section: str, key: str, text: str) -> None:
    file = IniFile.parse(PLAIN)
    with pytest.raises(UnsupportedError, match="cannot say"):
        file.put(section, key, text)
    assert file.content == PLAIN


def test_a_value_is_as_the_catalog_has_it() -> None:
    assert ini_value("k", "a\ud800") == RegistryValue("k", 1, b"a\0\0\xd8\0\0")
    assert ini_value("k", "a").provenance == "ini"


def test_ten_thousand_keys_are_put_in_no_time() -> None:
    file = IniFile.parse(b"[A]\r\n" + b"filler=1\r\n" * 100_000)
    for number in range(10_000):
        file.put("A", f"k{number}", "v")
    assert file.content.count(b"=v\r\n") == 10_000


# --- properties ---------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["[", "]", "A", "b", "=", ";", " ", "\t", '"', "'", "\r\n", "\n", "\r", "\0", "x", "ß", "\xa0", "\x85", "\u2028"]
)  # fmt: skip
TEXT = st.lists(PIECES, max_size=25).map("".join)
WORD = st.lists(PIECES, max_size=5).map("".join) | st.sampled_from(["A", "b", "x", "b b"])
CODED = st.sampled_from(["latin-1", "utf-8-sig", "utf-16"])


MARKS = st.sampled_from([b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])


@given(st.binary(max_size=60), MARKS)
def test_any_bytes_come_back_as_they_were(content: bytes, mark: bytes) -> None:
    assert IniFile.parse(mark + content).content == mark + content


@given(TEXT, CODED)
def test_values_are_read_as_the_scan_reads_them(text: str, coded: str) -> None:
    content = text.encode(coded, "ignore")
    file, scanned = IniFile.parse(content), read_ini(content)
    for section in scanned.sections:
        for key, (_, value) in section.entries.items():
            assert file.value(section.name, key) == value


@given(TEXT, CODED, WORD, WORD, WORD)
def test_what_was_put_is_read_and_every_other_line_is_as_it_was(
    text: str, coded: str, section: str, key: str, value: str
) -> None:
    content = text.encode(coded, "ignore")
    file = IniFile.parse(content)
    try:
        file.put(section, key, value)
    except UnsupportedError:
        assert file.content == content
        return
    found = file.content
    assert read_ini(found).value(section, key) == value
    assert IniFile.parse(found).value(section, key) == value
    before, after = entries(content), entries(found)
    assert after.pop((upcase(section), upcase(key))) == value
    before.pop((upcase(section), upcase(key)), None)
    assert after == before
    assert len(set(lines(found)) - set(lines(content))) <= 2


def entries(content: bytes) -> dict[tuple[str, str], str]:
    """Section and key in upper case -> value."""
    found = read_ini(content).by_name
    return {(name, key): each[1] for name in found for key, each in found[name].entries.items()}


def lines(content: bytes) -> list[str]:
    text = content.decode("utf-16" if content[:2] == codecs.BOM_UTF16_LE else "latin-1", "replace")
    return [line for line in text.replace("\r", "\n").split("\n") if line]


@given(TEXT, WORD, WORD)
def test_what_was_removed_is_gone(text: str, section: str, key: str) -> None:
    assume(text.isascii())
    file = IniFile.parse(text.encode())
    file.remove(section, key)
    assert file.value(section, key) is None
    assert read_ini(file.content).value(section, key) is None
