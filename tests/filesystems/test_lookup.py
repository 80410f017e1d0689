"""find and walk, over a fake file system and a real one."""

from __future__ import annotations

import pytest

from extractor.errors import ImageError
from extractor.filesystems import find, open_filesystem, walk
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import Entry, Reparse
from extractor.testing import FakeFile, FakeFilesystem, FakeImage
from extractor.volumes import volumes

JUNCTION = FakeFile(directory=True, reparse=Reparse(0xA0000003, b"", "C:\\"))


def test_a_path_is_found_whatever_its_case() -> None:
    filesystem = FakeFilesystem({"Users\\Zoë\\Notes.txt": b"x"})
    found = find(filesystem, ("USERS", "ZOË", "notes.TXT"))
    assert found is not None
    assert found.name == "Notes.txt"


def test_of_names_that_differ_by_case_the_exact_one_is_found() -> None:
    filesystem = FakeFilesystem({"README.TXT": b"1", "Readme.txt": b"2", "readme.txt": b"3"})
    for name in ("README.TXT", "Readme.txt", "readme.txt"):
        found = find(filesystem, (name,))
        assert found is not None
        assert found.name == name


def test_a_short_name_is_found_when_no_long_one_matches() -> None:
    files: dict[str, bytes | FakeFile | None] = {
        "Progra~1": b"long",
        "Program Files": FakeFile(b"", short_name="PROGRA~1"),
        "Long name": FakeFile(b"", short_name="LONGNA~1"),
    }
    filesystem = FakeFilesystem(files)
    by_long, by_short = find(filesystem, ("PROGRA~1",)), find(filesystem, ("longna~1",))
    assert by_long is not None
    assert by_long.name == "Progra~1"
    assert by_short is not None
    assert by_short.name == "Long name"


def test_nothing_is_found_below_a_file_or_where_nothing_is() -> None:
    filesystem = FakeFilesystem({"a\\b": b""})
    assert find(filesystem, ()) == filesystem.root
    assert find(filesystem, ("a", "b", "c")) is None
    assert find(filesystem, ("x", "b")) is None


def test_a_walk_goes_depth_first_in_a_fixed_order_and_follows_no_link() -> None:
    files: dict[str, bytes | FakeFile | None] = {
        "b\\2": b"",
        "b\\1\\x": b"",
        "a": b"",
        "link": JUNCTION,
    }
    filesystem = FakeFilesystem(files)
    names = [each.name for each in walk(filesystem, filesystem.root)]
    assert names == ["a", "b", "1", "x", "2", "link"]


def test_a_walk_of_a_circle_ends() -> None:
    class Circle(FakeFilesystem):
        def children(self, directory: Entry) -> list[Entry]:
            return [Entry(6, 1, 5, "a", directory=True), Entry(5, 5, 6, "up", directory=True)]

    filesystem = Circle({})
    assert [each.name for each in walk(filesystem, filesystem.root)] == ["a", "a", "up", "up"]


def test_a_walk_of_a_very_deep_tree_needs_no_recursion() -> None:
    filesystem = FakeFilesystem({"\\".join(["d"] * depth): None for depth in range(1, 2000)})
    assert sum(1 for _ in walk(filesystem, filesystem.root)) == 1999


def test_a_volume_that_cannot_be_read_is_refused_with_what_is_needed() -> None:
    (volume,) = volumes([FakeImage(b"LUKS\xba\xbe".ljust(1 << 16, b"\0"))])
    with pytest.raises(ImageError, match="cryptsetup"):
        open_filesystem(volume)


def test_a_real_path_with_a_junction_in_it_is_not_found(solo: NtfsFilesystem) -> None:
    assert find(solo, ("Documents and Settings",)) is not None
    assert find(solo, ("Documents and Settings", "anna")) is None
    assert find(solo, ("users", "ANNA", "Documents", "ALONGN~1.TXT")) is not None
