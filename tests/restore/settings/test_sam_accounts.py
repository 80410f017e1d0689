"""A new local account in a SAM: as Windows makes one, seen by other readers; none in a SAM that is not as known."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, UnsupportedError
from extractor.filesystems.sddl import sddl
from extractor.model import RegistryValue
from extractor.registry import open_hive
from extractor.restore.settings.changes import Changes
from extractor.restore.settings.sam_accounts import add_account, find_account, why_no_name
from extractor.restore.settings.sam_descriptor import descriptor_of_user
from extractor.restore.settings.sam_draft import SamDraft
from extractor.restore.settings.sam_groups import add_to_group
from extractor.restore.settings.sam_rows import ACCOUNT_V, DESCRIPTOR, parse_rows
from tests.conftest import need_tool
from tests.restore.settings.sam_hive import (
    ACCOUNT,
    BUILTIN,
    MACHINE,
    NEVER,
    NEW,
    NONE,
    NOW,
    OF_GROUP,
    OF_GUEST,
    OLD,
    STRANGER,
    USERS,
    Described,
    Parts,
    Values,
    ace,
    acl,
    after,
    alias_c,
    changed,
    descriptor,
    draft,
    members,
    none_c,
    raw,
    read,
    rows,
    sam_hive,
    sid,
    user_f,
    user_v,
    values_of,
    written,
)
from tests.windows.real_hives import real_hive

GUEST = (*USERS, "000001F5")
USERS_GROUP = (*BUILTIN, "Aliases", "00000221")
WIN7, WIN10 = "win7-shield/SAM", "misc/SAM-win10-turbinia"
REAL = {WIN7: 1001, WIN10: 1006}
"""Hive -> the RID that its next account gets."""


def rid(number: int) -> str:
    return f"{number:08X}"


# --- what is made ---------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [OLD, NEW])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_new_account_is_what_lac_and_lae_ask_for(revision: int, enabled: bool) -> None:
    content = sam_hive(Described(revision))
    sam = draft(content)
    sid = add_account(sam, "Änna", enabled=enabled, now=NOW)
    assert sid == f"{MACHINE}-1002"
    assert find_account(sam, "ÄNNA") == sid
    found = {each.sid: each for each in read(after(content, sam)).accounts}[sid]
    usual = ("password-not-required", "normal", "password-never-expires")
    assert found.flags == (usual if enabled else ("disabled", *usual))
    assert (found.name, found.full_name, found.comment) == ("Änna", "", "")
    assert (found.last_logon, found.password_set, found.expires, found.logons) == (0, NOW, 0, 0)
    assert found.has_password is False


def test_every_byte_of_f_and_v_of_a_new_account_is_known() -> None:
    content = sam_hive()
    told = raw(changed(content, lambda sam: add_account(sam, "anna", enabled=False, now=NOW)))
    key = "\\".join((*USERS, rid(1002)))
    times = struct.pack("<2I5Q", NEW, 0, 0, 0, NOW, NEVER, 0)
    assert told[key, "F"] == (3, times + struct.pack("<3I", 1002, 513, 0x215) + bytes(20))
    own = descriptor_of_user(OF_GUEST, f"{MACHINE}-501", f"{MACHINE}-1002")
    assert told[key, "V"] == (3, made(own))


def made(descriptor: bytes) -> bytes:
    """Return ``V`` of the account anna, laid out by the test."""
    hashes = (b"\4\0\2\0" + bytes(20), 0)
    name = "anna".encode("utf-16-le")
    membership = (struct.pack("<2I", 513, 7), 1)
    return rows((descriptor, NEW), (name, 0), *[(b"", 0)] * 10, membership, *[hashes] * 4)


def test_nothing_else_of_the_hive_changes() -> None:
    content = sam_hive()
    before = raw(content)
    told = raw(changed(content, lambda sam: add_account(sam, "anna", enabled=False, now=NOW)))
    key = "\\".join(USERS)
    machine = "\\".join((*BUILTIN, "Aliases", "Members", MACHINE))
    new = {(f"{key}\\{rid(1002)}", "F"), (f"{key}\\{rid(1002)}", "V"), (f"{key}\\Names\\anna", ""),
           (f"{machine}\\{rid(1002)}", "")}  # fmt: skip
    assert set(told) - set(before) == new
    assert told[f"{key}\\Names\\anna", ""] == (1002, b"")
    assert told[f"{machine}\\{rid(1002)}", ""] == (1, struct.pack("<I", 545))
    assert {each for each in before if told[each] != before[each]} == {
        ("\\".join(ACCOUNT), "F"), (key, ""), ("\\".join(NONE), "C"),
        ("\\".join(USERS_GROUP), "C"), (machine, ""),
    }  # fmt: skip
    assert told[key, ""] == (4, b"")
    assert told[machine, ""] == (4, b"")
    old, fixed = before["\\".join(ACCOUNT), "F"][1], told["\\".join(ACCOUNT), "F"][1]
    assert fixed == old[:0x48] + struct.pack("<I", 1003) + old[0x4C:]
    assert told["\\".join(NONE), "C"] == (3, none_c((500, 501, 1000, 1002)))


def test_several_accounts_of_one_run_get_one_rid_after_another() -> None:
    content = sam_hive()
    sam = draft(content)
    names = ["anna", "otto", "名前"]
    sids = [add_account(sam, name, enabled=False, now=NOW) for name in names]
    assert sids == [f"{MACHINE}-{number}" for number in (1002, 1003, 1004)]
    told = read(after(content, sam))
    assert [each.name for each in told.accounts][-3:] == names
    assert members(after(content, sam))["Benutzer"][-3:] == tuple(sids)
    again = changed(after(content, sam), lambda sam: add_account(sam, "x", enabled=True, now=NOW))
    assert read(again).accounts[-1].rid == 1005


def test_the_group_none_grows_when_its_room_is_used_up() -> None:
    content = sam_hive(replace(Described(), room=3))
    told = raw(changed(content, lambda sam: add_account(sam, "anna", enabled=False, now=NOW)))
    assert told["\\".join(NONE), "C"] == (3, none_c((500, 501, 1000, 1002), room=28))


def test_on_windows_10_the_descriptor_is_the_one_that_windows_gives_a_user(data: Path) -> None:
    told = raw(real_hive(data, WIN10))
    machine = draft(real_hive(data, WIN10)).machine_sid

    def given(number: int) -> bytes:
        value = told["\\".join((*USERS, rid(number))), "V"][1]
        return parse_rows(ACCOUNT_V, value, "x").rows[DESCRIPTOR].data

    for number in (503, 1004, 1005):
        found = descriptor_of_user(given(501), f"{machine}-501", f"{machine}-{number}")
        assert found == given(number)


def moved(order: tuple[int, ...], *, control: int = 0x8014, room: int = 0) -> bytes:
    """Return the guest's descriptor with its parts (owner, group, SACL, DACL) in another order."""
    parts = [sid("S-1-5-32-544")] * 2 + [acl(ace(1, "S-1-1-0", 2)), acl(ace(1, "S-1-1-0"))]
    size = len(parts[3]) + room
    parts[3] = parts[3][:2] + struct.pack("<H", size) + parts[3][4:] + bytes(room)
    at, offsets = 20, [0] * 4
    for number in order:
        offsets[number] = at
        at += len(parts[number])
    head = struct.pack("<BBH4I", 1, 0, control, *offsets)
    return head + b"".join(parts[number] for number in order)


