from __future__ import annotations

import json
from pathlib import Path

import pytest

from extractor.cli.main import main
from tests.registry.damage import keys_of, parented, without
from tests.registry.test_replay import AFTER, BEFORE, ONE
from tests.registry.tiny_hive import Keys, tiny_hive

KEYS: Keys = {
    r"Software\App": {"name": "text \x1b[31m", "number": 7, "": b"\1\2\3"},
    "Empty": {},
}


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(tiny_hive(KEYS))
    return path


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    (tmp_path / "H").write_bytes(BEFORE)
    (tmp_path / "H.LOG1").write_bytes(ONE)
    (tmp_path / "H.LOG2").write_bytes(b"")
    return tmp_path / "H"


def test_count_prints_keys_and_values(hive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hive", str(hive), "--count"]) == 0
    assert capsys.readouterr().out == "4 3\n"


def test_a_listing_shows_keys_types_and_values_and_no_escape(
    hive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hive", str(hive)]) == 0
    out = capsys.readouterr().out
    assert "[Software\\App]\n" in out
    assert "  name: REG_SZ, 22 bytes: text \\x1b[31m\n" in out
    assert "  number: REG_DWORD, 4 bytes: 7\n" in out
    assert "  (default): REG_BINARY, 3 bytes: 01 02 03\n" in out


def test_json_is_one_object_with_exact_bytes(
    hive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hive", str(hive), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dirty"], found["notes"]) == (False, [])
    keys = {key["path"]: key for key in found["keys"]}
    assert keys["Software\\App"]["values"][1] == {
        "name": "number", "type": 4, "data": "07000000", "provenance": "live"
    }  # fmt: skip


def test_reg_is_what_regedit_writes(hive: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["hive", str(hive), "--reg"]) == 0
    text = capfdbinary.readouterr().out.decode("utf-16")
    assert text.startswith("Windows Registry Editor Version 5.00\r\n")
    assert "[HKEY_CURRENT_USER\\Software\\App]\r\n" in text
    assert '"number"=dword:00000007\r\n' in text


def test_logs_are_replayed_and_nothing_is_written(
    dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = [str(dirty.with_suffix(".LOG1")), str(dirty.with_suffix(".LOG2"))]
    before = {path: path.read_bytes() for path in dirty.parent.iterdir()}
    assert main(["hive", str(dirty), "--count"]) == 0
    as_it_lies = capsys.readouterr()
    assert main(["hive", str(dirty), "--log", *logs, "--count"]) == 0
    replayed = capsys.readouterr()
    assert as_it_lies.out == "62 62\n"
    assert replayed.out == "103 63\n"
    assert "warning: H: it was not written back in full" in as_it_lies.err
    assert "info: H: it was not written back in full; log entries 8 to 8 of H.LOG1" in replayed.err
    assert main(["hive", str(dirty), "--log", *logs]) == 0
    assert "  more: REG_SZ, 6002 bytes (replayed): xxx" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in dirty.parent.iterdir()} == before


def test_damage_is_named_and_costs_the_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = parented(tiny_hive({r"A\B": {"v": "text that is long"}, "C": {"w": 1}}))
    path = tmp_path / "SYSTEM"
    path.write_bytes(without(whole, keys_of(whole)["A"].subkey_list))
    assert main(["hive", str(path), "--json"]) == 3
    shown = capsys.readouterr()
    keys = {key["path"]: key for key in json.loads(shown.out)["keys"]}
    assert keys["A\\B"]["values"][0]["provenance"] == "salvaged"
    assert "damaged" in keys["A"]["damage"]
    assert "warning: [A] SYSTEM: the hive is damaged" in shown.err


def test_a_copy_stands_in_for_a_dead_hive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "SYSTEM").write_bytes(b"nothing")
    (tmp_path / "copy").write_bytes(AFTER)
    words = [str(tmp_path / "SYSTEM"), "--backup", str(tmp_path / "copy"), "--json"]
    assert main(["hive", *words]) == 3
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert {value["provenance"] for key in keys for value in key["values"]} == {"regback"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 11, "no hive is named"),
        (["{tmp}/none"], 11, "cannot be read: No such file"),
        (["{tmp}"], 11, "cannot be read"),
        (["{tmp}/junk"], 61, "junk: not a registry hive"),
        (["{tmp}/junk", "--count", "--json"], 11, "not allowed with"),
        (["{tmp}/hive", "--log", "{tmp}/none"], 0, ""),
        (["{tmp}/dirty", "--log", "{tmp}/none"], 11, "cannot be read"),
        (["{tmp}/dirty", "--log", "{tmp}/junk", "--count"], 0, "junk is not used"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    (tmp_path / "junk").write_bytes(b"MZ" * 3000)
    (tmp_path / "hive").write_bytes(AFTER)
    (tmp_path / "dirty").write_bytes(BEFORE)
    assert main(["hive", *(word.format(tmp=tmp_path) for word in words)]) == code
    assert said in capsys.readouterr().err


def test_help_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hive", "--help"]) == 0
    assert "--log FILE" in capsys.readouterr().out
