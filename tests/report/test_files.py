"""List file, main log, estimate, JSON progress and the exit code."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import pytest
from lxml import etree

from extractor.errors import (
    CanceledError,
    EncryptedError,
    EstimateFileError,
    ListFileError,
    LogFileError,
    SourceError,
    StoreError,
    UsageError,
)
from extractor.events import (
    BytesCopied,
    EntriesSeen,
    Event,
    Finished,
    ItemDone,
    Noted,
    ObjectFailed,
    Started,
    TotalsKnown,
)
from extractor.model import ObjectKind, OutcomeKind, WinPath
from extractor.report.estimate import Estimate, write_estimate
from extractor.report.exit_code import exit_code
from extractor.report.json_progress import JsonProgress
from extractor.report.list_file import ListFile
from extractor.report.main_log import MainLog, parse_verbosity

A = WinPath("C:", ("Users", "a\x1b\ud800.txt"))
HOSTILE = WinPath("C:", ("x\n2026-01-01 00:00:00, Error                 [0x000000] forged",))


# --- list file ------------------------------------------------------------------------------------


def test_the_list_names_stored_files_alone(tmp_path: Path) -> None:
    with ListFile(tmp_path / "list.txt") as listing:
        listing(ItemDone("", A, OutcomeKind.STORED, 1))
        listing(
            ItemDone("", WinPath("C:", ("dir",)), OutcomeKind.STORED, 0, kind=ObjectKind.DIRECTORY)
        )
        listing(ItemDone("", WinPath("C:", ("lost",)), OutcomeKind.NOT_STORED, 0))
        listing(Finished(0))
    raw = (tmp_path / "list.txt").read_bytes()
    assert raw == b"\xef\xbb\xbfC:\\Users\\a\\x1b\\ud800.txt\n"


def test_a_list_that_cannot_be_written_is_26(tmp_path: Path) -> None:
    with pytest.raises(ListFileError) as caught:
        ListFile(tmp_path)
    assert caught.value.exit_code == 26


# --- main log -------------------------------------------------------------------------------------


def logged(path: Path, verbosity: int, *events: Event, secrets: tuple[str, ...] = ()) -> list[str]:
    with MainLog(path, None, verbosity, secrets) as log:
        for event in events:
            log.tell(event)
    return path.read_text("utf-8-sig").splitlines()


RUN = (
    Started(("coldstate", "scan", "/key:hunter22")),
    Noted("warning", "the key 111111-222222-333333-444444-555555-666666-777777-888888 opened it"),
    ItemDone("", A, OutcomeKind.STORED, 1),
    ObjectFailed("", HOSTILE, "UnableToOpen", "bad sector", ignored=True),
    Finished(0),
)


@pytest.mark.parametrize(
    ("verbosity", "levels"),
    [
        (0, {"Warning"}),
        (1, {"Warning", "Info"}),
        (4, {"Warning", "Status"}),
        (5, {"Warning", "Info", "Status"}),
        (13, {"Warning", "Info", "Status"}),
    ],
)
def test_each_bit_of_verbosity_adds_its_lines(
    tmp_path: Path, verbosity: int, levels: set[str]
) -> None:
    lines = logged(tmp_path / "l", verbosity, *RUN)
    pattern = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (\w+) +\[0x000000\] .+")
    assert {found[1] for line in lines if (found := pattern.fullmatch(line))} == levels


def test_no_name_forges_a_line_and_no_secret_is_told(tmp_path: Path) -> None:
    lines = logged(tmp_path / "l", 13, *RUN, secrets=("hunter22",))
    text = "\n".join(lines)
    assert not [line for line in lines if line.startswith("2026-01-01 00:00:00, Error")]
    assert "hunter22" not in text
    assert "222222" not in text
    assert "\x1b" not in text


def test_a_traceback_is_indented(tmp_path: Path) -> None:
    with MainLog(tmp_path / "l"):
        try:
            int("deep\x1b")
        except ValueError:
            logging.getLogger("extractor.scan").exception("broken %s", "na\nme")
    first, *others = (tmp_path / "l").read_text("utf-8-sig").splitlines()
    assert first.endswith("broken na\\x0ame")
    assert all(line.startswith("    ") for line in others)
    assert "deep" in others[-1]


def test_what_libraries_chat_about_is_not_logged(tmp_path: Path) -> None:
    library = logging.getLogger("dissect.target")
    library.setLevel(logging.DEBUG)
    with MainLog(tmp_path / "l", None, 13):
        library.info("using recovery key x")
        library.warning("odd record")
    library.setLevel(logging.NOTSET)
    assert len((tmp_path / "l").read_text("utf-8-sig").splitlines()) == 1


def test_the_log_is_appended_to_with_one_mark(tmp_path: Path) -> None:
    logged(tmp_path / "l", 0, Noted("warning", "one"))
    logged(tmp_path / "l", 0, Noted("warning", "two"))
    raw = (tmp_path / "l").read_bytes()
    assert raw.count(b"\xef\xbb\xbf") == 1
    assert raw.count(b"\n") == 2


def test_a_log_inside_the_store_is_13(tmp_path: Path) -> None:
    with pytest.raises(LogFileError, match="inside the store") as caught:
        MainLog(tmp_path / "store" / "x.log", tmp_path / "store")
    assert caught.value.exit_code == 13


@pytest.mark.parametrize("text", ["2", "x", "14", "", "05"])
def test_other_sums_of_bits_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="/v:"):
        parse_verbosity(text)


# --- estimate -------------------------------------------------------------------------------------


def test_the_estimate_counts_whole_clusters(tmp_path: Path) -> None:
    estimate = Estimate()
    for size in (1, 4096, 4097, 0):
        estimate.add(size)
    write_estimate(tmp_path / "size.xml", estimate)
    root = etree.parse(str(tmp_path / "size.xml")).getroot()
    assert root.tag == "PreMigration"
    sizes = {
        each.get("clusterSize"): int(each.text or "") for each in root.iterfind("storeSize/size")
    }
    assert sizes["4096"] == 4096 + 4096 + 8192
    assert sizes["512"] == 512 + 4096 + 4608
    assert root.findtext("temporarySpace/size") == "0"


def test_an_estimate_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "there.xml").write_text("mine")
    with pytest.raises(EstimateFileError, match="exists already") as caught:
        write_estimate(tmp_path / "there.xml", Estimate())
    assert caught.value.exit_code == 41
    assert (tmp_path / "there.xml").read_text() == "mine"
    with pytest.raises(EstimateFileError):
        write_estimate(tmp_path / "no" / "x.xml", Estimate())


# --- json progress --------------------------------------------------------------------------------


def test_every_event_is_one_json_line_and_bytes_add_up() -> None:
    stream = io.StringIO()
    now = [0.0]
    tell = JsonProgress(stream, clock=lambda: now[0])
    tell(TotalsKnown(2, 300, {"S-1": (2, 300)}))
    for _ in range(300):
        now[0] += 0.001
        tell(BytesCopied("S-1", 1))
        tell(EntriesSeen(5))
    tell(ItemDone("S-1", A, OutcomeKind.STORED, 300))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {
        "event": "totals_known", "seconds": 0.0, "objects": 2, "bytes": 300, "scopes": {"S-1": [2, 300]},
    }  # fmt: skip
    copied = [each["count"] for each in lines if each["event"] == "bytes_copied"]
    assert sum(copied) == 300
    assert len(copied) < 6
    assert lines[-1]["path"] == "C:\\Users\\a\\x1b\\ud800.txt"
    assert lines[-1]["outcome"] == "stored"
    assert stream.getvalue().isascii()


# --- exit code ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("not_stored", "error", "code"),
    [
        (0, None, 0),
        (1, None, 3),
        (1, SourceError("x"), 61),
        (0, EncryptedError("x"), 2),
        (0, CanceledError("x"), 2),
        (0, KeyboardInterrupt(), 2),
        (5, StoreError("x"), 72),
        (0, UsageError("x"), 11),
        (0, RuntimeError("a defect"), 71),
    ],
)
def test_the_exit_code_is_usmts(not_stored: int, error: BaseException | None, code: int) -> None:
    assert exit_code(not_stored, error) == code
