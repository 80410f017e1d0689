"""The log of a VHDX: replayed in memory as QEMU replays it on disk; torn, foreign and hostile entries never applied."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import ImageError
from extractor.images import open_image
from extractor.images.replayed import ReplayedFile, Write
from extractor.seams import ZEROS
from tests.conftest import need_tool
from tests.images.children import block_table, metadata_item, vhdx_child
from tests.images.material import (
    assert_same_bytes,
    file_in_memory,
    patterned,
    pieces_of,
    read_pieces,
    unpacked,
)
from tests.images.vhdx_logs import GUID, Change, entry, with_log

MIB = 1 << 20
SECTOR = 4096
SIZE = 6 * MIB
RAW = patterned(SIZE, seed=31)
NEW = patterned(MIB, seed=32)
OTHER = UUID("00c01d57-a7e0-4000-8000-00000000ffff")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A VHDX that holds RAW in blocks of 1 MiB and was closed."""
    need_tool("qemu-img")
    folder = tmp_path_factory.mktemp("log")
    (folder / "raw").write_bytes(RAW)
    options = "subformat=dynamic,block_size=1048576,block_state_zero=off"
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", options]
    subprocess.run([*convert, folder / "raw", folder / "disk.vhdx"], check=True)
    return (folder / "disk.vhdx").read_bytes()


def block(disk: bytes, number: int) -> int:
    """Return where a block lies in the file."""
    place = block_table(bytearray(disk)) + 8 * number
    return int(struct.unpack_from("<Q", disk, place)[0]) >> 20 << 20


def table_with(disk: bytes, number: int, value: int) -> Change:
    """Return the change of the first sector of the block table that gives a block another entry."""
    table = block_table(bytearray(disk))
    sector = bytearray(disk[table : table + SECTOR])
    struct.pack_into("<Q", sector, 8 * number, value)
    return Change(table, bytes(sector))


def patched(raw: bytes, *changes: tuple[int, bytes]) -> bytes:
    made = bytearray(raw)
    for offset, data in changes:
        made[offset : offset + len(data)] = data
    return bytes(made)


def assert_reads_as(path: Path, disk: bytes, truth: bytes) -> None:
    """Open a disk with a log; compare it with the truth, which is what the specification makes of it."""
    path.write_bytes(disk)
    with open_image(path) as image:
        assert_same_bytes(image, truth, reads=200)
    assert path.read_bytes() == disk, "the evidence was written"


def assert_qemu_agrees(path: Path, disk: bytes, truth: bytes) -> None:
    """Compare the truth with what QEMU makes of a copy."""
    copy, raw = path.with_suffix(".copy"), path.with_suffix(".raw")
    copy.write_bytes(disk)
    subprocess.run(["qemu-img", "check", "-q", "-r", "all", copy], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "vhdx", "-O", "raw", copy, raw], check=True)
    assert raw.read_bytes() == truth


def assert_both(path: Path, disk: bytes, truth: bytes) -> None:
    assert_reads_as(path, disk, truth)
    assert_qemu_agrees(path, disk, truth)


def refusal(path: Path, disk: bytes) -> str:
    path.write_bytes(disk)
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_payload_block_table_and_zeros_are_replayed(clean: bytes, tmp_path: Path) -> None:
    here = block(clean, 1)
    first = entry(
        7, 0, [Change(here + 8192, NEW[: 3 * SECTOR]), Change(block(clean, 2), zeros=64 << 10)],
        len(clean),
    )  # fmt: skip
    second = entry(8, 0, [table_with(clean, 4, 0), Change(here + 8192, NEW[-SECTOR:])], len(clean))
    truth = patched(
        RAW,
        (MIB + 8192, NEW[-SECTOR:] + NEW[SECTOR : 3 * SECTOR]),
        (2 * MIB, bytes(64 << 10)),
        (4 * MIB, bytes(MIB)),
    )
    assert_both(tmp_path / "disk.vhdx", with_log(clean, [first, second]), truth)


