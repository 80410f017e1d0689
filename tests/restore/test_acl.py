"""SIDs of a descriptor become others, whatever their length; what is not well formed is refused by name."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.filesystems.sddl import sddl
from extractor.registry.descriptor import sid_bytes
from extractor.restore.acl import rewritten

BOB, EVE, SYSTEM = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002", "S-1-5-18"
NEW = "S-1-12-1-11-12-13-14-15-16-17"
GUID = bytes(range(16))


def ace(kind: int, sid: str, middle: bytes = b"", tail: bytes = b"") -> bytes:
    body = struct.pack("<I", 0x1F01FF) + middle + sid_bytes(sid) + tail
    return struct.pack("<BBH", kind, 3, 4 + len(body)) + body


def acl(*aces: bytes) -> bytes:
    body = b"".join(aces)
    return struct.pack("<BBHHH", 4, 0, 8 + len(body), len(aces), 0) + body


def descriptor(owner: str, group: str, dacl: bytes | None, sacl: bytes = b"") -> bytes:
    """Lay a descriptor out in another order than ours: owner, group, DACL, SACL."""
    control = 0x8000 | (0x4 if dacl is not None else 0) | (0x10 if sacl else 0)
    parts = [sid_bytes(owner), sid_bytes(group), dacl or b"", sacl]
    places, at = [], 20
    for part in parts:
        places.append(at if part else 0)
        at += len(part)
    own, grp, d, s = places
    return struct.pack("<BBHIIII", 1, 0, control, own, grp, s, d) + b"".join(parts)


def condition(*tokens: bytes) -> bytes:
    whole = b"artx" + b"".join(tokens)
    return whole + bytes(-len(whole) % 4)


def counted(token: int, body: bytes) -> bytes:
    return bytes([token]) + struct.pack("<I", len(body)) + body


ACES = {
    "allowed": (lambda sid: ace(0x00, sid)),
    "denied": (lambda sid: ace(0x01, sid)),
    "object with two GUIDs": (lambda sid: ace(0x05, sid, struct.pack("<I", 3) + GUID + GUID)),
    "object with one GUID": (lambda sid: ace(0x06, sid, struct.pack("<I", 2) + GUID)),
    "object without a GUID": (lambda sid: ace(0x07, sid, struct.pack("<I", 0))),
    "callback": (lambda sid: ace(0x09, sid, tail=condition(counted(0xF9, b"a\0"), b"\x87"))),
    "callback object": (lambda sid: ace(0x0B, sid, struct.pack("<I", 1) + GUID)),
    "resource attribute": (lambda sid: ace(0x12, sid, tail=b"\x10\0\0\0" * 3)),
    "label": (lambda sid: ace(0x11, sid)),
}


@pytest.mark.parametrize("kind", ACES)
@pytest.mark.parametrize("new", [NEW, SYSTEM])
def test_an_entry_of_every_kind_gets_the_new_sid_and_nothing_else_changes(
    kind: str, new: str
) -> None:
    entries = [ACES["denied"](SYSTEM), ACES[kind](BOB), ACES["allowed"](EVE)]
    before = descriptor(BOB, EVE, acl(*entries), acl(ACES[kind](BOB)))
    after = rewritten(before, {BOB: new})
    assert sddl(before).replace(BOB, new) == sddl(after)
    assert len(after) == len(before) + 3 * (len(sid_bytes(new)) - len(sid_bytes(BOB)))


OTHERS = {
    "denied callback object": ace(0x0C, BOB, struct.pack("<I", 3) + GUID + GUID),
    "alarm callback": ace(0x0E, BOB, tail=condition(counted(0x51, sid_bytes(BOB)))),
    "audited callback object": ace(0x0F, BOB, struct.pack("<I", 1) + GUID),
    "alarm callback object": ace(0x10, BOB, struct.pack("<I", 0)),
    "compound, of a server and a client": ace(0x04, BOB, b"\1\0\0\0", sid_bytes(BOB)),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_entries_that_have_no_sddl_are_rewritten_too(kind: str) -> None:
    before = descriptor(EVE, EVE, acl(OTHERS[kind], ace(0, EVE)))
    after = rewritten(before, {BOB: NEW})
    count = before.count(sid_bytes(BOB))
    assert after.count(sid_bytes(NEW)) == count
    assert sid_bytes(BOB) not in after
    assert rewritten(after, {NEW: BOB}).count(sid_bytes(BOB)) == count


def test_a_descriptor_that_names_none_of_them_comes_back_byte_for_byte() -> None:
    slack = struct.pack("<BBHHH", 2, 0, 16, 0, 0) + b"leftover"
    before = descriptor(EVE, SYSTEM, slack)
    assert rewritten(before, {BOB: NEW}) == before
    assert rewritten(before, {EVE: EVE}) == before


def test_a_null_dacl_stays_one() -> None:
    before = descriptor(BOB, BOB, b"")
    assert sddl(rewritten(before, {BOB: NEW})) == f"O:{NEW}G:{NEW}D:NO_ACCESS_CONTROL"


def test_two_users_may_change_places() -> None:
    before = descriptor(BOB, EVE, acl(ace(0, BOB), ace(1, EVE)))
    swapped = rewritten(before, {BOB: EVE, EVE: BOB})
    assert sddl(swapped).startswith(f"O:{EVE}G:{BOB}")
    assert sddl(rewritten(swapped, {BOB: EVE, EVE: BOB})) == sddl(before)


def test_the_sids_inside_a_condition_change_too() -> None:
    members = counted(0x50, counted(0x51, sid_bytes(BOB)) + counted(0x51, sid_bytes(EVE)))
    entry = ace(0x09, SYSTEM, tail=condition(members, b"\x89", b"\x04" + bytes(8) + b"\x03\x02"))
    after = rewritten(descriptor(SYSTEM, SYSTEM, acl(entry)), {BOB: NEW})
    assert counted(0x51, sid_bytes(NEW)) in after
    assert counted(0x51, sid_bytes(EVE)) in after
    assert sid_bytes(BOB) not in after
    assert len(after) % 4 == 0


GOOD = descriptor(BOB, EVE, acl(ace(0, BOB), ace(5, EVE, struct.pack("<I", 3) + GUID + GUID)))
NESTED = b"".join(counted(0x50, b"")[:1] + struct.pack("<I", 5 * n) for n in range(40, -1, -1))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", "too short"),
        (GOOD[:19], "too short"),
        (b"\x02" + GOOD[1:], "revision"),
        (GOOD[:3] + b"\0" + GOOD[4:], "not self-relative"),
        (GOOD[:-1], "runs out"),
        (GOOD[:4] + b"\x04\0\0\0" + GOOD[8:], "in its header"),
        (GOOD[:4] + b"\xff\xff\xff\x7f" + GOOD[8:], "no SID"),
        (descriptor(BOB, BOB, acl(ace(0x77, BOB))), "kind 0x77"),
        (descriptor(BOB, BOB, acl(ace(0, BOB))[:-4]), "runs out"),
        (descriptor(BOB, BOB, struct.pack("<BBHHH", 2, 0, 8, 5, 0)), "before its last entry"),
        (descriptor(BOB, BOB, acl(ace(9, BOB, tail=condition(b"\x33")))), "token 0x33"),
        (descriptor(BOB, BOB, acl(ace(9, BOB, tail=condition(b"\x51\xff")))), "middle of a token"),
        (descriptor(BOB, BOB, acl(ace(9, BOB, tail=condition(NESTED)))), "lists in each other"),
        (
            descriptor(BOB, BOB, acl(ace(9, BOB, tail=condition(counted(0x51, sid_bytes(BOB) + b"xxxx"))))),
            "not as long as it says",
        ),
    ],
)  # fmt: skip
def test_what_is_not_well_formed_is_refused_by_name(bad: bytes, why: str) -> None:
    with pytest.raises(DamagedError, match=why):
        rewritten(bad, {BOB: NEW})


def test_a_list_that_would_grow_too_long_is_refused() -> None:
    full = acl(*[ace(0, BOB)] * 1800)
    assert rewritten(descriptor(EVE, EVE, full), {BOB: EVE})
    with pytest.raises(DamagedError, match="would grow"):
        rewritten(descriptor(EVE, EVE, full), {BOB: NEW})


def test_a_mapping_to_what_is_no_sid_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no SID"):
        rewritten(GOOD, {BOB: "bob"})


SIDS = st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=14).map(
    lambda parts: "-".join(("S-1-5", *map(str, parts)))
)
KINDS = st.sampled_from(sorted(ACES))


@given(
    sids=st.lists(SIDS, min_size=3, max_size=6, unique=True),
    kinds=st.lists(KINDS, max_size=8),
    data=st.data(),
)
def test_any_mapping_of_any_descriptor_is_that_of_its_text(
    sids: list[str], kinds: list[str], data: st.DataObject
) -> None:
    pick = st.sampled_from(sids)
    entries = [ACES[kind](data.draw(pick)) for kind in kinds]
    before = descriptor(data.draw(pick), data.draw(pick), acl(*entries))
    targets = data.draw(st.lists(SIDS, min_size=len(sids), max_size=len(sids), unique=True))
    mapping = dict(zip(sids, targets, strict=True))
    after = rewritten(before, mapping)
    expected = ";".join(
        ":".join(_one(each, mapping) for each in part.split(":"))
        for part in _apart(sddl(before)).split(";")
    )
    assert _apart(sddl(after)) == expected


def _apart(text: str) -> str:
    """Have every SID stand alone between separators."""
    return text.replace("G:", ":G:").replace("D:", ":D:").replace(")", ";)").replace("(", ";(;")


def _one(word: str, mapping: dict[str, str]) -> str:
    return mapping.get(word, word)


@given(st.binary(max_size=200), st.integers(0, len(GOOD) - 1))
def test_no_bytes_make_it_fail_otherwise(noise: bytes, at: int) -> None:
    for bad in (noise, GOOD[:at] + noise, GOOD[:at] + noise + GOOD[at + len(noise) :]):
        try:
            rewritten(bad, {BOB: NEW})
        except DamagedError:
            continue
