"""Runs, holes, valid data length, LZNT1 and WOF, on bytes made here."""

from __future__ import annotations

import hashlib
import struct

import pytest
from dissect.ntfs.attr import AttributeHeader
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import DamagedError
from extractor.filesystems import find
from extractor.filesystems.memory import BytesStream
from extractor.filesystems.ntfs import NtfsFilesystem, codecs
from extractor.filesystems.ntfs.codecs import decompress
from extractor.filesystems.ntfs.runs import LONGEST, mapping_pairs, parse_pairs
from extractor.filesystems.ntfs.streams import CompressedStream, RunStream
from extractor.filesystems.ntfs.wof import ALGORITHMS, WofStream
from extractor.model import Run
from extractor.seams import ZEROS, Piece
from extractor.testing import FakeImage
from sample_images import contents_of
from tests.conftest import need_tool

CLUSTER = 512
DISK = FakeImage(bytes(range(256)) * 64)
TIB = 1 << 40


def runs_of(mapping: bytes) -> list[Run]:
    header = struct.pack("<IIBBHHH", 0x80, 72, 1, 0, 64, 0, 0)
    raw = header + bytes(16) + struct.pack("<H", 64) + bytes(30) + mapping
    return list(parse_pairs(mapping_pairs(raw), CLUSTER).runs)


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


PAIRS = st.builds(
    lambda sizes, rest: bytes([sizes]) + rest,
    st.sampled_from([0x01, 0x02, 0x11, 0x12, 0x21, 0x22, 0x31, 0x41, 0x44, 0x88]),
    st.binary(min_size=1, max_size=16),
)


@given(st.lists(PAIRS, max_size=6).map(b"".join))
def test_mapping_pairs_give_what_dissect_makes_of_them(mapping: bytes) -> None:
    header = struct.pack("<IIBBHHH", 0x80, 72, 1, 0, 64, 0, 0)
    raw = header + bytes(16) + struct.pack("<H", 64) + bytes(30) + mapping
    try:
        # A hole has no start, whatever its annotations say.
        theirs: list[tuple[int | None, int]] = list(AttributeHeader.from_bytes(raw).dataruns())
    except struct.error:
        return  # a number of more than eight bytes: no volume is that large
    except (IndexError, EOFError):
        with pytest.raises(DamagedError):
            runs_of(mapping)
        return
    starts = [start for start, _ in theirs if start is not None]
    if any(count <= 0 for _, count in theirs) or any(start < 0 for start in starts):
        with pytest.raises(DamagedError):
            runs_of(mapping)
    elif sum(count for _, count in theirs) * CLUSTER <= LONGEST:
        wanted = [
            Run(None if start is None else start * CLUSTER, count * CLUSTER)
            for start, count in theirs
        ]
        assert runs_of(mapping) == wanted


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


class Reads(FakeImage):
    """Keeps what is asked of it, and tells where its bytes lie: in file 3, from byte 1000 on."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.asked: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return super().read_at(offset, length)

    def pieces(self, offset: int, length: int) -> list[Piece]:
        return [Piece(3, 1000 + offset, length)]


def test_runs_that_are_neighbours_on_the_volume_are_read_at_once() -> None:
    disk = Reads(DISK.content)
    runs = [Run(0, 512), Run(512, 1024), Run(None, 512), Run(1536, 512), Run(4096, 512)]
    stream = RunStream(disk, runs, 3072, 3072)
    whole = DISK.content[:1536] + bytes(512) + DISK.content[1536:2048] + DISK.content[4096:4608]
    assert stream.read_at(0, 3072) == whole
    assert disk.asked == [(0, 1536), (1536, 512), (4096, 512)]
    for offset in range(0, 3072, 100):
        for length in (1, 511, 1500, 9999):
            assert stream.read_at(offset, length) == whole[offset : offset + length]


def test_pieces_tell_where_runs_lie_and_what_is_zeros() -> None:
    runs = [Run(0, 512), Run(512, 512), Run(None, 512), Run(4096, 1024)]
    stream = RunStream(Reads(DISK.content), runs, 2560, 2000)
    assert stream.pieces(0, 2560) == [
        Piece(3, 1000, 1024), Piece(ZEROS, 0, 512), Piece(3, 5096, 464), Piece(ZEROS, 0, 560),
    ]  # fmt: skip
    assert stream.pieces(1000, 30) == [Piece(3, 2000, 24), Piece(ZEROS, 0, 6)]
    assert RunStream(DISK, runs, 2560, 2000).pieces(0, 10) is None


def test_pieces_outside_the_volume_are_damage() -> None:
    stream = RunStream(Reads(DISK.content), [Run(len(DISK.content), 512)], 512, 512)
    with pytest.raises(DamagedError, match="outside"):
        stream.pieces(0, 512)


def test_many_units_are_read_at_once_and_each_as_it_is() -> None:
    parts = [b"%d " % index * 500 for index in range(6)]
    stored = [lznt1(part[:2000]).ljust(4096, b"\0") for part in parts]
    disk = Reads(b"".join(stored))
    runs = [run for index in range(6) for run in (Run(4096 * index, 4096), Run(None, 4096))]
    stream = CompressedStream(disk, runs, 6 * 8192, 6 * 8192, 8192)
    whole = b"".join(part[:2000].ljust(8192, b"\0") for part in parts)
    assert stream.read_at(0, 6 * 8192) == whole
    for offset in range(0, 6 * 8192, 3000):
        assert stream.read_at(offset, 9000) == whole[offset : offset + 9000]


@pytest.mark.parametrize("library", ["libwim", "libfwnt"])
def test_overlaid_files_are_read_with_either_library(
    library: str, monkeypatch: pytest.MonkeyPatch, solo: NtfsFilesystem
) -> None:
    if library == "libwim":
        need_tool("wimlib-imagex")
        assert codecs.libwim() is not None
    else:
        monkeypatch.setattr(codecs, "libwim", lambda: None)
    for truth in contents_of("solo").volumes[0].entries:
        if "wof" in truth.path and truth.recipe.sha256:
            found = find(solo, truth.path)
            assert found is not None
            stream = solo.open(found)
            data = stream.read_at(0, stream.size)
            assert hashlib.sha256(data).hexdigest() == truth.recipe.sha256


def test_a_chunk_that_libwim_refuses_is_damage() -> None:
    need_tool("wimlib-imagex")
    for codec in ("XPRESS", "LZX"):
        with pytest.raises(DamagedError, match="libwim refuses it"):
            decompress(codec, b"\xff" * 100, 4096)
