"""The log of a VHDX that was not closed cleanly, replayed in memory. Source: [MS-VHDX] 2.3.

The log is a ring of sectors of 4 KiB. An *entry* is some of them in a row: a header with descriptors, then a sector of
data for each data descriptor. A *sequence* is a row of sound entries numbered one by one; the *active* one is that of
the highest number whose last entry still knows where it begins (its tail). Each of its entries holds whole sectors
of the file, of the block table and the metadata mostly, as they are to be.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from extractor.errors import ImageError
from extractor.images.file import File
from extractor.images.replayed import ReplayedFile, Write
from extractor.images.vhdx_header import MIB, Header, is_sealed

SECTOR = 4096
ENTRY = struct.Struct("<4sIIIQI4x16sQQ")
"""Signature, CRC-32C, length, tail, sequence number, descriptors, log GUID, flushed and last file offset (2.3.1.1)."""
DESCRIPTOR = struct.Struct("<4s4sQQQ")
"""Signature, trailing bytes, leading bytes or length of zeros, file offset, sequence number (2.3.1.2, 2.3.1.3)."""
ENTRY_HEADER = 64
MAX_LOG = 64 * MIB
"""Longest log that is replayed, in bytes; programs make logs of 1 MiB, and the largest disks need a few more."""
MAX_WRITES = 1 << 17
MAX_OFFSET = 1 << 62
BY_HAND = "replay it on a copy (qemu-img check -r all COPY) and name the copy"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A sound entry of the log; ``at``, ``length`` and ``tail`` are bytes of the ring."""

    at: int
    length: int
    tail: int
    sequence: int
    flushed: int
    """Bytes that the file had for certain when the entry was written."""
    last: int
    """Bytes that the file needs to hold all its structures."""
    writes: tuple[Write, ...]


