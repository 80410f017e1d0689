"""Keys, values and INI values of a kit: by .reg where nothing there matters, by the script where it does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extractor.gather.values import ValueGatherer
from extractor.kit.making import PATHS_STAY, TOO_LONG, Kit
from extractor.kit.papers import SCRIPT
from extractor.kit.settings import NAME_TAKEN
from extractor.model import Instruction, RegistryValue, Selected, WinPath
from extractor.registry.key import Key
from extractor.registry.reg_text import reg_text
from extractor.restore.people.words import UserWords
from extractor.restore.settings.relocate import Relocations
from extractor.store.directory import DirectoryStore
from tests.kit.replay import Replay, plan_of, read_reg
from tests.kit.test_replay import kit_of, machine_at, replayed
from tests.restore.build import header, make_store
from tests.restore.people.test_users import BOB, EVE
from tests.store.build import add
from tests.store.test_registry_export import key, value

HKCU = f"HKU\\{BOB}"


def store_of(place: Path, chosen: Iterable[Selected], rules: Sequence[Instruction] = ()) -> Path:
    with DirectoryStore(place) as store:
        for item in ValueGatherer().gather(chosen, {}):
            add(store, item)
        store.finish(header(), {}, rules)
    return place


def rule(kind: str, call: str, pattern: str, of: str = "Registry") -> Instruction:
    return Instruction(kind, f"MigXmlHelper.{call}", BOB, "c", "rules.xml:4", ((of, pattern),))


def made(tmp_path: Path, chosen: Iterable[Selected], rules: Sequence[Instruction] = ()) -> Kit:
    return kit_of(store_of(tmp_path / "store", chosen, rules), tmp_path / "kit")


def run(tmp_path: Path, **more: Any) -> Replay:
    return replayed(tmp_path / "kit", machine_at(tmp_path / "machine", {BOB: "bob"}, **more))


def rows(tmp_path: Path, kind: str = "value") -> list[dict[str, Any]]:
    return [each for each in plan_of(tmp_path / "kit") if each["kind"] == kind]


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


VALUES = [
    value(f"{HKCU}\\Software\\Tool", "Name", 'a "b" \\ c'),
    value(f"{HKCU}\\Software\\Tool", "", "the default"),
    value(f"{HKCU}\\Software\\Tool", "Count", b"\x07\0\0\0", 4),
    value(f"{HKCU}\\Software\\Tool", "Raw", bytes(range(256)) * 5, 3),
    value(f"{HKCU}\\Software\\Tool\\Deep", "Odd", b"odd", 1),
    value(f"{HKCU}\\Software\\Classes\\.tool", "", "Tool"),
    value(f"HKU\\{EVE}\\Software\\Tool", "Name", "of eve"),
    value("HKLM\\SOFTWARE\\Tool", "Path", text("%SystemRoot%"), 2),
    value("HKLM\\SYSTEM\\CurrentControlSet\\Control", "Big", b"\x01" * 8, 11),
    value("HKU\\.DEFAULT\\Software\\Tool", "Name", "nobody"),
]


def test_every_value_of_the_store_is_there_to_the_byte(tmp_path: Path) -> None:
    kit = made(tmp_path, [key(f"{HKCU}\\Software\\Tool\\Empty"), *VALUES])
    assert (kit.exit_code, kit.deeds) == (0, {"make": 11})
    machine = run(tmp_path).machine
    for each in VALUES:
        assert each.value
        path = each.path.parent
        where = "\\".join((path.drive, *path.parts))
        where = where.removeprefix("HKU\\") if "S-1-5" in where else where
        found = machine.registry[where.upper()][each.value.name.upper()]
        assert found == (each.value.type, each.value.data)
    assert machine.registry[f"{BOB}\\SOFTWARE\\TOOL\\EMPTY"] == {}
    names = sorted(each.name for each in (tmp_path / "kit/registry").iterdir())
    assert names == [f"{BOB}.reg", f"{EVE}.reg", "machine.reg"]


def test_a_reg_of_a_user_is_all_below_hkey_current_user(tmp_path: Path) -> None:
    made(tmp_path, VALUES)
    keys = {key for key, _, _ in read_reg((tmp_path / f"kit/registry/{BOB}.reg").read_bytes())}
    assert all(each.startswith("HKEY_CURRENT_USER\\Software") for each in keys)
    keys = {key for key, _, _ in read_reg((tmp_path / "kit/registry/machine.reg").read_bytes())}
    assert {each.split("\\")[0] for each in keys} == {"HKEY_LOCAL_MACHINE", "HKEY_USERS"}


TOOL = f"{HKCU}\\Software\\Tool"
THERE = f"{BOB}\\SOFTWARE\\TOOL"


@pytest.mark.parametrize(
    ("call", "ours", "theirs", "left"),
    [
        ("DestinationPriority()", (1, text("new")), (1, text("old")), (1, text("old"))),
        ("DestinationPriority()", (1, text("new")), None, (1, text("new"))),
        ("SourcePriority()", (1, text("new")), (1, text("old")), (1, text("new"))),
        ("HigherValue()", (4, b"\5\0\0\0"), (4, b"\7\0\0\0"), (4, b"\7\0\0\0")),
        ("HigherValue()", (4, b"\x09\0\0\0"), (4, b"\7\0\0\0"), (4, b"\x09\0\0\0")),
        ("LowerValue()", (4, b"\5\0\0\0"), (4, b"\7\0\0\0"), (4, b"\5\0\0\0")),
        ("HigherValue()", (1, text("10")), (1, text(" 9")), (1, text("10"))),
        ("HigherValue()", (1, text("ten")), (1, text("9")), (1, text("ten"))),
        ("LowerValue()", (1, text("10")), (4, b"\x09\0\0\0"), (4, b"\x09\0\0\0")),
        ("LowerValue()", (4, b"\5\0\0\0"), (3, b"\1" * 9), (4, b"\5\0\0\0")),
    ],
)
def test_merge_rules_decide_where_a_value_is_there(
    tmp_path: Path, call: str, ours: Any, theirs: Any, left: Any
) -> None:
    made(tmp_path, [value(TOOL, "V", ours[1], ours[0])], [rule("merge", call, "HKCU\\Software\\Tool [*]")])  # fmt: skip
    (row,) = rows(tmp_path)
    assert (row["by"] == "script") is (call != "SourcePriority()")
    registry = {THERE: {"V": theirs}} if theirs else {}
    assert run(tmp_path, registry=registry).machine.registry[THERE]["V"] == left


@pytest.mark.parametrize(
    ("call", "ours", "theirs", "left"),
    [
        ("ConvertToDWORD('7')", (1, text("12")), None, (4, b"\x0c\0\0\0")),
        ("OffsetValue('1')", (4, b"\5\0\0\0"), (4, b"\0\0\0\0"), (4, b"\6\0\0\0")),
        ("MergeMultiSzContent('Add','z')", (7, text("b\0a\0")), (7, text("A\0c\0")), (7, text("A\0c\0b\0z\0"))),
        ("MergeDelimitedContent(';','Remove','x')", (1, text("a;x")), (1, text("b")), (1, text("b;a"))),
        ("KeepExisting('Security')", (1, text("a")), None, (1, text("a"))),
    ],
)  # fmt: skip
def test_a_content_modify_changes_a_value_before_it_is_written(
    tmp_path: Path, call: str, ours: Any, theirs: Any, left: Any
) -> None:
    change = rule("contentModify", call, "HKCU\\Software\\Tool [*]")
    made(tmp_path, [value(TOOL, "V", ours[1], ours[0])], [change])
    registry = {THERE: {"V": theirs}} if theirs else {}
    assert run(tmp_path, registry=registry).machine.registry[THERE]["V"] == left


def test_what_a_rule_does_not_write_is_skipped_and_what_cannot_be_done_is_told(tmp_path: Path) -> None:  # fmt: skip
    rules = [
        rule("contentModify", "SetValueByTable('1','2')", "HKCU\\Software\\Tool [A]"),
        rule("contentModify", "Unknown()", "HKCU\\Software\\Tool [B]"),
    ]
    kit = made(tmp_path, [value(TOOL, "A", "9"), value(TOOL, "B", "9")], rules)
    one, two = rows(tmp_path)
    assert (one["deed"], kit.exit_code) == ("skip", 0)
    assert "gives no value" in one["reason"]
    assert two["deed"] == "make"
    assert two["lost"].startswith("Unknown is not done")


def test_a_value_that_moves_is_under_its_new_name(tmp_path: Path) -> None:
    move = rule("locationModify", "ExactMove('HKCU\\Software\\New [N]')", "HKCU\\Software\\Tool [V]")  # fmt: skip
    made(tmp_path, [value(TOOL, "V", "x")], [move])
    assert run(tmp_path).machine.registry[f"{BOB}\\SOFTWARE\\NEW"] == {"N": (1, text("x"))}


def test_of_two_values_of_one_name_the_first_is_written_and_the_other_named(tmp_path: Path) -> None:  # fmt: skip
    kit = made(tmp_path, [value(TOOL, "Name", "one"), value(TOOL, "name", "two")])
    assert kit.refused == [("HKU\\S-1-5-21-1-2-3-1001\\Software\\Tool\\[name]", NAME_TAKEN)]
    assert run(tmp_path).machine.registry[THERE] == {"NAME": (1, text("one"))}


def test_names_that_no_reg_can_hold_go_by_the_script_or_are_refused(tmp_path: Path) -> None:
    back = replace(value("HKLM\\SOFTWARE", "x"), path=WinPath("HKLM", ("SOFTWARE", "a\\b", "[x]")))
    chosen = [
        value(f"{TOOL}\\line\nbreak", "V"),
        value(TOOL, "line\r\n[HKEY_LOCAL_MACHINE\\x]"),
        value(TOOL, "nul\0x"),
        back,
        key(f"{HKCU}\\Software\\Tool\\new\nline"),
    ]  # fmt: skip
    kit = made(tmp_path, chosen)
    assert kit.exit_code == 3
    assert len(kit.refused) == 2
    by = [each["by"] for each in (*rows(tmp_path), *rows(tmp_path, "key")) if each["deed"] == "make"]  # fmt: skip
    assert by == ["script"] * 3
    machine = run(tmp_path).machine
    assert machine.registry[f"{THERE}\\LINE\nBREAK"]["V"] == (1, text("x"))
    assert not any("HKLM" in each for each in machine.registry)


@pytest.mark.parametrize("kind", [1, 2, 7])
@pytest.mark.parametrize("data", [b"", b"x", b"a\0", b"a\0\0", b"a\0\0\0\0"])
def test_a_text_without_a_nul_at_its_end_goes_by_the_script_and_keeps_every_byte(
    tmp_path: Path, kind: int, data: bytes
) -> None:
    made(tmp_path, [value(TOOL, "V", data, kind), value(TOOL, "N", b"x", 3)])
    by = {row["value"]: row["by"] for row in rows(tmp_path)}
    assert by == {"V": "script", "N": f"registry/{BOB}.reg"}
    assert run(tmp_path).machine.registry[THERE]["V"] == (kind, data)


def test_ini_values_go_into_their_file_and_a_rule_keeps_what_is_there(tmp_path: Path) -> None:
    ini = "C:\\Users\\bob\\tool.ini|Main"
    keep = rule("merge", "DestinationPriority()", "C:\\Users\\bob\\tool.ini|Main[Old]", "Ini")
    chosen = [value(ini, "New", "n"), value(ini, "Old", "o"), value(f"{ini}]\r\n[Evil", "x", "y")]
    kit = made(tmp_path, chosen, [keep])
    assert len(kit.refused) == 1
    row = rows(tmp_path, "ini")[0]
    told = {name: row[name] for name in ("names", "section", "value", "text")}
    assert told == {"names": ["tool.ini"], "section": "Main", "value": "New", "text": "n"}
    assert row["base"] == f"profile:{BOB}"
    place = "C:/Users/bob/tool.ini"
    machine = run(tmp_path, ini={(place, "MAIN", "OLD"): "mine"}).machine
    assert machine.ini == {(place, "MAIN", "OLD"): "mine", (place, "MAIN", "NEW"): "n"}


def test_of_a_user_who_stays_behind_nothing_is_written(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", VALUES)
    kit = kit_of(store, tmp_path / "kit", users=UserWords(exclude=(BOB,)))
    assert kit.deeds["skip"] == len(VALUES)  # all are that user's in these tests
    assert not list(tmp_path.glob(f"kit/registry/{BOB}.reg"))


# --- paths in values ------------------------------------------------------------------------------

DOCUMENTS = "C:\\Users\\bob\\Documents"
MOVED = "C:\\Users\\robert\\Documents"


def on_another(tmp_path: Path, **more: Any) -> Replay:
    """Run the kit where bob's profile has another name."""
    return replayed(tmp_path / "kit", machine_at(tmp_path / "other", {BOB: "robert"}, **more))


