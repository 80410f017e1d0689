"""Bytes of a SAM value -> its head and its rows, and back: ``V`` of an account, ``C`` of a group.

After a head of a known size come the rows, 12 bytes each: offset, length, a number (a revision, or how many things the
data count). Then come the data, each at a multiple of four bytes; offsets count from the end of the rows. Sources:
winreg-kb "Domains" (V and C); measured on Windows 7 and Windows 10 hives, every value of which comes back as it was.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from extractor.errors import UnsupportedError

_ROW = struct.Struct("<3I")
REVISIONS = frozenset({0x00010002, 0x00010003})
"""Of a descriptor's row, of ``F`` and of a group's ``C``: Windows 7, Windows 10."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of value is laid out; ``head`` in bytes."""

    what: str
    head: int
    rows: int


ACCOUNT_V = Form("V", 0, 17)
ALIAS_C = Form("C", 4, 4)
GROUP_C = Form("C", 0x14, 4)
DOMAIN_V = Form("V", 0, 4)
DESCRIPTOR, NAME = 0, 1
"""Rows that all have; of a domain the second is not its name but its SID."""


@dataclass(frozen=True, slots=True)
class Row:
    """The data of one row and its number."""

    data: bytes = b""
    number: int = 0


@dataclass(frozen=True, slots=True)
class SamValue:
    """A value taken apart."""

    head: bytes
    rows: tuple[Row, ...]

    def with_row(self, index: int, row: Row) -> SamValue:
        """Return the same value with another row."""
        return replace(self, rows=(*self.rows[:index], row, *self.rows[index + 1 :]))

    def pack(self) -> bytes:
        """Return the bytes of the value; no room is left between the data of its rows."""
        table, body = b"", b""
        for row in self.rows:
            table += _ROW.pack(len(body), len(row.data), row.number)
            body += row.data + bytes(-len(row.data) % 4)
        return self.head + table + body


def parse_rows(form: Form, data: bytes, whose: str) -> SamValue:
    """Return a value taken apart; ``whose`` begins a message.

    Raises UnsupportedError when its rows do not lie one after another inside it, or when its first one is no security
    descriptor of a known revision: then it is no value as we know them.
    """
    start = form.head + _ROW.size * form.rows
    if len(data) < start:
        raise UnsupportedError(f"{whose}: {form.what} of {len(data)} bytes is too short")
    rows, end = [], start
    for index in range(form.rows):
        offset, length, number = _ROW.unpack_from(data, form.head + _ROW.size * index)
        at = start + offset
        if length and (at < end or at % 4 or at + length > len(data)):
            raise UnsupportedError(f"{whose}: row {index} of {form.what} lies where none can lie")
        rows.append(Row(data[at : at + length] if length else b"", number))
        end = max(end, at + length) if length else end
    if len(data) - end > 3 or rows[DESCRIPTOR].number not in REVISIONS:
        raise UnsupportedError(f"{whose}: {form.what} is of a kind that is not known")
    return SamValue(data[: form.head], tuple(rows))
