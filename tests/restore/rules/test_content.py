"""What contentModify makes of a value, function by function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue
from extractor.restore.rules.content import Kept, kept, modified
from extractor.rules.calls import parse_call
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Call


def call(text: str) -> Call:
    return parse_call(f"MigXmlHelper.{text}")


def sz(text: str, kind: int = 1) -> RegistryValue:
    return RegistryValue("v", kind, (text + "\0").encode("utf-16-le"))


def multi(*texts: str) -> RegistryValue:
    return RegistryValue("v", 7, ("".join(f"{each}\0" for each in texts) + "\0").encode("utf-16-le"))  # fmt: skip


def number(value: int, kind: int = 4) -> RegistryValue:
    width, order = {4: (4, False), 5: (4, True), 11: (8, False)}[kind]
    return RegistryValue("v", kind, value.to_bytes(width, "big" if order else "little"))


def binary(data: bytes) -> RegistryValue:
    return RegistryValue("v", 3, data)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("ConvertToDWORD()", sz("42"), number(42)),
        ("ConvertToDWORD()", sz("0x2A"), number(42)),
        ("ConvertToDWORD('7')", sz("many"), number(7)),
        ("ConvertToDWORD(NULL)", sz("many"), number(0)),
        ("ConvertToDWORD('7')", sz("4294967296"), number(7)),
        ("ConvertToDWORD()", number(9, 5), number(9)),
        ("ConvertToDWORD()", number(9, 11), number(9)),
        ("ConvertToDWORD()", binary(b"\x05\x01"), number(0x105)),
        ("ConvertToDWORD('3')", binary(b""), number(3)),
        ("ConvertToString()", number(42), sz("42")),
        ("ConvertToString()", sz("%x%", 2), sz("%x%")),
        ("ConvertToString()", multi("a", "b"), sz("a;b")),
        ("ConvertToString('none')", binary(b"\0\1"), sz("none")),
        ("ConvertToString()", binary(b"\0\1"), sz("0")),
        ("ConvertToBinary()", number(1), binary(b"\1\0\0\0")),
        ("OffsetValue('-2')", number(14), number(12)),
        ("OffsetValue('-2')", number(1), number(0xFFFFFFFF)),
        ("OffsetValue('1')", number(255, 5), number(256, 5)),
        ("OffsetValue('0x10')", number(1, 11), number(17, 11)),
        ("OffsetValue('3')", sz("4"), sz("7")),
        ("OffsetValue('3')", sz("four"), sz("four")),
        ("OffsetValue('x')", number(4), number(4)),
        ("SetValueByTable('a,b','1,2','9')", sz("B"), sz("2")),
        ("SetValueByTable('a,b','1','9')", sz("b"), sz("9")),
        ("SetValueByTable('a,b','1,2')", sz("c"), None),
        ("SetValueByTable('a,b','1,2',NULL)", sz("c"), None),
        ("SetValueByTable('1, 2','10, 20','0')", number(2), number(20)),
        ("SetValueByTable('0x00000002','5','0')", number(2), number(5)),
        ("KeepExisting('Security')", sz("x"), sz("x")),
    ],
)
def test_a_value_becomes(text: str, value: RegistryValue, expected: RegistryValue | None) -> None:
    assert modified(call(text), value) == expected


@pytest.mark.parametrize(
    ("text", "value", "there", "expected"),
    [
        ("MergeMultiSzContent('Add','x')", multi("b", "a"), multi("a", "c"), multi("a", "c", "b", "x")),
        ("MergeMultiSzContent('Remove','A')", multi("b", "a"), multi("a", "c"), multi("c", "b")),
        ("MergeMultiSzContent('Add','x')", multi("b", "B"), None, multi("b", "x")),
        ("MergeMultiSzContent('Add','x','Remove','X','Add','y')", multi("b"), None, multi("b", "y")),
        ("MergeDelimitedContent(';','Add','z')", sz("a;b"), sz("b;c"), sz("b;c;a;z")),
        ("MergeDelimitedContent(',;','Remove','b')", sz("a,b"), sz("c;b"), sz("c,a")),
        ("MergeDelimitedContent(';','Add','z')", sz("a", 2), None, sz("a;z", 2)),
    ],
)  # fmt: skip
def test_lists_are_merged_with_what_is_there(
    text: str, value: RegistryValue, there: RegistryValue | None, expected: RegistryValue
) -> None:
    assert modified(call(text), value, there) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KeepExisting('Security','TimeFields','FileAttrib:HR')", Kept(True, True, 0x3)),
        ("KeepExisting('FileAttrib:H','FileAttrib:S')", Kept(attributes=0x4)),
        ("KeepExisting('FileAttrib:AZ')", Kept(attributes=0x20)),
        ("ConvertToDWORD()", Kept()),
    ],
)
def test_the_last_word_of_a_kind_says_what_is_kept(text: str, expected: Kept) -> None:
    assert kept(call(text)) == expected


def test_without_a_rule_a_value_stays() -> None:
    assert modified(None, sz("a")) == sz("a")
    assert kept(None) == Kept()


@pytest.mark.parametrize("function", ["MergeShellLibraries", "ConvertToOfficeLangID", "Unheard"])
def test_what_this_version_cannot_do_is_refused_by_name(function: str) -> None:
    with pytest.raises(UnsupportedError, match=function):
        modified(call(f"{function}('a','b','c')"), sz("a"))


LOAD = sorted(each.name for each in FUNCTIONS.values() if each.uses & Use.LOAD)


@given(st.sampled_from(LOAD), st.integers(0, 12), st.binary(max_size=40), st.data())
def test_no_data_of_any_type_makes_it_fail_otherwise(
    function: str, kind: int, data: bytes, more: st.DataObject
) -> None:
    argument = st.none() | st.text("0123456789xX-,;Ad", max_size=8)
    arguments = more.draw(st.lists(argument, max_size=5))
    value = RegistryValue("v", kind, data)
    try:
        found = modified(Call(function, tuple(arguments)), value, value)
    except UnsupportedError:
        return
    assert found is None or found.name == "v"
