"""E01 images: right bytes, and every kind of damage named instead of read as zeros."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5, sha1
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image, open_images
from extractor.images.ewf_chunks import parse_entries
from extractor.images.ewf_set import segment_name
from tests.conftest import need_tool
from tests.images.material import assert_same_bytes, patterned

CHUNK = 32768
RAW = patterned((5 << 20) + 3 * 512, seed=11)


@pytest.fixture(scope="session")
def acquired(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that acquires RAW with ewfacquire and keeps the set for the session."""
    need_tool("ewfacquire")
    made: dict[tuple[str, ...], Path] = {}

    def acquire(*options: str) -> Path:
        if options not in made:
            folder = tmp_path_factory.mktemp("ewf")
            (folder / "disk.raw").write_bytes(RAW)
            command = ["ewfacquire", "-u", "-q", "-d", "sha1", "-t", "disk", *options, "disk.raw"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            (folder / "disk.raw").unlink()
            made[options] = folder
        return made[options]

    return acquire


@pytest.fixture
def copy(acquired: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that gives a private copy of a set's first segment."""

    def make(*options: str) -> Path:
        folder = shutil.copytree(acquired(*options), tmp_path / "set")
        return min(folder.iterdir())

    return make


SPLIT = ("-c", "none", "-S", "1048576")
FAST = ("-c", "fast")


@pytest.mark.parametrize(
    "options",
    [
        FAST,
        ("-c", "none"),
        ("-c", "best", "-b", "1024"),
        ("-f", "encase1"),
        ("-f", "encase5", "-b", "128"),
        ("-f", "ftk", "-c", "fast"),
        ("-f", "linen6"),
        ("-f", "smart", "-c", "fast"),
        ("-f", "ewf", "-c", "fast"),
        ("-f", "ewfx", "-c", "fast"),
        SPLIT,
    ],
    ids=" ".join,
)
def test_every_kind_of_e01_gives_the_bytes_that_were_acquired(
    copy: Callable[..., Path], options: tuple[str, ...]
) -> None:
    with open_image(copy(*options)) as image:
        assert image.info.format == "e01"
        assert image.info.sector_size == 512
        assert image.info.stored_hashes["md5"] == md5(RAW).hexdigest()
        assert_same_bytes(image, RAW)
        assert list(image.bad_ranges()) == []


def test_stored_hashes_are_shown(copy: Callable[..., Path]) -> None:
    with open_image(copy(*FAST)) as image:
        assert image.info.stored_hashes == {
            "md5": md5(RAW).hexdigest(),
            "sha1": sha1(RAW).hexdigest(),
        }


def test_any_segment_opens_its_set_and_a_glob_is_one_image(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    assert len(segments) > 4
    (image,) = open_images(reversed(segments))
    with image:
        assert image.info.segments == tuple(map(str, segments))
        assert_same_bytes(image, RAW, reads=100)


def test_lower_case_suffixes_are_a_set(copy: Callable[..., Path]) -> None:
    first = copy(*SPLIT)
    for segment in list(first.parent.iterdir()):
        segment.rename(segment.with_suffix(segment.suffix.lower()))
    with open_image(first.with_suffix(".e03")) as image:
        assert_same_bytes(image, RAW, reads=20)


def test_a_set_is_read_whatever_bytes_its_name_is_made_of(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    odd = path.with_name(os.fsdecode(b"Beweis \xff\xfe.E01"))
    path.rename(odd)
    with open_image(odd) as image:
        assert_same_bytes(image, RAW, reads=20)


def test_a_suffix_that_lies_does_not_matter(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    for name in ("disk.vhdx", "disk", "disk.001"):
        lying = path.with_name(name)
        shutil.copy(path, lying)
        with open_image(lying) as image:
            assert image.info.format == "e01"
            assert_same_bytes(image, RAW, reads=20)


def test_a_program_beside_a_set_is_no_segment(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    path.with_suffix(".EXE").write_bytes(b"MZ" + bytes(5000))
    path.with_suffix(".E02").mkdir()
    with open_image(path) as image:
        assert image.info.segments == (str(path),)


def test_threads_do_not_disturb_each_other(copy: Callable[..., Path]) -> None:
    with open_image(copy(*SPLIT)) as image, ThreadPoolExecutor(8) as pool:
        for done in [
            pool.submit(assert_same_bytes, image, RAW, reads=100, seed=seed) for seed in range(8)
        ]:
            done.result()


@pytest.mark.parametrize("lost", [1, 3, -1])
def test_a_missing_segment_is_named(copy: Callable[..., Path], lost: int) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    gone = segments.pop(lost if lost < 0 else lost - 1)
    gone.unlink()
    with pytest.raises(ImageError, match=rf"segment .* is missing: {gone.name}"):
        open_image(segments[1])


def test_a_cut_segment_is_named(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    for cut in (segments[1], segments[-1]):
        whole = cut.read_bytes()
        for keep in (0, 5, 60, 5000, len(whole) // 2, len(whole) - 40):
            cut.write_bytes(whole[:keep])
            with pytest.raises(ImageError, match=f"{cut.name}"):
                open_image(segments[0])
        cut.write_bytes(whole)


def test_a_segment_of_another_acquisition_is_named(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    data = bytearray(segments[2].read_bytes())
    start = section(segments[2], b"data") + 76
    data[start + 64 : start + 80] = b"another GUID ..."
    struct.pack_into("<I", data, start + 1048, zlib.adler32(data[start : start + 1048]))
    segments[2].write_bytes(data)
    with pytest.raises(ImageError, match=rf"{segments[2].name} belongs to another acquisition"):
        open_image(segments[0])


def test_a_segment_under_the_name_of_another_is_named(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    shutil.copy(segments[1], segments[2])
    with pytest.raises(ImageError, match="should be segment 3 of its set but says it is 2"):
        open_image(segments[0])


def chunk_places(path: Path) -> list[tuple[int, int, bool]]:
    """Return (start, end, compressed) of each chunk of a one-segment set, read here independently."""
    data = path.read_bytes()
    offset, table, sectors_end, kind = 13, 0, 0, b""
    while kind != b"table":
        kind = data[offset : offset + 16].rstrip(b"\0")
        following = struct.unpack_from("<Q", data, offset + 16)[0]
        sectors_end = following if kind == b"sectors" else sectors_end
        offset, table = following, offset
    count, base = struct.unpack_from("<I4xQ", data, table + 76)
    entries = struct.unpack_from(f"<{count}I", data, table + 100)
    starts = [base + (entry & 0x7FFFFFFF) for entry in entries]
    return [
        (start, end, bool(entry >> 31))
        for start, end, entry in zip(starts, [*starts[1:], sectors_end], entries, strict=True)
    ]


def flip(path: Path, offset: int, bits: int = 0x10) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= bits
    path.write_bytes(data)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_flipped_byte_is_reported_and_only_its_chunk_is_lost(
    copy: Callable[..., Path], compressed: bool
) -> None:
    path = copy(*FAST)
    places = chunk_places(path)
    number = [place[2] for place in places].index(compressed, 3)
    flip(path, (places[number][0] + places[number][1]) // 2)
    with open_image(path) as image:
        start = number * CHUNK
        for offset, length in ((start, 1), (start - 5, 10), (start + 100, 50_000), (0, len(RAW))):
            with pytest.raises(DamagedError, match=rf"chunk {number} in .*{path.name}"):
                image.read_at(offset, length)
        (bad,) = image.bad_ranges()
        assert (bad.offset, bad.length) == (start, CHUNK)
        assert image.read_at(0, start) == RAW[:start]
        assert image.read_at(start + CHUNK, len(RAW)) == RAW[start + CHUNK :]


def test_no_chunk_with_a_flipped_bit_gives_wrong_bytes(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    places = chunk_places(path)
    data = bytearray(path.read_bytes())
    for start, end, _ in places:
        data[start + (end - start) * 2 // 3] ^= 0x01
    path.write_bytes(data)
    reported = 0
    with open_image(path) as image:
        for start in range(0, len(RAW), CHUNK):
            # A few flips change a deflate stream but not what it stands for.
            try:
                assert image.read_at(start, CHUNK) == RAW[start : start + CHUNK]
            except DamagedError:
                reported += 1
        assert len(image.bad_ranges()) == reported > len(places) * 0.9


def section(path: Path, kind: bytes) -> int:
    """Return the offset of the first section of a kind."""
    data, offset = path.read_bytes(), 13
    while data[offset : offset + 16].rstrip(b"\0") != kind:
        offset = struct.unpack_from("<Q", data, offset + 16)[0]
    return offset


def test_a_damaged_table_is_read_from_its_copy(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    flip(path, section(path, b"table") + 100 + 4 * 7)
    with open_image(path) as image:
        assert_same_bytes(image, RAW, reads=50)


def test_a_table_damaged_twice_loses_its_chunks_by_name(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    for kind in (b"table", b"table2"):
        flip(path, section(path, kind) + 100 + 4 * 7)
    with open_image(path) as image:
        with pytest.raises(DamagedError, match="chunks 0 to 160 cannot be found"):
            image.read_at(0, 512)
        assert [bad.offset for bad in image.bad_ranges()] == [0]


@pytest.mark.parametrize(
    "kind", [b"header2", b"volume", b"sectors", b"table", b"table2", b"hash", b"done"]
)
def test_a_damaged_section_descriptor_is_named(copy: Callable[..., Path], kind: bytes) -> None:
    path = copy(*FAST)
    flip(path, section(path, kind) + 30)
    with pytest.raises(ImageError, match="the checksum of its section at byte"):
        open_image(path)


def test_a_damaged_volume_section_is_named(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    flip(path, section(path, b"volume") + 76 + 16)
    with pytest.raises(ImageError, match="the checksum of its volume section"):
        open_image(path)


def test_sections_that_point_backwards_end(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    data = bytearray(path.read_bytes())
    at = section(path, b"table")
    struct.pack_into("<Q", data, at + 16, 13)
    struct.pack_into("<I", data, at + 72, zlib.adler32(data[at : at + 72]))
    path.write_bytes(data)
    with pytest.raises(ImageError, match="cut or damaged"):
        open_image(path)


def test_sectors_that_the_acquisition_could_not_read_are_no_zeros(
    copy: Callable[..., Path],
) -> None:
    path = copy(*FAST)
    data = bytearray(path.read_bytes())
    at = section(path, b"done")
    done = data[at:]
    header = struct.pack("<I", 2).ljust(516, b"\0")
    entries = struct.pack("<IIII", 100, 8, 104, 8)
    body = header + struct.pack("<I", zlib.adler32(header)) + entries
    body += struct.pack("<I", zlib.adler32(entries))
    descriptor = struct.pack("<16sQQ40x", b"error2", at + 76 + len(body), 76 + len(body))
    struct.pack_into("<Q", done, 16, at + 76 + len(body))
    struct.pack_into("<I", done, 72, zlib.adler32(done[:72]))
    path.write_bytes(
        data[:at] + descriptor + struct.pack("<I", zlib.adler32(descriptor)) + body + done
    )
    with open_image(path) as image:
        (bad,) = image.bad_ranges()
        assert (bad.offset, bad.length) == (100 * 512, 12 * 512)
        with pytest.raises(DamagedError, match="sectors 100 to 111 could not be read when"):
            image.read_at(0, len(RAW))
        assert image.read_at(0, 100 * 512) == RAW[: 100 * 512]
        assert image.read_at(112 * 512, 5000) == RAW[112 * 512 : 112 * 512 + 5000]


def test_entries_beyond_two_gibibytes_keep_their_order() -> None:
    entries = [0x7FFF0000 | 1 << 31, 0x7FFF8000, 0x80000004, 0x80008008, 0x90000000]
    parsed = parse_entries(struct.pack("<5I", *entries))
    assert list(parsed.offsets) == [0x7FFF0000, 0x7FFF8000, 0x80000004, 0x80008008, 0x90000000]
    assert parsed.compressed == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "E01"), (99, "E99"), (100, "EAA"), (101, "EAB"), (775, "EZZ"), (776, "FAA"), (14971, "ZZZ")],
)  # fmt: skip
def test_segments_are_named_as_encase_names_them(number: int, name: str) -> None:
    assert segment_name(Path("disk.E01"), number) == f"disk.{name}"
    assert segment_name(Path("disk.e01"), number) == f"disk.{name.lower()}"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draw=st.data())
def test_flipped_bytes_never_give_wrong_bytes(
    acquired: Callable[..., Path], tmp_path: Path, draw: st.DataObject
) -> None:
    original = min(acquired(*FAST).iterdir()).read_bytes()
    at = section(min(acquired(*FAST).iterdir()), b"table")
    places = st.one_of(
        st.integers(0, 5000), st.integers(at, len(original) - 1), st.integers(0, len(original) - 1)
    )
    data = bytearray(original)
    for place in draw.draw(st.lists(places, min_size=1, max_size=4)):
        data[place] ^= draw.draw(st.integers(1, 255))
    path = tmp_path / "disk.E01"
    path.write_bytes(data)
    try:
        with open_image(path) as image:
            for offset in range(0, len(RAW), 1 << 18):
                assert image.read_at(offset, 70_000) == RAW[offset : offset + 70_000]
    except (ImageError, DamagedError):
        return


@pytest.mark.parametrize(
    ("name", "segments"),
    [
        ("containers/ext2.split.E01", 2),
        ("containers/multiseg_v1.E04", 8),
        ("ntfs/imageformat_mmls_1.E01", 1),
        ("ntfs/ntfs_sample.E01", 1),
        ("containers/gpt_130_partitions.E01", 1),
    ],
)
def test_images_of_other_programs_hash_to_what_they_store(
    data: Path, name: str, segments: int
) -> None:
    with open_image(data / "images" / name) as image:
        assert len(image.info.segments) == segments
        digest = md5(usedforsecurity=False)
        for offset in range(0, image.size, 1 << 20):
            digest.update(image.read_at(offset, 1 << 20))
        assert digest.hexdigest() == image.info.stored_hashes["md5"]
