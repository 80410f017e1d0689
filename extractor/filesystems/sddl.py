"""Security descriptors as text: the Security Descriptor Definition Language of [MS-DTYP] 2.5.1.

SIDs are always written out, never as two-letter aliases, and rights always as hexadecimal: one descriptor has one
text. What only a conditional or resource ACE carries is written as ``#`` and its bytes in hexadecimal. SDDL has no
letters for compound ACEs and three kinds of object ACEs: they have their number, and a compound one its second SID
behind the first.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from uuid import UUID

from extractor.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DESCRIPTOR = struct.Struct("<BBHIIII")

DACL_PRESENT, SACL_PRESENT = 0x0004, 0x0010
DACL_FLAGS = ((0x1000, "P"), (0x0100, "AR"), (0x0400, "AI"))
SACL_FLAGS = ((0x2000, "P"), (0x0200, "AR"), (0x0800, "AI"))
ACE_FLAGS = (
    (0x01, "OI"), (0x02, "CI"), (0x04, "NP"), (0x08, "IO"), (0x10, "ID"), (0x40, "SA"), (0x80, "FA"),
)  # fmt: skip
ACE_TYPES = {
    0x00: "A", 0x01: "D", 0x02: "AU", 0x03: "AL", 0x05: "OA", 0x06: "OD", 0x07: "OU", 0x08: "OL",
    0x09: "XA", 0x0A: "XD", 0x0B: "ZA", 0x0D: "XU", 0x11: "ML", 0x12: "RA", 0x13: "SP", 0x14: "TL",
    0x15: "FL",
}  # fmt: skip
OBJECT_TYPES = frozenset({0x05, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x0F, 0x10})
"""Entries with flags and up to two GUIDs before the SID ([MS-DTYP] 2.4.4.3 to 2.4.4.16)."""
COMPOUND = 0x04
"""COMPOUND_ACCESS_ALLOWED_ACE: a word of its own kind and a reserved one, the server's SID, the client's."""
_IMPERSONATION = b"\1\0\0\0"
"""COMPOUND_ACE_IMPERSONATION, the one kind of compound entries that there is."""


def sddl(descriptor: bytes) -> str:
    """Return a self-relative security descriptor as SDDL; raise DamagedError when it is not well formed."""
    if len(descriptor) < _DESCRIPTOR.size:
        raise DamagedError(f"a security descriptor of {len(descriptor)} bytes is too short")
    revision, _, control, owner, group, sacl, dacl = _DESCRIPTOR.unpack_from(descriptor)
    if revision != 1:
        raise DamagedError(f"a security descriptor has revision {revision}")
    text = f"O:{format_sid(descriptor, owner)}" if owner else ""
    text += f"G:{format_sid(descriptor, group)}" if group else ""
    if control & DACL_PRESENT:
        text += "D:" + _acl(descriptor, dacl, control, DACL_FLAGS)
    if control & SACL_PRESENT:
        text += "S:" + _acl(descriptor, sacl, control, SACL_FLAGS)
    return text


def format_sid(data: bytes, offset: int = 0) -> str:
    """Return the SID at an offset as ``S-1-…`` ([MS-DTYP] 2.4.2.1); raise DamagedError when it is cut short."""
    if offset + 8 > len(data) or data[offset] != 1:
        raise DamagedError(f"no SID at byte {offset} of a security descriptor")
    count = data[offset + 1]
    if count > 15 or offset + 8 + 4 * count > len(data):
        raise DamagedError(f"the SID at byte {offset} claims {count} parts")
    authority = int.from_bytes(data[offset + 2 : offset + 8], "big")
    parts = struct.unpack_from(f"<{count}I", data, offset + 8)
    shown = str(authority) if authority < 1 << 32 else f"0x{authority:012X}"
    return "-".join(("S-1", shown, *map(str, parts)))


def _acl(descriptor: bytes, offset: int, control: int, names: tuple[tuple[int, str], ...]) -> str:
    flags = "".join(name for bit, name in names if control & bit)
    if not offset:
        return flags + "NO_ACCESS_CONTROL"
    if offset + 8 > len(descriptor):
        raise DamagedError("an access control list lies outside its descriptor")
    size, count = struct.unpack_from("<HH", descriptor, offset + 2)
    end = offset + size
    if size < 8 or end > len(descriptor):
        raise DamagedError("an access control list runs out of its descriptor")
    return flags + "".join(_aces(descriptor[offset + 8 : end], count))


def _aces(data: bytes, count: int) -> Iterator[str]:
    position = 0
    for _ in range(count):
        if position + 4 > len(data):
            raise DamagedError("an access control list ends before its last entry")
        size = int.from_bytes(data[position + 2 : position + 4], "little")
        if size < 8 or position + size > len(data):
            raise DamagedError("an access control entry runs out of its list")
        yield f"({_ace(data[position : position + size])})"
        position += size


def _ace(ace: bytes) -> str:
    kind, flags = ace[0], ace[1]
    rights = int.from_bytes(ace[4:8], "little")
    position, objects = _object_types(ace) if kind in OBJECT_TYPES else (8, ";")
    sids, rest = _compound(ace) if kind == COMPOUND else _sid_and_rest(ace, position)
    fields = (
        ACE_TYPES.get(kind, f"0x{kind:02x}"),
        "".join(name for bit, name in ACE_FLAGS if flags & bit),
        f"0x{rights:x}",
        objects,
        sids,
    )
    return ";".join(fields) + (f";#{rest.hex()}" if any(rest) else "")


def _sid_and_rest(ace: bytes, position: int) -> tuple[str, bytes]:
    sid = format_sid(ace, position)
    return sid, ace[position + 8 + 4 * ace[position + 1] :]


def _compound(ace: bytes) -> tuple[str, bytes]:
    """Return both SIDs of a compound ACE, and what else there is to it: an odd kind, and what lies behind them."""
    server, behind = _sid_and_rest(ace, 12)
    client, rest = _sid_and_rest(behind, 0)
    return f"{server};{client}", rest if ace[8:12] == _IMPERSONATION else ace[8:12] + rest


def _object_types(ace: bytes) -> tuple[int, str]:
    """Return where the SID of an object ACE begins, and its two GUIDs as text ([MS-DTYP] 2.4.4.3)."""
    if len(ace) < 12:
        raise DamagedError("an object access control entry is too short")
    present = int.from_bytes(ace[8:12], "little")
    position, guids = 12, []
    for bit in (1, 2):
        guid = ace[position : position + 16] if present & bit else b""
        if present & bit and len(guid) < 16:
            raise DamagedError("an object access control entry is too short")
        guids.append(str(UUID(bytes_le=guid)) if guid else "")
        position += len(guid)
    return position, ";".join(guids)
