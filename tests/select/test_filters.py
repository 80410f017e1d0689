"""The filters of include and exclude, shown each object that a walk meets (usmt.md 3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from extractor.errors import DamagedError
from extractor.filetime import TICKS
from extractor.model import Entry, Metadata, Times
from extractor.testing import FakeFile, FakeFilesystem
from tests.select.material import (
    chosen,
    component,
    disk,
    mount,
    registry,
    rows,
    said,
    selection,
    warnings,
    wrapped,
)

DAY = 86_400 * TICKS
NEW_YEAR_2024 = date(2024, 1, 1) - date(1601, 1, 1)


def on_day(day: int) -> FakeFile:
    at = (NEW_YEAR_2024.days + day - 1) * DAY
    return FakeFile(b"", times=Times(at, at, at, at))


FILES: dict[str, bytes | FakeFile | None] = {
    r"D\empty": b"",
    r"D\small": b"x" * 100,
    r"D\large": b"x" * 5000,
    r"D\jan1.txt": on_day(1),
    r"D\jan9.txt": on_day(9),
}


def rule(verb: str, call: str, pattern: str, kind: str = "File") -> str:
    return said(verb, pattern, kind=kind, more=f'filter="{call}"')


def names(body: str) -> set[str]:
    """Return the names of the files that are taken."""
    found = chosen(selection(body, [disk(FILES)])) - {"C:\\", r"C:\D"}
    return {path.rpartition("\\")[2] for path in found}


ALL = {"empty", "small", "large", "jan1.txt", "jan9.txt"}
SIZES = {"empty", "small", "large"}
DATED = {"jan1.txt", "jan9.txt"}
CALLS = [
    # usmt.md 3.8, a filter over C:\D\* [*]: the files it speaks of
    ("MigXmlHelper.AnswerNo()", set()),
    ("MigXmlHelper.IgnoreIrrelevantLinks()", ALL),
    ("MigXmlHelper.NeverRestore()", ALL),
    ("MigXmlHelper.FileProperties('filesize','gt','1KB')", {"large"}),
    ("MigXmlHelper.FileProperties('filesize','gte','100')", {"small", "large"}),
    ("MigXmlHelper.FileProperties('filesize','lt','100B')", {"empty", *DATED}),
    ("MigXmlHelper.FileProperties('filesize','range','1 - 1KB')", {"small"}),
    ("MigXmlHelper.FileProperties('filesize','range','1KB-1')", {"small"}),
    ("MigXmlHelper.FileProperties('filesize','neq','5000')", ALL - {"large"}),
    ("MigXmlHelper.FileProperties('dateModified','eq','2024/01/09')", {"jan9.txt", *SIZES}),
    ("MigXmlHelper.FileProperties('dateCreated','lte','2024/1/1')", {"jan1.txt", *SIZES}),
    ("MigXmlHelper.FileProperties('dateAccessed','range','2024/01/02-2024/01/31')", {"jan9.txt", *SIZES}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_an_include_takes_what_its_filter_speaks_of(call: str, expected: set[str]) -> None:
    """Files without a time are in doubt, and taken."""
    assert names(wrapped(rule("include", call, r"C:\D\* [*]"))) == expected


@pytest.mark.parametrize(("call", "expected"), CALLS)
@pytest.mark.parametrize("verb", ["exclude", "unconditionalExclude"])
def test_9_14_an_exclude_takes_away_what_its_filter_speaks_of(
    verb: str, call: str, expected: set[str]
) -> None:
    """Files without a time are in doubt, and not excluded."""
    in_doubt = SIZES if "date" in call else set()
    body = wrapped(said("include", r"C:\* [*]") + rule(verb, call, r"C:\D\* [*]"))
    assert names(body) == (ALL - expected) | in_doubt


@pytest.mark.parametrize(
    "call",
    [
        "MigXmlHelper.NoSuchFilter()",
        "MigXmlHelper.FileProperties('color','eq','1')",
        "MigXmlHelper.FileProperties('filesize','eq','much')",
    ],
)
def test_9_15_a_filter_that_cannot_be_used_costs_no_data_and_warns(call: str) -> None:
    include = said("include", r"C:\D\* [*]")
    for body in (rule("include", call, r"C:\D\* [*]"), include + rule("exclude", call, r"C: [*]")):
        made = selection(wrapped(body), [disk(FILES)])
        assert chosen(made) - {r"C:\D"} == {rf"C:\D\{name}" for name in ALL}
        assert any(message.startswith("test.xml:1: ") for message in warnings(made))


VALUES = {r"Vendor\App": {"Text": "Alpha", "Other": "beta", "Number": 7, "": "ALPHA"}}
COMPARISONS = [
    ("CompareStringContent('alpha','Equal')", {"[Text]", "[]"}),
    ("CompareStringContent('alpha',NULL)", {"[Other]", "[Number]"}),
    ("CompareStringContent('0x00000007','Equal')", {"[Number]"}),
]


@pytest.mark.parametrize(("call", "expected"), COMPARISONS)
def test_values_are_compared_by_their_string_form(call: str, expected: set[str]) -> None:
    body = rule("include", f"MigXmlHelper.{call}", r"HKLM\SOFTWARE\Vendor\* [*]", "Registry")
    found = chosen(selection(wrapped(body), [], hives=registry({r"HKLM\SOFTWARE": VALUES})))
    assert {path.rpartition("\\")[2] for path in found if path.endswith("]")} == expected


def test_ini_values_are_compared_by_their_text() -> None:
    body = rule(
        "include", "MigXmlHelper.CompareStringContent('on','Equal')", r"C:\a.ini|S[*]", "Ini"
    )
    found = chosen(selection(wrapped(body), [disk({"a.ini": b"[S]\nx=On\ny=off"})]))
    assert found == {r"C:\a.ini|S\[x]"}


def test_a_filtered_include_beats_its_component_only_where_it_speaks() -> None:
    """Where the narrower include is silent, the exclude between the two decides."""
    small = "MigXmlHelper.FileProperties('filesize','lt','1KB')"
    body = wrapped(
        said("include", r"C:\* [*]")
        + said("exclude", r"C:\D\* [*]")
        + rule("include", small, r"C:\D\ [*]")
    )
    assert names(body) == ALL - {"large"}


def test_an_excluded_tree_with_a_filter_is_still_entered() -> None:
    body = wrapped(
        said("include", r"C:\* [*]")
        + rule("exclude", "MigXmlHelper.FileProperties('filesize','gt','1KB')", r"C:\D\* [*]")
    )
    told = rows(selection(body, [disk(FILES)]))
    assert told[r"C:\D\large"].reason == r"excluded by C:\D\* [*]"
    assert r"C:\D\small" in chosen(told.values())


class Odd(FakeFilesystem):
    """The metadata of ``torn`` cannot be read; what was asked is kept."""

    asked: Sequence[str] = ()

    def metadata(self, entry: Entry) -> Metadata:
        self.asked = (*self.asked, entry.name)
        if entry.name == "torn":
            raise DamagedError("its record is torn")
        return super().metadata(entry)


@pytest.mark.parametrize(("name", "reason"), [("torn", "its record is torn"), ("whole", "")])
def test_a_file_is_looked_at_once_and_in_doubt_where_it_cannot_be_judged(
    name: str, reason: str
) -> None:
    small, large = (
        f"MigXmlHelper.FileProperties('filesize','{sign}','1KB')" for sign in ("lt", "gt")
    )
    two = rule("include", small, rf"C:\D\* [{name}]") + rule("exclude", large, rf"C:\D\ [{name}]")
    odd = Odd({rf"D\{name}": b"x"})
    told = rows(selection(wrapped(two), [mount(odd)]))
    assert told[rf"C:\D\{name}"].reason == reason
    assert list(odd.asked).count(name) == 1


def test_a_filter_of_another_component_changes_nothing() -> None:
    other = wrapped(rule("include", "MigXmlHelper.AnswerNo()", r"C:\D\* [*]"), name="d")
    assert names(component([r"C:\D\ [small]"]) + other) == {"small"}
