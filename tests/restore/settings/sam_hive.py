"""A SAM hive with all that a real one has, from a plain description; the product lays none of its values out."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from extractor.model import RegistryValue
from extractor.registry import Registry, open_hive
from extractor.registry.casing import name_order
from extractor.registry.key import Key
from extractor.registry.regf_writer import write_hive
from extractor.restore.settings.changes import Changes, rewritten
from extractor.restore.settings.sam_draft import SamDraft
from extractor.testing import FakeStream
from extractor.windows.sam import Sam, read_sam

MACHINE = "S-1-5-21-11-22-33"
STRANGER = "S-1-5-21-7-8-9-1111"
DOMAINS = ("SAM", "Domains")
ACCOUNT, BUILTIN = (*DOMAINS, "Account"), (*DOMAINS, "Builtin")
USERS = (*ACCOUNT, "Users")
NONE = (*ACCOUNT, "Groups", "00000201")
MEMBERS = (*BUILTIN, "Aliases", "Members")
OLD, NEW = 0x00010002, 0x00010003
"""Revisions of Windows 7 and of Windows 10."""
NOW = 133_000_000_000_000_000
NEVER = 0x7FFFFFFFFFFFFFFF

Parts = tuple[str, ...]
Values = dict[tuple[Parts, str], RegistryValue]


def sid(text: str) -> bytes:
    authority, *parts = map(int, text.split("-")[2:])
    head = bytes([1, len(parts)]) + authority.to_bytes(6, "big")
    return head + struct.pack(f"<{len(parts)}I", *parts)


def ace(rights: int, who: str, kind: int = 0, flags: int = 0) -> bytes:
    return struct.pack("<BBHI", kind, flags, 8 + len(sid(who)), rights) + sid(who)


def acl(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body


def descriptor(*dacl: bytes) -> bytes:
    """Return what Windows gives things of SAM: owner and group Administrators, failures are noted."""
    sacl, holder = acl(ace(0x10044, "S-1-1-0", 2, 0xC0)), sid("S-1-5-32-544")
    allowed = acl(*dacl)
    at = 20 + len(sacl) + len(allowed)
    head = struct.pack("<BBH4I", 1, 0, 0x8014, at, at + len(holder), 20, 20 + len(sacl))
    return head + sacl + allowed + holder + holder


OF_GUEST = descriptor(ace(0x2031B, "S-1-1-0"), ace(0xF07FF, "S-1-5-32-544"))
OF_GROUP = descriptor(ace(0x2000C, "S-1-1-0"), ace(0xF001F, "S-1-5-32-544"))


def rows(*told: tuple[bytes, int]) -> bytes:
    table, body = b"", b""
    for data, number in told:
        body += bytes(-len(body) % 4)
        table += struct.pack("<3I", len(body), len(data), number)
        body += data
    return table + body + bytes(-len(body) % 4)


def user_v(name: str, revision: int = NEW, *, comment: str = "", hashed: bool = False) -> bytes:
    empty = (b"\1\0\2\0", 0) if revision == OLD else (b"\4\0\2\0" + bytes(20), 0)
    texts = [(name, 0), ("", 0), (comment, 0), *[("", 0)] * 8]
    return rows(
        (OF_GUEST, revision),
        *((text.encode("utf-16-le"), number) for text, number in texts),
        (struct.pack("<2I", 513, 7), 1),
        empty,
        (b"\4\0\2\0" + bytes(52), 0) if hashed else empty,
        empty,
        empty,
    )


def user_f(rid: int, flags: int, revision: int = NEW) -> bytes:
    times = struct.pack("<5Q", 5, 0, 6, NEVER, 7)
    rest = struct.pack("<3I4HI8s", rid, 513, flags, 49, 0, 3, 9, 1, b"leftover")
    return struct.pack("<2I", revision, 0) + times + rest


def alias_c(rid: int, name: str, members: tuple[str, ...], revision: int = NEW) -> bytes:
    inside = b"".join(map(sid, members))
    name_, comment = name.encode("utf-16-le"), "odd".encode("utf-16-le")
    told = rows((OF_GROUP, revision), (name_, 0), (comment, 0), (inside, len(members)))
    return struct.pack("<I", rid) + told


def none_c(rids: tuple[int, ...], revision: int = NEW, room: int = 25) -> bytes:
    head = struct.pack("<3IQ", revision, 513, 7, 0x1122334455667788)
    listed = struct.pack(f"<{room}I", *rids, *[0] * (room - len(rids)))
    none = "None".encode("utf-16-le")
    return head + rows((OF_GROUP, revision), (none, 0), (none, 0), (listed, len(rids)))


@dataclass(frozen=True)
class Described:
    """What a SAM holds; users are RID -> (name, flags), groups RID -> (name, members)."""

    revision: int = NEW
    users: Mapping[int, tuple[str, int]] = field(
        default_factory=lambda: {
            500: ("Administrator", 0x211), 501: ("Guest", 0x215), 1000: ("bob", 0x10),
        }
    )  # fmt: skip
    groups: Mapping[int, tuple[str, tuple[str, ...]]] = field(
        default_factory=lambda: {
            544: ("Administratoren", (f"{MACHINE}-500", f"{MACHINE}-1000")),
            545: ("Benutzer", ("S-1-5-4", "S-1-5-11", f"{MACHINE}-1000")),
            546: ("Gäste", (f"{MACHINE}-501",)),
            555: ("Remote Desktop Users", ()),
        }
    )
    own: Mapping[int, tuple[str, tuple[str, ...]]] = field(
        default_factory=lambda: {1001: ("Team", ())}
    )
    """Groups that somebody made."""
    next_rid: int = 1002
    room: int = 25


def values_of(told: Described) -> Values:
    """Return all values of a SAM, by key and name; the default value of a key counts with its type."""
    found: Values = {}

    def binary(key: Parts, name: str, data: bytes) -> None:
        found[key, name] = RegistryValue(name, 3, data)

    def count(key: Parts, number: int, data: bytes = b"") -> None:
        found[key, ""] = RegistryValue("", number, data)

    machine = rows((OF_GROUP, told.revision), (sid(MACHINE), 0), (b"", 0), (b"", 0))
    domain_f = struct.pack("<2I", told.revision, 0) + bytes(0x40)
    domain_f += struct.pack("<I", told.next_rid) + bytes(0x54)
    binary(ACCOUNT, "F", domain_f)
    binary(ACCOUNT, "V", machine)
    binary(BUILTIN, "F", domain_f)
    count(("SAM", "RXACT"), 0, b"\1\0\0\0" + bytes(8))
    count(USERS, len(told.users))
    for rid, (name, flags) in told.users.items():
        key = (*USERS, f"{rid:08X}")
        binary(key, "F", user_f(rid, flags, told.revision))
        binary(key, "V", user_v(name, told.revision, comment="old", hashed=rid != 501))
        count((*USERS, "Names", name), rid)
    binary(NONE, "C", none_c(tuple(told.users), told.revision, told.room))
    count((*ACCOUNT, "Groups", "Names", "None"), 513)
    for domain, groups in ((BUILTIN, told.groups), (ACCOUNT, told.own)):
        _groups(found, domain, groups, told.revision)
    return found


def _groups(
    found: Values,
    domain: Parts,
    groups: Mapping[int, tuple[str, tuple[str, ...]]],
    revision: int,
) -> None:
    aliases = (*domain, "Aliases")
    found[aliases, ""] = RegistryValue("", len(groups), b"")
    of: dict[str, list[int]] = {}
    for rid, (name, members) in groups.items():
        data = alias_c(rid, name, members, revision)
        found[(*aliases, f"{rid:08X}"), "C"] = RegistryValue("C", 3, data)
        found[(*aliases, "Names", name), ""] = RegistryValue("", rid, b"")
        for member in members:
            of.setdefault(member, []).append(rid)
    above: dict[str, int] = {}
    for member, rids in of.items():
        parent, _, last = member.rpartition("-")
        above[parent] = above.get(parent, 0) + 1
        data = struct.pack(f"<{len(rids)}I", *rids)
        key = (*aliases, "Members", parent, f"{int(last):08X}")
        found[key, ""] = RegistryValue("", len(rids), data)
    for parent, number in above.items():
        found[(*aliases, "Members", parent), ""] = RegistryValue("", number, b"")
    found[(*aliases, "Members"), ""] = RegistryValue("", len(above), b"")


def written(values: Values) -> bytes:
    """Return a hive of values."""
    keys: dict[Parts, list[RegistryValue]] = {}
    for (path, _), value in values.items():
        keys.setdefault(path, []).append(value)
    file = io.BytesIO()
    ordered = sorted(keys, key=lambda path: [name_order(name) for name in path])
    write_hive(file, (Key(path, tuple(keys[path]), NOW) for path in ordered), name="SAM")
    return file.getvalue()


def sam_hive(told: Described | None = None) -> bytes:
    return written(values_of(told or Described()))


def draft(content: bytes) -> SamDraft:
    return SamDraft(open_hive(content, "SAM"))


def after(content: bytes, sam: SamDraft) -> bytes:
    """Return the hive with what became of it."""
    changes = Changes()
    sam.write_into(changes)
    file = io.BytesIO()
    rewritten(content, "SAM", changes, NOW, file)
    return file.getvalue()


def changed(content: bytes, *deeds: Callable[[SamDraft], object]) -> bytes:
    """Return the hive after some deeds on it."""
    sam = draft(content)
    for deed in deeds:
        deed(sam)
    return after(content, sam)


def read(content: bytes) -> Sam:
    """Return what the scan would tell of a hive."""
    return read_sam(Registry({"HKLM\\SAM": lambda: open_hive(FakeStream(content), "SAM")}))


def members(content: bytes) -> dict[str, tuple[str, ...]]:
    """Return group -> its members."""
    return {each.name: each.members for each in read(content).groups}


def raw(content: bytes) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return (key, name) -> (type, data) of all values, as dissect.regf walks them."""
    from dissect.regf import RegistryHive

    def walk(key: object, path: str) -> Iterator[tuple[tuple[str, str], tuple[int, bytes]]]:
        for value in key.values():  # type: ignore[attr-defined]
            data = value.data if value.size else b""
            name = "" if value.name == "(Default)" else value.name
            yield (path, name), (value.type, bytes(data))
        for each in key.subkeys():  # type: ignore[attr-defined]
            yield from walk(each, f"{path}\\{each.name}" if path else each.name)

    return dict(walk(RegistryHive(io.BytesIO(content)).root(), ""))
