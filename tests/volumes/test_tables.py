"""MBR and GPT, whole, damaged and hostile; most tables are bytes made here."""

from __future__ import annotations

import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import ImageError
from extractor.model import BadRange
from extractor.testing import FakeImage
from extractor.volumes import volumes
from extractor.volumes.tables import partition_table
from tests.conftest import need_tool

if TYPE_CHECKING:
    from pathlib import Path

BASIC_DATA = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7")
Row = tuple[int, int, int]


def mbr(*rows: Row) -> bytes:
    """Return a boot record with (type, first sector, sectors)."""
    entries = b"".join(struct.pack("<B3xB3xII", 0, *row) for row in rows)
    return bytes(440) + b"\xef\xbe\xad\xde\0\0" + entries.ljust(64, b"\0") + b"\x55\xaa"


def disk(size: int, *sectors: tuple[int, bytes], sector_size: int = 512) -> FakeImage:
    content = bytearray(size)
    for number, data in sectors:
        content[number * sector_size : number * sector_size + len(data)] = data
    return FakeImage(bytes(content), sector_size)


def gpt(sectors: int, *extents: tuple[int, int], sector_size: int = 512) -> list[tuple[int, bytes]]:
    """Return the sectors of a protective MBR and both copies of a GPT, by number."""
    rows = [
        BASIC_DATA + bytes([number]) * 16 + struct.pack("<QQQ", *extent, 0) + bytes(72)
        for number, extent in enumerate(extents, 1)
    ]
    table = b"".join(rows).ljust(128 * 128, b"\0")
    span = len(table) // sector_size
    copies = ((1, sectors - 1, 2), (sectors - 1, 1, sectors - 1 - span))
    found = [(0, mbr((0xEE, 1, sectors - 1)))]
    for own, other, place in copies:
        head = struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, own, other, 34, sectors - 34,
            bytes(16), place, 128, 128, zlib.crc32(table),
        )  # fmt: skip
        checked = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        found += [(own, checked), (place, table)]
    return found


def places(image: FakeImage) -> list[tuple[int, int, int]]:
    return [(v.info.number, v.info.offset, v.info.size) for v in volumes([image])]


def test_primary_and_logical_partitions_are_numbered_as_windows_numbers_them() -> None:
    image = disk(
        1 << 20,
        (0, mbr((7, 8, 100), (0x0F, 200, 600))),
        (200, mbr((7, 8, 50), (5, 100, 200))),
        (300, mbr((0x0B, 8, 60))),
    )
    assert places(image) == [(1, 4096, 51200), (5, 208 * 512, 25600), (6, 308 * 512, 30720)]
    assert {v.info.disk_signature for v in volumes([image])} == {0xDEADBEEF}


def test_a_chain_of_extended_partitions_that_runs_in_a_circle_ends_and_is_noted() -> None:
    image = disk(1 << 20, (0, mbr((0x05, 100, 900))), (100, mbr((7, 8, 50), (5, 0, 200))))
    (only,) = volumes([image])
    assert only.info.number == 5
    assert "circle" in only.info.note


def test_a_partition_that_reaches_beyond_the_disk_is_cut_and_one_outside_is_dropped() -> None:
    image = disk(1 << 20, (0, mbr((7, 1024, 4096), (7, 1 << 30, 8))))
    (only,) = volumes([image])
    assert only.info.size == (1 << 20) - 1024 * 512
    assert "the disk ends" in only.info.note


def test_overlapping_partitions_are_both_given_and_noted() -> None:
    first, second = volumes([disk(1 << 20, (0, mbr((7, 8, 100), (7, 50, 100))))])
    assert "overlaps partition 1" not in first.info.note
    assert "overlaps partition 1" in second.info.note


def test_the_last_block_of_a_gpt_partition_belongs_to_it() -> None:
    image = disk(1 << 20, *gpt(2048, (64, 127), (128, 1000)))
    assert places(image) == [(1, 64 * 512, 64 * 512), (2, 128 * 512, 873 * 512)]


def test_a_bad_primary_gpt_is_replaced_by_its_backup_and_that_is_noted() -> None:
    good = disk(1 << 20, *gpt(2048, (64, 127)))
    spoilt = bytearray(good.content)
    spoilt[512 + 40] ^= 1
    image = FakeImage(bytes(spoilt))
    assert places(image) == places(good)
    assert "backup" in volumes([image])[0].info.note


def test_an_unreadable_primary_gpt_is_replaced_by_its_backup() -> None:
    content = disk(1 << 20, *gpt(2048, (64, 127))).content
    image = FakeImage(content, bad=[BadRange(512, 512, "bad sector")])
    table = partition_table(image, 512)
    assert table is not None
    assert [part.offset for part in table.partitions] == [64 * 512]


def test_sectors_of_4096_bytes_are_found_whatever_the_image_says() -> None:
    sectors = gpt(512, (16, 31), sector_size=4096)
    for said in (512, 4096):
        image = FakeImage(disk(512 * 4096, *sectors, sector_size=4096).content, said)
        (only,) = volumes([image])
        assert (only.info.offset, only.info.size) == (65536, 65536)
        assert only.info.sector_size == 4096


@pytest.mark.parametrize("content", [b"", b"text\n" * 4000, bytes(1 << 16)])
def test_a_disk_with_nothing_that_is_known_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(ImageError, match="no partition table and no file system"):
        volumes([FakeImage(content)])


def test_sgdisk_and_we_see_the_same_partitions(tmp_path: Path) -> None:
    need_tool("sgdisk")
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(8 << 20))
    subprocess.run(
        ["sgdisk", "-n", "1:2048:+1M", "-t", "1:0c01", "-n", "2:0:0", "-t", "2:0700", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    shown = subprocess.run(
        ["sgdisk", "-p", str(path)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split()[:3] for line in shown.splitlines() if line[:4].strip().isdigit()]
    wanted = [(int(n), int(a) * 512, (int(b) - int(a) + 1) * 512) for n, a, b in rows]
    first, second = volumes([FakeImage(path.read_bytes())])
    assert [(v.info.number, v.info.offset, v.info.size) for v in (first, second)] == wanted
    assert first.info.filesystem == "msr"
    assert second.info.filesystem == "empty"


@given(st.binary(min_size=512, max_size=512), st.binary(min_size=512, max_size=512))
def test_any_two_first_sectors_give_a_table_or_one_clear_error(zero: bytes, one: bytes) -> None:
    image = FakeImage((zero[:510] + b"\x55\xaa" + one).ljust(1 << 15, b"\1"))
    try:
        found = volumes([image])
    except ImageError:
        return
    assert all(v.info.offset + v.info.size <= image.size for v in found)
