"""Runs, holes, valid data length, LZNT1 and WOF, on bytes made here."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.filesystems.memory import BytesStream
from extractor.filesystems.ntfs.codecs import decompress
from extractor.filesystems.ntfs.runs import parse_runs
from extractor.filesystems.ntfs.streams import CompressedStream, RunStream
from extractor.filesystems.ntfs.wof import ALGORITHMS, WofStream
from extractor.model import Run
from extractor.testing import FakeImage

CLUSTER = 512
DISK = FakeImage(bytes(range(256)) * 64)
TIB = 1 << 40


def runs_of(mapping: bytes) -> list[Run]:
    header = struct.pack("<IIBBHHH", 0x80, 72, 1, 0, 64, 0, 0)
    return parse_runs(header + bytes(16) + struct.pack("<H", 64) + bytes(30) + mapping, CLUSTER)


def test_mapping_pairs_give_runs_and_holes_in_bytes() -> None:
    found = runs_of(bytes.fromhex("21 04 10 00  01 08  11 02 f8  00"))
    assert found == [Run(0x2000, 2048), Run(None, 4096), Run(0x1000, 1024)]


@pytest.mark.parametrize("mapping", ["21 04", "f1 04 10 00", "11 00 05 00", "11 04 80 00", "88"])
def test_impossible_mapping_pairs_are_damage(mapping: str) -> None:
    with pytest.raises(DamagedError):
        runs_of(bytes.fromhex(mapping))


@given(st.binary(max_size=40))
def test_any_mapping_pairs_give_bounded_runs_or_damage(mapping: bytes) -> None:
    try:
        found = runs_of(mapping)
    except DamagedError:
        return
    assert all(run.length > 0 and (run.offset is None or run.offset >= 0) for run in found)


def test_holes_and_what_lies_beyond_the_valid_length_are_zeros() -> None:
    stream = RunStream(DISK, [Run(256, 512), Run(None, 512), Run(0, 512)], 1500, 1100)
    wanted = DISK.content[256:768] + bytes(512) + DISK.content[:76] + bytes(400)
    assert stream.read_at(0, 5000) == wanted
    assert list(stream.extents()) == [(0, 512), (1024, 76)]


def test_eight_tebibytes_of_nothing_cost_nothing() -> None:
    stream = RunStream(
        DISK, [Run(0, 512), Run(None, 8 * TIB - 1024), Run(512, 512)], 8 * TIB, 8 * TIB
    )
    assert list(stream.extents()) == [(0, 512), (8 * TIB - 512, 512)]
    assert stream.read_at(8 * TIB - 514, 4) == b"\0\0\0\1"
    assert stream.read_at(4 * TIB, 3) == bytes(3)


def test_neighbouring_runs_are_one_extent() -> None:
    stream = RunStream(DISK, [Run(512, 512), Run(0, 512)], 1024, 1024)
    assert list(stream.extents()) == [(0, 1024)]


def test_a_run_list_that_ends_early_is_damage() -> None:
    with pytest.raises(DamagedError, match="ends at byte 512"):
        RunStream(DISK, [Run(0, 512)], 1024, 1024).read_at(500, 20)


def lznt1(plain: bytes) -> bytes:
    """Return plain bytes as LZNT1 chunks that are stored, not compressed ([MS-XCA] 2.5.1)."""
    parts = [plain[start : start + 4096] for start in range(0, len(plain), 4096)]
    return b"".join(struct.pack("<H", 0x3000 | len(part) - 1) + part for part in parts) + b"\0\0"


def test_units_are_compressed_plain_or_empty() -> None:
    first, plain = b"compressed " * 100, bytes(range(256)) * 32
    disk = FakeImage(lznt1(first).ljust(4096, b"\0") + plain)
    runs = [Run(0, 4096), Run(None, 4096), Run(4096, 8192), Run(None, 8192)]
    stream = CompressedStream(disk, runs, 24000, 24000, 8192)
    whole = first.ljust(8192, b"\0") + plain + bytes(24000 - 16384)
    assert stream.read_at(0, 30000) == whole
    assert stream.read_at(8000, 400) == whole[8000:8400]
    assert list(stream.extents()) == [(0, 8192), (8192, 8192)]


def test_a_unit_with_data_after_its_hole_is_damage() -> None:
    runs = [Run(None, 4096), Run(0, 4096)]
    with pytest.raises(DamagedError, match="after a hole"):
        CompressedStream(DISK, runs, 8192, 8192, 8192).read_at(0, 1)


@pytest.mark.parametrize("unit", [0, 1 << 40])
def test_an_impossible_compression_unit_is_refused(unit: int) -> None:
    with pytest.raises(DamagedError, match="unit"):
        CompressedStream(DISK, [], 10, 10, unit)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=lambda each: each.name)
def test_chunks_that_did_not_shrink_are_taken_as_they_are(algorithm: object) -> None:
    (chosen,) = [each for each in ALGORITHMS.values() if each == algorithm]
    plain = bytes(range(251)) * (2 * chosen.chunk // 251) + b"the end"
    count = -(-len(plain) // chosen.chunk)
    ends = [index * chosen.chunk for index in range(1, count)]
    stored = b"".join(struct.pack("<I", end) for end in ends) + plain
    stream = WofStream(BytesStream(stored), len(plain), chosen)
    assert stream.read_at(0, len(plain)) == plain
    assert stream.read_at(chosen.chunk - 3, 6) == plain[chosen.chunk - 3 : chosen.chunk + 3]


@given(st.binary(max_size=300), st.integers(0, 100_000), st.sampled_from(list(ALGORITHMS)))
def test_any_stored_chunks_give_the_full_length_or_damage(
    stored: bytes, size: int, number: int
) -> None:
    try:
        data = WofStream(BytesStream(stored), size, ALGORITHMS[number]).read_at(0, size)
    except DamagedError:
        return
    assert len(data) == size


@given(st.binary(max_size=200), st.sampled_from(["LZNT1", "XPRESS", "LZX"]))
def test_any_compressed_bytes_give_no_more_than_was_asked_for(data: bytes, codec: str) -> None:
    try:
        assert len(decompress(codec, data, 4096)) <= 4096
    except DamagedError:
        return
