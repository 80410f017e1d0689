"""A medium that lost bytes: the files it hits are named, everything else is stored, and the exit code tells."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import sample_images
from sample_images.containers import derive, e01
from tests.conftest import need_tool
from tests.images.ewf_sets import chunk_places, flip, held, section
from tests.journeys.journey import Manifest, Row, entries, exact_path, manifest_of, scan

CHUNK = 32768
MIB = 1 << 20
COUNT, ENTRY = 76, 100 + 4 * 10
"""Bytes of a table section: of the number of its entries, and of one of these."""
WRONG_SUM = "its checksum is wrong"
DOCUMENTS = """<migration urlid="urn:example:documents">
<component type="Documents" context="System"><displayName>Documents</displayName><role role="Data"><rules>
<include><objectSet>
<pattern type="File">C:\\Users\\anna\\Documents\\* [*]</pattern>
<pattern type="File">C:\\Users\\zoe\\Documents\\* [*]</pattern>
<pattern type="File">C:\\Data\\* [*]</pattern>
</objectSet></include>
</rules></role></component></migration>"""


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
    content = content_of(disk, photo.recipe.sha256 or "", 70000)
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


def content_of(disk: bytes, sha256: str, size: int) -> bytes:
    """Return a file's content, found on the disk by its hash: it lies in one piece, on a cluster."""
    for at in range(0, len(disk) - size, 4096):
        if hashlib.sha256(disk[at : at + size]).hexdigest() == sha256:
            return disk[at : at + size]
    raise AssertionError("the file is not in one piece")


@dataclass(frozen=True)
class Harm:
    """What was done to a set: bytes [start, end) of the disk cannot be had, and what the reason says."""

    start: int
    end: int
    reason: str


