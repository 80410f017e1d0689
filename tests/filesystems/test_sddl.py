"""Security descriptors as text."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.filesystems.sddl import format_sid, sddl
from sample_images.security import descriptor, sid_bytes

WORLD = sid_bytes("S-1-1-0")


def ace(kind: int, flags: int, rights: int, rest: bytes) -> bytes:
    return struct.pack("<BBHI", kind, flags, 8 + len(rest), rights) + rest


def acl(*aces: bytes) -> bytes:
    body = b"".join(aces)
    return struct.pack("<BBHHH", 4, 0, 8 + len(body), len(aces), 0) + body


def with_dacl(control: int, dacl: bytes) -> bytes:
    return struct.pack("<BBHIIII", 1, 0, control | 0x8004, 0, 0, 0, 20 if dacl else 0) + dacl


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("O:SYG:SYD:P(A;OICI;FA;;;BA)", "O:S-1-5-18G:S-1-5-18D:P(A;OICI;0x1f01ff;;;S-1-5-32-544)"),
        ("O:BAG:BAD:AI(D;ID;0x1;;;WD)", "O:S-1-5-32-544G:S-1-5-32-544D:AI(D;ID;0x1;;;S-1-1-0)"),
    ],
)
def test_a_descriptor_is_written_with_full_sids_and_hexadecimal_rights(
    given_text: str, wanted: str
) -> None:
    assert sddl(descriptor(given_text)) == wanted


def test_a_missing_list_grants_everything_and_an_empty_one_nothing() -> None:
    assert sddl(with_dacl(0, b"")) == "D:NO_ACCESS_CONTROL"
    assert sddl(with_dacl(0x1000, acl())) == "D:P"


def test_an_object_entry_shows_its_guids() -> None:
    guid = bytes(range(16))
    raw = ace(5, 0, 0x100, struct.pack("<I", 1) + guid + WORLD)
    assert sddl(with_dacl(0, acl(raw))) == (
        "D:(OA;;0x100;03020100-0504-0706-0809-0a0b0c0d0e0f;;S-1-1-0)"
    )


@pytest.mark.parametrize(
    ("kind", "letters"),
    [(6, "OD"), (7, "OU"), (8, "OL"), (11, "ZA"), (12, "0x0c"), (15, "0x0f"), (16, "0x10")],
)
def test_every_kind_of_object_entry_has_its_sid_behind_its_guids(kind: int, letters: str) -> None:
    one, two = bytes(range(16)), bytes(range(16, 32))
    raw = ace(kind, 2, 0x10, struct.pack("<I", 3) + one + two + WORLD)
    assert sddl(with_dacl(0, acl(raw, ace(0, 0, 1, WORLD)))) == (
        f"D:({letters};CI;0x10;03020100-0504-0706-0809-0a0b0c0d0e0f;13121110-1514-1716-1819-1a1b1c1d1e1f;S-1-1-0)"
        "(A;;0x1;;;S-1-1-0)"
    )
    second = ace(kind, 0, 0x10, struct.pack("<I", 2) + two + WORLD)
    assert sddl(with_dacl(0, acl(second))) == (
        f"D:({letters};;0x10;;13121110-1514-1716-1819-1a1b1c1d1e1f;S-1-1-0)"
    )
    bare = ace(kind, 0, 0x10, struct.pack("<I", 0) + WORLD + b"artx")
    assert sddl(with_dacl(0, acl(bare))) == f"D:({letters};;0x10;;;S-1-1-0;#61727478)"


@pytest.mark.parametrize("kind", [5, 12, 15, 16])
@pytest.mark.parametrize("rest", [b"", b"\3\0\0\0" + bytes(20), b"\1\0\0\0" + bytes(16)])
def test_an_object_entry_that_ends_before_its_sid_is_refused(kind: int, rest: bytes) -> None:
    with pytest.raises(DamagedError):
        sddl(with_dacl(0, acl(ace(kind, 0, 1, rest))))


SERVER, CLIENT = "S-1-5-18", "S-1-5-21-1-2-3-1001"
BOTH = sid_bytes(SERVER) + sid_bytes(CLIENT)


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        (b"\1\0\0\0" + BOTH, f"{SERVER};{CLIENT}"),
        (b"\1\0\0\0" + BOTH + b"\0\0", f"{SERVER};{CLIENT}"),
        (b"\1\0\0\0" + BOTH + b"more", f"{SERVER};{CLIENT};#6d6f7265"),
        (b"\2\0\0\7" + BOTH, f"{SERVER};{CLIENT};#02000007"),
    ],
)
def test_a_compound_entry_shows_the_server_and_the_client(rest: bytes, shown: str) -> None:
    assert sddl(with_dacl(0, acl(ace(4, 0, 0x1, rest)))) == f"D:(0x04;;0x1;;;{shown})"


@pytest.mark.parametrize("rest", [b"", b"\1\0\0\0", b"\1\0\0\0" + sid_bytes(SERVER), WORLD])
def test_a_compound_entry_without_both_sids_is_refused(rest: bytes) -> None:
    with pytest.raises(DamagedError):
        sddl(with_dacl(0, acl(ace(4, 0, 1, rest))))


def test_what_only_a_conditional_entry_carries_is_shown_as_bytes() -> None:
    assert sddl(with_dacl(0, acl(ace(9, 0, 1, WORLD + b"artx")))) == (
        "D:(XA;;0x1;;;S-1-1-0;#61727478)"
    )


def test_an_unknown_kind_of_entry_is_shown_by_its_number() -> None:
    assert sddl(with_dacl(0, acl(ace(0x77, 0x13, 2, WORLD)))) == "D:(0x77;OICIID;0x2;;;S-1-1-0)"


@pytest.mark.parametrize("cut", [0, 10, 19, 25, 30, 40])
def test_a_descriptor_cut_short_is_refused(cut: int) -> None:
    whole = with_dacl(0, acl(ace(0, 0, 1, WORLD), ace(0, 0, 1, WORLD)))
    with pytest.raises(DamagedError):
        sddl(whole[:cut])


@given(st.integers(0, (1 << 48) - 1), st.lists(st.integers(0, (1 << 32) - 1), max_size=15))
def test_any_sid_is_written_with_all_its_parts(authority: int, parts: list[int]) -> None:
    raw = bytes([1, len(parts)]) + authority.to_bytes(6, "big")
    raw += b"".join(struct.pack("<I", part) for part in parts)
    _, _, shown, *rest = format_sid(raw).split("-")
    assert int(shown, 0) == authority
    assert [int(part) for part in rest] == parts


@given(st.binary(max_size=200), st.integers(0, 0xFFFF))
def test_random_bytes_give_text_or_our_own_error(tail: bytes, control: int) -> None:
    raw = struct.pack("<BBHIIII", 1, 0, control, 20, 20, 24, 28) + tail
    with suppress(DamagedError):
        assert sddl(raw).isprintable()
