r"""Rules and a Config.xml given at load: whose instructions count, what they are expanded with, what does not come."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from extractor.errors import ConfigAsRulesError, ConfigFileError, RuleFileError, UsageError
from extractor.model import (
    Instruction,
    ObjectKind,
    OutcomeKind,
    Record,
    RegistryValue,
    WinPath,
)
from extractor.restore.people.folders import SHELL_FOLDERS
from extractor.restore.people.users import map_users
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.rules.asked import Asked, read_instructions
from extractor.restore.rules.load_rules import Chosen, chosen_instructions
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.rebuilt import rebuilt_scene
from extractor.restore.rules.screening import Screen
from extractor.restore.view import View
from extractor.rules.config import load_config
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from extractor.store.tree import open_tree
from extractor.testing import FakeFile
from tests.restore.build import make_store, merge
from tests.restore.people.test_users import BOB, EVE, HEADER
from tests.restore.rules.test_cleanup import shortcut

RULES = r"""<migration urlid="http://example.com/load">
 <component type="Documents" context="UserAndSystem"><displayName>Docs</displayName><role role="Data">
  <detection><conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\nowhere")</condition></conditions></detection>
  <rules context="User">
   <include filter="MigXmlHelper.NeverRestore()">
    <objectSet><pattern type="File">%USERPROFILE%\Docs\ [*.tmp]</pattern></objectSet></include>
   <include><objectSet><pattern type="File">%USERPROFILE%\Docs\* [*]</pattern></objectSet></include>
   <merge script="MigXmlHelper.SourcePriority()">
    <objectSet><pattern type="File">%CSIDL_PERSONAL%\* [*]</pattern></objectSet></merge>
   <processing when="post-apply"><script>MigXmlHelper.KillExplorer()</script></processing>
  </rules></role></component></migration>"""


def rule(kind: str, source: str, component: str = "u/c/data") -> Instruction:
    place = (("File", r"C:\* [*]"),)
    return Instruction(kind, "MigXmlHelper.SourcePriority()", "", component, source, place)


def chosen(
    tmp_path: Path,
    stored: Sequence[Instruction],
    *files: Path,
    config: Path | None = None,
    **header: object,
) -> Chosen:
    store = make_store(tmp_path / "s" / "store", {"a": b"a"}, stored, **header)
    with open_store(store) as opened:
        return chosen_instructions(read_instructions(opened.catalog), files, opened, config)


def written(folder: Path, text: str = RULES, name: str = "rules.xml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


STORED = (
    rule("merge", "old/rules.xml:3"),
    rule("merge", "old/other.xml:4"),
    Instruction("users", "{}", source="Config.xml:2"),
)


def test_without_words_all_that_the_scan_kept_counts(tmp_path: Path) -> None:
    assert set(chosen(tmp_path, STORED).instructions) == set(STORED)


def test_a_file_that_the_scan_read_has_its_instructions_in_the_store(tmp_path: Path) -> None:
    path = written(tmp_path, name="renamed since.xml")
    digest = sha256(path.read_bytes()).hexdigest()
    files = {"old/rules.xml": digest, "old/other.xml": "0" * 64}
    found = chosen(tmp_path, STORED, path, path, rule_files=files)
    assert set(found.instructions) == {STORED[0], STORED[2]}
    assert found.notes == ()


def test_of_a_store_that_tells_no_hash_the_name_of_the_file_decides(tmp_path: Path) -> None:
    found = chosen(tmp_path, STORED, written(tmp_path))
    assert set(found.instructions) == {STORED[0], STORED[2]}
    [note] = found.notes
    assert "taken for the rules.xml of the scan" in note


def test_a_file_that_the_scan_did_not_read_is_met_with_what_the_store_tells(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = chosen(tmp_path, STORED, path, rule_files={"old/rules.xml": "0" * 64})
    merges = [each for each in found.instructions if each.kind == "merge"]
    assert {(each.scope, each.patterns) for each in merges if each.scope in {BOB, EVE}} == {
        (BOB, (("File", r"C:\Users\bob\Documents\* [*]"),)),
        (EVE, (("File", r"C:\Users\eve\Documents\* [*]"),)),
    }
    assert {each.source for each in merges} == {f"{path}:8"}
    assert {each.kind for each in found.instructions} == {"include", "merge", "skipped", "users"}
    assert "not read by the scan" in found.notes[0]
    includes = [each for each in found.instructions if each.kind == "include" and each.scope == BOB]
    assert {(each.text, each.component) for each in includes} == {
        ("MigXmlHelper.NeverRestore()", "http://example.com/load/docs/data"),
        ("", "http://example.com/load/docs/data"),
    }


CONFIG = """<Configuration>
 <Documents><component displayname="Docs" migrate="no" ID="u/c/data"/></Documents>
 <ProfileControl><users><user from="bob" to="rob"/></users></ProfileControl>
