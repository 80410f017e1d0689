"""A slice of the $MFT -> columns: all its records walked at once, attribute by attribute, with numpy.

What is out of the ordinary is not decoded here: a record of which a name, a reparse tag or the list of attributes is
not as usual is *odd* and goes through ``records``, one by one. Structures and their offsets are those of ``records``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extractor.filesystems.ntfs.columns import (
    FILE,
    FOLDER,
    HOLDS,
    NAME,
    STREAM,
    Column,
    offsets,
    ragged,
)
from extractor.filesystems.ntfs.records import (
    ATTRIBUTE_LIST,
    DATA,
    DIRECTORY,
    EA,
    END,
    FILE_NAME,
    IN_USE,
    OBJECT_ID,
    REPARSE_POINT,
    SECURITY_DESCRIPTOR,
    STANDARD_INFORMATION,
    STRIDE,
)

MAGIC = int.from_bytes(b"FILE", "little")
EXCEPTIONAL = (ATTRIBUTE_LIST, OBJECT_ID, REPARSE_POINT, EA)
"""Attributes that make a file go the long way (``file``) when it is asked for."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What a slice gave. Row numbers of records count from the slice's first record."""

    odd: Column
    """Rows of records that must be decoded one by one: in use and unusual, or not sound."""
    rows: Column
    """Rows of the records in use that were decoded, with the columns that follow."""
    sequence: Column
    state: Column
    base: Column
    """File reference of the base record; 0 in a base record itself."""
    names: Column
    """Structured as NAME; ``record`` is the row of the record that holds it."""
    name_text: Column
    tags: Column
    """Rows of the records that hold a reparse point, and its tag: two columns."""
    streams: Column
    """Structured as STREAM; ``record`` is the row."""
    stream_text: Column
    pairs: Column
    plain: Column
    """Rows of plain files, with their facts (structured as FILE, from ``attributes`` on)."""
    facts: Column
    owners: Column
    """Rows of plain files that have a descriptor of their own; its length (bytes), and all of them joined."""
    owned: Column
    descriptors: Column


