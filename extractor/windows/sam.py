r"""The SAM hive -> the machine's SID, its local accounts and its local groups. No secret is read, decoded or kept.

Of an account's ``V`` only the texts are taken, and of its hash of the password only the *length*; so nothing here needs
the boot key, and nothing fails where that key is missing. Sources: [MS-SAMR] 2.2.1.12 (USER_ACCOUNT codes); "Security
Accounts Manager" of winreg-kb; usmt.md 2.5; layouts measured on Windows 7 and Windows 10 hives (libraries.md 6).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import DamagedError
from extractor.filesystems.sddl import format_sid
from extractor.model import LocalAccount, LocalGroup
from extractor.registry import Registry

DOMAINS = r"HKLM\SAM\SAM\Domains"
ACCOUNT = rf"{DOMAINS}\Account"
BUILTIN_SID = "S-1-5-32"
NEVER = 0x7FFFFFFFFFFFFFFF

ROWS = 17
"""Rows (offset, length, a number) at the start of an account's ``V``; offsets count from their end."""
STRINGS = 12 * ROWS
NAME, FULL_NAME, COMMENT, NT_HASH = 1, 2, 3, 14
NO_HASH = frozenset({0, 4, 24})
"""Lengths of the row NT_HASH without a hash: nothing; only the header of the RC4 form (4), of the AES form (24)."""

FIXED = struct.Struct("<8xQ8x3Q3I6xH")
"""An account's ``F``: last logon (8), password set (24), account expires (32), last bad password (40), RID (48),
primary group (52), flags (56), logons (66)."""

ALIAS = 0x34
"""Where the data of an alias' ``C`` begins: offsets in its header count from here."""

FLAGS = (
    (0x0001, "disabled"),
    (0x0002, "home-directory-required"),
    (0x0004, "password-not-required"),
    (0x0008, "temporary-duplicate"),
    (0x0010, "normal"),
    (0x0020, "mns-logon"),
    (0x0040, "interdomain-trust"),
    (0x0080, "workstation-trust"),
    (0x0100, "server-trust"),
    (0x0200, "password-never-expires"),
    (0x0400, "locked"),
    (0x0800, "reversible-password-allowed"),
    (0x1000, "smartcard-required"),
    (0x2000, "trusted-for-delegation"),
    (0x4000, "not-delegated"),
    (0x8000, "des-key-only"),
    (0x10000, "no-preauthentication"),
    (0x20000, "password-expired"),
)
"""Bits of an account's flags ([MS-SAMR] 2.2.1.12) and our words for them."""


@dataclass(frozen=True, slots=True)
class Sam:
    """What SAM tells; ``doubts`` are sentences on what in it could not be read."""

    machine_sid: str = ""
    accounts: tuple[LocalAccount, ...] = ()
    groups: tuple[LocalGroup, ...] = ()
    doubts: tuple[str, ...] = ()


def read_sam(registry: Registry) -> Sam:
    """Return what SAM tells, by RID; raise SourceError when the hive itself cannot be read."""
    machine = machine_sid(registry)
    doubts: list[str] = []
    accounts = tuple(_accounts(registry, machine)) if machine else ()
    groups = [*_groups(registry, "Builtin", BUILTIN_SID, doubts)]
    if machine:
        groups += _groups(registry, "Account", machine, doubts)
    return Sam(machine, accounts, tuple(groups), tuple(doubts))


def machine_sid(registry: Registry) -> str:
    """Return the SID of the machine, the last 12 bytes of ``Account [V]``; empty when SAM has none."""
    own = registry.value(ACCOUNT, "V")
    if own is None or len(own.data) < 12:
        return ""
    return "S-1-5-21-" + "-".join(map(str, struct.unpack("<3I", own.data[-12:])))


def _accounts(registry: Registry, machine: str) -> Iterator[LocalAccount]:
    for key, rid in _rids(registry, rf"{ACCOUNT}\Users"):
        variable, fixed = registry.value(key, "V"), registry.value(key, "F")
        found = parse_account(
            f"{machine}-{rid}",
            rid,
            variable.data if variable else b"",
            fixed.data if fixed else b"",
        )
        if found.name:
            yield found


def _groups(registry: Registry, domain: str, sid: str, doubts: list[str]) -> Iterator[LocalGroup]:
    for key, rid in _rids(registry, rf"{DOMAINS}\{domain}\Aliases"):
        value = registry.value(key, "C")
        if value is None:
            continue
        group, whole = parse_group(f"{sid}-{rid}", value.data)
        if not whole:
            doubts.append(f"the members of the local group {group.name or group.sid} are cut short")
        yield group


def _rids(registry: Registry, key: str) -> Iterator[tuple[str, int]]:
    """Yield the keys below that are named by a RID in eight hexadecimal digits, in order."""
    for name in sorted(registry.subkeys(key)):
        if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
            yield rf"{key}\{name}", int(name, 16)


def parse_account(sid: str, rid: int, variable: bytes, fixed: bytes) -> LocalAccount:
    """Return an account from its ``V`` and ``F``; what is cut short is empty, 0 or None."""
    logon = password = expires = flags = logons = 0
    if len(fixed) >= FIXED.size:
        logon, password, expires, _, _, _, flags, logons = FIXED.unpack_from(fixed)
    return LocalAccount(
        sid=sid,
        rid=rid,
        name=_text(variable, NAME),
        full_name=_text(variable, FULL_NAME),
        comment=_text(variable, COMMENT),
        flags=tuple(word for bit, word in FLAGS if flags & bit),
        last_logon=_time(logon),
        password_set=_time(password),
        expires=_time(expires),
        logons=logons,
        has_password=_has_password(variable),
    )


def _row(variable: bytes, row: int) -> tuple[int, int]:
    """Return where the data of a row of ``V`` lies, in bytes from its start, and its length; (0, 0) without rows."""
    if len(variable) < STRINGS:
        return 0, 0
    offset, length = struct.unpack_from("<2I", variable, 12 * row)
    return STRINGS + offset, length


def _text(variable: bytes, row: int) -> str:
    offset, length = _row(variable, row)
    return _utf16(variable[offset : offset + length])


def _utf16(raw: bytes) -> str:
    return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")


def _has_password(variable: bytes) -> bool | None:
    """Tell from the length of the hash's row whether there is a password; the hash itself is never looked at."""
    return _row(variable, NT_HASH)[1] not in NO_HASH if len(variable) >= STRINGS else None


def _time(value: int) -> int:
    return 0 if value >= NEVER else value


def parse_group(sid: str, data: bytes) -> tuple[LocalGroup, bool]:
    """Return an alias from its ``C``, and whether all members that it counts were there to read.

    Rows at 0x10 (name), 0x1C (comment) and 0x28 (members: offset, length in bytes, count).
    """
    if len(data) < ALIAS:
        return LocalGroup(sid, ""), False
    name, comment, members = (_part(data, row) for row in (0x10, 0x1C, 0x28))
    count = int.from_bytes(data[0x30:0x34], "little")
    sids = tuple(_sids(members, count))
    return LocalGroup(sid, _utf16(name), _utf16(comment), sids), len(sids) == count


def _part(data: bytes, row: int) -> bytes:
    offset, length = struct.unpack_from("<2I", data, row)
    return data[ALIAS + offset : ALIAS + offset + length]


def _sids(data: bytes, count: int) -> Iterator[str]:
    """Yield the SIDs that stand one after another, up to the first that is cut short."""
    position = 0
    for _ in range(min(count, len(data) // 8)):
        try:
            yield format_sid(data, position)
        except DamagedError:
            return
        position += 8 + 4 * data[position + 1]
