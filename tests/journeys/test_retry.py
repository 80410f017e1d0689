"""``--retry-failed``: what a store could not take is tried again, and nothing else is copied."""

from __future__ import annotations

from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.store.manifest import read_manifest
from extractor.store.verify import verify_store
from sample_images.containers import derive
from sample_images.contents import contents_of
from tests.conftest import need_tool
from tests.journeys.journey import entries
from tests.journeys.test_damage import content_of


def run(store: Path, disk: Path, *words: str) -> int:
    return main(["scan", str(disk), "--store", str(store), "/c", "--progress", "none", *words])


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an E01 of the disk in which a chunk of a stored file is not as it was acquired."""
    need_tool("ewfacquire")
    image = derive(sample_images.unpack("solo"), "e01", tmp_path_factory.mktemp("damaged"))[0]
    report = next(
        each for each in entries(contents_of("solo")) if each.path[-1:] == ("report.docx",)
    )
    content = content_of(
        sample_images.unpack("solo").read_bytes(), report.recipe.sha256 or "", 70000
    )
    data = bytearray(image.read_bytes())
    data[data.index(content[35000:35064])] ^= 0xFF
    image.write_bytes(data)
    return image


def rows(store: Path) -> dict[str, tuple[str, str]]:
    return {
        str(row["path"]): (str(row["outcome"]), str(row.get("sha256")))
        for row in list(read_manifest(store))[1:-1]
    }


@pytest.mark.parametrize("words", [(), ("--nocompress",)], ids=["wim", "directory"])
def test_what_failed_is_tried_again_from_a_better_image(
    words: tuple[str, ...], damaged: Path, tmp_path: Path
) -> None:
    whole = sample_images.unpack("solo")
    assert run(tmp_path / "store", damaged, *words) == 3
    assert run(tmp_path / "whole", whole, *words) == 3
    before, wanted = rows(tmp_path / "store"), rows(tmp_path / "whole")
    again = {path for path in wanted if before[path] != wanted[path]}
    assert again == {"C:\\Users\\anna\\Documents\\report.docx"}
    assert run(tmp_path / "store", whole, *words, "--retry-failed") == 3
    assert rows(tmp_path / "store") == wanted
    assert verify_store(tmp_path / "store", lambda _: None).intact


@pytest.mark.parametrize("words", [(), ("--nocompress",)], ids=["wim", "directory"])
def test_trying_again_without_anything_new_gives_the_same_store(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    disk = sample_images.unpack("solo")
    assert run(tmp_path / "store", disk, *words) == 3
    manifest = (tmp_path / "store/USMT/open-catalog/manifest.jsonl").read_bytes()
    assert run(tmp_path / "store", disk, *words, "--retry-failed") == 3
    assert (tmp_path / "store/USMT/open-catalog/manifest.jsonl").read_bytes() == manifest
    assert verify_store(tmp_path / "store", lambda _: None).intact


def test_another_disk_or_another_kind_of_store_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "store", sample_images.unpack("solo")) == 3
    assert run(tmp_path / "store", sample_images.unpack("desk"), "--retry-failed") == 27
    assert "another disk" in capfd.readouterr().err
    assert (
        run(tmp_path / "store", sample_images.unpack("solo"), "--retry-failed", "--nocompress")
        == 27
    )
    assert run(tmp_path / "none", sample_images.unpack("solo"), "--retry-failed") == 27
    assert verify_store(tmp_path / "store", lambda _: None).intact
    assert not (tmp_path / "store/USMT.incomplete").exists()
