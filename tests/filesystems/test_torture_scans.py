"""Whole scans of disks that are hard to read: what is whole is stored, what is not is a row, in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import process_time

import pytest

from extractor.cli.main import main
from extractor.testing import FakeImage
from extractor.volumes.ntfs_boot import open_ntfs_boot
from sample_images import contents_of, unpack
from sample_images.contents import NAMES, Recipe
from tests.filesystems.conftest import Spoilt
from tests.journeys.journey import Manifest, Row, exact_path, manifest_of, scan

USERS = "C:\\Users\\"
DOCUMENTS = r"C:\Users\anna\Documents"
SPARSE = ("Users", "[b]mal\u202eyrol[/b]\u001b[31m", "Documents", "sparse", "8 TiB.bin")
TIB8 = 8 << 40


@cache
def solo() -> bytes:
    return unpack("solo").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store = tmp_path_factory.mktemp("whole")
    assert scan(store, unpack("solo"), "/c") == 3
    return manifest_of(store)


def scanned(content: bytes | bytearray, folder: Path) -> Manifest:
    image = folder / "disk.raw"
    image.write_bytes(content)
    assert scan(folder / "store", image, "/c") == 3
    return manifest_of(folder / "store")


def files(manifest: Manifest) -> dict[str, Row]:
    """Return the rows of files, directories and links, by path."""
    kinds = {"file", "directory", "link"}
    return {exact_path(row): row for row in manifest.rows if row["kind"] in kinds}


def assert_balanced(manifest: Manifest) -> None:
    totals = manifest.trailer["totals"]
    for unit in ("objects", "bytes"):
        ends = [totals[key][unit] for key in ("stored", "excluded", "not_stored")]
        assert totals["seen"][unit] == sum(ends)


# --- damage that costs nothing --------------------------------------------------------------------


def lose_the_boot_sector(spoilt: Spoilt) -> None:
    spoilt.content[:512] = bytes(512)


def lose_record_0(spoilt: Spoilt) -> None:
    spoilt.write(0, 0, bytes(1024))


def lose_the_mirror(spoilt: Spoilt) -> None:
    boot = open_ntfs_boot(FakeImage(bytes(spoilt.content)))
    place = boot.mft_mirror * boot.cluster_size
    assert spoilt.content[place : place + 4] == b"FILE"
    spoilt.content[place : place + 4 * boot.record_size] = bytes(4 * boot.record_size)


def wipe_all_indexes(spoilt: Spoilt) -> None:
    place = spoilt.content.find(b"INDX")
    assert place > 0
    while place >= 0:
        spoilt.content[place : place + 4096] = bytes(4096)
        place = spoilt.content.find(b"INDX", place + 4096)


def lose_the_root(spoilt: Spoilt) -> None:
    spoilt.write(5, 0, bytes(1024))


HARMLESS: dict[str, Callable[[Spoilt], None]] = {
    "boot sector": lose_the_boot_sector,
    "record 0": lose_record_0,
    "mirror": lose_the_mirror,
    "indexes": wipe_all_indexes,
    "root": lose_the_root,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_lost_twice_or_not_needed_costs_no_file(
    name: str, whole: Manifest, tmp_path: Path
) -> None:
    spoilt = Spoilt(bytearray(solo()))
    HARMLESS[name](spoilt)
    found = scanned(spoilt.content, tmp_path)
    rows, before = files(found), files(whole)
    assert rows.keys() == before.keys()
    changed = {path for path, row in rows.items() if row["outcome"] != before[path]["outcome"]}
    assert changed == ({"C:\\"} if name == "root" else set())  # its own metadata are lost
    assert [path for path, row in rows.items() if row["sha256"] != before[path]["sha256"]] == []
    assert_balanced(found)


# --- damage that costs what it hits ---------------------------------------------------------------


def test_each_torn_record_ends_as_a_row_and_costs_no_other_file(
    whole: Manifest, tmp_path: Path
) -> None:
    before = files(whole)
    stored = [row for path, row in before.items() if row["outcome"] == "stored" and USERS in path]
    torn = set(sorted({row["record"] for row in stored if row["kind"] == "file"})[::4])
    assert len(torn) > 10
    spoilt = Spoilt(bytearray(solo()))
    for record in torn:
        spoilt.write(record, 510, b"\xaa\xbb")
    manifest = scanned(spoilt.content, tmp_path)
    rows = files(manifest)
    assert rows.keys() >= before.keys()
    for path, row in before.items():
        if row["record"] not in torn:
            assert (rows[path]["outcome"], rows[path]["sha256"]) == (row["outcome"], row["sha256"])
            continue
        assert rows[path]["outcome"] == "not-stored"
        assert "torn" in rows[path]["reason"]
    assert_balanced(manifest)


def test_a_circle_of_directories_ends_and_what_it_held_is_accounted_for(
    whole: Manifest, tmp_path: Path
) -> None:
    before = files(whole)
    outer, inner = before[DOCUMENTS]["record"], before[DOCUMENTS + r"\links"]["record"]
    spoilt = Spoilt(bytearray(solo()))
    (below,) = spoilt.open().names(inner)
    parent = spoilt.attribute(outer, 0x30) + 24
    spoilt.write(outer, parent, (below.record | below.sequence << 48).to_bytes(8, "little"))
    manifest = scanned(spoilt.content, tmp_path)
    rows = files(manifest)
    numbered = {int(path.split("\\")[2].split()[1]) for path in rows if "$OrphanFiles" in path}
    assert inner in numbered
    for path, row in before.items():
        if path not in rows:
            above = {before[each]["record"] for each in parents(path) if each in before}
            # Of the two in the circle the inner one is named, and the outer one lies in it now.
            own = inner if path == DOCUMENTS else row["record"]
            assert (above | {own}) & numbered, path
    orphans = {path.split("\\")[-1] for path in rows if "$OrphanFiles" in path}
    assert {path.split("\\")[-1] for path in before if path not in rows} <= orphans
    outside = [path for path in before if not path.startswith(DOCUMENTS)]
    assert [path for path in outside if rows[path]["sha256"] != before[path]["sha256"]] == []
    assert_balanced(manifest)


def parents(path: str) -> list[str]:
    parts = path.split("\\")
    return ["\\".join(parts[:count]) for count in range(2, len(parts))]


# --- eight tebibytes ------------------------------------------------------------------------------


def test_by_default_eight_tebibytes_of_almost_nothing_are_refused_and_named(tmp_path: Path) -> None:
    assert scan(tmp_path, unpack("hostile"), "/c") == 3
    row = manifest_of(tmp_path).at(SPARSE)
    assert row["outcome"] == "not-stored"
    assert "raise the sparse limit to store it" in row["reason"]


def test_with_a_higher_limit_they_are_stored_as_a_hole_in_about_a_second(tmp_path: Path) -> None:
    took = []
    for name, words in (("default", []), ("raised", ["--sparse-limit", str(TIB8 >> 30)])):
        started = process_time()
        scan(tmp_path / name, unpack("hostile"), "/c", *words)
        took.append(process_time() - started)
    row = manifest_of(tmp_path / "raised").at(SPARSE)
    assert (row["outcome"], row["size"]) == ("stored", TIB8)
    assert row["sha256"].startswith("holes-")
    (stored,) = (tmp_path / "raised").rglob("8 TiB.bin")
    assert stored.stat().st_size == TIB8
    assert stored.stat().st_blocks * 512 < 1 << 20
    with stored.open("rb") as file:
        assert file.read(40) == b"the first of eight tebibytes".ljust(40, b"\0")
    assert took[1] - took[0] < 1.5
    assert main(["store", "verify", str(tmp_path / "raised")]) == 0


# --- all sample images ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [each for each in NAMES if each != "solo"])
def test_every_stored_file_and_stream_of_a_sample_has_the_hash_that_contents_toml_says(
    name: str, tmp_path: Path
) -> None:
    assert scan(tmp_path, unpack(name), "/c") in {0, 3}
    assert main(["store", "verify", str(tmp_path)]) == 0
    manifest = manifest_of(tmp_path)
    wrong, checked = [], 0
    for volume in contents_of(name).volumes:
        for entry in volume.entries:
            if entry.expect != "stored" or entry.kind not in {"file", "dir"} or not entry.path:
                continue
            row = manifest.at(entry.path, f"{volume.letter}:")
            expected = dict(entry.streams) | ({"": entry.recipe} if entry.kind == "file" else {})
            found = {exact_name(each): each["sha256"] for each in row["streams"]}
            if entry.kind == "file":
                found[""] = row["sha256"]
            checked += len(expected)
            if row["outcome"] != "stored" or not agrees(found, expected):
                wrong.append(entry.path)
    assert wrong == []
    assert checked > 5


def exact_name(stream: Row) -> str:
    if "name_utf16" in stream:
        return bytes.fromhex(stream["name_utf16"]).decode("utf-16-le", "surrogatepass")
    return str(stream["name"])


def agrees(found: dict[str, str], expected: dict[str, Recipe]) -> bool:
    return found == {name: recipe.sha256 for name, recipe in expected.items()}
