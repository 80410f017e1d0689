r"""A user who never logged on -> the hives and the entry of ProfileList that Windows makes at the first log-on.

NTUSER.DAT begins as that of the Default profile. Windows gives every key of it new access; it does not document which.
What is done here was seen in the hives of users of Windows 7 and 10: the user, SYSTEM and Administrators have full
access, restricted code reads; below the keys of policies the user only reads. Two things of Default stay, as they do in
those hives: entries for packages and capabilities (S-1-15-…), without which apps of the Store do not start, and
integrity labels (``Software\AppDataLow``), without which programs of low integrity cannot write.

ProfileList: the values that the hives of Windows 7 and published exports of Windows 10 have for a user who is logged
off. ``State`` 0 is a standard local profile (Precedence Technologies, "ProfileStates"); times and counts are left out.
Source of the layout of descriptors: [MS-DTYP] 2.4.4 to 2.4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from extractor.filesystems.sddl import DACL_PRESENT, SACL_PRESENT
from extractor.model import RegistryValue, WinPath
from extractor.registry.casing import registry_upcase
from extractor.registry.descriptor import (
    ADMINISTRATORS,
    KEY_ALL_ACCESS,
    KEY_READ,
    RESTRICTED,
    SYSTEM,
    descriptor,
    of_user,
    sid_bytes,
)
from extractor.registry.key import Key
from extractor.registry.regf_writer import write_hive

PROFILE_LIST = ("Microsoft", "Windows NT", "CurrentVersion", "ProfileList")
"""Below SOFTWARE."""
POLICIES = (
    ("SOFTWARE", "POLICIES"),
    ("SOFTWARE", "MICROSOFT", "WINDOWS", "CURRENTVERSION", "POLICIES"),
    ("SYSTEM", "CURRENTCONTROLSET", "POLICIES"),
)
PACKAGES = "S-1-15-2-1"
"""ALL APPLICATION PACKAGES, since Windows 8; Windows 7 does not mind it."""
CLASSES = "UsrClass.dat"
_PACKAGE, _INTEGRITY = 15, 16
"""Authorities of SIDs."""
_ALLOW, _LABEL = 0x00, 0x11
"""Kinds of entries: ACCESS_ALLOWED_ACE, SYSTEM_MANDATORY_LABEL_ACE."""
_SACL, _DACL = (12, SACL_PRESENT), (16, DACL_PRESENT)
"""Where in a descriptor the place of each list stands, and the flag that it has one."""
_SELF_RELATIVE, _PROTECTED = 0x8000, 0x1000
_ACL, _ACE = struct.Struct("<BxHHxx"), struct.Struct("<BBH")
_REG_EXPAND_SZ, _REG_BINARY, _REG_DWORD = 2, 3, 4


def new_user_keys(default: Iterable[Key], sid: str) -> Iterator[Key]:
    """Yield the keys of the Default profile's NTUSER.DAT, parents first, as the hive of a user has them.

    Raises ValueError when ``sid`` is none or a list of access has no end, and what reading the keys raises.
    """
    usual, policies = of_user(sid), _of_policies(sid)
    known: dict[tuple[bytes, bytes, bool], bytes] = {}
    for key in default:
        folded = tuple(map(registry_upcase, key.path))
        base = policies if any(folded[: len(each)] == each for each in POLICIES) else usual
        what = (key.security, base, not folded or folded in POLICIES)
        if what not in known:
            known[what] = _fitted(*what)
        yield replace(key, security=known[what])


def classes_keys(sid: str) -> Iterator[Key]:
    """Yield the root key of a new UsrClass.dat; raise ValueError when ``sid`` is none."""
    full = [(each, KEY_ALL_ACCESS) for each in (sid, SYSTEM, ADMINISTRATORS)]
    entries = (*full, (RESTRICTED, KEY_READ), (PACKAGES, KEY_READ))
    yield Key((), security=_fitted(b"", descriptor(ADMINISTRATORS, entries), protected=True))


def empty_classes(sid: str, file: BinaryIO) -> int:
    """Write a UsrClass.dat without any class to an empty seekable file, and return its size in bytes.

    Raises ValueError when ``sid`` is none, OSError.
    """
    return write_hive(file, classes_keys(sid), name=CLASSES)


def profile_list(sid: str, profile: WinPath) -> tuple[tuple[str, ...], list[RegistryValue]]:
    """Return the key of a user below the root of SOFTWARE, and the values by which Windows finds the profile.

    Raises ValueError when ``sid`` is none.
    """
    path = (str(profile) + "\0").encode("utf-16-le", "surrogatepass")
    return (*PROFILE_LIST, sid), [
        RegistryValue("ProfileImagePath", _REG_EXPAND_SZ, path),
        RegistryValue("Flags", _REG_DWORD, bytes(4)),
        RegistryValue("FullProfile", _REG_DWORD, struct.pack("<I", 1)),
        RegistryValue("State", _REG_DWORD, bytes(4)),
        RegistryValue("Sid", _REG_BINARY, sid_bytes(sid)),
    ]


def _of_policies(sid: str) -> bytes:
    return descriptor(
        ADMINISTRATORS,
        ((SYSTEM, KEY_ALL_ACCESS), (ADMINISTRATORS, KEY_ALL_ACCESS), (RESTRICTED, KEY_READ), (sid, KEY_READ)),
    )  # fmt: skip


def _fitted(old: bytes, base: bytes, protected: bool) -> bytes:
    """Return the descriptor ``base`` with what stays of the old one; ``protected``: it inherits nothing."""
    packages = (each for each in _entries(old, _DACL) if _is(each, _ALLOW, _PACKAGE))
    dacl = _acl([*_entries(base, _DACL), *packages])
    labels = [each for each in _entries(old, _SACL) if _is(each, _LABEL, _INTEGRITY)]
    sacl = _acl(labels) if labels else b""
    holder = sid_bytes(ADMINISTRATORS)
    at = 20 + len(sacl) + len(dacl)
    control = _SELF_RELATIVE | DACL_PRESENT | (SACL_PRESENT if sacl else 0)
    control |= _PROTECTED if protected else 0
    places = (at, at + len(holder), 20 if sacl else 0, 20 + len(sacl))
    return struct.pack("<BxH4I", 1, control, *places) + sacl + dacl + holder + holder


def _acl(entries: list[bytes]) -> bytes:
    body = b"".join(entries)
    if _ACL.size + len(body) > 0xFFFF:
        raise ValueError("a list of access has more entries than a descriptor holds")
    return _ACL.pack(2, _ACL.size + len(body), len(entries)) + body


def _entries(security: bytes, which: tuple[int, int]) -> Iterator[bytes]:
    """Yield the entries of a list of a descriptor; of a damaged one those before the damage."""
    at, present = which
    if len(security) < 20 or not int.from_bytes(security[2:4], "little") & present:
        return
    start = int.from_bytes(security[at : at + 4], "little")
    if not 20 <= start <= len(security) - _ACL.size:
        return
    _, size, count = _ACL.unpack_from(security, start)
    entry, end = start + _ACL.size, min(start + size, len(security))
    for _ in range(count):
        if entry + _ACE.size > end:
            return
        length = _ACE.unpack_from(security, entry)[2]
        if length < 16 or entry + length > end:
            return
        yield security[entry : entry + length]
        entry += length


def _is(entry: bytes, kind: int, authority: int) -> bool:
    """Tell whether an entry is of a kind, and well formed with a SID of an authority."""
    revision, count = entry[8], entry[9]
    known = entry[0] == kind and entry[10:16] == authority.to_bytes(6, "big")
    return known and revision == 1 and count <= 15 and len(entry) == 16 + 4 * count
