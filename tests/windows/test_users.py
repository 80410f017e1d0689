from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.model import Times, User
from extractor.testing import FakeFile
from extractor.windows.accounts import sid_text
from extractor.windows.remembered import split_folder
from tests.registry.tiny_hive import WRITTEN, tiny_hive
from tests.windows.machines import DOMAIN_SID, MACHINE_SID, installed, people, sam

LOGON = r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI"
HIVE = tiny_hive({"Software": {}})


def users(profiles: dict[str, str], files: dict[str, bytes | FakeFile | None]) -> dict[str, User]:
    keys = people({sid: {"ProfileImagePath": path} for sid, path in profiles.items()})
    install = installed(files, keys, sam({1001: "bob", 1002: "Žofie"}))
    return {f"{each.sid}{'.bak' * (each.state == 'backup')}": each for each in install.users}


@pytest.mark.parametrize(
    ("path", "files", "state"),
    [
        (r"C:\Users\bob", {r"Users\bob\NTUSER.DAT": HIVE}, "ok"),
        (r"%SystemDrive%\users\BOB", {r"Users\bob\ntuser.dat": HIVE}, "ok"),
        (r"C:/Users/bob", {r"Users\bob\NTUSER.DAT": HIVE}, "ok"),
        (r"C:\Users\a/b", {r"Users\a/b\NTUSER.DAT": HIVE}, "ok"),
        (r"C:\Users\bob", {r"Users\bob\a.txt": b""}, "no-hive"),
        (r"C:\Users\bob", {r"Users\bob\NTUSER.DAT": b"junk"}, "unreadable-hive"),
        (
            r"C:\Users\bob",
            {r"Users\bob\NTUSER.DAT": FakeFile(error=DamagedError("bad sector"))},
            "unreadable-hive",
        ),
        (r"C:\Users\bob", {r"Users\x\NTUSER.DAT": HIVE}, "missing"),
        (r"Q:\Users\bob", {}, "missing"),
        ("", {}, "missing"),
        (r"C:\Users\TEMP", {r"Users\TEMP\NTUSER.DAT": HIVE}, "temporary"),
        (r"C:\Users\TEMP.DESK.000", {r"Users\TEMP.DESK.000\NTUSER.DAT": HIVE}, "temporary"),
        (r"C:\Users\..\..\etc", {}, "missing"),
    ],
)
def test_the_state_of_a_profile(
    path: str, files: dict[str, bytes | FakeFile | None], state: str
) -> None:
    sid = f"{MACHINE_SID}-1001"
    found = users({sid: path}, files)[sid]
    assert (found.state, found.name, found.domain) == (state, "bob", "DESK")


def test_the_state_bit_of_a_temporary_profile_counts() -> None:
    values = {"ProfileImagePath": r"C:\Users\bob", "State": 0x804}
    install = installed({r"Users\bob\NTUSER.DAT": HIVE}, people({f"{MACHINE_SID}-1001": values}))
    assert [each.state for each in install.users] == ["temporary"]


def test_a_bak_key_is_a_user_of_its_own_and_leaves_the_other_alone() -> None:
    sid = f"{MACHINE_SID}-1001"
    found = users(
        {sid: r"C:\Users\bob", f"{sid}.bak": r"C:\Users\old"},
        {r"Users\bob\NTUSER.DAT": HIVE, r"Users\old\NTUSER.DAT": b"junk"},
    )
    assert (found[sid].state, found[f"{sid}.bak"].state) == ("ok", "backup")
    assert str(found[f"{sid}.bak"].profile) == r"C:\Users\old"


def test_services_are_no_people() -> None:
    sids = ["S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-80-1-2", "S-1-5-82-3", "junk"]
    entra = "S-1-12-1-1-2-3-4"
    found = users(dict.fromkeys([*sids, entra], r"C:\Users\x"), {})
    assert list(found) == [entra]


def test_names_come_from_sam_and_keep_unicode() -> None:
    sid = f"{MACHINE_SID}-1002"
    found = users({sid: r"C:\Users\zofie"}, {})[sid]
    assert found.account == r"DESK\Žofie"


def test_a_domain_user_is_named_by_what_the_logon_screen_remembers() -> None:
    keys = {
        **people(
            {
                f"{DOMAIN_SID}-1105": {"ProfileImagePath": r"C:\Users\anna"},
                f"{DOMAIN_SID}-1106": {"ProfileImagePath": r"C:\Users\bert.SHIELD"},
                f"{DOMAIN_SID}-1107": {"ProfileImagePath": r"C:\Users\carl.000"},
                "S-1-5-21-5-5-5-1000": {"ProfileImagePath": r"C:\Users\dora.OTHER"},
            }
        ),
        rf"{LOGON}\SessionData\1": {
            "LoggedOnUserSID": f"{DOMAIN_SID}-1105",
            "LoggedOnSAMUser": r"SHIELD\annamaria",
        },
    }
    assert [each.account for each in installed({}, keys).users] == [
        r"OTHER\dora",
        r"SHIELD\annamaria",
        r"SHIELD\bert",
        r"SHIELD\carl",
    ]


