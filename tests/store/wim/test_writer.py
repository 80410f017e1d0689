from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, StoreError
from extractor.seams import ZEROS, Piece
from extractor.store.wim.codecs import Compression
from extractor.store.wim.content import UNIT, Part
from extractor.store.wim.format import CHUNK, HEADER_SIZE, INCOMPLETE, Kind
from extractor.store.wim.node import Image, Parts
from extractor.store.wim.reader import WimFile
from extractor.store.wim.target import Buffer, DescriptorTarget
from extractor.store.wim.verify import verify
from extractor.store.wim.writer import EMPTY, WimWriter, name_in_metadata
from tests.store.wim.build import CODECS, ROOT, files, make, need_codec, writing

RANDOM = random.Random(7)
TEXT = b"".join(b"%d bottles of beer; " % number for number in range(400_000))
NOISE = RANDOM.randbytes(3 * UNIT + 77)
SIZES = [1, 2, 100, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, UNIT, UNIT + 1, 2 * UNIT, 3 * UNIT + 5]


@pytest.mark.parametrize("compression", CODECS)
def test_what_was_stored_is_read_back(tmp_path: Path, compression: Compression) -> None:
    contents: dict[Parts, bytes] = {}
    for size in SIZES:
        contents[("text", f"{size:08}")] = TEXT[:size]
        contents[("noise", f"{size:08}")] = NOISE[:size]
        contents[("zeros", f"{size:08}")] = bytes(size)
        half = size // 2
        contents[("both", f"{size:08}")] = NOISE[:half] + TEXT[: size - half]
    contents = dict(sorted(contents.items()))
    path = make(tmp_path / "a.wim", contents, compression)
    with WimFile.open(path) as wim:
        assert verify(wim).damage == []
        found = {
            parts: wim.open_blob(node.sha1).read()
            for parts, node in wim.rows(1)
            if not node.is_directory
        }
    assert found == contents


