"""A Windows whose files were lost, read as it was in a shadow copy; also through BitLocker, and of one of two disks."""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path

import pytest

from extractor.cli.main import main
from sample_images import unpack
from tests.conftest import shared_data
from tests.filesystems.conftest import Spoilt
from tests.journeys.journey import Manifest, manifest_of, scan
from tests.volumes import tiny_bitlocker, tiny_vss

SERIAL = "5EED0001C0FFEE01"
FREE = 46 << 20
"""From here on nothing of the volume is in use, but for its last sector."""


@cache
def plain() -> bytes:
    return unpack("solo").read_bytes()


@cache
def wiped() -> bytes:
    """The same volume after somebody overwrote all records of files but the system's."""
    spoilt = Spoilt(bytearray(plain()))
    start, end = spoilt.place(24), spoilt.place(200)
    spoilt.content[start:end] = bytes(end - start)
    return bytes(spoilt.content)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume that was wiped and has two shadow copies: of before, and of after."""
    path = tmp_path_factory.mktemp("disk") / "wiped.raw"
    path.write_bytes(tiny_vss.build(wiped(), plain(), wiped()))
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store = tmp_path_factory.mktemp("reference")
    assert scan(store, unpack("solo"), "/c") == 3
    return manifest_of(store)


def test_inspect_lists_them_for_people(disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(disk)]) == 26
    told = " ".join(capfd.readouterr().out.split())
    assert f"{SERIAL} 1 2021-05-01 17:40:03 UTC" in told
    assert f"{SERIAL} 2 2021-05-01 17:41:03 UTC" in told


def test_inspect_lists_them_for_scripts(disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["inspect", "--json", str(disk)])
    (volume,) = json.loads(capfd.readouterr().out)["volumes"]
    assert [each["number"] for each in volume["shadows"]] == [1, 2]
    assert volume["shadows"][0] == {
        "number": 1,
        "created": tiny_vss.MADE,
        "id": str(tiny_vss.identifier("copy", 1)),
        "copy_set": str(tiny_vss.identifier("set", 1)),
        "store": str(tiny_vss.identifier("store", 1)),
        "readable": True,
    }


def test_inspect_shows_the_windows_that_there_was(
    disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "--json", str(disk), "--shadow", "1"]) == 0
    told = capfd.readouterr()
    found = json.loads(told.out)
    assert found["windows"][0]["valid"]
    assert "anna" in {user["name"] for user in found["windows"][0]["users"]}
    assert "read as it was at 2021-05-01 17:40:03 UTC: shadow copy 1 of 2" in told.err


def test_a_scan_of_a_shadow_copy_gives_the_manifest_of_the_disk_as_it_was(
    disk: Path, reference: Manifest, tmp_path: Path
) -> None:
    assert scan(tmp_path / "now", disk, "/c") == 26
    log = tmp_path / "scan.log"
    words = ["/c", "/v:13", f"/l:{log}", "--shadow", "1"]
    assert scan(tmp_path / "store", disk, *words) == 3
    manifest = manifest_of(tmp_path / "store")
    assert manifest.lines[1:] == reference.lines[1:]
    (volume,) = manifest.header["image"]["volumes"]
    said = "read as it was at 2021-05-01 17:40:03 UTC: shadow copy 1 of 2"
    assert (volume["id"], volume["note"]) == (SERIAL, said)
    text = log.read_text("utf-8-sig")
    assert f"volume {SERIAL}: {said}" in text
    assert "has shadow copies, which --shadow reads: 1 of 2021-05-01" in text


def test_every_command_reads_the_same_copy(
    disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--shadow", f"{SERIAL}:1"]
    assert main(["explain", str(disk), r"C:\Users\anna", *words]) in (0, 3)
    assert main(["coverage", str(disk), *words]) in (0, 3)
    state = ["scanstate", str(tmp_path / "s"), "--image", str(disk), "/c", "/nocompress"]
    assert main([*state, "--progress", "none", f"/l:{tmp_path / 'l'}", *words]) == 3
    config = tmp_path / "config.xml"
    assert main(["scan", str(disk), f"/genconfig:{config}", "--progress", "none", *words]) == 0
    assert config.exists()
    capfd.readouterr()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["3"], 11, "has 2 shadow copies"),
        (["0"], 11, "takes N or VOLUME:N"),
        (["D2P1:1"], 11, f"volumes that have: {SERIAL}"),
        (["2"], 26, "looks like a Windows"),
    ],
)
def test_a_copy_that_will_not_do_is_one_sentence_and_no_store(
    words: list[str],
    code: int,
    told: str,
    disk: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert scan(tmp_path / "store", disk, "--shadow", *words) == code
    assert told in capfd.readouterr().err
    assert not (tmp_path / "store" / "USMT").exists()


def test_a_disk_without_any_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert scan(tmp_path / "store", unpack("solo"), "--shadow", "1") == 11
    assert "no volume that can be read here has shadow copies" in capfd.readouterr().err


def test_a_broken_copy_is_one_sentence_and_a_note_when_nobody_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(tiny_vss.build(plain(), plain()))
    catalog = tiny_vss.catalog_of(bytes(content))
    content[catalog : catalog + 128] = bytes(128)
    path = tmp_path / "broken.raw"
    path.write_bytes(content)
    assert main(["inspect", str(path)]) == 0
    assert f"the shadow copies of volume {SERIAL} cannot be read" in capfd.readouterr().err
    assert scan(tmp_path / "store", path, "--shadow", "1") == 26
    (line,) = capfd.readouterr().err.splitlines()
    assert f"the shadow copies of volume {SERIAL} cannot be read" in line


def test_the_copies_of_a_bitlocker_volume_lie_in_what_is_unlocked(
    reference: Manifest, tmp_path: Path
) -> None:
    locked, key = tmp_path / "locked.raw", tmp_path / "recovery.key"
    assert not any(plain()[FREE:-512])
    inside = tiny_vss.build(wiped(), plain(), free=FREE)
    assert len(inside) == len(plain())
    locked.write_bytes(tiny_bitlocker.build(inside, tiny_bitlocker.recovery()))
    key.write_text(tiny_bitlocker.RECOVERY)
    assert scan(tmp_path / "no", locked, "--shadow", "1") == 26
    words = ["/c", "--bitlocker-key", str(key), "--shadow", "1"]
    assert scan(tmp_path / "store", locked, *words) == 3
    assert manifest_of(tmp_path / "store").lines[1:] == reference.lines[1:]


def test_of_two_volumes_with_copies_the_one_with_windows_is_meant(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name, content in (("solo", plain()), ("data", _data_volume())):
        paths.append(tmp_path / f"{name}.raw")
        paths[-1].write_bytes(tiny_vss.build(content, content))
    assert main(["inspect", "--json", *map(str, paths), "--shadow", "1"]) == 0
    notes = {each["id"]: each["note"] for each in json.loads(capfd.readouterr().out)["volumes"]}
    assert len(notes) == 2
    assert [name for name, note in notes.items() if "shadow copy 1 of 1" in note] == [SERIAL]


def _data_volume() -> bytes:
    """Return a volume without a Windows: the one whose records were wiped, with another serial number."""
    content = bytearray(wiped())
    content[0x48:0x50] = (0xDA7A).to_bytes(8, "little")
    return bytes(content)


def test_the_copies_that_windows_made_are_read_through_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vss.raw"
    packed = shared_data() / "images" / "vss" / "vss.raw.xz"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    assert main(["inspect", "--json", str(path), "--shadow", "2"]) == 26
    told = capfd.readouterr()
    (volume,) = json.loads(told.out)["volumes"]
    assert [each["created"] for each in volume["shadows"]] == [
        132643644032230304,
        132643644882249863,
    ]
    assert "2021-05-01 17:41:28 UTC: shadow copy 2 of 2" in told.err
