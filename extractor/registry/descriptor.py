"""Security descriptors of what has none of its own yet: what Windows gives the root of such a hive, or a profile.

Self-relative, as [MS-DTYP] 2.4.6 lays them out: owner, group, and one ACE for each who may do something.
"""

from __future__ import annotations

import re
import struct

KEY_ALL_ACCESS, KEY_READ, FILE_ALL_ACCESS = 0xF003F, 0x20019, 0x1F01FF
SYSTEM, ADMINISTRATORS, USERS, RESTRICTED = "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545", "S-1-5-12"
SID = re.compile(r"S-1(?:-[0-9]{1,15}){2,16}", re.ASCII | re.IGNORECASE)
_SELF_RELATIVE, _DACL_PRESENT = 0x8000, 0x4
_KEYS, _FILES = 0x2, 0x1
"""CONTAINER_INHERIT_ACE, OBJECT_INHERIT_ACE: keys or folders below get the entry too, and files."""


def descriptor(owner: str, entries: tuple[tuple[str, int], ...], inherit: int = _KEYS) -> bytes:
    """Return a descriptor of a key: owner and group are one SID, each entry allows (SID, access mask)."""
    holder = sid_bytes(owner)
    dacl = _dacl(entries, inherit)
    at = 20 + len(dacl)
    control = _SELF_RELATIVE | _DACL_PRESENT
    head = struct.pack("<BxH4I", 1, control, at, at + len(holder), 0, 20)
    return head + dacl + holder + holder


def of_user(sid: str) -> bytes:
    """Return the descriptor of a user's hive."""
    return descriptor(
        ADMINISTRATORS,
        ((sid, KEY_ALL_ACCESS), (SYSTEM, KEY_ALL_ACCESS), (ADMINISTRATORS, KEY_ALL_ACCESS), (RESTRICTED, KEY_READ)),
    )  # fmt: skip


def of_profile(sid: str) -> bytes:
    """Return the descriptor of what lies in a user's profile folder, and of the folder."""
    full = ((SYSTEM, FILE_ALL_ACCESS), (ADMINISTRATORS, FILE_ALL_ACCESS), (sid, FILE_ALL_ACCESS))
    return descriptor(SYSTEM, full, _KEYS | _FILES)


def sid_bytes(text: str) -> bytes:
    """Return ``S-1-5-…`` as bytes ([MS-DTYP] 2.4.2.2); raise ValueError when it is none."""
    if not SID.fullmatch(text):
        raise ValueError(f"{text!a} is no SID")
    authority, *parts = [int(each) for each in text.split("-")[2:]]
    if authority >= 1 << 48 or any(part >= 1 << 32 for part in parts):
        raise ValueError(f"{text!a} is no SID")
    head = bytes([1, len(parts)]) + authority.to_bytes(6, "big")
    return head + struct.pack(f"<{len(parts)}I", *parts)


def is_sid(text: str) -> bool:
    """Tell whether text is a SID that can be written as bytes."""
    try:
        sid_bytes(text)
    except ValueError:
        return False
    return True


def _dacl(entries: tuple[tuple[str, int], ...], inherit: int) -> bytes:
    aces = b"".join(_allow(sid_bytes(sid), mask, inherit) for sid, mask in entries)
    return struct.pack("<BxHHH", 2, 8 + len(aces), len(entries), 0) + aces


def _allow(sid: bytes, mask: int, inherit: int) -> bytes:
    return struct.pack("<BBHI", 0, inherit, 8 + len(sid), mask) + sid


MACHINE = descriptor(
    ADMINISTRATORS,
    ((USERS, KEY_READ), (ADMINISTRATORS, KEY_ALL_ACCESS), (SYSTEM, KEY_ALL_ACCESS), (RESTRICTED, KEY_READ)),
)  # fmt: skip
"""Of a hive of the machine."""
