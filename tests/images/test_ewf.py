"""E01 images: right bytes, and every kind of damage named instead of read as zeros."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5, sha1
from pathlib import Path

import pyewf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, ImageError
from extractor.images import open_image, open_images
from extractor.images.ewf_chunks import Chunks, Unreadable, parse_entries
from extractor.images.ewf_layout import Stretch, lay_out
from extractor.images.ewf_segments import Geometry, Table, parse_segments
from extractor.images.ewf_set import segment_name
from extractor.images.file import File
from tests.conftest import need_tool
from tests.images.ewf_sets import chunk_places, flip, held, section
from tests.images.material import assert_same_bytes, file_in_memory, patterned

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


def assert_lost(path: Path, start: int, end: int, reason: str) -> None:
    """Open a set and check that bytes [start, end) of RAW, and no others, are known to be bad from the beginning."""
    with open_image(path) as image:
        assert image.size == len(RAW)
        (bad,) = image.bad_ranges()
        assert (bad.offset, bad.offset + bad.length) == (start, end)
        assert re.search(reason, bad.reason)
        for offset in range(0, len(RAW), 5000):
            stop = min(offset + 5000, len(RAW))
            if stop <= start or end <= offset:
                assert image.read_at(offset, 5000) == RAW[offset:stop]
            else:
                with pytest.raises(DamagedError, match=reason):
                    image.read_at(offset, 5000)
        assert list(image.bad_ranges()) == [bad]


@pytest.mark.parametrize("lost", [(3,), (2, 3), (4, 5, 6), (6,), (2,)])
def test_segments_that_are_missing_are_bad_ranges_and_the_others_stay_in_place(
    copy: Callable[..., Path], caplog: pytest.LogCaptureFixture, lost: tuple[int, ...]
) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    counts = [held(segment) for segment in segments]
    assert len(segments) == 6
    for number in lost:
        segments[number - 1].unlink()
    start = sum(counts[: lost[0] - 1]) * CHUNK
    end = min(sum(counts[: lost[-1]]) * CHUNK, len(RAW))
    first = segments[lost[0] - 1].name
    assert_lost(segments[0], start, end, rf"segments? {lost[0]} .* missing: {first} ")
    assert f"bytes {start} to {end - 1} of the disk are lost" in caplog.text


def test_segments_missing_in_two_places_are_refused_by_name(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    for number in (2, 4):
        segments[number - 1].unlink()
    with pytest.raises(ImageError, match=r"lost in 2 places.*: .*E02 must.*; .*E04 must"):
        open_image(segments[0])


def test_a_set_without_its_first_segment_is_refused(copy: Callable[..., Path]) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    segments[0].unlink()
    with pytest.raises(ImageError, match=r"segment 1 of the set .* is missing: disk.E01"):
        open_image(segments[2])


def test_a_gap_has_no_place_when_the_set_is_unsure_how_many_chunks_it_has(
    copy: Callable[..., Path],
) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    segments[2].unlink()
    data = bytearray(segments[0].read_bytes())
    at = section(segments[0], b"volume") + 76
    struct.pack_into("<I", data, at + 4, 170)
    struct.pack_into("<I", data, at + 1048, zlib.adler32(data[at : at + 1048]))
    segments[0].write_bytes(data)
    with pytest.raises(ImageError, match=r"does not say how many chunks it has.*E03"):
        open_image(segments[0])


@pytest.mark.parametrize("keep", [0, 5, 60, 5000, 0.5])
@pytest.mark.parametrize("number", [3, 6])
def test_a_segment_that_is_cut_loses_its_own_chunks_alone(
    copy: Callable[..., Path], number: int, keep: float
) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    counts = [held(segment) for segment in segments]
    whole = segments[number - 1].read_bytes()
    segments[number - 1].write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    start, end = (sum(counts[:each]) * CHUNK for each in (number - 1, number))
    assert_lost(segments[0], start, min(end, len(RAW)), segments[number - 1].name)


def test_a_segment_cut_behind_its_chunks_has_lost_none(
    copy: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    segments[-1].write_bytes(segments[-1].read_bytes()[:-40])
    with open_image(segments[0]) as image:
        assert image.bad_ranges() == []
        assert_same_bytes(image, RAW, reads=50)
    assert "all of the disk is there, but the set is not whole" in caplog.text


def test_a_set_cut_before_its_first_table_is_refused(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    whole = path.read_bytes()
    for keep in (20, 300, 5000, section(path, b"table") + 50):
        path.write_bytes(whole[:keep])
        with pytest.raises(ImageError, match=f"{path.name} is cut"):
            open_image(path)


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
        for offset in (0, 3 << 20):
            with pytest.raises(DamagedError, match="chunks 0 to 160 cannot be found"):
                image.read_at(offset, 512)
        assert [(bad.offset, bad.length) for bad in image.bad_ranges()] == [(0, len(RAW))]


@pytest.mark.parametrize("kind", [b"sectors", b"table"])
def test_a_broken_chain_of_sections_loses_the_tables_behind_it(
    copy: Callable[..., Path], kind: bytes
) -> None:
    segments = sorted(copy(*SPLIT).parent.iterdir())
    counts = [held(segment) for segment in segments]
    flip(segments[3], section(segments[3], kind) + 30)
    start, end = sum(counts[:3]) * CHUNK, sum(counts[:4]) * CHUNK
    assert_lost(segments[0], start, end, f"{segments[3].name} is damaged: the checksum of its sec")


@pytest.mark.parametrize("kind", [b"header2", b"volume", b"sectors", b"table"])
def test_a_set_whose_only_chain_breaks_before_its_table_is_refused(
    copy: Callable[..., Path], kind: bytes
) -> None:
    path = copy(*FAST)
    flip(path, section(path, kind) + 30)
    with pytest.raises(ImageError, match="the checksum of its section at byte"):
        open_image(path)


@pytest.mark.parametrize("kind", [b"table2", b"hash", b"done"])
def test_a_chain_that_breaks_behind_the_tables_loses_nothing_of_the_disk(
    copy: Callable[..., Path], caplog: pytest.LogCaptureFixture, kind: bytes
) -> None:
    path = copy(*FAST)
    flip(path, section(path, kind) + 30)
    with open_image(path) as image:
        assert_same_bytes(image, RAW, reads=50)
    assert "the set is not whole" in caplog.text
    assert "the checksum of its section at byte" in caplog.text


def test_a_damaged_volume_section_is_replaced_by_the_data_section(
    copy: Callable[..., Path],
) -> None:
    path = copy(*FAST)
    flip(path, section(path, b"volume") + 76 + 16)
    with open_image(path) as image:
        assert_same_bytes(image, RAW, reads=50)
    flip(path, section(path, b"data") + 76 + 16)
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
    parsed = parse_entries(struct.pack("<5I", *entries), 100, 0x90000100)
    starts = [0x7FFF0000, 0x7FFF8000, 0x80000004, 0x80008008, 0x90000000]
    assert parsed.bounds.tolist() == [*(start + 100 for start in starts), 0x90000100]
    assert parsed.compressed.tolist() == [True, False, False, False, False]


def chunks_of(*raws: tuple[bytes, bool], size: int) -> Chunks:
    """Return chunks of 1024 bytes that lie in memory as given: (bytes, compressed)."""
    starts = [sum(len(raw) for raw, _ in raws[:number]) for number in range(len(raws))]
    data = b"".join(raw for raw, _ in raws)
    words = [start | packed << 31 for start, (_, packed) in zip(starts, raws, strict=True)]
    file = file_in_memory(data + struct.pack(f"<{len(words)}I", *words))
    table = Table(file, len(data), len(words), 0, len(data), checked=False)
    sectors = size // 512
    geometry = Geometry(len(raws), sectors, 2, 512, bytes(16))
    return Chunks(geometry, [Stretch(0, len(raws), table)])


def stored(content: bytes) -> tuple[bytes, bool]:
    return content + struct.pack("<I", zlib.adler32(content)), False


def test_the_last_chunk_may_be_padded_compressed_or_not() -> None:
    content = RAW[:512]
    packed = (zlib.compress(content + bytes(512)), True)
    for last in (packed, stored(content + bytes(512)), stored(content)):
        assert chunks_of(stored(RAW[:1024]), last, size=1536).contents(1, 1) == [content]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ((zlib.compress(RAW[:1024])[:-1] + b"\xff", True), "incorrect data check"),
        ((zlib.compress(RAW[:1024])[:-9], True), "does not end as it should"),
        ((zlib.compress(RAW[:1000]), True), "does not end as it should"),
        ((zlib.compress(RAW[:1025]), True), "does not end as it should"),
        ((b"\x78\x78" * 150, True), "incorrect header check"),
        ((RAW[:1028], False), "its checksum is wrong"),
        (stored(RAW[:1020]), "its checksum is wrong"),
        ((b"", False), "the table is damaged"),
        ((bytes(1 << 17), True), "is damaged"),
    ],
)
def test_a_bad_chunk_is_named_and_its_neighbours_are_read(
    raw: tuple[bytes, bool], why: str
) -> None:
    chunks = chunks_of(stored(RAW[:1024]), raw, stored(RAW[1024:2048]), size=3072)
    before, bad, behind = chunks.contents(0, 3)
    assert (before, behind) == (RAW[:1024], RAW[1024:2048])
    assert isinstance(bad, Unreadable)
    assert bad.reason.startswith("chunk 1 in memory")
    assert why in bad.reason
    assert [(each.offset, each.length) for each in chunks.bad_ranges()] == [(1024, 1024)]


class FailingFile(File):
    """A file on a disk that cannot read one of its bytes any more."""

    __slots__ = ("failing",)
    failing: int

    def read_at(self, offset: int, length: int) -> bytes:
        if offset <= self.failing < offset + length:
            raise DamagedError(f"{self.path}: bytes from {offset} cannot be read: I/O error")
        return super().read_at(offset, length)


def test_a_segment_on_a_failing_disk_loses_the_chunk_that_cannot_be_read_alone(
    copy: Callable[..., Path],
) -> None:
    path = copy(*FAST)
    places = chunk_places(path)
    file = FailingFile(path, os.open(path, os.O_RDONLY), path.stat().st_size)
    file.failing = places[20][0] + 5
    geometry, (segment,) = parse_segments({1: file})
    chunks = Chunks(geometry, lay_out([segment], geometry))
    contents = chunks.contents(0, geometry.chunks)
    bad = contents[20]
    assert isinstance(bad, Unreadable)
    assert re.search("chunk 20 in .* cannot be read: I/O error", bad.reason)
    contents[20] = RAW[20 * CHUNK : 21 * CHUNK]
    assert b"".join(each for each in contents if not isinstance(each, Unreadable)) == RAW
    file.close()


def test_chunks_too_large_to_be_held_are_refused(copy: Callable[..., Path]) -> None:
    path = copy(*FAST)
    data = bytearray(path.read_bytes())
    for kind in (b"volume", b"data"):
        at = section(path, kind) + 76
        struct.pack_into("<I", data, at + 8, 1 << 20)
        struct.pack_into("<I", data, at + 1048, zlib.adler32(data[at : at + 1048]))
    path.write_bytes(data)
    with pytest.raises(ImageError, match="chunks of 1048576 sectors of 512 bytes; no more than 16"):
        open_image(path)


def test_a_child_process_reads_what_its_parent_has_open(copy: Callable[..., Path]) -> None:
    with open_image(copy(*FAST)) as image:
        assert image.read_at(0, len(RAW)) == RAW
        with ThreadPoolExecutor(4) as pool:
            busy = [pool.submit(assert_same_bytes, image, RAW, seed=seed) for seed in range(4)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                # Locks and threads of the parent are of no use here; pytest must not go on here either.
                signal.alarm(60)
                os._exit(0 if image.read_at(0, len(RAW)) == RAW else 1)
            for each in busy:
                each.result()
        assert os.waitpid(child, 0)[1] == 0


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


FOREIGN_SETS = [
    ("containers/ext2.split.E01", 2),
    ("containers/multiseg_v1.E04", 8),
    ("ntfs/imageformat_mmls_1.E01", 1),
    ("ntfs/ntfs_sample.E01", 1),
    ("containers/gpt_130_partitions.E01", 1),
]


@pytest.mark.parametrize(("name", "segments"), FOREIGN_SETS)
def test_images_of_other_programs_hash_to_what_they_store(
    data: Path, name: str, segments: int
) -> None:
    with open_image(data / "images" / name) as image:
        assert len(image.info.segments) == segments
        digest = md5(usedforsecurity=False)
        for offset in range(0, image.size, 1 << 20):
            digest.update(image.read_at(offset, 1 << 20))
        assert digest.hexdigest() == image.info.stored_hashes["md5"]


@pytest.mark.parametrize("name", [name for name, _ in FOREIGN_SETS])
def test_random_reads_are_those_of_libewf(data: Path, name: str) -> None:
    source = random.Random(name)
    with open_image(data / "images" / name) as image:
        reference = pyewf.handle()
        reference.open(list(image.info.segments))
        assert reference.get_media_size() == image.size
        for _ in range(300):
            offset = source.randrange(image.size)
            length = min(source.choice((512, 5000, 40_000, 1 << 20)), image.size - offset)
            theirs = reference.read_buffer_at_offset(length, offset)
            assert image.read_at(offset, length) == theirs, (offset, length)
        reference.close()
