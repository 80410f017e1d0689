"""Reads over several blocks of a virtual disk: the right bytes, in little memory; a file too short is told."""

from __future__ import annotations

import tracemalloc
from array import array
from random import Random

import pytest

from extractor.errors import DamagedError
from extractor.images.block_map import END, ZEROED, BlockMap
from extractor.images.block_medium import PART, BlockMedium, MappedDisk
from extractor.images.chain import DiskHeader
from tests.images.material import file_in_memory

MIB = 1 << 20
BLOCK = 2 * MIB
GAP = 512
"""A sector before each block, as the bitmaps of a VHD lie there: no two blocks are one run."""


def disk_of(content: bytes, holes: tuple[int, ...] = (), missing: int = 0) -> BlockMedium:
    """Return a disk whose blocks lie in a file in memory behind a gap each, but for holes; the file may be cut."""
    starts, places, file = array("q"), array("q"), b""
    for start in range(0, len(content), BLOCK):
        starts.append(start)
        if start // BLOCK in holes:
            places.append(ZEROED)
        else:
            places.append(len(file) + GAP)
            file += bytes([255]) * GAP + content[start : start + BLOCK]
    starts.append(END)
    header = DiskHeader("vhd-dynamic", len(content), 512, "")
    cut = file_in_memory(file[: len(file) - missing])
    return BlockMedium([MappedDisk(cut, header, BlockMap(BLOCK, starts, places))])


def test_a_read_over_blocks_and_holes_gives_the_bytes_of_the_disk() -> None:
    source = Random(5)
    raw = bytearray(source.randbytes(5 * BLOCK))
    for hole in (1, 4):
        raw[hole * BLOCK : (hole + 1) * BLOCK] = bytes(BLOCK)
    medium = disk_of(bytes(raw), holes=(1, 4))
    for _ in range(100):
        offset = source.randrange(len(raw))
        length = source.randrange(1, len(raw) - offset + 1)
        found = medium.read(offset, length)
        assert type(found) is bytes
        assert found == raw[offset : offset + length]
    medium.close()


def test_a_read_over_blocks_takes_little_memory_beside_its_result() -> None:
    medium = disk_of(bytes(8 * BLOCK))
    tracemalloc.start()
    length = len(medium.read(MIB, 7 * BLOCK))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    medium.close()
    assert length == 7 * BLOCK
    assert peak < length + 2 * PART + (PART >> 2)


def test_a_block_that_ends_behind_its_file_is_damage_and_no_zeros() -> None:
    medium = disk_of(bytes([1]) * (2 * BLOCK), missing=100)
    assert medium.read(BLOCK - 10, 20) == bytes([1]) * 20
    with pytest.raises(DamagedError, match="ends before byte"):
        medium.read(BLOCK - 10, BLOCK + 10)
    medium.close()
