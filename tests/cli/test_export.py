"""``store export`` and ``store mount`` as a person types them: what is said where, and the exit codes."""

from __future__ import annotations

import builtins
import json
import os
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import bagit
import pytest

from extractor.cli.export import run_export
from extractor.cli.mount import NoFuseError, run_mount
from extractor.cli.slash import HelpWanted
from extractor.errors import (
    CorruptStoreError,
    NoSuchStoreError,
    StoreLocationError,
    UsageError,
)
from extractor.store.export.exporting import FORMATS
from extractor.testing import FakeFilesystem
from tests.store.build import make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", FakeFilesystem({"Users\\a.txt": b"alpha", "b\x1b[31m": b"b"}))
    return tmp_path / "store"


def run(*words: str | Path) -> int:
    return run_export([*map(str, words), "--progress", "none"])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written_and_said(
    store: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(store, form, tmp_path / "x") == 0
    assert (tmp_path / "x").exists()
    assert capsys.readouterr().out.startswith("exported: ")


def test_a_pipe_gets_the_export_and_a_person_the_words(
    store: Path, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    assert run(store, "tar", "-") == 0
    captured = capfdbinary.readouterr()
    (tmp_path / "x.tar").write_bytes(captured.out)
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert "File/C$/Users/a.txt" in tar.getnames()
    assert b"exported: 3 objects" in captured.err
    assert run(store, "jsonl", "-") == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert {json.loads(line)["kind"] for line in lines} == {"file", "directory"}


@pytest.mark.parametrize("form", ["zip", "bagit"])
def test_what_needs_a_file_is_refused_a_pipe(store: Path, form: str) -> None:
    with pytest.raises(UsageError, match="cannot be written to stdout"):
        run(store, form, "-")


def test_damage_is_printed_and_42(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (store / "USMT/File/C$/b%1B[31m").write_bytes(b"B")
    with pytest.raises(CorruptStoreError, match="1 of its contents") as caught:
        run(store, "tar", tmp_path / "x.tar")
    assert caught.value.exit_code == 42
    assert "missing: C:\\b\\x1b[31m: differs from the catalog" in capsys.readouterr().out
    assert (tmp_path / "x.tar").exists()


def test_what_a_format_cannot_hold_is_named_and_3(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(store / "USMT/open-catalog/catalog.sqlite")) as connection:
        connection.execute("UPDATE streams SET sha256 = 'holes-' || sha256 WHERE size = 5")
        connection.commit()
    assert run(store, "tar", tmp_path / "x.tar") == 3
    assert "left out: C:\\Users\\a.txt: it is a sparse file" in capsys.readouterr().out


def test_the_case_goes_into_a_bag_only(store: Path, tmp_path: Path) -> None:
    assert run(store, "bagit", tmp_path / "bag", "--info", "Contact-Name=Ann") == 0
    assert bagit.Bag(str(tmp_path / "bag")).info["Contact-Name"] == "Ann"
    with pytest.raises(UsageError, match="for bagit only"):
        run(store, "tar", tmp_path / "x", "--info", "Contact-Name=Ann")
    for wrong in ("Contact-Name", "=x", "a:b=c"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            run(store, "bagit", tmp_path / "x", "--info", wrong)


def test_wrong_words_are_11_and_no_store_is_27(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="invalid choice"):
        run(store, "rar", tmp_path / "x")
    with pytest.raises(NoSuchStoreError):
        run(tmp_path, "tar", tmp_path / "x")
    with pytest.raises(HelpWanted, match="bagit"):
        run_export(["--help"])


# --- mount ----------------------------------------------------------------------------------------


def fake_fuse(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    monkeypatch.setitem(sys.modules, "mfusepy", library)
    monkeypatch.setattr("extractor.cli.mount.DEVICE", Path(os.devnull))


def test_a_place_that_is_no_empty_folder_is_27(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_fuse(monkeypatch, object())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (store / "USMT/File/C$/new").mkdir()
    for place, match in (
        (tmp_path / "full", "not empty"),
        (tmp_path / "full/file", "Not a directory"),
        (tmp_path / "none", "No such file"),
        (store / "USMT/File/C$/new", "in the store itself"),
    ):
        with pytest.raises(StoreLocationError, match=match) as caught:
            run_mount([str(store), str(place)])
        assert caught.value.exit_code == 27


def test_a_mount_that_fuse_refuses_is_27(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        @staticmethod
        def FUSE(*_: object, **__: object) -> None:  # noqa: N802 (its name there)
            raise RuntimeError(1)

    fake_fuse(monkeypatch, Library)
    (tmp_path / "mnt").mkdir()
    with pytest.raises(StoreLocationError, match="FUSE says 1"):
        run_mount([str(store), str(tmp_path / "mnt")])


def test_without_the_library_one_sentence_says_what_to_install(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "mfusepy":
            raise OSError("Unable to find libfuse")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(NoFuseError, match=r"Unable to find libfuse; .*apt-get install") as caught:
        run_mount([str(store), str(tmp_path)])
    assert caught.value.exit_code == 71
