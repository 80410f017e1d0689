"""Chains of differencing VHD and VHDX: right bytes, and parents found by their GUID or named with it."""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import pyvhdi

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image, open_images
from tests.images.children import block_table, resectored, vhd_child, vhdx_child
from tests.images.material import assert_same_bytes, patterned, pieces_of, refusal, unpacked
from tests.images.virtual_disks import MIB, RAW, empty_vhdx

OTHER = UUID("11111111-2222-3333-4444-555555555555")


def changed(raw: bytes, seed: int) -> bytes:
    """Return a disk with single sectors, runs of sectors and a whole MiB changed."""
    new, noise = bytearray(raw), patterned(2 * MIB, seed)
    for start, length in (
        (0, 512),
        (MIB - 512, 1024),
        (3 * MIB + 7 * 512, 512 * 9),
        (5 * MIB, MIB),
    ):
        offset = (start + seed * 4096) % (len(raw) - length)
        new[offset : offset + length] = noise[4096 : 4096 + length]
    for sector in random.Random(seed).sample(range(len(raw) // 512), 300):
        new[sector * 512 : sector * 512 + 512] = (b"%d changed %d " % (seed, sector)).ljust(512)
    return bytes(new)


@pytest.fixture
def chains(copy: Callable[[str], Path], tmp_path: Path) -> Callable[[str], tuple[Path, bytes]]:
    """Return a function that makes base, child and grandchild, and gives the last with its truth."""

    def vhd() -> tuple[Path, bytes]:
        base, child, last = copy("vhd-fixed"), tmp_path / "child.vhd", tmp_path / "last.vhd"
        second, third = changed(RAW, 1), changed(changed(RAW, 1), 2)
        vhd_child(base, child, RAW, second, UUID(int=1))
        vhd_child(child, last, second, third, UUID(int=2))
        return last, third

    def vhdx(block: int = 1, sector: int = 512) -> tuple[Path, bytes]:
        base, child, last = copy("vhdx-dynamic"), tmp_path / "child.vhdx", tmp_path / "last.avhdx"
        second, third = changed(RAW, 1), changed(changed(RAW, 1), 2)
        for parent, path, old, new in ((base, child, RAW, second), (child, last, second, third)):
            disk = bytearray(empty_vhdx(path, len(RAW), block).read_bytes())
            resectored(disk, -(-len(RAW) // (block * MIB)), sector)
            vhdx_child(bytes(disk), parent, path, old, new)
        return last, third

    makers: dict[str, Callable[[], tuple[Path, bytes]]] = {
        "vhd": vhd,
        "vhdx": vhdx,
        "vhdx-2m": lambda: vhdx(block=2),
        "vhdx-4k": lambda: vhdx(sector=4096),
    }
    return lambda kind: makers[kind]()


@pytest.mark.parametrize("kind", ["vhd", "vhdx", "vhdx-2m", "vhdx-4k"])
def test_a_chain_of_three_gives_the_bytes_of_the_last(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, truth = chains(kind)
    with open_image(last) as image:
        assert image.info.format == f"{kind.split('-', maxsplit=1)[0]}-differencing"
        assert len(image.info.segments) == 3
        assert_same_bytes(image, truth, reads=600)


def test_libvhdi_reads_the_same_bytes_from_a_chain_of_vhdx(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    # QEMU opens no differencing disk, so this is the second opinion.
    last, truth = chains("vhdx")
    assert (
        through_libvhdi(last, last.with_name("child.vhdx"), last.with_name("vhdx-dynamic.vhdx"))
        == truth
    )


def through_libvhdi(*chain: Path) -> bytes:
    """Return the bytes of a chain of virtual disks, the child first."""
    handles = [pyvhdi.file() for _ in chain]
    for handle, path in zip(handles, chain, strict=True):
        handle.open(str(path))
    for child, parent in pairwise(handles):
        child.set_parent(parent)
    raw = handles[0].read_buffer_at_offset(handles[0].get_media_size(), 0)
    for handle in handles:
        handle.close()
    return bytes(raw)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_parent_is_found_by_its_guid_under_any_name(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, truth = chains(kind)
    child = last.with_name(f"child.{kind}")
    child.rename(child.with_name(f"renamed.{kind}"))
    with open_image(last) as image:
        assert_same_bytes(image, truth, reads=50)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_missing_parent_is_named_with_its_guid(
    chains: Callable[[str], tuple[Path, bytes]], kind: str
) -> None:
    last, _ = chains(kind)
    last.with_name(f"child.{kind}").unlink()
    text = refusal(last)
    assert f"child.{kind} is not there" in text
    assert "GUID " in text
    assert text.count("has the GUID") == 1, "the base lies there too, and is not it"


def test_of_many_disks_that_are_not_the_parent_a_few_are_named(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, _ = chains("vhd")
    last.with_name("child.vhd").unlink()
    for number in range(20):
        shutil.copy(last.with_name("vhd-fixed.vhd"), last.with_name(f"other{number}.vhd"))
    assert "and 14 more" in refusal(last)


def test_a_parent_of_the_right_guid_that_is_cut_is_named_as_such(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, _ = chains("vhd")
    child = last.with_name("child.vhd")
    child.write_bytes(child.read_bytes()[:-512])
    with pytest.raises(ImageError, match=r"child\.vhd is cut"):
        open_image(last)


@pytest.mark.parametrize(
    ("state", "said"), [(1, 0), (2, 0), (3, 0), (5, 0), (4, "does not say"), (7, "does not say")]
)
def test_the_state_of_a_block_decides_whether_its_parent_is_asked(
    chains: Callable[[str], tuple[Path, bytes]], state: int, said: int | str
) -> None:
    last, truth = chains("vhdx")
    disk = bytearray(last.read_bytes())
    # Block 3 is there in part. Undefined, zero and unmapped blocks hide the parent; a state that does not exist, or
    # a block in part without a place, is damage of that block alone.
    struct.pack_into("<Q", disk, block_table(disk) + 8 * 3, state)
    last.write_bytes(disk)
    with open_image(last) as image:
        assert image.read_at(0, 3 * MIB) == truth[: 3 * MIB]
        assert image.read_at(4 * MIB, 5 * MIB) == truth[4 * MIB :]
        if said:
            with pytest.raises(DamagedError, match=str(said)):
                image.read_at(3 * MIB - 1, 2)
            with pytest.raises(DamagedError, match=str(said)):
                pieces_of(image, 3 * MIB, 512)
        else:
            assert image.read_at(3 * MIB - 1, MIB + 2) == (
                truth[3 * MIB - 1 : 3 * MIB] + bytes(MIB) + truth[4 * MIB : 4 * MIB + 1]
            )


def test_blocks_in_part_without_their_sector_bitmap_are_damage(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, truth = chains("vhdx")
    disk = bytearray(last.read_bytes())
    table = block_table(disk)
    struct.pack_into("<Q", disk, table + 8 * 4096, 0)
    disk[table + 8 * 5] ^= 6 ^ 7
    last.write_bytes(disk)
    with open_image(last) as image:
        with pytest.raises(DamagedError, match="does not say where bytes 0 to"):
            image.read_at(0, 512)
        # A block that is there whole needs none; all sectors of this one but the first 16 were written.
        assert image.read_at(5 * MIB + 8192, MIB - 8192) == truth[5 * MIB + 8192 : 6 * MIB]


def test_a_bitmap_in_the_place_of_a_block_is_damage(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, _ = chains("vhdx")
    disk = bytearray(last.read_bytes())
    table = block_table(disk)
    disk[table + 8 * 4096 + 1 : table + 8 * 4096 + 8] = disk[table + 1 : table + 8]
    last.write_bytes(disk)
    assert "to two blocks" in refusal(last)


def test_another_disk_under_the_name_of_the_parent_is_not_taken(
    chains: Callable[[str], tuple[Path, bytes]], copy: Callable[[str], Path]
) -> None:
    last, _ = chains("vhd")
    copy("vhd-dynamic").rename(last.with_name("child.vhd"))
    assert "child.vhd has the GUID" in refusal(last)


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_child_may_be_larger_than_its_parent(
    copy: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    base, child = copy(f"{kind}-dynamic"), tmp_path / f"child.{kind}"
    old, new = RAW + bytes(3 * MIB), changed(RAW, 3) + bytes(MIB) + patterned(2 * MIB, seed=9)
    if kind == "vhd":
        vhd_child(base, child, old, new, OTHER)
    else:
        vhdx_child(empty_vhdx(child, len(new), 1).read_bytes(), base, child, old, new)
    with open_image(child) as image:
        assert_same_bytes(image, new, reads=200)


def test_a_disk_that_is_its_own_parent_ends(copy: Callable[[str], Path], tmp_path: Path) -> None:
    base, first = copy("vhd-fixed"), tmp_path / "first.vhd"
    vhd_child(base, first, RAW, changed(RAW, 1), OTHER)
    vhd_child(first, first, RAW, changed(RAW, 1), OTHER)
    assert "does not end" in refusal(first)


def test_a_parent_given_beside_its_child_is_an_image_of_its_own(
    chains: Callable[[str], tuple[Path, bytes]],
) -> None:
    last, _ = chains("vhd")
    images = open_images([last, last.with_name("child.vhd"), last])
    assert [Path(image.info.path).name for image in images] == ["last.vhd", "child.vhd"]
    for image in images:
        image.close()


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_a_differencing_disk_made_by_windows_needs_its_parent(
    data: Path, tmp_path: Path, kind: str
) -> None:
    folder = data / "images/containers"
    child = unpacked(folder / f"ntfs-differential.{kind}.xz", tmp_path)
    assert f"ntfs-parent.{kind} is not there" in refusal(child)
    parent = unpacked(folder / f"ntfs-parent.{kind}.xz", tmp_path)
    with open_image(child) as image, open_image(parent) as base:
        assert image.info.segments == (str(child), str(parent))
        assert image.size == base.size == 4 * MIB
        mine, theirs = image.read_at(0, image.size), base.read_at(0, base.size)
        assert mine[:512] == theirs[:512]
        assert mine != theirs
        assert mine == through_libvhdi(child, parent)
