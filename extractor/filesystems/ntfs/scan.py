"""One pass over the $MFT, record by record: names, sequence numbers, reparse tags, and what is damaged.

It does not ask the directories' indexes, so a lost index loses no file; a bad record is a Damage and the scan goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.records import (
    DIRECTORY,
    FILE_NAME,
    IN_USE,
    NUMBER,
    REPARSE_POINT,
    FileName,
    Header,
    fix_up,
    parse_attribute,
    parse_file_name,
    parse_header,
    spans,
)
from extractor.model import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractor.filesystems.ntfs.mft import Mft

SLICE = 4 << 20
FIRST_FILE = 24
"""Records below are the file system's own, or kept for it; unused ones carry no name."""


@dataclass(slots=True)
class Scan:
    """What the pass found. Names are kept by file reference (sequence above bit 48) of their base record."""

    sequences: dict[int, int] = field(default_factory=dict)
    directories: set[int] = field(default_factory=set)
    names: dict[int, list[FileName]] = field(default_factory=dict)
    extensions: dict[int, list[int]] = field(default_factory=dict)
    tags: dict[int, int] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)


def scan_mft(mft: Mft) -> Scan:
    """Return what all records in use say; no record's state ends the scan."""
    scan = Scan()
    for number, raw in _raw_records(mft, scan):
        try:
            _take(mft, scan, number, fix_up(raw))
        except DamagedError as error:
            if mft.allocated(number) and _concerns(number, raw):
                scan.damage.append(_damage(number, raw, str(error)))
    _check_extensions(scan)
    _check_names(scan)
    return scan


def _raw_records(mft: Mft, scan: Scan) -> Iterator[tuple[int, bytes]]:
    """Yield every record as it is on disk; a slice that cannot be read is tried record by record."""
    size = mft.boot.record_size
    step = max(SLICE // size, 1)
    for first in range(0, mft.count, step):
        count = min(step, mft.count - first)
        try:
            data = mft.raw(first, count)
        except DamagedError:
            yield from _one_by_one(mft, scan, range(first, first + count))
            continue
        for index in range(count):
            yield first + index, data[index * size : (index + 1) * size]


def _one_by_one(mft: Mft, scan: Scan, numbers: range) -> Iterator[tuple[int, bytes]]:
    for number in numbers:
        try:
            yield number, mft.raw(number, 1)
        except DamagedError as error:
            if mft.allocated(number):
                scan.damage.append(Damage(number, str(error)))


def _concerns(number: int, raw: bytes) -> bool:
    """Tell whether a bad record may have been a file: the reserved ones are often blank."""
    return number >= FIRST_FILE or any(raw[:4])


def _take(mft: Mft, scan: Scan, number: int, record: bytes) -> None:
    header = parse_header(record)
    if not header.flags & IN_USE:
        return
    base = header.base or number | header.sequence << 48
    if header.base:
        scan.extensions.setdefault(base, []).append(number)
    else:
        scan.sequences[number] = header.sequence
        if header.flags & DIRECTORY:
            scan.directories.add(number)
    _take_attributes(mft, scan, base, record, header)


def _take_attributes(mft: Mft, scan: Scan, base: int, record: bytes, header: Header) -> None:
    for kind, start, length in spans(record, header):
        if kind == FILE_NAME:
            name = parse_file_name(parse_attribute(record[start : start + length]).value)
            scan.names.setdefault(base, []).append(name)
        elif kind == REPARSE_POINT:
            value = mft.value([parse_attribute(record[start : start + length])])
            scan.tags[base] = int.from_bytes(value[:4], "little")


def _damage(number: int, raw: bytes, reason: str) -> Damage:
    """Return the Damage with the name that a torn record still seems to hold: a hint for the reader, no more."""
    try:
        for kind, start, length in spans(raw, parse_header(raw)):
            if kind == FILE_NAME:
                found = parse_file_name(parse_attribute(raw[start : start + length]).value)
                return Damage(number, reason, found.name, found.parent & NUMBER)
    except DamagedError:
        return Damage(number, reason)  # nothing more is to be had from it
    return Damage(number, reason)


def _check_extensions(scan: Scan) -> None:
    """Report extensions whose base record is gone: they hold pieces of a file that nobody can name."""
    for base, numbers in scan.extensions.items():
        if scan.sequences.get(base & NUMBER) != base >> 48:
            reason = f"it holds a part of file record {base & NUMBER}, which is gone"
            lost = [each.name for each in scan.names.pop(base, [])]
            scan.damage += [Damage(each, reason, lost[0] if lost else "") for each in numbers]


def _check_names(scan: Scan) -> None:
    known = {damage.record for damage in scan.damage}
    for number, sequence in scan.sequences.items():
        named = number < FIRST_FILE or number | sequence << 48 in scan.names
        if not named and number not in known:
            scan.damage.append(Damage(number, "it is in use but has no name"))
