"""A disk is scanned, its store made a kit, and the kit replayed by another hand beside a restore of the same store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import sample_images
from extractor.cli.kit import run_kit
from extractor.cli.main import main
from extractor.errors import ColdstateError
from extractor.model import ObjectKind, WinPath
from extractor.restore.plan import STORED
from extractor.store.columns import StoredObject
from extractor.store.opened import open_store
from tests.efs.decoder import decode
from tests.efs.disk import Disk
from tests.efs.people import agent, anna
from tests.efs.secret_files import Content, add_secret, noise
from tests.journeys.applied import compressed
from tests.journeys.journey import scan
from tests.kit.replay import Machine, Replay, plan_of, sums_hold
from tests.restore.build import tree_of

Capture = pytest.CaptureFixture[str]
PREFIX = "S-1-5-21-1004336348-1177238915-682003330"
PEOPLE = {f"{PREFIX}-1001": "anna", f"{PREFIX}-1002": "boris", f"{PREFIX}-1003": "zoe"}
SETTINGS = "outcome = 'stored' AND kind = 'value'"


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("solo") / "store"
    assert scan(store, sample_images.unpack("solo"), "/c") == 3  # one file is in the cloud only
    return store


def kit(*words: object) -> int:
    """Run the command as main does."""
    try:
        return run_kit([str(each) for each in words])
    except ColdstateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def machine_at(folder: Path, **renamed: str) -> Machine:
    profiles = {sid: folder / "Users" / renamed.get(name, name) for sid, name in PEOPLE.items()}
    for each in profiles.values():
        each.mkdir(parents=True)
    return Machine({"C": folder, "D": folder.with_name("another drive")}, profiles)


def replayed(kit: Path, machine: Machine) -> Replay:
    replay = Replay(kit, machine)
    replay.run()
    assert replay.why == {}
    return replay


def restored(store: Path, target: Path, *words: str) -> dict[str, bytes | str | None]:
    """Return the tree of a restore into a folder; streams that lie beside their file there are left out."""
    assert main(["restore", str(store), "--to", str(target), *words]) in {0, 3}
    return {name: each for name, each in tree_of(target).items() if "%3A" not in name}


def test_a_kit_gives_the_tree_the_streams_the_links_and_the_values_of_its_store(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert kit(solo, tmp_path / "kit") == 0
    said = capsys.readouterr().out
    assert "SOLO-PC\\anna must have a profile there" in said
    assert "has not been run on Windows by us" in said
    assert sums_hold(tmp_path / "kit")
    machine = machine_at(tmp_path / "machine")
    replay = replayed(tmp_path / "kit", machine)
    assert tree_of(tmp_path / "machine") == restored(solo, tmp_path / "folder")
    with open_store(solo) as store:
        _check_objects(list(store.objects(STORED)), machine)
        values = [each.record for each in store.objects(SETTINGS)]
    never = {
        row["source"]
        for row in plan_of(tmp_path / "kit")
        if "NeverRestore" in row.get("reason", "")
    }
    values = [each for each in values if str(each.path) not in never]
    assert len(values) > 40
    assert any("ComputerName" in each for each in never)
    for record in values:
        assert record.value
        key = "\\".join((record.path.drive, *record.path.parent.parts)).upper()
        key = key.removeprefix("HKU\\") if "S-1-5-21" in key else key
        found = machine.registry[key][record.value.name.upper()]
        assert found == (record.value.type, record.value.data)
    assert replay.ends.total() == len(plan_of(tmp_path / "kit")) - 2


def _check_objects(objects: list[StoredObject], machine: Machine) -> None:
    links = streams = 0
    for each in objects:
        record = each.record
        shown = f"{record.path.drive}/" + "/".join(record.path.parts)
        if record.kind is ObjectKind.LINK and record.metadata and record.metadata.reparse:
            links += 1
            tag, target = machine.links[shown]
            assert tag == record.metadata.reparse.tag
            path = WinPath.parse(record.metadata.reparse.target)
            if len(path.drive) == 2 and path.parts:
                assert target == f"{path.drive}/" + "/".join(path.parts)
        for stream in each.streams:
            if stream.name and stream.stored_as and (shown, stream.name) in machine.streams:
                streams += 1
                assert len(machine.streams[shown, stream.name]) == stream.size
    assert links > 5
    assert streams == len(machine.streams) > 3


def test_words_for_users_are_those_of_a_restore(solo: Path, tmp_path: Path, capsys: Capture) -> None:  # fmt: skip
    table = tmp_path / "map.csv"
    table.write_text("zoe,zora,S-1-5-21-11-22-33-4444\n")
    words = ["/MU:anna:ann", "--ue", "boris", "--user-map", table, "/lac:hush-hush", "/lae"]
    assert kit(solo, tmp_path / "kit", *words) == 0
    users = (tmp_path / "kit/users.json").read_text()
    assert "hush" not in users + capsys.readouterr().out
    assert "S-1-5-21-11-22-33-4444" in users
    assert '"enable": true' in users
    machine = machine_at(tmp_path / "machine", anna="ann", zoe="zora")
    machine.profiles = {sid: each for sid, each in machine.profiles.items() if each.name != "boris"}
    replayed(tmp_path / "kit", machine)
    wanted = restored(solo, tmp_path / "folder", "/mu:anna:ann", "/mu:zoe:zora", "/ue:boris")
    found = tree_of(tmp_path / "machine")
    del found["Users/boris"]
    assert found == wanted


@pytest.mark.parametrize("form", ["", "wim", "tree"])
def test_a_kit_of_a_compressed_store_is_of_either_form(
    tmp_path: Path, form: str, capsys: Capture
) -> None:
    store = tmp_path / "s" / "store"
    assert compressed(store, sample_images.unpack("solo")) == 3
    words = ["--form", form] if form else []
    assert kit(store, tmp_path / "kit", *words) == 0
    said = capsys.readouterr()
    has_wim = (tmp_path / "kit/store.wim").exists()
    assert has_wim is (form == "wim")  # this disk has names that differ by case only
    assert ("none that Windows makes" in said.err) is (form != "tree")
    assert sums_hold(tmp_path / "kit")
    replayed(tmp_path / "kit", machine_at(tmp_path / "machine"))
    assert tree_of(tmp_path / "machine") == restored(store, tmp_path / "folder")
    if has_wim:
        plain = [each for each in (tmp_path / "kit/contents").rglob("*") if each.is_file()]
        assert len(plain) < 10


def test_a_kit_of_an_encrypted_store_is_plain_and_says_so(
    solo: Path, tmp_path: Path, capsys: Capture
) -> None:
    store = tmp_path / "s" / "store"
    image = sample_images.unpack("solo")
    assert compressed(store, image, "/encrypt", "/key:a good secret") == 3
    assert kit(store, tmp_path / "kit", "--key", "a bad secret") == 37
    assert kit(store, tmp_path / "kit", "--key", "a good secret", "--form", "wim") == 11
    assert not (tmp_path / "kit").exists()
    assert kit(store, tmp_path / "kit", "--key", "a good secret") == 0
    said = capsys.readouterr()
    assert "the kit is not: everybody who has the kit can read it" in said.err
    assert "good secret" not in said.out + said.err
    replayed(tmp_path / "kit", machine_at(tmp_path / "machine"))
    assert tree_of(tmp_path / "machine") == restored(solo, tmp_path / "folder")


def test_an_efs_file_is_imported_under_its_own_name_from_bytes_that_are_in_the_store(
    tmp_path: Path,
) -> None:
    disk = Disk()
    place = ("Users", "anna", "Documents", "secret.bin")
    secret = {"": Content(noise(70_000, "1")), "ads": Content(noise(700, "2"))}
    add_secret(disk, *place, streams=secret, users=[anna()], agents=[agent()])
    store = tmp_path / "store"
    assert scan(store, disk.save(tmp_path / "efs.raw"), "/efs:copyraw", "/c") == 3
    assert kit(store, tmp_path / "kit") == 0
    (row,) = (each for each in plan_of(tmp_path / "kit") if each["kind"] == "efs")
    raw = (store / "USMT/File/C$" / Path(*place)).read_bytes()
    assert (row["names"], row["size"], row["streams"]) == (["Documents", "secret.bin"], len(raw), [])  # fmt: skip
    content = (tmp_path / "kit/contents").joinpath(*row["content"]["names"]).read_bytes()
    assert content == raw
    assert decode(content, anna()) == {name: each.read for name, each in secret.items()}


def test_words_that_make_no_sense_are_refused(solo: Path, tmp_path: Path, capsys: Capture) -> None:
    for words in (["/mu:x"], ["/lae"], ["--form", "zip"], ["--drive", "D:=C:\\x"]):
        assert kit(solo, tmp_path / "kit", *words) == 11, words
    assert kit(solo) == 11
    assert kit(tmp_path, tmp_path / "kit") == 27
    (tmp_path / "full" / "x").mkdir(parents=True)
    assert kit(solo, tmp_path / "full") == 27
    assert kit(solo, solo / "kit") == 11
    assert not (tmp_path / "kit").exists()
    capsys.readouterr()


def test_hostile_names_stay_inside_and_every_object_has_its_row(tmp_path: Path, capsys: Capture) -> None:  # fmt: skip
    store = tmp_path / "s" / "store"
    scan(store, sample_images.unpack("hostile"), "/c")
    outside = sorted(tmp_path.iterdir())
    assert kit(store, tmp_path / "s" / "kit") in {0, 3}
    assert sorted(tmp_path.iterdir()) == outside
    rows = plan_of(tmp_path / "s" / "kit")
    with open_store(store) as opened:
        where = "outcome = 'stored' AND kind != 'account'"
        assert len(rows) - 2 == sum(1 for _ in opened.objects(where))
    for row in rows[1:-1]:
        for name in row.get("names", ()):
            if row["kind"] in {"file", "folder", "hardlink", "link", "efs"}:
                assert name not in {"", ".", ".."}
                assert not set('/\\:*?"<>|\0') & set(name)
    assert "\x1b" not in capsys.readouterr().out
