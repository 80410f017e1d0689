"""What people see while a run works: sums that are right, names that do no harm, no bar left behind."""

from __future__ import annotations

import io
import re

import pytest

from extractor.cli import screen
from extractor.cli.screen import PlainScreen, RichScreen, human_size, open_console, percent, work
from extractor.events import (
    BytesCopied,
    Event,
    ItemDone,
    Noted,
    ObjectFailed,
    Phase,
    PhaseStarted,
    TotalsKnown,
    UserDetected,
)
from extractor.model import OutcomeKind, WinPath

HOSTILE = "x[/b]\x1b]0;HACK\x07\u202e\n.txt"
PATH = WinPath("C:", ("Users", HOSTILE))


def run(objects: int = 2, size: int = 3 << 20) -> list[Event]:
    scopes = {"S-1": (objects, size)}
    return [
        PhaseStarted(Phase.COLLECTING),
        UserDetected("S-1", HOSTILE, included=True),
        TotalsKnown(objects, size, scopes),
        PhaseStarted(Phase.SAVING),
        BytesCopied("S-1", size),
        ItemDone("S-1", PATH, OutcomeKind.STORED, size),
        Noted("warning", HOSTILE),
        ObjectFailed("S-1", PATH, "UnableToOpen", HOSTILE, ignored=True),
        ItemDone("S-1", PATH, OutcomeKind.NOT_STORED, 0, HOSTILE),
    ]


def test_the_rich_screen_counts_each_user_and_all() -> None:
    shown = RichScreen(open_console(io.StringIO()))
    with shown:
        for event in run():
            shown(event)
        tasks = shown.progress.tasks
        assert [task.percentage for task in tasks] == [100.0, 100.0]
        assert tasks[0].fields["said"].startswith("3.0 MiB of 3.0 MiB")
        assert "2 of 2 objects" in tasks[1].fields["said"]


def test_the_bars_of_one_windows_do_not_stay_for_the_next() -> None:
    shown = RichScreen(open_console(io.StringIO()))
    with shown:
        for event in [*run(), *run()]:
            shown(event)
        assert len(shown.progress.tasks) == 2


@pytest.mark.parametrize("kind", [RichScreen, PlainScreen])
def test_hostile_names_reach_no_screen_as_they_are(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "LINE_EVERY", 0.0)
    out = io.StringIO()
    shown = kind(open_console(out)) if kind is RichScreen else kind(out)
    for event in run():
        shown(event)
    assert re.search("[\x00-\x09\x0b-\x1f\u202e]", out.getvalue()) is None
    assert "x[/b]\\x1b" in out.getvalue()


def test_the_plain_screen_ends_at_a_hundred_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "LINE_EVERY", 0.0)
    out = io.StringIO()
    shown = PlainScreen(out)
    for event in run():
        shown(event)
    lines = [line for line in out.getvalue().splitlines() if "objects," in line and "%" in line]
    assert lines[-1].startswith("100 %  2 of 2 objects, 3.0 MiB of 3.0 MiB")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (8 << 40, "8.0 TiB"),
    ],
)
def test_sizes_are_as_a_person_reads_them(size: int, text: str) -> None:
    assert human_size(size) == text


def test_small_files_are_work_too() -> None:
    assert work(1000, 0) > work(1, 1 << 20)
    assert (percent(0, 0), percent(1, 3), percent(3, 3)) == (0, 33, 100)