def test_a_blob_is_known_by_both_hashes(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        for content in (b"x", TEXT[:3_000_000]):
            stored = writer.add(content, len(content))
            assert stored.sha1 == hashlib.sha1(content).digest()
            assert stored.sha256 == hashlib.sha256(content).hexdigest()
            assert stored.size == len(content)


@pytest.mark.parametrize("size", [10, 3 * UNIT])
def test_the_same_content_is_stored_once(tmp_path: Path, size: int) -> None:
    content = NOISE[:size]
    with writing(tmp_path / "a.wim", Compression.NONE) as writer:
        tickets = [writer.submit(content, size) for _ in range(50 if size < UNIT else 4)]
        writer.flush()
        end, blobs = writer.checkpoint()
    assert len({ticket.result() for ticket in tickets}) == 1
    assert (end, len(blobs)) == (HEADER_SIZE + size, 1)


def test_an_empty_stream_has_no_blob(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        assert writer.submit(b"", 0).result() == EMPTY
        assert writer.checkpoint() == (HEADER_SIZE, [])


@pytest.mark.parametrize("compression", CODECS)
def test_the_same_blobs_make_the_same_file(tmp_path: Path, compression: Compression) -> None:
    made = []
    for threads in (1, 2, 5):
        path = tmp_path / f"{threads}.wim"
        with writing(path, compression, threads=threads) as writer:
            for number in range(300):
                content = TEXT[number * 17 : number * 17 + number * 50]
                writer.submit(content, len(content))
                if number % 100 == 0:
                    writer.submit(TEXT[number : number + 2 * UNIT], 2 * UNIT)
                writer.submit(NOISE[:number], number)
            writer.finish([Image("empty", [ROOT])])
        made.append(path.read_bytes())
    assert made[0] == made[1] == made[2]


def test_what_looks_random_is_stored_as_it_is_and_without_a_table(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        for size in (100, CHUNK * 3, len(NOISE)):
            writer.add(NOISE[-size:], size)
        _, blobs = writer.checkpoint()
    assert [(blob.resource.stored, blob.resource.kind) for blob in blobs] == [
        (100, Kind(0)),
        (CHUNK * 3, Kind(0)),
        (len(NOISE), Kind(0)),
    ]


@pytest.mark.parametrize("compression", [Compression.XPRESS, Compression.LZX])
def test_a_large_blob_that_its_chunk_table_makes_larger_is_written_as_it_is(
    tmp_path: Path, compression: Compression
) -> None:
    """More than is held back, and what one chunk saves is less than the table."""
    chunk = RANDOM.randbytes(CHUNK - 40) + bytes(40)
    content = RANDOM.randbytes(9 * UNIT) + chunk[-4095:] + RANDOM.randbytes(UNIT)
    with writing(tmp_path / "a.wim", compression) as writer:
        writer.add(content, len(content))
        writer.add(b"next", 4)
        _, blobs = writer.checkpoint()
        writer.finish([Image("empty", [ROOT])])
    assert blobs[0].resource.stored <= len(content)
    with WimFile.open(tmp_path / "a.wim") as wim:
        assert wim.open_blob(blobs[0].sha1).read() == content
        assert verify(wim).damage == []


def test_pieces_of_a_file_and_zeros_are_read_by_the_workers(tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(NOISE)
    descriptor = os.open(image, os.O_RDONLY)
    parts: list[Part] = [
        Piece(descriptor, 5, 100),
        Piece(ZEROS, 0, 2 * UNIT + 3),
        b"bytes",
        Piece(descriptor, 1000, UNIT),
        memoryview(b"view"),
    ]
    expected = NOISE[5:105] + bytes(2 * UNIT + 3) + b"bytes" + NOISE[1000 : 1000 + UNIT] + b"view"
    with writing(tmp_path / "a.wim") as writer:
        large = writer.submit(parts, len(expected))
        small = writer.submit(parts[:1], 100)
        writer.flush()
    os.close(descriptor)
    assert large.result().sha1 == hashlib.sha1(expected).digest()
    assert small.result().sha1 == hashlib.sha1(NOISE[5:105]).digest()


@pytest.mark.parametrize("size", [200, 6 * UNIT])
def test_a_piece_that_cannot_be_read_fails_its_ticket_and_leaves_nothing(
    tmp_path: Path, size: int
) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(NOISE[: size - 5])
    descriptor = os.open(image, os.O_RDONLY)
    with writing(tmp_path / "a.wim", Compression.NONE) as writer:
        before = writer.submit(b"before", 6)
        bad = writer.submit(Piece(descriptor, 0, size), size)
        after = writer.submit(b"after", 5)
        writer.flush()
        with pytest.raises(DamagedError, match="it was cut while it was read"):
            bad.result()
        end, blobs = writer.checkpoint()
        writer.finish([Image("empty", [ROOT])])
    os.close(descriptor)
    assert end == HEADER_SIZE + 11
    assert {blob.sha1 for blob in blobs} == {before.result().sha1, after.result().sha1}
    with WimFile.open(tmp_path / "a.wim") as wim:
        assert verify(wim).damage == []


@pytest.mark.parametrize("good", [100, 3 * UNIT])
def test_a_content_that_raises_leaves_nothing(tmp_path: Path, good: int) -> None:
    def content() -> Iterator[bytes]:
        yield NOISE[:good]
        raise DamagedError("the medium ends")

    with writing(tmp_path / "a.wim") as writer:
        with pytest.raises(DamagedError, match="the medium ends"):
            writer.submit(content(), good + 1)
        writer.add(b"after", 5)
        end, blobs = writer.checkpoint()
    assert (end, len(blobs)) == (HEADER_SIZE + 5, 1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, OSError])
@pytest.mark.parametrize("good", [100, UNIT, 3 * UNIT])
def test_whatever_ends_a_content_its_memory_comes_back_and_what_follows_is_whole(
    tmp_path: Path, error: type[BaseException], good: int
) -> None:
    def content() -> Iterator[bytes]:
        yield NOISE[:good]  # held back in memory, for no chunk of it becomes smaller
        raise error

    with writing(tmp_path / "a.wim") as writer:
        for _ in range(40):  # more than there are buffers
            with pytest.raises(error):
                writer.submit(content(), 5 * UNIT)
        writer.add([NOISE[: 2 * UNIT]], 2 * UNIT)
        writer.finish([Image("empty", [ROOT])])
    with WimFile.open(tmp_path / "a.wim") as wim:
        assert verify(wim).damage == []
        assert len(list(wim.blobs)) == 1


@pytest.mark.parametrize("size", [10, UNIT + 10, 3 * UNIT])
@pytest.mark.parametrize("off", [-1, 1, UNIT])
def test_a_content_of_another_size_is_refused(tmp_path: Path, size: int, off: int) -> None:
    with writing(tmp_path / "a.wim") as writer:
        with pytest.raises(ValueError, match="was announced"):
            writer.submit([TEXT[: size + off]], size)
        writer.add(b"after", 5)
        assert len(writer.checkpoint()[1]) == 1


def test_until_it_is_finished_no_tool_takes_it_for_a_wim(tmp_path: Path) -> None:
    path = tmp_path / "a.wim"
    with writing(path) as writer:
        writer.add(b"content", 7)
    assert path.read_bytes().startswith(INCOMPLETE)
    with pytest.raises(StoreError, match="never finished"):
        WimFile.open(path)


def test_a_run_that_broke_off_is_resumed_to_the_same_file(tmp_path: Path) -> None:
    contents = [TEXT[at : at + 40_000] for at in range(0, 4_000_000, 40_000)]
    whole, part = tmp_path / "whole.wim", tmp_path / "part.wim"
    with writing(whole) as writer:
        for content in contents:
            writer.submit(content, len(content))
        writer.finish([Image("empty", [ROOT])])
    with writing(part) as writer:
        for content in contents[:50]:
            writer.submit(content, len(content))
        writer.flush()
        end, blobs = writer.checkpoint()
        for content in contents[50:70]:
            writer.submit(content, len(content))
    descriptor = os.open(part, os.O_RDWR)
    with WimWriter(DescriptorTarget(descriptor), resume=(end, blobs)) as writer:
        assert blobs[0].sha1 in writer
        for content in contents:
            writer.submit(content, len(content))
        writer.finish([Image("empty", [ROOT])])
    os.close(descriptor)
    assert part.read_bytes() == whole.read_bytes()


def test_a_checkpoint_tells_each_blob_once(tmp_path: Path) -> None:
    told = []
    with writing(tmp_path / "a.wim") as writer:
        for number in range(40):
            writer.add(b"%d" % number, len(str(number)))
            end, blobs = writer.checkpoint()
            assert all(blob.resource.end <= end for blob in blobs)
            told += [blob.sha1 for blob in blobs]
    assert len(told) == len(set(told)) == 40


def test_a_journal_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        writer.add(b"content", 7)
        end, blobs = writer.checkpoint()
    with (tmp_path / "a.wim").open("r+b") as file, pytest.raises(ValueError, match="journal"):
        WimWriter(DescriptorTarget(file.fileno()), resume=(end - 1, blobs))


class FullDisk(DescriptorTarget):
    """A disk with room for 2 MiB."""

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        if offset > 2 * UNIT:
            raise OSError(28, "No space left on device")
        super().write_at(offset, buffers)


def _submit_much(writer: WimWriter) -> None:
    for number in range(100):
        writer.submit(RANDOM.randbytes(UNIT - number), UNIT - number)


def test_a_full_disk_ends_the_writing_with_one_sentence(tmp_path: Path) -> None:
    need_codec(Compression.XPRESS)
    with (tmp_path / "a.wim").open("w+b") as file, WimWriter(FullDisk(file.fileno())) as writer:
        with pytest.raises(StoreError, match="the WIM cannot be written: No space left on device"):
            _submit_much(writer)
        with pytest.raises(StoreError, match="No space left"):
            writer.flush()


def test_an_image_that_names_a_blob_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        rows = files(writer, {("a",): b"content"})
        rows[1][1].sha1 = b"x" * 20
        with pytest.raises(ValueError, match="which was not stored"):
            writer.finish([Image("user state", rows)])


class Memory:
    """A target that is no file."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        whole = b"".join(buffers)
        self.data.extend(bytes(max(0, offset - len(self.data))))
        self.data[offset : offset + len(whole)] = whole

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def truncate(self, size: int) -> None:
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))


def test_the_target_may_be_anything_that_takes_bytes_at_an_offset() -> None:
    need_codec(Compression.XPRESS)
    memory = Memory()
    with WimWriter(memory) as writer:
        stored = writer.add(TEXT, len(TEXT))
        writer.finish([Image("user state", [ROOT])])
    wim = WimFile(memory)
    assert verify(wim).damage == []
    assert wim.open_blob(stored.sha1).read() == TEXT


def test_leaving_early_ends_at_once_and_leaves_no_wim() -> None:
    need_codec(Compression.LZX)
    memory = Memory()
    with WimWriter(memory, compression=Compression.LZX, level=100) as writer:
        for number in range(4):
            writer.submit([TEXT[number:], NOISE, TEXT], len(TEXT) * 2 + len(NOISE) - number)
    assert memory.data.startswith(INCOMPLETE)


def test_a_ticket_of_a_small_blob_is_asked_after_it_was_handed_on(tmp_path: Path) -> None:
    with writing(tmp_path / "a.wim") as writer:
        ticket = writer.submit(b"content", 7)
        with pytest.raises(RuntimeError, match="comes before"):
            ticket.result()
        writer.hand_on()
        assert ticket.result().size == 7
        assert ticket.done


CONTENTS = st.lists(
    st.tuples(st.sampled_from((0, 1, 7, CHUNK, UNIT // 3, UNIT, UNIT + 1)), st.integers(0, 3)),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(contents=CONTENTS, compression=st.sampled_from(CODECS[:2]))
def test_any_contents_come_back(contents: list[tuple[int, int]], compression: Compression) -> None:
    need_codec(compression)
    memory = Memory()
    with WimWriter(memory, compression=compression, threads=2) as writer:
        blobs = [
            (NOISE[seed : seed + size // 2] + TEXT[seed : seed + size])[:size]
            for size, seed in contents
        ]
        tickets = [writer.submit([blob[:9], blob[9:]], len(blob)) for blob in blobs]
        writer.hand_on()
        hashes = [name_in_metadata(ticket.result()) for ticket in tickets]
        writer.finish([Image("user state", [ROOT])])
    wim = WimFile(memory)
    assert verify(wim).damage == []
    assert [wim.open_blob(sha1).read() for sha1 in hashes] == blobs
    assert len(wim.blobs) == len({blob for blob in blobs if blob})
