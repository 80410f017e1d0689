"""Offline.xml, Config.xml and the sheet say what is on the disk, in words that our own reading of them understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from extractor.errors import UsageError
from extractor.handoff.documents import bad_ranges_text, config_xml, offline_xml, speakable
from extractor.handoff.handing import found_on
from extractor.handoff.people import people
from extractor.handoff.plan import (
    Found,
    HandedDisk,
    HandedOff,
    Request,
    parse_letters,
    place_on_windows,
)
from extractor.handoff.sheet import sheet
from extractor.machine import open_machine
from extractor.model import BadRange, Encryption, ImageInfo, LocalAccount, User, WinPath
from extractor.rules.config import load_config
from extractor.windows.offline_xml import parse_offline_xml
from sample_images import unpack

INFO = ImageInfo("disk.raw", "raw", 1 << 30, 512, ("disk.raw",))


@contextmanager
def found(name: str, letters: str = "") -> Iterator[Found]:
    """What is on a sample disk."""
    path = unpack(name)
    with open_machine([path]) as machine:
        yield found_on(machine, Request((path,), Path("out"), letters=parse_letters(letters)))[0]


def page(seen: Found, *disks: HandedDisk) -> str:
    handed = HandedOff(disks or (HandedDisk(INFO, "disk.vhdx", "vhdx-dynamic"),), seen, ())
    return sheet(handed, "case17", "E:\\case17").decode("utf-8-sig")


def test_offline_xml_names_every_windows_the_likeliest_first(tmp_path: Path) -> None:
    path = tmp_path / "Offline.xml"
    with found("three") as seen:
        path.write_bytes(offline_xml(seen, seen.installs))
        request = parse_offline_xml(path)
        assert [each.path for each in request.win_dirs] == [each.path for each in seen.installs]
    assert str(request.win_dirs[0].path) == "C:\\Windows"
    assert len(request.win_dirs) == 5
    assert [(str(m.running), str(m.offline)) for m in request.mappings] == [
        ("C:\\", "C:\\"),
        ("D:\\", "D:\\"),
    ]
    assert request.fail_on_multiple is False


def test_a_machine_with_one_windows_stops_scanstate_at_a_second(tmp_path: Path) -> None:
    path = tmp_path / "Offline.xml"
    with found("solo") as seen:
        path.write_bytes(offline_xml(seen, seen.installs))
    assert parse_offline_xml(path).fail_on_multiple is True


def test_other_letters_of_winpe_are_mapped_to_those_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "Offline.xml"
    with found("three", "c=W:") as seen:
        path.write_bytes(offline_xml(seen, seen.installs[:1]))
        assert "assign letter=W" in page(seen)
    request = parse_offline_xml(path)
    assert [str(each.path) for each in request.win_dirs] == ["W:\\Windows"]
    assert (str(request.mappings[0].running), str(request.mappings[0].offline)) == ("W:\\", "C:\\")


@pytest.mark.parametrize("text", ["C", "C=", "C=W,C=V", "C=W,D=W", "C:\\=W", "1=W"])
def test_letters_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--letters"):
        parse_letters(text)


@pytest.mark.parametrize(("text", "told"), [("Q=W", "no drive"), ("C=D", "would be D:")])
def test_letters_that_the_machine_cannot_have_are_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told), found("three", text):
        pass


def test_config_xml_keeps_who_is_in_which_group(tmp_path: Path) -> None:
    path = tmp_path / "Config.xml"
    with found("desk") as seen:
        path.write_bytes(config_xml(seen.installs[0]))
        coming = {user.account for user in seen.installs[0].users if user.state == "ok"}
    entries = load_config(path).profile_control
    assert any("*" in str(each) for kind in entries.values() for each in kind)
    assert all(f"{account} (" in path.read_text("utf-8") for account in coming)


def test_the_sheet_is_one_page_and_has_each_step_in_order() -> None:
    with found("solo") as seen:
        text = page(seen)
    steps = [
        "create vdisk",
        "attach vdisk",
        "assign letter=C",
        "scanstate ",
        "usmtutils ",
        "loadstate ",
        "detach",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert len(text.splitlines()) <= 60
    assert max(map(len, text.splitlines())) <= 140
    assert text.count("\r\n") == text.count("\n")
    assert "ScanState itself is run by you" in text
    assert "vol: C0FF-EE01" in text
    assert 'parent="E:\\case17\\disk.vhdx"' in text
    for switch in ("/mu:SOLO-PC\\anna:anna", "/mu:SOLO-PC\\zoe:zoe", "/lac:PASSWORD", "/lae"):
        assert switch in text


def test_each_user_has_the_switches_that_its_account_needs() -> None:
    local = LocalAccount("S-1-5-21-1-2-3-1001", 1001, "bob", flags=("disabled",))
    profile = WinPath("C:", ("Users", "x"))
    users = (
        User(local.sid, "bob smith", "PC", profile, "ok", local=local),
        User("S-1-5-21-9-9-9-1105", "eve", "CORP", profile, "ok"),
        User("S-1-5-21-9-9-9-1106", "", "", profile, "ok"),
        User("S-1-5-21-1-2-3-1002", "gone", "PC", profile, "ok"),
        User("S-1-12-1-1-2-3-4", "ann", "AzureAD", profile, "ok"),
        User("S-1-5-21-1-2-3-1003", "tmp", "PC", profile, "temporary", local=local),
        User("S-1-5-21-1-2-3-1004", 'a"&b', "PC", profile, "ok", local=local),
    )
    with found("solo") as seen:
        install = seen.installs[0]
        sam = replace(install.sam, machine_sid="S-1-5-21-1-2-3")
        made = replace(install, users=users, sam=sam)
        told = list(people(made))
        text = page(replace(seen, installs=(made,)))
    assert [each.rename for each in told] == ["/mu:PC\\bob smith:bob smith", *[""] * 6]
    assert [each.local for each in told] == [True, False, False, False, False, False, True]
    words = [
        "disabled",
        "CORP\\eve:NEWDOMAIN\\eve",
        "look the SID up",
        "deleted",
        "Entra",
        "PROFILE_ERROR",
        "typed",
    ]
    for each, word in zip(told, words, strict=True):
        assert word in each.note
    assert '"/mu:PC\\bob smith:bob smith"' in text


def test_a_locked_volume_has_its_manage_bde_line_and_no_key() -> None:
    lock = Encryption(
        "bitlocker", True, ("TPM ab", "recovery password 5eed-1d", "password ef"), "x"
    )
    with found("solo") as seen:
        volumes = tuple(replace(each, encryption=lock) for each in seen.volumes)
        shut = replace(seen, volumes=volumes)
        text = page(shut)
        suspended = tuple(
            replace(each, encryption=replace(lock, protectors=("clear key 1",))) for each in volumes
        )
        done = HandedDisk(INFO, "disk.vhdx", "vhdx-dynamic", decrypted=(volumes[0].id,))
        assert "manage-bde" not in page(shut, done)
        assert "opens by itself" in page(replace(seen, volumes=suspended))
        assert "DRIVE:" in page(replace(shut, letters=()))
    assert "manage-bde -unlock C: -RecoveryPassword (the 48 digits of key ID 5EED-1D)" in text
    assert "manage-bde -unlock C: -Password" in text


def test_what_could_not_be_read_is_a_line_each() -> None:
    bad = (BadRange(512, 1024, "torn\nrange"), BadRange(4096, 512, "lost"))
    disk = HandedDisk(INFO, "disk.vhdx", "vhdx-dynamic", bad=bad)
    text = bad_ranges_text([disk])
    assert text.splitlines()[1:] == [
        "disk.vhdx\t512\t1024\ttorn\\x0arange",
        "disk.vhdx\t4096\t512\tlost",
    ]
    assert bad_ranges_text([HandedDisk(INFO, "disk.vhdx", "vhdx-dynamic")]) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("case17", "E:\\case17"),
        ("case 17", "E:\\case 17"),
        ("50%", "E:\\handoff"),
        ("a\nb", "E:\\handoff"),
    ],
)
def test_the_place_on_windows_is_e_by_default(name: str, expected: str) -> None:
    assert place_on_windows("", Path(name)) == expected


@pytest.mark.parametrize(
    "text", ["case17", "/mnt/x", "E:", "E:\\a%b", 'E:\\a"b', "\\\\server\\share"]
)
def test_a_place_that_windows_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--at"):
        place_on_windows(text, Path("out"))


def test_a_path_that_no_xml_holds_is_not_speakable() -> None:
    assert speakable(WinPath("C:", ("Windows",)))
    assert not speakable(WinPath("C:", ("Win\ud800dows",)))
    assert not speakable(WinPath("", ("Windows",)))
