"""Stores, targets and journals that somebody forged: one sentence, and nothing outside the target."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extractor.cli.main import main
from extractor.errors import CorruptStoreError, UsageError
from extractor.model import Instruction, User, WinPath, printable
from extractor.restore.host import Host
from extractor.restore.journal import FOLDER, journal_of_plan
from extractor.restore.layout import Layout, Places
from extractor.restore.people.accounts import MOST_NAMES, settle
from extractor.restore.people.default_profile import Copier, default_tasks, profiles_of
from extractor.restore.people.users import People, Person
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.locations import Locations
from extractor.restore.steps import Steps
from extractor.restore.tasks import Deed, Step, Task
from extractor.restore.view import InTheWayError, View
from extractor.restore.write import FailedError
from extractor.store.tree import open_tree, remove_tree
from extractor.testing import FakeFile
from tests.restore.build import make_store, tree_of

Capture = pytest.CaptureFixture[str]
CATALOG = "USMT/open-catalog/catalog.sqlite"
BOB = Person(
    User("S-1-5-21-1-2-3-1001", "bob", "", WinPath.parse("C:\\Users\\bob"), "local"),
    "bob", "", "S-1-5-21-1-2-3-1001", WinPath.parse("C:\\Users\\bob"), is_local=True, is_new=True,
)  # fmt: skip
DEFAULT = WinPath.parse("C:\\Users\\Default")


def restore(*words: object) -> int:
    return main(["restore", *map(str, words)])


def forged(store: Path, statement: str, *values: object) -> None:
    """Change the catalog of a store behind its back; something must change."""
    catalog = sqlite3.connect(store / CATALOG)
    assert catalog.execute(statement, values).rowcount
    catalog.commit()
    catalog.close()


# --- the store ------------------------------------------------------------------------------------

PATHS = {
    "up": "C:\\..\\..\\victim",
    "a slash": "C:\\../../victim",
    "the root of this host": "C:\\/etc\\passwd",
    "a drive as a folder": "C:\\D:\\x",
    "nothing": "",
    "a NUL": "C:\\a\0b",
    "the journal's folder": f"C:\\{FOLDER}\\1\\journal.sqlite",
    "a server": "\\\\server\\share\\x",
    "half a character": "C:\\\ud800",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_that_leads_away_stays_in_the_target(path: str, tmp_path: Path, jail: Path) -> None:
    store = make_store(tmp_path / "store", {"f": b"forged"})
    exact = path.encode("utf-16-le", "surrogatepass")
    forged(store, "UPDATE objects SET path_utf16 = ?, name_lengths = ''", exact)
    assert restore(store, "--to", jail) in {0, 3, 42}
    assert restore("--to", jail, "--undo") == 0
    assert tree_of(jail) == {}


def test_no_object_comes_through_a_link_of_the_target(
    tmp_path: Path, jail: Path, capsys: Capture
) -> None:
    store = make_store(tmp_path / "store", {"Users\\bob\\victim": b"mine now", "free": b"f"})
    (jail / "Users").mkdir()
    (jail / "Users" / "bob").symlink_to(jail.parent)
    assert restore(store, "--to", jail) == 3
    assert "Users/bob is no folder" in capsys.readouterr().out
    assert (jail / "free").read_bytes() == b"f"


def test_a_stream_that_is_told_to_be_small_is_not_read_into_memory(
    tmp_path: Path, jail: Path, capsys: Capture
) -> None:
    files = {"f": FakeFile(b"own", streams={"s": b"small"})}
    store = make_store(tmp_path / "store", files)
    connection = sqlite3.connect(store / CATALOG)
    (place,) = connection.execute("SELECT stored_as FROM streams WHERE name = 's'").fetchone()
    connection.close()
    with (store / "USMT" / place).open("r+b") as file:
        file.truncate(1 << 43)  # a hole of 8 TiB
    assert restore(store, "--to", jail) == 3
    assert "has more bytes than were stored" in capsys.readouterr().out


def test_a_line_number_without_end_sorts_a_rule_and_is_no_error() -> None:
    long = Instruction("merge", "", "", "c", f"r.xml:{'9' * 5000}", (("File", "C:\\* [*]"),))
    asked = Asked((long, replace(long, source="r.xml:7")))
    assert len(asked.instructions) == 2


def test_folders_deeper_than_the_interpreter_recurs_come_and_go(jail: Path) -> None:
    place = ("d",) * 1100
    journal = journal_of_plan(jail)
    with open_tree(jail) as tree:
        steps = Steps(tree, journal, (FOLDER, "1", "aside"))
        assert steps.folder(1, place)
        assert steps.undo(journal.steps()) == []
    assert tree_of(jail) == {}
    journal.close()


# --- the target -----------------------------------------------------------------------------------


@contextmanager
def profiles_at(root: Path, default: WinPath, person: Person = BOB) -> Iterator[tuple[Any, ...]]:
    """Yield the profile of a new person in a target, and what looks at it."""
    people = People((person,))
    places = Places(Layout.WINDOWS, people, Locations(people), {})
    with open_tree(root) as tree:
        view = View(tree)
        yield list(profiles_of([person], default, view, places)), view, tree


@pytest.mark.parametrize("default", ["C:\\", "C:\\Users", "C:\\Users\\bob", "c:\\USERS"])
def test_a_default_profile_that_holds_the_new_one_is_not_copied_into_itself(
    default: str, tmp_path: Path
) -> None:
    (tmp_path / "Users").mkdir()
    told = pytest.raises(InTheWayError, match="the default profile")
    with told, profiles_at(tmp_path, WinPath.parse(default)):
        pass
    with profiles_at(tmp_path, WinPath.parse(default), replace(BOB, is_new=False)) as (found, *_):
        assert found == []


def test_a_default_profile_deeper_than_the_interpreter_recurs_is_copied(tmp_path: Path) -> None:
    (tmp_path / "Users" / "Default").mkdir(parents=True)
    with open_tree(tmp_path) as tree:
        tree.directory(("Users", "Default", *["d"] * 1100), create=True)
    with profiles_at(tmp_path, DEFAULT) as ((profile,), view, _):
        tasks = list(default_tasks(profile, view, lambda: 1))
    with open_tree(tmp_path) as tree:
        remove_tree("Users", tree.root)  # what removes the folders of tests recurs
    assert len(tasks) == 1101
    assert tasks[-1].target == ("Users", "bob", *["d"] * 1100)


def test_a_task_of_no_profile_fails_by_name(tmp_path: Path) -> None:
    journal = journal_of_plan(tmp_path)
    with open_tree(tmp_path) as tree:
        copier = Copier(tree, Steps(tree, journal, ("aside",)), Host(tree.root), ())
        with pytest.raises(FailedError, match="in no profile"):
            copier.copy(Task(1, 0, "default profile", "x", ("x",), Deed.MAKE))
    journal.close()


class _Account:
    def __init__(self, name: str, sid: str) -> None:
        self.name, self.sid = name, sid


class _Install:
    """As much of a Windows as people are settled by."""

    def __init__(self, *users: User) -> None:
        self.users = users
        self.sam = type("Sam", (), {"accounts": (_Account("bob", BOB.sid),)})()
        self.candidate = type("Candidate", (), {"computer": "PC"})()
        self.letters: tuple[Any, ...] = ()
        self.system_root = WinPath.parse("C:\\Windows")
        self.default_profile = DEFAULT


ELSEWHERE = {
    "another drive": "E:\\bob",
    "up": "C:\\..\\..\\x",
    "a server": "\\\\server\\share\\bob",
    "no folder": "C:\\",
    "a variable": "%SystemDrive%\\Users\\bob",
}


@pytest.mark.parametrize("path", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_profile_that_lies_on_no_drive_of_the_target_takes_nothing(path: str) -> None:
    known = replace(BOB.user, profile=WinPath.parse(path))
    settled = settle(People((replace(BOB, is_new=False),)), _Install(known), None)  # type: ignore[arg-type]
    [person] = settled.persons
    assert printable(str(known.profile)) in person.left_out
    assert "no folder of a drive that the target has" in person.left_out


def test_a_target_with_every_name_of_a_profile_taken_is_refused() -> None:
    names = ["bob", "bob.PC", *(f"bob.{n:03}" for n in range(MOST_NAMES))]
    taken = (User(f"S-1-{n}", "x", "", WinPath("C:", ("Users", name)), "") for n, name in enumerate(names))  # fmt: skip
    with pytest.raises(UsageError, match="--user-map"):
        settle(People((BOB,)), _Install(*taken), None)  # type: ignore[arg-type]


# --- the journal ----------------------------------------------------------------------------------

ODD = {
    "an unknown kind": Step(1, 1, "shred", ("x",)),
    "no place": Step(1, 1, "temporary", ()),
    "up": Step(1, 1, "temporary", ("..",)),
    "up on the way": Step(1, 1, "place", ("..", "victim")),
    "here": Step(1, 1, "folder", (".",)),
    "a NUL": Step(1, 1, "temporary", ("a\0b",)),
    "aside from above": Step(1, 1, "aside", ("x",), ("..", "victim")),
    "aside from nowhere": Step(1, 1, "aside", ("x",), ()),
}


@pytest.mark.parametrize("step", ODD.values(), ids=ODD)
def test_a_step_that_no_restore_makes_is_not_taken_back(step: Step, jail: Path) -> None:
    (jail / "x").write_bytes(b"x")
    journal = journal_of_plan(jail)
    with open_tree(jail) as tree, pytest.raises(CorruptStoreError, match="step 1 of the journal"):
        Steps(tree, journal, ("aside",)).undo([step])
    assert (jail / "x").read_bytes() == b"x"
    journal.close()


def test_an_undo_goes_on_where_somebody_put_something_else_in_the_way(jail: Path) -> None:
    (jail / "was a folder").write_bytes(b"a file now")
    (jail / "full").mkdir()
    (jail / "full" / "of").write_bytes(b"somebody's")
    (jail / "link").symlink_to(jail.parent)
    (jail / "aside").write_bytes(b"old")
    (jail / "mine").write_bytes(b"made")
    steps = [
        Step(1, 1, "aside", ("was a folder", "f"), ("aside",)),
        Step(2, 1, "temporary", ("full",)),
        Step(3, 1, "temporary", ("link", "victim")),
        Step(4, 1, "temporary", ("mine",)),
    ]
    journal = journal_of_plan(jail)
    with open_tree(jail) as tree:
        left = Steps(tree, journal, ("aside",)).undo(steps)
    journal.close()
    assert [each.partition(":")[0] for each in left] == ["was a folder/f", "full"]
    assert (jail / "aside").read_bytes() == b"old"
    assert not (jail / "mine").exists()