def test_a_value_that_names_a_profile_names_the_one_of_the_other_windows(tmp_path: Path) -> None:
    quoted = f'"{DOCUMENTS}\\a b"'
    texts = {"Plain": DOCUMENTS, "Upper": DOCUMENTS.upper(), "Quoted": quoted, "None": "bob"}
    machine = value("HKLM\\SOFTWARE\\Tool", "Of bob", text(DOCUMENTS), 2)
    made(tmp_path, [*(value(TOOL, name, each) for name, each in texts.items()), machine])
    by = {row["value"]: row["by"] for row in rows(tmp_path)}
    assert by == {**dict.fromkeys([*texts, "Of bob"], "script"), "None": f"registry/{BOB}.reg"}
    there = on_another(tmp_path).machine.registry
    assert there[THERE] == {
        "PLAIN": (1, text(MOVED)), "UPPER": (1, text("C:\\Users\\robert\\DOCUMENTS")),
        "QUOTED": (1, text(f'"{MOVED}\\a b"')), "NONE": (1, text("bob")),
    }  # fmt: skip
    assert there["HKLM\\SOFTWARE\\TOOL"] == {"OF BOB": (2, text(MOVED))}


def test_where_a_profile_is_where_it_was_a_value_is_what_was_stored(tmp_path: Path) -> None:
    made(tmp_path, [value(TOOL, "V", "c:\\USERS\\bob/x;C:\\Users\\BOB")])
    assert run(tmp_path).machine.registry[THERE]["V"] == (1, text("c:\\USERS\\bob/x;C:\\Users\\BOB"))  # fmt: skip


