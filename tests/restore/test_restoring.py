"""A store into a folder: what is there afterwards, what gave way, and the way back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from extractor.errors import (
    LedgerError,
    NoSuchStoreError,
    StoreError,
    StoreLocationError,
    UsageError,
)
from extractor.model import Instruction
from extractor.restore import evidence, runs
from extractor.restore.apply import Applier
from extractor.restore.layout import Layout
from extractor.restore.mapping import Wish
from extractor.restore.people.words import UserWords, parse_mu
from extractor.restore.restoring import Restore, planned
from extractor.restore.target import open_target
from extractor.restore.tasks import Deed, End, Task
from extractor.store.opened import open_store
from extractor.testing import FakeFile
from sample_images.programs import program
from tests.restore.build import FILES, UNIX, make_store, merge, tree_of

BOBS = "Users/bob/Documents"
RESTORED = {
    "Data": None,
    "Data/c.txt": b"gamma",
    "Users": None,
    "Users/bob": None,
    "Users/bob/%43ON": b"device",
    "Users/bob/AppData": None,
    "Users/bob/AppData/Roaming": None,
    "Users/bob/AppData/Roaming/Mozilla": None,
    "Users/bob/AppData/Roaming/Mozilla/Firefox": None,
    "Users/bob/AppData/Roaming/Mozilla/Firefox/profiles.ini": b"[Profile0]",
    "Users/bob/Documents": None,
    "Users/bob/Documents/a.txt": b"alpha",
    "Users/bob/Documents/report.doc": b"report" * 1000,
    "Users/bob/Documents/second": b"alpha",
    "Users/eve": None,
    "Users/eve/Desktop": None,
    "Users/eve/Desktop/b.doc": b"beta",
    "empty": None,
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("plain") / "store")


def silent(_: Task, __: End) -> None:
    """Say nothing."""


@contextmanager
def begun(store: Path, target: Path, *, dry: bool = False, **more: Any) -> Iterator[Restore]:
    """Open store and target, and plan."""
    with (
        open_store(store) as opened,
        open_target(target, store=store, header=opened.header) as there,
        planned(opened, there, Wish(**more), dry=dry) as work,
    ):
        yield work


def undo(target: Path) -> list[str]:
    with open_target(target) as there:
        return runs.undo(there)


def restore(store: Path, target: Path, **more: Any) -> dict[End, int]:
    """Plan and restore; return the ledger."""
    with begun(store, target, **more) as work:
        work.apply(silent)
        return work.ledger()


def plan_of(store: Path, target: Path, **more: Any) -> list[Task]:
    with begun(store, target, dry=True, **more) as work:
        return list(work.journal.tasks())


def put(target: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)


def test_all_of_a_store_comes_and_the_ledger_balances(plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert restore(plain, target) == {End.RESTORED: 18, End.KEPT: 0, End.SKIPPED: 1, End.FAILED: 0}
    assert tree_of(target) == RESTORED
    assert (target / BOBS / "a.txt").stat().st_mtime_ns == UNIX
    assert (target / "Users/bob").stat().st_mtime_ns == UNIX
    assert (target / BOBS / "a.txt").samefile(target / BOBS / "second")


def test_named_streams_are_attributes_or_lie_beside_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = FakeFile(b"x", streams={"small": b"s", "big": b"b" * 70_000})
    store = make_store(tmp_path / "store", {"f": big})
    restore(store, tmp_path / "out")
    assert os.getxattr(tmp_path / "out/f", "user.small") == b"s"
    assert (tmp_path / "out/f%3Abig").read_bytes() == b"b" * 70_000

    def refuse(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    restore(store, tmp_path / "none")
    assert (tmp_path / "none/f%3Asmall").read_bytes() == b"s"
    undo(tmp_path / "none")
    assert tree_of(tmp_path / "none") == {}


def test_a_dry_run_writes_nothing_and_says_why(plain: Path, tmp_path: Path) -> None:
    tasks = plan_of(plain, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert {(task.deed, task.kind) for task in tasks} == {
        (Deed.MAKE, "file"), (Deed.MAKE, "directory"), (Deed.SKIP, "link"),
    }  # fmt: skip
    [link] = [task for task in tasks if task.kind == "link"]
    assert link.why == "links are made on an NTFS volume only"


def test_a_renamed_user_has_another_profile_folder(plain: Path, tmp_path: Path) -> None:
    restore(plain, tmp_path, users=UserWords((parse_mu("bob:rob"),)))
    assert (tmp_path / "Users/rob/Documents/a.txt").read_bytes() == b"alpha"
    assert not (tmp_path / "Users/bob").exists()


def test_a_linux_layout_is_homes(plain: Path, tmp_path: Path) -> None:
    restore(plain, tmp_path, layout=Layout.LINUX)
    found = tree_of(tmp_path)
    assert found["bob/Documents/a.txt"] == b"alpha"
    assert found["bob/.mozilla/firefox/profiles.ini"] == b"[Profile0]"
    assert found["eve/Desktop/b.doc"] == b"beta"
    assert found["C/Data/c.txt"] == b"gamma"
    assert "bob/AppData/Roaming/Mozilla/Firefox" not in found


CASES: Sequence[tuple[Sequence[Instruction], Deed, dict[str, bytes]]] = [
    ((), Deed.RENAME, {"a.txt": b"mine", "a(1).txt": b"alpha"}),
    ([merge("SourcePriority()", r"C:\* [*]")], Deed.REPLACE, {"a.txt": b"alpha"}),
    ([merge("DestinationPriority()", r"C:\* [*]")], Deed.KEEP, {"a.txt": b"mine"}),
    (
        [merge("FindFilePlaceByPattern('<F> (<N>).<E>')", r"C:\* [*]")],
        Deed.RENAME,
        {"a.txt": b"mine", "a (1).txt": b"alpha"},
    ),
    (
        [merge("SourcePriority()", r"C:\* [*]"), merge("DestinationPriority()", r"C:\Users\* [*.txt]")],
        Deed.KEEP,
        {"a.txt": b"mine"},
    ),
    ([merge("NewestVersion('FileVersion')", r"C:\* [*]")], Deed.KEEP, {"a.txt": b"mine"}),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "deed", "after"), CASES)
def test_a_taken_name_is_decided_by_merge_and_an_undo_gives_all_back(
    tmp_path: Path, rules: Sequence[Instruction], deed: Deed, after: dict[str, bytes]
) -> None:
    store = make_store(tmp_path / "store", {"Users\\bob\\a.txt": b"alpha"}, rules)
    target = tmp_path / "out"
    put(target, {"Users/bob/a.txt": b"mine"})
    before = tree_of(target)
    [task] = [each for each in plan_of(store, target) if each.kind == "file"]
    assert (task.deed, bool(task.conflict)) == (deed, True)
    restore(store, target)
    found = {name.rpartition("/")[2]: data for name, data in tree_of(target).items() if data}
    assert found == after
    assert undo(target) == []
    assert tree_of(target) == before


def test_two_objects_of_the_store_never_replace_each_other(tmp_path: Path) -> None:
    rules = [
        merge("SourcePriority()", r"C:\* [*]"),
        merge(r"RelativeMove('C:\Two','C:\One')", r"C:\Two\* [*]", kind="locationModify"),
    ]
    store = make_store(tmp_path / "store", {"One\\a": b"one", "Two\\a": b"two"}, rules)
    put(tmp_path / "out", {"One/a": b"mine"})
    assert restore(store, tmp_path / "out")[End.RESTORED] == 2
    assert tree_of(tmp_path / "out") == {"One": None, "One/a": b"one", "One/a(1)": b"two"}
    assert undo(tmp_path / "out") == []
    assert tree_of(tmp_path / "out") == {"One": None, "One/a": b"mine"}


def test_the_same_content_is_kept_whatever_the_rules_say(tmp_path: Path) -> None:
    rules = [merge("SourcePriority()", r"C:\* [*]")]
    store = make_store(tmp_path / "store", {"a.txt": b"alpha"}, rules)
    put(tmp_path / "out", {"A.TXT": b"alpha"})
    assert restore(store, tmp_path / "out")[End.KEPT] == 1
    assert tree_of(tmp_path / "out") == {"A.TXT": b"alpha"}


def test_case_does_not_make_a_second_folder_or_file(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", {"Users\\bob\\a.txt": b"a", "Users\\bob\\A.TXT": b"b"})
    put(tmp_path / "out", {"USERS/Bob/x": b"x"})
    restore(store, tmp_path / "out")
    found = {name: data for name, data in tree_of(tmp_path / "out").items() if data}
    assert sorted(found) == ["USERS/Bob/A.TXT", "USERS/Bob/a(1).txt", "USERS/Bob/x"]


def test_a_second_restore_makes_no_third_copy(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", {"a.txt": b"alpha"})
    put(tmp_path / "out", {"a.txt": b"mine"})
    restore(store, tmp_path / "out")
    assert restore(store, tmp_path / "out")[End.KEPT] == 1
    assert tree_of(tmp_path / "out") == {"a.txt": b"mine", "a(1).txt": b"alpha"}


def test_what_stands_in_the_way_of_a_folder_is_named(plain: Path, tmp_path: Path) -> None:
    put(tmp_path, {"Users/bob": b"a file"})
    counts = restore(plain, tmp_path)
    assert counts[End.FAILED] > 5
    assert (tmp_path / "Users/bob").read_bytes() == b"a file"
    assert (tmp_path / "Users/eve/Desktop/b.doc").exists()


def test_a_planted_link_leads_nowhere(plain: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "out"
    (target / "Users").mkdir(parents=True)
    (target / "Users/bob").symlink_to(outside)
    restore(plain, target)
    assert list(outside.iterdir()) == []


def test_names_of_the_evidence_never_reach_the_journal_or_what_is_in_the_making(
    tmp_path: Path,
) -> None:
    hostile = {f".coldstate-{number}-0": b"hostile" for number in range(1, 9)}
    hostile |= {f".Coldstate-Restore\\1\\{name}": b"no" for name in ("journal.sqlite", "aside")}
    hostile |= {".cold\u017ftate-restore\\2\\journal.sqlite": b"no"}  # s, as Windows compares
    cleanup = merge("", r"C:\.cold* [*]", kind="destinationCleanup")
    rules = [merge("SourcePriority()", r"C:\* [*]"), cleanup]
    store = make_store(tmp_path / "store", hostile, rules)
    target = tmp_path / "out"
    put(target, {".coldstate-4-0": b"mine"})
    before = tree_of(target)
    restore(store, target)
    assert restore(store, target)[End.FAILED] == 0
    found = tree_of(target)
    assert found["%2Ecoldstate-restore/1/journal.sqlite"] == b"no"
    assert {found[f".coldstate-{number}-0"] for number in range(1, 9)} == {b"hostile"}
    undo(target)
    undo(target)
    assert tree_of(target) == before


def test_names_that_are_no_text_are_let_be(plain: Path, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    rules = [merge("", r"C:\* [*]", kind="destinationCleanup")]
    store = make_store(tmp_path / "s" / "store", {"a": b"a"}, rules)
    target = tmp_path / "out"
    target.mkdir()
    (target / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    restore(store, target)
    assert tree_of(target) == {"a": b"a"}
    undo(target)
    assert tree_of(target) == {os.fsdecode(b"\xff\xfe"): b"x"}
    assert plain.exists()


def test_a_place_that_cannot_be_looked_at_is_refused_by_name(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Users" / "bob").mkdir(parents=True)
    scandir = os.scandir

    def denied(folder: Any) -> Any:
        if isinstance(folder, int) and Path(f"/proc/self/fd/{folder}").readlink().name == "bob":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)
    tasks = plan_of(plain, tmp_path)
    refused = {task.detail for task in tasks if task.deed is Deed.REFUSE}
    assert refused == {"its place cannot be looked at: Permission denied"}


def test_a_clean_up_takes_away_what_is_there_and_an_undo_brings_it_back(tmp_path: Path) -> None:
    rules = [
        merge("", r"C:\Users\bob\Old\* [*]", kind="destinationCleanup"),
        merge("", r"C:\Users\bob\Keep\* [*.tmp]", kind="destinationCleanup"),
        merge("CompareStringContent('x')", r"C:\Users\bob\* [*]", kind="destinationCleanup"),
    ]
    store = make_store(tmp_path / "store", {"Users\\bob\\Old\\new.txt": b"new"}, rules)
    target = tmp_path / "out"
    put(target, {"Users/rob/Old/x/y": b"y", "Users/rob/Keep/a.tmp": b"t", "Users/rob/Keep/b": b"b"})
    before = tree_of(target)
    with begun(store, target, users=UserWords((parse_mu("bob:rob"),))) as work:
        assert any("filter is not done" in note for note in work.notes)
        work.apply(silent)
        assert work.ledger()[End.RESTORED] == 2  # the folder Old, and what lies in it
    found = {name: data for name, data in tree_of(target).items() if data}
    assert found == {"Users/rob/Keep/b": b"b", "Users/rob/Old/new.txt": b"new"}
    undo(target)
    assert tree_of(target) == before


def test_keep_existing_leaves_the_times_of_what_is_replaced(tmp_path: Path) -> None:
    rules = [
        merge("SourcePriority()", r"C:\* [*]"),
        merge("KeepExisting('TimeFields')", r"C:\* [*]", kind="contentModify"),
    ]
    store = make_store(tmp_path / "store", {"a.txt": b"alpha"}, rules)
    put(tmp_path / "out", {"a.txt": b"mine"})
    os.utime(tmp_path / "out/a.txt", ns=(1_000_000_000, 2_000_000_000))
    restore(store, tmp_path / "out")
    assert (tmp_path / "out/a.txt").read_bytes() == b"alpha"
    assert (tmp_path / "out/a.txt").stat().st_mtime_ns == 2_000_000_000


def test_changed_bytes_of_the_store_never_get_a_name(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", {"a.txt": b"alpha", "b.txt": b"beta"})
    (store / "USMT/File/C$/a.txt").write_bytes(b"ALPHA")
    assert restore(store, tmp_path / "out")[End.FAILED] == 1
    assert tree_of(tmp_path / "out") == {"b.txt": b"beta"}


def test_an_undo_leaves_what_was_changed_since(plain: Path, tmp_path: Path) -> None:
    restore(plain, tmp_path)
    (tmp_path / "Data/c.txt").write_bytes(b"my own work")
    left = undo(tmp_path)
    assert any("c.txt: it was changed since" in each for each in left)
    assert tree_of(tmp_path) == {"Data": None, "Data/c.txt": b"my own work"}
    with pytest.raises(NoSuchStoreError):
        undo(tmp_path)


def test_two_restores_are_taken_back_one_after_the_other(plain: Path, tmp_path: Path) -> None:
    restore(plain, tmp_path)
    (tmp_path / BOBS / "a.txt").unlink()
    restore(plain, tmp_path)
    assert tree_of(tmp_path) == RESTORED
    undo(tmp_path)
    assert "Users/bob/Documents/a.txt" not in tree_of(tmp_path)
    undo(tmp_path)
    assert tree_of(tmp_path) == {}


def test_a_run_that_ended_anywhere_goes_on_and_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [merge("SourcePriority()", r"C:\* [*]")]
    store = make_store(tmp_path / "store", FILES, rules)
    mine = {"Data/c.txt": b"mine", f"{BOBS}/a.txt": b"mine too"}
    for number in range(0, 160, 7):
        target = tmp_path / f"out{number}"
        put(target, mine)
        calls = [number]
        with monkeypatch.context() as patch:
            for name in ("mkdir", "rename", "open", "link", "pwrite"):
                patch.setattr(os, name, _dying(getattr(os, name), calls))
            with pytest.raises(Death) if calls[0] < 60 else _maybe():
                restore(store, target)
        counts = restore(store, target)
        assert sum(counts.values()) == 19
        assert tree_of(target) == RESTORED, number
        assert undo(target) == []
        while _undoable(target):
            continue
        assert {k: v for k, v in tree_of(target).items() if v} == mine, number


def test_an_undo_that_ended_anywhere_is_done_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path / "store", FILES, [merge("SourcePriority()", r"C:\* [*]")])
    mine = {"Data/c.txt": b"mine", f"{BOBS}/a.txt": b"mine too"}
    for number in range(0, 60, 3):
        target = tmp_path / f"out{number}"
        put(target, mine)
        before = tree_of(target)
        restore(store, target)
        calls = [number]
        with monkeypatch.context() as patch:
            for name in ("mkdir", "rename", "unlink", "rmdir"):
                patch.setattr(os, name, _dying(getattr(os, name), calls))
            with _maybe():
                undo(target)
        if calls[0] < 0:
            assert undo(target) == []
        assert tree_of(target) == before, number


class Death(BaseException):
    """The process is killed here."""


class _maybe:  # noqa: N801 (a context manager beside pytest.raises)
    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is None or kind is Death


def _dying(work: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Death
        return work(*args, **kwargs)

    return call


def _undoable(target: Path) -> bool:
    try:
        undo(target)
    except NoSuchStoreError:
        return False
    return True


SCRIPT = """
import sys, os, signal
from pathlib import Path
from extractor.store.opened import open_store
from extractor.restore.mapping import Wish
from extractor.restore.restoring import planned
from extractor.restore.target import open_target
left = [int(sys.argv[3])]
def observer(task, end):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
place = Path(sys.argv[1])
with open_store(place) as store, open_target(Path(sys.argv[2]), store=place, header=store.header) as target:
    with planned(store, target, Wish()) as work:
        work.apply(observer)
