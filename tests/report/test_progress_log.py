"""USMT's progress log, as its consumers parse it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from extractor.errors import ProgressLogError
from extractor.events import (
    BytesCopied,
    ComponentDetected,
    EntriesSeen,
    Event,
    Finished,
    ItemDone,
    ObjectFailed,
    Phase,
    PhaseStarted,
    Started,
    TotalsKnown,
    UserDetected,
)
from extractor.model import OutcomeKind, WinPath
from extractor.report.progress_log import ProgressLog

NOON = datetime(2011, 1, 15, 20, 46, 21, tzinfo=timezone(timedelta(hours=-8)))
LINE = re.compile(r"\d\d [A-Z][a-z]{2} \d{4}, \d\d:\d\d:\d\d [+-]\d\d:\d\d, \d\d:\d\d:\d\d, \w+, ")


def written(path: Path, *events: Event, seconds: Iterator[float] | None = None) -> list[str]:
    ticks = seconds or iter(range(10_000))
    with ProgressLog(path, now=lambda: NOON, clock=lambda: float(next(ticks))) as log:
        for event in events:
            log(event)
    return path.read_text("utf-8").splitlines()


def whole_run() -> list[Event]:
    hostile = WinPath("C:", ("Users", 'a,b"\x1b\n.txt'))
    return [
        Started(("coldstate", "scan", "disk.E01"), "PC1"),
        PhaseStarted(Phase.SCANNING),
        UserDetected("S-1", "PC1\\bob", included=True),
        ComponentDetected("", "Fonts", included=False),
        EntriesSeen(7),
        TotalsKnown(2, 3 << 20),
        BytesCopied("S-1", 1 << 20),
        ItemDone("S-1", WinPath("C:", ("x",)), OutcomeKind.STORED, 1 << 20),
        ObjectFailed("S-1", hostile, "UnableToOpen", "bad, sector", ignored=True),
        BytesCopied("S-1", 2 << 20),
        Finished(3, 1, "done"),
    ]


def test_a_line_is_the_one_that_was_observed(tmp_path: Path) -> None:
    clock = iter([0.0, 0.0, 288.0, 288.0, 288.0, 288.0, 288.0])
    lines = written(tmp_path / "p.log", TotalsKnown(1, 100), BytesCopied("", 48), seconds=clock)
    assert "15 Jan 2011, 20:46:21 -08:00, 00:04:48, totalPercentageCompleted, 48" in lines


def test_every_line_of_a_run_parses(tmp_path: Path) -> None:
    lines = written(tmp_path / "p.log", *whole_run())
    assert all(LINE.match(line) for line in lines)
    rows = [
        dict(zip(row[3::2], row[4::2], strict=True))
        for row in csv.reader(lines, skipinitialspace=True)
    ]
    assert rows[0]["program"] == "ScanState.exe"
    assert rows[0]["computerName"] == "PC1"
    assert {"PHASE": "Scanning"} in rows
    assert {"detectedUser": "PC1\\bob", "includedInMigration": "Yes"} in rows
    assert {
        "forUser": "This Computer",
        "detectedComponent": "Fonts",
        "includedInMigration": "No",
    } in rows
    assert {"totalSizeInMBToTransfer": "3.00"} in rows
    assert {"collectingUser": "PC1\\bob"} in rows
    error = next(row for row in rows if "error" in row)
    assert error["action"] == "Ignore"
    assert error["objectName"] == 'C:\\Users\\a,b"\\x1b\\x0a.txt'
    assert rows[-1] == {"errorCode": "3", "numberOfIgnoredErrors": "1", "message": "done"}


def test_a_hundred_percent_is_told_at_success_alone(tmp_path: Path) -> None:
    *before, _ = whole_run()
    assert not [each for each in written(tmp_path / "a", *before) if "Completed, 100" in each]
    failed = written(tmp_path / "b", *before, Finished(61))
    assert not [each for each in failed if "Completed, 100" in each]
    assert (
        sum(
            ", totalPercentageCompleted, 100" in each
            for each in written(tmp_path / "c", *whole_run())
        )
        == 1
    )


def test_a_log_inside_the_store_or_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgressLogError, match="inside the store") as caught:
        ProgressLog(tmp_path / "store" / "USMT" / "p.log", tmp_path / "store")
    assert caught.value.exit_code == 40
    with pytest.raises(ProgressLogError, match="No such file"):
        ProgressLog(tmp_path / "no" / "p.log")
