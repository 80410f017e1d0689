"""A self-relative security descriptor -> the same with other SIDs: owner, group, and every entry of both lists.

A SID may be longer than the one it stands for, so what changes is laid out anew; what names none of the SIDs comes
back byte for byte. What cannot be understood whole is refused: half a descriptor rewritten gives access to the wrong
person. Source: [MS-DTYP] 2.4.2 (SID), 2.4.4 (ACE), 2.4.4.17 (conditional expressions), 2.4.5 (ACL), 2.4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from extractor.errors import DamagedError
from extractor.filesystems.sddl import (
    COMPOUND,
    DACL_PRESENT,
    OBJECT_TYPES,
    SACL_PRESENT,
    format_sid,
)
from extractor.registry.descriptor import sid_bytes

_DESCRIPTOR = struct.Struct("<BBHIIII")
_ACL = struct.Struct("<BBHHH")
SELF_RELATIVE = 0x8000
LARGEST = 0xFFFF
"""Bytes of a list and of an entry: their lengths have 16 bits."""
PLAIN = frozenset({0x00, 0x01, 0x02, 0x03, 0x09, 0x0A, 0x0D, 0x0E, 0x11, 0x12, 0x13, 0x14, 0x15})
"""Entries whose SID follows the access mask."""
CALLBACKS = frozenset({0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10})
"""Entries that may have a condition behind the SID."""
_CONDITION = b"artx"
DEEPEST = 16
_COMPOSITE, _SID = 0x50, 0x51
_NUMBERS = frozenset({0x01, 0x02, 0x03, 0x04})
_COUNTED = frozenset({0x10, 0x18, _COMPOSITE, _SID, 0xF8, 0xF9, 0xFA, 0xFB})
"""Texts, bytes, lists, SIDs and names of attributes: a 32-bit length, then as many bytes."""
_OPERATORS = frozenset({*range(0x80, 0x94), *range(0xA0, 0xA3)})

Sids = Mapping[bytes, bytes]


def rewritten(descriptor: bytes, sids: Mapping[str, str]) -> bytes:
    """Return a descriptor in which each SID that is a key stands as its value; both are text, ``S-1-5-…``.

    Raises DamagedError when the descriptor is not well formed, holds an entry of an unknown kind, or would grow beyond
    what its lengths can say; ValueError when a SID of the mapping is none.
    """
    known = {sid_bytes(old): sid_bytes(new) for old, new in sids.items() if old != new}
    if len(descriptor) < _DESCRIPTOR.size:
        raise DamagedError(f"a security descriptor of {len(descriptor)} bytes is too short")
    revision, resources, control, *offsets = _DESCRIPTOR.unpack_from(descriptor)
    if revision != 1 or not control & SELF_RELATIVE:
        raise DamagedError("a security descriptor is not self-relative or of an unknown revision")
    owner, group, sacl, dacl = offsets
    places = (owner, group, sacl if control & SACL_PRESENT else 0, dacl if control & DACL_PRESENT else 0)  # fmt: skip
    if any(0 < at < _DESCRIPTOR.size for at in places):
        raise DamagedError("a part of a security descriptor lies in its header")
    parts = _parts(descriptor, places, known)
    if parts == _parts(descriptor, places, {}):
        return descriptor
    return _laid_out((revision, resources, control), parts)


def _parts(descriptor: bytes, places: tuple[int, ...], sids: Sids) -> list[bytes]:
    """Return owner, group, SACL and DACL, empty where there is none."""
    readers = (_sid, _sid, _list, _list)
    return [
        read(descriptor, at, sids) if at else b"" for read, at in zip(readers, places, strict=True)
    ]


def _laid_out(head: tuple[int, int, int], parts: list[bytes]) -> bytes:
    """Return a descriptor in Windows' own order: SACL, DACL, owner, group."""
    at, offsets = _DESCRIPTOR.size, [0, 0, 0, 0]
    for number in (2, 3, 0, 1):
        offsets[number] = at if parts[number] else 0
        at += len(parts[number])
    owner, group, sacl, dacl = parts
    return _DESCRIPTOR.pack(*head, *offsets) + sacl + dacl + owner + group