</Configuration>"""

BAD: list[tuple[str, type[UsageError], int]] = [
    ("<migration urlid='x'", RuleFileError, 28),
    ("<other/>", RuleFileError, 28),
    (CONFIG, ConfigAsRulesError, 26),
    ('<!DOCTYPE a [<!ENTITY b "c">]><migration urlid="x"/>', RuleFileError, 28),
]


@pytest.mark.parametrize(("text", "error", "code"), BAD)
def test_a_file_that_is_no_migxml_is_refused_with_usmts_code(
    text: str, error: type[UsageError], code: int, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        chosen(tmp_path, (), written(tmp_path, text), rule_files={"x": "0"})
    assert caught.value.exit_code == code


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="cannot be read"):
        chosen(tmp_path, (), tmp_path / "none.xml")
    with pytest.raises(ConfigFileError, match="cannot be read"):
        chosen(tmp_path / "x", (), config=tmp_path / "none.xml")


def test_a_config_takes_the_place_of_the_scans_and_drops_what_its_components_ask(
    tmp_path: Path,
) -> None:
    kept = rule("merge", "old/rules.xml:9", "u/other/data")
    found = chosen(tmp_path, (*STORED, kept), config=written(tmp_path, CONFIG, "Config.xml"))
    assert [each for each in found.instructions if each.kind == "merge"] == [kept]
    [user] = [each for each in found.instructions if each.kind == "users"]
    assert '"to": "rob"' in user.text
    assert any("does not say which component" in note for note in found.notes)


# --- what the store tells of the old machine ------------------------------------------------------


def test_variables_are_those_of_the_old_machine(tmp_path: Path) -> None:
    windows = {"system_root": r"D:\Win", "version": "10.0", "build": "19045", "arch": "x86"}
    windows["computer"] = "DESK"
    store = make_store(tmp_path / "store", {"a": b"a"}, windows=windows)
    with open_store(store) as opened:
        users = [each.user for each in map_users(HEADER, UserWords()).persons]
        scene = rebuilt_scene(opened, users)
    assert scene.variables["CSIDL_WINDOWS"] == r"D:\Win"
    assert (scene.version, scene.is_64bit) == ("10.0.19045.0", False)
    bob = next(each.variables for each in scene.profiles if each.user.sid == BOB)
    assert bob["CSIDL_PERSONAL"] == r"C:\Users\bob\Documents"
    assert (bob["USERNAME"], bob["USERDOMAIN"], bob["HOMEPATH"]) == ("bob", "DESK", r"\Users\bob")


def test_a_known_folder_is_where_the_stored_registry_says(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with DirectoryStore(store) as writer:
        for key, value, text in (
            (("HKU", BOB, *SHELL_FOLDERS), "Personal", r"%USERPROFILE%\Papers"),
            (("HKU", BOB, "Software", "Classes", ".x"), "", "own"),
            (("HKLM", "SYSTEM", "CurrentControlSet", "Control"), "v", "current"),
            (("HKLM", "SOFTWAREX"), "v", "another hive"),
        ):
            data = RegistryValue(value, 2, f"{text}\0".encode("utf-16-le"))
            path = WinPath(key[0], (*key[1:], f"[{value}]"))
            row = Record(ObjectKind.VALUE, path, "v", BOB, OutcomeKind.STORED, value=data)
            writer.note(row)
        writer.finish(dict(HEADER), {})
    with open_store(store) as opened:
        users = [each.user for each in map_users(HEADER, UserWords()).persons]
        scene = rebuilt_scene(opened, users)
        bob = next(each.variables for each in scene.profiles if each.user.sid == BOB)
        assert bob["CSIDL_PERSONAL"] == r"C:\Users\bob\Papers"
        registry = scene.registry.for_user(BOB)
        assert registry.text(r"HKCR\.x") == "own"
        assert registry.text(r"HKLM\SYSTEM\CurrentControlSet\Control", "V") == "current"
        assert list(registry.subkeys(r"HKLM\SYSTEM\ControlSet001")) == ["Control"]
        assert not registry.exists(r"HKLM\SOFTWARE\X")
        assert registry.exists(rf"HKU\{BOB}\Software\Microsoft")


# --- what does not come ---------------------------------------------------------------------------


def include(filter_: str, pattern: str, component: str = "a", line: int = 1) -> Instruction:
    text = f"MigXmlHelper.{filter_}" if filter_ else ""
    return Instruction("include", text, "", f"u/{component}/data", f"r.xml:{line}", (("File", pattern),))  # fmt: skip


FILES: dict[str, bytes | FakeFile | None] = {
    "Data\\a.txt": b"a",
    "Data\\alive.lnk": shortcut(r"C:\Data\a.txt"),
    "Data\\there.lnk": shortcut(r"C:\Users\bob\there.txt"),
    "Data\\dead.lnk": shortcut(r"C:\Data\gone.txt"),
    "Data\\odd.lnk": b"?",
    "Data\\in": FakeFile(directory=True),
}
EVERYTHING, TEXTS = r"C:\Data\* [*]", r"C:\Data\* [*.txt]"
NEVER, LINKS = "NeverRestore()", "IgnoreIrrelevantLinks()"
ALL = {"Data", "a.txt", "alive.lnk", "there.lnk", "dead.lnk", "odd.lnk", "in"}
DROP_A = CONFIG.replace("u/c/data", "u/a/data")


@pytest.mark.parametrize(
    ("said", "config", "stays"),
    [
        ((), "", set()),
        ((include(NEVER, TEXTS),), "", {"a.txt"}),
        ((include(NEVER, EVERYTHING),), "", ALL),
        ((include("AnswerNo()", TEXTS),), "", {"a.txt"}),
        ((include(NEVER, TEXTS), include("", EVERYTHING)), "", set()),
        ((include(NEVER, EVERYTHING), include("FileProperties('filesize','gt','1')", TEXTS)), "", ALL - {"a.txt"}),
        ((include(LINKS, EVERYTHING),), "", {"dead.lnk"}),
        ((include(LINKS, EVERYTHING), include("", r"C:\Data [*.lnk]", "b")), "", set()),
        ((include("", EVERYTHING),), DROP_A, ALL),
        ((include("", EVERYTHING), include("", TEXTS, "b")), DROP_A, ALL - {"a.txt"}),
        ((merge("SourcePriority()", EVERYTHING),), DROP_A, set()),
    ],
)  # fmt: skip
def test_an_object_stays_away_where_no_include_restores_it(
    said: Sequence[Instruction], config: str, stays: set[str], tmp_path: Path
) -> None:
    target = tmp_path / "out"
    (target / "Users/rob").mkdir(parents=True)
    (target / "Users/rob/there.txt").write_bytes(b"there")
    store = make_store(tmp_path / "store", FILES, said)
    read = load_config(written(tmp_path, config, "Config.xml")) if config else None
    with open_store(store) as opened, open_tree(target) as tree:
        people = map_users(HEADER, UserWords((parse_mu("bob:rob"),)))
        locations = Locations(people, Asked(read_instructions(opened.catalog)))
        screen = Screen(opened, locations, View(tree), read)
        stored = opened.objects("outcome = 'stored'")
        found = {each.record.path.name: screen.left_out(each) for each in stored}
    assert {name for name, why in found.items() if why} == stays
    for name in stays:
        assert "NeverRestore" in found[name] or "AnswerNo" in found[name] or "not" in found[name]
