"""File records and their attributes as bytes: fix-ups checked, every length bounded.

Structures bear the names of Microsoft's "Master File Table" pages: FILE_RECORD_SEGMENT_HEADER,
ATTRIBUTE_RECORD_HEADER, FILE_NAME. This parser is our own because dissect.ntfs stops at the first bad record, refuses
names with lone surrogates and takes about a millisecond for a record (measured with 3.16).
"""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.errors import DamagedError
from extractor.filesystems.ntfs.frozen import constructor

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_INFORMATION = 0x10
ATTRIBUTE_LIST = 0x20
FILE_NAME = 0x30
OBJECT_ID = 0x40
SECURITY_DESCRIPTOR = 0x50
DATA = 0x80
BITMAP = 0xB0
REPARSE_POINT = 0xC0
EA = 0xE0
LOGGED_UTILITY_STREAM = 0x100
END = 0xFFFFFFFF

IN_USE = 1
DIRECTORY = 2

COMPRESSED = 0x00FF
ENCRYPTED = 0x4000
SPARSE = 0x8000

STRIDE = 512
"""Fix-ups guard every 512 bytes, whatever the sector size."""
NUMBER = (1 << 48) - 1
"""A file reference holds the record number in its lower 48 bits, the sequence number above."""

_HEADER = struct.Struct("<4sHHQHHHHIIQ")
_ATTRIBUTE = struct.Struct("<IIBBHHH")
_RESIDENT = struct.Struct("<IH")
_NONRESIDENT = struct.Struct("<QQHH4xQQQ")


@dataclass(frozen=True, slots=True)
class Header:
    """FILE_RECORD_SEGMENT_HEADER: what is used of it."""

    sequence: int
    flags: int
    first_attribute: int
    used: int
    base: int
    """File reference of the base record; 0 in a base record itself."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute record; ``value`` is its content when it is resident, ``raw`` all of it."""

    type: int
    name: str
    flags: int
    resident: bool
    raw: bytes
    value: bytes = b""
    lowest_vcn: int = 0
    allocated: int = 0
    size: int = 0
    valid: int = 0
    compression_unit: int = 0


@dataclass(frozen=True, slots=True)
class FileName:
    """One FILE_NAME attribute; ``parent`` is a file reference, ``namespace`` 0 POSIX, 1 Win32, 2 DOS, 3 both."""

    parent: int
    times: tuple[int, int, int, int]
    name: str
    namespace: int


_attribute, _file_name = constructor(Attribute), constructor(FileName)


def fix_up(data: bytes) -> bytes:
    """Return a record with the update sequence undone; raise DamagedError when it is no record, or is torn."""
    if data[:4] != b"FILE":
        word = data[:4].decode("ascii", "replace")
        raise DamagedError(f"not a file record: it begins with {word!r}")
    start, count = struct.unpack_from("<HH", data, 4)
    if count != len(data) // STRIDE + 1 or start < 40 or start + 2 * count > STRIDE - 2:
        raise DamagedError("its update sequence array lies outside the record")
    mark = data[start : start + 2]
    whole = bytearray(data)
    for index in range(1, count):
        end = index * STRIDE
        if whole[end - 2 : end] != mark:
            raise DamagedError("torn: it was written only in part (update sequence differs)")
        whole[end - 2 : end] = data[start + 2 * index : start + 2 * index + 2]
    return bytes(whole)


def parse_header(record: bytes) -> Header:
    """Return the header of a record that went through ``fix_up``."""
    _, _, _, _, sequence, _, first, flags, used, _, base = _HEADER.unpack_from(record)
    return Header(sequence, flags, first, min(used, len(record)), base)


def spans(record: bytes, header: Header) -> Iterator[tuple[int, int, int]]:
    """Yield (type, start, length) of each attribute; raise DamagedError where one runs out of the record."""
    position, end = header.first_attribute, header.used
    while position + 4 <= end:
        kind, length = struct.unpack_from("<II", record.ljust(position + 8, b"\0"), position)
        if kind == END:
            return
        if length < 24 or length % 8 or position + length > end:
            raise DamagedError(f"the attribute at byte {position} runs out of the record")
        yield kind, position, length
        position += length
    raise DamagedError("its list of attributes has no end")


def parse_attribute(raw: bytes) -> Attribute:
    """Return an attribute from its bytes; raise DamagedError when its parts lie outside them."""
    kind, _, form, name_length, name_offset, flags, _ = _ATTRIBUTE.unpack_from(raw)
    name = decode_name(_part(raw, name_offset, 2 * name_length, "name")) if name_length else ""
    if form == 0:
        length, offset = _RESIDENT.unpack_from(raw, 16)
        value = _part(raw, offset, length, "value")
        return _attribute(kind, name, flags, True, raw, value, 0, 0, length, length, 0)
    if len(raw) < 64:
        raise DamagedError(f"attribute 0x{kind:x} is too short for a run list")
    lowest, _, _, unit, allocated, size, valid = _NONRESIDENT.unpack_from(raw, 16)
    if max(lowest, allocated, size, valid) >= 1 << 63:
        raise DamagedError(f"attribute 0x{kind:x} gives a negative size")
    return _attribute(
        kind, name, flags, False, raw, b"", lowest, allocated, size, min(valid, size), unit & 0xFF
    )


def parse_file_name(value: bytes) -> FileName:
    """Return a FILE_NAME from its attribute's value; raise DamagedError when it is cut short."""
    if len(value) < 66:
        raise DamagedError("a $FILE_NAME is too short")
    parent, *times = struct.unpack_from("<5Q", value)
    length, namespace = value[64], value[65]
    name = decode_name(_part(value, 66, 2 * length, "file name"))
    created, modified, changed, accessed = times
    return _file_name(parent, (created, modified, changed, accessed), name, namespace)


def decode_name(raw: bytes | bytearray) -> str:
    """Return UTF-16 as text; lone surrogates, which NTFS allows, stay as they are."""
    # bytes.decode looks the codec up and calls a function of Python's around this one.
    return utf_16_le_decode(raw, "surrogatepass", True)[0]


def _part(data: bytes, start: int, length: int, what: str) -> bytes:
    if start + length > len(data):
        raise DamagedError(f"the {what} of an attribute runs out of it")
    return data[start : start + length]
