r"""An account into a local group of an offline SAM, or out of it.

A membership stands in two places that must agree: the SIDs in ``C`` of the group (alias), and for each SID the RIDs of
its groups below ``Aliases\Members\<SID but its last part>\<last part>``, whose default value counts them with its
type. Where they do not agree, nothing is changed. Sources: winreg-kb "Domains" (Aliases, Members); [MS-DTYP]
2.4.2.4 (names of groups); counts and order measured on Windows 7 and Windows 10 hives.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from dataclasses import dataclass

from extractor.errors import UnsupportedError
from extractor.filesystems.sddl import format_sid
from extractor.model import RegistryValue, printable
from extractor.registry.casing import registry_upcase
from extractor.registry.descriptor import is_sid, sid_bytes
from extractor.restore.settings.changes import Parts
from extractor.restore.settings.sam_draft import ACCOUNT, BUILTIN, USERS, SamDraft, shown
from extractor.restore.settings.sam_rows import (
    ALIAS_C,
    NAME,
    Row,
    SamValue,
    parse_rows,
)
from extractor.windows.sam import BUILTIN_SID

ENGLISH = {
    "Administrators": 544, "Users": 545, "Guests": 546, "Power Users": 547, "Print Operators": 550,
    "Backup Operators": 551, "Replicator": 552, "Remote Desktop Users": 555,
    "Network Configuration Operators": 556, "Performance Monitor Users": 558, "Performance Log Users": 559,
    "Distributed COM Users": 562, "IIS_IUSRS": 568, "Cryptographic Operators": 569, "Event Log Readers": 573,
    "Certificate Service DCOM Access": 574, "RDS Remote Access Servers": 575, "RDS Endpoint Servers": 576,
    "RDS Management Servers": 577, "Hyper-V Administrators": 578, "Access Control Assistance Operators": 579,
    "Remote Management Users": 580, "System Managed Accounts Group": 581, "Storage Replica Administrators": 582,
}  # fmt: skip
"""English names of the built-in groups -> RIDs: they mean the same group of a Windows in any language."""
ADMINISTRATORS, ADMINISTRATOR = 544, 500
MEMBERS = 3
"""The row with the members, which its number counts: SIDs one after another."""
_ENGLISH_RIDS = {registry_upcase(name): rid for name, rid in ENGLISH.items()}


@dataclass(frozen=True, slots=True)
class _Alias:
    """A local group as it is now."""

    domain: Parts
    rid: int
    value: SamValue
    members: tuple[bytes, ...]

    @property
    def key(self) -> Parts:
        return (*self.domain, "Aliases", f"{self.rid:08X}")


def find_group(sam: SamDraft, group: str) -> str:
    r"""Return the SID of a local group, empty when there is none.

    ``group`` is its name there, its SID, or the English name of a built-in one, with or without ``BUILTIN\``.
    """
    found = _place(sam, group)
    if found is None:
        return ""
    domain, rid = found
    return f"{BUILTIN_SID if domain == BUILTIN else sam.machine_sid}-{rid}"


def add_to_group(sam: SamDraft, group: str, sid: str) -> bool:
    """Put an account into a local group (``find_group``); return whether it was not there before.

    Raises UnsupportedError for a group that is not there, a SID that can be no member, a SAM that is not as we know
    it; DamagedError.
    """
    sid, member = _member(sam, sid)
    alias = _alias(sam, group)
    groups = _groups_of(sam, alias.domain, sid)
    if _agreed(alias, member, groups, sid):
        return False
    with sam.step():
        _put_members(sam, alias, _inserted(alias.members, member))
        _put_groups(sam, alias.domain, sid, (*groups, alias.rid))
    return True


def remove_from_group(sam: SamDraft, group: str, sid: str) -> bool:
    """Take an account out of a local group (``find_group``); return whether it was there.

    Raises what ``add_to_group`` raises, and UnsupportedError for the built-in administrator, who stays one.
    """
    sid, member = _member(sam, sid)
    alias = _alias(sam, group)
    groups = _groups_of(sam, alias.domain, sid)
    if not _agreed(alias, member, groups, sid):
        return False
    if alias.rid == ADMINISTRATORS and sid == f"{sam.machine_sid}-{ADMINISTRATOR}":
        raise UnsupportedError("the built-in administrator cannot leave its group")
    with sam.step():
        _put_members(sam, alias, tuple(each for each in alias.members if each != member))
        _put_groups(sam, alias.domain, sid, tuple(each for each in groups if each != alias.rid))
    return True


def refuse_member(sam: SamDraft, sid: str) -> None:
    """Raise UnsupportedError when a SID that is to be new is a member of a local group already."""
    member = sid_bytes(sid)
    for domain in (BUILTIN, ACCOUNT):
        rids = sam.rids((*domain, "Aliases"))
        listed = (member in _read(sam, domain, rid).members for rid in rids)
        if _groups_of(sam, domain, sid) or any(listed):
            raise UnsupportedError(f"SAM: a local group has a member {sid}, whom nobody is")


def _member(sam: SamDraft, text: str) -> tuple[str, bytes]:
    """Return a SID that a local group can have, as text in Windows' form and as bytes; raise UnsupportedError."""
    if not is_sid(text):
        raise UnsupportedError(f"{printable(text)} is no SID")
    member = sid_bytes(text)
    sid = format_sid(member)
    above, _, rid = sid.rpartition("-")
    if above == BUILTIN_SID:
        raise UnsupportedError(f"{sid} is a local group, and can be no member of one")
    if above == sam.machine_sid and not sam.exists((*USERS, f"{int(rid):08X}")):
        raise UnsupportedError(f"the target has no account {sid}")
    return sid, member