AS_WINDOWS = (2, 3, 0, 1)


@pytest.mark.parametrize(
    "descriptor_",
    [
        moved((3, 2, 0, 1)),
        moved((3, 0, 1, 2)),
        moved((0, 1, 2, 3)),
        moved((2, 0, 1, 3)),
        moved(AS_WINDOWS, control=0x8010),
        moved(AS_WINDOWS, room=4),
        moved((0, 1)),
        moved(AS_WINDOWS)[:-4],
        descriptor(ace(1, "S-1-5-32-544")),
        descriptor(ace(1, "S-1-1-0", 1)),
        descriptor(ace(1, "S-1-1-0", 0, 8)),
        b"",
    ],
)
def test_a_descriptor_that_is_not_laid_out_as_windows_does_it_is_refused(
    descriptor_: bytes,
) -> None:
    with pytest.raises(UnsupportedError, match=r"^SAM: the (account|descriptor of) Guest"):
        descriptor_of_user(descriptor_, f"{MACHINE}-501", f"{MACHINE}-1002")


def test_the_entry_of_a_user_comes_behind_the_others_and_everybody_may_change_the_password() -> (
    None
):
    user = f"{MACHINE}-1002"
    made_ = descriptor_of_user(moved(AS_WINDOWS), f"{MACHINE}-501", user)
    assert made_ == moved(AS_WINDOWS)[:4] + made_[4:]
    assert sddl(made_).partition("S:")[0] == (
        f"O:S-1-5-32-544G:S-1-5-32-544D:(A;;0x41;;;S-1-1-0)(A;;0x20044;;;{user})"
    )
    named = descriptor(ace(1, "S-1-1-0"), ace(2, f"{MACHINE}-501"))
    assert f"(A;;0x2;;;{user})" in sddl(descriptor_of_user(named, f"{MACHINE}-501", user))


