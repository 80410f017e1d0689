from __future__ import annotations

import struct
from functools import reduce
from operator import xor
from pathlib import Path

import pytest

from sample_images import contents_of, unpack
from sample_images.hives import empty_hive, hive
from sample_images.run import BuildError
from tests.conftest import need_tool
from tests.sample_images import strangers

TIME = 132000000000000000
PROFILES = r"\Microsoft\Windows NT\CurrentVersion\ProfileList"


def export(data: bytes, folder: Path) -> str:
    """The hive as .reg text, by hivex; texts as the tool shows them."""
    need_tool("hivexregedit")
    path = folder / "hive"
    path.write_bytes(data)
    return strangers.run(
        "hivexregedit", "--export", "--unsafe-printable-strings", str(path), "\\"
    ).decode()


def committed(name: str, path: str, folder: Path) -> str:
    need_tool("fls", "icat", "mmls")
    (_, where), *_ = [
        row for row in strangers.located(contents_of(name), unpack(name)) if row[0].letter == "C"
    ]
    address = strangers.listing(where)[path]
    return export(strangers.run("icat", *where, address), folder)


def test_an_empty_hive_has_a_right_checksum_and_opens(tmp_path: Path) -> None:
    data = empty_hive(TIME)
    assert reduce(xor, struct.unpack("<128I", data[:512])) == 0
    assert export(data, tmp_path).strip().endswith("[\\]")


def test_values_of_every_type_come_back(tmp_path: Path) -> None:
    need_tool("hivexregedit")
    values = {"text": "тест", "number": 7, "many": ["a", "b"], "bytes": {"binary": "00ff"}}
    values |= {
        "big": {"qword": 1 << 40},
        "typed": {"type": 500, "binary": ""},
        "path": {"expand": "%A%"},
    }
    told = export(hive({r"One\Two [x]": values}, TIME), tmp_path)
    assert r"[\One\Two [x]]" in told
    for row in (
        '"text"=str(1):"тест"', '"number"=dword:00000007', '"bytes"=hex(3):00,ff',
        '"big"=hex(b):00,00,00,00,00,01,00,00', '"typed"=hex(1f4):',
    ):  # fmt: skip
        assert row in told


def test_the_same_keys_make_the_same_hive() -> None:
    need_tool("hivexregedit")
    assert hive({"A": {"b": "c"}}, TIME) == hive({"A": {"b": "c"}}, TIME)


def test_a_key_name_that_hivex_would_hash_wrongly_is_refused() -> None:
    with pytest.raises(BuildError, match="hash this key name wrongly"):
        hive({"é": {}}, TIME)


def test_profile_list_of_desk_names_its_users(tmp_path: Path) -> None:
    told = committed("desk", "Windows/System32/config/SOFTWARE", tmp_path)
    for user in contents_of("desk").windows[0].users:
        suffix = ".bak" if user.state == "backup-key" else ""
        assert f"[{PROFILES}\\{user.sid}{suffix}]" in told
        assert f'"ProfileImagePath"=str(2):"{user.image_path}"' in told
    assert '"CurrentBuildNumber"=str(1):"22631"' in told


def test_the_account_of_desk_and_its_machine_sid_agree(tmp_path: Path) -> None:
    told = committed("desk", "Windows/System32/config/SAM", tmp_path)
    assert r"[\SAM\Domains\Account\Users\000003E9]" in told  # 1001, maria
    assert r"[\SAM\Domains\Account\Users\Names\maria]" in told
    tail = struct.pack("<3I", 2718281828, 3141592653, 1618033988).hex(",")
    assert f"{tail}\n" in told


def test_mounted_devices_of_desk_names_both_partitions(tmp_path: Path) -> None:
    told = committed("desk", "Windows/System32/config/SYSTEM", tmp_path)
    for letter, last in (("C", "c2"), ("D", "d2")):
        guid = f"00,00,ed,5e,00,00,00,40,80,00,00,00,00,00,00,{last}"
        assert f'"\\\\DosDevices\\\\{letter}:"=hex(3):44,4d,49,4f,3a,49,44,3a,{guid}' in told
    assert '"ComputerName"=str(1):"DESK-042"' in told


def test_maria_keeps_her_documents_on_the_other_volume(tmp_path: Path) -> None:
    told = committed("desk", "Users/maria/NTUSER.DAT", tmp_path)
    assert r'"Personal"=str(2):"D:\Maria\Documents"' in told
