"""One FILETIME for the whole program."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extractor.filetime import TICKS, UNIX_EPOCH, to_datetime, to_filetime


def test_1970_is_where_both_calendars_put_it() -> None:
    assert to_filetime(datetime(1970, 1, 1, tzinfo=UTC)) == UNIX_EPOCH
    assert to_datetime(UNIX_EPOCH + TICKS) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_what_no_calendar_holds_is_an_overflow() -> None:
    with pytest.raises(OverflowError):
        to_datetime((1 << 64) - 1)
