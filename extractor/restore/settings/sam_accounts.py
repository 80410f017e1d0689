r"""A new local account in an offline SAM, disabled and without a password, as ``/lac`` of LoadState makes it.

It is made from the built-in ``Guest`` (RID 501), which every Windows has: the same ``F`` and ``V``, but its own RID,
flags, times and name, and in its security descriptor what Windows gives a user and not ``Guest``: to change the own
password. Nothing is guessed: where any of it is not as it was measured, nothing is made. No secret is written: the
account has no hash, as ``Guest`` has none. Sources: USMT "LoadState syntax" (/lac, /lae); winreg-kb "Domains" (F, V);
[MS-SAMR] 2.2.1.12 (flags), 2.2.1.7 (rights); measured on Windows 7 and Windows 10 hives.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue, printable
from extractor.restore.settings.sam_descriptor import descriptor_of_user
from extractor.restore.settings.sam_draft import ACCOUNT, BUILTIN, LARGEST_COUNT, USERS, SamDraft
from extractor.restore.settings.sam_groups import add_to_group, refuse_member
from extractor.restore.settings.sam_rows import (
    ACCOUNT_V,
    DESCRIPTOR,
    GROUP_C,
    NAME,
    REVISIONS,
    Row,
    SamValue,
    parse_rows,
)
from extractor.windows.sam import NEVER, NO_HASH

LONGEST_NAME = 20
"""UTF-16 units (USER_INFO_0)."""
_NOT_IN_A_NAME = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f]|[. ]\Z|\A[. ]*\Z')
USERS_GROUP = "S-1-5-32-545"
GUEST, NONE, FIRST_RID = 501, 513, 1000
NEXT_RID = 0x48
"""Where ``F`` of the domain of accounts has the RID that the next account gets."""
_DOMAIN_F = 0x68
"""Bytes of that ``F`` up to the machine's keys, which are never looked at."""
_MEMBERSHIPS, _HASHES = 12, range(13, 17)
_FIXED = struct.Struct("<2I5Q3I4HH2x8x")
"""``F`` of an account: revision, 0, last logon and logoff, password set, expires, last bad password; RID, primary
group, flags; country, code page, bad passwords, logons; groups of administrators that it is in."""
DISABLED, NO_PASSWORD, NORMAL, PASSWORD_STAYS = 0x1, 0x4, 0x10, 0x200
_MEMBERS = 3
"""The row of ``C`` of the group None with its RIDs; its number counts those that are in use."""
_ROOM = 25
"""RIDs by which the room for them grows."""
_GROUP = struct.Struct("<3I8x")
"""How ``C`` of a group begins: revision, RID, attributes."""
_ATTRIBUTES = 7
"""Of a membership: mandatory, enabled by default, enabled."""
_MEMBERSHIP = struct.pack("<2I", NONE, _ATTRIBUTES)
"""Row 12 of ``V``: the groups that the account is in."""


@dataclass(frozen=True, slots=True)
class _Guest:
    """The account that others are made from."""

    revision: int
    flags: int
    value: SamValue


def find_account(sam: SamDraft, name: str) -> str:
    """Return the SID of a local account, empty when there is none of this name."""
    if not name or "\\" in name:
        return ""
    value = sam.value((*USERS, "Names", name))
    known = value is not None and sam.exists((*USERS, f"{value.type:08X}"))
    return f"{sam.machine_sid}-{value.type}" if value is not None and known else ""


def add_account(sam: SamDraft, name: str, *, enabled: bool, now: int) -> str:
    """Make a local account without a password, a member of Users, and return its SID.

    It is disabled unless ``enabled``; ``now`` (FILETIME) is when its password was set last. Raises UnsupportedError,
    with nothing made, for a name that no account can have or that is taken, and for a SAM that is not as we know it;
    DamagedError.
    """
    _refuse_name(sam, name)
    with sam.step():
        rid = _take_rid(sam)
        sid = f"{sam.machine_sid}-{rid}"
        refuse_member(sam, sid)
        guest = _read_guest(sam)
        key = (*USERS, f"{rid:08X}")
        sam.put_binary(key, "F", _fixed(guest, rid, enabled=enabled, now=now))
        sam.put_binary(key, "V", _variable(guest, name, sam.machine_sid, rid))
        sam.put((*USERS, "Names", name), RegistryValue("", rid, b""))
        sam.count(USERS, +1)
        _add_to_none(sam, rid)
        add_to_group(sam, USERS_GROUP, sid)
    return sid


def why_no_name(name: str) -> str:
    """Return why no local account can be called so, empty when one can."""
    try:
        units = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return "it holds half a character"
    if units > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} units"
    return "Windows allows no such name" if _NOT_IN_A_NAME.search(name) else ""


