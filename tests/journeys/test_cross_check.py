"""``--cross-check``: what a finished store holds is hashed again by readers that are not ours (issue 5, Shows 7)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from extractor.cli.options import parse
from extractor.crosscheck import CrossChecked, cross_check
from extractor.errors import UsageError
from extractor.events import Event, Noted
from extractor.images import open_images
from extractor.model import VolumeInfo
from extractor.seams import Volume
from extractor.volumes import volumes
from sample_images.unpack import sums, unpack
from tests.journeys.journey import scan

Stores = Callable[[str], Path]

SAMPLES = sorted({file.split("/")[0] for file in sums() if file.split("/")[1] == "raw"})


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """A function that gives the store of a sample image, scanned once."""

    @cache
    def store(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        assert scan(folder / "store", unpack(name), "--continue") in {0, 3}
        return folder / "store"

    return store


def volumes_of(name: str) -> dict[str, Volume]:
    return {each.info.id: each for each in volumes(list(open_images([unpack(name)])))}


def checked(
    store: Path, found: dict[str, Volume], share: float = 1.0
) -> tuple[CrossChecked, list[Noted], list[tuple[int, int]]]:
    told: list[Event] = []
    steps: list[tuple[int, int]] = []
    result = cross_check(
        store, found, share, told.append, lambda done, size: steps.append((done, size))
    )
    return result, [each for each in told if isinstance(each, Noted)], steps


def streams_in(store: Path) -> int:
    """Return how many streams with content of their own the catalog says are stored."""
    path = store / "USMT/open-catalog/catalog.sqlite"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as catalog:
        rows = catalog.execute(
            "SELECT count(*) FROM (SELECT DISTINCT volume, record, streams.name_utf16 FROM streams"
            " JOIN objects ON objects.id = object WHERE outcome = 'stored' AND NOT pretended AND kind != 'value'"
            " AND streams.sha256 != '')"
        )
        return int(rows.fetchone()[0])


def altered(store: Path, target: Path, path: str) -> Path:
    """Return a copy of a store whose catalog says another hash of one file."""
    shutil.copytree(store, target)
    with closing(sqlite3.connect(target / "USMT/open-catalog/catalog.sqlite")) as catalog:
        changed = catalog.execute(
            "UPDATE streams SET sha256 = ? WHERE length(name_utf16) = 0"
            " AND object IN (SELECT id FROM objects WHERE path = ?)",
            ("0" * 64, path),
        )
        assert changed.rowcount == 1
        catalog.commit()
    return target


@pytest.mark.parametrize("name", SAMPLES)
def test_every_stored_stream_of_a_sample_image_is_what_others_read(
    stores: Stores, name: str
) -> None:
    result, told, steps = checked(stores(name), volumes_of(name))
    assert result.checked == result.agreed == streams_in(stores(name)) > 5
    assert (result.rows, result.unchecked.total()) == ([], 0)
    assert [each.level for each in told] == ["info"]
    assert f"{result.agreed} agree, 0 differ for a known reason, 0 for none" in told[0].message
    assert steps[-1] == (result.bytes, result.bytes)
    assert steps == sorted(steps)


def test_a_disagreement_is_a_row_and_a_warning_that_names_the_file(
    stores: Stores, tmp_path: Path
) -> None:
    path = r"C:\Users\anna\Documents\report.docx"
    store = altered(stores("solo"), tmp_path / "altered", path)
    result, told, _ = checked(store, volumes_of("solo"))
    (row,) = result.rows
    assert (result.unexplained, result.known) == (1, 0)
    assert (row.path, row.stream, row.ours, row.reader) == (path, "", "0" * 64, "The Sleuth Kit")
    assert len(row.theirs) == 64
    assert [each.level for each in told] == ["warning", "warning"]
    assert told[0].message == f"cross-check: {row}"
    assert path in told[0].message
    assert "no reason is known" in told[0].message


def test_a_sample_is_the_same_in_every_run_and_a_part_of_a_larger_one(stores: Stores) -> None:
    counts = [
        checked(stores("hostile"), volumes_of("hostile"), share)[0].checked
        for share in (0.1, 0.1, 0.5, 1.0)
    ]
    assert counts[0] == counts[1]
    assert 0 < counts[0] < counts[2] < counts[3]


def test_without_a_second_reader_the_reason_is_told(stores: Stores) -> None:
    class Fat:
        """A volume that says it is FAT."""

        def __init__(self, volume: Volume) -> None:
            info = volume.info
            self.info = VolumeInfo(info.id, 0, 1, 0, volume.size, 512, "fat32")
            self.size = volume.size

        def read_at(self, offset: int, length: int) -> bytes:
            raise AssertionError("nothing may be read")

    found = {name: Fat(volume) for name, volume in volumes_of("solo").items()}
    result, told, _ = checked(stores("solo"), dict(found))
    reason = "The Sleuth Kit is the only reader of fat32 here"
    assert (result.checked, set(result.unchecked)) == (0, {reason})
    assert result.unchecked[reason] == streams_in(stores("solo"))
    assert any(reason in each.message for each in told)
    gone, _, _ = checked(stores("solo"), {})
    assert set(gone.unchecked) == {"its volume is not open"}


@pytest.mark.parametrize(
    ("words", "share"),
    [([], 0.0), (["--cross-check"], 1.0), (["--cross-check=10%"], 0.1), (["--cross-check=2.5"], 0.025)],
)  # fmt: skip
def test_the_share_is_given_as_a_percentage(words: list[str], share: float) -> None:
    request = parse("scan", [*words, "disk.raw", "--store", "out", "--nocompress"]).request
    assert request.cross_check == pytest.approx(share)
    assert request.images == (Path("disk.raw"),)


@pytest.mark.parametrize(
    "words",
    [
        ["--cross-check=0%"],
        ["--cross-check=101%"],
        ["--cross-check=all"],
        ["--cross-check="],
        ["--cross-check", "--cross-check=5%"],
        ["--cross-check", "--dry-run"],
        ["--cross-check", "/p:estimate.xml"],
    ],
)
def test_a_share_that_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse("scan", ["disk.raw", "--store", "out", "--nocompress", *words])
