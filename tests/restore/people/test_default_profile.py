"""What the profile of a new user is begun with: a copy of the default one, less what has its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from extractor.model import WinPath
from extractor.restore.host import Host
from extractor.restore.journal import ASIDE, FOLDER, journal_of_plan
from extractor.restore.layout import Layout, Places
from extractor.restore.people.default_profile import (
    KIND,
    Copier,
    Profile,
    default_tasks,
    profiles_of,
)
from extractor.restore.people.users import People, Person, map_users
from extractor.restore.people.words import UserWords
from extractor.restore.rules.locations import Locations
from extractor.restore.steps import Steps
from extractor.restore.tasks import Deed, Task
from extractor.restore.view import InTheWayError, View
from extractor.restore.write import FailedError
from extractor.store.tree import Tree, open_tree, remove_tree
from tests.restore.build import tree_of
from tests.restore.people.test_users import ANNA, HEADER

DEFAULT = WinPath.parse(r"C:\Users\Default")
PEOPLE = map_users(HEADER, UserWords())
PERSON = PEOPLE.by_sid[ANNA]
FOLDER_OF_ANNA = "Users/anna.CONTOSO"
FILES = {
    "NTUSER.DAT": b"hive", "ntuser.dat.LOG1": b"log", "NTUSER.DAT{1}.TM.blf": b"log", "Links/Desktop.lnk": b"link",
    "AppData/Local/a.txt": b"a", "AppData/Local/ntuser.ini": b"ini",
}  # fmt: skip


def default_at(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """Make a default profile, with a link in it that leads into itself."""
    for name, content in files.items():
        place = root / "Users/Default" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (root / "Users/Default").mkdir(parents=True, exist_ok=True)
    (root / "Users/Default/Application Data").symlink_to("AppData")
    return root


def places(people: People = PEOPLE) -> Places:
    return Places(Layout.WINDOWS, people, Locations(people), {})


def tasks_of(tree: Tree, view: View | None = None) -> tuple[Profile, dict[str, Task]]:
    """Return anna's profile, and its tasks by where they lead."""
    view = view or View(tree)
    (profile,) = profiles_of([PERSON], DEFAULT, view, places())
    numbers = count(1)
    tasks = default_tasks(profile, view, lambda: next(numbers))
    return profile, {"/".join(each.target): each for each in tasks}


def new(profile: str) -> Person:
    return replace(PERSON, is_new=True, profile=WinPath.parse(profile))


def test_files_and_folders_are_copied_but_neither_the_hive_nor_links(tmp_path: Path) -> None:
    with open_tree(default_at(tmp_path)) as tree:
        _, tasks = tasks_of(tree)
    assert tasks.keys() == {
        FOLDER_OF_ANNA,
        *(f"{FOLDER_OF_ANNA}/{each}" for each in ("AppData", "AppData/Local", "AppData/Local/a.txt", "Links",
                                                 "Links/Desktop.lnk")),
    }  # fmt: skip
    assert {(each.deed, each.kind, each.object) for each in tasks.values()} == {(Deed.MAKE, KIND, 0)}  # fmt: skip
    assert tasks[f"{FOLDER_OF_ANNA}/Links/Desktop.lnk"].size == 4
    assert tasks[FOLDER_OF_ANNA].why == r"profile of CONTOSO\anna"


def test_what_is_there_or_comes_from_the_store_has_its_own_way(tmp_path: Path) -> None:
    (tmp_path / FOLDER_OF_ANNA / "LINKS").mkdir(parents=True)
    with open_tree(default_at(tmp_path)) as tree:
        view = View(tree)
        view.plan((*FOLDER_OF_ANNA.split("/"), "LINKS", "desktop.LNK"))
        _, tasks = tasks_of(tree, view)
        made = {name for name, each in tasks.items() if each.deed is Deed.MAKE}
        assert tasks[FOLDER_OF_ANNA].deed is Deed.KEEP
        below = ("AppData", "AppData/Local", "AppData/Local/a.txt")
        assert made == {f"{FOLDER_OF_ANNA}/{each}" for each in below}