def test_a_folder_of_somebody_who_has_no_profile_there_stays_and_is_named(tmp_path: Path) -> None:
    made(tmp_path, [value(TOOL, "V", f"{DOCUMENTS};C:\\Users\\eve\\x")])
    replay = on_another(tmp_path)
    assert replay.machine.registry[THERE]["V"] == (1, text(f"{DOCUMENTS};C:\\Users\\eve\\x"))
    assert set(replay.why.values()) == {"its paths stay: no profile"}


@pytest.mark.parametrize(
    ("kind", "call", "theirs", "left"),
    [
        ("contentModify", "MergeDelimitedContent(';','Add','z')", f"b;{MOVED}", f"b;{MOVED};z"),
        ("contentModify", "ConvertToBinary()", None, MOVED),
        ("contentModify", "Unknown()", None, MOVED),
        ("merge", "DestinationPriority()", "b", "b"),
        ("merge", "DestinationPriority()", None, MOVED),
    ],
)
def test_rules_meet_the_paths_of_the_other_windows(
    tmp_path: Path, kind: str, call: str, theirs: str | None, left: str
) -> None:
    asked = rule(kind, call, "HKCU\\Software\\Tool [*]")
    made(tmp_path, [value(TOOL, "V", DOCUMENTS)], [asked])
    registry = {THERE: {"V": (1, text(theirs))}} if theirs else {}
    found = on_another(tmp_path, registry=registry).machine.registry[THERE]["V"]
    assert found == (3 if "Binary" in call else 1, text(left))