"""


@pytest.mark.parametrize("after", [1, 6, 17])
def test_a_killed_process_leaves_a_run_that_goes_on(plain: Path, tmp_path: Path, after: int) -> None:  # fmt: skip
    command = [sys.executable, "-c", SCRIPT, str(plain), str(tmp_path), str(after)]
    ran = subprocess.run(command, check=False)
    assert ran.returncode == -signal.SIGKILL
    with begun(plain, tmp_path) as work:
        assert work.run is not None
        work.apply(silent)
    assert tree_of(tmp_path) == RESTORED


def test_an_unfinished_run_takes_no_other_words(plain: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(plain), str(tmp_path), "3"], check=False)
    with pytest.raises(UsageError, match="did not end"):
        restore(plain, tmp_path, users=UserWords((parse_mu("bob:rob"),)))
    undo(tmp_path)
    assert tree_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("ours", "theirs", "stays"),
    [("2.0", "1.9", "2.0"), ("1.9", "2.0", "2.0"), ("2.0.0", "2.0", "2.0"), ("2.0", "", "2.0")],
)
def test_the_newer_program_stays(tmp_path: Path, ours: str, theirs: str, stays: str) -> None:
    rules = [merge("NewestVersion('FileVersion')", r"C:\* [*.exe]")]
    there = program({"FileVersion": theirs}) if theirs else b"no program"
    store = make_store(tmp_path / "store", {"a.exe": program({"FileVersion": ours})}, rules)
    put(tmp_path / "out", {"a.exe": there})
    restore(store, tmp_path / "out")
    assert (tmp_path / "out/a.exe").read_bytes() == program({"FileVersion": stays})


def test_a_full_target_ends_the_run_and_room_lets_it_go_on(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [3]
    pwrite = os.pwrite

    def full(*given: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return pwrite(*given)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoreError, match="No space left"):
            restore(plain, tmp_path)
    assert restore(plain, tmp_path)[End.FAILED] == 0
    assert tree_of(tmp_path) == RESTORED


def test_what_cannot_be_a_target_is_refused(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    for target in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "broken"):
        with pytest.raises(StoreLocationError, match=r"cannot be used|is no target"):
            restore(plain, target)


def test_an_undo_that_cannot_write_says_so_and_goes_on_later(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore(plain, tmp_path)

    def denied(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", denied)
        with pytest.raises(StoreError, match="the undo stopped: Read-only"):
            undo(tmp_path)
    assert undo(tmp_path) == []
    assert tree_of(tmp_path) == {}


def test_a_descriptor_a_rule_and_a_variable_that_are_not_followed_are_named(
    tmp_path: Path,
) -> None:
    rules = [
        merge("ConvertToString()", r"C:\* [*]", kind="contentModify"),
        Instruction("remap", "X=C:\\X", source="rules.xml:4"),
        Instruction("localGroups", "{}", source="Config.xml:4"),
    ]
    store = make_store(tmp_path / "store", {"a": b"a"}, rules)
    with begun(store, tmp_path / "out") as work:
        assert [note.partition(" x ")[0] for note in work.notes] == ["1", "1"]
        assert work.apply(silent) == 3
        [task] = work.journal.tasks("detail != ''")
    assert "ConvertToString says nothing of files" in task.detail
    assert task.state is End.RESTORED


def test_the_store_and_what_holds_it_are_refused(plain: Path) -> None:
    for target in (plain, plain / "USMT/File", plain.parent):
        with pytest.raises(UsageError, match="store"):
            restore(plain, target)


def test_the_evidence_is_refused_by_identity_not_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    (tmp_path / "other name").symlink_to(folder)
    image = {"images": [{"path": str(tmp_path / "other name"), "segments": []}]}
    store = make_store(tmp_path / "s" / "store", {"a": b"a"}, image=image)
    with pytest.raises(UsageError, match="is the evidence"):
        restore(store, folder)
    assert list(folder.iterdir()) == []


def test_an_image_in_the_way_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    put(target, {"disk.raw": b"evidence"})
    os.link(target / "disk.raw", tmp_path / "the image")
    image = {"images": [{"path": str(tmp_path / "the image"), "segments": []}]}
    store = make_store(tmp_path / "s" / "store", {"disk.raw": b"other"}, image=image)
    with pytest.raises(UsageError, match="image of the evidence"):
        restore(store, target)
    assert tree_of(target) == {"disk.raw": b"evidence"}


def test_too_little_room_is_refused_before_anything_is_written(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "free_bytes", lambda _: 1000)
    with pytest.raises(StoreError, match="are free"):
        restore(plain, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sums_that_do_not_balance_are_never_hidden(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Applier, "work", lambda _: None)
    with begun(plain, tmp_path) as work:
        assert isinstance(work, Restore)
        with pytest.raises(LedgerError, match="does not balance"):
            work.apply(silent)
