"""What is read at once, with numpy, equals what is read record by record: entries, damage, metadata, content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, SourceError
from extractor.filesystems.ntfs import NtfsFilesystem, columns, names, plain, slices, table
from extractor.filesystems.ntfs.frozen import constructor
from extractor.model import Entry, Times
from extractor.seams import Volume
from extractor.testing import FakeImage
from extractor.volumes import volumes
from sample_images.unpack import sums
from tests.filesystems.conftest import Spoilt, ntfs_volumes, sample
from tests.filesystems.ntfs.made import file_name, opened, record, resident, standard, volume_of

SAMPLES = sorted({file.split("/")[0] for file in sums() if file.split("/")[1] == "raw"})


@contextmanager
def one_by_one() -> Iterator[None]:
    """Take every record for an odd one, so that ``records`` and ``file`` alone read the volume."""
    with pytest.MonkeyPatch.context() as patch:
        blank = slices.parse_slice
        patch.setattr(table, "parse_slice", lambda raw, size: blank(bytes(len(raw)), size))
        yield


def slowly(volume: Volume) -> NtfsFilesystem:
    with one_by_one():
        return NtfsFilesystem(volume)


def everything(filesystem: NtfsFilesystem) -> list[Entry]:
    files = range(len(filesystem._table.files))
    return [entry for record in files for entry in filesystem.names(record)]


def told(filesystem: NtfsFilesystem, entry: Entry) -> list[object]:
    """Return the metadata of an entry and the beginning and end of each of its streams, or why there is none."""
    found: list[object] = []
    try:
        metadata = filesystem.metadata(entry)
        found.append(metadata)
        for stream in metadata.streams:
            opened = filesystem.open(entry, stream.name)
            found += [opened.size, list(opened.extents())[:100]]
            found += [opened.read_at(0, 70_000), opened.read_at(max(opened.size - 5000, 0), 5000)]
    except SourceError as error:
        found.append((type(error), str(error)))
    return found


def check_equal(fast: NtfsFilesystem, slow: NtfsFilesystem, only: Sequence[int] = ()) -> None:
    assert fast.damage == slow.damage
    assert fast.orphans == slow.orphans
    entries = everything(fast)
    assert entries == everything(slow)
    for entry in entries:
        assert fast.path(entry) == slow.path(entry)
        assert fast.children(entry) == slow.children(entry)
        if not only or entry.record in only:
            assert told(fast, entry) == told(slow, entry)


def plain_files(filesystem: NtfsFilesystem) -> int:
    return int((filesystem._table.files["state"] & columns.PLAIN != 0).sum())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_file_of_a_sample_is_the_same_either_way(name: str) -> None:
    for volume in ntfs_volumes(sample(name)):
        fast, slow = NtfsFilesystem(volume), slowly(volume)
        assert plain_files(fast) > len(everything(fast)) // 2
        assert plain_files(slow) == 0
        check_equal(fast, slow)
        for each in {entry.name for entry in everything(slow)}:
            assert fast.named(each) == slow.named(each)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, 240),
    st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_a_record_with_changed_bytes_is_the_same_either_way(
    record: int, writes: list[tuple[int, int]]
) -> None:
    spoilt = Spoilt(bytearray(sample("solo")))
    for offset, value in writes:
        spoilt.write(record, offset, bytes([value]))
    try:
        fast = spoilt.open()
    except SourceError as error:
        with one_by_one(), pytest.raises(type(error)):
            spoilt.open()
        return
    with one_by_one():
        slow = spoilt.open()
    check_equal(fast, slow, [record, 5])


def test_rows_are_unpacked_as_numpy_lays_them_out() -> None:
    assert plain.FILE_ROW.size == columns.FILE.itemsize
    assert plain.NAME_ROW.size == columns.NAME.itemsize
    assert plain.STREAM_ROW.size == columns.STREAM.itemsize
    assert columns.FILE.fields is not None
    assert columns.NAME.fields is not None
    assert names.FILE_HEAD.size == columns.FILE.fields["links"][1] + 4
    assert names.NAME_HEAD.size == columns.NAME.fields["units"][1] + 1


def test_what_a_quick_constructor_makes_is_frozen_and_equal_to_the_ordinary() -> None:
    made = constructor(Times)(1, 2, 3, 4)
    assert made == Times(1, 2, 3, 4)
    assert type(made) is Times
    assert hash(made) == hash(Times(1, 2, 3, 4))
    with pytest.raises(FrozenInstanceError):
        made.created = 5  # type: ignore[misc]


def test_descriptors_for_which_there_is_no_room_are_read_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = volume_of(
        {
            24 + n: record(standard(), file_name(f"f{n}"), resident(0x50, b"%04d" % n * 25))
            for n in range(40)
        }
    )
    fast = opened(whole)
    monkeypatch.setattr(table, "DESCRIPTORS", 1000)
    less = opened(whole)
    assert plain_files(less) == plain_files(fast) - 30
    check_equal(fast, less)


def test_a_resident_stream_that_can_no_longer_be_read_is_damage_when_it_is_read() -> None:
    class Failing(FakeImage):
        failing = False

        def read_at(self, offset: int, length: int) -> bytes:
            if self.failing:
                raise DamagedError("bad sector")
            return super().read_at(offset, length)

    image = Failing(
        bytes(volume_of({24: record(standard(), file_name("f"), resident(0x80, b"x"))}))
    )
    (volume,) = volumes([image])
    filesystem = NtfsFilesystem(volume)
    (entry,) = filesystem.named("f")
    stream = filesystem.open(entry)
    assert (stream.size, list(stream.extents())) == (1, [(0, 1)])
    image.failing = True
    with pytest.raises(DamagedError, match="bad sector"):
        stream.read_at(0, 1)