def test_metadata_are_replayed_too(clean: bytes, tmp_path: Path) -> None:
    place = metadata_item(bytearray(clean), "2fa54224-cd1b-4876-b211-5dbed83bf4b8")
    start = place // SECTOR * SECTOR
    sector = bytearray(clean[start : start + SECTOR])
    struct.pack_into("<Q", sector, place - start, 5 * MIB)
    log = [entry(1, 0, [Change(start, bytes(sector))], len(clean))]
    assert_both(tmp_path / "disk.vhdx", with_log(clean, log), RAW[: 5 * MIB])


def test_a_sequence_that_runs_over_the_end_of_the_ring_is_replayed(
    clean: bytes, tmp_path: Path
) -> None:
    here, at = block(clean, 0), MIB - 3 * SECTOR
    # The first entry ends with the ring, the second begins there and goes on from its beginning.
    log = [
        entry(41, at, [Change(here, NEW[:SECTOR])], len(clean)),
        entry(42, at, [Change(here + SECTOR, NEW[:SECTOR] * 5)], len(clean)),
        entry(43, at, [Change(here, NEW[SECTOR : 2 * SECTOR])], len(clean)),
    ]
    path = tmp_path / "disk.vhdx"
    assert_both(path, with_log(clean, log[:2], at), patched(RAW, (0, NEW[:SECTOR] * 6)))
    # With the third QEMU takes that one alone: it does not ask whether the tail is in the sequence (2.3.2).
    truth = patched(RAW, (0, NEW[SECTOR : 2 * SECTOR] + NEW[:SECTOR] * 5))
    assert_reads_as(path, with_log(clean, log, at), truth)


def test_entries_before_the_tail_are_in_the_disk_already(clean: bytes, tmp_path: Path) -> None:
    here = block(clean, 0)
    first = entry(5, 0, [Change(here, NEW[:SECTOR])], len(clean))
    second = entry(6, len(first), [Change(here + SECTOR, NEW[SECTOR : 2 * SECTOR])], len(clean))
    truth = patched(RAW, (SECTOR, NEW[SECTOR : 2 * SECTOR]))
    assert_both(tmp_path / "disk.vhdx", with_log(clean, [first, second]), truth)


@pytest.mark.parametrize("torn", [4, 40, 70, 5000, 8190], ids=lambda at: f"byte {at}")
def test_a_torn_last_entry_was_never_promised(clean: bytes, tmp_path: Path, torn: int) -> None:
    here = block(clean, 0)
    first = entry(5, 0, [Change(here, NEW[:SECTOR])], len(clean))
    second = bytearray(entry(6, 0, [Change(here, NEW[SECTOR : 2 * SECTOR])], len(clean)))
    second[torn] ^= 0x10
    disk = with_log(clean, [first, bytes(second)])
    assert_both(tmp_path / "disk.vhdx", disk, patched(RAW, (0, NEW[:SECTOR])))


def test_the_newest_whole_sequence_wins(clean: bytes, tmp_path: Path) -> None:
    here = block(clean, 0)
    old = [entry(5, 0, [Change(here, NEW[:SECTOR])], len(clean))]
    new = [entry(90, 16 * SECTOR, [Change(here, NEW[SECTOR : 2 * SECTOR])], len(clean))]
    disk = with_log(with_log(clean, old), new, 16 * SECTOR)
    truth = patched(RAW, (0, NEW[SECTOR : 2 * SECTOR]))
    assert_both(tmp_path / "disk.vhdx", disk, truth)