# --- other readers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_a_real_hive_has_the_account_for_every_reader(
    name: str, data: Path, tmp_path: Path
) -> None:
    need_tool("chntpw", "samusrgrp")
    content = real_hive(data, name)
    sam = draft(content)
    sid = add_account(sam, "annabel", enabled=False, now=NOW)
    assert sid == f"{sam.machine_sid}-{REAL[name]}"
    add_to_group(sam, "Administrators", sid)
    path = tmp_path / "SAM"
    path.write_bytes(after(content, sam))
    listed = subprocess.run(["chntpw", "-l", path], capture_output=True, check=False).stdout.decode(
        "latin-1"
    )
    line = next(each for each in listed.splitlines() if "annabel" in each)
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        f"{REAL[name]:04x}", "annabel", "ADMIN", "dis/lock",
    ]  # fmt: skip
    groups = subprocess.run(
        ["samusrgrp", "-L", path], capture_output=True, check=False
    ).stdout.decode("latin-1")
    inside = [each.split(":")[1] for each in groups.splitlines() if each.endswith(f":{sid}")]
    assert inside == ["Administrators", "Users"]
    told = read(path.read_bytes())
    before = read(content)
    assert told.doubts == ()
    assert told.accounts[:-1] == before.accounts
    assert told.accounts[-1].name == "annabel"


def test_a_small_hive_has_the_account_for_chntpw(tmp_path: Path) -> None:
    need_tool("chntpw")
    path = tmp_path / "SAM"
    path.write_bytes(
        changed(sam_hive(), lambda sam: add_account(sam, "annabel", enabled=True, now=NOW))
    )
    shown = subprocess.run(
        ["chntpw", "-u", "annabel", path], input=b"q\nn\n", capture_output=True, check=False
    ).stdout.decode("latin-1")
    assert "RID     : 1002 [03ea]" in shown
    assert "Username: annabel" in shown
    assert "fullname: \n" in shown
    assert "00000221 = Benutzer (which has 4 members)" in shown
    assert "[ ] Disabled" in shown
    assert "[X] Passwd not req." in shown


# --- names ----------------------------------------------------------------------------------------


TAKEN = {
    "administrator",
    "guest",
    "bob",
    "none",
    "administratoren",
    "benutzer",
    "gäste",
    "remote desktop users",
    "team",
}


