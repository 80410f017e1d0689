"""FILETIME (unsigned 100 ns ticks since 1601-01-01 UTC, [MS-DTYP] 2.3.3) beside the times of Python and Unix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICKS = 10_000_000
"""Ticks in a second."""
UNIX_EPOCH = 116_444_736_000_000_000
"""1970-01-01 as FILETIME."""
_REPRESENTABLE = range(-(1 << 31), 1 << 33)
"""Seconds that every Linux file system in use can hold as a modification time."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def to_filetime(moment: datetime) -> int:
    """Return an aware datetime as FILETIME."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 10


def to_datetime(filetime: int) -> datetime:
    """Return a FILETIME in UTC; raise OverflowError beyond the year 9999, as far as Python's calendar goes."""
    return _EPOCH + timedelta(microseconds=filetime // 10)


def nanoseconds(filetime: int) -> int | None:
    """Return a FILETIME in ns since 1970; None for 0 and for what no file system of the host can hold."""
    found = (filetime - UNIX_EPOCH) * 100
    return found if filetime and found // 1_000_000_000 in _REPRESENTABLE else None
