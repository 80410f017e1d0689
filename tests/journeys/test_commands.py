"""Whole command lines as people and scripts type them, and what they may rely on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from sample_images.tables import Partition, write_gpt
from tests.conftest import need_tool
from tests.journeys.journey import manifest_of, scan

RULES = """<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://example.org/only-documents">
  <component type="Documents" context="User">
    <displayName>Only documents</displayName>
    <role role="Data"><rules>
      <include><objectSet><pattern type="File">%CSIDL_PERSONAL%\\* [*]</pattern></objectSet></include>
      <exclude><objectSet><pattern type="File">%CSIDL_PERSONAL%\\* [*.tex]</pattern></objectSet></exclude>
    </rules></role>
  </component>
</migration>"""


def test_a_runbook_of_scanstate_runs_as_it_is(tmp_path: Path) -> None:
    rules = tmp_path / "custom.xml"
    rules.write_text(RULES)
    words = [
        str(tmp_path / "store"), f"/i:{rules}", "/ue:*-1002", "/C", "/o", "/v:13", "/vsc", "/nocompress",
        f"/l:{tmp_path / 's.log'}", f"/progress:{tmp_path / 'p.log'}", f"/listfiles:{tmp_path / 'f.txt'}",
        "--image", str(sample_images.unpack("solo")), "--progress", "none",
    ]  # fmt: skip
    assert main(["scanstate", *words]) == 0
    manifest = manifest_of(tmp_path / "store")
    stored = {row["path"] for row in manifest.rows if row["outcome"] == "stored"}
    assert "C:\\Users\\anna\\Documents\\report.docx" in stored
    assert manifest.at(("Users", "zoe", "Documents", "thesis.tex"))["rule"] == f"{rules}:7"
    assert {
        row["user"] for row in manifest.rows if row["path"].startswith("C:\\Users\\boris\\")
    } == set()
    assert (
        "C:\\Users\\anna\\Documents\\report.docx"
        in (tmp_path / "f.txt").read_text("utf-8-sig").splitlines()
    )
    progress = (tmp_path / "p.log").read_text("utf-8").splitlines()
    assert [line for line in progress if line.endswith(", totalPercentageCompleted, 100")]
    assert progress[-1].split(", ")[3:5] == ["errorCode", "0"]
    assert "/ue:*-1002" in (tmp_path / "s.log").read_text("utf-8-sig")


def test_registry_patterns_are_gathered(tmp_path: Path) -> None:
    rules = tmp_path / "registry.xml"
    pattern = (
        '<pattern type="Registry">HKCU\\Software\\Microsoft\\* [*]</pattern></objectSet></include>'
    )
    rules.write_text(RULES.replace("</objectSet></include>", pattern, 1))
    assert scan(tmp_path / "store", sample_images.unpack("solo"), "/c", f"/i:{rules}") == 0
    rows = manifest_of(tmp_path / "store").rows
    assert {row["kind"] for row in rows if row["path"].startswith("HKU")} == {"key", "value"}


def test_rules_that_select_nothing_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "nothing.xml"
    rules.write_text(RULES.replace("%CSIDL_PERSONAL%", "C:\\Nowhere"))
    words = [str(sample_images.unpack("solo")), "--store", str(tmp_path / "store"), f"/i:{rules}"]
    assert main(["scan", *words]) == 0
    assert "the rules selected nothing" in capsys.readouterr().err


def test_a_data_volume_with_fat_is_scanned_too(tmp_path: Path) -> None:
    need_tool("mkfs.vfat", "mcopy", "mmd")
    fat = tmp_path / "fat.img"
    with fat.open("wb") as file:
        file.truncate(40 << 20)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(range(256)) * 1000)
    for command in (["mkfs.vfat", "-F", "32", str(fat)], ["mmd", "-i", str(fat), "::/Photos"],
                    ["mcopy", "-i", str(fat), str(photo), "::/Photos/Summer holiday.jpg"]):  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
    disk = tmp_path / "disk.raw"
    solo = sample_images.unpack("solo")
    guids = [f"5eed0000-0000-4000-8000-0000000000f{n}" for n in range(3)]
    parts = [
        Partition("ntfs", each.stat().st_size, guid, name, each)
        for each, guid, name in zip((solo, fat), guids, ("Windows", "Photos"), strict=False)
    ]
    write_gpt(parts, guids[2], disk)
    assert scan(tmp_path / "store", disk, "/c") == 3
    row = manifest_of(tmp_path / "store").at(("Photos", "Summer holiday.jpg"), "D:")
    stored = tmp_path / "store" / "USMT" / row["stored_as"]
    assert stored.read_bytes() == photo.read_bytes()


def test_inspect_json_keeps_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(sample_images.unpack("desk")), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"path", "format", "size", "sector_size", "segments", "stored_hashes"} <= set(
        found["images"][0]
    )
    volumes = {volume["letter"]: volume for volume in found["volumes"] if volume["letter"]}
    assert set(volumes) == {"C:", "D:"}
    assert {"id", "image", "offset", "size", "filesystem", "label", "letter", "encryption"} <= set(
        volumes["C:"]
    )
    windows = {each["path"]: each for each in found["windows"]}
    assert set(windows) == {"C:\\Windows", "C:\\Windows.old\\Windows"}
    assert windows["C:\\Windows"]["product"] == "Windows 11 Pro"
    assert windows["C:\\Windows.old\\Windows"]["kind"] == "windows.old"
    assert windows["C:\\Windows"]["volume"] == volumes["C:"]["id"]
    users = {user["profile"]: user for user in windows["C:\\Windows"]["users"]}
    assert {"sid", "name", "domain", "profile", "state", "last_used"} <= set(
        users["C:\\Users\\maria"]
    )
    assert users["C:\\Users\\peter"]["state"] == "missing"


def test_inspect_of_a_disk_without_windows_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_tool("mkntfs")
    image = tmp_path / "data.raw"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkntfs", "-Q", "-F", "-L", "Data", image], check=True, capture_output=True)
    assert main(["inspect", str(image)]) == 26
    assert "Data" in capsys.readouterr().out


def test_the_redirected_documents_of_a_user_lie_under_that_user(tmp_path: Path) -> None:
    assert scan(tmp_path, sample_images.unpack("desk"), "/c") == 3
    manifest = manifest_of(tmp_path)
    sid = {
        user["profile"]: user["sid"] for user in manifest.header["users"] if user["state"] == "ok"
    }
    row = manifest.at(("Maria", "Documents", "Taxes 2025.pdf"), "D:")
    assert (row["outcome"], row["user"]) == ("stored", sid["C:\\Users\\maria"])


def test_windows_old_keeps_the_paths_it_had(tmp_path: Path) -> None:
    assert scan(tmp_path, sample_images.unpack("desk"), "/c", "/offlineWinOld:C:\\Windows.old") == 0
    manifest = manifest_of(tmp_path)
    assert manifest.header["windows"]["computer"] == "OLD-DESK"
    profiles = [row for row in manifest.rows if row["path"] == "C:\\Users\\guestbook"]
    assert [row["outcome"] for row in profiles] == ["stored"]
    assert (tmp_path / "USMT" / "File" / "C$" / "Users" / "guestbook").is_dir()


def test_an_existing_store_is_replaced_only_when_asked(tmp_path: Path) -> None:
    solo = sample_images.unpack("solo")
    assert scan(tmp_path, solo, "/c") == 3
    before = manifest_of(tmp_path).lines
    assert scan(tmp_path, solo, "/c") == 27
    assert scan(tmp_path, solo, "/c", "/o") == 3
    assert manifest_of(tmp_path).lines == before


def test_a_dry_run_and_an_estimate_write_no_store(tmp_path: Path) -> None:
    solo = sample_images.unpack("solo")
    assert scan(tmp_path / "store", solo, "--dry-run") == 3  # the placeholder of a cloud is told
    assert scan(tmp_path / "store", solo, f"/p:{tmp_path / 'e.xml'}") == 3
    assert "<PreMigration>" in (tmp_path / "e.xml").read_text()
    assert not (tmp_path / "store").exists()


def test_the_stored_hashes_of_an_e01_are_compared_when_asked(tmp_path: Path) -> None:
    image = sample_images.unpack("solo", "e01")
    assert (
        scan(tmp_path / "store", image, "/c", "--verify-image", f"/l:{tmp_path / 'log'}", "/v:13")
        == 3
    )
    assert "verified" in (tmp_path / "log").read_text("utf-8-sig")


@pytest.mark.usefixtures("heard")
def test_ctrl_c_ends_with_code_2_and_leaves_no_store(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "extractor", "scan", str(sample_images.unpack("solo")), "--store",
               str(tmp_path / "store"), "--nocompress", "/c", "--progress", "json"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if '"phase": "Saving"' in line:
                break
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 2
    assert not (tmp_path / "store" / "USMT").exists()
    assert "Traceback" not in said


def test_the_image_is_never_written(tmp_path: Path) -> None:
    solo = sample_images.unpack("solo")
    before = (solo.stat().st_mtime_ns, solo.read_bytes())
    assert scan(tmp_path, solo, "/c") == 3
    assert (solo.stat().st_mtime_ns, solo.read_bytes()) == before


@pytest.mark.parametrize("words", [["plugins"], ["doctor"], ["--version"], ["--help"]])
def test_the_small_commands_answer(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "coldstate" in capsys.readouterr().out or words == ["doctor"]


def test_help_in_scanstate_spelling_ends_with_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scanstate", "/?"]) == 1
    assert "LoadState can NOT read" in capsys.readouterr().out


def test_help_is_instant() -> None:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "extractor", "--help"],
        check=True,
        capture_output=True,
        env=dict(os.environ),
    )
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "extractor", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    assert time.monotonic() - began < 10
    assert [
        name
        for name in ("dissect", "pytsk3", "pyewf", "pyvhdi", "Registry", "rich")
        if f" {name}\n" in loaded
    ] == []
