"""From a disk to a store to files again: every byte that contents.toml promises, and what a store is compared with."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import sample_images
from extractor.cli.main import main
from extractor.model import WinPath
from extractor.store.listing import listing
from extractor.store.opened import open_store
from extractor.store.safe_name import safe_name
from sample_images.contents import Entry, contents_of
from tests.journeys.journey import entries, scan

TWIN = re.compile(r"~[0-9a-f]{16}(?=\.|\Z)")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("solo") / "store"
    assert scan(store, sample_images.unpack("solo"), "/c") == 3  # one file is in the cloud only
    return store


def run(*words: object) -> int:
    return main(["store", *map(str, words)])


def stored_entries() -> Iterator[Entry]:
    return (each for each in entries(contents_of("solo")) if each.expect == "stored")


def test_extracted_files_and_streams_have_the_hashes_of_contents_toml(
    solo: Path, tmp_path: Path
) -> None:
    assert run("extract", solo, tmp_path / "out") == 0
    found = hashes(tmp_path / "out")
    checked = 0
    for entry in stored_entries():
        if entry.kind not in {"file", "hardlink"}:
            continue
        for name, recipe in (("", entry.recipe), *entry.streams):
            if recipe.sha256:
                assert recipe.sha256 in found[leaf(entry.path[-1], name)], (entry.path, name)
                checked += 1
    assert checked > 40


def hashes(out: Path) -> dict[str, set[str]]:
    """Return the hashes of all files by their name, without the hash that a twin has in it."""
    found: dict[str, set[str]] = {}
    for each in out.rglob("*"):
        if each.is_file():
            digest = hashlib.sha256(each.read_bytes()).hexdigest()
            found.setdefault(TWIN.sub("", each.name), set()).add(digest)
    return found


def leaf(name: str, stream: str) -> str:
    return TWIN.sub("", safe_name(f"{name}:{stream}" if stream else name))


def test_a_listing_has_all_that_contents_toml_expects(solo: Path) -> None:
    with open_store(solo) as store:
        listed = {each.path for each in listing(store)}
    expected = {WinPath("C:", entry.path) for entry in stored_entries()}
    assert expected - listed == set()


def test_a_stream_and_a_registry_value_are_printed_exactly(
    solo: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("cat", solo, "C:\\Users\\anna\\Documents\\report.docx:Zone.Identifier") == 0
    assert capfdbinary.readouterr().out.startswith(b"[ZoneTransfer]")
    name = "HKLM\\System\\CurrentControlSet\\Control\\ComputerName\\ComputerName [ComputerName]"
    assert run("cat", solo, name) == 0
    assert capfdbinary.readouterr().out == "SOLO-PC\0".encode("utf-16-le")


def test_a_file_that_is_only_in_the_cloud_says_so(solo: Path, capsys: Capture) -> None:
    with open_store(solo) as store:
        [lost] = [each for each in listing(store, every=True) if each.outcome == "not-stored"]
    assert run("cat", solo, lost.path) == 11
    assert "is not in the store: not-stored" in capsys.readouterr().err


def test_a_store_does_not_differ_from_the_disk_that_it_was_made_of(
    solo: Path, capsys: Capture
) -> None:
    assert run("diff", solo, sample_images.unpack("solo")) == 0
    assert " 0 only in the first, 0 only in the second, 0 changed" in capsys.readouterr().out


def test_a_disk_that_changed_since_is_told_by_file_and_fact(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    image = tmp_path / "changed.raw"
    shutil.copyfile(sample_images.unpack("solo"), image)
    wanted = (solo / "USMT/File/C$/Users/anna/Documents/report.docx").read_bytes()[4096:8192]
    with image.open("r+b") as file:
        at = file.read().index(wanted)
        file.seek(at)
        file.write(b"changed since")
    assert run("diff", solo, image, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    [only] = found["differences"]
    assert only["path"] == "C:\\Users\\anna\\Documents\\report.docx"
    assert [change["fact"] for change in only["changes"]] == ["content"]


def test_a_store_of_another_machine_is_wholly_different(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert scan(tmp_path / "store", sample_images.unpack("hostile"), "/c") == 3
    assert run("diff", solo, tmp_path / "store") == 1
    text = capsys.readouterr().out
    assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff\r")


def test_the_hostile_disk_is_extracted_whole_and_inside(tmp_path: Path, capsys: Capture) -> None:
    store, out = tmp_path / "store", tmp_path / "a/b/out"
    assert scan(store, sample_images.unpack("hostile"), "/c") == 3
    assert run("extract", store, out) == 0
    text = capsys.readouterr().out
    assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff\r")
    with open_store(store) as opened:
        found = list(listing(opened, streams=True))
    wanted = [each.sha256 for each in found if each.kind == "file"]
    wanted += [stream.sha256 for each in found for stream in each.streams]
    made = [each for each in out.rglob("*") if each.is_file()]
    assert sorted(hashlib.sha256(each.read_bytes()).hexdigest() for each in made) == sorted(wanted)
    assert {each.name for each in tmp_path.iterdir()} == {"store", "a"}
    assert {each.name for each in (tmp_path / "a/b").iterdir()} == {"out"}
    assert run("ls", store, "--long") == run("tree", store) == 0
    text = capsys.readouterr().out
    assert not set(text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff\r")


def test_a_damaged_store_costs_the_damaged_file_only(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    store = tmp_path / "store"
    shutil.copytree(solo, store)
    victim = store / "USMT/File/C$/Users/boris/Desktop/todo.txt"
    victim.write_bytes(victim.read_bytes() + b"!")
    assert run("extract", store, tmp_path / "out") == 42
    out = capsys.readouterr().out
    assert out.count("failed: ") == 1
    assert "failed: C:\\Users\\boris\\Desktop\\todo.txt: its bytes are not those" in out
    assert not (tmp_path / "out/C$/Users/boris/Desktop/todo.txt").exists()
    assert (tmp_path / "out/C$/Users/anna/Documents/report.docx").exists()
