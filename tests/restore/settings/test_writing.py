"""Settings go into hives and INI files, each written anew: what is there then, what gave way, what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from extractor.model import Instruction, ObjectKind, OutcomeKind, Record, RegistryValue, WinPath
from extractor.registry import open_hive
from extractor.registry.key import LINK, LINK_VALUE
from extractor.report.ledger import Ledger
from extractor.restore import runs
from extractor.restore.mapping import Wish
from extractor.restore.people.words import UserWords
from extractor.restore.restoring import LOST, Restore, planned
from extractor.restore.target.place import Target
from extractor.restore.tasks import End, Task
from extractor.store.directory import DirectoryStore
from extractor.store.opened import open_store
from extractor.windows import WindowsInstall
from tests.registry.logs import changed_pages, new_log
from tests.registry.tiny_hive import tiny_hive
from tests.restore.build import header, tree_of
from tests.restore.people.test_users import ANNA, BOB, EVE
from tests.restore.settings.sam_hive import Described, sam_hive
from tests.restore.windows_target import BOB_THERE, plain_folder, plain_windows

SOFTWARE, NTUSER = "Windows/System32/config/SOFTWARE", "Users/bob/NTUSER.DAT"
Files = Mapping[str, bytes | None]
ONLY_BOB = UserWords(exclude=(r"CONTOSO\anna",))
"""Eve is left out anyway: the target has no account of hers."""


def sz(text: str) -> RegistryValue:
    return RegistryValue("", 1, f"{text}\0".encode("utf-16-le"))


def row(path: str, value: RegistryValue | None = None) -> Record:
    r"""Return the row of a value (``KEY [name]``) or key."""
    key, _, name = path.partition(" [")
    root, *names = key.split("\\")
    user = next((each for each in (BOB, ANNA, EVE) if each in key), "")
    if value is None:
        return Record(ObjectKind.KEY, WinPath(root, tuple(names)), "v", user, OutcomeKind.STORED)
    at = WinPath(root, (*names, f"[{name}"))
    named = RegistryValue(name[:-1], value.type, value.data)
    return Record(ObjectKind.VALUE, at, "v", user, OutcomeKind.STORED, value=named)


def settings_store(
    place: Path, rows: Sequence[Record], instructions: Sequence[Instruction] = ()
) -> Path:
    """Make a store of nothing but settings, with the people of ``test_users``."""
    ledger = Ledger()
    with DirectoryStore(place) as store:
        for each in rows:
            store.note(each)
            ledger.ended(each)
        store.finish(header(), ledger.totals(), instructions)
    return place


@contextmanager
def planned_at(
    root: Path,
    store: Path,
    *,
    install: WindowsInstall = BOB_THERE,
    words: UserWords | None = None,
    dry: bool = False,
) -> Iterator[Restore]:
    """Plan a restore into a plain folder that stands for a volume with a Windows."""
    target = Target(str(root), root, install=install)
    wish = Wish(users=words or ONLY_BOB)
    with open_store(store) as opened, planned(opened, target, wish, dry=dry) as restore:
        yield restore


def silent(_: Task, __: End) -> None:
    """Say nothing."""


Ends = dict[str, tuple[str, str]]


def ends_of(restore: Restore) -> Ends:
    """Return source -> how it ended, and what is said."""
    return {each.source: (each.state.value, each.detail) for each in restore.journal.tasks()}


def restored(
    tmp_path: Path,
    rows: Sequence[Record],
    files: Files | None = None,
    *,
    instructions: Sequence[Instruction] = (),
    install: WindowsInstall = BOB_THERE,
    words: UserWords | None = None,
    meanwhile: Callable[[Path], object] = lambda root: root,
) -> tuple[Path, int, Ends]:
    """Restore rows into a plain folder; return it, the exit code, and how all ended."""
    root = plain_folder(tmp_path / "target", files)
    store = settings_store(tmp_path / "store", rows, instructions)
    with planned_at(root, store, install=install, words=words) as restore:
        meanwhile(root)
        code = restore.apply(silent)
        return root, code, ends_of(restore)


def values_of(root: Path, file: str, key: str) -> dict[str, bytes]:
    hive = open_hive((root / file).read_bytes(), file)
    return {each.name: each.data for each in hive.values(key)}


def text(data: bytes) -> str:
    return data.decode("utf-16-le").rstrip("\0")


def undone(root: Path) -> dict[str, bytes | str | None]:
    assert runs.undo(Target(str(root), root, install=BOB_THERE)) == []
    return tree_of(root)


NEW, OTHER = sz("new"), sz("other")


def test_values_go_into_the_hive_and_an_undo_gives_the_old_one_back(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW), row(r"HKLM\SOFTWARE\Acme\Deep\Key [w]", OTHER),
            row(rf"HKU\{BOB}\Software\Acme [v]", NEW), row(rf"HKU\{BOB}\Software\Empty")]  # fmt: skip
    before = tree_of(plain_folder(tmp_path / "target"))
    root, code, ends = restored(tmp_path, rows)
    assert code == 0
    assert text(values_of(root, SOFTWARE, "Acme")["v"]) == "new"
    assert values_of(root, SOFTWARE, "Acme")["n"] == b"\7\0\0\0"
    assert text(values_of(root, SOFTWARE, r"Acme\Deep\Key")["w"]) == "other"
    assert open_hive((root / NTUSER).read_bytes(), "u").exists(r"Software\Empty")
    assert {state for state, _ in ends.values()} == {"restored"}
    assert {r"HKLM\SOFTWARE", rf"HKU\{BOB}"} < ends.keys()
    assert undone(root) == before


def test_nothing_to_change_writes_no_hive(tmp_path: Path) -> None:
    root, code, ends = restored(tmp_path, [row(r"HKLM\SOFTWARE\Acme [v]", sz("there"))])
    assert (code, list(ends.values())) == (0, [("kept", "")])
    assert list((root / ".coldstate-restore/1").iterdir()) == [
        root / ".coldstate-restore/1/journal.sqlite"
    ]


BEFORE = tiny_hive({r"Software\App": {"v": "before", "kept": 1}}, sequences=(9, 8))
AFTER = tiny_hive({r"Software\App": {"v": "after!", "kept": 1, "new": 2}}, sequences=(9, 9))
LOG = new_log(AFTER, 8, [(AFTER, changed_pages(BEFORE, AFTER))])


def test_logs_that_wait_are_in_the_new_hive_and_go_aside_with_the_old_one(tmp_path: Path) -> None:
    files: Files = {NTUSER: BEFORE, f"{NTUSER}.LOG1": LOG, f"{NTUSER}.LOG2": b""}
    before = tree_of(plain_folder(tmp_path / "target", files))
    root, code, _ = restored(tmp_path, [row(rf"HKU\{BOB}\Software\App [mine]", NEW)], files)
    found = values_of(root, NTUSER, r"Software\App")
    assert code == 0
    assert (text(found["v"]), found["new"], text(found["mine"])) == ("after!", b"\2\0\0\0", "new")
    assert sorted(each.name for each in (root / NTUSER).parent.iterdir()) == ["NTUSER.DAT"]
    aside = {each.read_bytes() for each in (root / ".coldstate-restore/1/aside").iterdir()}
    assert aside == {BEFORE, LOG, b""}
    assert undone(root) == before


@pytest.mark.parametrize("log", [None, b"no log at all" * 100])
def test_a_half_written_hive_without_a_log_that_can_be_used_stays_as_it_is(
    tmp_path: Path, log: bytes | None
) -> None:
    rows = [row(rf"HKU\{BOB}\Software\App [mine]", NEW)]
    files: Files = {NTUSER: BEFORE, f"{NTUSER}.LOG1": log}
    before = tree_of(plain_folder(tmp_path / "target", files))
    root, code, ends = restored(tmp_path, rows, files)
    state, said = ends[rf"HKU\{BOB}\Software\App\[mine]"]
    assert (code, state) == (LOST, "failed")
    assert "its logs were not replayed" in said
    assert tree_of(root) == before


DAMAGED = tiny_hive({"Acme": {"v": "x"}})[:4096]


@pytest.mark.parametrize("late", [False, True])
def test_a_damaged_hive_is_not_written_and_what_was_to_go_into_it_fails_by_name(
    tmp_path: Path, *, late: bool
) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW), row(r"HKLM\SOFTWARE\Acme [w]", NEW),
            row(rf"HKU\{BOB}\Software\Acme [v]", NEW)]  # fmt: skip
    root, code, ends = restored(
        tmp_path, rows, {} if late else {SOFTWARE: DAMAGED},
        meanwhile=lambda root: (root / SOFTWARE).write_bytes(DAMAGED),
    )  # fmt: skip
    assert code == LOST
    for name in ("v", "w"):
        state, said = ends[rf"HKLM\SOFTWARE\Acme\[{name}]"]
        assert state == "failed"
        assert said
    assert (root / SOFTWARE).read_bytes() == DAMAGED
    assert [each.name for each in (root / SOFTWARE).parent.iterdir() if "cold" in each.name] == []
    assert text(values_of(root, NTUSER, r"Software\Acme")["v"]) == "new"


def test_a_hive_that_is_gone_when_it_is_to_be_written_is_said(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW)]
    _, code, ends = restored(
        tmp_path, rows, meanwhile=lambda root: (root / SOFTWARE).unlink()
    )  # fmt: skip
    assert code == LOST
    assert ends[r"HKLM\SOFTWARE\Acme\[v]"] == ("failed", r"the target has no hive HKLM\SOFTWARE")


@pytest.mark.parametrize(
    "path", [rf"HKLM\SOFTWARE\{'k' * 256} [v]", rf"HKLM\SOFTWARE\Acme [{'n' * 16_384}]",
             r"HKLM\SOFTWARE" + r"\k" * 600 + " [v]"],
)  # fmt: skip
def test_what_no_hive_can_hold_fails_alone(tmp_path: Path, path: str) -> None:
    root, code, ends = restored(tmp_path, [row(path, NEW), row(r"HKLM\SOFTWARE\Acme [w]", NEW)])
    assert code == LOST
    assert sorted(state for state, _ in ends.values()) == ["failed", "restored", "restored"]
    assert text(values_of(root, SOFTWARE, "Acme")["w"]) == "new"


def test_a_value_goes_through_a_link_and_a_link_stays_one(tmp_path: Path) -> None:
    target = r"\REGISTRY\MACHINE\SOFTWARE\Acme".encode("utf-16-le")
    link = RegistryValue(LINK_VALUE, LINK, target)
    files: Files = {SOFTWARE: tiny_hive({"Link": {LINK_VALUE: link}, "Acme": {"v": "there"}})}
    rows = [row(r"HKLM\SOFTWARE\Link"), row(r"HKLM\SOFTWARE\Link [v]", NEW),
            row(r"HKLM\SOFTWARE\Link\Sub [w]", NEW), row(rf"HKLM\SOFTWARE\Link [{LINK_VALUE}]", link)]  # fmt: skip
    root, code, ends = restored(tmp_path, rows, files)
    assert code == 0, ends
    assert values_of(root, SOFTWARE, "Link") == {LINK_VALUE: target}
    assert text(values_of(root, SOFTWARE, "Acme")["v"]) == "new"
    assert text(values_of(root, SOFTWARE, r"Acme\Sub")["w"]) == "new"


def test_of_two_rows_of_one_place_the_second_finds_the_first(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [x]", sz("one")), row(r"HKLM\SOFTWARE\ACME [X]", sz("two"))]
    higher = Instruction(
        "merge", "MigXmlHelper.DestinationPriority()", "", "u/a/data", "r.xml:1",
        (("Registry", r"HKLM\SOFTWARE\Acme [x]"),),
    )  # fmt: skip
    root, code, ends = restored(tmp_path, rows, instructions=[higher])
    assert code == 0
    found = {
        name.lower(): text(data)
        for name, data in values_of(root, SOFTWARE, "Acme").items()
        if data[1:2] == b"\0"
    }
    assert found["x"] in {"one", "two"}
    assert sorted(state for state, _ in ends.values()) == ["kept", "restored", "restored"]


def test_a_new_user_gets_a_hive_begun_with_the_default_one_and_an_entry_in_profilelist(
    tmp_path: Path,
) -> None:
    rows = [row(rf"HKU\{ANNA}\Environment [MINE]", NEW),
            row(rf"HKU\{ANNA}\Software\Classes\.x []", NEW)]  # fmt: skip
    root, code, ends = restored(tmp_path, rows, words=UserWords())
    assert code == 0, ends
    place = "Users/anna.CONTOSO"
    found = values_of(root, f"{place}/NTUSER.DAT", "Environment")
    assert {name: text(data) for name, data in found.items()} == {"TEMP": "default", "MINE": "new"}
    classes = f"{place}/AppData/Local/Microsoft/Windows/UsrClass.dat"
    assert text(values_of(root, classes, ".x")[""]) == "new"
    entry = values_of(root, SOFTWARE, rf"Microsoft\Windows NT\CurrentVersion\ProfileList\{ANNA}")
    assert text(entry["ProfileImagePath"]) == r"C:\Users\anna.CONTOSO"


def test_without_a_default_profile_a_new_users_settings_are_skipped_and_the_rest_comes(
    tmp_path: Path,
) -> None:
    rows = [row(rf"HKU\{ANNA}\Environment [MINE]", NEW), row(r"HKLM\SOFTWARE\Acme [v]", NEW)]
    files: Files = {"Users/Default/NTUSER.DAT": None}
    root, code, ends = restored(tmp_path, rows, files, words=UserWords())
    state, _ = ends[rf"HKU\{ANNA}\Environment\[MINE]"]
    assert state == "skipped"
    assert code == LOST  # the hive of a user who comes cannot be made
    assert not (root / "Users/anna.CONTOSO/NTUSER.DAT").exists()
    assert text(values_of(root, SOFTWARE, "Acme")["v"]) == "new"


# --- what no object asks for ----------------------------------------------------------------------


def clean(pattern: str) -> Instruction:
    source, kind = "r.xml:1", "Registry" if pattern.startswith("HK") else "Ini"
    return Instruction("destinationCleanup", "", "", "u/a/data", source, ((kind, pattern),))


KEYS = {"Old": {"a": "1"}, r"Old\Deep": {"b": "2"}, "New": {"c": "3"}}


def test_a_cleanup_takes_keys_away_and_what_the_store_has_of_them_comes_back(
    tmp_path: Path,
) -> None:
    files: Files = {SOFTWARE: tiny_hive(KEYS)}
    install = plain_windows({}, hives={r"HKLM\SOFTWARE": tiny_hive(KEYS)})
    rows = [row(r"HKLM\SOFTWARE\Old [a]", sz("1")), row(r"HKLM\SOFTWARE\Old\Deep")]
    said = [clean(r"HKLM\SOFTWARE\Old\* [*]")]
    root, code, ends = restored(tmp_path, rows, files, instructions=said, install=install)
    assert code == 0, ends
    hive = open_hive((root / SOFTWARE).read_bytes(), "s")
    assert [each.name for each in hive.values("Old")] == ["a"]
    assert hive.exists(r"Old\Deep")
    assert list(hive.values(r"Old\Deep")) == []
    assert hive.exists("New")


def test_a_cleanup_of_an_ini_file_takes_a_key_that_may_come_back(tmp_path: Path) -> None:
    files: Files = {"a.ini": b"[S]\r\na=1\r\nb=2\r\n"}
    rows = [row(r"C:\a.ini|S [a]", sz("1")), row(r"C:\new.ini|T [x]", sz("9"))]
    root, code, _ = restored(tmp_path, rows, files, instructions=[clean(r"C:\a.ini|S [*]")])
    assert code == 0
    assert (root / "a.ini").read_bytes() == b"[S]\r\na=1\r\n"
    assert (root / "new.ini").read_bytes() == b"[T]\r\nx=9\r\n"
    assert undone(root)["a.ini"] == b"[S]\r\na=1\r\nb=2\r\n"


SAM = sam_hive(
    Described(
        users={500: ("Administrator", 0x211), 501: ("Guest", 0x215)},
        groups={545: ("Users", ()), 546: ("Guests", ())},
    )
)
CONFIG_SAM = "Windows/System32/config/SAM"


def test_lac_makes_an_account_a_profile_and_a_hive(tmp_path: Path) -> None:
    words = UserWords(create_accounts=True, exclude=("*\\anna", "*\\eve"))
    rows = [row(rf"HKU\{BOB}\Environment [MINE]", NEW)]
    install = plain_windows()
    files: Files = {CONFIG_SAM: SAM, NTUSER: None}
    root, code, ends = restored(tmp_path, rows, files, install=install, words=words)
    assert code == 0, ends
    names = open_hive((root / CONFIG_SAM).read_bytes(), "SAM")
    assert names.exists(r"SAM\Domains\Account\Users\Names\bob")
    found = {name: text(data) for name, data in values_of(root, NTUSER, "Environment").items()}
    assert found == {"TEMP": "default", "MINE": "new"}


def test_where_the_sam_cannot_be_changed_the_account_is_to_be_made_by_hand(tmp_path: Path) -> None:
    words = UserWords(create_accounts=True, exclude=("*\\anna", "*\\eve"))
    rows = [row(rf"HKU\{BOB}\Environment [MINE]", NEW), row(r"HKLM\SOFTWARE\Acme [v]", NEW)]
    for number, sam in enumerate((None, tiny_hive({"SAM": {}}), b"damaged" * 1000)):
        files: Files = {CONFIG_SAM: sam}
        folder = tmp_path / str(number)
        root, code, ends = restored(folder, rows, files, install=plain_windows(), words=words)
        assert code == 0
        assert ends[rf"HKU\{BOB}\Environment\[MINE]"][0] == "skipped"
        assert text(values_of(root, SOFTWARE, "Acme")["v"]) == "new"
        assert sam is None or (root / CONFIG_SAM).read_bytes() == sam


# --- a run that was stopped -----------------------------------------------------------------------


class Stopped(Exception):  # noqa: N818 (no error, the test's own)
    """The process ends here."""


def test_a_run_that_stops_between_two_hives_goes_on_and_undoes_whole(tmp_path: Path) -> None:
    rows = [row(r"HKLM\SOFTWARE\Acme [v]", NEW), row(rf"HKU\{BOB}\Software\Acme [v]", NEW)]
    root = plain_folder(tmp_path / "target")
    before, store = tree_of(root), settings_store(tmp_path / "store", rows)

    def stop(task: Task, _: End) -> None:
        if task.kind == "hive":
            raise Stopped

    with planned_at(root, store) as restore, pytest.raises(Stopped):
        restore.apply(stop)
    with planned_at(root, store) as restore:
        assert restore.apply(silent) == 0
        assert {state for state, _ in ends_of(restore).values()} == {"restored"}
    assert text(values_of(root, SOFTWARE, "Acme")["v"]) == "new"
    assert text(values_of(root, NTUSER, r"Software\Acme")["v"]) == "new"
    assert undone(root) == before
