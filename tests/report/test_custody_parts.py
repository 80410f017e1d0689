"""What a custody record is made of: the state of files, sums, and who ran what."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from extractor.model import ImageInfo
from extractor.report import custody_host
from extractor.report.custody_evidence import Evidence
from extractor.report.custody_sums import (
    CATALOG_NAME,
    STORE_NAME,
    file_lines,
    file_sum,
    parse_sums,
    stores_below,
    sum_line,
    sums_of,
)
from extractor.store.manifest import MANIFEST
from extractor.store.place import CATALOG_DIRECTORY, FINAL
from extractor.testing import FakeImage
from tests.conftest import ROOT, need_tool

# --- files of images ------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> FakeImage:
    """An image of two files."""
    files = [tmp_path / name for name in ("disk.001", "disk.002")]
    for file in files:
        file.write_bytes(b"sector")
    found = FakeImage(b"sector" * 2)
    found.info = ImageInfo("disk.001", "split-raw", 12, 512, tuple(map(str, files)))
    return found


def watched(image: FakeImage, change: str) -> tuple[str, ...]:
    file = Path(image.info.segments[1])
    evidence = Evidence()
    with evidence.watching([image], []):
        if change == "write":
            file.write_bytes(b"Sector")
            os.utime(file, ns=(1, 1))
        elif change == "replace":
            file.with_suffix(".new").write_bytes(b"sector")
            file.with_suffix(".new").replace(file)
        elif change == "remove":
            file.unlink()
        elif change == "read":
            file.read_bytes()
    return evidence.changed


def test_a_file_that_is_only_read_is_as_it_was(image: FakeImage) -> None:
    assert watched(image, "read") == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [("write", "written to"), ("replace", "another file"), ("remove", "removed")],
)
def test_a_file_that_changes_meanwhile_is_named(image: FakeImage, change: str, told: str) -> None:
    (sentence,) = watched(image, change)
    assert "disk.002" in sentence
    assert told in sentence


def test_a_run_that_fails_has_looked_again_all_the_same(image: FakeImage) -> None:
    evidence = Evidence()
    with pytest.raises(ZeroDivisionError), evidence.watching([image], []):
        raise ZeroDivisionError
    (segment, _) = evidence.images[0].segments
    assert segment.before == segment.after
    assert segment.after
    assert segment.after.size == 6


# --- sums -----------------------------------------------------------------------------------------


def test_the_names_are_those_of_the_store() -> None:
    assert (STORE_NAME, CATALOG_NAME) == (FINAL, CATALOG_DIRECTORY)
    assert MANIFEST == "manifest.jsonl"


@pytest.mark.parametrize("name", ["a", "a b", "back\\slash", "new\nline", "ret\rurn", "ümlaut", "\udcff"])  # fmt: skip
def test_sha256sum_prints_and_reads_the_same_line(name: str, tmp_path: Path) -> None:
    need_tool("sha256sum")
    (tmp_path / os.fsdecode(os.fsencode(name))).write_bytes(b"x")
    line = os.fsencode(sum_line(file_sum(tmp_path / name) or "", name))
    printed = subprocess.run(
        ["sha256sum", "--", name], cwd=tmp_path, capture_output=True, check=True
    )
    assert printed.stdout == line
    (tmp_path / "sums").write_bytes(line)
    subprocess.run(["sha256sum", "-c", "--strict", "sums"], cwd=tmp_path, check=True)


def test_sums_are_read_as_they_were_written() -> None:
    lines = sum_line("0" * 64, "../USMT/a") + "# comment\n" + sum_line("1" * 64, "b c")
    assert parse_sums(lines) == {"../USMT/a": "0" * 64, "b c": "1" * 64}


def row(**values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def lines_of(tmp_path: Path, *rows: bytes, folder: str = "File") -> list[str]:
    store = tmp_path / "USMT"
    (store / folder).mkdir(parents=True)
    (store / "open-catalog").mkdir()
    (store / "open-catalog" / "manifest.jsonl").write_bytes(b"".join(rows))
    return list(file_lines({"../USMT": store}))


A, B = "a" * 64, "b" * 64


def test_every_file_and_stream_has_one_line(tmp_path: Path) -> None:
    stream = {"name": "s", "sha256": B}
    found = lines_of(
        tmp_path,
        row(kind="file", path="a", sha256=A, streams=[], stored_as="File/C$/a"),
        row(kind="file", path="its twin", sha256=A, streams=[], stored_as="File/C$/a"),
        row(kind="file", path="lost", sha256="", streams=[], stored_as=""),
        row(kind="file", path="b", sha256=A, streams=[stream], stored_as="File/C$/b"),
        row(kind="directory", path="c", sha256="", streams=[stream], stored_as="File/C$/c"),
        row(kind="value", path="v", sha256=B, streams=[], stored_as=""),
    )
    names = ["File/C$/a", "File/C$/b", f"open-catalog/streams/bb/{B}"]
    assert found == [f"{digest}  ../USMT/{name}\n" for digest, name in zip((A, A, B), names, strict=True)]  # fmt: skip


def test_a_name_that_json_escapes_is_exact(tmp_path: Path) -> None:
    (line,) = lines_of(
        tmp_path, row(kind="file", sha256=A, streams=[], stored_as='File/C$/\u200b"sha256":"')
    )
    assert line == f'{A}  ../USMT/File/C$/\u200b"sha256":"\n'


def test_a_hash_that_sha256sum_cannot_make_is_a_comment(tmp_path: Path) -> None:
    hollow = row(kind="file", sha256=f"holes-{A}", streams=[], stored_as="File/C$/disk.vhd")
    (line,) = lines_of(tmp_path, hollow)
    assert line.startswith("# `coldstate store verify` checks")


def test_a_store_without_plain_files_has_no_list(tmp_path: Path) -> None:
    assert lines_of(tmp_path, row(kind="file", sha256=A, stored_as="x"), folder="other") == []


def test_a_manifest_that_is_none_is_a_comment(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, b'{"sha256":"\n')
    assert line == "# the manifest of ../USMT cannot be read\n"


def test_stores_are_found_by_their_catalog_or_their_archives(tmp_path: Path) -> None:
    for name in ("USMT/open-catalog", "a/USMT", "b/USMT/open-catalog", "c/USMT", "d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "c/USMT/store.wim").touch()
    (tmp_path / "e").symlink_to(tmp_path / "b")
    assert list(stores_below(tmp_path, several=False)) == ["../USMT"]
    assert list(stores_below(tmp_path, several=True)) == ["../b/USMT", "../c/USMT", "../e/USMT"]
    assert list(stores_below(tmp_path / "none", several=True)) == []


def test_sums_are_of_plain_files_and_leave_sealed_parts_to_their_own(tmp_path: Path) -> None:
    for name in ("store.wim", "open-catalog/manifest.jsonl", "sealed.sha256", "store.wim.00000.age"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("store.wim")
    assert list(sums_of(tmp_path)) == ["sealed.sha256", "store.wim", "open-catalog/manifest.jsonl"]
    (tmp_path / "sealed.sha256").unlink()
    assert "store.wim.00000.age" in sums_of(tmp_path)


# --- who and what ---------------------------------------------------------------------------------


def test_the_hash_of_the_code_can_be_made_with_common_tools() -> None:
    need_tool("find", "sort", "xargs", "sha256sum")
    told = r"find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
    assert told in (custody_host.code_sha256.__doc__ or "")
    done = subprocess.run(
        told, shell=True, cwd=ROOT / "extractor", capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == custody_host.code_sha256()


def test_every_library_that_is_required_has_its_version() -> None:
    found = custody_host.libraries()
    assert found["lxml"] == version("lxml")
    assert all(found.values())
    assert len(found) >= 15


def test_plug_ins_say_whose_they_are() -> None:
    found = {(each["seam"], each["name"]): each for each in custody_host.plug_ins()}
    assert found["stores", "directory"]["distribution"] == "coldstate"


def test_an_account_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    monkeypatch.setenv("SUDO_USER", "ann")
    assert custody_host.account() == {"name": "", "uid": 3_999_999_999, "sudo_user": "ann"}


def test_only_variables_that_are_no_secret_are_told() -> None:
    given = {"MIG_ENABLE_DIAG": "d.xml", "COLDSTATE_BITLOCKER_KEY": "secret", "HOME": "/root"}
    assert custody_host.variables(given) == {"MIG_ENABLE_DIAG": "d.xml"}
