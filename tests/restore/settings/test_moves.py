r"""What moved between two machines: profiles, their names of before Vista, drives, what RelativeMove moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from extractor.model import WinPath
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.locations import Locations
from extractor.restore.settings.moves import moves
from tests.restore.build import merge
from tests.restore.people.test_users import HEADER

Pairs = Mapping[str, str]


def found(
    mu: Sequence[str] = (), letters: Sequence[str] = ("C:",), rules: Sequence[str] = (), system: str = "C:",
    drives: Pairs | None = None,
) -> dict[str, str]:  # fmt: skip
    people = map_users(HEADER, UserWords(tuple(map(parse_mu, mu))))
    asked = Asked([merge(each, r"C:\Old\* [*]", kind="locationModify") for each in rules])
    goes = {letter: WinPath.parse(path) for letter, path in (drives or {}).items()}
    return {str(old): str(new) for old, new in moves(Locations(people, asked, goes, system), letters)}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, {}),
        ({"mu": ["bob:rob"]}, {r"C:\Users\bob": r"C:\Users\rob",
                               r"C:\Documents and Settings\bob": r"C:\Users\rob"}),
        ({"letters": ["C:", "D:"]}, {"D:\\": "C:\\"}),
        ({"letters": ["C:", "D:"], "drives": {"D:": "D:\\"}}, {}),
        ({"letters": ["D:"], "drives": {"D:": r"C:\Of D"}}, {"D:\\": r"C:\Of D"}),
        ({"rules": [r"RelativeMove('C:\Old','C:\New')"]}, {r"C:\Old": r"C:\New"}),
        ({"rules": [r"RelativeMove('C:\Old','C:\Users\bob\New')"], "mu": ["bob:rob"]},
         {r"C:\Old": r"C:\Users\rob\New", r"C:\Users\bob": r"C:\Users\rob",
          r"C:\Documents and Settings\bob": r"C:\Users\rob"}),
    ],
)  # fmt: skip
def test_what_moved_is_told_with_where_it_is_now(told: dict[str, object], expected: Pairs) -> None:
    assert found(**told) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule",
    [
        r"RelativeMove('C:\','D:\')",
        r"RelativeMove('\Old','C:\New')",
        r"RelativeMove('C:\Old','New')",
        r"RelativeMove('C:\Old\*','C:\New')",
        r"RelativeMove(NULL,NULL)",
        r"ExactMove('C:\New')",
        r"Move('C:\New')",
        "Nonsense",
    ],
)
def test_what_is_no_move_of_a_whole_folder_moves_no_path_in_a_value(rule: str) -> None:
    assert found(rules=[rule]) == {}


def test_everything_moves_with_the_system_drive() -> None:
    told = found(letters=["C:"], system="E:", drives={"C:": "E:\\"})
    assert told["C:\\"] == "E:\\"
    assert told[r"C:\Users\bob"] == r"E:\Users\bob"