def _sid(data: bytes, at: int, sids: Sids) -> bytes:
    """Return the SID at an offset, or the one that stands for it; raise DamagedError."""
    format_sid(data, at)
    found = data[at : at + 8 + 4 * data[at + 1]]
    return sids.get(found, found)


def _list(data: bytes, at: int, sids: Sids) -> bytes:
    if at + _ACL.size > len(data):
        raise DamagedError("an access control list lies outside its descriptor")
    revision, one, size, count, two = _ACL.unpack_from(data, at)
    if size < _ACL.size or at + size > len(data):
        raise DamagedError("an access control list runs out of its descriptor")
    entries = b"".join(_entries(data[at + _ACL.size : at + size], count, sids))
    length = -(-(_ACL.size + len(entries)) // 4) * 4
    if length > LARGEST:
        raise DamagedError(f"an access control list would grow to {length} bytes")
    return _ACL.pack(revision, one, length, count, two) + entries.ljust(length - _ACL.size, b"\0")


def _entries(data: bytes, count: int, sids: Sids) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        if at + 8 > len(data):
            raise DamagedError("an access control list ends before its last entry")
        size = int.from_bytes(data[at + 2 : at + 4], "little")
        if size < 8 or at + size > len(data):
            raise DamagedError("an access control entry runs out of its list")
        yield _entry(data[at : at + size], sids)
        at += size


def _entry(entry: bytes, sids: Sids) -> bytes:
    """Return an entry with its SID, and those in its condition, as they are to be."""
    kind = entry[0]
    at = _place_of_sid(entry)
    head, body = entry[4:at], b""
    for _ in range(2 if kind == COMPOUND else 1):
        format_sid(entry, at)
        body += _sid(entry, at, sids)
        at += 8 + 4 * entry[at + 1]
    rest = entry[at:]
    if kind in CALLBACKS and rest.startswith(_CONDITION):
        rest = _condition(rest, sids)
    whole = head + body + rest
    size = 4 + len(whole)
    if size > LARGEST:
        raise DamagedError(f"an access control entry would grow to {size} bytes")
    return struct.pack("<BBH", kind, entry[1], size) + whole


def _place_of_sid(entry: bytes) -> int:
    kind = entry[0]
    if kind in PLAIN:
        return 8
    if kind == COMPOUND:
        return 12
    if kind not in OBJECT_TYPES or len(entry) < 12:
        raise DamagedError(f"an access control entry of kind {kind:#04x} is not understood")
    present = int.from_bytes(entry[8:12], "little")
    return 12 + 16 * (bool(present & 1) + bool(present & 2))


def _condition(data: bytes, sids: Sids) -> bytes:
    """Return a conditional expression with other SIDs, filled up to whole 32-bit words."""
    whole = _CONDITION + b"".join(_tokens(data[len(_CONDITION) :], sids, 0))
    return data if data.startswith(whole) else whole + bytes(-len(whole) % 4)


def _tokens(data: bytes, sids: Sids, depth: int) -> Iterator[bytes]:
    if depth > DEEPEST:
        raise DamagedError(f"a condition has more than {DEEPEST} lists in each other")
    at = 0
    while at < len(data):
        if not data[at]:
            if any(data[at:]):
                raise DamagedError("a condition goes on behind its end")
            return
        end = at + _length_of_token(data, at)
        if end > len(data):
            raise DamagedError("a condition ends in the middle of a token")
        yield _token(data[at:end], sids, depth)
        at = end


def _length_of_token(data: bytes, at: int) -> int:
    if data[at] in _OPERATORS:
        return 1
    if data[at] in _NUMBERS:
        return 11
    if data[at] not in _COUNTED:
        raise DamagedError(f"a condition holds a token {data[at]:#04x}, which is not understood")
    return 5 + int.from_bytes(data[at + 1 : at + 5], "little")


def _token(token: bytes, sids: Sids, depth: int) -> bytes:
    body = token[5:]
    if token[0] == _SID:
        if len(_sid(body, 0, {})) != len(body):
            raise DamagedError("a SID in a condition is not as long as it says")
        body = _sid(body, 0, sids)
    elif token[0] == _COMPOSITE:
        body = b"".join(_tokens(body, sids, depth + 1))
    else:
        return token
    return token[:1] + struct.pack("<I", len(body)) + body