@pytest.fixture(scope="module")
def acquired(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a function that gives the folder of a set of stored chunks in segments of so many MiB; 0 compresses."""
    need_tool("ewfacquire")
    folders: dict[int, Path] = {}

    def acquire(size: int) -> Path:
        if size not in folders:
            folders[size] = tmp_path_factory.mktemp("acquired")
            e01(raw, folders[size], size * MIB or None)
        return folders[size]

    return acquire


@pytest.fixture
def split(acquired: Callable[[int], Path], tmp_path: Path) -> Callable[[int], list[Path]]:
    """Return a function that gives the segments of a private copy of such a set, in order."""
    return lambda size: sorted(shutil.copytree(acquired(size), tmp_path / "set").iterdir())


@pytest.fixture(scope="module")
def rules(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return rules by which everything on the sound disk is stored: no leave to go on is needed."""
    folder = tmp_path_factory.mktemp("rules")
    path = folder / "documents.xml"
    path.write_text(DOCUMENTS, "utf-8")
    assert scan(folder / "store", raw, f"/i:{path}") == 0
    return path


def _flip_a_chunk(fault: str, segments: list[Path], raw: Path) -> Harm:
    """Damage the chunk in which ``plan.csv`` lies between two other files."""
    plan = next(
        e for e in entries(sample_images.contents_of("solo")) if e.path[-1:] == ("plan.csv",)
    )
    disk = raw.read_bytes()
    number = disk.index(content_of(disk, plan.recipe.sha256 or "", 6000)) // CHUNK
    first = 0
    for segment in segments:
        if number < first + held(segment):
            start, end, compressed = chunk_places(segment)[number - first]
            assert compressed == (fault != WRONG_SUM)
            flip(segment, (start + end) // 2)
            where = rf"chunk {number} in .*{segment.name} is damaged: {fault}"
            return Harm(number * CHUNK, (number + 1) * CHUNK, where)
        first += held(segment)
    raise AssertionError("no segment has the chunk")


def _lose(number: int, segments: list[Path], raw: Path) -> Harm:
    """Delete a segment."""
    harm = _span(number, segments, rf"segment {number} of the set .* is missing: .*\.E{number:02}")
    segments[number - 1].unlink()
    return harm


def _flip_both_tables(number: int, byte: int, segments: list[Path], raw: Path) -> Harm:
    """Damage a byte of both tables of a segment; their descriptors stay sound."""
    segment = segments[number - 1]
    harm = _span(number, segments, rf"the chunk table at byte \d+ of .*{segment.name} and its copy")
    for kind in (b"table", b"table2"):
        flip(segment, section(segment, kind) + byte)
    return harm


def _span(number: int, segments: list[Path], reason: str) -> Harm:
    """Return the bytes of the disk whose chunks one segment holds."""
    first = sum(held(segment) for segment in segments[: number - 1])
    return Harm(first * CHUNK, (first + held(segments[number - 1])) * CHUNK, reason)


def _files_in(volume: Path, harm: Harm) -> set[str]:
    """Return the files of which content, or the list of its parts, lies in a range of a volume, by ntfscluster."""
    need_tool("ntfscluster")
    clusters = f"{harm.start // 4096}-{(harm.end - 1) // 4096}"
    command = ["ntfscluster", "-q", "-c", clusters, str(volume)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(
        r"^Inode \d+ (/.*)/\$(?:DATA|ATTRIBUTE_LIST)(?:\(.*\))?$", told, re.MULTILINE
    )
    return {"C:" + path.replace("/", "\\") for path in found}


def _assert_stored_as_it_was(row: Row, content: str, streams: dict[str, str], store: Path) -> None:
    """Check that a file was stored, and that its bytes and streams hash to what they should."""
    assert row["outcome"] == "stored", row["path"]
    assert row["sha256"] == content, row["path"]
    stored = (store / "USMT" / row["stored_as"]).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == content, row["path"]
    assert {each["name"]: each["sha256"] for each in row["streams"]} == streams, row["path"]


def _assert_balanced(manifest: Manifest) -> None:
    totals = manifest.trailer["totals"]
    for count in ("objects", "bytes"):
        ends = [totals[key][count] for key in ("stored", "excluded", "not_stored")]
        assert totals["seen"][count] == sum(ends)


def _assert_all_but_lost(store: Path, lost: set[str], whole: Manifest) -> Manifest:
    """Check that files are not stored, that every other object ended as on the sound disk, each file by its hash."""
    manifest = manifest_of(store)
    before, found = outcomes(whole), outcomes(manifest)
    assert {path for path in before if found[path] != before[path]} == lost
    assert found.keys() == before.keys()
    checked = 0
    for entry in entries(sample_images.contents_of("solo")):
        path = "\\".join(("C:", *entry.path))
        if entry.kind == "file" and entry.expect == "stored" and path not in lost:
            streams = {name: recipe.sha256 or "" for name, recipe in entry.streams}
            row = manifest.at(entry.path)
            _assert_stored_as_it_was(row, entry.recipe.sha256 or "", streams, store)
            checked += 1
    assert checked > 50
    _assert_balanced(manifest)
    return manifest


Case = tuple[int, Callable[[list[Path], Path], Harm], int]
"""MiB of a segment, what is done to the set, how many files that hits."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((1, partial(_flip_a_chunk, WRONG_SUM), 3), id="a byte of a stored chunk"),
        pytest.param((0, partial(_flip_a_chunk, "."), 3), id="a byte of a compressed chunk"),
        pytest.param((1, partial(_flip_both_tables, 30, ENTRY), 3), id="an entry of both tables"),
        pytest.param((1, partial(_flip_both_tables, 30, COUNT), 3), id="the header of both tables"),
        pytest.param((1, partial(_lose, 30), 3), id="a segment of many"),
        pytest.param((11, partial(_lose, 2), 1), id="the second segment of five"),
    ],
)
def test_damage_of_an_e01_costs_the_files_whose_bytes_it_hits_and_no_others(
    raw: Path,
    whole: Manifest,
    rules: Path,
    split: Callable[[int], list[Path]],
    tmp_path: Path,
    case: Case,
) -> None:
    size, damage, files = case
    segments = split(size)
    harm = damage(segments, raw)
    lost = _files_in(raw, harm)
    assert len(lost) == files
    store = tmp_path / "store"
    assert scan(store, segments[0], "/c") == 3
    manifest = _assert_all_but_lost(store, lost, whole)
    for row in manifest.rows:
        if exact_path(row) in lost:
            assert row["outcome"] == "not-stored"
            assert re.search(harm.reason, row["reason"])
    assert scan(tmp_path / "going on", segments[0], f"/i:{rules}", "--continue") == 3
    assert scan(tmp_path / "not", segments[0], f"/i:{rules}") == 61
    assert not (tmp_path / "not" / "USMT").exists()


@pytest.mark.parametrize("byte", [COUNT, ENTRY])
def test_an_e01_whose_first_tables_are_damaged_is_stored_whole_by_their_copies(
    whole: Manifest,
    rules: Path,
    split: Callable[[int], list[Path]],
    tmp_path: Path,
    byte: int,
) -> None:
    segments = split(11)
    for segment in segments:
        flip(segment, section(segment, b"table") + byte)
    assert scan(tmp_path / "store", segments[0], "/c") == 3
    _assert_all_but_lost(tmp_path / "store", set(), whole)
    assert scan(tmp_path / "not", segments[0], f"/i:{rules}") == 0


def test_an_e01_whose_only_tables_are_damaged_is_refused_and_no_store_is_left(
    raw: Path, tmp_path: Path
) -> None:
    need_tool("ewfacquire")
    image = derive(raw, "e01", tmp_path / "image")[0]
    for kind in (b"table", b"table2"):
        flip(image, section(image, kind) + ENTRY)
    assert scan(tmp_path / "store", image, "/c") == 26
    assert not (tmp_path / "store" / "USMT").exists()


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
