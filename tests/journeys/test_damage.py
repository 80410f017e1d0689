"""A medium that lost bytes: the files it hits are named, everything else is stored, and the exit code tells."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import sample_images
from sample_images.containers import derive
from tests.conftest import need_tool
from tests.journeys.journey import Manifest, exact_path, manifest_of, scan


@pytest.fixture(scope="module")
def raw() -> Path:
    return sample_images.unpack("solo")


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store = tmp_path_factory.mktemp("whole")
    assert scan(store, raw, "/c") == 3
    return manifest_of(store)


def outcomes(manifest: Manifest) -> dict[str, str]:
    return {exact_path(row): row["outcome"] for row in manifest.rows}


def test_a_bad_chunk_of_an_e01_reaches_the_ledger_as_the_file_it_hits(
    raw: Path, whole: Manifest, tmp_path: Path
) -> None:
    need_tool("ewfacquire")
    image = derive(raw, "e01", tmp_path / "image")[0]
    photo = next(
        e
        for v in sample_images.contents_of("solo").volumes
        for e in v.entries
        if e.path[-1:] == ("report.docx",)
    )
    disk = raw.read_bytes()
    content = _content_of(disk, photo.recipe.sha256 or "", 70000)
    data = bytearray(image.read_bytes())
    middle = content[
        35000:35064
    ]  # whatever 32 KiB chunk this is in, it holds nothing but this file
    data[data.index(middle)] ^= 0xFF
    image.write_bytes(data)
    assert scan(tmp_path / "store", image, "/c") == 3
    found, before = outcomes(manifest_of(tmp_path / "store")), outcomes(whole)
    changed = {path for path in before if found[path] != before[path]}
    assert changed == {"C:\\Users\\anna\\Documents\\report.docx"}
    row = manifest_of(tmp_path / "store").at(("Users", "anna", "Documents", "report.docx"))
    assert row["outcome"] == "not-stored"
    assert "chunk" in row["reason"]


def _content_of(disk: bytes, sha256: str, size: int) -> bytes:
    """Return a file's content, found on the disk by its hash: it lies in one piece, on a cluster."""
    for at in range(0, len(disk) - size, 4096):
        if hashlib.sha256(disk[at : at + size]).hexdigest() == sha256:
            return disk[at : at + size]
    raise AssertionError("the file is not in one piece")


def test_without_leave_to_go_on_the_run_ends_and_no_store_is_left(
    raw: Path, tmp_path: Path
) -> None:
    assert scan(tmp_path / "store", raw) == 61
    assert not (tmp_path / "store" / "USMT").exists()


def test_a_torn_record_of_a_directory_costs_no_file_silently(
    raw: Path, whole: Manifest, tmp_path: Path
) -> None:
    image = tmp_path / "torn.raw"
    shutil.copyfile(raw, image)
    row = whole.at(("Users", "anna", "Documents", "links"))
    _tear(image, row["record"])
    assert scan(tmp_path / "store", image, "/c") == 3
    manifest = manifest_of(tmp_path / "store")
    named = [
        r for r in manifest.rows if r["outcome"] == "not-stored" and r["path"].endswith("links")
    ]
    assert len(named) == 1
    totals = manifest.trailer["totals"]
    ends = [totals[key]["objects"] for key in ("stored", "excluded", "not_stored")]
    assert totals["seen"]["objects"] == sum(ends)


def _tear(image: Path, record: int) -> None:
    """Overwrite the second sector of a file record: its fix-up no longer fits."""
    data = bytearray(image.read_bytes())
    number = record.to_bytes(4, "little")
    for at in range(0, len(data), 1024):
        if data[at : at + 4] == b"FILE" and data[at + 44 : at + 48] == number:
            data[at + 1022 : at + 1024] = b"\xde\xad"
    image.write_bytes(data)


def test_files_whose_folder_is_lost_are_named_and_cost_the_success(
    whole: Manifest, raw: Path, tmp_path: Path
) -> None:
    image = tmp_path / "lost.raw"
    shutil.copyfile(raw, image)
    row = whole.at(("Users", "boris", "Documents"))
    data = bytearray(image.read_bytes())
    number = row["record"].to_bytes(4, "little")
    for at in range(0, len(data), 1024):
        if data[at : at + 4] == b"FILE" and data[at + 44 : at + 48] == number:
            data[at + 22 : at + 24] = b"\0\0"  # the record is free: the folder never was
    image.write_bytes(data)
    assert scan(tmp_path / "store", image, "/ui:boris", "/ue:*") == 3
    strays = [
        r
        for r in manifest_of(tmp_path / "store").rows
        if r["path"].startswith("C:\\$OrphanFiles\\")
    ]
    assert [r["path"].split("\\")[-1] for r in strays] == ["third name.txt"]
    assert {r["outcome"] for r in strays} == {"not-stored"}
