"""Transaction logs of the old format (Windows 8.0 and before): a bitmap of dirty pages, and the pages.

The log is ``base block | "DIRT" + one bit for each 512 bytes of the bins | the dirty pages from the next sector on``.
Source: "Windows registry file format specification" (M. Suhanov), transaction log files, old format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from extractor.registry.base_block import (
    FIRST_BIN,
    LARGEST,
    OLD_LOGS,
    SECTOR,
    as_clean_primary,
    bins_size,
    file_type,
    is_whole,
    sequences,
    written,
)

SIGN = b"DIRT"


def refusal(content: bytes, log: bytes) -> str:
    """Return why an old log cannot be applied to a hive, empty when it can."""
    if not is_whole(log) or file_type(log) not in OLD_LOGS:
        return "its base block is damaged"
    first, second = sequences(log)
    if first != second:
        return f"it was not written in full (sequence {first}/{second})"
    if log[SECTOR : SECTOR + 4] != SIGN:
        return "it holds no dirty pages"
    if written(log) not in _times(content):
        return "it is of another time than the hive"
    if not 0 < bins_size(log) <= LARGEST - FIRST_BIN or bins_size(log) % SECTOR:
        return f"it speaks of {bins_size(log)} bytes of bins"
    return ""


def replayed(content: bytes, log: bytes) -> tuple[bytes, int, str]:
    """Return a hive with the dirty pages of a log written, how many there were, and why it ended early if it did.

    A page that begins a bin must say where that bin lies; recovery ends before one that does not, as in Windows.
    """
    size = FIRST_BIN + bins_size(log)
    target = bytearray(content[:size].ljust(size, b"\0"))
    count, fault = 0, ""
    for place, page in _pages(log):
        fault = _fault(place, page)
        if fault:
            break
        target[FIRST_BIN + place : FIRST_BIN + place + SECTOR] = page
        count += 1
    target[:SECTOR] = log[:SECTOR]
    return as_clean_primary(bytes(target) + content[size:], sequences(log)[0]), count, fault


def _pages(log: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (place relative to the first bin, 512 bytes or fewer at a log's end) for each bit that is set."""
    bits = bins_size(log) // SECTOR
    start = SECTOR + len(SIGN)
    bitmap = log[start : start + (bits + 7) // 8]
    at = -(-(start + (bits + 7) // 8) // SECTOR) * SECTOR
    for index, byte in enumerate(bitmap):
        for bit in range(8 if byte else 0):
            number = index * 8 + bit
            if byte >> bit & 1 and number < bits:
                yield number * SECTOR, log[at : at + SECTOR]
                at += SECTOR


def _fault(place: int, page: bytes) -> str:
    if len(page) < SECTOR:
        return "the log is cut short"
    if page[:4] == b"hbin" and struct.unpack_from("<I", page, 4)[0] != place:
        return f"its page for byte {place:#x} belongs elsewhere"
    return ""


def _times(content: bytes) -> set[int]:
    """Return the times that a log of this hive may bear; with a damaged base block also that of the first bin."""
    times = {written(content)}
    if not is_whole(content) and len(content) >= FIRST_BIN + 0x20:
        times.add(int(struct.unpack_from("<Q", content, FIRST_BIN + 0x14)[0]))
    return times
