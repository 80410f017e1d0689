"""A restore never writes to the evidence, nor to the store, whatever it is called and however it is mounted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.block_devices import Sources, identity_of
from extractor.errors import StoreError, UsageError
from extractor.restore import evidence as module
from extractor.restore.evidence import (
    evidence_of,
    is_evidence,
    refuse_disk,
    refuse_lack_of_room,
    refuse_target,
)


def made_of(*names: object) -> dict[str, object]:
    return {"image": {"images": [{"path": name} for name in names]}}


@pytest.fixture
def mounted(tmp_path: Path) -> tuple[Path, Path, Sources]:
    """An image, a folder where it is mounted as FUSE tells it, and where this is told."""
    image, folder, mounts = tmp_path / "an image", tmp_path / "target", tmp_path / "mountinfo"
    image.write_bytes(b"x")
    folder.mkdir()
    device = folder.stat().st_dev
    told = str(image).replace(" ", "\\040")
    mounts.write_text(f"1 2 {os.major(device)}:{os.minor(device)} / /mnt rw - fuseblk {told} rw\n")
    return image, folder, Sources(tmp_path / "no sys", mounts, tmp_path / "no swaps")


def test_a_folder_that_the_evidence_is_mounted_at_is_refused(
    mounted: tuple[Path, Path, Sources], tmp_path: Path
) -> None:
    image, folder, sources = mounted
    for target in (folder, folder / "not" / "yet"):
        with pytest.raises(UsageError, match="is the evidence"):
            refuse_target(target, tmp_path / "store", made_of(str(image)), sources)
    other = {"image": {"images": [{"path": str(tmp_path / "none"), "segments": ["\0"]}]}}
    assert refuse_target(folder, tmp_path / "store", other, sources) == frozenset()


def test_a_segment_of_the_evidence_and_what_it_lies_on_are_no_disk_to_write(
    mounted: tuple[Path, Path, Sources], tmp_path: Path
) -> None:
    image, folder, sources = mounted
    within = folder / "evidence.E02"
    within.write_bytes(b"x")
    header = {"image": {"images": [{"path": "/none", "segments": [str(within)]}]}}
    with pytest.raises(UsageError, match="is the evidence"):
        refuse_disk(within, None, header, sources)
    with pytest.raises(UsageError, match="holds the evidence"):
        refuse_disk(image, None, header, sources)
    with pytest.raises(UsageError, match="holds the store"):
        refuse_disk(image, folder, {}, sources)
    other = tmp_path / "other"
    other.write_bytes(b"x")
    told = refuse_disk(other, folder, header, sources)
    assert is_evidence(*identity_of(within)[1:], told)
    assert not is_evidence(*identity_of(other)[1:], told)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"image": None},
        {"image": {"images": 5}},
        {"image": {"images": [7, {"path": 3, "segments": 5}, {"segments": [None, "", "\0"]}]}},
        made_of("\ud800", "x" * 5000),
    ],
)
def test_a_store_that_names_nonsense_as_evidence_names_none(header: dict[str, object]) -> None:
    assert evidence_of(header) == frozenset()


def test_room_is_asked_of_the_folder_above_what_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def free(place: Path) -> int:
        asked.append(place)
        return 17 << 20

    monkeypatch.setattr(module, "free_bytes", free)
    refuse_lack_of_room(tmp_path / "a" / "b", 1000, 1)
    assert asked == [tmp_path]
    with pytest.raises(StoreError, match=r"^disk \(D:\): the restore needs 17\.5 MiB"):
        refuse_lack_of_room(tmp_path, 1 << 20, 128, "disk (D:)")
