"""What is large, deep, tangled or in many pieces is read in time that grows with its size, and no faster."""

from __future__ import annotations

import struct
from time import process_time

import pytest

from extractor.errors import DamagedError
from extractor.filesystems import find, walk
from extractor.filesystems.ntfs import NtfsFilesystem, mft
from extractor.model import BadRange
from extractor.testing import FakeImage
from extractor.volumes import volumes
from tests.filesystems.conftest import content
from tests.filesystems.ntfs import made
from tests.filesystems.ntfs.made import (
    CLUSTER,
    DOS,
    FIRST,
    file_name,
    listed,
    nonresident,
    opened,
    record,
    resident,
    run,
    standard,
    volume_of,
)

SECONDS = 10
"""What is linear takes a tenth of this here; what is quadratic, minutes."""


def fragmented(pieces: int, runs: int) -> tuple[bytearray, bytes]:
    """Return a volume with a file (record 24) of ``pieces * runs`` fragments, every second a hole, and its content."""
    first = 25
    spot = FIRST + first + pieces + 1
    clusters = pieces * runs // 2
    size = pieces * runs * CLUSTER
    entries = [listed(0x10, 24), listed(0x30, 24)]
    records = {}
    for index in range(pieces):
        entries.append(listed(0x80, first + index, index * runs))
        pairs = (
            run(1, spot + index * runs // 2)
            + b"\x01\x01"
            + b"\x11\x01\x01\x01\x01" * (runs // 2 - 1)
        )
        data = nonresident(0x80, pairs, size, lowest=index * runs, count=runs)
        records[first + index] = record(data, base=24 | 1 << 48)
    value = b"".join(entries)
    used = -(-len(value) // CLUSTER)
    where = spot + clusters
    list_of = nonresident(0x20, run(used, where), len(value), count=used)
    records[24] = record(standard(), list_of, file_name("many"))
    whole = volume_of(records, spare=clusters + used + 8)
    whole[where * CLUSTER : where * CLUSTER + len(value)] = value
    held = [bytes([index % 251 + 1]) * CLUSTER for index in range(clusters)]
    whole[spot * CLUSTER : where * CLUSTER] = b"".join(held)
    return whole, b"".join(each + bytes(CLUSTER) for each in held)


def test_a_file_in_more_than_100_000_fragments_is_read_in_linear_time() -> None:
    whole, wanted = fragmented(900, 116)
    started = process_time()
    filesystem = opened(whole)
    entry = find(filesystem, ("many",))
    assert entry is not None
    (stream,) = filesystem.metadata(entry).streams
    assert len(stream.runs) == 900 * 116 > 100_000
    opened_stream = filesystem.open(entry)
    assert len(list(opened_stream.extents())) == 900 * 58
    assert content(opened_stream) == wanted
    assert process_time() - started < SECONDS


def test_a_file_of_which_one_piece_of_many_is_lost_is_damage() -> None:
    whole, _ = fragmented(20, 10)
    whole[(FIRST + 30) * CLUSTER + 510] ^= 0xFF
    filesystem = opened(whole)
    entry = find(filesystem, ("many",))
    assert entry is not None
    with pytest.raises(DamagedError, match="record 30, which holds a part of it, is lost"):
        filesystem.metadata(entry)


def test_a_master_file_table_in_pieces_is_opened_through_its_own_attribute_list() -> None:
    records = {
        24 + n: record(standard(), file_name(f"f{n}"), resident(0x80, b"%d" % n)) for n in range(40)
    }
    half = 32
    entries = listed(0x10, 0) + listed(0x80, 0) + listed(0x80, 15, half)
    first = nonresident(0x80, run(half, FIRST), 64 * 512, count=half)
    second = nonresident(0x80, run(32, FIRST + half + 5), 64 * 512, lowest=half, count=32)
    records[15] = record(second, base=1 << 48)
    whole = volume_of(records, mft=[standard(), resident(0x20, entries), file_name("$MFT"), first])
    begin = (FIRST + half) * CLUSTER
    later = whole[begin : begin + 32 * CLUSTER]
    whole[begin : begin + 32 * CLUSTER] = bytes(len(later))
    whole[begin + 5 * CLUSTER : begin + 5 * CLUSTER + len(later)] = later
    filesystem = opened(whole)
    found = filesystem.children(filesystem.root)
    assert sorted(each.name for each in found) == sorted(f"f{n}" for n in range(40))
    assert {content(filesystem.open(each)) for each in found} == {b"%d" % n for n in range(40)}


def test_a_directory_of_100_000_entries_is_listed_in_linear_time() -> None:
    files = {
        24 + n: record(standard(), file_name(f"{n * 7919 % 100_000:05}.txt"))
        for n in range(100_000)
    }
    whole = volume_of(files)
    started = process_time()
    filesystem = opened(whole)
    listing = filesystem.children(filesystem.root)
    assert [each.name for each in listing] == [f"{n:05}.txt" for n in range(100_000)]
    assert [each.record for each in filesystem.named("00001.TXT")] == [listing[1].record]
    assert all(filesystem.metadata(each).link_count == 1 for each in listing[::1000])
    assert process_time() - started < SECONDS


def test_directories_nested_and_circles_of_them_are_followed_in_linear_time() -> None:
    deep = {
        24 + n: record(
            standard(), file_name("d", 23 + n | 1 << 48 if n else made.ROOT), directory=True
        )
        for n in range(30_000)
    }
    circle = {
        30_024 + n: record(
            standard(), file_name("c", 30_024 + (n + 1) % 30_000 | 1 << 48), directory=True
        )
        for n in range(30_000)
    }
    whole = volume_of(deep | circle)
    started = process_time()
    filesystem = opened(whole)
    assert sum(1 for _ in walk(filesystem, filesystem.root)) == 30_000
    (orphan,) = filesystem.orphans
    assert orphan.parent == 30_024
    assert "is lost" in filesystem.damage[0].reason
    (last,) = filesystem.names(30_023)
    assert filesystem.path(last) == ("d",) * 30_000
    assert process_time() - started < SECONDS


def test_a_file_of_very_many_names_and_streams_is_read_in_linear_time() -> None:
    names = {
        25 + n: record(file_name(f"n{n}a"), file_name(f"n{n}b"), base=24 | 1 << 48)
        for n in range(10_000)
    }
    entries = b"".join(listed(0x30, number) for number in names)
    used = -(-len(entries) // CLUSTER)
    where = FIRST + 25 + len(names) + 1
    list_of = nonresident(0x20, run(used, where), len(entries), count=used)
    whole = volume_of({**names, 24: record(standard(), list_of, file_name("n"))}, spare=used + 8)
    whole[where * CLUSTER : where * CLUSTER + len(entries)] = entries
    started = process_time()
    filesystem = opened(whole)
    for entry in filesystem.names(24)[::7]:
        assert filesystem.metadata(entry).link_count == 20_001
    assert process_time() - started < SECONDS


class Counting(FakeImage):
    """Counts the bytes that are asked for."""

    asked = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked += length
        return super().read_at(offset, length)


def test_bad_sectors_of_the_table_cost_their_records_and_few_further_reads() -> None:
    files = {24 + n: record(standard(), file_name(f"f{n}")) for n in range(5000)}
    whole = bytes(volume_of(files))
    bad = [BadRange((FIRST + number) * CLUSTER, 512, "bad sector") for number in (1000, 1001, 4444)]
    image = Counting(whole, bad=bad)
    (volume,) = volumes([image])
    image.asked = 0
    filesystem = NtfsFilesystem(volume)
    assert {each.record for each in filesystem.damage[:-1]} == {1000, 1001, 4444}
    assert len(filesystem.children(filesystem.root)) == 4997
    assert image.asked < 12 * len(whole)


def test_a_dos_name_joins_the_long_name_of_its_own_directory() -> None:
    folder = record(standard(), file_name("folder"), directory=True)
    inside = 24 | 1 << 48
    file = record(
        standard(),
        file_name("LONGNA~1", namespace=DOS),
        file_name("long name"),
        file_name("other", inside),
    )
    filesystem = opened(volume_of({24: folder, 25: file}))
    names = {each.name: each.short_name for each in filesystem.names(25)}
    assert names == {"long name": "LONGNA~1", "other": ""}
    alone = record(standard(), file_name("ALONE", namespace=DOS))
    filesystem = opened(volume_of({24: alone}))
    assert [each.name for each in filesystem.names(24)] == ["ALONE"]


@pytest.mark.parametrize("size", [512, 1024, 2048, 4096])
def test_records_of_any_size_are_read(size: int) -> None:
    filler = resident(0x100, bytes(size - 420), "$TXF_DATA")
    files = {24 + n: record(standard(), file_name(f"f{n}"), filler, size=size) for n in range(50)}
    last = record(standard(), file_name("last"), filler, resident(0x80, b"the end"), size=size)
    filesystem = opened(volume_of({**files, 74: last}, size=size))
    assert len(filesystem.children(filesystem.root)) == 51
    (entry,) = filesystem.named("LAST")
    assert content(filesystem.open(entry)) == b"the end"


def test_a_negative_size_is_damage_either_way() -> None:
    data = bytearray(nonresident(0x80, run(1, 1), 100))
    struct.pack_into("<q", data, 48, -1)
    filesystem = opened(volume_of({24: record(standard(), file_name("f"), bytes(data))}))
    (entry,) = filesystem.named("f")
    with pytest.raises(DamagedError, match="negative size"):
        filesystem.metadata(entry)


def test_a_table_of_more_records_than_any_volume_has_is_read_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mft, "RECORDS", 30)
    files = {24 + n: record(standard(), file_name(f"f{n}")) for n in range(50)}
    filesystem = opened(volume_of(files))
    assert len(filesystem.children(filesystem.root)) == 6
    assert "claims 74 records, the first 30 were read" in filesystem.damage[0].reason


def test_a_resident_file_beside_a_bad_sector_of_the_table_is_read() -> None:
    files = {
        24 + n: record(standard(), file_name(f"f{n}"), resident(0x80, b"%d" % n)) for n in range(40)
    }
    bad = [BadRange((FIRST + 40) * CLUSTER, 512, "bad sector")]
    filesystem = opened(volume_of(files), bad=bad)
    found = filesystem.children(filesystem.root)
    assert {content(filesystem.open(each)) for each in found} == {
        b"%d" % n for n in range(40) if n != 16
    }
