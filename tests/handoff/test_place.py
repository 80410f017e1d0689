"""A hand-off never lands on the evidence, and leaves nothing when it cannot be finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.errors import StoreError, StoreLocationError
from extractor.handoff import place
from extractor.handoff.devices import lies_on, places_of
from extractor.handoff.place import new_handoff, refuse_place, refuse_room, writing


def test_the_evidence_itself_is_refused_under_any_name(tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(b"disk")
    (tmp_path / "link").symlink_to(image)
    os.link(image, tmp_path / "twin")
    for name in ("disk.raw", "link", "twin"):
        with pytest.raises(StoreLocationError, match="is the evidence") as caught:
            refuse_place(tmp_path / name, [image])
        assert caught.value.exit_code == 27


def test_what_exists_and_what_has_no_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, told in (("there", "exists"), ("dangling", "exists"), ("no/where", "is no folder")):
        with pytest.raises(StoreLocationError, match=told):
            refuse_place(tmp_path / name, [])


def _sysfs(root: Path, device: int) -> Path:
    """A partition with the number of a real file system, on a disk 259:7, mapped onto 8:16, and a loop below that."""
    disk = root / "devices" / "nvme0n1"
    part = disk / "nvme0n1p3"
    part.mkdir(parents=True)
    (part / "partition").write_text("3\n")
    (disk / "dev").write_text("259:7\n")
    lower = root / "devices" / "sdb"
    (lower / "loop").mkdir(parents=True)
    (lower / "dev").write_text("8:16\n")
    (disk / "slaves").mkdir()
    (disk / "slaves" / "sdb").symlink_to(lower)
    block = root / "dev" / "block"
    block.mkdir(parents=True)
    (block / f"{os.major(device)}:{os.minor(device)}").symlink_to(part)
    (block / "259:7").symlink_to(disk)
    (block / "8:16").symlink_to(lower)
    return lower / "loop" / "backing_file"


def test_a_folder_lies_on_its_partition_its_disk_and_what_is_below(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    if not os.major(device):
        pytest.skip("this file system has no block device")
    image = tmp_path / "image.raw"
    image.write_bytes(b"x")
    _sysfs(tmp_path / "sys", device).write_text(f"{image}\n")
    found = lies_on(tmp_path, sys=tmp_path / "sys")
    assert {("device", 259, 7), ("device", 8, 16)} <= found
    assert places_of(image) <= found


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "free_bytes", lambda _: 100)
    with pytest.raises(StoreError, match=r"needs 1\.0 KiB and 100 bytes are free") as caught:
        refuse_room(tmp_path / "out", 1024)
    assert caught.value.exit_code == 72
    assert list(tmp_path.iterdir()) == []


def test_what_fails_leaves_nothing_and_what_ends_well_has_its_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoreError, match="cannot be written: No space"):
        _half(out)
    assert list(tmp_path.iterdir()) == []
    with new_handoff(out) as folder:
        (folder / "disk.vhdx").write_bytes(b"all")
        assert not out.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert (out / "disk.vhdx").read_bytes() == b"all"


def _half(out: Path) -> None:
    with new_handoff(out) as folder, writing(out):
        (folder / "disk.vhdx").write_bytes(b"half")
        raise OSError(28, "No space left on device")
