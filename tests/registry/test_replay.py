from __future__ import annotations

import lzma
import struct
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import SourceError
from extractor.registry import HiveFiles, open_hive_files
from extractor.registry import replay as module
from extractor.registry.base_block import FIRST_BIN
from extractor.registry.replay import Log, Replay, replay
from extractor.seams import Hive
from tests.registry.damage import named
from tests.registry.logs import (
    base_block,
    changed_pages,
    cut_writes,
    entry,
    marked_dirty,
    new_log,
    old_log,
    raw_entry,
)
from tests.registry.tiny_hive import Keys, tiny_hive

MANY: Keys = {f"Key {number}": {"v": f"value {number}"} for number in range(60)}
BEFORE = tiny_hive({**MANY, "Changed": {"v": "before", "same": 1}}, sequences=(9, 8))
AFTER = tiny_hive(
    {**MANY, "Changed": {"v": "after!", "same": 1}, "New": {"more": "x" * 3000}, **{f"N{n}": {} for n in range(40)}},
    sequences=(8, 8),
)  # fmt: skip
PAGES = changed_pages(BEFORE.ljust(len(AFTER), b"\0"), AFTER)
HALF = AFTER[: FIRST_BIN + PAGES[1]] + BEFORE[FIRST_BIN + PAGES[1] :]
"""The hive after the first of two entries."""


def bins(content: bytes) -> bytes:
    return content[FIRST_BIN:]


def replayed(content: bytes, *logs: bytes) -> Replay:
    named = [Log(f"H.LOG{number}", log) for number, log in enumerate(logs, 1)]
    return replay(content, named, "H")


def said(result: Replay) -> str:
    return "; ".join(f"{note.level}: {note.message}" for note in result.notes)


def opened(content: bytes, *logs: bytes) -> Hive:
    """Open a hive with logs, as a scan does."""
    files = tuple((f"H.LOG{n}", partial(bytes, log)) for n, log in enumerate(logs, 1))
    return open_hive_files(HiveFiles("H", lambda: content, files))


ONE = new_log(AFTER, 8, [(AFTER, PAGES)])
FIRST, SECOND = new_log(AFTER, 8, [(HALF, PAGES[:1])]), new_log(AFTER, 9, [(AFTER, PAGES[1:])])
OLD = old_log(BEFORE, AFTER, 9)
CUT = list(cut_writes(BEFORE, AFTER))


# --- new logs -------------------------------------------------------------------------------------


def test_a_log_makes_the_hive_what_windows_would_have_made_of_it() -> None:
    result = replayed(BEFORE, ONE)
    assert result.is_replayed
    assert bins(result.content) == bins(AFTER)
    assert said(result) == (
        "info: H: it was not written back in full; log entries 8 to 8 of H.LOG1 were replayed"
    )


@pytest.mark.parametrize("logs", [(FIRST, SECOND), (SECOND, FIRST)])
def test_two_logs_are_applied_in_the_order_of_their_entries(logs: tuple[bytes, bytes]) -> None:
    result = replayed(BEFORE, *logs)
    assert bins(result.content) == bins(AFTER)
    assert "log entries 8 to 8 of" in said(result)
    assert "and 9 to 9 of" in said(result)


@pytest.mark.parametrize("file", CUT, ids=range(len(CUT)))
@pytest.mark.parametrize("logs", [(ONE,), (FIRST, SECOND), (OLD,)], ids=["one", "two", "old"])
def test_wherever_the_write_ended_the_replayed_hive_is_the_same(
    file: bytes, logs: tuple[bytes, ...]
) -> None:
    assert bins(replayed(file, *logs).content) == bins(AFTER)


def test_the_write_may_have_torn_the_base_block_too() -> None:
    for torn in (BEFORE[:0x1FC] + b"torn" + BEFORE[0x200:], bytes(512) + BEFORE[512:]):
        assert bins(replayed(torn, ONE).content) == bins(AFTER)
        assert bins(replayed(torn, SECOND, FIRST).content) == bins(AFTER)
        assert not opened(torn, ONE).dirty