def replayed(file: File, header: Header) -> File | ReplayedFile:
    """Return the file with its log replayed over it, or as it is when the log is empty; raise ImageError."""
    if not any(header.log_guid):
        return file
    entries = _entries(file, header)
    active = _active_sequence(entries.values(), header.log.length)
    if not active:
        return _without_entries(file, header)
    head = active[-1]
    if head.flushed > file.size:
        raise ImageError(
            f"{file.path} is cut: it has {file.size} bytes, and had {head.flushed} when its log was written"
        )
    later = sum(entry.sequence > head.sequence for entry in entries.values())
    if later:
        log.warning(
            "%s was not closed cleanly and its log is torn: %d later entries follow a gap and are not used, as "
            "Windows would not use them", file.path, later,
        )  # fmt: skip
    writes = [write for entry in active for write in entry.writes]
    if len(writes) > MAX_WRITES:
        raise ImageError(f"{file.path} has a log of {len(writes)} changes: {BY_HAND}")
    log.info(
        "%s was not closed cleanly: %d changes from its log are made in memory",
        file.path, len(writes),
    )  # fmt: skip
    return ReplayedFile(file, writes, -(-head.last // MIB) * MIB)


def _without_entries(file: File, header: Header) -> File:
    """Return the file as it is when nothing was logged yet; raise ImageError when what was logged is lost."""
    ring = file.read_at(header.log.offset, header.log.length)
    for at in range(0, header.log.length, SECTOR):
        if ring.startswith(b"loge", at) and ring[at + 32 : at + 48] == header.log_guid:
            raise ImageError(
                f"{file.path} was not closed cleanly and no entry of its log is whole; if that is to be left out, "
                f"{BY_HAND}"
            )
    return file


def _entries(file: File, header: Header) -> Mapping[int, Entry]:
    """Return the sound entries of the log by their place; raise ImageError when it is none."""
    place = header.log
    if place.length > MAX_LOG:
        raise ImageError(f"{file.path} has a log of {place.length} bytes: {BY_HAND}")
    inside = place.offset >= MIB and place.offset + place.length <= file.size
    if not inside or not place.length or place.offset % MIB or place.length % MIB:
        raise ImageError(f"{file.path} is cut or damaged: its log does not lie in the file")
    ring = file.read_at(place.offset, place.length)
    found, budget = {}, 4 * place.length
    for at in range(0, place.length, SECTOR):
        length = _entry_length(ring, at, header.log_guid)
        # What is left of older entries may overlap with newer ones, but no writer's log is claimed many times over.
        budget -= length
        if budget < 0:
            raise ImageError(f"{file.path} is damaged: the entries of its log overlap")
        entry = _parse_entry(_wrapped(ring, at, length), at) if length else None
        if entry:
            found[at] = entry
    return found


def _wrapped(ring: bytes, at: int, length: int) -> bytes:
    """Return bytes of the ring, from its end on from its beginning."""
    part = ring[at : at + length]
    return part + ring[: length - len(part)]


def _entry_length(ring: bytes, at: int, guid: bytes) -> int:
    """Return how many bytes of the ring an entry of this log takes that begins at a place; 0 when none does."""
    signature, _, length, tail, sequence, _, owner, _, _ = ENTRY.unpack_from(ring, at)
    if signature != b"loge" or owner != guid or not sequence:
        return 0
    fits = length <= len(ring) and tail < len(ring)
    return int(length) if fits and not (length % SECTOR or tail % SECTOR) else 0


def _parse_entry(raw: bytes, at: int) -> Entry | None:
    """Return an entry, None when it is torn."""
    _, _, length, tail, sequence, count, _, flushed, last = ENTRY.unpack_from(raw)
    first = -(-(ENTRY_HEADER + DESCRIPTOR.size * count) // SECTOR) * SECTOR
    if first > length or not is_sealed(raw):
        return None
    writes = tuple(_writes(raw, count, first, sequence))
    if len(writes) != count:
        return None
    return Entry(at, length, tail, sequence, flushed, last, writes)


def _writes(raw: bytes, count: int, first: int, sequence: int) -> Iterator[Write]:
    """Yield what an entry's descriptors say, up to the first unsound one; ``first`` is where its data sectors begin."""
    for number in range(count):
        place = ENTRY_HEADER + DESCRIPTOR.size * number
        kind, trailing, value, offset, own = DESCRIPTOR.unpack_from(raw, place)
        if own != sequence or offset % SECTOR or offset > MAX_OFFSET:
            return
        if kind == b"zero" and value % SECTOR == 0 and value <= MAX_OFFSET:
            yield Write(offset, offset + value)
        elif kind == b"desc" and _is_data(raw[first : first + SECTOR], sequence):
            leading = value.to_bytes(8, "little")
            data = leading + raw[first + 8 : first + SECTOR - 4] + trailing
            yield Write(offset, offset + SECTOR, data)
            first += SECTOR
        else:
            return


def _is_data(sector: bytes, sequence: int) -> bool:
    """Tell whether a data sector was written whole: both halves of its entry's number are there (2.3.1.4)."""
    if len(sector) < SECTOR or not sector.startswith(b"data"):
        return False
    return sector[4:8] + sector[-4:] == struct.pack("<II", sequence >> 32, sequence & 0xFFFFFFFF)


def _active_sequence(entries: Iterable[Entry], length: int) -> Sequence[Entry]:
    """Return the entries to replay, in order, empty when no sequence is whole (2.3.2).

    Each entry has one at most that it follows, so the chains are walked once, from their last entries back.
    """
    before = {}
    followed = set()
    by_start = {entry.at: entry for entry in entries}
    for entry in by_start.values():
        after = by_start.get((entry.at + entry.length) % length)
        if after and after.sequence == entry.sequence + 1:
            before[after.at] = entry
            followed.add(entry.at)
    heads = (entry for entry in by_start.values() if entry.at not in followed)
    for head in sorted(heads, key=lambda entry: entry.sequence, reverse=True):
        chain = [head]
        while chain[-1].at != head.tail and chain[-1].at in before:
            chain.append(before[chain[-1].at])
        if chain[-1].at == head.tail:
            return chain[::-1]
    return ()