def test_an_ini_value_names_the_profile_of_the_other_windows(tmp_path: Path) -> None:
    made(tmp_path, [value("C:\\Users\\bob\\tool.ini|Main", "Folder", DOCUMENTS)])
    machine = on_another(tmp_path).machine
    assert machine.ini == {("C:/Users/robert/tool.ini", "MAIN", "FOLDER"): MOVED}


def test_the_plan_tells_what_a_restore_would_write(tmp_path: Path) -> None:
    """Each value as ``coldstate restore`` has it: the pieces of the plan against its relocation."""
    texts = [DOCUMENTS, "C:\\Documents and Settings\\bob\\x", "file:///C:/Users/bob/a%20b", '"D:\\x" /a']  # fmt: skip
    made(tmp_path, [value(TOOL, str(number), each) for number, each in enumerate(texts)])
    old, new = (
        ("C:\\Users\\bob", "C:\\Documents and Settings\\bob"),
        WinPath.parse("C:\\Users\\robert"),
    )
    restored = Relocations([(WinPath.parse(each), new) for each in old])
    wanted = {str(n): restored.of(RegistryValue("", 1, text(each))) for n, each in enumerate(texts)}
    found = on_another(tmp_path).machine.registry[THERE]
    assert found == {name: (1, each.data) for name, each in wanted.items()}


