"""SDDL -> self-relative security descriptor [MS-DTYP 2.4.6, 2.5.1], the part the images need."""

from __future__ import annotations

import re
import struct

ALIASES = {
    "SY": "S-1-5-18", "BA": "S-1-5-32-544", "BU": "S-1-5-32-545", "WD": "S-1-1-0",
    "AU": "S-1-5-11", "CO": "S-1-3-0",
}  # fmt: skip
RIGHTS = {"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0, "GRGX": 0x1200A9}
ACE_TYPES = {"A": 0, "D": 1}
ACE_FLAGS = {"OI": 0x01, "CI": 0x02, "NP": 0x04, "IO": 0x08, "ID": 0x10}
DACL_FLAGS = {"P": 0x1000, "AI": 0x0400, "": 0}
SELF_RELATIVE_WITH_DACL = 0x8004
SDDL = re.compile(r"O:(\S+?)G:(\S+?)D:(P?)((?:AI)?)((?:\([^)]*\))*)")


def sid_bytes(sid: str) -> bytes:
    """`S-1-5-18` or an alias (`SY`) -> binary SID [MS-DTYP 2.4.2.2]."""
    _, revision, authority, *rest = ALIASES.get(sid, sid).split("-")
    head = bytes([int(revision), len(rest)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(rest)}I", *map(int, rest))


def descriptor(sddl: str) -> bytes:
    """`O:BAG:SYD:P(A;OICI;FA;;;SY)` -> the bytes NTFS stores; ValueError for anything richer."""
    owner, group, protected, inherited, aces = _parsed(sddl)
    acl = _acl([_ace(ace) for ace in aces])
    control = SELF_RELATIVE_WITH_DACL | DACL_FLAGS[protected] | DACL_FLAGS[inherited]
    owner_at = 20 + len(acl)
    group_at = owner_at + len(sid_bytes(owner))
    head = struct.pack("<BBHIIII", 1, 0, control, owner_at, group_at, 0, 20)
    return head + acl + sid_bytes(owner) + sid_bytes(group)


def inherited_sddl(sddl: str, *, directory: bool) -> str:
    """Return what a child made below a folder with `sddl` gets: the inheritable ACEs, marked ID."""
    owner, group, _, _, aces = _parsed(sddl)
    passed = ""
    for ace in aces:
        kind, flags, rest = ace.split(";", 2)
        if ("CI" if directory else "OI") in flags:
            passed += f"({kind};{flags.removesuffix('ID') if directory else ''}ID;{rest})"
    return f"O:{owner}G:{group}D:AI{passed}"


def _parsed(sddl: str) -> tuple[str, str, str, str, list[str]]:
    match = SDDL.fullmatch(sddl)
    if match is None:
        raise ValueError(f"not the SDDL this builder knows: {sddl}")
    owner, group, protected, inherited, aces = match.groups()
    return owner, group, protected, inherited, re.findall(r"\(([^)]*)\)", aces)


def _acl(aces: list[bytes]) -> bytes:
    body = b"".join(aces)
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(aces), 0) + body


def _ace(text: str) -> bytes:
    kind, flags, rights, _, _, trustee = text.split(";")
    bits = sum(ACE_FLAGS[flag] for flag in re.findall("..", flags))
    mask = int(rights, 16) if rights.startswith("0x") else RIGHTS[rights]
    sid = sid_bytes(trustee)
    return struct.pack("<BBHI", ACE_TYPES[kind], bits, 8 + len(sid), mask) + sid
