"""The chained log: what it keeps, and that nobody changes, removes, adds or moves a line unseen."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extractor.errors import CorruptStoreError, StoreError, StoreLocationError
from extractor.events import (
    BytesCopied,
    EntriesSeen,
    Event,
    Noted,
    ObjectFailed,
    Phase,
    PhaseStarted,
    TotalsKnown,
)
from extractor.model import WinPath
from extractor.redact import remember
from extractor.report.chained_log import GENESIS, ChainedLog, check_chain

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Lines = list[bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of five lines."""
    made = tmp_path / "log.jsonl"
    log = ChainedLog(made)
    for number in range(5):
        log.write("noted", message=f"fact {number}")
    log.close()
    return made


def values(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def told(path: Path, *events: Event) -> list[dict[str, Any]]:
    log = ChainedLog(path)
    for event in events:
        log(event)
    log.close()
    return values(path)


def test_each_line_has_number_time_event_and_the_hash_of_the_line_before(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    before = [GENESIS, *(hashlib.sha256(line).hexdigest() for line in lines)]
    for number, value in enumerate(values(path), 1):
        assert list(value) == ["number", "time", "event", "message", "previous"]
        assert (value["number"], value["previous"]) == (number, before[number - 1])
        assert value["time"].endswith("Z")
        assert len(value["time"]) == len("2026-01-31T12:00:00.123456Z")


def test_genesis_is_the_hash_of_a_stated_text() -> None:
    assert hashlib.sha256(b"coldstate custody log, format 1\n").hexdigest() == GENESIS


def test_a_whole_log_has_no_problem(path: Path) -> None:
    chain = check_chain(path)
    assert (chain.lines, chain.problem) == (5, "")


def test_an_empty_log_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert check_chain(tmp_path / "log").problem == ""


def changed(lines: Lines) -> Lines:
    return [*lines[:2], lines[2].replace(b"fact 2", b"fact 7"), *lines[3:]]


def relinked(lines: Lines) -> Lines:
    """Change a line and give the next one its new hash: the one after that tells."""
    forged = changed(lines)
    value = json.loads(forged[3])
    value["previous"] = hashlib.sha256(forged[2]).hexdigest()
    return [*forged[:3], json.dumps(value, separators=(",", ":")).encode() + b"\n", forged[4]]


BREAKS: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "changed": (changed, "line 4 does not follow line 3"),
    "changed and linked again": (relinked, "line 5 does not follow line 4"),
    "first changed": (lambda o: [o[0].replace(b"0", b"9", 1), *o[1:]], "line 1"),
    "removed": (lambda o: [*o[:2], *o[3:]], "line 3 says that it is number 4"),
    "first removed": (lambda o: o[1:], "line 1 says that it is number 2"),
    "swapped": (lambda o: [o[0], o[2], o[1], *o[3:]], "line 2 says that it is number 3"),
    "said twice": (lambda o: [o[0], o[0], *o[1:]], "line 2 says that it is number 1"),
    "not JSON": (lambda o: [*o[:3], b"hello\n", o[4]], "line 4 is no whole line"),
    "a list": (lambda o: [*o[:3], b"[]\n", o[4]], "line 4 is no whole line"),
    "empty": (lambda o: [*o[:3], b"\n", *o[3:]], "line 4 is no whole line"),
    "last torn": (lambda o: [*o[:4], o[4][:20]], "line 5 is no whole line"),
    "last without its end": (lambda o: [*o[:4], o[4][:-1]], "line 5 is no whole line"),
}


@pytest.mark.parametrize(("forge", "problem"), BREAKS.values(), ids=BREAKS)
def test_the_first_line_that_does_not_fit_is_named(
    forge: Callable[[Lines], Lines], problem: str, path: Path
) -> None:
    path.write_bytes(b"".join(forge(path.read_bytes().splitlines(keepends=True))))
    assert problem in check_chain(path).problem


def test_every_single_byte_counts(path: Path) -> None:
    whole = path.read_bytes()
    end = len(whole) - len(whole.splitlines(keepends=True)[-1])
    for at in range(end):  # of the last line only the record tells
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert check_chain(path).problem, at


def test_a_cut_end_shows_where_a_mark_was(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    mark = check_chain(path, {5}).marks[5]
    assert mark.last == hashlib.sha256(lines[4]).hexdigest()
    assert mark.whole == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(b"".join(lines[:4]))
    assert check_chain(path, {5}).marks == {}


def test_the_chain_goes_on_when_the_log_is_opened_again(path: Path) -> None:
    before = path.read_bytes()
    assert told(path, Noted("info", "later"))[5]["number"] == 6
    assert path.read_bytes().startswith(before)
    assert check_chain(path).problem == ""


@pytest.mark.parametrize("left", [0, 1, 40, -2, -1])
def test_a_line_that_a_killed_run_left_unfinished_stays_and_is_told(left: int, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    torn = b"".join([*lines[:4], lines[4][:left]])
    path.write_bytes(torn)
    told(path, Noted("info", "later")) if left == 0 else ChainedLog(path).close()
    assert path.read_bytes().startswith(torn)
    chain = check_chain(path, events={"cut_line_found"})
    assert chain.problem == ""
    assert len(chain.events) == (left not in {0, -1})  # a whole line lacks nothing but its end


def test_an_unfinished_line_in_the_middle_that_nobody_told_of_is_a_problem(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[4][:20]]))
    log = ChainedLog(path)
    log.write("noted")
    log.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert b"cut_line_found" in lines[5]
    path.write_bytes(b"".join([*lines[:5], *lines[6:]]))
    assert check_chain(path).problem == "line 5 is no whole line of this log"


def test_phases_failures_and_notes_are_kept_and_nothing_that_is_counted(tmp_path: Path) -> None:
    events: list[Event] = [
        PhaseStarted(Phase.SAVING),
        EntriesSeen(7),
        BytesCopied("S-1", 7),
        TotalsKnown(2, 9, {"S-1": (2, 9)}),
        ObjectFailed("S-1", WinPath("C:", ("Users", "a")), "UnableToOpen", "bad sector", ignored=True),
        Noted("warning", "doubt"),
    ]  # fmt: skip
    kept = told(tmp_path / "log", *events)
    names = ["phase_started", "totals_known", "object_failed", "noted"]
    assert [each["event"] for each in kept] == names
    assert kept[0]["phase"] == "Saving"
    assert kept[1]["scopes"] == {"S-1": [2, 9]}
    assert (kept[2]["path"], kept[2]["ignored"]) == ("C:\\Users\\a", True)


def test_names_are_printable_and_secrets_hidden_however_json_spells_them(tmp_path: Path) -> None:
    remember('pass "word" \\ one')
    message = 'say pass "word" \\ one, \x1b[2J \u202e \ud800, ' + "-".join(["110011"] * 8)
    (line,) = told(tmp_path / "log", Noted("info", message))
    assert line["message"] == "say ***, \\x1b[2J \\u202e \\ud800, ***"
    assert (tmp_path / "log").read_bytes().isascii()


def test_another_run_may_not_write_to_it_meanwhile(path: Path) -> None:
    log = ChainedLog(path)
    with pytest.raises(StoreLocationError, match="another run"):
        ChainedLog(path)
    log.close()
    ChainedLog(path).close()


class Filling(io.FileIO):
    """A disk with room for so many bytes."""

    room = 0

    def write(self, content: ReadableBuffer, /) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(content)[: self.room]
        self.room -= len(part)
        return super().write(part)


@pytest.mark.parametrize("room", [0, 1, 50])
def test_a_line_that_a_full_disk_cut_is_told_when_there_is_room_again(
    room: int, path: Path
) -> None:
    log = ChainedLog(path)
    log._file.close()
    log._file = file = Filling(path, "a")
    file.room = room
    for _ in range(2):
        with pytest.raises(StoreError, match="No space left"):
            log.write("noted")
    file.room = 1 << 20
    log.write("later")
    log.close()
    chain = check_chain(path, events={"cut_line_found", "later"})
    assert chain.problem == ""
    assert len(chain.events) == (2 if room else 1)
    assert chain.lines == log.lines


def test_a_log_that_is_a_link_or_a_folder_is_refused(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    before = path.read_bytes()
    for place in (link, path.parent):
        with pytest.raises(StoreLocationError, match="cannot be opened"):
            ChainedLog(place)
    assert path.read_bytes() == before


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    log = ChainedLog(tmp_path / "log")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file.fileno())
    os.close(full)
    with pytest.raises(StoreError, match="custody record cannot be written: No space left"):
        log.write("noted")
    log.close()


def test_a_log_that_is_not_there_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(CorruptStoreError, match="cannot be read"):
        check_chain(tmp_path / "none")
