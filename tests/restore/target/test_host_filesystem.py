"""A folder of this host, read as a file system of Windows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractor.errors import DamagedError, StoreLocationError, UnsupportedError
from extractor.filesystems import find, walk
from extractor.machine import open_machine
from extractor.restore.target import MOUNTED, open_target
from extractor.restore.target.host_filesystem import HostFilesystem
from extractor.seams import Filesystem
from tests.restore.target.build import disk, need_disks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "windows" / "SYSTEM32" / "config"
    config.mkdir(parents=True)
    (config / "SOFTWARE").write_bytes(b"regf" * 1000)
    (tmp_path / "link").symlink_to("windows")
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "deep" / "er" / "SOFTWARE").mkdir(parents=True)
    return tmp_path


def test_names_are_found_as_windows_finds_them_and_links_lead_nowhere(folder: Path) -> None:
    filesystem = HostFilesystem(folder, MOUNTED)
    found = find(filesystem, ("Windows", "System32", "CONFIG", "software"))
    assert found is not None
    assert filesystem.path(found) == ("windows", "SYSTEM32", "config", "SOFTWARE")
    assert filesystem.names(found.record) == [found]
    assert filesystem.names(1 << 60) == ()
    assert find(filesystem, ("link", "SYSTEM32")) is None
    assert find(filesystem, ("up",)) is not None
    every = {filesystem.path(each) for each in walk(filesystem, filesystem.root)}
    assert ("deep", "er", "SOFTWARE") in every
    assert not [each for each in every if each[:1] in {("link",), ("up",)} and len(each) > 1]
    filesystem.close()


def test_the_places_of_a_windows_are_looked_up_by_name_and_no_others(folder: Path) -> None:
    filesystem = HostFilesystem(folder, MOUNTED)
    assert [filesystem.path(each) for each in filesystem.named("Software")] == [
        ("windows", "SYSTEM32", "config", "SOFTWARE")
    ]
    assert [filesystem.path(each) for each in filesystem.named("system32")] == [
        ("windows", "SYSTEM32")
    ]
    filesystem.close()


def test_content_is_read_and_what_is_gone_is_damage(folder: Path) -> None:
    filesystem = HostFilesystem(folder, MOUNTED)
    entry = find(filesystem, ("windows", "system32", "config", "software"))
    assert entry is not None
    stream = filesystem.open(entry)
    assert (stream.size, stream.read_at(3996, 100), stream.read_at(9000, 1)) == (4000, b"regf", b"")
    assert list(stream.extents()) == [(0, 4000)]
    with pytest.raises(UnsupportedError):
        filesystem.open(entry, "stream")
    place = folder.joinpath(*filesystem.path(entry))
    place.unlink()
    with pytest.raises(DamagedError, match="SOFTWARE"):
        stream.read_at(0, 4)
    place.symlink_to("/etc/passwd")
    with pytest.raises(DamagedError, match="SOFTWARE"):
        stream.read_at(0, 4)
    filesystem.close()


def test_a_folder_that_is_gone_or_none_is_told(folder: Path) -> None:
    filesystem = HostFilesystem(folder, MOUNTED)
    deep = find(filesystem, ("deep",))
    assert deep is not None
    (folder / "deep").rename(folder / "moved")
    assert filesystem.children(deep) == []
    filesystem.close()
    with pytest.raises(StoreLocationError, match="cannot be used"):
        HostFilesystem(folder / "none", MOUNTED)


def test_nothing_stays_open_after_a_read(folder: Path) -> None:
    filesystem = HostFilesystem(folder, MOUNTED)
    entry = find(filesystem, ("windows", "system32", "config", "software"))
    assert entry is not None
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        filesystem.open(entry).read_at(0, 10)
        filesystem.metadata(filesystem.root)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    filesystem.close()


PATHS = (
    ("Windows",),
    ("Windows", "System32", "config", "SYSTEM"),
    ("Users", "maria", "NTUSER.DAT"),
    ("Users",),
)


def test_a_mounted_volume_reads_as_the_image_does(tmp_path: Path) -> None:
    need_disks()
    image = disk(tmp_path)
    with open_machine([image]) as machine:
        own = machine.filesystems["5EED0002C0FFEE02"]
        wanted = [told(own, parts) for parts in PATHS]
    with open_target(image, write=False) as target:
        filesystem = HostFilesystem(target.root, MOUNTED)
        assert [told(filesystem, parts) for parts in PATHS] == wanted
        filesystem.close()


def told(filesystem: Filesystem, parts: tuple[str, ...]) -> tuple[object, ...]:
    """Return what a reader says of a file or folder; the record number too, which ntfs-3g shows as inode."""
    entry = find(filesystem, parts)
    assert entry is not None
    about = filesystem.metadata(entry)
    stream = None if entry.directory else filesystem.open(entry)
    content = stream.read_at(0, stream.size) if stream else b""
    names = sorted(each.name for each in filesystem.children(entry))
    return entry.record, about.attributes, about.times, about.security, content, names
