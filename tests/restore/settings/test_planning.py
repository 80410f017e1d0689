"""The plan of settings: which task writes which file, what lies in it, what is said; and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from extractor.model import Instruction, Record
from extractor.restore.people.words import UserWords
from extractor.restore.settings.planning import ACCOUNT, PROFILE, ROOM_FOR_HIVE
from extractor.restore.tasks import Deed, Task
from extractor.windows import WindowsInstall
from tests.registry.tiny_hive import tiny_hive
from tests.restore.build import tree_of
from tests.restore.people.test_users import ANNA, BOB, EVE
from tests.restore.settings.sam_hive import MACHINE
from tests.restore.settings.test_writing import (
    CONFIG_SAM,
    DAMAGED,
    KEYS,
    NEW,
    NTUSER,
    ONLY_BOB,
    SAM,
    SOFTWARE,
    Files,
    clean,
    planned_at,
    row,
    settings_store,
    sz,
)
from tests.restore.windows_target import BOB_THERE, plain_folder, plain_windows


def plan(
    tmp_path: Path,
    rows: Sequence[Record],
    files: Files | None = None,
    *,
    instructions: Sequence[Instruction] = (),
    install: WindowsInstall = BOB_THERE,
    words: UserWords = ONLY_BOB,
) -> tuple[dict[str, Task], list[str]]:
    """Return the tasks by source, those of hives by kind and source, and the notes."""
    root = plain_folder(tmp_path / "target", files)
    before = tree_of(root)
    store = settings_store(tmp_path / "store", rows, instructions)
    with planned_at(root, store, install=install, words=words, dry=True) as restore:
        tasks = {_name(each): each for each in restore.journal.tasks()}
        notes = restore.notes
    assert tree_of(root) == before
    return tasks, notes


def _name(task: Task) -> str:
    return task.source if task.object else f"{task.kind} {task.source}"


def test_all_of_one_hive_names_the_task_that_writes_it(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW), row(r"HKLM\SOFTWARE\New"),
            row(rf"HKU\{BOB}\Software\Acme [v]", NEW), row(r"C:\a.ini|S [k]", sz("x"))]  # fmt: skip
    tasks, notes = plan(tmp_path, rows, {"a.ini": b"[S]\nk=1\n"})
    machine, user, ini = (
        tasks[each] for each in (r"hive HKLM\SOFTWARE", rf"hive HKU\{BOB}", r"ini C:\a.ini")
    )
    assert tasks[r"HKLM\SOFTWARE\Acme\[v]"].first == tasks[r"HKLM\SOFTWARE\New"].first == machine.id
    assert tasks[rf"HKU\{BOB}\Software\Acme\[v]"].first == user.id
    assert tasks[r"C:\a.ini|S\[k]"].first == ini.id
    assert {each.deed for each in (machine, user, ini)} == {Deed.REPLACE}
    assert (machine.size, ini.size) == (len(NEW.data) + ROOM_FOR_HIVE, len(sz("x").data))
    assert len({each.id for each in tasks.values()}) == len(tasks) == 7
    assert notes == []


def test_what_changes_nothing_needs_no_hive(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", sz("there")), row(r"HKLM\SOFTWARE\acme"),
            row(r"HKLM\SECURITY\Policy [s]", NEW), row(rf"HKU\{EVE}\x [v]", NEW)]  # fmt: skip
    tasks, _ = plan(tmp_path, rows)
    deeds = {name: (each.deed, each.first) for name, each in tasks.items()}
    assert deeds == {
        r"HKLM\SOFTWARE\Acme\[v]": (Deed.KEEP, 0),
        r"HKLM\SOFTWARE\acme": (Deed.KEEP, 0),
        r"HKLM\SECURITY\Policy\[s]": (Deed.SKIP, 0),
        rf"HKU\{EVE}\x\[v]": (Deed.SKIP, 0),
    }
    assert "of another machine is of no use" in tasks[r"HKLM\SECURITY\Policy\[s]"].why
    assert tasks[rf"HKU\{EVE}\x\[v]"].why.startswith("left out: the target has no local account")


def test_same_is_a_reason_and_no_conflict_and_a_conflict_names_who_gives_way(
    tmp_path: Path,
) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", sz("there")), row(r"HKLM\SOFTWARE\Acme [n]", NEW)]
    tasks, _ = plan(tmp_path, rows)
    same, other = tasks[r"HKLM\SOFTWARE\Acme\[v]"], tasks[r"HKLM\SOFTWARE\Acme\[n]"]
    assert (same.why, same.conflict) == ("the same value is there already", "")
    assert (other.why, other.conflict) == ("", "no merge rule: the value of the store counts")


def test_a_hive_that_cannot_be_read_refuses_its_values_and_no_others(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW), row(rf"HKU\{BOB}\Software\Acme [v]", NEW)]
    tasks, _ = plan(tmp_path, rows, {SOFTWARE: DAMAGED})
    refused = tasks[r"HKLM\SOFTWARE\Acme\[v]"]
    assert (refused.deed, refused.first) == (Deed.REFUSE, 0)
    assert refused.detail == refused.conflict != ""
    assert tasks[rf"HKU\{BOB}\Software\Acme\[v]"].deed is Deed.REPLACE


def test_of_two_spellings_of_one_value_the_second_meets_the_first(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\New [x]", NEW), row(r"HKLM\SOFTWARE\NEW [X]", NEW)]
    tasks, _ = plan(tmp_path, rows)
    found = [each.deed for each in tasks.values() if each.object]
    assert sorted(found) == [Deed.KEEP, Deed.MAKE]


def test_a_user_who_is_new_gets_a_hive_and_an_entry_and_one_to_make_an_account(
    tmp_path: Path,
) -> None:
    words = UserWords(create_accounts=True, exclude=(r"DESK\eve",))
    files: Files = {CONFIG_SAM: SAM, NTUSER: None}
    tasks, _ = plan(tmp_path, [], files, install=plain_windows(), words=words)
    made = f"{MACHINE}-1002"
    by_kind = {kind: {each.source for each in tasks.values() if each.kind == kind}
               for kind in ("hive", PROFILE, ACCOUNT)}  # fmt: skip
    assert by_kind == {
        "hive": {r"HKLM\SOFTWARE", r"HKLM\SAM", rf"HKU\{made}", rf"HKU\{ANNA}"},
        PROFILE: {r"NEW-PC\bob", r"CONTOSO\anna"},
        ACCOUNT: {r"NEW-PC\bob"},
    }
    account = tasks[rf"{ACCOUNT} NEW-PC\bob"]
    assert (account.first, account.why) == (tasks[r"hive HKLM\SAM"].id, "/lac")
    assert tasks[rf"hive HKU\{made}"].deed is Deed.MAKE


def test_a_clean_up_is_a_task_of_its_hive_and_comes_before_what_is_put_there(
    tmp_path: Path,
) -> None:
    install = plain_windows({}, hives={r"HKLM\SOFTWARE": tiny_hive(KEYS)})
    said = [clean(r"HKLM\SOFTWARE\Old\* [*]"), clean(r"HKLM\SOFTWARE\New [c]")]
    rows = [row(r"HKLM\SOFTWARE\Old [a]", sz("1")), row(r"HKLM\SOFTWARE\New [c]", sz("3"))]
    tasks, _ = plan(tmp_path, rows, {SOFTWARE: tiny_hive(KEYS)}, instructions=said, install=install)
    key, value = tasks[r"clean-up HKLM\SOFTWARE\Old"], tasks[r"clean-up HKLM\SOFTWARE\New\[c]"]
    assert (key.deed, value.deed) == (Deed.REMOVE, Deed.REMOVE)
    assert (str(key.spot), str(value.spot)) == ("Old", r"New\[c]")
    for name in (r"HKLM\SOFTWARE\Old\[a]", r"HKLM\SOFTWARE\New\[c]"):
        assert tasks[name].deed is Deed.MAKE
        assert tasks[name].id > max(key.id, value.id)


def test_a_clean_up_of_an_ini_file_is_a_task_of_it(tmp_path: Path) -> None:
    rows = [row(r"C:\a.ini|S [a]", sz("1"))]
    files: Files = {"a.ini": b"[S]\na=1\nb=2\n"}
    tasks, _ = plan(tmp_path, rows, files, instructions=[clean(r"C:\a.ini|S [a]")])
    assert tasks[r"clean-up C:\a.ini|S\[a]"].first == tasks[r"ini C:\a.ini"].id
    assert tasks[r"C:\a.ini|S\[a]"].deed is Deed.MAKE


def test_a_clean_up_of_a_hive_that_is_never_written_is_no_task(tmp_path: Path) -> None:
    install = plain_windows({}, hives={r"HKLM\SECURITY": tiny_hive(KEYS)})
    tasks, _ = plan(tmp_path, [], instructions=[clean(r"HKLM\SECURITY\Old\* [*]")], install=install)
    assert tasks == {}
