"""Folders left behind: the right folder of a chain, never what programs own, never one in which something was taken."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from extractor.evaluate import Profile, Scene
from extractor.explain.uncollected import uncollected
from extractor.model import Reparse, WinPath
from extractor.select import Choice
from extractor.testing import FakeFile
from extractor.windows.namespace import Mount, Namespace
from tests.select.material import MACHINE, disk, user

Files = Mapping[str, bytes | FakeFile | None]
BOB = user("bob")
OWN = {
    "USERPROFILE": r"C:\Users\bob",
    "APPDATA": r"C:\Users\bob\AppData\Roaming",
    "CSIDL_LOCAL_APPDATA": r"C:\Users\bob\AppData\Local",
}
VARIABLES = {**MACHINE, "PROGRAMDATA": r"C:\ProgramData", "PUBLIC": r"C:\Users\Public"}


def left(files: Files, *taken: str, comes: bool = True) -> list[str]:
    """Return the folders that are told when these files were taken."""
    mount = disk(files)
    scene = Scene(Namespace([mount]), (Profile(BOB, OWN),), VARIABLES)
    found = {(mount.filesystem.info.id, _record(mount, path)) for path in taken}
    return [str(each.path) for each in uncollected(scene, [Choice(BOB, comes)], found)]


def _record(mount: Mount, path: str) -> int:
    place = Namespace([mount]).resolve(WinPath.parse(rf"C:\{path}"))
    assert place is not None
    return place[1].record


DEEP = r"Users\bob\AppData\Local\Maker\Tool\Projects"
CASES: dict[str, tuple[Files, tuple[str, ...], list[str]]] = {
    "the last folder of a chain": ({rf"{DEEP}\a.docx": b"12"}, (), [rf"C:\{DEEP}"]),
    "one that holds several": (
        {rf"{DEEP}\1\a.docx": b"12", rf"{DEEP}\2\b.docx": b"12"}, (), [rf"C:\{DEEP}"],
    ),
    "one with a small neighbour": (
        {rf"{DEEP}\1\a.docx": b"1" * 95, rf"{DEEP}\2\b.txt": b"12345"}, (), [rf"C:\{DEEP}\1"],
    ),
    "nothing where no file looks like data": ({rf"{DEEP}\a.dll": b"12", rf"{DEEP}\b": b"1"}, (), []),
    "beside what was taken, each by itself": (
        {r"Data\a.docx": b"1", r"Data\In\b.docx": b"12"}, (r"Data\a.docx",), [r"C:\Data\In"],
    ),
    "only the files of a folder": (
        {r"Data\a.docx": b"1", r"Data\In\b.docx": b"12"}, (r"Data\In\b.docx",), [r"C:\Data"],
    ),
    "all is taken": ({r"Data\a.docx": b"1"}, (r"Data\a.docx",), []),
    "Windows and programs": ({r"Windows\a.docx": b"1", r"Program Files\P\a.docx": b"1"}, (), []),
    "caches": ({r"Users\bob\AppData\Local\X\Cache\a.jpg": b"1", r"Data\node_modules\a.txt": b"1"}, (), []),
    "the recycle bin": ({r"$Recycle.Bin\S-1\a.docx": b"1"}, (), []),
    "the profile folder is never told whole": (
        {r"Users\bob\Music\a.mp3": b"1", r"Users\bob\Pictures\b.jpg": b"12"}, (),
        [r"C:\Users\bob\Pictures", r"C:\Users\bob\Music"],
    ),
    "programs' data beside a container in it": (
        {rf"{DEEP}\a.docx": b"12", r"Users\bob\AppData\Roaming\X\b.docx": b"1"}, (),
        [rf"C:\{DEEP}", r"C:\Users\bob\AppData\Roaming\X"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "taken", "folders"), CASES.values(), ids=CASES.keys())
def test_what_is_left_behind_is_told_where_a_person_looks(
    files: Files, taken: tuple[str, ...], folders: list[str]
) -> None:
    assert left(files, *taken) == folders


def test_profiles_of_users_who_do_not_come_are_not_looked_at() -> None:
    assert left({r"Users\bob\a.docx": b"1"}, comes=False) == []


def test_links_are_not_followed_and_a_loop_ends() -> None:
    link = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", r"C:\Data"))
    assert left({r"Data\a.docx": b"1", "Link": link}) == [r"C:\Data"]


def test_sums_kinds_and_the_largest_file_are_told() -> None:
    mount = disk({r"Data\a.docx": b"123", r"Data\b.jpg": b"12345", r"Data\c.dll": b"1" * 10})
    scene = Scene(Namespace([mount]), (), VARIABLES)
    (found,) = uncollected(scene, [], set())
    assert (found.files, found.bytes, found.data_files, found.data_bytes) == (3, 18, 2, 8)
    assert dict(found.kinds) == {"documents": 1, "pictures": 1}
    assert found.largest == (5, WinPath.parse(r"C:\Data\b.jpg"))