def _refuse_name(sam: SamDraft, name: str) -> None:
    reason = why_no_name(name)
    if reason:
        raise UnsupportedError(f"no local account can be called {printable(name)!r}: {reason}")
    for domain in (ACCOUNT, BUILTIN):
        for kind in ("Users", "Groups", "Aliases"):
            if sam.exists((*domain, kind, "Names", name)):
                raise UnsupportedError(f"the target has an account or a group {printable(name)}")


def _take_rid(sam: SamDraft) -> int:
    """Return the RID of the next account, and let the one after it be the next."""
    fixed = sam.binary(ACCOUNT, "F")
    if len(fixed) < _DOMAIN_F or int.from_bytes(fixed[:4], "little") not in REVISIONS:
        raise UnsupportedError("SAM: F of the domain of accounts is of a kind that is not known")
    rid = int.from_bytes(fixed[NEXT_RID : NEXT_RID + 4], "little")
    taken = [each for kind in ("Users", "Groups", "Aliases") for each in sam.rids((*ACCOUNT, kind))]
    if not max(FIRST_RID - 1, *taken, 0) < rid < LARGEST_COUNT:
        raise UnsupportedError(f"SAM: the next RID, {rid}, is one that accounts have already had")
    after = (rid + 1).to_bytes(4, "little")
    sam.put_binary(ACCOUNT, "F", fixed[:NEXT_RID] + after + fixed[NEXT_RID + 4 :])
    return rid


def _read_guest(sam: SamDraft) -> _Guest:
    """Return the built-in guest; raise UnsupportedError when it is not as Windows makes it."""
    key, whose = (*USERS, f"{GUEST:08X}"), "SAM: the account Guest"
    fixed = sam.binary(key, "F")
    if len(fixed) != _FIXED.size:
        raise UnsupportedError(f"{whose}: F of {len(fixed)} bytes is of a kind that is not known")
    revision, zero, *_, rid, primary, flags = _FIXED.unpack(fixed)[:10]
    known = revision in REVISIONS and (zero, rid, primary) == (0, GUEST, NONE)
    if not known or not flags & NORMAL or flags >> 16:
        raise UnsupportedError(f"{whose}: F is not that of a guest")
    value = parse_rows(ACCOUNT_V, sam.binary(key, "V"), whose)
    if any(len(value.rows[each].data) not in NO_HASH for each in _HASHES):
        raise UnsupportedError(f"{whose} has a password")
    if value.rows[_MEMBERSHIPS] != Row(_MEMBERSHIP, 1) or not value.rows[NAME].data:
        raise UnsupportedError(f"{whose} has no name, or is not in the group None alone")
    return _Guest(revision, flags, value)


def _fixed(guest: _Guest, rid: int, *, enabled: bool, now: int) -> bytes:
    flags = NORMAL | NO_PASSWORD | guest.flags & PASSWORD_STAYS | (0 if enabled else DISABLED)
    times = (0, 0, now, NEVER, 0)
    return _FIXED.pack(guest.revision, 0, *times, rid, NONE, flags, 0, 0, 0, 0, 0)


def _variable(guest: _Guest, name: str, machine_sid: str, rid: int) -> bytes:
    """Return ``V``: of the guest's only the descriptor, the group None and the rows without a hash stay."""
    rows = list(guest.value.rows)
    given = descriptor_of_user(
        rows[DESCRIPTOR].data, f"{machine_sid}-{GUEST}", f"{machine_sid}-{rid}"
    )
    rows[DESCRIPTOR] = Row(given, rows[DESCRIPTOR].number)
    rows[NAME:_MEMBERSHIPS] = [Row(name.encode("utf-16-le"))] + [Row()] * (_MEMBERSHIPS - NAME - 1)
    return SamValue(guest.value.head, tuple(rows)).pack()


def _add_to_none(sam: SamDraft, rid: int) -> None:
    """Put a new account of the machine into the group ``None``, in which all are; raise UnsupportedError."""
    key = (*ACCOUNT, "Groups", f"{NONE:08X}")
    value = parse_rows(GROUP_C, sam.binary(key, "C"), "SAM: the group None")
    row = value.rows[_MEMBERS]
    room = len(row.data) // 4
    revision, own, attributes = _GROUP.unpack_from(value.head)
    known = revision in REVISIONS and (own, attributes) == (NONE, _ATTRIBUTES)
    if not known or len(row.data) % 4 or row.number > room:
        raise UnsupportedError("SAM: the group None is of a kind that is not known")
    rids = list(struct.unpack(f"<{room}I", row.data))
    if rid in rids[: row.number]:
        raise UnsupportedError(f"SAM: the group None has a member {rid}, whom nobody is")
    rids += [0] * (_ROOM if row.number == room else 0)
    rids[row.number] = rid
    data = struct.pack(f"<{len(rids)}I", *rids)
    sam.put_binary(key, "C", value.with_row(_MEMBERS, Row(data, row.number + 1)).pack())
