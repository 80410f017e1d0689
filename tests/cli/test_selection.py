"""The effective selection table: every user, the switch that decided, and each source of last use (usmt.md 4.3)."""

from __future__ import annotations

import io

from extractor.cli.screen import open_console
from extractor.cli.selection import SelectionTable
from extractor.events import Activated, Noted, UserDetected

USED = (
    ("NTUSER.DAT modified", 133_000_000_000_000_000),
    ("last logon (SAM)", 0x7FFF_FFFF_FFFF_FFFF),
)


def shown(*events: UserDetected) -> list[str]:
    stream = io.StringIO()
    table = SelectionTable(open_console(stream))
    for event in events:
        table(event)
    table(Noted("info", "x"))
    assert stream.getvalue() == ""
    table(Activated(lambda: ()))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines() if line.strip()]


def test_each_user_has_a_row_with_the_deciding_switch() -> None:
    lines = shown(
        UserDetected("S-1", r"PC\bob", included=True, last_used=USED[:1]),
        UserDetected("S-2", r"PC\eve", included=False, reason="/ue:eve"),
    )
    assert lines[0] == "user SID migrates decided by last use (UTC)"
    assert lines[2] == r"PC\bob S-1 yes everybody comes 2022-06-18 04:26 NTUSER.DAT modified"
    assert lines[3] == r"PC\eve S-2 no /ue:eve"


def test_each_source_of_last_use_has_a_line() -> None:
    lines = shown(UserDetected("S-1", "bob", included=True, last_used=USED))
    assert lines[3].endswith("last logon (SAM)")
    assert len(lines) == 4


def test_hostile_names_do_no_harm() -> None:
    lines = shown(UserDetected("S-1", "x[/b]\x1b]0;HACK\x07\u202e", included=True))
    assert r"x[/b]\x1b]0;HACK\x07\u202e" in lines[2]


def test_the_next_windows_begins_anew_and_nobody_is_no_table() -> None:
    stream = io.StringIO()
    table = SelectionTable(open_console(stream))
    table(UserDetected("S-1", "bob", included=True))
    table(Activated(lambda: ()))
    before = stream.getvalue()
    table(Activated(lambda: ()))
    assert stream.getvalue() == before