def test_the_last_logon_of_windows_7_has_no_sid_and_still_tells_the_domain() -> None:
    keys = {
        **people(
            {
                f"{DOMAIN_SID}-1105": {"ProfileImagePath": r"C:\Users\nfury"},
                f"{DOMAIN_SID}-1114": {"ProfileImagePath": r"C:\Users\rsydow"},
            }
        ),
        LOGON: {"LastLoggedOnSAMUser": r"SHIELDBASE\rsydow"},
    }
    assert [each.account for each in installed({}, keys).users] == [
        r"SHIELDBASE\nfury",
        r"SHIELDBASE\rsydow",
    ]


def test_each_source_of_last_use_is_told() -> None:
    sid = f"{MACHINE_SID}-1001"
    values: dict[str, object] = {
        "ProfileImagePath": r"C:\Users\bob",
        "LocalProfileLoadTimeHigh": 0x01D80000,
        "LocalProfileLoadTimeLow": 0xFFFFFFFF,
    }
    hive = FakeFile(HIVE, times=Times(1, 2, 3, 4))
    install = installed({r"Users\bob\NTUSER.DAT": hive}, people({sid: values}), sam({1001: "bob"}))
    assert dict(install.users[0].last_used) == {
        "NTUSER.DAT modified": 2,
        "NTUSER.DAT root key written": WRITTEN,
        "profile loaded": 0x01D80000_FFFFFFFF,
        "last logon (SAM)": 133_000_000_000_000_001,
    }


def test_a_damaged_sam_is_told_and_the_users_stay() -> None:
    broken = bytearray(tiny_hive(sam({1001: "bob"})))
    at = broken.index(b"Account") - 0x4C
    broken[at : at + 2] = b"xx"
    keys = people({f"{MACHINE_SID}-1001": {"ProfileImagePath": r"C:\Users\bob"}})
    files = {r"Windows\System32\config\SAM": bytes(broken)}
    install = installed(files, keys)
    assert [each.name for each in install.users] == ["bob"]
    assert [each[:31] for each in install.warnings] == ["some names of users are unknown"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("bob", ("bob", "")),
        ("bob.CONTOSO", ("bob", "CONTOSO")),
        ("bob.CONTOSO.001", ("bob", "CONTOSO")),
        ("bob.000", ("bob", "")),
        ("anna.maria", ("anna.maria", "")),
        ("bob.desk", ("bob", "DESK")),
        (".NET", (".NET", "")),
        ("", ("", "")),
    ],
)
def test_the_folder_of_a_profile_may_name_the_domain(
    folder: str, expected: tuple[str, str]
) -> None:
    assert split_folder(folder, "DESK") == expected


def test_a_binary_sid_is_shown_as_text_and_a_short_one_as_nothing() -> None:
    data = bytes.fromhex("0105000000000005150000000b000000160000002100000051040000")
    assert sid_text(data) == "S-1-5-21-11-22-33-1105"
    assert sid_text(data[:-1]) == sid_text(b"") == ""


@given(st.binary(max_size=300))
def test_hostile_account_data_never_raises(data: bytes) -> None:
    assert isinstance(sid_text(data), str)


def test_the_users_of_a_real_windows_7(data: Path) -> None:
    def real(name: str) -> bytes:
        return lzma.decompress((data / "hives" / "win7-shield" / f"{name}.xz").read_bytes())

    files: dict[str, bytes | FakeFile | None] = {
        rf"Windows\System32\config\{name}": real(name) for name in ("SOFTWARE", "SYSTEM", "SAM")
    }
    files |= {
        r"Users\nfury\NTUSER.DAT": real("NTUSER-WIN7.DAT"),
        r"Users\vibranium\NTUSER.DAT": real("NTUSER-vibranium.DAT"),
    }
    found = {each.profile.name: each for each in installed(files, people({})).users}
    assert len(found) == 8
    assert found["nfury"].account == r"SHIELDBASE\nfury"
    assert found["nfury"].state == found["vibranium"].state == "ok"
    assert found["Pepper"].account == "Pepper"  # this SAM is another machine's: the folder's name
    assert found["mhill"].state == "missing"
