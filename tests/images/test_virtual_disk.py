"""VHD and VHDX: right bytes across blocks; damage and cuts named."""

from __future__ import annotations

import os
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image
from extractor.seams import ZEROS, Piece
from tests.conftest import need_tool
from tests.images.children import (
    block_table,
    metadata_item,
    resectored,
    seal,
    vhd_child,
)
from tests.images.material import assert_same_bytes, pieces_of, read_pieces, refusal, unpacked
from tests.images.virtual_disks import KINDS, MIB, RAW, empty_vhdx, write_into

OTHER = UUID("11111111-2222-3333-4444-555555555555")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_bytes_of_the_disk(copy: Callable[[str], Path], kind: str) -> None:
    path = copy(kind)
    with open_image(path) as image:
        assert (image.info.format, image.info.sector_size) == (kind, 512)
        assert image.info.segments == (str(path),)
        assert_same_bytes(image, RAW, reads=600)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_disturb_each_other(disks: Callable[[str], Path], kind: str) -> None:
    with open_image(disks(kind)) as image, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(assert_same_bytes, image, RAW, reads=100, seed=seed) for seed in range(8)
        ]:
            done.result()


def test_a_suffix_that_lies_does_not_matter(copy: Callable[[str], Path]) -> None:
    for kind, name in (("vhd-dynamic", "disk.E01"), ("vhdx-dynamic", "disk.vhd")):
        path = copy(kind)
        with open_image(path.rename(path.with_name(name))) as image:
            assert image.info.format == kind


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("block", [1, 2, 8, 256])
def test_vhdx_blocks_and_sectors_of_every_size_are_read(
    tmp_path: Path, block: int, sector: int
) -> None:
    path = empty_vhdx(tmp_path / "disk.vhdx", len(RAW), block)
    write_into(path, "vhdx", ((0, RAW),))
    disk = bytearray(path.read_bytes())
    resectored(disk, -(-len(RAW) // (block * MIB)), sector)
    path.write_bytes(disk)
    with open_image(path) as image:
        assert image.info.sector_size == sector
        assert_same_bytes(image, RAW, reads=300)


@pytest.mark.parametrize("sector", [512, 4096])
def test_bitmap_entries_among_those_of_a_large_disk_are_passed_over(
    tmp_path: Path, sector: int
) -> None:
    # A chunk has 2^23 sectors, so the 4097th or 32769th entry is a bitmap's; QEMU before 8.1 leaves nonsense in it.
    size, block = 70 << 30, MIB
    path = empty_vhdx(tmp_path / "disk.vhdx", size, 1)
    borders = (0, (4 << 30) - 2 * MIB, (32 << 30) - 2 * MIB, (64 << 30) - 2 * MIB, size - 4 * MIB)
    write_into(path, "vhdx", tuple((border, RAW[: 4 * MIB]) for border in borders))
    disk = bytearray(path.read_bytes())
    resectored(disk, size // block, sector)
    entry = block_table(disk) + 8 * ((1 << 23) * sector // block)
    struct.pack_into("<Q", disk, entry, 0x123456 << 20 | 6)
    path.write_bytes(disk)
    with open_image(path) as image:
        for border in borders:
            assert image.read_at(border, 4 * MIB) == RAW[: 4 * MIB]
            assert read_pieces(image, border + 5, 3 * MIB) == RAW[5 : 3 * MIB + 5]
        assert image.read_at((4 << 30) + 2 * MIB, MIB) == bytes(MIB)


@pytest.mark.parametrize("block", [512, 4096, MIB // 2])
def test_vhd_blocks_of_every_size_are_read(
    copy: Callable[[str], Path], tmp_path: Path, block: int
) -> None:
    base, child, raw = copy("vhd-fixed"), tmp_path / "child.vhd", RAW[: 3 * MIB]
    base.write_bytes(bytes(len(raw)) + resized_footer(base, len(raw)))
    vhd_child(base, child, bytes(len(raw)), raw, OTHER, block)
    with open_image(child) as image:
        assert_same_bytes(image, raw, reads=200)


def test_neighbouring_blocks_are_one_piece_and_holes_lie_nowhere(tmp_path: Path) -> None:
    path = empty_vhdx(tmp_path / "disk.vhdx", 64 * MIB, 1)
    write_into(path, "vhdx", ((8 * MIB, bytes([7]) * (16 * MIB)),))
    with open_image(path) as image:
        pieces = pieces_of(image, 0, image.size) or ()
        assert [(piece.descriptor == ZEROS, piece.length) for piece in pieces] == [
            (True, 8 * MIB), (False, 16 * MIB), (True, 40 * MIB),
        ]  # fmt: skip


def test_a_table_for_64_tib_costs_no_memory(tmp_path: Path) -> None:
    path = empty_vhdx(tmp_path / "disk.vhdx", 64 << 40, 1)
    tracemalloc.start()
    try:
        with open_image(path) as image:
            assert image.size == 64 << 40
            assert image.read_at((64 << 40) - 4096, 8192) == bytes(4096)
            assert pieces_of(image, 0, image.size) == [Piece(ZEROS, 0, 64 << 40)]
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def resized_footer(path: Path, size: int) -> bytes:
    """Return the footer of a fixed VHD, saying that it has another size."""
    footer = bytearray(path.read_bytes()[-512:])
    struct.pack_into(">Q", footer, 48, size)
    seal(footer, 64)
    return bytes(footer)


# --- damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_cut_disk_is_named(copy: Callable[[str], Path], kind: str, keep: float) -> None:
    path = copy(kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) // 512 * 512])
    assert "cut" in refusal(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_alone_is_named(copy: Callable[[str], Path], kind: str) -> None:
    path = copy(kind)
    whole = path.read_bytes()
    for keep in (1, 100, 512, 1000, 2048, 100_000, 300_000):
        path.write_bytes(whole[:keep])
        assert refusal(path)


@pytest.mark.parametrize(
    ("kind", "offset", "said"),
    [
        ("vhd-fixed", -512 + 50, "checksum of its footer"),
        ("vhd-dynamic", -512 + 50, "checksum of its footer"),
        ("vhd-dynamic", 512 + 30, "checksum of its dynamic disk header"),
    ],
)
def test_a_damaged_header_is_named(
    copy: Callable[[str], Path], kind: str, offset: int, said: str
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    disk[offset] ^= 0x40
    path.write_bytes(disk)
    assert said in refusal(path)


@pytest.mark.parametrize("place", [0x10000 + 40, 0x20000 + 40, 0x30000 + 40, 0x40000 + 40])
def test_a_vhdx_with_one_sound_copy_of_each_structure_is_read(
    copy: Callable[[str], Path], place: int
) -> None:
    path = copy("vhdx-dynamic")
    disk = bytearray(path.read_bytes())
    disk[place] ^= 1
    path.write_bytes(disk)
    with open_image(path) as image:
        assert_same_bytes(image, RAW, reads=20)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((0x10000 + 40, 0x20000 + 40), "both its headers"),
        ((0x30000 + 40, 0x40000 + 40), "both its region tables"),
    ],
)
def test_a_vhdx_whose_copies_are_damaged_too_is_named(
    copy: Callable[[str], Path], places: tuple[int, int], said: str
) -> None:
    path = copy("vhdx-dynamic")
    disk = bytearray(path.read_bytes())
    for place in places:
        disk[place] ^= 1
    path.write_bytes(disk)
    assert said in refusal(path)


def test_two_blocks_in_one_place_are_damage(copy: Callable[[str], Path]) -> None:
    path = copy("vhd-dynamic")
    disk = bytearray(path.read_bytes())
    table = struct.unpack_from(">Q", disk, 512 + 16)[0]
    used = [
        table + 4 * number
        for number in range(5)
        if disk[table + 4 * number : table + 4 * number + 4] != b"\xff" * 4
    ]
    disk[used[1] : used[1] + 4] = disk[used[0] : used[0] + 4]
    path.write_bytes(disk)
    assert "to two blocks" in refusal(path)


def test_a_table_of_holes_in_a_sparse_file_costs_its_reader_nothing(
    copy: Callable[[str], Path], tmp_path: Path
) -> None:
    base, child = copy("vhd-fixed"), tmp_path / "child.vhd"
    vhd_child(base, child, RAW, RAW, OTHER, block=512)
    disk = bytearray(child.read_bytes()[:1536])
    # 4,278,190,080 blocks, every one of them at sector 0 of the file.
    struct.pack_into(">Q", disk, 48, 2040 << 30)
    struct.pack_into(">QII", disk, 512 + 16, MIB, 0x10000, (2040 << 30) // 512)
    for start, end, place in ((0, 512, 64), (512, 1536, 36)):
        part = disk[start:end]
        seal(part, place)
        disk[start:end] = part
    with child.open("wb") as file:
        file.write(disk)
        file.truncate((32 << 30) - 512)
        file.seek(0, os.SEEK_END)
        file.write(disk[:512])
    tracemalloc.start()
    try:
        assert "is scattered as no program does it" in refusal(child)
        assert tracemalloc.get_traced_memory()[1] < 256 * MIB
    finally:
        tracemalloc.stop()


def assert_right_or_refused(path: Path) -> None:
    try:
        with open_image(path) as image:
            for offset in range(0, len(RAW), MIB // 2):
                assert image.read_at(offset, 5000) == RAW[offset : offset + 5000]
    except (ImageError, DamagedError):
        return


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(sorted(KINDS)), draw=st.data())
def test_flipped_bytes_of_checked_structures_never_give_wrong_bytes(
    copy: Callable[[str], Path], kind: str, draw: st.DataObject
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    checked = {
        "vhd-fixed": st.integers(len(disk) - 512, len(disk) - 1),
        "vhd-dynamic": st.integers(0, 1535) | st.integers(len(disk) - 512, len(disk) - 1),
    }.get(
        kind,
        st.integers(0x10000, 0x10FFF)
        | st.integers(0x20000, 0x20FFF)
        | st.integers(0x30000, 0x4FFFF),
    )
    for place in draw.draw(st.lists(checked, min_size=1, max_size=3)):
        disk[place] ^= draw.draw(st.integers(1, 255))
    path.write_bytes(disk)
    assert_right_or_refused(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(["vhd-dynamic", "vhdx-dynamic"]), draw=st.data())
def test_hostile_tables_are_an_error_of_ours_or_bytes(
    copy: Callable[[str], Path], kind: str, draw: st.DataObject
) -> None:
    path = copy(kind)
    disk = bytearray(path.read_bytes())
    table = metadata_item(disk, "caa16737-fa36-4d43-b3b6-33f0aa44e76b") if "x" in kind else 1536
    start, end = (table - (64 << 10), table + 256) if "x" in kind else (table, table + 64)
    for place in draw.draw(st.lists(st.integers(start, end), min_size=1, max_size=8)):
        disk[place] = draw.draw(st.integers(0, 255))
    path.write_bytes(disk)
    try:
        with open_image(path) as image:
            assert len(image.read_at(0, 8192)) == min(8192, image.size)
    except (ImageError, DamagedError):
        return


# --- made by Windows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("ntfs-fixed.vhd.xz", "vpc"),
        ("ntfs-dynamic.vhd.xz", "vpc"),
        ("ntfs-fixed.vhdx.xz", "vhdx"),
        ("ntfs-dynamic.vhdx.xz", "vhdx"),
    ],
)
def test_disks_made_by_windows_are_read_as_qemu_reads_them(
    data: Path, tmp_path: Path, name: str, driver: str
) -> None:
    need_tool("qemu-img")
    path = unpacked(data / "images/containers" / name, tmp_path)
    convert = ["qemu-img", "convert", "-f", driver, "-O", "raw", str(path), str(tmp_path / "truth")]
    subprocess.run(convert, check=True)
    with open_image(path) as image:
        # qemu takes the size of some VHDs from their cylinders: compare what both have.
        truth = (tmp_path / "truth").read_bytes()[: image.size]
        assert len(truth) > 0.95 * image.size
        assert image.read_at(0, len(truth)) == truth


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("d2v-zerofilled.vhd.bz2", 263454720),
        ("hyperv2012r2-dynamic.vhd.bz2", 127 << 30),
        ("virtualpc-dynamic.vhd.bz2", 127 << 30),
        ("iotest-dynamic-1G.vhdx.bz2", 1 << 30),
    ],
)
def test_disks_of_other_programs_open(data: Path, tmp_path: Path, name: str, size: int) -> None:
    with open_image(unpacked(data / "images/containers" / name, tmp_path)) as image:
        assert image.size == size
        assert len(image.read_at(size - 100_000, 200_000)) == 100_000
