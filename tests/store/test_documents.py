"""Further files of ``open-catalog``: written as given, proved by the manifest's header and by SHA256SUMS."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from extractor.store.directory import DirectoryStore
from extractor.store.manifest import read_manifest
from extractor.store.verify import Verification, verify_store
from tests.conftest import need_tool

TEXT = b"<Configuration/>\n"
NAME = "open-catalog/ProfileControl.xml"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with DirectoryStore(tmp_path / "s") as writer:
        writer.finish({"tool": "test"}, {}, (), {"ProfileControl.xml": TEXT, "empty": b""})
    return tmp_path / "s"


def verify(store: Path) -> Verification:
    return verify_store(store, lambda _: None)


def test_documents_stand_beside_the_catalog_and_in_the_header(store: Path) -> None:
    assert (store / "USMT" / NAME).read_bytes() == TEXT
    header = next(iter(read_manifest(store)))
    assert header["documents"] == {
        "ProfileControl.xml": hashlib.sha256(TEXT).hexdigest(),
        "empty": hashlib.sha256(b"").hexdigest(),
    }
    assert verify(store).intact


def test_sha256sum_proves_them_without_us(store: Path) -> None:
    need_tool("sha256sum")
    folder = store / "USMT" / "open-catalog"
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True, capture_output=True
    )
    assert done.stdout.decode().splitlines() == [
        "catalog.sqlite: OK", "manifest.jsonl: OK", "ProfileControl.xml: OK", "empty: OK",
    ]  # fmt: skip


def test_a_changed_document_and_a_missing_one_are_named(store: Path) -> None:
    (store / "USMT" / NAME).write_bytes(b"<Configuration></Configuration>")
    (store / "USMT/open-catalog/empty").unlink()
    found = verify(store)
    assert found.changed == (NAME,)
    assert found.missing == ("open-catalog/empty",)


def test_a_document_that_only_the_sums_know_is_extra_and_the_sums_are_changed(store: Path) -> None:
    folder = store / "USMT" / "open-catalog"
    (folder / "evil.xml").write_bytes(b"")
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(b'').hexdigest()}  evil.xml\n")
    found = verify(store)
    assert found.changed == ("open-catalog/SHA256SUMS",)
    assert found.extra == ("open-catalog/evil.xml",)


def test_a_document_whose_line_was_taken_from_the_sums_is_missed(store: Path) -> None:
    sums = store / "USMT" / "open-catalog" / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines(keepends=True) if "Profile" not in line]
    sums.write_text("".join(lines))
    assert verify(store).changed == ("open-catalog/SHA256SUMS",)


def test_a_store_without_documents_says_nothing_of_them(tmp_path: Path) -> None:
    with DirectoryStore(tmp_path / "s") as writer:
        writer.finish({}, {})
    assert "documents" not in next(iter(read_manifest(tmp_path / "s")))
    assert verify(tmp_path / "s").intact