@dataclass(frozen=True, slots=True)
class Words:
    """The same bytes as units of 1, 2, 4 and 8 bytes, and how many bytes a record has."""

    byte: Column
    half: Column
    word: Column
    quad: Column
    record: int

    def field(self, kind: Column, offset: int) -> Column:
        """Return what all records have at an offset (bytes), in units of ``kind``."""
        width = kind.itemsize
        found: Column = kind.reshape(-1, self.record // width)[:, offset // width]
        return found


@dataclass(frozen=True, slots=True)
class Attributes:
    """All attributes of a slice by record and place: row of the record, type, first byte in the slice, length."""

    row: Column
    kind: Column
    at: Column
    length: Column

    def __getitem__(self, chosen: Column) -> Attributes:
        return Attributes(self.row[chosen], self.kind[chosen], self.at[chosen], self.length[chosen])


def parse_slice(raw: bytes, record_size: int) -> Slice:
    """Return the columns of whole records as they are on disk."""
    buffer = np.frombuffer(bytearray(raw), np.uint8)
    words = Words(buffer, buffer.view("<u2"), buffer.view("<u4"), buffer.view("<u8"), record_size)
    sound = _fix_up(words)
    flags = words.field(words.half, 22)
    used = sound & (flags & IN_USE != 0)
    attributes, whole = _walk(words, used)
    value = _values(words, attributes)
    names, strange = _names(words, attributes, value)
    links, nowhere = _reparse_points(attributes, value)
    odd = ~sound | (used & ~whole)
    odd[strange] = odd[nowhere] = True
    rows = np.flatnonzero(used & ~odd)
    base = words.field(words.quad, 32)
    plain = used & ~odd & (base == 0)
    _exclude_unusual(words, attributes, value, plain)
    names, links = names[~odd[names.row]], links[~odd[links.row]]
    streams = attributes[(attributes.kind == DATA) & plain[attributes.row]]
    facts = attributes[(attributes.kind == STANDARD_INFORMATION) & plain[attributes.row]]
    owned = np.flatnonzero((attributes.kind == SECURITY_DESCRIPTOR) & plain[attributes.row])
    descriptors = ragged(words.word, value.at[owned] >> 2, value.length[owned] >> 2)
    name_table, name_text = _name_table(words, names)
    stream_table, stream_text, pairs = _stream_table(words, streams)
    state = HOLDS | np.where(flags[rows] & DIRECTORY, FOLDER, 0)
    return Slice(
        odd=np.flatnonzero(odd),
        rows=rows,
        sequence=words.field(words.half, 16)[rows],
        state=state,
        base=base[rows],
        names=name_table,
        name_text=name_text,
        tags=_tags(words, links),
        streams=stream_table,
        stream_text=stream_text,
        pairs=pairs,
        plain=facts.row,
        facts=_facts(words, facts),
        owners=attributes.row[owned],
        owned=value.length[owned],
        descriptors=descriptors,
    )


# --- records --------------------------------------------------------------------------------------


def _fix_up(words: Words) -> Column:
    """Undo the update sequences in place; return which records are sound. Those that are not stay as they are."""
    strides = words.record // STRIDE
    start = words.field(words.half, 4).astype(np.int64)
    sound = (words.field(words.word, 0) == MAGIC) & (words.field(words.half, 6) == strides + 1)
    sound &= (start >= 40) & (start + 2 * (strides + 1) <= STRIDE - 2) & (start % 2 == 0)
    rows = np.flatnonzero(sound)
    first = rows * (words.record // 2)
    marks = first + start[rows] // 2
    ends = [first + (index * STRIDE // 2 - 1) for index in range(1, strides + 1)]
    whole = np.ones(len(rows), bool)
    for end in ends:
        whole &= words.half[end] == words.half[marks]
    for index, end in enumerate(ends, 1):
        words.half[end[whole]] = words.half[marks[whole] + index]
    found = np.zeros(len(sound), bool)
    found[rows[whole]] = True
    return found


def _walk(words: Words, used: Column) -> tuple[Attributes, Column]:
    """Return the attributes of the records in use, and for all records whether theirs come to a proper end."""
    whole = np.zeros(len(used), bool)
    ends = np.minimum(words.field(words.word, 24), words.record).astype(np.int64)
    position = words.field(words.half, 20).astype(np.int64)
    rows = np.flatnonzero(used & (position % 8 == 0))
    position, ends = position[rows], ends[rows]
    found: list[tuple[Column, ...]] = [(rows[:0],) * 4]
    while len(rows):
        inside = position + 4 <= ends
        rows, position, ends = rows[inside], position[inside], ends[inside]
        at = rows * words.record + position
        kind, length = words.word[at >> 2], words.word[(at >> 2) + 1].astype(np.int64)
        done = kind == END
        whole[rows[done]] = True
        good = ~done & (length >= 24) & (length % 8 == 0) & (position + length <= ends)
        rows, position, ends = rows[good], position[good], ends[good]
        kind, at, length = kind[good], at[good], length[good]
        found.append((rows, kind, at, length))
        position = position + length
    row, kind, at, length = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(row, kind="stable")
    return Attributes(row, kind, at, length)[order], whole


# --- attributes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Values:
    """Of each attribute: whether its parts lie within it; its form; first byte in the slice and length of its value."""

    whole: Column
    resident: Column
    at: Column
    length: Column


def _values(words: Words, found: Attributes) -> Values:
    resident = words.byte[found.at + 8] == 0
    units = words.byte[found.at + 9].astype(np.int64)
    name = words.half[(found.at >> 1) + 5].astype(np.int64)
    length = words.word[(found.at >> 2) + 4].astype(np.int64)
    offset = words.half[(found.at >> 1) + 10].astype(np.int64)
    whole = (units == 0) | (name + 2 * units <= found.length)
    inside = np.where(resident, offset + length <= found.length, found.length >= 64)
    whole &= inside
    outside = np.flatnonzero(~resident & inside)
    at = found.at[outside] >> 3
    for quad in (2, 5, 6, 7):  # lowest VCN, allocated size, size, valid size
        whole[outside] &= words.quad[at + quad] < 1 << 63
    return Values(whole, resident, found.at + offset, length)


def _names(words: Words, found: Attributes, value: Values) -> tuple[Attributes, Column]:
    """Return the $FILE_NAMEs (``at`` is where their value begins), and the rows that hold an unusual one."""
    chosen = np.flatnonzero(found.kind == FILE_NAME)
    at, length = value.at[chosen], value.length[chosen]
    usual = value.whole[chosen] & value.resident[chosen] & (length >= 66) & (at % 8 == 0)
    units = words.byte[np.where(usual, at + 64, 0)].astype(np.int64)
    usual &= 66 + 2 * units <= length
    names = Attributes(found.row[chosen], found.kind[chosen], at, length)
    return names[usual], names.row[~usual]


def _reparse_points(found: Attributes, value: Values) -> tuple[Attributes, Column]:
    """Return the reparse points (``at`` is where their value begins), and the rows that hold an unusual one."""
    chosen = np.flatnonzero(found.kind == REPARSE_POINT)
    at, length = value.at[chosen], value.length[chosen]
    usual = value.whole[chosen] & value.resident[chosen] & (length >= 4) & (at % 4 == 0)
    points = Attributes(found.row[chosen], found.kind[chosen], at, length)
    return points[usual], points.row[~usual]


def _tags(words: Words, points: Attributes) -> Column:
    return np.stack([points.row, words.word[points.at >> 2]])


def _exclude_unusual(words: Words, found: Attributes, value: Values, plain: Column) -> None:
    """Clear ``plain`` where a record holds more than names, one $STANDARD_INFORMATION and whole streams."""
    plain[found.row[~value.whole]] = False
    plain[found.row[np.isin(found.kind, EXCEPTIONAL)]] = False
    descriptor = found.kind == SECURITY_DESCRIPTOR
    plain &= np.bincount(found.row[descriptor], minlength=len(plain)) <= 1
    even = (value.at % 4 == 0) & (value.length % 4 == 0)
    plain[found.row[descriptor & ~(value.resident & even)]] = False
    standard = found.kind == STANDARD_INFORMATION
    plain &= np.bincount(found.row[standard], minlength=len(plain)) == 1
    length = value.length
    # Its short form has no security id; one that is cut within the id is left to the long way.
    usual = value.resident & (value.at == found.at + 24) & (length >= 36)
    usual &= (length <= 52) | (length >= 56)
    plain[found.row[standard & ~usual]] = False
    data = np.flatnonzero((found.kind == DATA) & value.whole)
    name = words.half[(found.at[data] >> 1) + 5]
    plain[found.row[data[name % 2 != 0]]] = False
    data = data[~value.resident[data]]
    pairs = words.half[(found.at[data] >> 1) + 16]
    usual = (words.quad[(found.at[data] >> 3) + 2] == 0) & (pairs >= 64)
    usual &= pairs < found.length[data]
    plain[found.row[data[~usual]]] = False


# --- tables ---------------------------------------------------------------------------------------


def _name_table(words: Words, names: Attributes) -> tuple[Column, Column]:
    table = np.zeros(len(names.row), NAME)
    table["record"] = names.row
    table["parent"] = words.quad[names.at >> 3]
    for index in range(4):
        table["times"][:, index] = words.quad[(names.at >> 3) + 1 + index]
    units = words.byte[names.at + 64].astype(np.int64)
    table["units"], table["namespace"] = units, words.byte[names.at + 65]
    table["text"] = offsets(2 * units)
    return table, ragged(words.half, (names.at + 66) >> 1, units)


def _stream_table(words: Words, streams: Attributes) -> tuple[Column, Column, Column]:
    at = streams.at
    table = np.zeros(len(at), STREAM)
    resident = words.byte[at + 8] == 0
    units = words.byte[at + 9].astype(np.int64)
    table["record"], table["resident"] = streams.row, resident
    table["flags"], table["units"] = words.half[(at >> 1) + 6], units
    table["text"] = offsets(2 * units)
    text = ragged(words.half, (at + words.half[(at >> 1) + 5]) >> 1, units)

    inner = at[resident]
    size = words.word[(inner >> 2) + 4]
    table["size"][resident] = table["valid"][resident] = size
    table["place"][resident] = inner % words.record + words.half[(inner >> 1) + 10]
    table["length"][resident] = size

    outer = at[~resident]
    start = words.half[(outer >> 1) + 16].astype(np.int64)
    length = streams.length[~resident] - start
    size, valid = words.quad[(outer >> 3) + 6], words.quad[(outer >> 3) + 7]
    table["size"][~resident], table["valid"][~resident] = size, np.minimum(size, valid)
    table["unit"][~resident] = words.byte[outer + 34]
    table["place"][~resident], table["length"][~resident] = offsets(length), length
    return table, text, ragged(words.byte, outer + start, length)


def _facts(words: Words, standard: Attributes) -> Column:
    at = standard.at
    facts = np.zeros(len(at), FILE)
    for index in range(4):
        facts["times"][:, index] = words.quad[(at >> 3) + 3 + index]
    facts["attributes"] = words.word[(at >> 2) + 14]
    long = np.flatnonzero(words.word[(at >> 2) + 4] >= 56)
    facts["security"][long] = words.word[(at[long] >> 2) + 19]
    return facts