def test_with_a_torn_base_block_a_stale_log_is_known_by_the_gap_to_the_other() -> None:
    torn = BEFORE[:0x1FC] + b"torn" + BEFORE[0x200:]
    stale = new_log(BEFORE, 3, [(BEFORE, PAGES[:1])])
    result = replayed(torn, stale, ONE)
    assert bins(result.content) == bins(AFTER)
    assert "H.LOG1 is not used: a later log begins anew" in said(result)


def test_a_clean_hive_asks_no_log() -> None:
    def refuse() -> bytes:
        raise AssertionError

    clean = marked_dirty(BEFORE, 8, 8)
    assert replayed(clean, ONE) == Replay(clean)
    hive = open_hive_files(HiveFiles("H", lambda: clean, (("H.LOG1", refuse),)))
    assert not hive.notes


def test_a_stale_log_is_not_used_and_that_is_said() -> None:
    result = replayed(BEFORE, new_log(BEFORE, 5, [(HALF, PAGES[:1])]))
    assert not result.is_replayed
    assert "info: H.LOG1 is not used: it is stale (it begins at 5, the hive is at 8)" in said(
        result
    )
    assert "warning: H: it was not written back in full and no log of it can be used" in said(
        result
    )


def test_sequence_numbers_begin_again() -> None:
    last = marked_dirty(BEFORE, 0, 0xFFFFFFFF)
    logs = (
        new_log(AFTER, 0, [(AFTER, PAGES[1:])]),
        new_log(AFTER, 0xFFFFFFFF, [(HALF, PAGES[:1])]),
    )
    assert bins(replayed(last, *logs).content) == bins(AFTER)


def test_entries_may_be_missing_before_the_first_log() -> None:
    """Windows writes part of the data back without a word in the base block, and goes on in the logs."""
    assert bins(replayed(BEFORE, new_log(AFTER, 70, [(AFTER, PAGES)])).content) == bins(AFTER)


def test_a_log_that_does_not_go_on_where_the_first_ended_is_left() -> None:
    result = replayed(BEFORE, FIRST, new_log(AFTER, 20, [(AFTER, PAGES[1:])]))
    assert bins(result.content) == bins(HALF)
    assert "warning: H.LOG2 is not used: it begins at 20 where 9 comes next" in said(result)


@pytest.mark.parametrize("at", [0, 40, 1000])
def test_recovery_ends_before_a_torn_entry(at: int) -> None:
    log = bytearray(new_log(AFTER, 8, [(HALF, PAGES[:1]), (AFTER, PAGES[1:])]))
    log[len(log) - len(entry(AFTER, 9, PAGES[1:])) + at] ^= 1
    assert bins(replayed(BEFORE, bytes(log)).content) == bins(HALF)


def test_a_log_whose_first_entry_is_torn_and_what_follows_it_change_nothing() -> None:
    torn = bytearray(FIRST)
    torn[600] ^= 1
    result = replayed(BEFORE, bytes(torn), SECOND)
    assert not result.is_replayed
    assert "it holds no whole entry that comes next" in said(result)


def test_remains_of_older_entries_behind_the_last_are_not_applied() -> None:
    log = ONE + entry(BEFORE, 4, PAGES)
    assert bins(replayed(BEFORE, log).content) == bins(AFTER)


def test_a_log_that_windows_would_heal_the_hive_for_is_named() -> None:
    for broken in (base_block(AFTER, 6, 9, 8) + ONE[512:], ONE[:0x40] + b"?" + ONE[0x41:]):
        result = replayed(BEFORE, broken)
        assert result.content == BEFORE
        assert "Windows would heal" in said(result)


