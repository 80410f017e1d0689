"""A hand-off is the same disk in another container, with what ScanState needs, and never costs the evidence a byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.handoff import export, handing
from extractor.handoff.blocks import seal as seal_as_it_should_be
from sample_images import unpack, unpack_all
from tests.conftest import mounted, need_tool
from tests.handoff.exported import by_dissect, by_libvhdi, qemu_agrees
from tests.journeys.journey import Manifest, manifest_of, scan
from tests.journeys.test_bitlocker import disk, plain
from tests.volumes import tiny_bitlocker as tiny

__all__ = ["disk"]


def handoff(*words: str | Path) -> int:
    return main(["handoff", *map(str, words), "--progress", "none"])


def without_image(manifest: Manifest) -> list[bytes]:
    """Every line as it stands, but for the header's description of the image."""
    header = {key: value for key, value in manifest.header.items() if key != "image"}
    return [json.dumps(header, sort_keys=True).encode(), *manifest.lines[1:]]


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "handoff.json").read_bytes())
    return found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "form"), [("solo", "vhdx"), ("solo", "vhd"), ("desk", "vhdx"), ("sector4k", "vhdx")]
)
def test_a_scan_of_the_exported_disk_gives_the_manifest_of_the_image(
    name: str, form: str, tmp_path: Path
) -> None:
    raw, out = unpack(name), tmp_path / "case17"
    before = sha256(raw), raw.stat().st_mtime_ns
    assert handoff(raw, out, "--format", form) == 0
    assert (sha256(raw), raw.stat().st_mtime_ns) == before
    exported = out / f"disk.{form}"
    code = scan(tmp_path / "raw", raw, "/c")
    assert scan(tmp_path / "exported", exported, "/c") == code
    assert without_image(manifest_of(tmp_path / "raw")) == without_image(
        manifest_of(tmp_path / "exported")
    )
    digest = before[0]
    assert by_dissect(exported) == by_libvhdi(exported) == digest
    assert name == "sector4k" or qemu_agrees(
        exported, raw
    )  # QEMU opens no VHDX of 4096-byte sectors
    (told,) = record(out)["disks"]
    assert told["hashes"]["sha256"] == digest
    assert told["file_sha256"] == sha256(exported)
    assert told["source"]["path"] == str(raw)


def test_an_e01_is_streamed_and_compared_with_its_stored_hashes(tmp_path: Path) -> None:
    out = tmp_path / "case17"
    assert handoff(unpack("solo", "e01"), out) == 0
    assert qemu_agrees(out / "disk.vhdx", unpack("solo"))
    (told,) = record(out)["disks"]
    assert told["verdict"] == "verified"
    assert told["hashes"]["sha256"] == sha256(unpack("solo"))
    assert {"md5", "sha1"} & set(told["hashes"])
    assert "are as the image stores them" in (out / "HANDOFF.txt").read_text("utf-8-sig")


def test_a_lost_segment_is_zeros_and_is_listed(tmp_path: Path) -> None:
    for file in unpack_all("solo", "e01-split")[:-1]:
        shutil.copy(file, tmp_path)
    out = tmp_path / "case17"
    assert handoff(next(tmp_path.glob("*.E01")), out) == 3
    (told,) = record(out)["disks"]
    (bad,) = told["bad_ranges"]
    content = unpack("solo").read_bytes()
    zeroed = content[: bad["offset"]] + bytes(bad["length"])
    zeroed += content[bad["offset"] + bad["length"] :]
    assert told["hashes"]["sha256"] == hashlib.sha256(zeroed).hexdigest()
    assert told["verdict"] == "damaged"
    line = f"disk.vhdx\t{bad['offset']}\t{bad['length']}\t"
    assert line in (out / "bad-ranges.txt").read_text("utf-8-sig")


