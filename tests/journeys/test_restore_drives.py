"""A store goes into a Windows with two drives: each drive gets its own, gives way on its own, and gets it back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

import sample_images
from extractor.cli.main import main
from extractor.filesystems import find, walk
from extractor.model import Entry, Instruction, ObjectKind
from extractor.restore.journal import FOLDER
from extractor.seams import Filesystem
from extractor.testing import FakeFile
from tests.journeys.applied import Facts, facts
from tests.journeys.applied import opened as volumes_of
from tests.journeys.journey import manifest_of, scan
from tests.journeys.test_restore_settings import said_by
from tests.restore.build import make_store, merge, times
from tests.restore.target.build import need_disks
from tests.restore.windows_target import two_drives

DIRECTORY = 0x10
DATA_MIB = 12
Held = Mapping[str, Mapping[tuple[str, ...], object]]


def _prepare_data(root: Path) -> None:
    (root / "Docs").mkdir()
    (root / "Docs/a.txt").write_bytes(b"there before")
    (root / "Shared").mkdir()
    (root / "Shared/prices.csv").write_bytes(b"other prices")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with C: and D:, into which nothing was restored yet."""
    need_disks()
    folder = tmp_path_factory.mktemp("drives")
    return two_drives(folder / "two.raw", DATA_MIB, prepare_data=_prepare_data)


