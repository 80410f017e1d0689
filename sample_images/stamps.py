"""The edit that gives every record its times: ntfs-3g cannot set when a record was changed.

Each time stands in three places: $STANDARD_INFORMATION, each $FILE_NAME, and the index entries that
copy a $FILE_NAME. As Windows leaves them: $FILE_NAME holds the time of creation four times.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sample_images.contents import Times
from sample_images.records import (
    STANDARD_INFORMATION,
    Edit,
    attributes,
    record_number,
    value_at,
)

FILE_NAME, INDEX_ROOT = 0x30, 0x90
LAST_ENTRY = 2


def stamped(times: dict[int, Times]) -> Edit:
    """Return the edit that gives records (by number) and the index entries their times."""

    def edit(record: bytes) -> bytes:
        data = bytearray(record)
        for at, stamp in _places(record, times):
            data[at : at + 32] = stamp
        return bytes(data)

    return edit


def _places(record: bytes, times: dict[int, Times]) -> Iterator[tuple[int, bytes]]:
    """Where four times stand in the record, and what shall stand there."""
    if record[:4] == b"INDX":
        yield from _index_places(record, 0x18, times)
        return
    own = times.get(record_number(record))
    for kind, at in attributes(record):
        value = value_at(record, at)
        if kind == STANDARD_INFORMATION and own:
            created, written, accessed, changed = own
            yield value, struct.pack("<4Q", created, written, changed, accessed)
        elif kind == FILE_NAME and own:
            yield value + 8, _file_name_times(own)
        elif kind == INDEX_ROOT and record[value : value + 4] == b"\x30\0\0\0":
            yield from _index_places(record, value + 16, times)


def _index_places(
    record: bytes, header: int, times: dict[int, Times]
) -> Iterator[tuple[int, bytes]]:
    """Yield the times in the $FILE_NAME copies of one node of an $I30 index."""
    at = header + struct.unpack_from("<I", record, header)[0]
    while True:
        number, length, _, flags = struct.unpack_from("<QHHH", record, at)
        if flags & LAST_ENTRY:
            return
        own = times.get(number & 0xFFFFFFFFFFFF)
        if own:
            yield at + 16 + 8, _file_name_times(own)
        at += length


def _file_name_times(own: Times) -> bytes:
    return struct.pack("<Q", own[0]) * 4