@pytest.mark.parametrize(
    ("log", "word"),
    [
        (b"", ""),
        (bytes(4096), ""),
        (b"nonsense", "it is no transaction log"),
        (BEFORE, "it is a hive, not a log"),
        (base_block(BEFORE, 5, 8), "unknown kind 5"),
    ],
)
def test_what_is_no_log_is_said_and_an_empty_one_is_not_worth_a_word(log: bytes, word: str) -> None:
    result = replayed(BEFORE, log)
    assert result.content == BEFORE
    assert (word in said(result)) if word else len(result.notes) == 1


def test_a_log_too_large_to_hash_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_LOG", 512)
    assert "larger than" in said(replayed(BEFORE, ONE))


@pytest.mark.parametrize(
    "pages",
    [
        [(0xFFFF0000, b"x" * 4096)],
        [(0x7FFFFFF0, b"x" * 4096)],
    ],
)
def test_a_crafted_log_does_not_make_a_hive_without_end(pages: list[tuple[int, bytes]]) -> None:
    log = base_block(AFTER, 6, 8) + raw_entry(8, len(AFTER) - FIRST_BIN, pages)
    result = replayed(BEFORE, log)
    assert result.content == BEFORE
    assert "more than the log holds" in said(result)


def test_a_crafted_entry_whose_pages_overlap_is_not_written_without_end() -> None:
    held = b"y" * 4096
    body = struct.pack("<2I", 0, 4096) * 400
    log = base_block(AFTER, 6, 8) + raw_entry(8, 0x1000, [(0, held)] * 2)
    assert replayed(BEFORE, log + body).content[:4] == b"regf"


def test_a_log_after_which_the_hive_is_none_is_not_used() -> None:
    log = base_block(AFTER, 6, 8) + raw_entry(8, len(BEFORE) - FIRST_BIN, [(0, bytes(4096))])
    result = replayed(BEFORE, log)
    assert result.content == BEFORE
    assert "the first bin of the hive is damaged after its logs" in said(result)


# --- old logs -------------------------------------------------------------------------------------


def test_an_old_log_is_replayed() -> None:
    result = replayed(BEFORE, OLD, b"")
    assert bins(result.content) == bins(AFTER)
    assert f"{8 * len(PAGES)} pages were replayed from H.LOG1" in said(result)


def test_an_old_log_of_another_time_is_not_used() -> None:
    log = bytearray(OLD)
    struct.pack_into("<Q", log, 0x0C, 1)
    result = replayed(BEFORE, base_block(bytes(log), 1, 9) + OLD[512:])
    assert not result.is_replayed
    assert "of another time" in said(result)


@pytest.mark.parametrize(
    ("log", "word"),
    [
        (OLD[:0x30] + b"?" + OLD[0x31:], "its base block is damaged"),
        (base_block(AFTER, 1, 9, 8) + OLD[512:], "not written in full (sequence 9/8)"),
        (OLD[:512] + b"dirt" + OLD[516:], "it holds no dirty pages"),
        (OLD[:600], ""),
    ],
)
def test_an_old_log_that_is_not_whole_is_not_used(log: bytes, word: str) -> None:
    result = replayed(BEFORE, log)
    assert not result.is_replayed
    assert word in said(result)


def test_an_old_log_that_is_cut_short_is_used_as_far_as_it_goes() -> None:
    result = replayed(BEFORE, OLD[:-4096])
    assert result.is_replayed
    assert "H.LOG1 is used in part: the log is cut short" in said(result)


def test_a_page_that_begins_a_bin_must_say_where_it_lies() -> None:
    broken = bytearray(OLD)
    at = OLD.index(b"hbin")
    struct.pack_into("<I", broken, at + 4, 0x5000)
    assert not replayed(BEFORE, bytes(broken)).is_replayed


# --- where values come from -----------------------------------------------------------------------


