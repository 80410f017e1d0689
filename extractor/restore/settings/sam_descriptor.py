r"""The security descriptor of the guest in SAM -> that of a user, who may change the own password.

Two things tell them apart: the entry for everybody allows to change the password (the caller must know the old one),
and there is an entry for the account itself. Source: [MS-DTYP] 2.4.5, 2.4.6; [MS-SAMR] 2.2.1.7 (rights on an account);
measured on a Windows 10 hive.
"""

from __future__ import annotations

import struct

from extractor.errors import DamagedError, UnsupportedError
from extractor.filesystems.sddl import DACL_PRESENT, sddl
from extractor.registry.descriptor import sid_bytes
from extractor.restore.acl import rewritten

_EVERYONE = sid_bytes("S-1-1-0")
_ALLOWED = struct.Struct("<BBHI")
"""Kind, flags, size, rights; the SID follows."""
CHANGE_PASSWORD = 0x40
OWN_RIGHTS = 0x20044
"""Read control, write preferences, change password."""


def descriptor_of_user(descriptor: bytes, guest: str, sid: str) -> bytes:
    """Return the descriptor of the account ``sid`` (``S-1-5-21-…``), made from that of the account ``guest``.

    On Windows 10 this is, byte for byte, the one that Windows gives a user. Raises UnsupportedError when it is not
    laid out as Windows does it.
    """
    try:
        changed = bytearray(rewritten(descriptor, {guest: sid}))
        sddl(bytes(changed))
    except DamagedError as error:
        raise UnsupportedError(f"SAM: the account Guest: {error}") from error
    control, owner, group, sacl, dacl = struct.unpack_from("<H4I", changed, 2)
    entries = _entries(changed, dacl) if control & DACL_PRESENT and dacl else []
    everyone = next((at for at in entries if _allows(changed, at, _EVERYONE)), None)
    if everyone is None or sacl > dacl or min(owner, group) != _end(changed, dacl):
        raise UnsupportedError("SAM: the descriptor of Guest is not as Windows makes it")
    end, count = _end(changed, dacl), len(entries)
    own = sid_bytes(sid)
    entry = _ALLOWED.pack(0, 0, _ALLOWED.size + len(own), OWN_RIGHTS) + own
    changed[everyone + 4] |= CHANGE_PASSWORD
    struct.pack_into("<HH", changed, dacl + 2, end - dacl + len(entry), count + 1)
    struct.pack_into("<2I", changed, 4, owner + len(entry), group + len(entry))
    changed[end:end] = entry
    return bytes(changed)


def _end(descriptor: bytearray, dacl: int) -> int:
    """Return where an access control list ends."""
    return dacl + int.from_bytes(descriptor[dacl + 2 : dacl + 4], "little")


def _entries(descriptor: bytearray, dacl: int) -> list[int]:
    """Return where the entries of a list begin, which was found whole before; none when room is left behind them."""
    found, at = [], dacl + 8
    for _ in range(int.from_bytes(descriptor[dacl + 4 : dacl + 6], "little")):
        found.append(at)
        at += int.from_bytes(descriptor[at + 2 : at + 4], "little")
    return found if at == _end(descriptor, dacl) else []


def _allows(descriptor: bytearray, at: int, sid: bytes) -> bool:
    """Tell whether an entry is one that allows something to exactly this SID."""
    kind, flags, size, _ = _ALLOWED.unpack_from(descriptor, at)
    return kind == flags == 0 and bytes(descriptor[at + _ALLOWED.size : at + size]) == sid
