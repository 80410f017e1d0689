"""ScanState's spelling becomes ours, and paths stay paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.cli.slash import to_options
from extractor.cli.switches import BY_SLASH, SWITCHES, Takes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["/i:a.xml"], ["--rules=a.xml"]),
        (["/I:a.xml"], ["--rules=a.xml"]),
        (["/i", "a.xml"], ["--rules", "a.xml"]),
        (["/c", "/o"], ["--continue", "--overwrite"]),
        (["/offlineWinDir:D:\\Windows"], ["--offline-windir=D:\\Windows"]),
        (["/v:13"], ["--verbosity=13"]),
        (["/p"], ["--estimate="]),
        (["/p:x.xml"], ["--estimate=x.xml"]),
        (["/progress:p.log"], ["--progress-log=p.log"]),
        (["/?"], ["--help"]),
        (["/mnt/store"], ["/mnt/store"]),
        (["/c/"], ["/c/"]),
        (["/home/i:x.xml"], ["/home/i:x.xml"]),
        (["--", "/c"], ["--", "/c"]),
        (["/ui:S-1-5-21-*"], ["--user-include=S-1-5-21-*"]),
    ],
)
def test_slashes_become_long_options(words: list[str], expected: list[str]) -> None:
    assert list(to_options(words)) == expected


@given(st.lists(st.text()))
def test_translating_twice_changes_nothing_more(words: list[str]) -> None:
    once = list(to_options(words))
    assert list(to_options(once)) == once
    assert len(once) == len(words)


@given(st.text().map(lambda text: "/mnt/" + text))
def test_an_absolute_path_is_never_a_switch(path: str) -> None:
    assert list(to_options([path])) == [path]


def test_every_switch_has_a_name_of_its_own() -> None:
    longs = [switch.long for switch in SWITCHES]
    fields = [switch.field for switch in SWITCHES]
    assert len(set(longs)) == len(longs)
    assert len(set(fields)) == len(fields)
    assert len(BY_SLASH) == sum(bool(switch.slash) for switch in SWITCHES)


def test_every_switch_that_is_not_plain_says_why() -> None:
    assert [s.long for s in SWITCHES if s.state.value != "works" and not s.why] == []
    assert [s.long for s in SWITCHES if s.repeatable and s.takes is not Takes.VALUE] == []
