"""A disk is scanned, its store restored onto a new NTFS volume, and both are compared by our reader."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import sample_images
from extractor.cli.main import main
from extractor.filesystems import walk
from extractor.model import ObjectKind, WinPath
from extractor.restore.acl import rewritten
from extractor.restore.host import SETTABLE
from extractor.restore.journal import FOLDER
from extractor.restore.plan import SETTINGS, STORED
from extractor.restore.steps import Steps
from extractor.store.opened import open_store
from extractor.store.safe_name import safe_name
from sample_images.contents import contents_of
from tests.conftest import need_tool
from tests.filesystems import torture
from tests.journeys.applied import Facts, compressed, facts, nodes, tool
from tests.journeys.applied import opened as volumes_of
from tests.journeys.journey import entries, scan
from tests.restore.build import make_store, tree_of
from tests.restore.test_restoring import SCRIPT

Capture = pytest.CaptureFixture[str]
MIB = 1 << 20
ANNA = "S-1-5-21-1004336348-1177238915-682003330-1001"
NEW = "S-1-5-21-11-22-33-4444"


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("solo") / "store"
    assert scan(store, sample_images.unpack("solo"), "/c") == 3  # one file is in the cloud only
    return store


def restore(*words: object) -> int:
    return main(["restore", *map(str, words)])


def test_every_file_of_contents_toml_is_in_a_folder_and_an_undo_leaves_it_empty(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "out"
    code = restore(solo, "--to", target)
    said = capsys.readouterr().out
    assert "settings: " in said
    assert ".reg in " in said
    contents = [each for each in tree_of(target).values() if isinstance(each, bytes)]
    found = {hashlib.sha256(each).hexdigest() for each in contents}
    for entry in entries(contents_of("solo")):
        if entry.expect == "stored" and entry.kind in {"file", "hardlink"} and entry.recipe.sha256:
            assert entry.recipe.sha256 in found, entry.path
    assert code == 3, said  # some named streams are too large for an attribute and lie beside
    assert restore("--to", target, "--undo") == 0
    assert tree_of(target) == {}


def test_a_dry_run_in_json_is_one_object_a_line(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    code = restore(solo, "--to", tmp_path / "out", "--dry-run", "--json", "/MU:anna:ann", "/lac:hush-hush")  # fmt: skip
    said = capsys.readouterr()
    assert code == 0
    assert "hush" not in said.out + said.err
    rows = [json.loads(line) for line in said.out.splitlines()]
    moved = [row for row in rows if row.get("from", "").startswith("C:\\Users\\anna\\")]
    assert moved
    assert all(row["to"].startswith("Users/ann/") or row["deed"] == "skip" for row in moved)
    assert not (tmp_path / "out").exists()


def test_words_that_make_no_sense_are_refused(solo: Path, tmp_path: Path, capsys: Capture) -> None:
    for words in (["/mu:x"], ["--drive", "D"], ["/lae"], ["--layout", "mac"]):
        assert restore(solo, "--to", tmp_path / "out", *words) == 11, words
    assert restore("--to", tmp_path / "out") == 11
    assert restore(solo) == 11
    assert restore("--to", tmp_path, "--undo") == 27
    assert restore(solo, "--to", solo) == 11
    capsys.readouterr()
    assert restore("--help") == 0
    assert "--undo" in capsys.readouterr().out


def test_a_run_that_is_interrupted_says_how_it_goes_on(
    solo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "put", interrupted)
        assert restore(solo, "--to", tmp_path / "out") == 2
    assert "the same command goes on" in capsys.readouterr().err
    assert restore(solo, "--to", tmp_path / "out") in {0, 3}
    assert "it goes on" in capsys.readouterr().out


def test_a_linux_layout_puts_documents_where_a_desktop_expects_them(
    solo: Path, tmp_path: Path
) -> None:
    restore(solo, "--to", tmp_path, "--layout", "linux", "--ue", "boris")
    assert (tmp_path / "anna/Documents").is_dir()
    assert not (tmp_path / "boris").exists()


@pytest.fixture(scope="module")
def volume(solo: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """A new NTFS volume onto which the store was restored, anna being another there."""
    work = tmp_path_factory.mktemp("ntfs")
    table = work / "map.csv"
    table.write_text(f"anna,ann,{NEW}\n")
    disk = work / "disk.img"
    with torture.made(disk, 256 * MIB) as root:
        code = restore(solo, "--to", root, "--user-map", table)
    return {"disk": disk, "code": code}


def test_attributes_times_acls_streams_and_links_come_back_on_ntfs(
    solo: Path, volume: Mapping[str, Any]
) -> None:
    assert volume["code"] == 0
    differences: list[str] = []
    count = 0
    with volumes_of(volume["disk"]) as applied:
        ((_, target),) = applied.values()
        there = {target.path(each): each for each in walk(target, target.root)}
        for each in nodes(solo):
            place = _place(each.record.path)
            if not place:
                continue
            assert place in there
            count += 1
            differences += _differences(each, facts(target, there[place]))
    assert count == 153
    assert differences == []


TWINS = ("Users", "ann", "Documents", "case twins")
RENAMED = {"Readme.txt": "Readme(1).txt", "readme.txt": "readme(2).txt"}
"""Of names that differ by case, the second and third."""


def _place(path: WinPath) -> tuple[str, ...]:
    parts = path.parts
    if parts[:2] == ("Users", "anna"):
        parts = ("Users", "ann", *parts[2:])
    if parts[:-1] == TWINS:
        parts = (*TWINS, RENAMED.get(parts[-1], parts[-1]))
    return tuple(map(safe_name, parts))


def _differences(
    stored: Any, found: Facts, sids: Mapping[str, str] = MappingProxyType({ANNA: NEW})
) -> Iterator[str]:
    record = stored.record
    about = record.metadata
    told = {
        "created": about.times.created,
        "modified": about.times.modified,
        "accessed": about.times.accessed,
        "attributes": about.attributes & SETTABLE,
    }
    got = {**{name: getattr(found, name) for name in told}, "attributes": found.attributes & SETTABLE}  # fmt: skip
    for name, value in told.items():
        if got[name] != value:
            yield f"{record.path}: {name} {got[name]} instead of {value}"
    if about.security and found.security != rewritten(about.security, sids):
        yield f"{record.path}: security"
    if record.kind is ObjectKind.FILE:
        streams = {each.name: each.sha256 for each in stored.streams if each.stored_as}
        if not streams.items() <= found.streams.items():
            yield f"{record.path}: streams {found.streams} instead of {streams}"
    if record.kind is ObjectKind.LINK and (found.reparse is None) != (about.reparse is None):
        yield f"{record.path}: link"
    if record.short_name and found.short_name != record.short_name:
        yield f"{record.path}: short name {found.short_name!r} instead of {record.short_name!r}"


def test_a_junction_leads_into_the_profile_under_its_new_name(volume: Mapping[str, Any]) -> None:
    with volumes_of(volume["disk"]) as applied:
        ((_, target),) = applied.values()
        links = [each for each in walk(target, target.root) if each.reparse_tag == 0xA0000003]
        targets = {target.path(each): target.metadata(each).reparse for each in links}
    found = targets["Users", "ann", "AppData", "Local", "Application Data"]
    assert found is not None
    assert found.target == "C:\\Users\\ann\\AppData\\Local"


RULES = """<migration urlid="http://example.com/restore">
 <component type="Documents" context="UserAndSystem"><displayName>Documents</displayName><role role="Data">
  <rules context="User">
   <include><objectSet><pattern type="File">%USERPROFILE%\\Documents\\* [*]</pattern></objectSet></include>
   <locationModify script="MigXmlHelper.RelativeMove('%USERPROFILE%\\Documents','%USERPROFILE%\\Papers')">
    <objectSet><pattern type="File">%USERPROFILE%\\Documents\\* [*]</pattern></objectSet></locationModify>
   <merge script="MigXmlHelper.SourcePriority()">
    <objectSet><pattern type="File">%USERPROFILE%\\Documents\\* [*]</pattern></objectSet></merge>
   <merge script="MigXmlHelper.DestinationPriority()">
    <objectSet><pattern type="File">%USERPROFILE%\\Documents\\ [report.docx]</pattern></objectSet></merge>
   <destinationCleanup>
    <objectSet><pattern type="File">%USERPROFILE%\\Old\\* [*]</pattern></objectSet></destinationCleanup>
   <excludeAttributes attributes="TimeFields">
    <objectSet><pattern type="File">%USERPROFILE%\\Documents\\ [report.docx]</pattern></objectSet></excludeAttributes>
  </rules></role></component></migration>""".replace("\\\\", "\\")


def test_rules_of_a_scan_decide_about_the_restore(tmp_path: Path, capsys: Capture) -> None:
    rules = tmp_path / "rules.xml"
    rules.write_text(RULES)
    store = tmp_path / "s" / "store"
    scan(store, sample_images.unpack("solo"), "/c", f"/i:{rules}")
    target = tmp_path / "out"
    mine = {"Users/ann/Papers/report.docx": b"mine", "Users/ann/Old/x": b"old", "Users/ann/y": b"y"}
    for name, content in mine.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    before = tree_of(target)
    restore(store, "--to", target, "/mu:anna:ann")
    said = capsys.readouterr().out
    assert "rules.xml:9: MigXmlHelper.DestinationPriority()" in said
    found = tree_of(target)
    assert found["Users/ann/Papers/report.docx"] == b"mine"
    assert len([name for name in found if name.startswith("Users/ann/Papers/")]) > 10
    assert not [name for name in found if "Documents" in name or "Old" in name]
    assert restore("--to", target, "--undo") == 0
    assert tree_of(target) == before


def test_the_owner_is_the_new_one_to_a_tool_that_is_not_ours(volume: Mapping[str, Any]) -> None:
    need_tool("ntfssecaudit")
    said = tool("ntfssecaudit", "-v", volume["disk"], "Users/ann/Documents/report.docx")
    assert f"Interpreted owner {NEW}" in said
    assert ANNA not in said


INTERFACES = ("streams_interface=windows", "streams_interface=xattr")


@contextmanager
def mounted(disk: Path | str, at: Path, *options: str) -> Iterator[Path]:
    """Have ntfs-3g show a volume for writing."""
    at.mkdir(exist_ok=True)
    line = ",".join(("no_detach", *options))
    command = ["ntfs-3g", str(disk), str(at), "-o", line]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as driver:
        while not at.is_mount():
            assert driver.poll() is None, "ntfs-3g cannot mount it"
            time.sleep(0.02)
        try:
            yield at
        finally:
            tool("umount", at)
            driver.wait(timeout=60)


@pytest.mark.parametrize("remounted", [False, True])
@pytest.mark.parametrize("interface", INTERFACES)
def test_an_undo_leaves_an_ntfs_volume_as_it_was(
    solo: Path, tmp_path: Path, interface: str, remounted: bool
) -> None:
    disk = tmp_path / "disk.img"
    with torture.made(disk, 256 * MIB) as root:
        before = {each.name for each in root.iterdir()}
    with mounted(disk, tmp_path / "mnt", interface) as root:
        code = restore(solo, "--to", root)
        large = 0 if "windows" in interface else 3  # one stream is too large for an attribute
        assert code == large
        assert (root / "Users/anna/Documents/report.docx").exists()
        if not remounted:
            assert restore("--to", root, "--undo") == 0
    with mounted(disk, tmp_path / "mnt", interface) as root:
        if remounted:
            assert restore("--to", root, "--undo") == 0
        assert {each.name for each in root.iterdir()} - {".coldstate-restore"} == before
        assert [each.name for each in root.glob(".coldstate-restore/*/*")] == ["journal.sqlite"]


@pytest.mark.parametrize("looped", [False, True])
def test_a_mount_of_the_evidence_is_refused(tmp_path: Path, looped: bool, capsys: Capture) -> None:
    disk = tmp_path / "disk.img"
    with torture.made(disk, 64 * MIB):
        pass
    (tmp_path / "link to it").symlink_to(disk)
    image = {"images": [{"path": str(tmp_path / "link to it"), "segments": []}]}
    store = make_store(tmp_path / "s" / "store", {"a": b"a"}, image=image)
    with ExitStack() as stack:
        device: Path | str = disk
        if looped:
            command = ["losetup", "--find", "--show", str(disk)]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip("no loop device is to be had")
            device = made.stdout.strip()
            stack.callback(tool, "losetup", "--detach", device)
        root = stack.enter_context(mounted(device, tmp_path / "mnt"))
        before = sorted(root.iterdir())
        assert restore(store, "--to", root) == 11
        assert "is the evidence" in capsys.readouterr().err
        (root / "inside").mkdir()
        assert restore(store, "--to", root / "inside") == 11
        assert sorted(root.iterdir()) == [*before, root / "inside"]


@pytest.mark.parametrize("key", ["", "a good secret"])
def test_a_compressed_and_a_sealed_store_restore_to_the_same(
    solo: Path, tmp_path: Path, key: str
) -> None:
    store = tmp_path / "s" / "store"
    sealed = ("/encrypt", f"/key:{key}") if key else ()
    assert compressed(store, sample_images.unpack("solo"), *sealed) == 3
    words = ("--key", key) if key else ()
    code = restore(solo, "--to", tmp_path / "one")
    assert restore(store, "--to", tmp_path / "two", *words) == code
    assert tree_of(tmp_path / "one") == tree_of(tmp_path / "two")


def test_hostile_names_stay_inside_and_the_ledger_balances(tmp_path: Path) -> None:
    store = tmp_path / "s" / "store"
    scan(store, sample_images.unpack("hostile"), "/c")
    outside = sorted(tmp_path.iterdir())
    assert restore(store, "--to", tmp_path / "s" / "out") in {0, 3}
    assert sorted(tmp_path.iterdir()) == outside
    with open_store(store) as opened_store:
        stored = sum(1 for what in (STORED, SETTINGS) for _ in opened_store.objects(what))
    journal = next((tmp_path / "s" / "out").glob(".coldstate-restore/1/journal.sqlite"))
    with closing(sqlite3.connect(journal)) as told:
        rows = told.execute("SELECT state, count(*) FROM tasks GROUP BY state").fetchall()
    assert sum(count for _, count in rows) == stored
    assert {state for state, _ in rows} <= {"restored", "kept", "skipped", "failed"}
    assert restore("--to", tmp_path / "s" / "out", "--undo") == 0
    assert tree_of(tmp_path / "s" / "out") == {}


def test_a_restore_onto_ntfs_that_was_killed_goes_on(solo: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    with torture.made(disk, 256 * MIB):
        pass
    for after in (5, 40, 100):
        with mounted(disk, tmp_path / "mnt", INTERFACES[0]) as root:
            command = [sys.executable, "-c", SCRIPT, str(solo), str(root), str(after)]
            assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with mounted(disk, tmp_path / "mnt", INTERFACES[0]) as root:
        assert restore(solo, "--to", root) == 0
    with volumes_of(disk) as applied:
        ((_, target),) = applied.values()
        there = {target.path(each): each for each in walk(target, target.root)}
        left = [each for each in there if each and each[-1].startswith(".coldstate-")]
        assert left == [(FOLDER,)]
        for each in nodes(solo):
            place = tuple("anna" if part == "ann" else part for part in _place(each.record.path))
            if place:
                assert list(_differences(each, facts(target, there[place]), {})) == []
