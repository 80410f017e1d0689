"""A forged Windows as the target of a restore: one sentence, a documented code, and not a byte outside the disk."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, rmtree

import pytest

from extractor.cli.main import main
from sample_images.ntfs import _mounted
from tests.conftest import disk_of, need_mounting, need_tool
from tests.restore.build import make_store, tree_of
from tests.restore.windows_target import windows_volume

Capture = pytest.CaptureFixture[str]
PROFILE = "Users/robert"
CONFIG = "Windows/System32/config"
GARBAGE = b"regf" + b"\xff" * 8188
MIB = 1 << 20
NTFS_TYPE = 7
SECTOR = 512


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store") / "store")


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare volume with a Windows; robert is who bob becomes."""
    need_tool("ntfs-3g", "losetup")
    need_mounting(loops=True)
    return windows_volume(tmp_path_factory.mktemp("windows") / "volume.raw")


def restore(*words: object) -> int:
    return main(["restore", *map(str, words)])


def _link(place: str, leads: str = "") -> Callable[[Path, Path], None]:
    """Put a link that leads out of the volume in the way, at any place of it."""

    def plant(volume: Path, outside: Path) -> None:
        there = volume / place
        if there.is_dir():
            rmtree(there)
        there.unlink(missing_ok=True)
        there.symlink_to(outside / leads)

    return plant


def _bytes(place: str) -> Callable[[Path, Path], None]:
    def plant(volume: Path, _: Path) -> None:
        (volume / place).write_bytes(GARBAGE)

    return plant


@dataclass(frozen=True)
class Attack:
    """What is planted on the volume, and how the restore ends."""

    name: str
    plant: Callable[[Path, Path], None]
    code: int
    says: str


ATTACKS = [
    Attack("a profile that leads out", _link(PROFILE), 3, "Users/robert is no folder"),
    Attack("a folder in it", _link(f"{PROFILE}/Documents"), 3, "Users/robert/Documents is no folder"),
    Attack("its hive", _link(f"{PROFILE}/NTUSER.DAT", "neighbour"), 0, "0 failed"),
    Attack("the default profile", _link("Users/Default"), 3, "symbolic links"),
    Attack("a hive of garbage", _bytes(f"{PROFILE}/NTUSER.DAT"), 0, "0 failed"),
    Attack("accounts of garbage", _bytes(f"{CONFIG}/SAM"), 0, "to be created in Windows by hand"),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_planted_on_a_volume_leads_nowhere(
    attack: Attack, store: Path, windows: Path, tmp_path: Path, capsys: Capture
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "neighbour").write_bytes(b"not yours")
    target = tmp_path / "target.raw"
    copyfile(windows, target)
    with _mounted(target) as volume:
        attack.plant(volume, outside)
    code = restore(store, "--to", target, "/mu:bob:robert", "/lac")
    said = capsys.readouterr()
    assert code == attack.code, said
    assert attack.says in said.out + said.err
    assert "internal error" not in said.err
    assert restore("--to", target, "--undo") == 0
    assert tree_of(outside) == {"neighbour": b"not yours"}


def _disk(windows: Path, place: Path, *partitions: tuple[int, int]) -> Path:
    """Make a disk with a table that gives (first byte, bytes) of partitions, all over one Windows at 1 MiB."""
    table = bytearray(MIB)
    for number, (start, size) in enumerate(partitions):
        entry = struct.pack("<B3sB3sII", 0, b"", NTFS_TYPE, b"", start // SECTOR, size // SECTOR)
        table[446 + 16 * number : 462 + 16 * number] = entry
    table[440:444], table[510:512] = b"\x5e\xed\0\x0b", b"\x55\xaa"
    place.write_bytes(bytes(table) + windows.read_bytes())
    return place


def test_a_disk_whose_partitions_overlap_is_refused_before_it_is_mounted(
    store: Path, windows: Path, tmp_path: Path, capsys: Capture
) -> None:
    size = windows.stat().st_size // MIB * MIB
    whole, inner = (MIB, size), (MIB + size // 2, size // 4)
    assert restore(store, "--to", _disk(windows, tmp_path / "good", whole), "--dry-run") == 0
    for number, words in enumerate(([], ["--windows", "C:\\Windows"])):
        other = whole if words else inner
        disk = _disk(windows, tmp_path / f"bad{number}", whole, other)
        before = disk.read_bytes()
        capsys.readouterr()
        assert restore(store, "--to", disk, *words) == 27
        assert "overlaps volume" in capsys.readouterr().err
        assert disk.read_bytes() == before


def test_a_target_that_cannot_be_written_is_refused_in_a_sentence(
    store: Path, tmp_path: Path, capsys: Capture
) -> None:
    with disk_of("40m", tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert restore(store, "--to", disk) == 27
    assert "Read-only file system" in capsys.readouterr().err


def test_a_target_without_room_is_refused_and_nothing_is_in_it(
    store: Path, small_disk: Path, capsys: Capture
) -> None:
    assert restore(store, "--to", small_disk) == 72
    assert "make room" in capsys.readouterr().err
    assert list(small_disk.iterdir()) == []