def test_entries_after_a_gap_are_not_used_and_that_is_said(
    clean: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = block(clean, 0)
    log = [
        bytearray(entry(number, 0, [Change(here, NEW[number * SECTOR :][:SECTOR])], len(clean)))
        for number in range(1, 5)
    ]
    log[2][5000] ^= 1
    disk = with_log(clean, [bytes(each) for each in log])
    truth = patched(RAW, (0, NEW[2 * SECTOR : 3 * SECTOR]))
    assert_reads_as(tmp_path / "disk.vhdx", disk, truth)
    assert "1 later entries follow a gap" in caplog.text


def test_entries_of_an_older_log_are_no_entries(clean: bytes, tmp_path: Path) -> None:
    stale = entry(5, 0, [Change(block(clean, 0), NEW[:SECTOR])], len(clean), guid=OTHER)
    assert_both(tmp_path / "disk.vhdx", with_log(clean, [stale]), RAW)


def test_a_log_none_of_whose_entries_is_whole_is_refused(clean: bytes, tmp_path: Path) -> None:
    torn = bytearray(entry(5, 0, [Change(block(clean, 0), NEW[:SECTOR])], len(clean)))
    torn[4100] ^= 1
    text = refusal(tmp_path / "disk.vhdx", with_log(clean, [bytes(torn)]))
    assert "no entry of its log is whole" in text
    assert "qemu-img check -r all COPY" in text


def test_a_file_that_was_longer_when_its_log_was_written_is_cut(
    clean: bytes, tmp_path: Path
) -> None:
    log = [entry(5, 0, [table_with(clean, 4, 0)], len(clean) + MIB)]
    assert "is cut" in refusal(tmp_path / "disk.vhdx", with_log(clean, log))


def test_a_block_that_the_log_puts_behind_the_end_of_the_file_reads_as_what_was_logged(
    clean: bytes, tmp_path: Path
) -> None:
    end = -(-len(clean) // MIB) * MIB
    log = [
        entry(
            5, 0, [table_with(clean, 4, end | 6), Change(end + 8192, NEW[:SECTOR])], len(clean),
            grown=end + MIB - SECTOR,
        )
    ]  # fmt: skip
    truth = patched(RAW, (4 * MIB, bytes(MIB)), (4 * MIB + 8192, NEW[:SECTOR]))
    assert_both(tmp_path / "disk.vhdx", with_log(clean, log), truth)


def test_a_range_under_the_log_lies_nowhere_and_what_is_beside_it_does(
    clean: bytes, tmp_path: Path
) -> None:
    log = [entry(5, 0, [Change(block(clean, 1) + 8192, NEW[:SECTOR])], len(clean))]
    path = tmp_path / "disk.vhdx"
    path.write_bytes(with_log(clean, log))
    with open_image(path) as image:
        assert pieces_of(image, MIB + 8191, 2) is None
        assert pieces_of(image, MIB + 8192 + SECTOR - 1, 1) is None
        assert read_pieces(image, MIB, 8192) == RAW[MIB : MIB + 8192]
        after = MIB + 8192 + SECTOR
        assert read_pieces(image, after, 3 * MIB) == RAW[after : after + 3 * MIB]


def test_the_log_of_a_parent_is_replayed(clean: bytes, tmp_path: Path) -> None:
    parent, child, empty = (tmp_path / name for name in ("base.vhdx", "child.avhdx", "empty"))
    log = [entry(5, 0, [Change(block(clean, 1), NEW[:SECTOR])], len(clean))]
    parent.write_bytes(with_log(clean, log))
    options = "subformat=dynamic,block_size=1048576,block_state_zero=off"
    create = ["qemu-img", "create", "-q", "-f", "vhdx", "-o", options, str(empty), str(SIZE)]
    subprocess.run(create, check=True)
    base = patched(RAW, (MIB, NEW[:SECTOR]))
    truth = patched(base, (3 * MIB + 512, b"\x55" * 1024))
    vhdx_child(empty.read_bytes(), parent, child, base, truth)
    with open_image(child) as image:
        assert_same_bytes(image, truth, reads=100)


@pytest.mark.parametrize(
    ("place", "value"), [(68, 0), (68, 5000), (68, 0xFFFFFFF0), (72, 123), (72, 1 << 40)]
)
def test_a_log_that_does_not_lie_in_the_file_is_refused(
    clean: bytes, tmp_path: Path, place: int, value: int
) -> None:
    log = [entry(5, 0, [table_with(clean, 4, 0)], len(clean))]
    disk = bytearray(with_log(clean, log))
    for header in (0x10000, 0x20000):
        struct.pack_into("<I" if place == 68 else "<Q", disk, header + place, value)
    assert "log" in refusal(tmp_path / "disk.vhdx", with_log(bytes(disk), ()))


def test_a_log_whose_entries_claim_each_other_is_refused_in_no_time(
    clean: bytes, tmp_path: Path
) -> None:
    head = struct.pack("<4sIIIQI4x16sQQ", b"loge", 0, MIB, 0, 1, 0, GUID.bytes_le, 0, 0)
    disk = with_log(clean, [head.ljust(SECTOR, b"\0")] * (MIB // SECTOR))
    began = time.monotonic()
    assert "overlap" in refusal(tmp_path / "disk.vhdx", disk)
    assert time.monotonic() - began < 5


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_bytes_of_an_entry_are_replayed_whole_or_not_at_all(
    clean: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "disk.vhdx"
    raw = bytearray(entry(5, 0, [Change(block(clean, 0), NEW[: 2 * SECTOR])], len(clean)))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(with_log(clean, [bytes(raw)]))
    try:
        with open_image(path) as image:
            assert image.read_at(0, SIZE) == RAW
    except ImageError:
        return


@given(
    writes=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans()), max_size=12),
    grown=st.integers(0, 100),
    data=st.data(),
)
def test_an_overlay_reads_as_the_writes_made_in_their_order(
    writes: Sequence[tuple[int, int, bool]], grown: int, data: st.DataObject
) -> None:
    plain = bytes(range(100, 164))
    truth = bytearray(plain.ljust(max(grown, 64), b"\0"))
    made = []
    for number, (start, length, zeros) in enumerate(writes, start=1):
        stop = min(start + length, len(truth))
        content = bytes(stop - start) if zeros else bytes([number]) * (stop - start)
        truth[start:stop] = content
        made.append(Write(start, stop, None if zeros else content))
    file = ReplayedFile(file_in_memory(plain), made, grown)
    try:
        offset = data.draw(st.integers(0, len(truth)))
        length = data.draw(st.integers(0, 120))
        assert file.read_at(offset, length) == truth[offset : offset + length]
        piece = file.piece(offset, length)
        if piece is not None:
            assert truth[offset : offset + length] == plain[offset : offset + length]
    finally:
        file.close()


def test_the_dirty_disk_of_qemus_own_tests_reads_as_qemu_repairs_it(
    data: Path, tmp_path: Path
) -> None:
    need_tool("qemu-img")
    path = unpacked(data / "images/containers/iotest-dirtylog-10G-4M.vhdx.bz2", tmp_path)
    copy, raw = tmp_path / "copy.vhdx", tmp_path / "truth.raw"
    copy.write_bytes(path.read_bytes())
    subprocess.run(["qemu-img", "check", "-q", "-r", "all", copy], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "raw", copy, raw], check=True)
    with open_image(path) as image, open_image(raw) as truth:
        assert image.size == truth.size == 10 << 30
        step, held = 4 * MIB, 0
        for offset in range(0, image.size, step):
            pieces = pieces_of(image, offset, step)
            zeros = pieces is not None and all(piece.descriptor == ZEROS for piece in pieces)
            # What both call a hole needs no comparison; QEMU writes none for what is zeros.
            if not (zeros and _is_hole(raw, offset, step)):
                held += 1
                assert image.read_at(offset, step) == truth.read_at(offset, step)
                assert read_pieces(image, offset, step) in {None, truth.read_at(offset, step)}
        assert held > 1


def _is_hole(path: Path, offset: int, length: int) -> bool:
    with path.open("rb") as file:
        try:
            return os.lseek(file.fileno(), offset, os.SEEK_DATA) >= offset + length
        except OSError:
            return True
