"""From a disk to a store, and what UsmtUtils' own words say of it; a catalog that is lost comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.store.manifest import read_manifest
from tests.journeys.journey import exact_path

KEY = "open-sesame-9"
Capture = pytest.CaptureFixture[str]


def scan(store: Path, *words: str) -> Path:
    image = sample_images.unpack("solo")
    code = main(["scan", str(image), "--store", str(store), "/c", "--progress", "none", *words])
    assert code == 3  # one file is in the cloud only
    return store


@pytest.fixture(scope="module")
def wim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scan(tmp_path_factory.mktemp("wim") / "store")


def usmtutils(*words: object) -> int:
    return main(["usmtutils", *map(str, words)])


def stored_files(store: Path) -> Iterator[str]:
    for row in read_manifest(store):
        if row.get("kind") == "file" and row["outcome"] == "stored":
            yield exact_path(row)


def test_every_stored_file_is_ok_by_the_runbooks_own_line(
    wim: Path, tmp_path: Path, capsys: Capture
) -> None:
    log = tmp_path / "usmtutils.log"
    assert usmtutils("/verify:all", wim / "USMT" / "USMT.MIG", f"/l:{log}") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "CATALOG\tOK"
    assert all(line.endswith("\tOK") for line in lines)
    assert len(lines) - 1 >= len(list(stored_files(wim)))
    logged = log.read_text("utf-8-sig").splitlines()
    assert [line.split("] ", 1)[1] for line in logged] == lines


def test_pictures_come_out_and_nothing_else(wim: Path, tmp_path: Path) -> None:
    wanted = {path for path in stored_files(wim) if path.lower().endswith(".docx")}
    assert wanted
    assert usmtutils("/extract", wim, tmp_path / "out", "/i:*.docx") == 0
    found = [each for each in (tmp_path / "out").rglob("*.docx") if each.is_file()]
    assert len(found) == len(wanted)


def test_an_encrypted_store_is_verified_and_extracted_with_its_key(
    tmp_path: Path, capsys: Capture
) -> None:
    store = scan(tmp_path / "store", "/encrypt", f"/key:{KEY}")
    assert usmtutils("/verify", store, "/decrypt", f"/key:{KEY}") == 0
    assert usmtutils("/verify", store, "/decrypt", "/key:another-one") == 37
    out = tmp_path / "out"
    assert usmtutils("/extract", store, out, "/i:*.docx", "/decrypt:AES", f"/key:{KEY}") == 0
    assert list(out.rglob("*.docx"))
    told = capsys.readouterr()
    assert KEY not in told.out + told.err


@pytest.mark.parametrize("names", [("catalog.sqlite",), ("catalog.sqlite", "manifest.jsonl")])
def test_a_lost_catalog_comes_back_whole(wim: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    store = Path(shutil.copytree(wim, tmp_path / "store"))
    for name in names:
        (store / "USMT/open-catalog" / name).unlink()
    assert main(["store", "repair", str(store)]) == 0
    for name in names:
        old, new = (each / "USMT/open-catalog" / name for each in (wim, store))
        assert old.read_bytes() == new.read_bytes()
    assert usmtutils("/verify:catalog", store) == 0
