"""The README says what the program does: packages, exit codes, switches."""

from __future__ import annotations

import re

import pytest

from extractor import errors
from extractor.cli.switches import SWITCHES, Switch
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_the_first_screen_says_what_loadstate_cannot_read() -> None:
    first = "\n".join(README.splitlines()[:45])
    assert "LoadState can not read" in first
    assert "make demo" in first
    assert "make test" in first


def test_every_package_is_in_the_table() -> None:
    packages = [path.parent.name for path in (ROOT / "extractor").glob("*/__init__.py")]
    assert [name for name in packages if f"| `extractor/{name}` |" not in README] == []


def test_every_exit_code_of_an_error_is_in_the_table() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and hasattr(kind, "exit_code")
    }
    rows = {
        int(code)
        for cells in re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
        for code in cells.split(",")
    }
    assert codes | {0, 1, 3} <= rows


@pytest.mark.parametrize("switch", [s for s in SWITCHES if s.slash], ids=lambda s: s.slash)
def test_every_switch_of_scanstate_is_named(switch: Switch) -> None:
    assert f"`/{switch.slash}`" in README
