"""``coldstate report STORE``: one page, where it was asked for, and nothing else is touched."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.report.page.draw_after import COMMANDS
from tests.journeys.journey import manifest_of, scan
from tests.report.pages import said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of the realistic machine."""
    store = tmp_path_factory.mktemp("desk")
    assert scan(store, sample_images.unpack("desk"), "/c") == 3
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "store", symlinks=True))


def test_the_page_lies_beside_the_store_which_stays_intact(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(store)]) == 0
    assert capsys.readouterr().out == f"{store / 'report.html'}\n"
    assert main(["store", "verify", str(store)]) == 0
    assert sorted(store.glob(".report-*")) == []


def test_the_page_is_for_its_owner_alone(store: Path) -> None:
    main(["report", str(store)])
    assert stat.S_IMODE((store / "report.html").stat().st_mode) == 0o600


def test_its_numbers_are_those_of_the_manifest(store: Path) -> None:
    main(["report", str(store)])
    text = said((store / "report.html").read_text("utf-8"))
    totals = manifest_of(store).trailer["totals"]
    stored, lost = totals["stored"]["objects"], totals["not_stored"]["objects"]
    assert f"{lost} object could not be taken" in text
    assert f"{stored} of {stored + lost} objects that the rules chose are in the store" in text
    assert "does not balance" not in text


def test_it_says_what_the_user_will_miss_and_what_is_odd_about_this_machine(store: Path) -> None:
    main(["report", str(store)])
    text = said((store / "report.html").read_text("utf-8"))
    for wanted in (
        "Only in the cloud",
        "C:\\Users\\maria\\OneDrive\\Contract.pdf",
        "a profile that Windows had set aside (.bak)",
        "the profile folder is gone from the disk",
        "Other Windows folders were seen and are not part of this store: C:\\Windows.old",
        "\\\\files.example.invalid\\team",
        "LoadState cannot read this store",
    ):
        assert wanted in text


def test_two_runs_give_the_same_page_and_no_time_of_day(store: Path, tmp_path: Path) -> None:
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for each in pages:
        assert main(["report", str(store), "--output", str(each)]) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    known = [*(store / "custody").glob("custody.json")]
    assert known or not re.search(r"\d\d:\d\d:\d\d", pages[0].read_text("utf-8"))


def test_a_page_that_is_there_is_kept_unless_told(store: Path) -> None:
    (store / "report.html").write_text("mine")
    assert main(["report", str(store)]) == 11
    assert (store / "report.html").read_text() == "mine"
    assert main(["report", str(store), "--overwrite"]) == 0
    assert "Migration report" in (store / "report.html").read_text("utf-8")


def test_a_link_of_that_name_is_replaced_and_not_followed(store: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (store / "report.html").symlink_to(tmp_path / "victim")
    assert main(["report", str(store), "--overwrite"]) == 0
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (store / "report.html").is_symlink()


@pytest.mark.parametrize("inside", ["USMT/report.html", "USMT/open-catalog/report.html"])
def test_no_page_is_written_where_only_the_stores_files_may_be(store: Path, inside: str) -> None:
    assert main(["report", str(store), "--output", str(store / inside)]) == 11
    assert not (store / inside).exists()


def test_errors_have_the_codes_of_stores(store: Path, tmp_path: Path) -> None:
    assert main(["report", str(tmp_path / "nothing")]) == 27
    assert main(["report", str(store), "--output", str(tmp_path / "no" / "folder.html")]) == 72
    assert main(["report", str(store), "--output", str(tmp_path)]) == 11
    assert main(["report"]) == 11
    (store / "USMT" / "open-catalog" / "catalog.sqlite").write_bytes(b"SQLite format 3\0" * 99)
    assert main(["report", str(store)]) == 42
    assert not (store / "report.html").exists()


@pytest.mark.parametrize("command", [words for words, _ in COMMANDS])
def test_every_command_that_the_page_names_exists(
    command: str, store: Path, tmp_path: Path
) -> None:
    program, *words = command.split()
    assert program == "coldstate"
    filled = [
        str(store) if word == "STORE" else word for word in words if word not in {"FOLDER", "PATH"}
    ]
    assert main([*filled, *([str(tmp_path / "new")] if "FOLDER" in words else [])]) == 0
