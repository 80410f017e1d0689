"""What becomes of one registry value, for every function that USMT has for one (contentModify, merge)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.model import RegistryValue
from extractor.restore.settings.values import SAME, Ruling, ruled
from extractor.restore.tasks import Deed
from extractor.rules.calls import parse_call
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Call
from tests.restore.rules.test_content import binary, multi, number, sz

Value = RegistryValue | None
STORED = "the value is written as it was stored"


def call(text: str) -> Call | None:
    prefix = "" if "." in text.partition("(")[0] else "MigXmlHelper."
    return parse_call(prefix + text) if text else None


@pytest.mark.parametrize(
    ("modify", "ours", "there", "expected"),
    [
        ("", sz("a"), None, sz("a")),
        ("ConvertToDWORD('7')", sz("42"), sz("1"), number(42)),
        ("ConvertToDWORD('7')", sz("many"), None, number(7)),
        ("ConvertToDWORD()", sz("many"), None, number(0)),
        ("ConvertToString()", number(42), number(1), sz("42")),
        ("ConvertToString('none')", binary(b"\1"), None, sz("none")),
        ("ConvertToBinary()", sz("a"), None, binary(b"a\0\0\0")),
        ("OffsetValue('-2')", number(14), number(14), number(12)),
        ("OffsetValue(2)", sz("8"), None, sz("10")),
        ("OffsetValue('1')", sz("0x" + "f" * 5000), None, sz("0x" + "f" * 5000)),
        ("SetValueByTable('a,b','1,2','9')", sz("b"), sz("x"), sz("2")),
        ("SetValueByTable('a,b','1,2','9')", sz("c"), sz("x"), sz("9")),
        ("MergeMultiSzContent('Add','x')", multi("b"), multi("a"), multi("a", "b", "x")),
        ("MergeMultiSzContent('Remove','a')", multi("b"), multi("a"), multi("b")),
        ("MergeMultiSzContent('Add','x')", multi("b"), number(7), multi("b", "x")),
        ("MergeDelimitedContent(';','Add','z')", sz("a;b"), sz("b;c"), sz("b;c;a;z")),
        ("MergeDelimitedContent(';','Remove','b')", sz("a;b"), binary(b"\7"), sz("a")),
        ("KeepExisting('Security')", sz("a"), sz("b"), sz("a")),
    ],
)
def test_content_modify_makes(
    modify: str, ours: RegistryValue, there: Value, expected: RegistryValue
) -> None:
    found = ruled(ours, there, None, call(modify))
    assert (found.deed, found.value) == (Deed.REPLACE if there else Deed.MAKE, expected)
    assert (found.lost, bool(found.conflict)) == ("", there is not None)


@pytest.mark.parametrize("table", ["SetValueByTable('a','1')", "SetValueByTable('a','1',NULL)"])
def test_a_table_without_a_default_changes_nothing_at_the_target(table: str) -> None:
    found = ruled(sz("c"), sz("there"), call("SourcePriority()"), call(table))
    assert (found.deed, found.value) == (Deed.KEEP, None)
    assert "gives no value" in found.conflict
    assert ruled(sz("c"), None, None, call(table)).deed is Deed.SKIP
    assert ruled(sz("a"), None, None, call(table)) == Ruling(Deed.MAKE, sz("1"))


@pytest.mark.parametrize(
    ("merge", "ours", "there", "deed"),
    [
        ("", sz("a"), sz("b"), Deed.REPLACE),
        ("SourcePriority()", sz("a"), sz("b"), Deed.REPLACE),
        ("DestinationPriority()", sz("a"), sz("b"), Deed.KEEP),
        ("HigherValue()", number(3), number(2), Deed.REPLACE),
        ("HigherValue()", number(1), number(2), Deed.KEEP),
        ("HigherValue()", number(2, 11), number(2), Deed.KEEP),
        ("HigherValue()", sz("9"), sz("10"), Deed.KEEP),
        ("HigherValue()", sz("10"), sz("9"), Deed.REPLACE),
        ("HigherValue()", sz("0x10"), number(15), Deed.REPLACE),
        ("HigherValue()", sz("many"), sz("few"), Deed.REPLACE),
        ("HigherValue()", RegistryValue("v", 4, b"\1"), number(2), Deed.REPLACE),
        ("LowerValue()", number(1), number(2), Deed.REPLACE),
        ("LowerValue()", number(3), number(2), Deed.KEEP),
        ("LowerValue()", sz("9"), sz("10"), Deed.REPLACE),
    ],
)
def test_merge_decides(merge: str, ours: RegistryValue, there: RegistryValue, deed: Deed) -> None:
    found = ruled(ours, there, call(merge), None)
    assert found.deed is deed
    assert found.value == (ours if deed is Deed.REPLACE else None)
    assert merge.partition("(")[0] in found.conflict


@pytest.mark.parametrize(
    "merge",
    ["LeafPattern('x')", "NewestVersion('FileVersion')", "FindFilePlaceByPattern('<F>(<N>).<E>')", "Unheard()"],
)  # fmt: skip
def test_a_function_that_says_nothing_of_values_is_named_and_the_store_counts(merge: str) -> None:
    found = ruled(sz("a"), sz("b"), call(merge), None)
    assert (found.deed, found.value, found.lost) == (Deed.REPLACE, sz("a"), "")
    assert merge.partition("(")[0] in found.conflict
    assert "says nothing" in found.conflict


@pytest.mark.parametrize(
    ("modify", "ours"),
    [
        ("MigSysHelper.SetPstPathInMapiStruct()", binary(b"\1\2\3")),
        ("MigSysHelper.UpdateMvBinaryMapiStruct()", binary(b"\1\2\3")),
        (
            "MigSysHelper.ConvertToOfficeLangID('Registry','HKCU\\a [b]','HKCU\\c [d]')",
            number(1033),
        ),
        ("MergeShellLibraries('TRUE','TRUE')", sz("a")),
        ("MergeMultiSzContent('Add','x')", number(5)),
        ("MergeDelimitedContent(';','Add','x')", binary(b"a;b")),
        ("Unheard\x1b('x')", sz("a")),
    ],
)
def test_what_cannot_be_done_is_said_and_the_value_written_as_it_was_stored(
    modify: str, ours: RegistryValue
) -> None:
    asked = call(modify) if "\x1b" not in modify else Call("Unheard\x1b", ("x",))
    found = ruled(ours, None, None, asked)
    assert (found.deed, found.value) == (Deed.MAKE, ours)
    assert STORED in found.lost
    assert (asked.function if asked else "").rstrip("\x1b") in found.lost
    assert "\x1b" not in found.lost


@pytest.mark.parametrize(
    "merge", ["", "SourcePriority()", "DestinationPriority()", "HigherValue()"]
)
def test_the_same_value_is_kept_whatever_the_rule(merge: str) -> None:
    assert ruled(sz("a"), sz("a"), call(merge), None) == Ruling(Deed.KEEP, None, SAME)
    assert ruled(sz("a"), sz("a", 2), call("SourcePriority()"), None).deed is Deed.REPLACE


def test_merge_compares_what_content_modify_made() -> None:
    higher, less = call("HigherValue()"), call("OffsetValue('-2')")
    assert ruled(number(14), number(13), higher, None).deed is Deed.REPLACE
    assert ruled(number(14), number(13), higher, less).deed is Deed.KEEP
    assert ruled(number(14), number(12), higher, less) == Ruling(Deed.KEEP, None, SAME)
    joined = call("MergeMultiSzContent('Add','x')")
    assert ruled(multi("b"), multi("a"), call("DestinationPriority()"), joined).deed is Deed.KEEP
    assert ruled(multi("a"), multi("a", "x"), None, joined) == Ruling(Deed.KEEP, None, SAME)


def test_what_a_rule_did_not_get_is_said_of_a_value_that_is_kept_too() -> None:
    found = ruled(sz("a"), sz("a"), None, call("MergeShellLibraries('TRUE','TRUE')"))
    assert (found.deed, found.conflict) == (Deed.KEEP, SAME)
    assert STORED in found.lost


LOAD = sorted(each.name for each in FUNCTIONS.values() if each.uses & Use.LOAD)
VALUES = st.builds(RegistryValue, st.just("v"), st.integers(0, 12), st.binary(max_size=40))
TEXTS = st.text("0123456789xX-_,;Ad٣", max_size=60)
ARGUMENTS = st.lists(st.none() | TEXTS, max_size=5).map(tuple)
CALLS = st.none() | st.builds(Call, st.sampled_from(LOAD), ARGUMENTS)


@given(VALUES, st.none() | VALUES, CALLS, CALLS)
def test_no_value_and_no_call_make_it_fail(
    ours: RegistryValue, there: Value, merge: Call | None, modify: Call | None
) -> None:
    found = ruled(ours, there, merge, modify)
    assert (found.value is not None) == (found.deed in {Deed.MAKE, Deed.REPLACE})
    assert (found.deed in {Deed.KEEP, Deed.REPLACE}) == (there is not None)


@given(TEXTS, VALUES)
def test_text_of_any_length_is_no_trap_for_numbers(text: str, there: RegistryValue) -> None:
    for function in ("HigherValue", "LowerValue"):
        ruled(sz("0x" + text), there, Call(function, ()), Call("OffsetValue", ("9" * 50,)))
