"""Who a SID is, and how sure that is: every source of a name, the groups of a user, profiles that went wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from extractor.model import User
from extractor.windows import WindowsInstall
from extractor.windows.remembered import directory_domain
from extractor.windows.well_known import of_a_domain, well_known
from tests.registry.tiny_hive import Keys, tiny_hive
from tests.windows.machines import DOMAIN_SID, MACHINE_SID, Files, installed, people, sam
from tests.windows.real_hives import real_hive

LOGON = r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI"
STORE = r"Microsoft\IdentityStore"
POLICY = r"Microsoft\Windows\CurrentVersion\Group Policy"
ENTRA = "S-1-12-1-1-2-3-4"
HIVE = tiny_hive({"Software": {}})


def binary_sid(text: str) -> bytes:
    _, _, authority, *parts = text.split("-")
    head = bytes([1, len(parts)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(parts)}I", *map(int, parts))


def group(name: str, *members: str) -> Keys:
    """Return the value of an alias with these members."""
    text, body = name.encode("utf-16-le"), b"".join(map(binary_sid, members))
    head = bytes(0x10) + struct.pack("<2I4x", 0, len(text)) + bytes(12)
    return {"": {"C": head + struct.pack("<3I", len(text), len(body), len(members)) + text + body}}


def with_groups(names: dict[int, str], groups: dict[int, Keys]) -> Keys:
    keys = dict(sam(names))
    for rid, value in groups.items():
        keys[rf"SAM\Domains\Builtin\Aliases\{rid:08X}"] = value[""]
    return keys


def only(sid: str, folder: str, extra: Keys) -> User:
    """Return the one user of a machine whose SOFTWARE has these further keys."""
    keys = {**people({sid: {"ProfileImagePath": rf"C:\Users\{folder}"}}), **extra}
    (user,) = installed({}, keys, sam({1001: "bob"})).users
    return user


NAMES = [
    # what tells, SID, folder, further keys of SOFTWARE -> account, source
    ("SAM", f"{MACHINE_SID}-1001", "x", {}, r"DESK\bob", "SAM"),
    ("the session", f"{DOMAIN_SID}-1105", "x",
     {rf"{LOGON}\SessionData\1": {"LoggedOnUserSID": f"{DOMAIN_SID}-1105",
                                  "LoggedOnSAMUser": r"SHIELD\anna"}}, r"SHIELD\anna", "LogonUI"),
    ("the last logon, by LastLoggedOnUser", f"{DOMAIN_SID}-1105", "x",
     {LOGON: {"LastLoggedOnUserSID": f"{DOMAIN_SID}-1105", "LastLoggedOnUser": r"SHIELD\anna"}},
     r"SHIELD\anna", "LogonUI"),
    ("the identity store", ENTRA, "x",
     {rf"{STORE}\Cache\{ENTRA}\IdentityCache\{ENTRA}": {"SAMName": "AnnaExample",
                                                        "UserName": "anna@example.com"}},
     r"AzureAD\AnnaExample", "IdentityStore"),
    ("the identity store, by address", ENTRA, "x",
     {rf"{STORE}\Cache\{ENTRA}\IdentityCache\{ENTRA}": {"UserName": "anna@example.com"}},
     r"AzureAD\anna@example.com", "IdentityStore"),
    ("the logon cache", ENTRA, "x",
     {rf"{STORE}\LogonCache\{{b}}\Sid2Name\{ENTRA}": {"IdentityName": "anna@example.com"}},
     r"AzureAD\anna@example.com", "IdentityStore"),
    ("the policy cache", f"{DOMAIN_SID}-1105", "x",
     {rf"{POLICY}\DataStore\{DOMAIN_SID}-1105\0":
      {"szName": "anna", "DNName": "CN=Anna Example,OU=IT,DC=shield,DC=example"}},
     r"SHIELD\anna", "Group Policy"),
    ("the folder, and the policy's state", f"{DOMAIN_SID}-1105", "anna",
     {rf"{POLICY}\State\{DOMAIN_SID}-1105":
      {"Distinguished-Name": "CN=Anna Example,OU=IT,DC=shield,DC=example"}},
     r"SHIELD\anna", "profile folder"),
    ("the folder of an Entra user", ENTRA, "AnnaExample", {}, r"AzureAD\AnnaExample",
     "profile folder"),
    ("the folder alone", f"{DOMAIN_SID}-1105", "anna", {}, "anna", "profile folder"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sid", "folder", "extra", "account", "source"),
    [row[1:] for row in NAMES],
    ids=[row[0] for row in NAMES],
)
def test_each_source_of_a_name_is_told(
    sid: str, folder: str, extra: Keys, account: str, source: str
) -> None:
    found = only(sid, folder, extra)
    assert (found.account, found.name_from) == (account, source)


def test_without_any_name_the_sid_is_shown_and_no_source() -> None:
    keys = people({f"{DOMAIN_SID}-1105": {"ProfileImagePath": ""}})
    (user,) = installed({}, keys).users
    assert (user.account, user.name_from) == (f"{DOMAIN_SID}-1105", "")


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("CN=Nick Fury,OU=Executives,DC=shieldbase,DC=local", "SHIELDBASE"),
        ("dc=corp", "CORP"),
        ("CN=A\\,DC=x", ""),
        ("CN=Nobody", ""),
        ("", ""),
        ("DC=" + "x" * 16, ""),
    ],
)
def test_the_domain_of_a_distinguished_name(name: str, domain: str) -> None:
    assert directory_domain(name) == domain


# --- groups ---------------------------------------------------------------------------------------


def test_local_groups_name_their_members_whoever_they_are() -> None:
    members = (f"{MACHINE_SID}-1001", f"{DOMAIN_SID}-512", f"{DOMAIN_SID}-1105", "S-1-5-11", ENTRA)
    accounts = with_groups(
        {1001: "bob"},
        {544: group("Administrators", *members), 545: group("Users", f"{MACHINE_SID}-1001")},
    )
    keys = {
        **people({f"{MACHINE_SID}-1001": {"ProfileImagePath": r"C:\Users\bob"}}),
        LOGON: {
            "LastLoggedOnUserSID": f"{DOMAIN_SID}-1105",
            "LastLoggedOnSAMUser": r"SHIELD\anna",
        },
    }
    install = installed({}, keys, accounts)
    assert [install.member_names[sid] for sid in members] == [
        r"DESK\bob",
        r"SHIELD\Domain Admins",
        r"SHIELD\anna",
        r"NT AUTHORITY\Authenticated Users",
        ENTRA,
    ]
    (bob,) = install.users
    assert bob.groups == ("Administrators", "Users")
    assert bob.local
    assert bob.local.rid == 1001


def test_members_that_are_cut_short_are_a_warning() -> None:
    value = dict(group("Admins", f"{MACHINE_SID}-1001")[""])
    value["C"] = bytes(value["C"])[:-4]  # type: ignore[call-overload]
    install = installed({}, people({}), with_groups({}, {544: {"": value}}))
    assert install.warnings == ("the members of the local group Admins are cut short",)


@pytest.mark.parametrize(
    ("sid", "name"),
    [
        ("S-1-5-21-1-2-3-513", "Domain Users"),
        ("S-1-5-21-1-2-3-1105", ""),
        ("S-1-5-21-1-2-3-²", ""),
        ("S-1-5-32-544", ""),
        ("junk", ""),
    ],
)
def test_a_rid_that_every_domain_has(sid: str, name: str) -> None:
    assert of_a_domain(sid) == name
    assert well_known(sid) == ""


# --- profiles that went wrong ---------------------------------------------------------------------


def profiles(values: dict[str, dict[str, object]], files: Files) -> WindowsInstall:
    return installed(files, people(values), sam({1001: "bob", 1002: "eva"}))


BOB = f"{MACHINE_SID}-1001"
REAL = {r"Users\bob\NTUSER.DAT": tiny_hive({"Real": {}})}
TEMP = {r"Users\TEMP\NTUSER.DAT": tiny_hive({"Temporary": {}})}


@pytest.mark.parametrize(
    ("in_use", "aside", "files", "expected"),
    [
        ("TEMP", "bob", {**REAL, **TEMP}, "Real"),
        ("bob", "TEMP", {**REAL, **TEMP}, "Real"),
        ("TEMP", "bob", TEMP, "Temporary"),
        ("bob", "gone", REAL, "Real"),
        ("gone", "bob", REAL, "Real"),
    ],
)
def test_the_hive_of_a_sid_is_that_of_the_profile_with_the_persons_files(
    in_use: str, aside: str, files: Files, expected: str
) -> None:
    install = profiles(
        {
            BOB: {"ProfileImagePath": rf"C:\Users\{in_use}"},
            f"{BOB}.bak": {"ProfileImagePath": rf"C:\Users\{aside}"},
        },
        files,
    )
    assert install.registry.exists(rf"HKU\{BOB}\{expected}")
    assert {user.name for user in install.users} == {"bob"}


@pytest.mark.parametrize("suffix", [".bak", ".BAK", ".old", ".bak.001"])
def test_a_key_that_was_renamed_is_a_profile_put_aside(suffix: str) -> None:
    install = profiles({f"{BOB}{suffix}": {"ProfileImagePath": r"C:\Users\bob"}}, REAL)
    assert [(user.sid, user.state) for user in install.users] == [(BOB, "backup")]


def test_a_profile_whose_value_sid_is_that_of_another_is_a_duplicate() -> None:
    eva = f"{MACHINE_SID}-1002"
    install = profiles(
        {
            BOB: {"ProfileImagePath": r"C:\Users\bob", "Sid": binary_sid(BOB)},
            eva: {"ProfileImagePath": r"C:\Users\eva", "Sid": binary_sid(BOB)},
        },
        {**REAL, r"Users\eva\NTUSER.DAT": HIVE},
    )
    assert {user.sid: user.state for user in install.users} == {BOB: "ok", eva: "duplicate-sid"}


def test_a_value_sid_that_is_nobodys_or_broken_changes_nothing() -> None:
    values: dict[str, object] = {"ProfileImagePath": r"C:\Users\bob"}
    for sid in (binary_sid(f"{DOMAIN_SID}-1"), b"", b"\1\2"):
        install = profiles({BOB: {**values, "Sid": sid}}, REAL)
        assert [user.state for user in install.users] == ["ok"]


# --- a real machine -------------------------------------------------------------------------------


def test_the_users_of_a_windows_7_machine_and_its_sam(data: Path) -> None:
    r"""SOFTWARE of the shared WKS-WIN732BITA: domain users, named by the logon screen, policy and their folders."""
    files: Files = {
        rf"Windows\System32\config\{name}": real_hive(data, f"win7-shield/{name}")
        for name in ("SOFTWARE", "SYSTEM", "SAM")
    }
    install = installed(files, people({}))
    found = {user.profile.name: (user.account, user.name_from) for user in install.users}
    assert found == {
        "Pepper": ("Pepper", "profile folder"),  # local to another machine than this SAM's
        "SRL-Helpdesk": ("SRL-Helpdesk", "profile folder"),
        "nfury": (r"SHIELDBASE\nfury", "profile folder"),
        "mhill": (r"SHIELDBASE\mhill", "profile folder"),
        "Tdungan": (r"SHIELDBASE\Tdungan", "profile folder"),
        "nromanoff": (r"SHIELDBASE\nromanoff", "profile folder"),
        "rsydow": (r"SHIELDBASE\rsydow", "LogonUI"),
        "vibranium": (r"SHIELDBASE\vibranium", "profile folder"),
    }
    preston = "S-1-5-21-1760460187-1592185332-161725925"
    assert install.sam.machine_sid == preston
    assert install.member_names == {
        f"{preston}-500": r"WKS-WIN732BITA\Administrator",
        f"{preston}-501": r"WKS-WIN732BITA\Guest",
        f"{preston}-1000": r"WKS-WIN732BITA\Preston",
        "S-1-5-4": r"NT AUTHORITY\INTERACTIVE",
        "S-1-5-11": r"NT AUTHORITY\Authenticated Users",
        "S-1-5-17": r"NT AUTHORITY\IUSR",
    }
