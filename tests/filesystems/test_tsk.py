"""FAT and exFAT through The Sleuth Kit in its worker, and what happens when the worker fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from extractor.errors import DamagedError, ImageError
from extractor.filesystems import find, open_filesystem, walk, worker
from extractor.filesystems.tsk import TSK, TskFilesystem
from extractor.filesystems.worker import Worker
from extractor.filetime import TICKS, UNIX_EPOCH
from extractor.model import FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_READONLY, BadRange
from extractor.testing import FakeImage
from extractor.volumes import volumes
from tests.conftest import need_tool
from tests.filesystems.conftest import content, ntfs_volumes, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


BIG = bytes(range(256)) * 4000
KINDS = [(12, 4), (16, 20), (32, 64)]


def fat(folder: Path, bits: int, mebibytes: int) -> bytes:
    """Return a FAT volume with a long name, a folder, a hidden and a read-only file, and a deleted one."""
    need_tool("mkfs.vfat", "mcopy", "mmd", "mattrib", "mdel")
    path, small, big = folder / "volume", folder / "small", folder / "big"
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    small.write_bytes(b"hello\n")
    big.write_bytes(BIG)
    os.utime(small, (1_700_000_000, 1_700_000_000))

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "TZ": "UTC"})

    run("mkfs.vfat", "-F", str(bits), "-n", "LABEL", str(path))
    run("mmd", "-i", str(path), "::/Folder")
    run("mcopy", "-m", "-i", str(path), str(small), "::/A long name, übrigens.txt")
    run("mcopy", "-i", str(path), str(big), "::/Folder/BIG.BIN")
    run("mcopy", "-i", str(path), str(small), "::/gone.txt")
    run("mdel", "-i", str(path), "::/gone.txt")
    run("mattrib", "+h", "+r", "-i", str(path), "::/Folder/BIG.BIN")
    return path.read_bytes()


def opened(raw: bytes) -> TskFilesystem:
    filesystem = open_filesystem(volumes([FakeImage(raw)])[0])
    assert isinstance(filesystem, TskFilesystem)
    return filesystem


@pytest.mark.parametrize(("bits", "mebibytes"), KINDS)
def test_a_fat_volume_is_listed_and_read(tmp_path: Path, bits: int, mebibytes: int) -> None:
    with closing(opened(fat(tmp_path, bits, mebibytes))) as filesystem:
        paths = ["\\".join(filesystem.path(each)) for each in walk(filesystem, filesystem.root)]
        assert paths == ["A long name, übrigens.txt", "Folder", "Folder\\BIG.BIN"]
        big = find(filesystem, ("FOLDER", "big.bin"))
        assert big is not None
        stream = filesystem.open(big)
        assert content(stream) == BIG
        assert stream.read_at(511, 3) == BIG[511:514]
        assert stream.read_at(stream.size - 1, 50) == BIG[-1:]
        assert filesystem.damage == ()


def test_fat_metadata_is_what_fat_keeps(tmp_path: Path) -> None:
    with closing(opened(fat(tmp_path, 16, 20))) as filesystem:
        long = find(filesystem, ("A long name, übrigens.txt",))
        big = find(filesystem, ("Folder", "BIG.BIN"))
        assert long is not None
        assert big is not None
        assert long.short_name
        assert filesystem.metadata(long).times.modified == 1_700_000_000 * TICKS + UNIX_EPOCH
        wanted = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_READONLY
        assert filesystem.metadata(big).attributes & wanted == wanted
        (stream,) = filesystem.metadata(big).streams
        assert (stream.size, sum(run.length for run in stream.runs) >= stream.size) == (
            len(BIG), True,
        )  # fmt: skip
        with pytest.raises(DamagedError, match="no stream"):
            filesystem.open(big, "ads")


def test_an_exfat_volume_shows_no_metafiles(tmp_path: Path) -> None:
    need_tool("mkfs.exfat")
    path = tmp_path / "volume"
    path.write_bytes(bytes(8 << 20))
    subprocess.run(["mkfs.exfat", "-L", "label", str(path)], check=True, capture_output=True)
    with closing(opened(path.read_bytes())) as filesystem:
        assert list(walk(filesystem, filesystem.root)) == []


def test_a_bad_sector_in_a_fat_file_is_an_error_never_zeros(tmp_path: Path) -> None:
    raw = fat(tmp_path, 16, 20)
    bad = BadRange(raw.index(BIG[:4096]) + 100_000 // 512 * 512, 512, "bad sector")
    volume = volumes([FakeImage(raw, bad=[bad])])[0]
    with closing(TskFilesystem(volume)) as filesystem:
        big = find(filesystem, ("Folder", "BIG.BIN"))
        assert big is not None
        stream = filesystem.open(big)
        with pytest.raises(DamagedError, match="bad sector"):
            content(stream)
        assert stream.read_at(101_000, 5000) == BIG[101_000:106_000]


def test_what_the_sleuth_kit_cannot_open_is_one_clear_error() -> None:
    (volume,) = volumes([FakeImage(b"LUKS\xba\xbe".ljust(1 << 16, b"\0"))])
    with pytest.raises(ImageError, match=r"cannot be opened: The Sleuth Kit cannot read it"):
        TskFilesystem(volume)


@pytest.fixture
def running() -> Iterator[Worker]:
    with closing(Worker(ntfs_volumes(sample("solo"))[0], *TSK)) as started:
        yield started


def test_a_worker_that_crashed_is_one_clear_error_each_time(running: Worker) -> None:
    running._process.kill()
    running._process.wait()
    for _ in range(2):
        with pytest.raises(DamagedError, match="it crashed"):
            running.open()


def test_a_worker_that_hangs_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "SILENCE", 0.2)
    with closing(Worker(ntfs_volumes(sample("solo"))[0], *TSK)) as running:
        os.kill(running._process.pid, signal.SIGSTOP)
        with pytest.raises(DamagedError, match="gave no sign"):
            running.open()
        assert running._process.returncode == -signal.SIGKILL


def test_the_worker_can_open_no_file_and_write_none() -> None:
    program = (
        "from extractor.filesystems.confined import confine\nconfine()\n"
        "try:\n    open('/etc/passwd')\nexcept OSError as error:\n    print(error.errno)"
    )
    environment = worker._environment()
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"24"  # EMFILE: no descriptor is left to be had


def test_a_request_that_makes_no_sense_is_answered_with_an_error(running: Worker) -> None:
    running.open()
    for request in ({"op": "stat", "arguments": [1 << 40]}, {"op": "nothing"}, {}):
        with pytest.raises(DamagedError, match="cannot read it"):
            list(running.ask(request))


def test_a_message_of_the_wrong_shape_is_damage_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(TskFilesystem(ntfs_volumes(sample("solo"))[0])) as filesystem:
        monkeypatch.setattr(filesystem._worker, "ask", lambda _: iter([({"done": True}, b"")]))
        with pytest.raises(DamagedError, match="nonsense"):
            filesystem.metadata(filesystem.root)