@given(st.text(st.characters(codec="utf-16-le"), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_a_name_of_up_to_20_units_is_made_exactly_or_refused_with_a_reason(name: str) -> None:
    content = sam_hive()
    sam = draft(content)
    assume(name.casefold() not in TAKEN)
    if why_no_name(name):
        with pytest.raises(UnsupportedError, match="no local account can be called"):
            add_account(sam, name, enabled=False, now=NOW)
        return
    sid = add_account(sam, name, enabled=False, now=NOW)
    told = after(content, sam)
    assert [each.name for each in read(told).accounts if each.sid == sid] == [name]
    assert find_account(draft(told), name) == sid


@pytest.mark.parametrize(
    "name",
    ["", " ", "...", "a.", "a ", "a\\b", "a/b", "a@b", "a\x1fb", "*", "x" * 21, "\U0001f600" * 11,
     "\ud800"],
)  # fmt: skip
def test_a_name_that_windows_allows_nobody_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match="no local account can be called"):
        add_account(draft(sam_hive()), name, enabled=False, now=NOW)


@pytest.mark.parametrize("name", ["BOB", "guest", "none", "benutzer", "TEAM", "gÄSTE"])
def test_a_name_that_an_account_or_a_group_has_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match="the target has an account or a group"):
        add_account(draft(sam_hive()), name, enabled=False, now=NOW)


def test_a_name_of_the_same_run_is_taken_too() -> None:
    sam = draft(sam_hive())
    add_account(sam, "anna", enabled=False, now=NOW)
    with pytest.raises(UnsupportedError, match="the target has an account or a group Anna"):
        add_account(sam, "Anna", enabled=False, now=NOW)


def test_an_account_is_found_by_its_name_alone() -> None:
    sam = draft(sam_hive())
    assert find_account(sam, "Bob") == f"{MACHINE}-1000"
    assert [find_account(sam, each) for each in ("", "eve", r"..\Names\bob", r"x\bob")] == [""] * 4


# --- a SAM that is not as we know it --------------------------------------------------------------


def damaged(key: Parts, name: str, data: bytes | None, kind: int = 3) -> bytes:
    """Return a SAM in which one value is another, or is not there."""
    values = values_of(Described())
    old = values.pop((key, name), None)
    if data is not None:
        values[key, name] = RegistryValue(name, kind, data)
    else:
        assert old
    return written(values)


def domain_f(next_rid: int, revision: int = NEW) -> bytes:
    return struct.pack("<2I", revision, 0) + bytes(0x40) + struct.pack("<I", next_rid) + bytes(0x54)


STALE = alias_c(545, "Benutzer", ("S-1-5-4", "S-1-5-11", f"{MACHINE}-1000", f"{MACHINE}-1002"))


@pytest.mark.parametrize(
    ("key", "name", "data"),
    [
        (ACCOUNT, "V", None),
        (ACCOUNT, "V", b"\1\4" + bytes(22)),
        (ACCOUNT, "V", rows((OF_GROUP, NEW), (sid(STRANGER), 0), (b"", 0), (b"", 0))),
        (ACCOUNT, "V", rows((OF_GROUP, NEW), (sid(MACHINE), 0), (b"more", 0), (b"", 0))),
        (ACCOUNT, "F", None),
        (ACCOUNT, "F", domain_f(1002)[:0x60]),
        (ACCOUNT, "F", domain_f(1002, 0x00010004)),
        (ACCOUNT, "F", domain_f(1001)),
        (ACCOUNT, "F", domain_f(999)),
        (ACCOUNT, "F", domain_f(2**32 - 1)),
        (GUEST, "F", None),
        (GUEST, "F", user_f(501, 0x215) + bytes(1)),
        (GUEST, "F", user_f(500, 0x215)),
        (GUEST, "F", user_f(501, 0x205)),
        (GUEST, "F", user_f(501, 0x215, 0x00010009)),
        (GUEST, "V", user_v("Guest", hashed=True)),
        (GUEST, "V", user_v("")),
        (GUEST, "V", user_v("Guest").replace(OF_GUEST, bytes(len(OF_GUEST)))),
        (GUEST, "V", user_v("Guest").replace(struct.pack("<2I", 513, 7), bytes(8))),
        (USERS, "", None),
        (USERS, "", b"data"),
        (NONE, "C", None),
        (NONE, "C", none_c((500, 501, 1002))),
        (NONE, "C", none_c((500,)).replace(struct.pack("<I", 1), struct.pack("<I", 26))),
        (NONE, "C", none_c((500,), 0x00010009)),
        (USERS_GROUP, "C", None),
        (USERS_GROUP, "C", alias_c(546, "Benutzer", ())),
        (USERS_GROUP, "C", STALE),
        ((*BUILTIN, "Aliases", "Members", MACHINE, rid(1002)), "", b"\x20\2\0\0"),
        ((*BUILTIN, "Aliases", "Members", MACHINE), "", None),
        ((*USERS, "somebody"), "V", b""),
        (("SAM", "RXACT"), "Log", b"begun"),
    ],
)
def test_in_a_sam_that_is_not_as_known_nothing_is_made(
    key: Parts, name: str, data: bytes | None
) -> None:
    content = damaged(key, name, data, kind=1 if not name else 3)
    drafts: list[SamDraft] = []

    def make() -> None:
        drafts.append(draft(content))
        add_account(drafts[0], "anna", enabled=False, now=NOW)

    with pytest.raises(UnsupportedError, match=r"^SAM: |the target has no local group"):
        make()
    changes = Changes()
    for sam in drafts:
        sam.write_into(changes)
    assert not changes.root.below


