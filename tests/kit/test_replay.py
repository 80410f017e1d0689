"""A kit, replayed by another hand, gives what the store holds: the same tree, streams, links, values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.errors import CorruptStoreError, StoreError, StoreLocationError, UsageError
from extractor.kit.making import Kit, KitWish, make_kit
from extractor.kit.objects import NOT_JOINED
from extractor.kit.papers import HONEST, README, SCRIPT
from extractor.model import Instruction, Reparse
from extractor.restore.people.words import UserWords, parse_mu
from extractor.store.opened import open_store
from extractor.testing import FakeFile
from tests.kit.replay import Machine, Replay, plan_of, sums_hold
from tests.restore.build import FILES, WHEN, make_store, merge, times, tree_of
from tests.restore.people.test_users import ANNA, BOB, EVE, HEADER

PEOPLE = {BOB: "bob", EVE: "eve", ANNA: "anna.CONTOSO"}


def kit_of(store: Path, out: Path, form: str = "", users: UserWords | None = None) -> Kit:
    with open_store(store) as opened:
        return make_kit(opened, KitWish(out, form, users or UserWords()))


def machine_at(folder: Path, names: Mapping[str, str] = PEOPLE, **more: Any) -> Machine:
    """Return a machine whose system drive is a folder; profiles are made where they are missing."""
    profiles = {sid: folder / "Users" / name for sid, name in names.items()}
    for each in profiles.values():
        each.mkdir(parents=True, exist_ok=True)
    return Machine({"C": folder}, profiles, **more)


def replayed(kit: Path, machine: Machine) -> Replay:
    replay = Replay(kit, machine)
    replay.run()
    return replay


def restored(store: Path, target: Path) -> dict[str, bytes | str | None]:
    """Return the tree of a restore into a folder, without the streams that it had to put beside their files."""
    assert main(["restore", str(store), "--to", str(target)]) in {0, 3}
    return {name: each for name, each in tree_of(target).items() if "%3A" not in name}


def test_a_kit_gives_the_tree_that_a_restore_gives(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    kit = kit_of(store, tmp_path / "kit")
    assert (kit.form, kit.exit_code, kit.refused) == ("tree", 0, [])
    machine = machine_at(tmp_path / "machine")
    replay = replayed(tmp_path / "kit", machine)
    wanted = restored(store, tmp_path / "folder")
    wanted.setdefault("Users/anna.CONTOSO", None)  # that user has nothing in the store
    assert tree_of(tmp_path / "machine") == wanted
    assert replay.why == {}
    assert machine.streams["C:/Users/bob/Documents/a.txt", "Zone.Identifier"] == b"[ZoneTransfer]"
    assert machine.links == {"C:/Users/bob/junction": (0xA0000003, "C:/Users/bob/Documents")}
    one, two = (tmp_path / "machine/Users/bob/Documents" / name for name in ("a.txt", "second"))
    assert one.stat().st_ino == two.stat().st_ino
    assert machine.times["C:/Users/bob/Documents/a.txt"] == [WHEN] * 4


def test_profiles_are_where_the_other_windows_has_them(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    kit_of(store, tmp_path / "kit", users=UserWords((parse_mu("bob:NEW\\robert"),)))
    users = {each["sid"]: each for each in json.loads((tmp_path / "kit/users.json").read_text())["users"]}  # fmt: skip
    told = {name: users[BOB][name] for name in ("was", "name", "domain", "local", "told_sid")}
    assert told == {"was": "DESK\\bob", "name": "robert", "domain": "NEW", "local": False, "told_sid": ""}  # fmt: skip
    machine = machine_at(tmp_path / "machine", {**PEOPLE, BOB: "robert.NEW"})
    replayed(tmp_path / "kit", machine)
    assert (tmp_path / "machine/Users/robert.NEW/Documents/a.txt").read_bytes() == b"alpha"
    assert not (tmp_path / "machine/Users/bob").exists()
    assert machine.links["C:/Users/robert.NEW/junction"][1] == "C:/Users/robert.NEW/Documents"


def test_without_a_profile_the_files_of_that_user_fail_and_others_come(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    kit_of(store, tmp_path / "kit")
    replay = replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {EVE: "eve"}))
    assert set(replay.why.values()) == {"no profile"}
    assert all(source.startswith("C:\\Users\\bob") for source in replay.why)
    assert (tmp_path / "machine/Users/eve/Desktop/b.doc").read_bytes() == b"beta"


def test_users_that_are_left_out_are_skipped_and_not_in_the_list(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    kit = kit_of(store, tmp_path / "kit", users=UserWords(exclude=("bob",)))
    assert kit.deeds["skip"] > 5
    assert kit.exit_code == 0
    assert BOB not in (tmp_path / "kit/users.json").read_text()
    replay = replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {EVE: "eve"}))
    assert replay.why == {}


CALLS = ["SourcePriority()", "DestinationPriority()", "FindFilePlaceByPattern('<F> (<N>).<E>')", ""]


@pytest.mark.parametrize("call", CALLS)
def test_a_name_that_is_taken_is_met_as_a_restore_meets_it(tmp_path: Path, call: str) -> None:
    rules = [merge(call, "C:\\Users\\bob\\* [*]")] if call else []
    store = make_store(tmp_path / "store", instructions=rules)
    kit_of(store, tmp_path / "kit")
    mine = {"Users/bob/Documents/a.txt": b"mine", "Users/bob/Documents/report.doc": b"report" * 1000}  # fmt: skip
    for place in ("machine", "folder"):
        for name, content in mine.items():
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_bytes(content)
    machine = machine_at(tmp_path / "machine", {BOB: "bob", EVE: "eve"})
    replay = replayed(tmp_path / "kit", machine)
    assert tree_of(tmp_path / "machine") == restored(store, tmp_path / "folder")
    assert replay.ends["kept"] >= 1
    assert (machine.aside == ["C:/Users/bob/Documents/a.txt"]) is (call == "SourcePriority()")


def test_names_that_differ_by_case_and_names_of_devices_are_those_of_a_restore(
    tmp_path: Path,
) -> None:
    files: dict[str, bytes] = {
        "Users\\bob\\Read.txt": b"one", "Users\\bob\\read.txt": b"two", "Users\\bob\\NUL.txt": b"three",
        "Users\\bob\\dot.": b"four", "Users\\bob\\Sub\\x": b"five", "Users\\bob\\SUB\\y": b"six", "..\\up": b"seven",
    }  # fmt: skip
    store = make_store(tmp_path / "store", files)
    kit_of(store, tmp_path / "kit")
    replay = replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {BOB: "bob"}))
    assert replay.why == {}
    assert tree_of(tmp_path / "machine") == restored(store, tmp_path / "folder")


def test_a_rule_that_moves_files_moves_them_into_the_profile_of_now(tmp_path: Path) -> None:
    call = "RelativeMove('C:\\Users\\bob\\Documents','C:\\Users\\bob\\Papers')"
    rule = merge(call, "C:\\Users\\bob\\Documents\\* [*]", kind="locationModify")
    store = make_store(tmp_path / "store", instructions=[rule])
    kit_of(store, tmp_path / "kit")
    replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {BOB: "robert", EVE: "eve"}))
    assert (tmp_path / "machine/Users/robert/Papers/a.txt").read_bytes() == b"alpha"
    row = next(each for each in plan_of(tmp_path / "kit") if each.get("names") == ["Papers", "a.txt"])  # fmt: skip
    assert "rules.xml:1: locationModify" in row["why"]


def test_a_file_that_gives_way_hands_on_what_keep_existing_says(tmp_path: Path) -> None:
    call = "KeepExisting('Security','FileAttrib:H')"
    rule = merge(call, "C:\\Users\\bob\\* [*]", kind="contentModify")
    store = make_store(tmp_path / "store", instructions=[rule])
    kit_of(store, tmp_path / "kit")
    rows = [each for each in plan_of(tmp_path / "kit") if each["kind"] == "file"]
    found = [each["keep"] for each in rows if each["base"] == f"profile:{BOB}"]
    assert found
    assert all(each == {"security": True, "times": False, "attributes": 2} for each in found)


def test_files_that_only_never_restore_took_are_skipped_and_told(tmp_path: Path) -> None:
    pattern = ("File", "C:\\Users\\bob\\Documents\\* [*.doc]")
    deep = ("File", "C:\\Users\\bob\\AppData\\* [*]")
    call = "MigXmlHelper.NeverRestore()"
    never = Instruction("include", call, "", "a/never/System", "rules.xml:7", (pattern, deep))
    store = make_store(tmp_path / "store", instructions=[never])
    kit = kit_of(store, tmp_path / "kit")
    told = [each for each in plan_of(tmp_path / "kit") if "NeverRestore" in each.get("reason", "")]
    assert {each["kind"] for each in told} == {"file", "folder"}
    assert (kit.exit_code, kit.deeds["skip"], {each["deed"] for each in told}) == (0, len(told), {"skip"})  # fmt: skip
    replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {BOB: "bob", EVE: "eve"}))
    found = tree_of(tmp_path / "machine")
    assert "Users/bob/Documents/a.txt" in found
    assert not any("AppData" in name or "report.doc" in name for name in found)
    assert found == restored(store, tmp_path / "folder")


def test_a_library_that_a_kit_does_not_join_comes_as_it_was_stored_and_says_so(tmp_path: Path) -> None:  # fmt: skip
    rules = [
        merge("MergeShellLibraries()", "C:\\Users\\bob\\Documents\\* [a.txt]", kind="contentModify"),
        merge("OffsetValue('1')", "C:\\Users\\bob\\Documents\\* [*.doc]", kind="contentModify", line=2),
    ]  # fmt: skip
    store = make_store(tmp_path / "store", instructions=rules)
    kit = kit_of(store, tmp_path / "kit")
    lost = {each["source"]: each["lost"] for each in plan_of(tmp_path / "kit") if each.get("lost")}
    assert lost == {"C:\\Users\\bob\\Documents\\a.txt": f"MergeShellLibraries: {NOT_JOINED}"}
    assert [note for note in kit.notes if note.startswith("rules.xml:2")]


def test_a_file_has_one_place_in_a_kit_where_a_restore_makes_two(tmp_path: Path) -> None:
    pattern = ("File", "C:\\Users\\bob\\Documents\\* [a.txt]")
    call = "MigXmlHelper.ExactMove('C:\\Data')"
    rules = [
        Instruction("include", "", "", "a/one/System", "rules.xml:7", (pattern,)),
        Instruction("locationModify", call, "", "a/two/System", "rules.xml:8", (pattern,)),
    ]
    store = make_store(tmp_path / "store", instructions=rules)
    kit_of(store, tmp_path / "kit")
    replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {BOB: "bob", EVE: "eve"}))
    mine, wanted = tree_of(tmp_path / "machine"), restored(store, tmp_path / "folder")
    assert set(wanted) - set(mine) == {"Data/a.txt"}
    assert set(mine) <= set(wanted)


# --- contents -------------------------------------------------------------------------------------


def test_each_content_is_there_once_and_named_by_its_hash(tmp_path: Path) -> None:
    third = FakeFile(b"own", streams={"s": b"same"})
    files: dict[str, bytes | FakeFile] = {"a": b"same", "b": b"same", "Users\\bob\\c": third}
    store = make_store(tmp_path / "store", files)
    kit_of(store, tmp_path / "kit")
    found = [each for each in (tmp_path / "kit/contents").rglob("*") if each.is_file()]
    assert len(found) == 2
    for each in found:
        assert each.name == hashlib.sha256(each.read_bytes()).hexdigest()
        assert each.parent.name == each.name[:2]
    assert sums_hold(tmp_path / "kit")


def test_the_same_store_gives_the_same_kit(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    for name in ("one", "two"):
        kit_of(store, tmp_path / name)
    one, two = tree_of(tmp_path / "one"), tree_of(tmp_path / "two")
    assert one == two


def test_a_content_of_the_kit_that_was_changed_is_not_restored(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    kit_of(store, tmp_path / "kit")
    digest = hashlib.sha256(b"beta").hexdigest()
    (tmp_path / "kit/contents" / digest[:2] / digest).write_bytes(b"evil")
    replay = replayed(tmp_path / "kit", machine_at(tmp_path / "machine"))
    assert replay.why == {"C:\\Users\\eve\\Desktop\\b.doc": "its bytes are not those that were stored"}  # fmt: skip
    assert not sums_hold(tmp_path / "kit")


def test_a_content_of_the_store_that_was_changed_is_named_and_the_others_come(tmp_path: Path) -> None:  # fmt: skip
    store = make_store(tmp_path / "store")
    (store / "USMT/File/C$/Users/eve/Desktop/b.doc").write_bytes(b"evil")
    kit = kit_of(store, tmp_path / "kit")
    assert kit.exit_code == 42
    assert [source for source, _ in kit.refused] == ["C:\\Users\\eve\\Desktop\\b.doc"]
    assert "are not those that were stored" in kit.refused[0][1]
    replay = replayed(tmp_path / "kit", machine_at(tmp_path / "machine"))
    assert (tmp_path / "machine/Users/bob/Documents/a.txt").read_bytes() == b"alpha"
    assert replay.ends["failed"] == 1


def test_a_link_that_no_restore_makes_is_named(tmp_path: Path) -> None:
    cloud = FakeFile(directory=True, reparse=Reparse(0x9000001A, b"cloud"), times=times())
    store = make_store(tmp_path / "store", {"Users\\bob\\OneDrive": cloud})
    kit = kit_of(store, tmp_path / "kit")
    assert kit.exit_code == 3
    assert kit.refused[0][0] == "C:\\Users\\bob\\OneDrive"
    assert "no link" in kit.refused[0][1]


# --- places ---------------------------------------------------------------------------------------


def test_a_place_that_is_taken_or_in_the_store_is_refused_in_a_sentence(tmp_path: Path) -> None:
    store = make_store(tmp_path / "s" / "store")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "file").touch()
    before = tree_of(tmp_path)
    for out, error, text in (
        (tmp_path / "full", StoreLocationError, "not empty"),
        (tmp_path / "file", StoreLocationError, "no folder"),
        (tmp_path / "none" / "out", StoreLocationError, "is no folder"),
        (store / "out", UsageError, "in the store"),
        (store, UsageError, "in the store"),
        (tmp_path / "s", UsageError, "holds the store"),
    ):
        with pytest.raises(error, match=text):
            kit_of(store, out)
    assert tree_of(tmp_path) == before


def test_an_empty_folder_is_taken_and_a_kit_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path / "store")
    (tmp_path / "kit").mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("extractor.kit.making.write_sums", full)
        with pytest.raises(StoreError, match="No space left"):
            kit_of(store, tmp_path / "kit")
    assert list((tmp_path / "kit").iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kit", "store"]
    kit_of(store, tmp_path / "kit")
    assert (tmp_path / "kit" / SCRIPT).exists()


def test_a_kit_that_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    store = make_store(tmp_path / "store")
    monkeypatch.setattr("extractor.kit.place.free_bytes", lambda _: 1000)
    with pytest.raises(StoreError, match="make room"):
        kit_of(store, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_a_header_whose_users_have_no_sid_is_a_corrupt_store(tmp_path: Path) -> None:
    users = [{**each, "sid": "..\\.."} for each in _people()[:1]]
    store = make_store(tmp_path / "store", users=users)
    with pytest.raises(CorruptStoreError, match="is no SID"):
        kit_of(store, tmp_path / "kit")


def test_a_store_without_a_wim_makes_no_kit_with_one(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    with pytest.raises(UsageError, match="no WIM"):
        kit_of(store, tmp_path / "kit", "wim")


# --- papers ---------------------------------------------------------------------------------------


def test_the_page_says_that_nobody_ran_the_script_and_lines_end_as_on_windows(tmp_path: Path) -> None:  # fmt: skip
    store = make_store(tmp_path / "store")
    kit_of(store, tmp_path / "kit", users=UserWords(create_accounts=True))
    page = (tmp_path / "kit" / README).read_bytes()
    assert HONEST.encode() in page
    assert b"-CreateLocalUsers makes this user, disabled" in page
    for word in (
        b"NeverRestore",
        b"remap",
        b"MergeShellLibraries",
        b"second place",
        b"binary values",
    ):
        assert word in page
    script = (tmp_path / "kit" / SCRIPT).read_bytes()
    for text in (page, script):
        assert text.count(b"\r\n") == text.count(b"\n") > 40
    assert b"bob" not in script.replace(b"DESK\\bob", b"")


def change_group(source: str, target: str, applies: str, include: Sequence[str]) -> Instruction:
    said = {"from": source, "to": target, "appliesTo": applies, "include": include, "exclude": ["*\\eve"]}  # fmt: skip
    return Instruction("localGroups", json.dumps(said), "", "", "Config.xml:3")


def test_local_groups_of_a_config_xml_are_in_the_list_of_users(tmp_path: Path) -> None:
    rules = [
        change_group("*", "Users", "AllUsers", ["DESK\\*"]),
        change_group("Power Users", "Staff", "MigratedUsers", ["*\\*"]),
        change_group("Nobody", "Admins", "MigratedUsers", ["*\\*"]),
        change_group("*", "Admins", "NonmigratedUsers", ["*\\*"]),
        Instruction("localGroups", "[1]", "", "", "Config.xml:9"),
    ]
    users = [{**each, "groups": ["Power users"]} for each in _people()]
    store = make_store(tmp_path / "store", instructions=rules, users=users)
    kit = kit_of(store, tmp_path / "kit")
    rows = json.loads((tmp_path / "kit/users.json").read_text())["users"]
    groups = {each["sid"]: each["groups"] for each in rows}
    assert groups == {BOB: ["Staff", "Users"], EVE: [], ANNA: ["Staff"]}
    assert any("Config.xml:9" in note for note in kit.notes)


def _people() -> list[dict[str, Any]]:
    return [each for each in HEADER["users"] if isinstance(each, dict)]


def test_the_files_of_these_tests_are_more_than_a_few() -> None:
    assert len(FILES) > 8