def test_all_disks_of_a_machine_are_handed_off(tmp_path: Path) -> None:
    out = tmp_path / "case17"
    assert handoff(unpack("three"), unpack("sector4k"), out) == 0
    assert qemu_agrees(out / "disk-1.vhdx", unpack("three"))
    assert [each["file"] for each in record(out)["disks"]] == ["disk-1.vhdx", "disk-2.vhdx"]
    assert (out / "HANDOFF.txt").read_text("utf-8-sig").count("create vdisk") == 2


@pytest.mark.parametrize("letters", [(), ("--letters", "C=W,D=V")])
def test_our_own_scan_understands_the_offline_xml(letters: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "case17"
    assert handoff(unpack("three"), out, *letters) == 0
    # What lies in a folder of V: is looked for on the image, which has no V:.
    for number, windows in enumerate(record(out)["windows"][: 3 if letters else None]):
        store = tmp_path / str(number)
        offline, config = out / windows["offline_xml"], out / windows["config_xml"]
        words = [f"/offline:{offline}", f"/config:{config}", "/c"]
        assert scan(store, out / "disk.vhdx", *words) in {0, 3}
        assert manifest_of(store).header["windows"]["path"] == windows["path"]


def test_progress_tells_every_byte_of_the_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = unpack("three")
    words = ["handoff", str(raw), str(tmp_path / "out"), "--progress", "json"]
    assert main(words) == 0
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    copied = sum(each["count"] for each in events if each["event"] == "bytes_copied")
    (totals,) = [each for each in events if each["event"] == "totals_known"]
    assert copied == totals["bytes"] == raw.stat().st_size
    assert any(each["event"] == "image_read" for each in events)


def test_a_locked_disk_stays_locked_and_the_sheet_says_what_opens_it(
    disk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "case17"
    assert handoff(disk, out) == 3
    text = (out / "HANDOFF.txt").read_text("utf-8-sig")
    assert "manage-bde -unlock DRIVE: -RecoveryPassword (the 48 digits of key ID" in text
    assert "No Windows could be named" in text
    assert not (out / "Offline.xml").exists()
    assert qemu_agrees(out / "disk.vhdx", disk)


def test_a_key_names_the_windows_and_is_written_nowhere(disk: Path, tmp_path: Path) -> None:
    key, out = tmp_path / "key.txt", tmp_path / "case17"
    key.write_text(tiny.RECOVERY)
    assert handoff(disk, out, "--bitlocker-key", key) == 0
    assert "<path>C:\\Windows</path>" in (out / "Offline.xml").read_text()
    assert qemu_agrees(out / "disk.vhdx", disk)
    small = [each for each in out.iterdir() if each.suffix != ".vhdx"]
    assert all(tiny.RECOVERY.encode() not in each.read_bytes() for each in small)


def test_a_disk_handed_off_in_plain_scans_without_a_key(disk: Path, tmp_path: Path) -> None:
    key, out = tmp_path / "key.txt", tmp_path / "case17"
    key.write_text(tiny.RECOVERY)
    assert handoff(disk, out, "--bitlocker-key", key, "--decrypted") == 0
    (tmp_path / "plain.raw").write_bytes(plain(0))
    code = scan(tmp_path / "reference", tmp_path / "plain.raw", "/c")
    assert scan(tmp_path / "store", out / "disk.vhdx", "/c") == code
    assert manifest_of(tmp_path / "store").rows == manifest_of(tmp_path / "reference").rows
    assert "manage-bde" not in (out / "HANDOFF.txt").read_text("utf-8-sig")
    assert record(out)["disks"][0]["decrypted"]


def test_a_vhdx_needs_no_copy(tmp_path: Path) -> None:
    out = tmp_path / "case17"
    image = unpack("solo", "vhdx-dynamic")
    assert handoff(image, out, "--format", "none") == 0
    assert not [each for each in out.iterdir() if each.suffix.startswith(".vhd")]
    assert f'parent="E:\\case17\\{image.name}"' in (out / "HANDOFF.txt").read_text("utf-8-sig")


def refused(
    words: list[str | Path], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command ends with a code and one sentence."""
    capsys.readouterr()
    assert handoff(*words) == code
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("coldstate: ")
    ]
    assert len(lines) == 1
    assert told in lines[0]


def test_bad_requests_are_one_sentence_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "disk.raw"
    shutil.copy(unpack("three"), raw)
    (tmp_path / "there").mkdir()
    out = tmp_path / "out"
    before = sorted(tmp_path.rglob("*")), sha256(raw)
    cases: list[tuple[list[str | Path], int, str]] = [
        ([raw, raw], 27, "is the evidence"),
        ([raw, tmp_path / "there"], 27, "exists already"),
        ([raw, tmp_path / "no" / "where"], 27, "is no folder"),
        ([tmp_path / "missing.raw", out], 26, "does not exist"),
        ([raw, out, "--format", "none"], 11, "does not attach"),
        ([raw, out, "--letters", "Q=W"], 11, "no drive"),
        ([unpack("sector4k"), out, "--format", "vhd"], 11, "choose --format vhdx"),
        ([raw], 11, "OUT"),
    ]
    for words, code, told in cases:
        refused(words, code, told, capsys)
    assert (sorted(tmp_path.rglob("*")), sha256(raw)) == before


def test_a_disk_that_is_mounted_takes_no_hand_off_of_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_tool("mkfs.ext4", "findmnt")
    image = tmp_path / "evidence.raw"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with mounted(tmp_path / "mnt", "-o", "loop", image) as place:
        command = ["findmnt", "-n", "-o", "SOURCE", str(place)]
        device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        for evidence in (image, Path(device)):
            refused([evidence, place / "out"], 27, "lies on the evidence", capsys)
        assert [each.name for each in place.iterdir()] == ["lost+found"]


def test_a_disk_without_room_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=20m", "none") as small:
        refused([unpack("three"), small / "out"], 72, "the hand-off needs", capsys)
        assert list(small.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "free_at", lambda _: None)
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=20m", "none") as small:
        refused([unpack("three"), small / "out"], 72, "No space left on device", capsys)
        assert list(small.iterdir()) == []


def test_room_for_what_is_not_zeros_is_enough(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    shutil.copy(unpack("three"), raw)
    with raw.open("r+b") as file:
        file.truncate(300 << 20)  # the rest is a hole
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=120m", "none") as small:
        assert handoff(raw, small / "out") == 0
        assert qemu_agrees(small / "out" / "disk.vhdx", raw)


def test_zeros_that_make_whole_sectors_are_said(tmp_path: Path) -> None:
    raw, out = tmp_path / "disk.raw", tmp_path / "out"
    raw.write_bytes(unpack("three").read_bytes() + b"odd")
    assert handoff(raw, out) == 0
    (told,) = record(out)["disks"]
    assert told["padded"] == 509
    assert "509 zeros were added" in told["sentence"]
    content = raw.read_bytes() + bytes(509)
    assert told["hashes"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "seal", stop)
    assert handoff(unpack("three"), tmp_path / "out") == 2
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_changes_meanwhile_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*given: Any, **more: Any) -> Any:
        os.utime(raw, ns=(0, 0))
        return write_as_it_should_be(*given, **more)

    write_as_it_should_be = export.write_disk
    monkeypatch.setattr(handing, "write_disk", write)
    raw, out = tmp_path / "disk.raw", tmp_path / "out"
    shutil.copy(unpack("three"), raw)
    assert handoff(raw, out) == 3
    assert "it was written to while it was read" in (out / "HANDOFF.txt").read_text("utf-8-sig")


def test_a_place_that_loses_bytes_is_found_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seal(*given: Any) -> None:
        seal_as_it_should_be(*given)
        given[0].seek(-1, os.SEEK_END)
        given[0].write(b"!")

    monkeypatch.setattr(export, "seal", seal)
    raw = tmp_path / "disk.raw"
    with raw.open("wb") as file:
        file.write(unpack("three").read_bytes())
        file.truncate(64 << 20)
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    refused([raw, tmp_path / "out"], 72, "does not read back", capsys)
    assert not (tmp_path / "out").exists()