def _alias(sam: SamDraft, group: str) -> _Alias:
    found = _place(sam, group)
    if found is None:
        raise UnsupportedError(f"the target has no local group {printable(group)}")
    return _read(sam, *found)


def _place(sam: SamDraft, group: str) -> tuple[Parts, int] | None:
    """Return the domain and the RID of a local group."""
    name = registry_upcase(group).removeprefix("BUILTIN\\")
    if is_sid(name):
        above, _, last = name.rpartition("-")
        domain = {BUILTIN_SID: BUILTIN, sam.machine_sid: ACCOUNT}.get(above)
        return _there(sam, domain, int(last)) if domain else None
    if not name or "\\" in name:
        return None
    for domain in (BUILTIN, ACCOUNT):
        value = sam.value((*domain, "Aliases", "Names", name))
        if value is not None:
            return domain, value.type
    return _there(sam, BUILTIN, _ENGLISH_RIDS[name]) if name in _ENGLISH_RIDS else None


def _there(sam: SamDraft, domain: Parts, rid: int) -> tuple[Parts, int] | None:
    return (domain, rid) if sam.exists((*domain, "Aliases", f"{rid:08X}")) else None


def _read(sam: SamDraft, domain: Parts, rid: int) -> _Alias:
    """Return a local group; raise UnsupportedError when it is not as it should be."""
    key = (*domain, "Aliases", f"{rid:08X}")
    whose = f"SAM: the local group {rid}"
    value = parse_rows(ALIAS_C, sam.binary(key, "C"), whose)
    name = value.rows[NAME].data.decode("utf-16-le", "replace")
    named = sam.value((*domain, "Aliases", "Names", name)) if name and "\\" not in name else None
    row = value.rows[MEMBERS]
    members = tuple(_sids(row.data))
    known = struct.unpack("<I", value.head) == (rid,) and named is not None and named.type == rid
    if not known or len(members) != row.number or len(set(members)) != len(members):
        raise UnsupportedError(f"{whose} is not what its name or its count of members says")
    return _Alias(domain, rid, value, members)


def _sids(data: bytes) -> list[bytes]:
    """Return the SIDs that stand one after another; raise DamagedError when the last is cut short."""
    found, at = [], 0
    while at < len(data):
        format_sid(data, at)
        end = at + 8 + 4 * data[at + 1]
        found.append(data[at:end])
        at = end
    return found


def _groups_of(sam: SamDraft, domain: Parts, sid: str) -> tuple[int, ...]:
    """Return the RIDs of the groups that a SID is in, as ``Members`` tells."""
    value = sam.value(_members_key(domain, sid))
    if value is None:
        return ()
    if len(value.data) != 4 * value.type:
        raise UnsupportedError(f"SAM: the groups of {sid} are not as many as it says")
    return struct.unpack(f"<{value.type}I", value.data)


def _members_key(domain: Parts, sid: str) -> Parts:
    above, _, rid = sid.rpartition("-")
    return (*domain, "Aliases", "Members", above, f"{int(rid):08X}")


def _agreed(alias: _Alias, member: bytes, groups: tuple[int, ...], sid: str) -> bool:
    """Tell whether a SID is in a group; raise UnsupportedError when the two places do not tell the same."""
    inside = member in alias.members
    if groups.count(alias.rid) != int(inside):
        raise UnsupportedError(f"SAM: {shown(alias.key)} and Members differ on {sid}")
    return inside


def _inserted(members: tuple[bytes, ...], member: bytes) -> tuple[bytes, ...]:
    """Return the members with another: in their order where they have one, else at the end."""
    order = [_order(each) for each in members]
    at = bisect_left(order, _order(member)) if order == sorted(order) else len(members)
    return (*members[:at], member, *members[at:])


def _order(sid: bytes) -> tuple[int, ...]:
    """Return what SIDs sort by: the number of their parts, authority, parts."""
    parts = struct.unpack_from(f"<{sid[1]}I", sid, 8)
    return (sid[1], int.from_bytes(sid[2:8], "big"), *parts)


def _put_members(sam: SamDraft, alias: _Alias, members: tuple[bytes, ...]) -> None:
    row = Row(b"".join(members), len(members))
    sam.put_binary(alias.key, "C", alias.value.with_row(MEMBERS, row).pack())


def _put_groups(sam: SamDraft, domain: Parts, sid: str, groups: tuple[int, ...]) -> None:
    """Write the groups of a SID; its key comes with the first and goes with the last, and is counted."""
    key = _members_key(domain, sid)
    above = key[:-1]
    if not groups:
        sam.remove(key)
        sam.count(above, -1)
        return
    if not sam.exists(key):
        if not sam.exists(above):
            sam.count(above[:-1], +1)
            sam.put(above, RegistryValue("", 0, b""))
        sam.count(above, +1)
    sam.put(key, RegistryValue("", len(groups), struct.pack(f"<{len(groups)}I", *groups)))
