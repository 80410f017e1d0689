"""A mounted store shows what was stored, to the byte, and cannot be written."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

import sample_images
from extractor.cli.mount import NoFuseError, _fuse
from extractor.filetime import UNIX_EPOCH
from extractor.model import Reparse, Times
from extractor.store.export.members import STORED
from extractor.store.mounting import MountedStore
from extractor.store.opened import open_store
from extractor.store.wim_store import WimStore
from extractor.testing import FakeFile, FakeFilesystem
from tests.conftest import need_tool
from tests.journeys.journey import scan
from tests.store.build import make_store, selections, store_all

MOMENT = UNIX_EPOCH + 17_000_000_001_234_567
DISK: dict[str, FakeFile | bytes | None] = {
    "Users\\a.txt": FakeFile(
        b"alpha", streams={"small": b"s", "large": b"L" * 70_000}, times=Times(*[MOMENT] * 4)
    ),
    "Users\\again.txt": FakeFile(link_to="Users\\a.txt"),
    "Users\\near": FakeFile(reparse=Reparse(0xA000000C, b"", "a.txt")),
    "Users\\far": FakeFile(reparse=Reparse(0xA000000C, b"", "C:\\Windows")),
    "Users\\bad:name": b"x",
    "empty": None,
}
PROGRAM = "import sys; from extractor.cli.mount import run_mount; sys.exit(run_mount(sys.argv[1:]))"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", FakeFilesystem(DISK))
    return tmp_path / "store"


@pytest.fixture
def tree(store: Path) -> Iterator[MountedStore]:
    with open_store(store) as opened:
        mounted = MountedStore(opened)
        yield mounted
        mounted.close_all()


def content(tree: MountedStore, path: str) -> bytes:
    handle = tree.open(path)
    try:
        return b"".join(iter(_Reader(tree, handle), b""))
    finally:
        tree.close(handle)


class _Reader:
    """Reads an open file in small pieces."""

    def __init__(self, tree: MountedStore, handle: int) -> None:
        self._tree, self._handle, self._at = tree, handle, 0

    def __call__(self) -> bytes:
        data = self._tree.read(self._handle, 1000, self._at)
        self._at += len(data)
        return data


def number_of(raised: pytest.ExceptionInfo[OSError]) -> int | None:
    return raised.value.errno


def test_the_tree_has_names_sizes_times_and_bytes(tree: MountedStore) -> None:
    assert sorted(tree.root.children) == [".streams", "C$"]
    assert sorted(tree.find("/C$/Users").children) == ["a.txt", "again.txt", "bad%3Aname", "near"]
    node = tree.find("/C$/Users/a.txt")
    assert (node.size, node.times) == (5, (1_700_000_000_123_456_700,) * 3)
    assert content(tree, "/C$/Users/a.txt") == b"alpha"
    assert content(tree, "/C$/Users/bad%3Aname") == b"x"
    assert tree.find("/C$/Users/near").target == "a.txt"
    assert (tree.objects, tree.hidden_links) == (7, 1)


def test_two_names_of_a_file_are_one_file(tree: MountedStore) -> None:
    assert tree.find("/C$/Users/again.txt") is tree.find("/C$/Users/a.txt")
    assert tree.find("/C$/Users/a.txt").links == 2


def test_streams_are_files_and_small_ones_attributes(tree: MountedStore) -> None:
    assert content(tree, "/.streams/C$/Users/a.txt%3Alarge") == b"L" * 70_000
    names = list(tree.attribute_names("/C$/Users/a.txt"))
    assert names == ["user.coldstate.path", "user.coldstate.sha256", "user.stream.small"]
    assert tree.attribute("/C$/Users/a.txt", "user.stream.small") == b"s"
    assert tree.attribute("/C$/Users/bad%3Aname", "user.coldstate.path") == b"C:\\Users\\bad:name"
    assert (
        tree.attribute("/C$/Users/a.txt", "user.coldstate.sha256").decode()
        == hashlib.sha256(b"alpha").hexdigest()
    )
    with pytest.raises(OSError, match="No data") as raised:
        tree.attribute("/C$/Users/a.txt", "user.stream.large")
    assert number_of(raised) == errno.ENODATA


def test_what_is_not_there_has_its_number(tree: MountedStore, store: Path) -> None:
    with pytest.raises(OSError, match="No such") as raised:
        tree.find("/C$/Users/gone")
    assert number_of(raised) == errno.ENOENT
    with pytest.raises(OSError, match="directory") as raised:
        tree.open("/C$/Users")
    assert number_of(raised) == errno.EISDIR
    with pytest.raises(OSError, match="descriptor") as raised:
        tree.read(99, 1, 0)
    assert number_of(raised) == errno.EBADF
    (store / "USMT/File/C$/Users/bad%3Aname").unlink()
    with pytest.raises(OSError, match="Input/output") as raised:
        tree.open("/C$/Users/bad%3Aname")
    assert number_of(raised) == errno.EIO


def test_a_compressed_store_is_mounted_alike(tree: MountedStore, tmp_path: Path) -> None:
    disk = FakeFilesystem(DISK)
    with WimStore(tmp_path / "wim") as compressed:
        store_all(compressed, disk, selections(disk))
    with open_store(tmp_path / "wim") as opened:
        other = MountedStore(opened)
        for path in ("/C$/Users/a.txt", "/C$/Users/bad%3Aname", "/.streams/C$/Users/a.txt%3Alarge"):
            assert content(other, path) == content(tree, path)
        names = [sorted(each.find("/C$/Users").children) for each in (tree, other)]
        assert names[0] == names[1]
        other.close_all()


def test_a_raw_efs_file_is_as_large_as_its_bytes(store: Path) -> None:
    with closing(sqlite3.connect(store / "USMT/open-catalog/catalog.sqlite")) as connection:
        [(key,)] = connection.execute("SELECT id FROM objects WHERE path LIKE '%bad:name'")
        connection.execute("INSERT INTO efs VALUES (?, 'raw', 1, 'yes', '')", (key,))
        connection.execute("UPDATE streams SET size = 77 WHERE object = ?", (key,))
        connection.commit()
    with open_store(store) as opened:
        assert MountedStore(opened).find("/C$/Users/bad%3Aname").size == 1


# --- through the kernel ---------------------------------------------------------------------------


def need_fuse() -> None:
    """Skip where nothing can be mounted; in CI that is a failure."""
    need_tool("fusermount")
    try:
        _fuse()
    except NoFuseError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must be able to mount: {error}")
        pytest.skip(f"cannot mount: {error}")


@contextmanager
def mounted(store: Path, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Mount a store in another process, and unmount it whatever happens."""
    place.mkdir()
    words = [sys.executable, "-c", PROGRAM, str(store), str(place)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            said = process.stderr.readline()
            assert "is mounted at" in said, said + process.stderr.read()
            yield process
        finally:
            if os.path.ismount(place):
                subprocess.run(["fusermount", "-u", place], check=True)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


@pytest.mark.parametrize("name", ["solo", "hostile"])
def test_every_hash_is_right_through_the_kernel(tmp_path: Path, name: str) -> None:
    need_fuse()
    store = tmp_path / "store"
    assert scan(store, sample_images.unpack(name), "--continue") == 3
    with open_store(store) as opened:
        contents = [each.content for each in opened.objects(STORED)]
        streams = [
            each.sha256
            for found in opened.objects(STORED)
            for each in found.streams
            if each.name and each.stored_as
        ]
    expected = {each.stored_as.removeprefix("File/"): each.sha256 for each in contents if each}
    with mounted(store, tmp_path / "mnt") as process:
        found = dict(_hashes(tmp_path / "mnt"))
        assert {k: v for k, v in found.items() if not k.startswith(".streams/")} == expected
        assert sorted(v for k, v in found.items() if k.startswith(".streams/")) == sorted(streams)
        _compare_with_the_store(tmp_path / "mnt", store / "USMT/File")
    assert process.returncode == 0


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for place, _, names in os.walk(folder):
        for each in (Path(place, name) for name in names):
            if not each.is_symlink():
                with each.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                yield str(each.relative_to(folder)), digest


def _compare_with_the_store(mount: Path, files: Path) -> None:
    for each in files.rglob("*"):
        shown, real = (mount / each.relative_to(files)).lstat(), each.lstat()
        assert (shown.st_mode & 0o222, stat.S_IFMT(shown.st_mode)) == (0, stat.S_IFMT(real.st_mode))
        if each.is_file():
            assert (shown.st_size, shown.st_nlink) == (real.st_size, real.st_nlink)
            # a time that no host can hold is 0, and was not set in the store
            assert shown.st_mtime_ns in {0, real.st_mtime_ns}


def test_nothing_can_be_written_and_attributes_can_be_read(store: Path, tmp_path: Path) -> None:
    need_fuse()
    with mounted(store, tmp_path / "mnt"):
        file = tmp_path / "mnt/C$/Users/a.txt"
        assert os.getxattr(file, "user.stream.small") == b"s"
        assert "user.coldstate.path" in os.listxattr(file)
        assert (tmp_path / "mnt/C$/Users/near").readlink() == Path("a.txt")
        assert (tmp_path / "mnt/C$/Users/near").read_bytes() == b"alpha"
        assert file.stat().st_ino == (tmp_path / "mnt/C$/Users/again.txt").stat().st_ino
        for attempt in (file.unlink, lambda: file.write_bytes(b"x"), lambda: file.chmod(0o777)):
            with pytest.raises(OSError, match="Read-only"):
                attempt()


def test_ctrl_c_unmounts(store: Path, tmp_path: Path) -> None:
    need_fuse()
    with mounted(store, tmp_path / "mnt") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        deadline = time.monotonic() + 10
        while os.path.ismount(tmp_path / "mnt") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not os.path.ismount(tmp_path / "mnt")