def test_no_line_of_a_plan_is_longer_than_windows_powershell_reads(tmp_path: Path) -> None:
    higher = rule("merge", "HigherValue()", "HKCU\\Software\\Tool [*]")
    paths = f"{DOCUMENTS};" * 12_000
    sizes = {"Huge": 1_100_000, "Large": 900_000}
    chosen = [value(TOOL, name, bytes(size), 3) for name, size in sizes.items()]
    chosen.append(value(TOOL, "Paths", paths))
    kit = made(tmp_path, chosen, [higher])
    lines = (tmp_path / "kit/plan.jsonl").read_text("ascii").splitlines()
    assert max(map(len, lines)) < 2 << 20
    assert kit.refused == [(f"{TOOL}\\[Huge]", TOO_LONG)]
    assert (kit.exit_code, kit.deeds) == (3, {"make": 2, "refuse": 1})
    found = on_another(tmp_path).machine.registry[THERE]
    assert found == {"LARGE": (3, bytes(900_000)), "PATHS": (1, text(paths))}
    assert {row["value"]: row["lost"] for row in rows(tmp_path) if row["deed"] == "make"} == {
        "Large": "", "Paths": PATHS_STAY,
    }  # fmt: skip


# --- what is never restored -----------------------------------------------------------------------


def never(pattern: str, of: str = "Registry", component: str = "a/never/System") -> Instruction:
    """Return an include that took objects to be read, not restored."""
    call = "MigXmlHelper.NeverRestore()"
    return Instruction("include", call, BOB, component, "rules.xml:7", ((of, pattern),))


def also(pattern: str) -> Instruction:
    """Return an include of another component, which restores."""
    return Instruction(
        "include", "", BOB, "a/other/System", "rules.xml:9", (("Registry", pattern),)
    )


def test_what_only_never_restore_took_is_skipped_and_told(tmp_path: Path) -> None:
    ini = "C:\\Users\\bob\\tool.ini|Main"
    chosen = [
        value(TOOL, "Seen"), value(TOOL, "Mine"), value(f"{TOOL}\\Log", "x"), key(f"{HKCU}\\Software\\Tool\\Log"),
        value(ini, "Seen", "n"), value(ini, "Mine", "n"), value(TOOL, "Both", DOCUMENTS),
    ]  # fmt: skip
    rules = [
        never("HKCU\\Software\\Tool [Seen]"), never("HKCU\\Software\\Tool\\Log\\* [*]"),
        never("C:\\Users\\bob\\tool.ini|Main[Seen]", "Ini"), never("HKCU\\Software\\Tool [Both]"),
        also("HKCU\\Software\\Tool [Both]"),
    ]  # fmt: skip
    kit = made(tmp_path, chosen, rules)
    assert (kit.exit_code, kit.deeds) == (0, {"make": 3, "skip": 4})
    told = [each for each in plan_of(tmp_path / "kit") if each.get("deed") == "skip"]
    assert {each["kind"] for each in told} == {"value", "key", "ini"}
    assert {each["reason"] for each in told} == {
        "left out: rules.xml:7: include MigXmlHelper.NeverRestore()"
    }
    assert "Seen" not in (tmp_path / f"kit/registry/{BOB}.reg").read_text("utf-16")
    machine = run(tmp_path).machine
    found = {key: set(values) for key, values in machine.registry.items() if values}
    assert found == {THERE: {"MINE", "BOTH"}}
    assert f"{THERE}\\LOG" not in machine.registry
    assert {name for _, _, name in machine.ini} == {"MINE"}