@pytest.fixture
def disk(empty: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copyfile(empty, tmp_path / "two.raw")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a scan of a machine with C: and D: stored."""
    store = tmp_path_factory.mktemp("desk") / "store"
    scan(store, sample_images.unpack("desk"), "/c")
    return store


def held(disk: Path, *, with_journal: bool = False) -> Held:
    """Return what each drive holds, but what a restore keeps for its undo."""
    with volumes_of(disk) as found:
        return {
            _letter(filesystem): {
                path: _told(facts(filesystem, entry))
                for path, entry in _entries(filesystem)
                if with_journal or path[0] != FOLDER
            }
            for _, filesystem in found.values()
        }


def _entries(filesystem: Filesystem) -> list[tuple[tuple[str, ...], Entry]]:
    every = [(filesystem.path(each), each) for each in walk(filesystem, filesystem.root)]
    return [(path, each) for path, each in every if path and not path[0].startswith("$")]


def _letter(filesystem: Filesystem) -> str:
    return "C:" if find(filesystem, ("Windows",)) else "D:"


def _told(found: Facts) -> object:
    """Return what an undo gives back: a folder's times are those of its last change."""
    if found.attributes & DIRECTORY:
        found = replace(found, modified=0, accessed=0)
    return replace(found, changed=0, accessed=0)


def digest_of(disk: Path) -> str:
    with disk.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_of(disk: Path, letter: str, path: str) -> bytes | None:
    with volumes_of(disk) as found:
        (filesystem,) = (each for _, each in found.values() if _letter(each) == letter)
        entry = find(filesystem, tuple(path.split("\\")))
        if entry is None:
            return None
        stream = filesystem.open(entry)
        return stream.read_at(0, stream.size)


def test_what_was_on_d_is_on_d_again_and_an_undo_gives_both_drives_back(
    desk: Path, empty: Path, disk: Path, tmp_path: Path
) -> None:
    before = held(empty)
    assert main(["restore", str(desk), "--to", str(disk), "/mu:maria:robert"]) == 0
    after = held(disk)
    assert after["D:"].keys() - before["D:"].keys() == {
        ("Empty",), ("Maria",), ("Maria", "Documents"), ("Shared", "prices(1).csv"),
        *(("Maria", "Documents", each) for each in ("Letter to the bank.docx", "notes.txt", "Taxes 2025.pdf")),
    }  # fmt: skip
    assert not [path for path in after["C:"] if path[0] in {"Maria", "Shared", "Empty"}]
    assert scan(tmp_path / "again", disk, "/c") == 0
    old, new = (
        {(row["path"], row["sha256"], row["sddl"]) for row in manifest_of(each).rows
         if row["path"].startswith("D:") and row["kind"] == "file" and row["outcome"] == "stored"}
        for each in (desk, tmp_path / "again")
    )  # fmt: skip
    kept = {row for row in old if "Maria" in row[0]}
    assert len(kept) == 3
    assert {row[:2] for row in kept} <= {row[:2] for row in new}
    assert main(["restore", "--to", str(disk), "--undo"]) == 0
    assert held(disk) == before


# --- rules that lead to another drive -------------------------------------------------------------

FILES = {
    "Users\\bob\\Documents\\a.txt": FakeFile(b"alpha", times=times()),
    "Users\\bob\\Documents\\second": FakeFile(link_to="Users\\bob\\Documents\\a.txt"),
    "Users\\bob\\Documents\\third": FakeFile(link_to="Users\\bob\\Documents\\a.txt"),
    "Data\\a.txt": FakeFile(b"replaces", times=times()),
}
MOVES = (
    merge(r"ExactMove('D:\Docs')", r"C:\Users\bob\Documents [second]", kind="locationModify"),
    merge(r"RelativeMove('C:\Data','D:\Docs')", r"C:\Data\* [*]", kind="locationModify", line=2),
    merge("SourcePriority()", r"C:\Data\* [*]", line=3),
)


def moving_store(
    place: Path,
    files: Mapping[str, FakeFile] = FILES,
    more: tuple[Instruction, ...] = (),
) -> Path:
    return make_store(place / "s" / "store", dict(files), (*MOVES, *more))


def test_a_second_name_on_another_drive_is_a_copy_and_what_gives_way_stays_on_its_drive(
    empty: Path, disk: Path, tmp_path: Path
) -> None:
    before, store = held(empty), moving_store(tmp_path)
    code, rows = said_by(tmp_path / "said", str(store), "--to", str(disk), "/mu:bob:robert")
    assert [row["detail"] for row in rows if row.get("detail")] == []
    assert code == 0
    assert content_of(disk, "C:", r"Users\robert\Documents\a.txt") == b"alpha"
    assert content_of(disk, "C:", r"Users\robert\Documents\third") == b"alpha"
    assert content_of(disk, "D:", r"Docs\second") == b"alpha"
    assert content_of(disk, "D:", r"Docs\a.txt") == b"replaces"
    aside = [
        (letter, path)
        for letter, found in held(disk, with_journal=True).items()
        for path in found
        if path[:1] == (FOLDER,) and path[2:3] == ("aside",) and len(path) > 3
    ]
    kept = {letter: content_of(disk, letter, "\\".join(path)) for letter, path in aside}
    assert kept["D:"] == b"there before"
    assert (kept["C:"] or b"")[:4] == b"regf"  # SOFTWARE, which knows a new profile now
    assert len(aside) == 2
    assert main(["restore", "--to", str(disk), "--undo"]) == 0
    assert held(disk) == before


def test_names_of_one_file_on_one_drive_stay_one_file(disk: Path, tmp_path: Path) -> None:
    assert main(["restore", str(moving_store(tmp_path)), "--to", str(disk), "/mu:bob:robert"]) == 0
    with volumes_of(disk) as found:
        (system,) = (each for _, each in found.values() if _letter(each) == "C:")
        folder = ("Users", "robert", "Documents")
        records = [find(system, (*folder, name)) for name in ("a.txt", "third")]
        assert records[0] is not None
        assert records[1] is not None
        assert records[0].record == records[1].record


def test_a_drive_of_the_old_machine_goes_where_it_is_told(
    desk: Path, disk: Path, tmp_path: Path
) -> None:
    words = (str(desk), "--to", str(disk), "/mu:maria:robert", r"--drive=D:=C:\Of D")
    assert said_by(tmp_path / "said", *words)[0] == 0
    assert content_of(disk, "C:", r"Of D\Maria\Documents\notes.txt") is not None
    assert content_of(disk, "D:", r"Maria\Documents\notes.txt") is None


def test_a_dry_run_tells_the_drive_of_each_object_and_writes_not_a_byte(
    empty: Path, disk: Path, tmp_path: Path
) -> None:
    before = digest_of(empty)
    words = (str(moving_store(tmp_path)), "--to", str(disk), "/mu:bob:robert", "--dry-run")
    code, rows = said_by(tmp_path / "said", *words)
    places = {row["from"]: row["to"] for row in rows if row.get("kind") == ObjectKind.FILE.value}
    assert code == 0
    assert places == {
        r"C:\Users\bob\Documents\a.txt": "Users/robert/Documents/a.txt",
        r"C:\Users\bob\Documents\second": "D:/Docs/second",
        r"C:\Users\bob\Documents\third": "Users/robert/Documents/third",
        r"C:\Data\a.txt": "D:/Docs/a.txt",
    }
    assert digest_of(disk) == before


def test_each_drive_needs_room_of_its_own(
    empty: Path, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest_of(empty)
    big = {"Data\\big": FakeFile(b"b" * (DATA_MIB << 20), times=times())}  # which C: could take
    for more in ((), ("--dry-run",)):
        store = moving_store(tmp_path / str(len(more)), big)
        words = ("restore", str(store), "--to", str(disk), "/mu:bob:robert", *more)
        assert main([*words]) == 72
        assert f"{disk} (D:): the restore needs" in capsys.readouterr().err
        assert digest_of(disk) == before


def test_a_copy_of_a_second_name_counts_on_the_drive_that_it_goes_to(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = (DATA_MIB - 6) << 20  # of which D: takes one, and not two
    files = {
        "Users\\bob\\Documents\\a.txt": FakeFile(b"a" * size, times=times()),
        "Users\\bob\\Documents\\second": FakeFile(link_to="Users\\bob\\Documents\\a.txt"),
        "Data\\b.txt": FakeFile(b"b" * size, times=times()),
    }
    store = moving_store(tmp_path, files)
    assert main(["restore", str(store), "--to", str(disk), "/mu:bob:robert"]) == 72
    assert f"{disk} (D:): the restore needs" in capsys.readouterr().err