def test_what_an_earlier_account_did_stays_when_a_later_one_is_refused() -> None:
    content = sam_hive()
    sam = draft(content)
    add_account(sam, "anna", enabled=False, now=NOW)
    with pytest.raises(UnsupportedError):
        add_account(sam, "anna", enabled=False, now=NOW)
    only = changed(content, lambda sam: add_account(sam, "anna", enabled=False, now=NOW))
    assert raw(after(content, sam)) == raw(only)


def test_a_hive_whose_logs_hold_newer_data_is_refused() -> None:
    content = bytearray(sam_hive())
    content[4:8] = struct.pack("<I", int.from_bytes(content[8:12], "little") + 1)
    with pytest.raises(UnsupportedError, match="logs hold newer data"):
        SamDraft(open_hive(bytes(content), "SAM"))


TARGETS = [
    (ACCOUNT, "F"), (ACCOUNT, "V"), (GUEST, "F"), (GUEST, "V"), (NONE, "C"), (USERS_GROUP, "C"),
    ((*BUILTIN, "Aliases", "00000220"), "C"), ((*BUILTIN, "Aliases", "Members", MACHINE, rid(1000)), ""),
]  # fmt: skip
Flips = list[tuple[int, int]]


def flipped(data: bytes, flips: Flips) -> bytes:
    changed_ = bytearray(data)
    for at, bits in flips:
        changed_[at % len(changed_)] ^= bits
    return bytes(changed_)


def sentence(deed: Callable[[], None]) -> str:
    """Return what a deed is refused with, empty when it is done."""
    try:
        deed()
    except (UnsupportedError, DamagedError) as error:
        return str(error)
    return ""


def deeds(content: bytes) -> None:
    """Make an account and put it into a group; all of it is then there."""
    sam = draft(content)
    sid = add_account(sam, "anna", enabled=False, now=NOW)
    add_to_group(sam, "Administratoren", sid)
    told = read(after(content, sam))
    found = {each.sid: each for each in told.accounts}[sid]
    assert (found.name, found.has_password, "disabled" in found.flags) == ("anna", False, True)
    groups = {each.sid: each.members for each in told.groups}
    assert groups["S-1-5-32-545"].count(sid) == groups["S-1-5-32-544"].count(sid) == 1


@given(
    st.sampled_from(TARGETS),
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 255)), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=150)
def test_a_damaged_value_is_refused_or_the_account_is_whole(
    target: tuple[Parts, str], flips: Flips
) -> None:
    values: Values = values_of(Described())
    values[target] = replace(values[target], data=flipped(values[target].data, flips))
    told = sentence(lambda: deeds(written(values)))
    assert told.count("\n") == 0


SMALL = sam_hive()


FLIP = st.tuples(st.integers(0x1000, len(SMALL) - 1), st.integers(1, 255))


@given(st.lists(FLIP, min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_a_damaged_hive_gives_one_sentence_and_no_traceback(flips: Flips) -> None:
    content = flipped(SMALL, flips)

    def make() -> None:
        sam = draft(content)
        add_account(sam, "anna", enabled=False, now=NOW)
        after(content, sam)

    assert sentence(make).count("\n") == 0
