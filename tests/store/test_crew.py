"""Processes that copy for a store: the same store, in the same order, and every failure with its object."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from extractor.errors import DamagedError, SourceError, StoreError
from extractor.gather.files import FileGatherer
from extractor.model import Record
from extractor.seams import ZEROS, Captured, Piece
from extractor.store.crew import Crew
from extractor.store.directory import DirectoryStore
from extractor.store.hand import Part
from extractor.store.manifest import manifest_path, read_manifest
from extractor.store.tree import open_tree
from extractor.store.verify import verify_store
from extractor.testing import FakeFile, FakeFilesystem, FakeStream
from tests.store.build import add, selections, store_all
from tests.store.test_directory import HoleyStream, captured


class MappedStream(FakeStream):
    """A stream whose bytes lie in a file of the host."""

    def __init__(self, content: bytes, descriptor: int, at: int) -> None:
        super().__init__(content)
        self._place = descriptor, at

    def pieces(self, offset: int, length: int) -> Sequence[Piece]:
        descriptor, at = self._place
        half = length // 2
        return [
            Piece(descriptor, at + offset, half),
            Piece(descriptor, at + offset + half, length - half),
        ]

    def read_at(self, offset: int, length: int) -> bytes:
        raise AssertionError("its bytes need not be read here")


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    root = tmp_path / "root"
    root.mkdir()
    with open_tree(root) as tree:
        made = Crew(tree, root, alone=0)
        yield made
        made.close()


def silent(_: int) -> None:
    """Nobody asks how far it is."""


def made_for_good(crew: Crew, parts: tuple[str, ...]) -> None:
    crew.make_directory(parts)
    crew.finish()


def content_of(number: int) -> bytes:
    return random.Random(number).randbytes(number * 997 % 40_000)


def volume(count: int) -> FakeFilesystem:
    """Return files in folders, some with streams, one larger than a packet."""
    files = {
        f"d{number % 7}\\{number}.bin": FakeFile(
            content_of(number), streams={"s": b"ads %d" % number} if number % 5 == 0 else {}
        )
        for number in range(count)
    }
    return FakeFilesystem({**files, "big.bin": FakeFile(bytes(range(256)) * 20_000), "empty": None})


def test_the_store_is_the_same_whoever_copies(tmp_path: Path) -> None:
    lines = []
    for name, alone in (("alone", 1 << 40), ("crew", 0)):
        with DirectoryStore(tmp_path / name, alone=alone) as store:
            files = volume(500)
            records, _ = store_all(store, files, selections(files))
        assert verify_store(tmp_path / name, lambda _: None).intact
        lines.append((manifest_path(tmp_path / name).read_bytes(), [each.path for each in records]))
    assert lines[0] == lines[1]


def test_outcomes_come_in_the_order_of_the_objects(tmp_path: Path) -> None:
    files = volume(300)
    items = list(FileGatherer().gather(selections(files), {files.info.id: files}))
    with DirectoryStore(tmp_path, alone=0) as store:
        found = [item for item, _ in store.add_all(items, lambda *_: None)]
    assert found == items


def test_a_stream_that_lies_in_a_file_is_copied_from_there(tmp_path: Path, crew: Crew) -> None:
    source = tmp_path / "image"
    content = random.Random(1).randbytes(3 << 20)
    source.write_bytes(b"head" + content)
    told: list[int] = []
    with source.open("rb") as file:
        parts: list[Part] = [
            Piece(file.fileno(), 4, 1 << 20),
            Piece(ZEROS, 0, 5 << 20),
            Piece(file.fileno(), 4, 17),
            b"end",
        ]
        ticket = crew.copy(("a", "b"), parts, (6 << 20) + 20, 10**18, told.append)
        digest = crew.wait(ticket)
    expected = content[: 1 << 20] + bytes(5 << 20) + content[:17] + b"end"
    stored = tmp_path / "root/a/b"
    assert stored.read_bytes() == expected
    assert digest == hashlib.sha256(expected).hexdigest()
    assert sum(told) == len(expected)
    assert stored.stat().st_mtime_ns == 10**18
    assert stored.stat().st_blocks * 512 < 2 << 20


def test_a_mapped_stream_of_a_store_is_never_read_by_it(tmp_path: Path) -> None:
    source = tmp_path / "image"
    source.write_bytes(b"....content of a file")
    with source.open("rb") as file, DirectoryStore(tmp_path / "store", alone=0) as store:
        stream = MappedStream(b"content of a file", file.fileno(), 4)
        record = add(store, captured(stream, 17))
        store.finish({}, {})
    assert record.sha256 == hashlib.sha256(b"content of a file").hexdigest()
    assert (tmp_path / "store/USMT" / record.stored_as).read_bytes() == b"content of a file"


def test_bytes_that_the_image_lost_are_damage_of_that_file_alone(
    tmp_path: Path, crew: Crew
) -> None:
    source = tmp_path / "image"
    source.write_bytes(bytes(1000))
    with source.open("rb") as file:
        bad = crew.copy(("bad",), [Piece(file.fileno(), 900, 200)], 200, None, silent)
        good = crew.copy(("good",), [Piece(file.fileno(), 0, 1000)], 1000, None, silent)
        with pytest.raises(DamagedError, match="the image ends at byte 1000"):
            crew.wait(bad)
        crew.wait(good)
    assert [each.name for each in (tmp_path / "root").iterdir()] == ["good"]


def test_a_stream_that_breaks_while_it_is_sent_leaves_nothing(tmp_path: Path, crew: Crew) -> None:
    def breaking() -> Iterator[bytes]:
        yield bytes(1 << 20)
        raise DamagedError("bad sector")

    with pytest.raises(DamagedError, match="bad sector"):
        crew.copy(("bad",), breaking(), 2 << 20, None, silent)
    crew.wait(crew.copy(("good",), [b"1"], 1, None, silent))
    crew.finish()
    assert [each.name for each in (tmp_path / "root").iterdir()] == ["good"]


def test_a_file_that_cannot_be_made_ends_the_run_with_a_sentence(
    tmp_path: Path, crew: Crew
) -> None:
    (tmp_path / "root/taken").write_bytes(b"")
    with pytest.raises(StoreError, match="the store cannot be written: File exists"):
        crew.wait(crew.copy(("taken",), [b"1"], 1, None, silent))
    with pytest.raises(StoreError, match="the store cannot be written: Not a directory"):
        made_for_good(crew, ("taken", "below"))


def test_a_process_that_dies_ends_the_run_with_a_sentence(tmp_path: Path, crew: Crew) -> None:
    crew.wait(crew.copy(("first",), [b"1"], 1, None, silent))
    for hand in crew._hands:
        os.kill(hand.process.pid, signal.SIGKILL)
        hand.process.wait()
    with pytest.raises(StoreError, match="a process that writes the store ended with code -9"):
        crew.wait(crew.copy(("second",), [b"1"], 1, None, silent))


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extractor.store.writer.WINDOW", 1024)
    files = volume(3000)
    chosen = FileGatherer().gather(selections(files), {files.info.id: files})
    ahead = most = 0

    def counted() -> Iterator[Captured]:
        nonlocal ahead, most
        for each in chosen:
            ahead += 1
            most = max(most, ahead)
            yield each

    outcomes: list[Record | SourceError] = []
    with DirectoryStore(tmp_path, alone=0) as store:
        for _, outcome in store.add_all(counted(), lambda *_: None):
            ahead -= 1
            outcomes.append(outcome)
    assert len(outcomes) == len(selections(files))
    assert most <= 1026


def test_a_hard_link_of_a_file_still_under_way_is_a_hard_link(tmp_path: Path) -> None:
    files = FakeFilesystem({"a": FakeFile(bytes(3 << 20)), "b": b""})
    one, _ = selections(files)
    second = type(one)(
        one.kind, one.path.parent / "z", one.volume, one.entry, one.metadata, "", chosen=True
    )
    names = (str(one.path), str(second.path))
    opener = partial(files.open, one.entry)
    items = [Captured(one, opener, links=names), Captured(second, opener, links=names)]
    with DirectoryStore(tmp_path, alone=0) as store:
        outcomes = [outcome for _, outcome in store.add_all(items, lambda *_: None)]
        store.finish({}, {})
    assert all(isinstance(each, Record) for each in outcomes)
    place = tmp_path / "USMT/File/C$"
    assert (place / "a").stat().st_ino == (place / "z").stat().st_ino


def test_eight_tebibytes_of_almost_nothing_are_stored_as_a_hole(tmp_path: Path) -> None:
    huge = HoleyStream(8 << 40, {4 << 40: b"here"})
    with DirectoryStore(tmp_path, sparse_limit=16 << 40, alone=0) as store:
        record = add(store, captured(huge, 8 << 40))
        store.finish({}, {})
    stored = tmp_path / "USMT" / record.stored_as
    assert stored.stat().st_size == 8 << 40
    assert stored.stat().st_blocks * 512 < 1 << 20
    assert record.sha256.startswith("holes-")
    _, line, _ = read_manifest(tmp_path)
    assert line["sha256"] == record.sha256
    assert verify_store(tmp_path, lambda _: None).intact
    with stored.open("r+b") as file:
        file.seek(4 << 40)
        file.write(b"lost")
    assert not verify_store(tmp_path, lambda _: None).intact
