"""A store is what its manifest says, to the byte."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.events import BytesCopied
from extractor.model import Reparse
from extractor.store.manifest import manifest_path, read_manifest
from extractor.store.verify import Verification, verify_store
from extractor.testing import FakeFile, FakeFilesystem, RecordingObserver
from tests.store.build import make_store

FILES = FakeFilesystem(
    {
        "Users\\bob\\a.txt": FakeFile(b"alpha", streams={"Zone.Identifier": b"[ZoneTransfer]"}),
        "Users\\bob\\empty": b"",
        "Users\\bob\\link": FakeFile(link_to="Users\\bob\\a.txt"),
        "junction": FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\")),
        "folder": None,
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path, FILES)
    return tmp_path


def verify(store: Path) -> Verification:
    return verify_store(store, lambda _: None)


def test_a_store_just_written_is_intact(store: Path) -> None:
    observer = RecordingObserver()
    found = verify_store(store, observer)
    found.check(store)
    assert found.intact
    assert (found.objects, found.files, found.bytes) == (7, 4, 24)
    assert sum(event.count for event in observer.of(BytesCopied)) == 24


def test_one_flipped_byte_is_named(store: Path) -> None:
    flip(store / "USMT/File/C$/Users/bob/a.txt", 2)
    found = verify(store)
    assert found.changed == ("File/C$/Users/bob/a.txt", "File/C$/Users/bob/link")
    with pytest.raises(
        CorruptStoreError, match=r"2 changed; first: File/C\$/Users/bob/a.txt"
    ) as caught:
        found.check(store)
    assert caught.value.exit_code == 42


def test_a_flipped_byte_of_a_stream_is_named(store: Path) -> None:
    [stream] = [each for each in (store / "USMT/open-catalog/streams").rglob("*") if each.is_file()]
    flip(stream, 0)
    assert verify(store).changed == (str(stream.relative_to(store / "USMT")),)


def test_missing_and_extra_are_named(store: Path) -> None:
    (store / "USMT/File/C$/Users/bob/empty").unlink()
    (store / "USMT/File/C$/folder").rmdir()
    (store / "USMT/File/C$/Users/new\x1b.txt").write_text("planted")
    (store / "USMT/File/C$/link").symlink_to("/etc/passwd")
    found = verify(store)
    assert set(found.missing) == {"File/C$/Users/bob/empty", "File/C$/folder"}
    assert found.extra == ("File/C$/Users/new\\x1b.txt", "File/C$/link")


def test_a_file_replaced_by_a_link_to_the_same_bytes_is_missing(
    store: Path, tmp_path: Path
) -> None:
    victim = store / "USMT/File/C$/Users/bob/empty"
    victim.unlink()
    (tmp_path / "copy").write_bytes(b"")
    victim.symlink_to(tmp_path / "copy")
    assert "File/C$/Users/bob/empty" in verify(store).missing


@pytest.mark.parametrize("name", ["catalog.sqlite", "manifest.jsonl", "SHA256SUMS"])
def test_catalog_and_manifest_are_proved_at_every_position(store: Path, name: str) -> None:
    path = store / "USMT/open-catalog" / name
    whole = path.read_bytes()
    chance = random.Random(1)
    for position in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(40))}:
        flip(path, position)
        assert not verify(store).intact, f"byte {position} of {name}"
        path.write_bytes(whole)
    assert verify(store).intact
    path.unlink()
    if name == "manifest.jsonl":
        with pytest.raises(NoSuchStoreError):
            verify(store)
    else:
        assert f"open-catalog/{name}" in verify(store).missing


def test_a_manifest_rewritten_with_new_sums_still_differs_from_the_catalog(store: Path) -> None:
    path = manifest_path(store)
    path.write_text(path.read_text("utf-8").replace('"user":"S-1', '"user":"S-9', 1), "utf-8")
    found = verify(store)
    assert not found.intact
    assert any("manifest" in problem for problem in found.problems)


def test_a_manifest_that_points_outside_reads_nothing_there(store: Path) -> None:
    path = manifest_path(store)
    path.write_text(
        path.read_text("utf-8").replace("File/C$/Users/bob/a.txt", "../../../../etc/passwd"),
        "utf-8",
    )
    found = verify(store)
    assert "../../../../etc/passwd" in found.missing


@pytest.mark.parametrize(
    ("forgery", "problem"),
    [
        ("UPDATE objects SET user = 'S-9' WHERE kind = 'file'", "otherwise than the manifest"),
        ("DELETE FROM objects WHERE id = 1", "7 objects, the catalog of 6"),
        ("UPDATE objects SET path = CAST(x'ff' AS TEXT)", "otherwise"),
        ("UPDATE manifest SET header = ''", "first or last line"),
        ("DELETE FROM manifest", "never completed"),
        ("PRAGMA user_version = 9", "format 9"),
        ("ALTER TABLE objects RENAME COLUMN reason TO raison", "not those of format 2"),
        ("DROP TABLE runs", "not those of format 2"),
    ],
)
def test_a_forged_catalog_with_new_sums_is_found(store: Path, forgery: str, problem: str) -> None:
    folder = store / "USMT/open-catalog"
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
        connection.execute(forgery)
        connection.commit()
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("catalog.sqlite", "manifest.jsonl")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))
    found = verify(store)
    assert any(problem in each for each in found.problems), found


def test_a_cut_manifest_is_corrupt(store: Path) -> None:
    path = manifest_path(store)
    lines = path.read_bytes().splitlines(keepends=True)
    for broken, match in ((lines[:-1], "was cut"), ([*lines[:2], lines[-1]], "not those"), ([b"[]\n"], "no JSON obj"),
                          ([b'{"format":"x"}\n'], "not a manifest"), ([b"{\n"], "no JSON")):  # fmt: skip
        path.write_bytes(b"".join(broken))
        with pytest.raises(CorruptStoreError, match=match):
            list(read_manifest(store))


def test_what_is_no_store_is_27(tmp_path: Path) -> None:
    with pytest.raises(NoSuchStoreError, match="no store of this program") as caught:
        verify(tmp_path)
    assert caught.value.exit_code == 27
    (tmp_path / "USMT.incomplete").mkdir()
    with pytest.raises(NoSuchStoreError, match="incomplete"):
        verify(tmp_path)


def test_reading_a_store_changes_nothing(store: Path) -> None:
    before = {each: each.read_bytes() for each in store.rglob("*") if each.is_file()}
    verify(store)
    assert {each: each.read_bytes() for each in store.rglob("*") if each.is_file()} == before
    assert json.loads(manifest_path(store).read_text("utf-8").splitlines()[0])["version"] == 1


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x20
    path.write_bytes(data)
