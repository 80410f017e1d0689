"""Accounts and groups from a disk to a store: a Windows 7 SAM, a ready ProfileControl, and never a secret."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.registry import Registry, open_hive
from extractor.rules.config import load_config
from extractor.testing import FakeStream
from tests.conftest import need_tool
from tests.journeys.journey import manifest_of, scan
from tests.plugins.disks import windows
from tests.registry.tiny_hive import Keys, tiny_hive
from tests.windows.machines import people, system
from tests.windows.real_hives import real_hive

MACHINE = "S-1-5-21-1760460187-1592185332-161725925"
ADMINISTRATOR, PRESTON = f"{MACHINE}-500", f"{MACHINE}-1000"
DOMAIN_USER = "S-1-5-21-2036804247-3058324640-2116585241-1105"
RULES = r"""<migration urlid="urn:test"><component type="Documents" context="User"><displayName>Documents</displayName>
<role role="Data"><rules><include><objectSet><pattern type="File">%CSIDL_PROFILE%\* [*.txt]</pattern></objectSet>
</include></rules></role></component></migration>"""
LISTED = {ADMINISTRATOR: "Administrator", PRESTON: "Preston", DOMAIN_USER: "nfury.SHIELDBASE"}


def made_disk(at: Path, files: Mapping[str, bytes]) -> Path:
    """Return an NTFS volume, made by strangers (mkntfs, wimlib), that holds these files."""
    need_tool("mkntfs", "wimlib-imagex")
    tree, wim, disk = at / "tree", at / "tree.wim", at / "disk.raw"
    for path, content in files.items():
        place = tree.joinpath(*path.split("\\"))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    with disk.open("wb") as file:
        file.truncate(16 << 20)
    for command in (
        ["mkntfs", "-Q", "-F", "-q", "-s", "512", "-p", "0", "-H", "255", "-S", "63", str(disk)],
        ["wimlib-imagex", "capture", str(tree), str(wim), "--compress=none"],
        ["wimlib-imagex", "apply", str(wim), "1", str(disk)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return disk


def machine_files(sam: bytes, listed: Mapping[str, str]) -> dict[str, bytes]:
    """Return a Windows with this SAM, these profiles (key of ProfileList -> folder), and a text in each."""
    keys: Keys = people(
        {key: {"ProfileImagePath": rf"C:\Users\{name}"} for key, name in listed.items()}
    )
    files = dict(windows("Windows", keys, system({})))
    files[r"Windows\System32\config\SAM"] = sam
    for name in listed.values():
        files[rf"Users\{name}\NTUSER.DAT"] = tiny_hive({"Software": {}})
        files[rf"Users\{name}\a.txt"] = name.encode()
    return files


@pytest.fixture(scope="module")
def sam() -> bytes:
    from tests.conftest import shared_data

    return real_hive(shared_data(), "win7-shield/SAM")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.xml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, sam: bytes) -> Path:
    return made_disk(tmp_path_factory.mktemp("disk"), machine_files(sam, LISTED))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, disk: Path, rules: Path) -> Path:
    place = tmp_path_factory.mktemp("stores") / "store"
    assert scan(place, disk, f"/i:{rules}", "/ue:*-500") == 0
    return place


# --- the seed document's case (usmt.md 2.4, 5.5) --------------------------------------------------


def test_the_config_fragment_puts_all_users_in_users_and_each_further_group_is_listed(
    store: Path,
) -> None:
    path = store / "USMT" / "open-catalog" / "ProfileControl.xml"
    config = load_config(path)
    assert config.warnings == ()
    groups = [
        (each["from"], each["to"], each["appliesTo"], each["include"])
        for each in config.profile_control["localGroups"]
    ]
    assert groups == [
        ("Administrators", "Administrators", "MigratedUsers", [r"DESK\Preston"]),
        ("*", "Users", "MigratedUsers", ["*"]),
    ]
    text = path.read_text("utf-8")
    assert rf"DESK\Preston ({PRESTON}): Administrators, Users" in text
    assert r"Administrators: members that do not migrate: DESK\Administrator" in text


def test_the_header_lists_the_groups_of_each_user_and_the_members_of_each_group(
    store: Path,
) -> None:
    header = manifest_of(store).header
    assert header["machine_sid"] == MACHINE
    assert {each["name"]: (each["rid"], each["groups"]) for each in header["users"]} == {
        "Administrator": (500, ["Administrators"]),
        "Preston": (1000, ["Administrators", "Users"]),
        "nfury": (None, []),
    }
    members = {
        each["name"]: [member["name"] for member in each["members"]]
        for each in header["groups"]
        if each["members"]
    }
    assert members == {
        "Administrators": [r"DESK\Administrator", r"DESK\Preston"],
        "Users": [
            r"NT AUTHORITY\INTERACTIVE",
            r"NT AUTHORITY\Authenticated Users",
            r"DESK\Preston",
        ],
        "Guests": [r"DESK\Guest"],
        "IIS_IUSRS": [r"NT AUTHORITY\IUSR"],
    }


def test_each_account_has_a_row_with_its_outcome(store: Path) -> None:
    rows = {
        row["path"]: (row["outcome"], row["rule"] or row["reason"])
        for row in manifest_of(store).rows
        if row["kind"] == "account"
    }
    assert rows == {
        rf"{ADMINISTRATOR}\DESK\Administrator": ("excluded", "/ue:*-500"),
        rf"{PRESTON}\DESK\Preston": ("stored", ""),
        rf"{DOMAIN_USER}\SHIELDBASE\nfury": ("stored", ""),
        rf"{MACHINE}-501\DESK\Guest": ("excluded", "this account has no profile here"),
    }


def test_the_store_proves_the_fragment(store: Path) -> None:
    assert main(["store", "verify", str(store)]) == 0
    sums = (store / "USMT" / "open-catalog" / "SHA256SUMS").read_text()
    assert "  ProfileControl.xml\n" in sums


def test_the_fragment_is_a_config_that_changes_nothing_else(
    store: Path, disk: Path, rules: Path, tmp_path: Path
) -> None:
    config = store / "USMT" / "open-catalog" / "ProfileControl.xml"
    assert scan(tmp_path / "again", disk, f"/i:{rules}", "/ue:*-500", f"/config:{config}") == 0
    first, second = manifest_of(store), manifest_of(tmp_path / "again")
    assert [row["path"] for row in first.rows] == [row["path"] for row in second.rows]


def test_inspect_shows_rid_flags_password_logon_and_groups(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(disk), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["windows"]
    users: dict[str, dict[str, Any]] = {each["name"]: each for each in found["users"]}
    assert (users["Preston"]["rid"], users["Preston"]["name_from"]) == (1000, "SAM")
    assert users["Preston"]["groups"] == ["Administrators", "Users"]
    assert users["nfury"]["name_from"] == "profile folder"
    guest = next(each for each in found["accounts"] if each["rid"] == 501)
    assert (guest["has_password"], "disabled" in guest["flags"]) == (False, True)
    assert main(["inspect", str(disk)]) == 0
    assert "Remote Desktop Users" not in (shown := capsys.readouterr().out)
    assert re.search(r"Preston +1000 +yes +2014-09-30 02:59", shown)


# --- secrets --------------------------------------------------------------------------------------


def secrets(sam: bytes) -> set[bytes]:
    """Return what is secret in a SAM: the rows of both hashes and their histories, without their headers."""
    registry = Registry({"HKLM\\SAM": lambda: open_hive(FakeStream(sam), "SAM")})
    found = set()
    for rid in registry.subkeys(r"HKLM\SAM\SAM\Domains\Account\Users"):
        value = registry.value(rf"HKLM\SAM\SAM\Domains\Account\Users\{rid}", "V")
        for row in (13, 14, 15, 16):
            if value and len(value.data) > 0xCC:
                offset, length = struct.unpack_from("<2I", value.data, 12 * row)
                found.add(value.data[0xCC + offset + 4 : 0xCC + offset + length])
    return {each for each in found if len(each) >= 8}


def test_no_hash_reaches_the_store_the_screen_or_a_log(
    disk: Path, rules: Path, sam: bytes, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    hashes = secrets(sam)
    assert len(hashes) == 2  # Administrator's and Preston's
    assert all(each in sam for each in hashes)
    words = [f"/i:{rules}", "/v:13", f"/l:{tmp_path / 'log'}", f"/progress:{tmp_path / 'p'}"]
    assert scan(tmp_path / "store", disk, *words) == 0
    main(["inspect", str(disk)])
    main(["inspect", str(disk), "--json"])
    main(["store", "manifest", str(tmp_path / "store")])
    shown = capfdbinary.readouterr()
    texts = [shown.out, shown.err, *(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())]
    for secret in hashes:
        for spelled in (secret, secret.hex().encode(), secret.hex().upper().encode()):
            assert not any(spelled in text for text in texts)


# --- profiles that went wrong ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, sam: bytes) -> Path:
    """A disk whose Preston has an active temporary profile, the real one put aside, beside a missing one."""
    listed = {PRESTON: "TEMP", f"{PRESTON}.bak": "Preston", DOMAIN_USER: "nfury"}
    files = machine_files(sam, {**listed, ADMINISTRATOR: "gone"})
    kept = {path: content for path, content in files.items() if not path.startswith(r"Users\gone")}
    return made_disk(tmp_path_factory.mktemp("broken"), kept)


def test_a_temporary_profile_ends_with_26_and_one_sentence_that_names_the_variable(
    broken: Path, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan(tmp_path / "store", broken, f"/i:{rules}") == 26
    said = capsys.readouterr().err
    assert said.count("MIG_FAIL_ON_PROFILE_ERROR=0") == 1
    assert r"DESK\Preston: the profile C:\Users\TEMP" in said
    assert "Traceback" not in said
    assert not (tmp_path / "store" / "USMT").exists()


def test_with_0_it_is_left_behind_and_the_real_one_comes(
    broken: Path, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIG_FAIL_ON_PROFILE_ERROR", "0")
    log = tmp_path / "log"
    assert scan(tmp_path / "store", broken, f"/i:{rules}", f"/l:{log}") == 0
    texts = {row["path"] for row in manifest_of(tmp_path / "store").rows if row["kind"] == "file"}
    assert {path for path in texts if path.endswith("a.txt")} == {
        r"C:\Users\Preston\a.txt", r"C:\Users\nfury\a.txt",
    }  # fmt: skip
    said = log.read_text("utf-8-sig")
    assert "is left behind (MIG_FAIL_ON_PROFILE_ERROR=0)" in said
    assert "was put aside by Windows and comes" in said


@pytest.mark.parametrize(("value", "level"), [("", "Warning"), ("0", "Warning"), ("1", "Info")])
def test_mig_ignore_profile_missing_makes_a_missing_folder_no_warning(
    value: str, level: str, broken: Path, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("MIG_FAIL_ON_PROFILE_ERROR", "0")
    monkeypatch.setenv("MIG_IGNORE_PROFILE_MISSING", value)
    log = tmp_path / "log"
    assert scan(tmp_path / "store", broken, f"/i:{rules}", f"/l:{log}", "/v:13") == 0
    lines = log.read_text("utf-8-sig").splitlines()
    (line,) = [each for each in lines if "the profile folder C:\\Users\\gone" in each]
    assert level in line


@pytest.mark.parametrize("name", ["MIG_FAIL_ON_PROFILE_ERROR", "MIG_IGNORE_PROFILE_MISSING"])
def test_a_variable_that_is_neither_0_nor_1_is_refused(
    name: str, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(name, "maybe")
    assert scan(tmp_path / "store", disk) == 11
    assert f"{name} is 0 or 1, not maybe" in capsys.readouterr().err
