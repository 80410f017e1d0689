"""includeAttributes and excludeAttributes: what of an object is taken (usmt.md 3.3)."""

from __future__ import annotations

import pytest

from extractor.model import Selected, Times
from extractor.testing import FakeFile
from tests.select.material import disk, rows, said, selection, user, wrapped

TIMES = Times(1, 2, 3, 4)
FILE = FakeFile(b"x", times=TIMES, security=b"sd", sddl="O:BA")
INCLUDE = said("include", r"C:\D\* [*]")


def left(attributes: str, *patterns: str) -> str:
    return said("excludeAttributes", *patterns, more=f'attributes="{attributes}"')


def kept(attributes: str, *patterns: str) -> str:
    return said("includeAttributes", *patterns, more=f'attributes="{attributes}"')


def taken(body: str) -> dict[str, Selected]:
    """Return the rows of what is taken of a small volume."""
    files = {r"D\a.txt": FILE, r"D\b.doc": FILE, r"D\sub\a.txt": FILE}
    found = rows(selection(body, [disk(files)])).items()
    return {path: row for path, row in found if isinstance(row, Selected) and row.chosen}


CASES = [
    # rules beside the include, what is left out of C:\D\a.txt
    ("", ""),
    (left("Security", r"C:\D\* [*]"), "Security"),
    (left("TimeFields", r"C:\D\* [*]"), "TimeFields"),
    (left("Security,TimeFields", r"C:\D\* [*]"), "Security,TimeFields"),
    (left("Security", r"C:\D\* [*]") + left("TimeFields", r"C:\D\* [*.txt]"), "Security,TimeFields"),
    (left("Security", r"C:\D\* [*.doc]"), ""),
    (left("Security", r"C:\Other\* [*]"), ""),
    # of each attribute the most specific pattern decides
    (left("Security", r"C:\* [*]") + kept("Security", r"C:\D\* [*]"), ""),
    (left("Security", r"C:\D\ [a.txt]") + kept("Security", r"C:\D\* [*]"), "Security"),
    (left("Security,TimeFields", r"C:\D\* [*]") + kept("Security", r"C:\D\* [*.txt]"), "TimeFields"),
    (left("Security", r"C:\D\* [*.txt]") + kept("TimeFields", r"C:\D\ [a.txt]"), "Security"),
    # of equals, as with include and exclude, the exclude
    (left("Security", r"C:\D\* [*]") + kept("Security", r"C:\D\* [*]"), "Security"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "expected"), CASES)
def test_the_most_specific_pattern_decides_of_each_attribute(rules: str, expected: str) -> None:
    for body in (wrapped(INCLUDE + rules), wrapped(rules + INCLUDE), wrapped(INCLUDE, rules)):
        assert taken(body)[r"C:\D\a.txt"].left_out == expected


def test_what_is_left_out_is_not_in_the_metadata_and_all_else_is() -> None:
    found = taken(wrapped(INCLUDE + left("Security", r"C:\D\* [*.txt]")))
    metadata = found[r"C:\D\a.txt"].metadata
    assert (metadata.security, metadata.sddl, metadata.times, metadata.size) == (b"", "", TIMES, 1)
    found = taken(wrapped(INCLUDE + left("TimeFields", r"C:\D\* [*.txt]")))
    metadata = found[r"C:\D\sub\a.txt"].metadata
    assert (metadata.security, metadata.times, metadata.name_times) == (b"sd", Times(), Times())
    assert found[r"C:\D\b.doc"].metadata.times == TIMES


def test_attributes_take_nothing_that_no_include_takes() -> None:
    rules = kept("Security", r"C:\D\* [*]") + said("include", r"C:\D [b.doc]")
    assert set(taken(wrapped(rules))) == {r"C:\D\b.doc"}


def test_attributes_of_a_folder_are_those_that_tree_patterns_name() -> None:
    found = taken(
        wrapped(INCLUDE + left("TimeFields", r"C:\D\* [*]") + left("Security", r"C:\D\sub"))
    )
    assert found[r"C:\D"].left_out == "TimeFields"
    assert found[r"C:\D\sub"].left_out == "Security,TimeFields"
    assert found[r"C:\D\sub\a.txt"].left_out == "TimeFields"


def test_an_object_that_is_not_taken_is_told_with_all_that_is_known_of_it() -> None:
    """Not by a rule, or for it is a user's who does not come."""
    bob, anna = user("bob", 1001), user("anna", 1002)
    files = {r"Users\bob\a": FILE, r"Users\anna": FakeFile(directory=True, times=TIMES)}
    rules = wrapped(
        said("include", r"C:\Users\anna\* [*]")
        + said("exclude", r"C:\Users\bob\* [*]")
        + left("TimeFields", r"C:\Users\* [*]")
    )
    told = rows(selection(rules, [disk(files)], [bob], [anna]))
    for path in (r"C:\Users\bob\a", r"C:\Users\anna"):
        row = told[path]
        assert isinstance(row, Selected)
        assert (row.chosen, row.left_out, row.metadata.times) == (False, "", TIMES)
