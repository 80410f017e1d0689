"""On every sample disk the ledger balances, every outcome is the expected one, and no name does harm."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.filesystems import find, walk
from extractor.filesystems.tsk import TskFilesystem
from extractor.images import open_images
from extractor.volumes import volumes
from sample_images.contents import NAMES
from tests.journeys.journey import Manifest, disagreements, exact_path, manifest_of, scan

ESCAPES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""C0 but for our own newline, DEL, C1, and what turns or hides text."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a store of each sample image."""
    folder = tmp_path_factory.mktemp("stores")
    for name in NAMES:
        assert scan(folder / name, sample_images.unpack(name), "/c") in {0, 3}
    return {name: folder / name for name in NAMES}


def sums(manifest: Manifest) -> Counter[str]:
    """Count the rows of a manifest by outcome, as a stranger would."""
    return Counter(str(row["outcome"]) for row in manifest.rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_balances_to_zero(name: str, stores: dict[str, Path]) -> None:
    totals = manifest_of(stores[name]).trailer["totals"]
    ends = [totals["stored"], totals["excluded"], totals["not_stored"]]
    for unit in ("objects", "bytes"):
        assert totals["seen"][unit] - sum(end[unit] for end in ends) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_trailer_says_what_the_lines_say(name: str, stores: dict[str, Path]) -> None:
    manifest = manifest_of(stores[name])
    counted = sums(manifest)
    totals = manifest.trailer["totals"]
    said = {
        "stored": totals["stored"],
        "excluded": totals["excluded"],
        "not-stored": totals["not_stored"],
    }
    assert {key: value["objects"] for key, value in said.items()} == {
        key: counted[key] for key in said
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_object_has_one_line_and_a_reason_or_a_hash(
    name: str, stores: dict[str, Path]
) -> None:
    rows = manifest_of(stores[name]).rows
    identities = Counter((exact_path(row), row["record"]) for row in rows)
    assert [each for each, count in identities.items() if count > 1] == []
    assert [r["path"] for r in rows if r["outcome"] == "not-stored" and not r["reason"]] == []
    assert [
        r["path"] for r in rows if r["outcome"] == "excluded" and not (r["rule"] or r["reason"])
    ] == []
    stored = [r for r in rows if r["outcome"] == "stored" and r["kind"] == "file"]
    assert [r["path"] for r in stored if len(r["sha256"]) != 64] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_outcome_is_the_expected_one(name: str, stores: dict[str, Path]) -> None:
    manifest = manifest_of(stores[name])
    letters = [
        volume.letter for volume in sample_images.contents_of(name).volumes if volume.kind == "ntfs"
    ]
    assert [each for letter in letters for each in disagreements(manifest, name, letter)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_store_verifies(name: str, stores: dict[str, Path]) -> None:
    assert main(["store", "verify", str(stores[name])]) == 0


def test_two_hundred_hostile_names_are_stored_or_named(stores: dict[str, Path]) -> None:
    manifest = manifest_of(stores["hostile"])
    listed = {exact_path(row): row["outcome"] for row in manifest.rows}
    contents = sample_images.contents_of("hostile")
    names = [
        entry.path
        for volume in contents.volumes
        for entry in volume.entries
        if "names" in entry.path
    ]
    missing = [path for path in names if "\\".join(("C:", *path)) not in listed]
    assert missing == []
    assert sum(row["outcome"] != "excluded" for row in manifest.rows) >= 200


def test_nothing_is_written_outside_the_store(tmp_path: Path) -> None:
    store = tmp_path / "here" / "store"
    store.mkdir(parents=True)
    assert scan(store, sample_images.unpack("hostile"), "/c") == 3
    assert [path for path in tmp_path.rglob("*") if not path.is_relative_to(store)] == [
        tmp_path / "here"
    ]
    assert [path for path in store.rglob("*") if path.is_symlink()] == []
    assert sorted(path.name for path in store.iterdir()) == ["USMT", "custody"]


def test_no_escape_byte_reaches_the_terminal_or_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(sample_images.unpack("hostile"))
    reports = [
        f"/l:{tmp_path / 'log'}",
        "/v:13",
        f"/progress:{tmp_path / 'p'}",
        f"/listfiles:{tmp_path / 'f'}",
    ]
    for screen in ("plain", "rich", "json"):
        words = [image, "--store", str(tmp_path / screen), "--progress", screen, "/c", *reports]
        assert main(["scan", *words]) == 3
    main(["inspect", image])
    main(["inspect", image, "--json"])
    main(["store", "manifest", str(tmp_path / "plain")])
    shown = capsys.readouterr()
    texts = [
        shown.out,
        shown.err,
        *((tmp_path / name).read_text("utf-8-sig") for name in ("log", "p", "f")),
    ]
    assert [found[0] for text in texts for found in [ESCAPES.search(text)] if found] == []


@pytest.mark.parametrize("profile", ["anna", "boris", "zoe"])
def test_another_reader_counts_as_many_entries_in_a_profile(
    profile: str, stores: dict[str, Path]
) -> None:
    """The Sleuth Kit's walk of the same folder, name by name, against what the ledger says was seen."""
    manifest = manifest_of(stores["solo"])
    sid = next(user["sid"] for user in manifest.header["users"] if user["name"] == profile)
    with open_images([sample_images.unpack("solo")])[0] as image:
        volume = volumes([image])[0]
        other = TskFilesystem(volume)
        folder = find(other, ("Users", profile))
        assert folder is not None
        counted = 1 + sum(1 for _ in walk(other, folder))
        other.close()
    values = sum(row["user"] == sid and row["kind"] in {"key", "value"} for row in manifest.rows)
    assert manifest.trailer["totals"]["scopes"][sid]["seen"]["objects"] == counted + values
