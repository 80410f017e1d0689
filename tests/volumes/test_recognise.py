"""What a volume holds, and what is needed when it cannot be read."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from extractor.errors import DamagedError
from extractor.model import BadRange
from extractor.testing import FakeImage
from extractor.volumes import volumes
from extractor.volumes.partition import MSR
from extractor.volumes.recognise import LDM, STORAGE_SPACES, recognise
from extractor.volumes.volume import read_exactly
from sample_images import unpack
from tests.conftest import need_tool
from tests.volumes.test_tables import disk, mbr

if TYPE_CHECKING:
    from pathlib import Path

SOLO_SERIAL = "5EED0001C0FFEE01"


@pytest.mark.parametrize(
    ("bits", "mebibytes", "kind"), [(12, 4, "fat12"), (16, 20, "fat16"), (32, 64, "fat32")]
)
def test_fat_is_told_by_its_clusters_with_serial_and_label(
    tmp_path: Path, bits: int, mebibytes: int, kind: str
) -> None:
    need_tool("mkfs.vfat")
    path = tmp_path / "volume"
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    command = ["mkfs.vfat", "-F", str(bits), "-n", "MY LABEL", "-i", "0BADBEEF", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    (only,) = volumes([FakeImage(path.read_bytes())])
    info = only.info
    assert (info.filesystem, info.id, info.label) == (kind, "0BADBEEF", "MY LABEL")
    assert info.number == 0


def test_exfat_is_told_with_serial_and_label(tmp_path: Path) -> None:
    need_tool("mkfs.exfat")
    path = tmp_path / "volume"
    path.write_bytes(bytes(8 << 20))
    subprocess.run(["mkfs.exfat", "-L", "Füße", str(path)], check=True, capture_output=True)
    (only,) = volumes([FakeImage(path.read_bytes())])
    assert (only.info.filesystem, only.info.label) == ("exfat", "Füße")
    assert only.info.id == f"{only.info.serial:08X}"


@pytest.fixture(scope="module")
def solo() -> bytes:
    return unpack("solo").read_bytes()


def test_ntfs_is_told_with_serial_and_label(solo: bytes) -> None:
    (only,) = volumes([FakeImage(solo)])
    assert (only.info.filesystem, only.info.id, only.info.label) == ("ntfs", SOLO_SERIAL, "Solo")
    assert only.info.note == ""


def test_the_id_does_not_depend_on_the_partition_table_and_twins_differ(solo: bytes) -> None:
    sectors = len(solo) // 512
    image = disk(len(solo) + (4 << 20), (0, mbr((7, 2048, sectors))), (2048, solo))
    found = volumes([image, FakeImage(solo)])
    assert [v.info.id for v in found] == [SOLO_SERIAL, f"{SOLO_SERIAL}-2"]
    assert [v.info.image for v in found] == [0, 1]


def test_a_lost_boot_sector_is_replaced_by_its_copy_and_that_is_noted(solo: bytes) -> None:
    wiped = FakeImage(bytes(4096) + solo[4096:])
    (only,) = volumes([wiped])
    assert only.info.id == SOLO_SERIAL
    assert "boot sector is damaged" in only.info.note
    (bad,) = volumes([FakeImage(solo, bad=[BadRange(0, 512, "bad sector")])])
    assert bad.info.id == SOLO_SERIAL


@pytest.mark.parametrize(
    ("head", "kind", "needed"),
    [
        (b"\0\0\0ReFS\0\0\0\0", "refs", "no free reader"),
        (b"LUKS\xba\xbe\0\2", "luks", "cryptsetup"),
        (b"something", "unknown", "no file system"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_needed(
    head: bytes, kind: str, needed: str
) -> None:
    content = recognise(FakeImage(head.ljust(1 << 16, b"\0")), "0x07")
    assert content.filesystem == kind
    assert needed in content.note


@pytest.mark.parametrize(
    ("partition_type", "kind"),
    [*((each, "ldm") for each in LDM), (STORAGE_SPACES, "storage-spaces"), (MSR, "msr")],
)
def test_a_partition_type_speaks_where_content_does_not(partition_type: str, kind: str) -> None:
    assert recognise(FakeImage(bytes(1 << 16)), partition_type).filesystem == kind


@pytest.mark.parametrize(
    ("name", "protectors"),
    [
        ("bitlk-aes-xts-128.img", {"recovery password", "password"}),
        ("bitlk-aes-xts-128-clearkey-only.img", {"clear key"}),
        ("bitlk-aes-xts-128-startup-key.img", {"startup key", "recovery password", "password"}),
        ("bitlk-togo-aes-cbc-128.img", {"password", "recovery password"}),
    ],
)
def test_bitlocker_is_named_with_its_protectors(
    windows_made: Path, name: str, protectors: set[str]
) -> None:
    content = recognise(FakeImage((windows_made / name).read_bytes()))
    assert content.filesystem == "bitlocker"
    assert content.encryption is not None
    found = {each.rsplit(" ", 1)[0] for each in content.encryption.protectors}
    assert found == protectors
    assert "BitLocker volume, locked" in content.note


def test_a_volume_never_gives_a_byte_of_its_neighbour() -> None:
    image = disk(1 << 20, (0, mbr((7, 8, 8))), (8, b"a" * 4096), (16, b"b" * 4096))
    (only,) = volumes([image])
    assert only.read_at(4000, 1000) == b"a" * 96
    assert only.read_at(4096, 1) == b""
    with pytest.raises(DamagedError):
        read_exactly(only, 4090, 10, "a cluster")
    with pytest.raises(DamagedError):
        only.read_at(-1, 10)