def test_a_value_that_the_logs_changed_says_so_and_the_others_are_live() -> None:
    hive = opened(BEFORE, ONE)
    found = {value.name: value.provenance for value in hive.values("New")}
    assert found == {"more": "replayed"}
    (kept,) = hive.values("Key 3")
    assert (kept.provenance, kept.text) == ("live", "value 3")
    changed = hive.value("Changed", "v")
    assert changed is not None
    assert (changed.provenance, changed.text) == ("replayed", "after!")
    assert not hive.dirty


def test_a_dirty_hive_without_a_log_is_read_as_it_lies() -> None:
    hive = opened(BEFORE)
    assert hive.dirty
    value = hive.value("Changed", "v")
    assert value is not None
    assert (value.provenance, value.text) == ("live", "before")
    assert [note.level for note in hive.notes] == ["warning"]


# --- any damage -----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_flipped_bits_in_hive_and_logs_raise_nothing_but_our_errors(data: st.DataObject) -> None:
    files = [bytearray(each) for each in (BEFORE, FIRST, SECOND, OLD)]
    for _ in range(data.draw(st.integers(1, 8))):
        file = data.draw(st.sampled_from(files))
        file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    walk(bytes(files[0]), [bytes(each) for each in files[1:]])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([FIRST, OLD]), st.integers(0, 40_000), st.binary(max_size=600))
def test_a_log_cut_anywhere_with_anything_behind_raises_nothing(
    log: bytes, end: int, more: bytes
) -> None:
    walk(BEFORE, [log[:end] + more])


def walk(content: bytes, logs: Iterable[bytes]) -> None:
    try:
        hive = opened(content, *logs)
    except SourceError:
        return
    waiting, met = [""], 0
    while waiting:
        key = waiting.pop()
        met += 1
        assert met < 2000
        try:
            hive.values(key)
            waiting += [f"{key}\\{name}" if key else name for name in named(hive.subkeys(key))]
        except SourceError:
            continue


# --- real hives -----------------------------------------------------------------------------------

GOLDEN = (
    ("transactions_NTUSER.DAT", ("transactions_ntuser.dat.log1", "transactions_ntuser.dat.log2"), (3105, 4695)),
    ("SYSTEM_B", ("SYSTEM_B.LOG1", "SYSTEM_B.LOG2"), (35595, 78901)),
    ("UsrClass.dat", ("UsrClass.dat.LOG1", "UsrClass.dat.LOG2"), (6238, 12531)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "logs", "expected"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_real_dirty_hives_have_the_golden_numbers_after_replay(
    data: Path, name: str, logs: tuple[str, ...], expected: tuple[int, int]
) -> None:
    def unpacked(file: str) -> bytes:
        return lzma.decompress((data / "hives" / "win10-dirty" / f"{file}.xz").read_bytes())

    contents = [unpacked(log) for log in logs]
    hive = opened(unpacked(name), *reversed(contents))  # the order given does not matter
    keys, values, waiting = 0, 0, [""]
    origins: set[str] = set()
    while waiting:
        key = waiting.pop()
        found = hive.values(key)
        keys, values = keys + 1, values + len(found)
        origins |= {value.provenance for value in found}
        waiting += [f"{key}\\{each}" if key else each for each in hive.subkeys(key)]
    assert (keys, values) == expected
    assert origins == {"live", "replayed"}
    assert all(note.level == "info" for note in hive.notes)


def test_wherever_the_write_of_a_real_hive_ended_it_is_the_same_after_replay(data: Path) -> None:
    """Every page boundary with a log of the old format; some with the real logs, whose hashes take their time."""
    folder = data / "hives" / "win10-dirty"
    names = GOLDEN[0][0], *GOLDEN[0][1]
    before, *logs = (lzma.decompress((folder / f"{name}.xz").read_bytes()) for name in names)
    after = replayed(before, *logs).content
    old = old_log(before, after, 588)
    torn = list(cut_writes(before, after))
    assert len(torn) > 100
    for file in torn:
        assert bins(replayed(file, old).content) == bins(after)
    for file in torn[1::40]:
        assert bins(replayed(file, *logs).content) == bins(after)
