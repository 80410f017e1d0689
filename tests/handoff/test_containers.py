"""What is written is a VHDX or VHD to every reader: ours, QEMU's, dissect's and libvhdi's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import UsageError
from extractor.handoff.blocks import Container
from extractor.handoff.vhd_writer import VhdContainer, geometry
from extractor.handoff.vhdx_writer import VhdxContainer
from extractor.images import open_image
from extractor.images.file import open_file
from extractor.images.vhdx import parse_vhdx
from extractor.testing import FakeImage
from tests.handoff.exported import MIB, Spots, by_dissect, by_libvhdi, export, qemu_agrees
from tests.images.material import patterned

SMALL = 2 * MIB
"""Blocks that make a test quick; those of a hand-off are 32 MiB."""


def container(kind: str, size: int, sector: int = 512) -> Container:
    return VhdContainer(size, sector) if kind == "vhd" else VhdxContainer(size, sector)


def ours(path: Path) -> str:
    """SHA-256 of a disk as our own reader reads it."""
    digest = hashlib.sha256()
    with open_image(path) as image:
        for offset in range(0, image.size, MIB):
            digest.update(image.read_at(offset, MIB))
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["vhdx", "vhd"])
@pytest.mark.parametrize("size", [512, 3 * MIB + 512, 32 * MIB, 70 * MIB + 1536])
def test_four_readers_agree_on_the_bytes(kind: str, size: int, tmp_path: Path) -> None:
    content = bytearray(patterned(size, seed=size % 89))
    content[33 * MIB : 65 * MIB] = bytes(len(content[33 * MIB : 65 * MIB]))
    raw, path = tmp_path / "disk.raw", tmp_path / f"disk.{kind}"
    raw.write_bytes(content)
    digest = export(FakeImage(bytes(content)), container(kind, size), path).hex()
    assert digest == hashlib.sha256(content).hexdigest()
    assert ours(path) == by_dissect(path) == by_libvhdi(path) == digest
    assert qemu_agrees(path, raw)


def test_a_disk_of_4096_byte_sectors_keeps_them(tmp_path: Path) -> None:
    content = patterned(40 * MIB, seed=4)
    path = tmp_path / "disk.vhdx"
    digest = export(FakeImage(content, 4096), container("vhdx", len(content), 4096), path).hex()
    with open_image(path) as image:
        assert (image.info.sector_size, image.size) == (4096, 40 * MIB)
    assert ours(path) == by_dissect(path) == by_libvhdi(path) == digest


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["vhdx", "vhd"]),
    sectors=st.integers(1, 5 * SMALL // 512),
    spots=st.lists(st.tuples(st.integers(0, 5 * SMALL // 512), st.integers(1, 3000)), max_size=6),
)
def test_any_pattern_of_holes_survives(
    kind: str, sectors: int, spots: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(sectors * 512)
    for at, count in spots:
        piece = content[at * 512 : (at + count) * 512]
        content[at * 512 : (at + count) * 512] = b"\xa5" * len(piece)
    path = tmp_path_factory.mktemp("disk") / f"disk.{kind}"
    made = (
        VhdContainer(len(content), 512)
        if kind == "vhd"
        else VhdxContainer(len(content), 512, SMALL)
    )
    export(FakeImage(bytes(content)), made, path)
    with open_image(path) as image:
        assert image.read_at(0, image.size) == content
    assert by_libvhdi(path) == hashlib.sha256(content).hexdigest()
    present = {at // SMALL for at in range(0, len(content), 512) if any(content[at : at + 512])}
    assert path.stat().st_size == made.shape.file_size(len(present))


@pytest.mark.parametrize("sector", [512, 4096])
def test_blocks_beyond_the_first_bitmap_entries_are_found(sector: int, tmp_path: Path) -> None:
    # A chunk is 2^23 sectors: 4 GiB, or 32 GiB on a 4Kn disk.
    chunk = (1 << 23) * sector
    spots = {
        5: b"first",
        chunk - 3: b"across",
        2 * chunk + 77: b"second",
        2 * chunk + 9 * MIB: b"end",
    }
    size = 2 * chunk + 9 * MIB + sector
    made = VhdxContainer(size, sector)
    path = tmp_path / "disk.vhdx"
    _export_spots(Spots(size, spots), made, path)
    with open_image(path) as image:
        assert image.size == size
        for at, content in spots.items():
            assert image.read_at(at, len(content)) == content
        assert image.read_at(chunk + 64 * MIB, 4096) == bytes(4096)
    if sector == 512:
        import pyvhdi

        disk = pyvhdi.file()
        disk.open(str(path))
        for at, content in spots.items():
            assert disk.read_buffer_at_offset(len(content), at) == content
        disk.close()


def _export_spots(disk: Spots, made: VhdxContainer, path: Path) -> None:
    """Write only the blocks that hold something: 64 GiB of zeros are not hashed for a test."""
    from array import array

    block, places, end = made.shape.block, array("q", [-1]) * made.shape.blocks, made.shape.begin
    with path.open("xb") as file:
        for number in range(made.shape.blocks):
            data = b""
            if number in {
                0,
                made.shape.blocks // 2 - 1,
                made.shape.blocks // 2,
                made.shape.blocks - 1,
            }:
                data = disk.read_at(number * block, block)
            if any(data):
                file.seek(end)
                file.write(data.ljust(block, b"\0"))
                places[number], end = end, end + block
        for offset, data in made.structures(places, end, bytes(32)):
            file.seek(offset)
            file.write(data)


@pytest.mark.parametrize("kind", ["vhdx", "vhd"])
def test_the_same_disk_exported_twice_is_the_same_file(kind: str, tmp_path: Path) -> None:
    content = patterned(5 * MIB, seed=2)
    files = [tmp_path / f"{number}.{kind}" for number in range(3)]
    for file, data in zip(files, (content, content, content[:-1] + b"!"), strict=True):
        export(FakeImage(data), container(kind, len(data)), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    identities: list[str] = []
    for data in (content, content[:-1] + b"!"):
        made = container(kind, len(data))
        export(FakeImage(data), made, tmp_path / f"{len(identities)}-again.{kind}")
        identities.append(made.identity)
    assert len(set(identities)) == 2


def test_a_child_finds_its_parent_by_the_guid_that_is_told(tmp_path: Path) -> None:
    made = container("vhdx", 5 * MIB)
    export(FakeImage(patterned(5 * MIB)), made, tmp_path / "disk.vhdx")
    file = open_file(tmp_path / "disk.vhdx")
    assert parse_vhdx(file).header.identity == made.identity
    file.close()


def test_a_file_that_is_not_sealed_is_no_disk(tmp_path: Path) -> None:
    from extractor.errors import ImageError
    from extractor.handoff.blocks import Blocks

    path = tmp_path / "disk.vhdx"
    with path.open("xb") as file:
        blocks = Blocks(file, container("vhdx", MIB).shape)
        blocks.add(patterned(MIB))
    with pytest.raises(ImageError, match="has not that format's signature"):
        open_image(path)


def test_a_file_has_no_holes_for_windows_to_stumble_over(tmp_path: Path) -> None:
    path = tmp_path / "disk.vhdx"
    export(Spots(96 * MIB, {40 * MIB: b"x"}), container("vhdx", 96 * MIB), path)
    assert path.stat().st_blocks * 512 >= path.stat().st_size


@pytest.mark.parametrize(
    ("kind", "size", "sector", "told"),
    [
        ("vhd", 1 << 30, 4096, "sectors of 512 bytes"),
        ("vhd", (2040 << 30) + 512, 512, "2040 GiB at most"),
        ("vhdx", (64 << 40) + 512, 512, "64 TiB at most"),
        ("vhdx", 1 << 30, 2048, "512 or 4096"),
    ],
)
def test_a_disk_that_the_format_cannot_be_is_refused(
    kind: str, size: int, sector: int, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        container(kind, size, sector)


def test_the_largest_vhd_is_one() -> None:
    shape = VhdContainer(2040 << 30, 512).shape
    assert shape.file_size(shape.blocks) // 512 < 1 << 32


@pytest.mark.parametrize(
    ("sectors", "expected"),
    [
        (81920, (963, 5, 17)),
        (4 << 21, (8322, 16, 63)),
        (1 << 32, (65535, 16, 255)),
        (1, (0, 4, 17)),
    ],
)
def test_the_geometry_is_that_of_the_specification(
    sectors: int, expected: tuple[int, int, int]
) -> None:
    assert geometry(sectors) == expected