def test_wine_imports_a_reg_of_a_kit_to_the_byte(tmp_path: Path) -> None:
    if shutil.which("wine") is None:
        pytest.skip("needs wine, to import a .reg as Windows does")
    made(tmp_path, VALUES)
    own = {"WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all", "HOME": str(tmp_path)}
    environment = {**os.environ, **own}
    file, back = tmp_path / f"kit/registry/{BOB}.reg", tmp_path / "back.reg"
    for command in (
        ["wineboot", "-i"], ["wineserver", "-w"],  # first the machine, or it is made while the file is imported
        ["wine", "reg", "import", str(file)],
        ["wine", "reg", "export", "HKCU\\Software", str(back), "/y"], ["wineserver", "-w"],
    ):  # fmt: skip
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=240)
    found = {(key.upper(), name): told for key, name, told in read_reg(back.read_bytes())}
    wanted = {(key.upper(), name): told for key, name, told in read_reg(file.read_bytes())}
    assert len(wanted) > 8
    assert {place: found.get(place) for place in wanted} == wanted


def test_the_reader_of_these_tests_reads_what_regedit_writes() -> None:
    told = (("a\\b", 1, text('q"')), ("", 7, b"\0\0"), ("b", 3, b""))
    values = [RegistryValue(*each) for each in told]
    raw = b"".join(reg_text([Key(("K",), values)], "HKEY_CURRENT_USER"))
    found = [(name, told) for _, name, told in read_reg(raw) if name is not None]
    assert found == [("a\\b", (1, text('q"'))), ("", (7, b"\0\0")), ("b", (3, b""))]


def test_every_field_that_the_script_asks_for_is_in_the_plan(tmp_path: Path) -> None:
    ini = value("C:\\Users\\bob\\tool.ini|Main", "New", "n")
    higher = rule("merge", "HigherValue()", "HKCU\\Software\\Tool [Count]")
    made(tmp_path, [*VALUES, ini, value(TOOL, "nul\0x"), value(TOOL, "Place", DOCUMENTS)], [higher])
    kit_of(make_store(tmp_path / "files"), tmp_path / "files kit")
    users = json.loads((tmp_path / "kit/users.json").read_text())["users"]
    told = [*plan_of(tmp_path / "kit"), *plan_of(tmp_path / "files kit"), *users]
    fields = {name.lower() for each in told for name in each}
    inner = {name for each in told for name in each if isinstance(each[name], dict)}
    assert inner == {"keep", "conflict", "content", "target"}
    script = (tmp_path / "kit" / SCRIPT).read_text("ascii")
    asked = {each.lower() for each in re.findall(r"\$Row\.(\w+)", script, re.IGNORECASE)}
    assert len(asked) > 30
    assert asked - fields == set()
    for name in inner:
        found = {part.lower() for part in re.findall(rf"\$Row\.{name}\.(\w+)", script, re.IGNORECASE)}  # fmt: skip
        known = {part for each in told if isinstance(each.get(name), dict) for part in each[name]}
        assert found <= known
    (row,) = (each for each in rows(tmp_path) if each.get("value") == "Place")
    pieces = {name for each in row["pieces"] if isinstance(each, dict) for name in each}
    assert set(re.findall(r"\$piece\.(\w+)", script, re.IGNORECASE)) == pieces
