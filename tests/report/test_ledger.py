"""Seen = stored + excluded + not stored, or the program says that it is broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import LedgerError
from extractor.model import ObjectKind, OutcomeKind, Record, StreamRecord, WinPath
from extractor.report.ledger import NAMED, Ledger, Sum, total
from extractor.report.summary import summary


def row(
    user: str = "S-1", outcome: OutcomeKind = OutcomeKind.STORED, size: int = 1, reason: str = "", rule: str = ""
) -> Record:  # fmt: skip
    return Record(ObjectKind.FILE, WinPath("C:", ("x",)), "v", user, outcome, reason, rule, size)


ROWS = st.builds(
    row,
    st.sampled_from(["", "S-1", "S-2"]),
    st.sampled_from(OutcomeKind),
    st.integers(0, 1 << 50),
    st.sampled_from(["", "bad sector", "EFS"]),
    st.sampled_from(["", "a.xml:1", "b.xml:2"]),
)


@given(st.lists(ROWS))
def test_a_ledger_that_was_told_everything_balances(rows: list[Record]) -> None:
    ledger = Ledger()
    for each in rows:
        ledger.seen(each.user, 1, each.bytes)
        ledger.ended(each)
    ledger.check()
    whole = ledger.all
    assert whole.seen == whole.stored + total(whole.excluded) + total(whole.not_stored)
    assert whole.seen == Sum(len(rows), sum(each.bytes for each in rows))
    assert json.dumps(ledger.totals())


@given(st.lists(ROWS, min_size=1), st.data())
def test_one_lost_object_or_byte_is_noticed(rows: list[Record], data: st.DataObject) -> None:
    ledger = Ledger()
    lost = data.draw(st.integers(0, len(rows) - 1))
    for number, each in enumerate(rows):
        ledger.seen(each.user, 1, each.bytes)
        if number != lost:
            ledger.ended(each)
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check()


@given(st.lists(ROWS), st.randoms())
def test_the_sums_do_not_depend_on_the_order(rows: list[Record], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    ledgers = []
    for order in (rows, shuffled):
        ledger = Ledger()
        for each in order:
            ledger.seen(each.user, 1, each.bytes)
            ledger.ended(each)
        ledgers.append(json.dumps(ledger.totals()))
    assert ledgers[0] == ledgers[1]


def test_the_difference_is_told_with_both_numbers() -> None:
    ledger = Ledger()
    ledger.seen("S-1", 2, 30)
    ledger.ended(row(size=10))
    with pytest.raises(
        LedgerError, match=r"S-1 .* seen 2 objects of 30 bytes, accounted for 1 of 10"
    ):
        ledger.check()


def test_named_streams_count() -> None:
    ledger = Ledger()
    ledger.seen("S-1", 1, 7)
    ledger.ended(
        Record(
            ObjectKind.FILE, WinPath("C:"), "v", "S-1", OutcomeKind.STORED, size=3,
            streams=(StreamRecord("ads", 4),),
        )
    )  # fmt: skip
    ledger.check()


def test_the_summary_names_the_first_that_are_missing_and_counts_the_rest() -> None:
    ledger = Ledger()
    for number in range(NAMED + 5):
        reason = "bad sector" if number % 5 else "EFS"
        ledger.seen("S-1", 1, 1)
        ledger.ended(row(outcome=OutcomeKind.NOT_STORED, reason=reason))
    ledger.seen("", 1, 9)
    ledger.ended(row(user="", outcome=OutcomeKind.EXCLUDED, size=9, rule="a.xml:3"))
    closing = summary(ledger, {"S-1": "PC\\bob"})
    assert [each.account for each in closing.rows] == ["PC\\bob", "This Computer"]
    assert closing.rows[0].not_stored == Sum(25, 25)
    assert closing.rows[1].excluded == Sum(1, 9)
    assert (len(closing.not_stored), closing.more) == (NAMED, 5)
    assert [reason for reason, _ in closing.reasons] == ["bad sector", "EFS"]
    assert closing.all.seen == Sum(26, 34)
    assert ledger.not_stored == 25
