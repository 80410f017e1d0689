"""Edits of NTFS records after the volume is unmounted: what no Linux driver can be asked to write.

That is: names that FUSE cannot carry (lone surrogates, `/`, `:`, NUL, `.` and `..`), a valid data
length below the size, and the cloud's attribute bits. A record is protected by its update sequence
array ([NTFS] fixups), which is taken off before an edit and put back after it.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from sample_images.run import BuildError

STRIDE = 512  # of the update sequence, whatever the sector size
STANDARD_INFORMATION, DATA, END = 0x10, 0x80, 0xFFFFFFFF

Edit = Callable[[bytes], bytes]


def smuggled(name: str) -> str:
    """`name` with every unit that FUSE cannot carry replaced by one of the private use area.

    Surrogates keep their order there, so an index that holds no other astral name stays sorted.
    """
    if name in {".", ".."}:
        return "\ue82e" * len(name)
    return "".join(map(_carried, name))


def _carried(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return chr(ord(char) - 0xD800 + 0xE000)
    return chr(0xE800 + ord(char)) if char in "/:\0" else char


def edit_records(volume: Path, edits: list[Edit]) -> None:
    """Give every MFT record and index buffer of the unmounted `volume` to each edit in turn."""
    with volume.open("r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        for offset, size in list(_records(image)):
            before = _unprotected(image[offset : offset + size])
            after = before
            for edit in edits:
                after = edit(after)
            if after != before:
                image[offset : offset + size] = _protected(after, image[offset : offset + size])


def renamed(exact: str) -> Edit:
    """Return the edit that puts the exact name where its smuggled form stands, in records and indexes.

    A name in $FILE_NAME is preceded by its length in units and its namespace, here 0 (POSIX).
    """
    old, new = (name.encode("utf-16-le", "surrogatepass") for name in (smuggled(exact), exact))
    head = bytes([len(new) // 2, 0])
    return lambda record: record.replace(head + old, head + new)


def shortened(number: int, valid: int) -> Edit:
    """Return the edit that sets the valid data length of record `number`'s unnamed, non-resident $DATA."""

    def edit(record: bytes) -> bytes:
        if record_number(record) != number:
            return record
        at = _unnamed(record, DATA)
        if record[at + 8] != 1:
            raise BuildError("a resident file has no valid data length")
        return _put(record, at + 0x38, struct.pack("<Q", valid))

    return edit


def marked(number: int, bits: int) -> Edit:
    """Return the edit that adds attribute bits to $STANDARD_INFORMATION of record `number`."""

    def edit(record: bytes) -> bytes:
        if record_number(record) != number:
            return record
        at = value_at(record, _unnamed(record, STANDARD_INFORMATION)) + 0x20
        return _put(record, at, struct.pack("<I", struct.unpack_from("<I", record, at)[0] | bits))

    return edit


def record_number(record: bytes) -> int:
    """Return the number of an MFT record; -1 of an index buffer."""
    return int(struct.unpack_from("<I", record, 44)[0]) if record[:4] == b"FILE" else -1


def attributes(record: bytes) -> Iterator[tuple[int, int]]:
    """Type and place of every attribute of an MFT record."""
    at: int = struct.unpack_from("<H", record, 20)[0]
    while (kind := struct.unpack_from("<I", record, at)[0]) != END:
        yield kind, at
        at += struct.unpack_from("<I", record, at + 4)[0]


def value_at(record: bytes, at: int) -> int:
    """Where the value of the resident attribute at `at` starts."""
    return int(at + struct.unpack_from("<H", record, at + 0x14)[0])


def _records(image: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where the MFT records and index buffers lie, and how large each is."""
    for magic, size_at, head in ((b"FILE", 0x1C, 0), (b"INDX", 0x20, 0x18)):
        for found in re.finditer(magic, image):  # mmap.find crashes in Python 3.11.2
            if found.start() % 1024 == 0:
                size = struct.unpack_from("<I", image, found.start() + size_at)[0]
                yield found.start(), head + size


def _unprotected(record: bytes) -> bytes:
    """Return the record with the true last two bytes of each 512 in place."""
    start, count = struct.unpack_from("<HH", record, 4)
    data = bytearray(record)
    for n in range(1, count):
        data[n * STRIDE - 2 : n * STRIDE] = record[start + 2 * n : start + 2 * n + 2]
    return bytes(data)


def _protected(record: bytes, old: bytes) -> bytes:
    """Return the inverse, with the update sequence number of the `old` record."""
    start, count = struct.unpack_from("<HH", old, 4)
    data = bytearray(record)
    for n in range(1, count):
        data[start + 2 * n : start + 2 * n + 2] = record[n * STRIDE - 2 : n * STRIDE]
        data[n * STRIDE - 2 : n * STRIDE] = old[start : start + 2]
    return bytes(data)


def _unnamed(record: bytes, wanted: int) -> int:
    for kind, at in attributes(record):
        if kind == wanted and record[at + 9] == 0:
            return at
    raise BuildError(f"the record has no attribute {wanted:#x}")


def _put(record: bytes, at: int, data: bytes) -> bytes:
    return record[:at] + data + record[at + len(data) :]