def test_a_file_in_the_place_of_a_folder_stops_only_what_would_lie_in_it(tmp_path: Path) -> None:
    (tmp_path / FOLDER_OF_ANNA).mkdir(parents=True)
    (tmp_path / FOLDER_OF_ANNA / "AppData").write_bytes(b"a file")
    with open_tree(default_at(tmp_path)) as tree:
        _, tasks = tasks_of(tree)
        made = {name for name, each in tasks.items() if each.deed is Deed.MAKE}
        assert made == {f"{FOLDER_OF_ANNA}/{each}" for each in ("Links", "Links/Desktop.lnk")}


def test_without_a_default_profile_a_new_one_is_a_folder(tmp_path: Path) -> None:
    with open_tree(tmp_path) as tree:
        assert list(tasks_of(tree)[1]) == [FOLDER_OF_ANNA]


def test_a_default_profile_deeper_than_any_stack_ends(tmp_path: Path) -> None:
    deep = ("Users", "Default", *["d"] * 1200)
    with open_tree(default_at(tmp_path, {})) as tree:
        tree.directory(deep, create=True)
        _, tasks = tasks_of(tree)
        remove_tree("d", tree.directory(deep[:2]))
    assert len(tasks) == 1201


@pytest.mark.parametrize("profile", [r"C:\Users\Default", r"C:\Users\Default\anna"])
def test_a_profile_in_the_default_one_would_copy_itself_and_is_refused(
    tmp_path: Path, profile: str
) -> None:
    with open_tree(default_at(tmp_path)) as tree, pytest.raises(InTheWayError, match="default"):
        list(profiles_of([new(profile)], DEFAULT, View(tree), places()))


def test_a_file_on_the_way_to_a_new_profile_is_said_and_that_of_an_old_one_is_no_matter(
    tmp_path: Path,
) -> None:
    (tmp_path / "Data").write_bytes(b"a file")
    person = new(r"C:\Data\anna")
    with open_tree(default_at(tmp_path)) as tree:
        old = replace(person, is_new=False)
        assert list(profiles_of([old], DEFAULT, View(tree), places())) == []
        new_ones = profiles_of([person], DEFAULT, View(tree), places())
        with pytest.raises(InTheWayError, match="Data is no folder"):
            list(new_ones)


def test_copies_are_made_and_taken_back(tmp_path: Path) -> None:
    before = tree_of(default_at(tmp_path))
    with open_tree(tmp_path) as tree:
        profile, tasks = tasks_of(tree)
        journal = journal_of_plan(tmp_path)
        steps = Steps(tree, journal, (FOLDER, "1", ASIDE))
        copier = Copier(tree, steps, Host(tree.root), (profile,))
        assert [lost for each in tasks.values() for lost in copier.copy(each)] == []
        after = tree_of(tmp_path)
        assert after[f"{FOLDER_OF_ANNA}/Links/Desktop.lnk"] == b"link"
        assert after[f"{FOLDER_OF_ANNA}/AppData/Local/a.txt"] == b"a"
        assert len(after) == len(before) + len(tasks)
        assert steps.undo(journal.steps()) == []
        journal.close()
    assert tree_of(tmp_path) == before


def test_a_place_in_no_profile_is_refused_and_a_source_that_is_gone_is_an_error(
    tmp_path: Path,
) -> None:
    with open_tree(default_at(tmp_path)) as tree:
        profile, tasks = tasks_of(tree)
        journal = journal_of_plan(tmp_path)
        copier = Copier(tree, Steps(tree, journal, (FOLDER,)), Host(tree.root), (profile,))
        with pytest.raises(FailedError, match="in no profile"):
            copier.copy(Task(9, 0, KIND, "x", ("Windows", "x"), Deed.MAKE))
        (tmp_path / "Users/Default/Links/Desktop.lnk").unlink()
        with pytest.raises(FileNotFoundError):
            copier.copy(tasks[f"{FOLDER_OF_ANNA}/Links/Desktop.lnk"])
        journal.close()
