"""Accounts into local groups and out of them: both places that tell of it agree, as another program writes them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import RegistryValue
from extractor.restore.settings.changes import Changes
from extractor.restore.settings.sam_draft import SamDraft
from extractor.restore.settings.sam_groups import (
    ENGLISH,
    add_to_group,
    find_group,
    remove_from_group,
)
from extractor.restore.settings.sam_rows import ALIAS_C, parse_rows
from tests.conftest import need_tool, shared_data
from tests.restore.settings.sam_hive import (
    ACCOUNT,
    BUILTIN,
    MACHINE,
    MEMBERS,
    STRANGER,
    Described,
    Parts,
    after,
    alias_c,
    changed,
    draft,
    members,
    raw,
    sam_hive,
    values_of,
    written,
)
from tests.windows.real_hives import real_hive

BOB = f"{MACHINE}-1000"
ALIASES = (*BUILTIN, "Aliases")
WIN7, WIN10 = "win7-shield/SAM", "misc/SAM-win10-turbinia"


def groups_of(content: bytes, sid: str) -> tuple[int, tuple[int, ...]] | None:
    """Return what Members tells of a SID: the count, and the RIDs of its groups."""
    above, _, rid = sid.rpartition("-")
    found = raw(content).get(("\\".join((*MEMBERS, above, f"{int(rid):08X}")), ""))
    return (found[0], struct.unpack(f"<{len(found[1]) // 4}I", found[1])) if found else None


def count(content: bytes, *below: str) -> tuple[int, bytes] | None:
    return raw(content).get(("\\".join((*MEMBERS, *below)), ""))


# --- which group ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "sid"),
    [
        ("Benutzer", "S-1-5-32-545"),
        ("BENUTZER", "S-1-5-32-545"),
        ("users", "S-1-5-32-545"),
        (r"BUILTIN\Users", "S-1-5-32-545"),
        ("s-1-5-32-545", "S-1-5-32-545"),
        ("gäste", "S-1-5-32-546"),
        ("team", f"{MACHINE}-1001"),
        (f"{MACHINE}-1001", f"{MACHINE}-1001"),
        ("Remote Desktop Users", "S-1-5-32-555"),
        ("Backup Operators", ""),
        ("S-1-5-32-551", ""),
        (STRANGER, ""),
        ("", ""),
        (r"..\Names\Benutzer", ""),
        (r"DESK\Benutzer", ""),
    ],
)
def test_a_group_is_found_by_name_sid_and_english_name(group: str, sid: str) -> None:
    assert find_group(draft(sam_hive()), group) == sid


def test_the_english_names_are_those_of_a_windows_10_in_english(data: Path) -> None:
    sam = draft(real_hive(data, WIN10))
    names = sam.subkeys((*ALIASES, "Names"))
    assert {name: ENGLISH[name] for name in names} == {
        name: int(find_group(sam, name).rpartition("-")[2]) for name in names
    }


# --- in and out -----------------------------------------------------------------------------------


def test_a_member_stands_in_the_group_and_in_members() -> None:
    content = changed(sam_hive(), lambda sam: add_to_group(sam, "Gäste", BOB))
    assert members(content)["Gäste"] == (f"{MACHINE}-501", BOB)
    assert groups_of(content, BOB) == (3, (544, 545, 546))
    assert count(content, MACHINE) == (3, b"")


@pytest.mark.parametrize("sid", [STRANGER, "S-1-12-1-1-2-3-4", "S-1-5-21-1-1-1-512"])
def test_the_first_member_of_a_domain_brings_its_key_and_is_counted(sid: str) -> None:
    content = changed(sam_hive(), lambda sam: add_to_group(sam, "Administrators", sid))
    assert sid in members(content)["Administratoren"]
    assert groups_of(content, sid) == (1, (544,))
    assert count(content, sid.rpartition("-")[0]) == (1, b"")
    assert count(content) == (3, b"")
    both = changed(content, lambda sam: add_to_group(sam, "Administrators", STRANGER[:-1] + "2"))
    assert count(both, STRANGER.rpartition("-")[0]) == (2 if sid == STRANGER else 1, b"")


def test_a_group_that_somebody_made_has_members_of_its_own() -> None:
    content = changed(sam_hive(), lambda sam: add_to_group(sam, "Team", BOB))
    assert members(content)["Team"] == (BOB,)
    told = raw(content)
    own = "\\".join((*ACCOUNT, "Aliases", "Members"))
    assert told[f"{own}\\{MACHINE}\\000003E8", ""] == (1, struct.pack("<I", 1001))
    assert (told[f"{own}\\{MACHINE}", ""], told[own, ""]) == ((1, b""), (1, b""))
    assert groups_of(content, BOB) == (2, (544, 545))


def test_who_leaves_one_of_several_groups_stays_in_the_others() -> None:
    content = changed(sam_hive(), lambda sam: remove_from_group(sam, "Administrators", BOB))
    assert members(content)["Administratoren"] == (f"{MACHINE}-500",)
    assert groups_of(content, BOB) == (1, (545,))
    assert count(content, MACHINE) == (3, b"")


def test_who_leaves_the_last_group_is_not_in_members_any_more() -> None:
    content = changed(sam_hive(), lambda sam: remove_from_group(sam, "Guests", f"{MACHINE}-501"))
    assert members(content)["Gäste"] == ()
    assert groups_of(content, f"{MACHINE}-501") is None
    assert count(content, MACHINE) == (2, b"")


def test_a_move_in_one_run_leaves_no_trace_of_the_first_group() -> None:
    def move(sam: SamDraft) -> None:
        assert remove_from_group(sam, "Guests", f"{MACHINE}-501")
        assert add_to_group(sam, "Remote Desktop Users", f"{MACHINE}-501")

    content = changed(sam_hive(), move)
    assert groups_of(content, f"{MACHINE}-501") == (1, (555,))
    assert count(content, MACHINE) == (3, b"")


def test_in_and_out_again_is_the_hive_as_it_was() -> None:
    def there_and_back(sam: SamDraft) -> None:
        assert add_to_group(sam, "Guests", BOB)
        assert remove_from_group(sam, "Guests", BOB)

    assert raw(changed(sam_hive(), there_and_back)) == raw(sam_hive())


def test_who_is_in_or_out_already_changes_nothing() -> None:
    sam = draft(sam_hive())
    assert not add_to_group(sam, "Users", BOB)
    assert not remove_from_group(sam, "Guests", BOB)
    assert not remove_from_group(sam, "Guests", STRANGER)
    changes = Changes()
    sam.write_into(changes)
    assert not changes.root.below


def test_members_keep_the_order_that_they_have() -> None:
    def add(sam: SamDraft) -> None:
        for sid in ("S-1-5-17", f"{MACHINE}-500", STRANGER):
            add_to_group(sam, "Users", sid)

    sids = ("S-1-5-4", "S-1-5-11", "S-1-5-17", STRANGER, f"{MACHINE}-500", BOB)
    assert members(changed(sam_hive(), add))["Benutzer"] == sids
    odd = Described(groups={544: ("Administrators", (BOB, f"{MACHINE}-500"))}, own={})
    content = changed(sam_hive(odd), lambda sam: add_to_group(sam, "Administrators", STRANGER))
    assert members(content)["Administrators"] == (BOB, f"{MACHINE}-500", STRANGER)


# --- another program ------------------------------------------------------------------------------


def normal(content: bytes) -> dict[tuple[str, str], object]:
    """Return all values: of groups what is in them, for the bytes between their parts may be anything."""
    return {
        (key, name): parse_rows(ALIAS_C, value[1], key).rows
        if name == "C" and "Aliases" in key
        else value
        for (key, name), value in raw(content).items()
    }


@pytest.mark.parametrize("name", [WIN7, WIN10, "small"])
@pytest.mark.parametrize(
    ("deed", "rid", "group"),
    [
        ("-a", 1000, 0x22B), ("-a", 501, 0x220), ("-a", 500, 0x221), ("-a", 500, 0x22B),
        ("-r", 1000, 0x220), ("-r", 501, 0x222),
    ],
)  # fmt: skip
def test_samusrgrp_writes_the_same(
    name: str, deed: str, rid: int, group: int, tmp_path: Path
) -> None:
    need_tool("samusrgrp")
    content = sam_hive() if name == "small" else real_hive(shared_data(), name)
    path = tmp_path / "SAM"
    path.write_bytes(content)
    command = ["samusrgrp", deed, "-u", f"0x{rid:x}", "-g", f"0x{group:x}", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    theirs = normal(path.read_bytes())
    sam = draft(content)
    sid = f"{sam.machine_sid}-{rid}"
    change = add_to_group if deed == "-a" else remove_from_group
    assert change(sam, f"S-1-5-32-{group}", sid)
    ours = normal(after(content, sam))
    counted = ("\\".join((*MEMBERS, sam.machine_sid)), "")
    if groups_of(path.read_bytes(), sid) is None:  # it stays counted there, and not here
        number = raw(content)[counted][0]
        assert (ours.pop(counted), theirs.pop(counted)) == ((number - 1, b""), (number, b""))
    assert ours == theirs


@pytest.mark.parametrize("name", [WIN7, WIN10])
def test_samusrgrp_undoes_what_we_did(name: str, data: Path, tmp_path: Path) -> None:
    need_tool("samusrgrp")
    content = real_hive(data, name)
    sam = draft(content)
    add_to_group(sam, "Remote Desktop Users", f"{sam.machine_sid}-1000")
    path = tmp_path / "SAM"
    path.write_bytes(after(content, sam))
    shutil.copy(path, tmp_path / "kept")
    command = ["samusrgrp", "-r", "-u", "0x3e8", "-g", "0x22b", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert normal(path.read_bytes()) == normal(content)
    assert normal((tmp_path / "kept").read_bytes()) != normal(content)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "sid", "message"),
    [
        ("Backup Operators", BOB, "no local group Backup Operators"),
        ("Users", "bob", "bob is no SID"),
        ("Users", "S-1-5-32-544", "is a local group"),
        ("Users", f"{MACHINE}-1234", "no account S-1-5-21-11-22-33-1234"),
    ],
)
def test_what_cannot_be_is_named(group: str, sid: str, message: str) -> None:
    for change in (add_to_group, remove_from_group):
        with pytest.raises(UnsupportedError, match=message):
            change(draft(sam_hive()), group, sid)


def test_the_built_in_administrator_stays_one() -> None:
    with pytest.raises(UnsupportedError, match="built-in administrator"):
        remove_from_group(draft(sam_hive()), "Administrators", f"{MACHINE}-500")


def members_key(sid: str) -> Parts:
    above, _, rid = sid.rpartition("-")
    return (*MEMBERS, above, f"{int(rid):08X}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (members_key(BOB), RegistryValue("", 2, struct.pack("<2I", 544, 546))),
        (members_key(BOB), RegistryValue("", 2, struct.pack("<2I", 545, 545))),
        (members_key(BOB), RegistryValue("", 3, struct.pack("<2I", 544, 545))),
        (members_key(BOB), RegistryValue("", 0, b"")),
        ((*ALIASES, "00000221"), RegistryValue("C", 3, alias_c(545, "Benutzer", ()))),
        ((*ALIASES, "00000221"), RegistryValue("C", 3, alias_c(545, "Gäste", (BOB,)))),
        ((*ALIASES, "00000221"), RegistryValue("C", 3, alias_c(545, "Benutzer", (BOB, BOB)))),
        ((*ALIASES, "00000221"), RegistryValue("C", 1, alias_c(545, "Benutzer", (BOB,)))),
        ((*ALIASES, "00000221"), RegistryValue("C", 3, alias_c(545, "Benutzer", (BOB,), 7))),
    ],
)
def test_two_places_that_do_not_agree_are_left_alone(key: Parts, value: RegistryValue) -> None:
    values = values_of(Described())
    values[key, value.name] = value
    sam = draft(written(values))
    for change in (add_to_group, remove_from_group):
        with pytest.raises(UnsupportedError, match=r"^SAM: "):
            change(sam, "Users", BOB)
    changes = Changes()
    sam.write_into(changes)
    assert not changes.root.below


def test_an_empty_key_of_members_is_filled() -> None:
    values = values_of(Described())
    values[members_key(STRANGER), ""] = RegistryValue("", 0, b"")
    values[members_key(STRANGER)[:-1], ""] = RegistryValue("", 1, b"")
    content = changed(written(values), lambda sam: add_to_group(sam, "Guests", STRANGER))
    assert groups_of(content, STRANGER) == (1, (546,))
    assert count(content, STRANGER.rpartition("-")[0]) == (1, b"")


def test_a_key_of_members_that_does_not_count_is_left_alone() -> None:
    values = values_of(Described())
    del values[(*MEMBERS, MACHINE), ""]
    sam = draft(written(values))
    with pytest.raises(UnsupportedError, match="does not count what it holds"):
        remove_from_group(sam, "Guests", f"{MACHINE}-501")
    assert add_to_group(sam, "Guests", BOB)


TARGETS = [((*ALIASES, "00000220"), "C"), ((*ALIASES, "00000221"), "C"), (members_key(BOB), ""),
           (members_key(f"{MACHINE}-501"), "")]  # fmt: skip


@given(
    st.sampled_from(TARGETS),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 255)), min_size=1, max_size=3),
)
@settings(deadline=None, max_examples=120)
def test_a_damaged_membership_is_refused_or_changed_as_asked(
    target: tuple[Parts, str], flips: list[tuple[int, int]]
) -> None:
    values = values_of(Described())
    data = bytearray(values[target].data)
    for at, bits in flips:
        data[at % len(data)] ^= bits
    values[target] = replace(values[target], data=bytes(data))
    content = written(values)
    sam = draft(content)
    try:
        added = add_to_group(sam, "Administrators", STRANGER)
        left = remove_from_group(sam, "Users", BOB)
    except (UnsupportedError, DamagedError):
        return
    told = members(after(content, sam))
    assert added
    assert STRANGER in told["Administratoren"]
    assert BOB not in told["Benutzer"] or not left
