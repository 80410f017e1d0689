"""A hand-off never lands on the evidence, and leaves nothing when it cannot be finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.errors import StoreError, StoreLocationError
from extractor.handoff import place
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
