"""``coldstate store repair`` as words: what it prints, and the codes that it ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractor.cli.main import main
from extractor.testing import FakeFilesystem
from tests.store.build import make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", FakeFilesystem({"Users\\bob\\a.txt": b"alpha"}))
    return tmp_path / "store"


def run(*words: object) -> int:
    return main(["store", *map(str, words)])


def test_a_whole_store_is_told_so(store: Path, capsys: Capture) -> None:
    assert run("repair", store) == 0
    assert capsys.readouterr().out == "whole: nothing was to be repaired\n"


def test_what_is_there_again_and_where_the_old_files_are_is_printed(
    store: Path, capsys: Capture
) -> None:
    (store / "USMT/open-catalog/manifest.jsonl").write_text("junk")
    assert run("repair", store) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "repaired: manifest.jsonl: as it was written, from catalog.sqlite"
    assert str(store / "USMT.before-repair") in second
    assert (store / "USMT.before-repair/open-catalog/manifest.jsonl").read_text() == "junk"
    assert run("verify", store) == 0


def test_what_cannot_be_had_is_named_and_ends_with_3(store: Path, capsys: Capture) -> None:
    (store / "USMT/open-catalog/catalog.sqlite").unlink()
    assert run("repair", store) == 3
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0]
        == "repaired: catalog.sqlite, manifest.jsonl: made anew from manifest.jsonl, 3 objects"
    )
    assert any(line.startswith("lost: what the rules ask of a restore") for line in lines)
    assert run("verify", store) == 0


def test_a_store_of_which_nothing_is_left_ends_with_42(store: Path, capsys: Capture) -> None:
    for name in ("catalog.sqlite", "manifest.jsonl"):
        (store / "USMT/open-catalog" / name).write_bytes(b"junk")
    assert run("repair", store) == 42
    assert "nothing whole is left" in capsys.readouterr().err


def test_what_is_no_store_ends_with_27(tmp_path: Path) -> None:
    assert run("repair", tmp_path) == 27
    assert run("repair") == 11
