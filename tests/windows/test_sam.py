"""SAM: what accounts and groups say, on hives that Windows made and on hostile bytes; never a secret."""

from __future__ import annotations

import re
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.filetime import to_filetime
from extractor.model import LocalAccount
from extractor.registry import Registry, open_hive
from extractor.testing import FakeStream
from extractor.windows.sam import NO_HASH, ROWS, Sam, parse_account, parse_group, read_sam
from tests.conftest import need_tool
from tests.windows.real_hives import real_hive

WIN7, WIN10 = "win7-shield/SAM", "misc/SAM-win10-turbinia"
PRESTON = "S-1-5-21-1760460187-1592185332-161725925"
TURBINIA = "S-1-5-21-411602670-3944905364-1007076877"


def sam_of(content: bytes) -> Sam:
    return read_sam(Registry({"HKLM\\SAM": lambda: open_hive(FakeStream(content), "SAM")}))


def at(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    return to_filetime(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


def seconds(filetime: int) -> int:
    return filetime - filetime % 10_000_000


# --- real hives, checked by hand ------------------------------------------------------------------


def test_the_accounts_of_a_windows_7_sam(data: Path) -> None:
    found = sam_of(real_hive(data, WIN7))
    assert found.machine_sid == PRESTON
    assert [(each.rid, each.name, each.flags, each.has_password) for each in found.accounts] == [
        (500, "Administrator", ("disabled", "normal", "password-never-expires"), True),
        (501, "Guest",
         ("disabled", "password-not-required", "normal", "password-never-expires"), False),
        (1000, "Preston", ("normal",), True),
    ]  # fmt: skip
    administrator, guest, preston = found.accounts
    assert administrator.comment == "Built-in account for administering the computer/domain"
    assert (seconds(preston.last_logon), seconds(preston.password_set)) == (
        at(2014, 9, 30, 2, 59, 34), at(2014, 9, 24, 3, 35, 45),
    )  # fmt: skip
    assert (preston.logons, guest.last_logon, guest.expires) == (4, 0, 0)


def test_the_accounts_of_a_windows_10_sam(data: Path) -> None:
    found = sam_of(real_hive(data, WIN10))
    assert found.machine_sid == TURBINIA
    assert [
        (each.rid, each.name, each.full_name, each.has_password) for each in found.accounts
    ] == [
        (500, "Administrator", "", True),
        (501, "Guest", "", False),
        (503, "DefaultAccount", "", False),
        (1000, "testuser", "testuser", True),
        (1004, "testlocaluser", "testlocaluser", True),
        (1005, "badpassword", "badpassword", True),
    ]
    assert [each.rid for each in found.accounts if "disabled" in each.flags] == [500, 501, 503]
    assert found.doubts == ()


def members(found: Sam) -> dict[str, list[str]]:
    return {group.name: list(group.members) for group in found.groups if group.members}


def test_the_groups_of_a_windows_7_sam(data: Path) -> None:
    found = sam_of(real_hive(data, WIN7))
    assert members(found) == {
        "Administrators": [f"{PRESTON}-500", f"{PRESTON}-1000"],
        "Users": ["S-1-5-4", "S-1-5-11", f"{PRESTON}-1000"],
        "Guests": [f"{PRESTON}-501"],
        "IIS_IUSRS": ["S-1-5-17"],
    }
    assert len(found.groups) == 14
    assert {group.sid: group.name for group in found.groups}["S-1-5-32-555"] == (
        "Remote Desktop Users"
    )


def test_the_groups_of_a_windows_10_sam(data: Path) -> None:
    assert members(sam_of(real_hive(data, WIN10))) == {
        "Administrators": [f"{TURBINIA}-500", f"{TURBINIA}-1000"],
        "Users": ["S-1-5-4", "S-1-5-11", f"{TURBINIA}-1004", f"{TURBINIA}-1005"],
        "Guests": [f"{TURBINIA}-501"],
        "IIS_IUSRS": ["S-1-5-17"],
        "System Managed Accounts Group": [f"{TURBINIA}-503"],
    }


# --- a stranger reads the same hive ---------------------------------------------------------------


def hivex(hive: Path, key: str, value: str) -> bytes:
    """Return a binary value as ``hivexget`` prints it."""
    told = subprocess.run(
        ["hivexget", str(hive), key], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(rf'^"{value}"=hex\(?3?\)?:([0-9a-f,]*)$', told, re.MULTILINE)
    assert found, told[:200]
    return bytes.fromhex(found[1].replace(",", ""))


def listed(hive: Path, key: str) -> list[str]:
    """Return the subkeys of a key that are RIDs, as ``hivexsh`` lists them."""
    script = f"cd {key}\nls\n".encode()
    told = subprocess.run(["hivexsh", str(hive)], input=script, capture_output=True, check=True)
    return sorted(re.findall(r"^[0-9A-F]{8}$", told.stdout.decode(), re.MULTILINE))


def plain_sids(data: bytes) -> list[str]:
    """Read SIDs in the plainest way, one after another."""
    found = []
    while data:
        count = data[1]
        parts = [int.from_bytes(data[8 + 4 * n : 12 + 4 * n], "little") for n in range(count)]
        found.append("-".join(["S-1", str(int.from_bytes(data[2:8], "big")), *map(str, parts)]))
        data = data[8 + 4 * count :]
    return found


@pytest.mark.parametrize("name", [WIN7, WIN10])
def test_hivex_reads_the_same_members_and_flags(name: str, data: Path, tmp_path: Path) -> None:
    need_tool("hivexget", "hivexsh")
    content = real_hive(data, name)
    hive = tmp_path / "SAM"
    hive.write_bytes(content)
    found = sam_of(content)
    aliases = r"SAM\Domains\Builtin\Aliases"
    told = {}
    for rid in listed(hive, rf"\{aliases}"):
        raw = hivex(hive, rf"{aliases}\{rid}", "C")
        offset, length, count = struct.unpack_from("<3I", raw, 0x28)
        sids = plain_sids(raw[0x34 + offset : 0x34 + offset + length])
        assert len(sids) == count
        told[f"S-1-5-32-{int(rid, 16)}"] = sids
    assert told == {group.sid: list(group.members) for group in found.groups}
    for account in found.accounts:
        raw = hivex(hive, rf"SAM\Domains\Account\Users\{account.rid:08X}", "F")
        assert int.from_bytes(raw[0x30:0x34], "little") == account.rid
        assert int.from_bytes(raw[8:16], "little") == account.last_logon
        assert bool(raw[0x38] & 1) == ("disabled" in account.flags)
        assert bool(raw[0x38] & 4) == ("password-not-required" in account.flags)


# --- bytes made here ------------------------------------------------------------------------------


def variable(nt_hash: bytes = b"", name: str = "bob") -> bytes:
    """Return a V with a name and a hash in their rows."""
    texts = [b""] * ROWS
    texts[1], texts[14] = name.encode("utf-16-le"), nt_hash
    rows, body = b"", b""
    for text in texts:
        rows += struct.pack("<3I", len(body), len(text), 0)
        body += text
    return rows + body


def fixed(flags: int) -> bytes:
    return (bytes(56) + struct.pack("<I", flags)).ljust(80, b"\0")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (0, ()),
        (0x211, ("disabled", "normal", "password-never-expires")),
        (0x414, ("password-not-required", "normal", "locked")),
        (0x20010, ("normal", "password-expired")),
        (0xFFF00000, ()),
    ],
)
def test_ms_samr_2_2_1_12_each_flag_has_a_word(flags: int, words: tuple[str, ...]) -> None:
    assert parse_account("S", 1, variable(), fixed(flags)).flags == words


@pytest.mark.parametrize(
    ("length", "expected"), [(0, False), (4, False), (20, True), (24, False), (56, True)]
)
def test_whether_there_is_a_password_is_told_by_a_length_alone(length: int, expected: bool) -> None:
    secret = bytes(range(100, 100 + length))
    found = parse_account("S", 1, variable(secret), b"")
    assert found.has_password is expected
    assert (length in NO_HASH) is not expected
    assert found == parse_account("S", 1, variable(bytes(length)), b"")


def test_what_is_cut_short_is_not_known() -> None:
    empty = LocalAccount("S", 1, "")
    assert parse_account("S", 1, b"", b"") == empty
    assert parse_account("S", 1, variable()[:100], fixed(1)[:50]) == empty


def alias(sids: list[bytes], count: int) -> bytes:
    name, body = "Admins".encode("utf-16-le"), b"".join(sids)
    head = bytes(0x10) + struct.pack("<2I4x", 0, len(name)) + bytes(12)
    return head + struct.pack("<3I", len(name), len(body), count) + name + body


SID = bytes.fromhex("010200000000000520000000") + struct.pack("<I", 544)


def test_a_group_whose_members_are_cut_short_keeps_those_that_are_there_and_says_so() -> None:
    assert parse_group("S", alias([SID, SID], 2))[1]
    group, whole = parse_group("S", alias([SID, SID[:-1]], 2))
    assert (group.name, group.members, whole) == ("Admins", ("S-1-5-32-544",), False)
    assert parse_group("S", alias([SID], 2**32 - 1))[0].members == ("S-1-5-32-544",)
    assert parse_group("S", b"")[1] is False


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_hostile_account_data_never_raises(first: bytes, second: bytes) -> None:
    account = parse_account("S", 1, first.ljust(210, b"\1"), second)
    assert isinstance(account.name, str)
    group, whole = parse_group("S", first)
    assert whole or len(group.members) < 40
