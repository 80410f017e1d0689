"""Transaction logs written byte by byte, so that a hive can be left half written and be replayed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from extractor.registry.base_block import FIRST_BIN, SECTOR, checksum

PAGE = 4096
SEED = 0x82EF4D887A4E55C5
MASK = 0xFFFFFFFF


def base_block(hive: bytes, kind: int, sequence: int, second: int | None = None) -> bytes:
    """Return the first sector of a log of this hive."""
    block = bytearray(hive[:SECTOR])
    struct.pack_into("<2I", block, 4, sequence, sequence if second is None else second)
    struct.pack_into("<I", block, 0x1C, kind)
    struct.pack_into("<I", block, 0x1FC, checksum(bytes(block)))
    return bytes(block)


def changed_pages(before: bytes, after: bytes, size: int = PAGE) -> list[int]:
    """Return the offsets (from the first bin) of the pages that differ."""
    return [
        at - FIRST_BIN
        for at in range(FIRST_BIN, len(after), size)
        if before[at : at + size] != after[at : at + size]
    ]


def new_log(after: bytes, sequence: int, entries: Sequence[tuple[bytes, Iterable[int]]]) -> bytes:
    """Return a log of Windows 8.1 or later: entries of (hive after it, offsets of its pages), numbered on."""
    parts = [base_block(after, 6, sequence)]
    for number, (state, pages) in enumerate(entries):
        parts.append(entry(state, (sequence + number) & MASK, list(pages)))
    return b"".join(parts)


def entry(state: bytes, sequence: int, pages: Sequence[int]) -> bytes:
    """Return one HvLE entry that holds these pages of a state of the hive."""
    held = [state[FIRST_BIN + at : FIRST_BIN + at + PAGE] for at in pages]
    return raw_entry(sequence, len(state) - FIRST_BIN, list(zip(pages, held, strict=True)))


def raw_entry(sequence: int, bins: int, pages: Sequence[tuple[int, bytes]]) -> bytes:
    """Return one HvLE entry of whatever is wanted, its hashes right."""
    references = b"".join(struct.pack("<2I", at, len(data)) for at, data in pages)
    body = references + b"".join(data for _, data in pages)
    size = -(-(40 + len(body)) // SECTOR) * SECTOR
    body = body.ljust(size - 40, b"\0")
    head = struct.pack("<4s5IQ", b"HvLE", size, 0, sequence, bins, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def old_log(before: bytes, after: bytes, sequence: int) -> bytes:
    """Return a log of Windows 8.0 or earlier with the pages in which two states of a hive differ."""
    pages = changed_pages(before.ljust(len(after), b"\0"), after)
    bitmap = bytearray((len(after) - FIRST_BIN) // PAGE)
    for at in pages:
        bitmap[at // PAGE] = 0xFF
    vector = b"DIRT" + bytes(bitmap)
    vector = vector.ljust(-(-len(vector) // SECTOR) * SECTOR, b"\0")
    held = b"".join(after[FIRST_BIN + at : FIRST_BIN + at + PAGE] for at in pages)
    return base_block(after, 1, sequence) + vector + held


def marked_dirty(hive: bytes, first: int, second: int) -> bytes:
    """Return a hive with other sequence numbers and the checksum that goes with them."""
    block = bytearray(hive[:SECTOR])
    struct.pack_into("<2I", block, 4, first, second)
    struct.pack_into("<I", block, 0x1FC, checksum(bytes(block)))
    return bytes(block) + hive[SECTOR:]


def cut_writes(before: bytes, after: bytes) -> Iterable[bytes]:
    """Yield the file as it lies when the write of the changed pages ends before each of them."""
    pages = changed_pages(before.ljust(len(after), b"\0"), after)
    state = bytearray(before)
    yield bytes(state)
    for at in pages:
        end = FIRST_BIN + at + PAGE
        state[len(state) :] = bytes(max(0, end - len(state)))
        state[FIRST_BIN + at : end] = after[FIRST_BIN + at : end]
        yield bytes(state)


def marvin32(data: bytes) -> int:
    """Return the hash of a log entry ("Windows registry file format specification", log entries)."""
    low, high = SEED & MASK, SEED >> 32
    padded = data + b"\x80" + bytes(3 - len(data) % 4)
    for word in (*struct.unpack(f"<{len(padded) // 4}I", padded), 0):
        low = (low + word) & MASK
        high ^= low
        low = (_rotated(low, 20) + high) & MASK
        high = _rotated(high, 9) ^ low
        low = (_rotated(low, 27) + high) & MASK
        high = _rotated(high, 19)
    return high << 32 | low


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & MASK
