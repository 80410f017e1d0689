"""The filters of include and exclude, usmt.md 3.8: what each says of an object, and what is said in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from extractor.evaluate.filters import filter_of
from extractor.filetime import to_filetime
from extractor.model import Metadata, StreamInfo, Times
from extractor.rules.calls import parse_call
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Verb


@dataclass(frozen=True)
class Thing:
    """An object as a filter sees it."""

    metadata: Metadata | None = None
    string: str | None = None


def day(text: str, hour: int = 12) -> int:
    year, month, date = map(int, text.split("/"))
    return to_filetime(datetime(year, month, date, hour, tzinfo=UTC))


def file(size: int = 0, modified: int = 0, created: int = 0, accessed: int = 0) -> Thing:
    """Return a file; the stream beside its content does not count."""
    times = Times(created=created, modified=modified, accessed=accessed)
    streams = (StreamInfo("Zone.Identifier", 5000), StreamInfo("", size))
    return Thing(Metadata(0x20, times, streams=streams))


FOLDER = Thing(Metadata(0x10, Times()))
NOTHING_KNOWN = Thing()


def said(call: str, thing: Thing, verb: Verb = Verb.INCLUDE) -> tuple[bool, list[str]]:
    """Return whether a rule with a filter speaks of an object, and the warnings about the filter."""
    warnings: list[str] = []
    made = filter_of(
        parse_call(f"MigXmlHelper.{call}"), verb, lambda _, message: warnings.append(message)
    )
    return made is None or made(thing), warnings


SIZES = {
    "3.8 gt": ("gt", "10", 11, True),
    "3.8 gt, equal": ("gt", "10", 10, False),
    "3.8 gte, equal": ("gte", "10B", 10, True),
    "3.8 gte, less": ("gte", "10B", 9, False),
    "3.8 lt": ("lt", "1KB", 1023, True),
    "3.8 lt, equal": ("lt", "1KB", 1024, False),
    "3.8 lte, equal": ("lte", "1 KB", 1024, True),
    "3.8 lte, more": ("lte", "1kb", 1025, False),
    "3.8 eq": ("eq", "1MB", 1 << 20, True),
    "3.8 eq, another": ("eq", "1MB", 1_000_000, False),
    "3.8 neq": ("neq", "1GB", 1, True),
    "3.8 neq, equal": ("neq", "1GB", 1 << 30, False),
    "3.8 range": ("range", "1KB-1MB", 5000, True),
    "3.8 range, its ends": ("range", "1KB-1MB", 1 << 20, True),
    "3.8 range, outside": ("range", "1KB-1MB", 1023, False),
    "3.8 range written the other way round": ("range", "1MB - 1KB", 5000, True),
    "3.8 range of one": ("range", "7", 7, True),
    "3.1 operator in any letter case": (" GT ", "10", 11, True),
}


@pytest.mark.parametrize(
    ("operator", "value", "size", "expected"), SIZES.values(), ids=SIZES.keys()
)
def test_file_properties_compares_sizes(
    operator: str, value: str, size: int, expected: bool
) -> None:
    call = f"FileProperties('fileSize','{operator}','{value}')"
    assert said(call, file(size)) == (expected, [])
    assert said(call, file(size), Verb.EXCLUDE) == (expected, [])


MAY = day("2026/05/04")
DATES = {
    "3.8 dateModified": ("dateModified", "eq", "2026/05/04", file(modified=MAY), True),
    "3.8 dateCreated": ("dateCreated", "eq", "2026/05/04", file(created=MAY), True),
    "3.8 dateAccessed": ("dateAccessed", "eq", "2026/05/04", file(accessed=MAY), True),
    "3.8 of the three the one that is named": (
        "dateAccessed", "eq", "2026/05/04", file(modified=MAY, created=MAY, accessed=1), False,
    ),
    "3.8 eq is the same calendar day, its start": (
        "dateModified", "eq", "2026/05/04", file(modified=day("2026/05/04", 0)), True,
    ),
    "3.8 eq is the same calendar day, its end": (
        "dateModified", "eq", "2026/5/4", file(modified=day("2026/05/05", 0) - 1), True,
    ),
    "3.8 eq, the next day": ("dateModified", "eq", "2026/05/04", file(modified=day("2026/05/05", 0)), False),
    "3.8 neq": ("dateModified", "neq", "2026/05/04", file(modified=day("2026/05/05", 0)), True),
    "3.8 gte": ("dateModified", "gte", "2026/05/04", file(modified=MAY), True),
    "3.8 gt, the same day": ("dateModified", "gt", "2026/05/04", file(modified=MAY), False),
    "3.8 lt": ("dateModified", "lt", "2026/06/01", file(modified=MAY), True),
    "3.8 lte": ("dateModified", "lte", "2026/05/04", file(modified=MAY), True),
    "3.8 range": ("dateModified", "range", "2026/05/01-2026/05/31", file(modified=MAY), True),
    "3.8 range written the other way round": (
        "dateModified", "range", "2026/05/31-2026/05/01", file(modified=MAY), True,
    ),
    "3.8 range, outside": ("dateModified", "range", "2026/01/01-2026/05/03", file(modified=MAY), False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("named", "operator", "value", "thing", "expected"), DATES.values(), ids=DATES.keys()
)
def test_file_properties_compares_days(
    named: str, operator: str, value: str, thing: Thing, expected: bool
) -> None:
    assert said(f"FileProperties('{named}','{operator}','{value}')", thing) == (expected, [])


STRINGS = {
    "3.8 Equal": ("'Draw','Equal'", "Draw", True),
    "3.8 Equal, letter case apart": ("'draw','equal'", "DRAW", True),
    "3.8 Equal, another": ("'draw','Equal'", "erase", False),
    "3.8 NULL is different": ("'draw',NULL", "draw", False),
    "3.8 NULL, another": ("'draw',NULL", "erase", True),
    "3.8 left out": ("'draw'", "erase", True),
    "3.8 anything else": ("'draw','Same'", "erase", True),
    "3.8 the string form of a DWORD": ("'0x0000000a','Equal'", "0x0000000a", True),
    "3.8 an empty string": ("'','Equal'", "", True),
}


@pytest.mark.parametrize(("arguments", "string", "expected"), STRINGS.values(), ids=STRINGS.keys())
def test_compare_string_content_compares_the_string_form(
    arguments: str, string: str, expected: bool
) -> None:
    call = f"CompareStringContent({arguments})"
    for verb in (Verb.INCLUDE, Verb.EXCLUDE):
        assert said(call, Thing(string=string), verb) == (expected, [])


CONSTANT = {
    "3.8 AnswerNo": ("AnswerNo()", False),
    "3.8 IgnoreIrrelevantLinks screens at load": ("IgnoreIrrelevantLinks()", True),
    "3.8 NeverRestore is TRUE at scan": ("NeverRestore()", True),
}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize(("call", "expected"), CONSTANT.values(), ids=CONSTANT.keys())
def test_some_filters_answer_alike_for_every_object(call: str, expected: bool, verb: Verb) -> None:
    assert said(call, file(), verb) == (expected, [])


def test_same_reg_content_is_false_and_a_warning() -> None:
    """3.8: it is named as a filter and never described."""
    answer, warnings = said("SameRegContent()", file(), Verb.EXCLUDE)
    assert not answer
    assert len(warnings) == 1


IN_DOUBT = {
    "9, 15 an unknown function": "Sieve('a')",
    "3.8 an unknown property": "FileProperties('colour','eq','red')",
    "3.8 an unknown operator": "FileProperties('filesize','like','1')",
    "3.8 a size that is none": "FileProperties('filesize','gt','1TB')",
    "3.8 a date that is none": "FileProperties('dateModified','gt','04.05.2026')",
    "3.8 a day that never was": "FileProperties('dateModified','gt','2026/02/30')",
    "3.8 a range where one value belongs": "FileProperties('filesize','eq','1-2')",
}


@pytest.mark.parametrize("call", IN_DOUBT.values(), ids=IN_DOUBT.keys())
def test_in_doubt_an_include_takes_and_an_exclude_leaves_alone(call: str) -> None:
    """3.7: never lose user data silently."""
    for verb, expected in (
        (Verb.INCLUDE, True),
        (Verb.EXCLUDE, False),
        (Verb.UNCONDITIONAL_EXCLUDE, False),
    ):
        answer, (warning,) = said(call, file(5), verb)
        assert answer is expected
        assert call.partition("(")[0] in warning


UNKNOWN = {
    "a size of what cannot be read": ("FileProperties('filesize','gt','0')", NOTHING_KNOWN),
    "a size of a folder": ("FileProperties('filesize','gte','0')", FOLDER),
    "a time that was never": ("FileProperties('dateModified','lt','2026/01/01')", file()),
    "a string of a file": ("CompareStringContent('a',NULL)", file()),
}


@pytest.mark.parametrize(("call", "thing"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_an_object_does_not_have_is_no_reason_to_lose_it(call: str, thing: Thing) -> None:
    assert said(call, thing, Verb.INCLUDE) == (True, [])
    assert said(call, thing, Verb.EXCLUDE) == (False, [])


def test_what_has_no_string_equals_none() -> None:
    """CompareStringContent with Equal: a file is equal to no text."""
    assert said("CompareStringContent('a','Equal')", file()) == (False, [])
    assert said("CompareStringContent('','Equal')", file()) == (False, [])


def test_no_filter_speaks_of_everything() -> None:
    assert filter_of(None, Verb.INCLUDE, lambda _, message: pytest.fail(message)) is None


def test_every_filter_of_the_language_is_answered_here() -> None:
    tested = {"FileProperties", "CompareStringContent", "SameRegContent"}
    tested |= {call.partition("(")[0] for call, _ in CONSTANT.values()}
    assert tested == {each.name for each in FUNCTIONS.values() if each.uses & Use.FILTER}
