"""A damaged volume: everything that is whole is read, everything that is not is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.errors import DamagedError, EncryptedError, ImageError, SourceError, UnsupportedError
from extractor.filesystems import find, walk
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import BadRange, Entry
from tests.filesystems.conftest import Spoilt, content, paths, sample

if TYPE_CHECKING:
    from extractor.model import Damage

DOCUMENTS = ("Users", "anna", "Documents")
DIRECTORY_INDEX = b"INDX"


def record_of(filesystem: NtfsFilesystem, *parts: str) -> int:
    found = find(filesystem, parts)
    assert found is not None
    return found.record


def damage_of(filesystem: NtfsFilesystem, record: int) -> Damage:
    (only,) = [each for each in filesystem.damage if each.record == record]
    return only


def listing(filesystem: NtfsFilesystem) -> set[str]:
    return set(paths(filesystem, list(walk(filesystem, filesystem.root))))


def test_a_torn_record_is_named_with_its_name_and_the_rest_is_read(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    record = record_of(solo, *DOCUMENTS, "report.docx")
    spoilt.write(record, 510, b"\xaa\xbb")
    filesystem = spoilt.open()
    lost = damage_of(filesystem, record)
    assert "torn" in lost.reason
    assert lost.name == "report.docx"
    assert lost.parent == record_of(solo, *DOCUMENTS)
    assert listing(solo) - listing(filesystem) == {"Users\\anna\\Documents\\report.docx"}


@pytest.mark.parametrize("mark", [b"BAAD", b"\0\0\0\0", b"what"])
def test_a_record_that_is_none_is_damage_when_the_bitmap_has_it_in_use(
    solo: NtfsFilesystem, spoilt: Spoilt, mark: bytes
) -> None:
    record = record_of(solo, *DOCUMENTS, "report.docx")
    spoilt.write(record, 0, mark)
    assert "not a file record" in damage_of(spoilt.open(), record).reason


def test_a_lost_directory_leaves_orphans_that_are_named_and_can_be_read(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    record = record_of(solo, *DOCUMENTS)
    spoilt.write(record, 0, bytes(1024))
    filesystem = spoilt.open()
    orphans = {each.name: each for each in filesystem.orphans}
    assert {"report.docx", "wof"} <= orphans.keys()
    report = orphans["report.docx"]
    assert filesystem.path(report) == ("$OrphanFiles", str(record), "report.docx")
    assert content(filesystem.open(report)) == content(solo.open(report))
    assert "its content is whole" in damage_of(filesystem, report.record).reason
    below = [filesystem.path(each) for each in walk(filesystem, orphans["wof"])]
    assert ("$OrphanFiles", str(record), "wof", "lzx.txt") in below


def test_a_directory_reused_since_does_not_adopt_files_of_the_old_one(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    record = record_of(solo, *DOCUMENTS, "wof")
    sequence = solo.names(record)[0].sequence
    spoilt.write(record, 16, (sequence + 1).to_bytes(2, "little"))
    filesystem = spoilt.open()
    assert {each.name for each in filesystem.orphans} >= {"lzx.txt", "xpress4k.txt"}


def test_an_orphan_is_not_put_into_what_has_the_record_of_its_directory_now(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    lost = record_of(solo, *DOCUMENTS)
    other = record_of(solo, *DOCUMENTS, "report.docx")
    start = spoilt.place(other)
    spoilt.write(lost, 0, bytes(spoilt.content[start : start + 1024]))
    orphan = damage_of(spoilt.open(), record_of(solo, *DOCUMENTS, "wof"))
    assert f"file record {lost}" in orphan.reason
    assert orphan.parent == -1


def test_a_wrong_sequence_number_of_the_root_loses_no_file(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    spoilt.write(5, 16, b"\x09\x00")
    filesystem = spoilt.open()
    assert listing(filesystem) == listing(solo)
    assert filesystem.damage == ()


def test_a_size_that_its_clusters_do_not_bear_out_is_damage_of_that_file_alone(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    entry = find(solo, (*DOCUMENTS, "report.docx"))
    assert entry is not None
    at = spoilt.attribute(entry.record, 0x80)
    spoilt.write(entry.record, at + 48, (1 << 55).to_bytes(8, "little"))
    with pytest.raises(DamagedError, match="shorter than its"):
        spoilt.open().metadata(entry)


def test_a_lost_index_loses_no_file(solo: NtfsFilesystem, spoilt: Spoilt) -> None:
    place = spoilt.content.find(DIRECTORY_INDEX)
    assert place > 0
    while place >= 0:
        spoilt.content[place : place + 4096] = bytes(4096)
        place = spoilt.content.find(DIRECTORY_INDEX)
    filesystem = spoilt.open()
    assert listing(filesystem) == listing(solo)
    assert filesystem.damage == ()


def test_the_root_record_lost_loses_no_file(solo: NtfsFilesystem, spoilt: Spoilt) -> None:
    spoilt.write(5, 0, bytes(1024))
    assert listing(spoilt.open()) == listing(solo)


def test_record_0_lost_is_taken_from_the_mirror(solo: NtfsFilesystem, spoilt: Spoilt) -> None:
    spoilt.write(0, 0, bytes(1024))
    filesystem = spoilt.open()
    assert listing(filesystem) == listing(solo)
    assert any("MFTMirr" in each.reason for each in filesystem.damage)


def test_the_boot_sector_lost_is_taken_from_the_last_sector(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    spoilt.content[:512] = bytes(512)
    assert listing(spoilt.open()) == listing(solo)


def test_both_copies_of_record_0_lost_is_one_clear_error(spoilt: Spoilt) -> None:
    volume_name = spoilt.content.find(b"FILE0")
    while volume_name >= 0:
        spoilt.content[volume_name : volume_name + 4] = b"gone"
        volume_name = spoilt.content.find(b"FILE0")
    with pytest.raises(ImageError, match="master file table cannot be opened"):
        spoilt.open()


def test_a_bad_sector_in_the_mft_costs_only_the_records_in_it(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    record = record_of(solo, *DOCUMENTS, "report.docx")
    filesystem = spoilt.open(bad=[BadRange(spoilt.place(record), 512, "bad sector")])
    assert "bad sector" in damage_of(filesystem, record).reason
    assert len(listing(solo) - listing(filesystem)) == 1


def test_a_bad_sector_in_a_file_is_an_error_never_zeros(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    report = find(solo, (*DOCUMENTS, "report.docx"))
    assert report is not None
    place = solo.metadata(report).streams[0].runs[0].offset
    assert place is not None
    stream = spoilt.open(bad=[BadRange(place + 4096, 512, "bad sector")]).open(report)
    assert stream.read_at(0, 4096) == solo.open(report).read_at(0, 4096)
    with pytest.raises(DamagedError, match="bad sector"):
        stream.read_at(4000, 200)


def test_a_lost_secure_file_is_told_and_files_are_still_read(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    spoilt.write(9, 0, bytes(1024))
    filesystem = spoilt.open()
    assert any("descriptors" in each.reason for each in filesystem.damage)
    report = find(filesystem, (*DOCUMENTS, "report.docx"))
    assert report is not None
    assert content(filesystem.open(report)) == content(solo.open(report))


def test_a_mft_that_claims_more_than_there_is_ends_where_the_volume_ends(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    for kind in (0, spoilt.attribute(0, 0x80) + 48, spoilt.attribute(0, 0x80) + 56):
        if kind:
            spoilt.write(0, kind, (1 << 50).to_bytes(8, "little"))
    filesystem = spoilt.open()
    assert listing(filesystem) == listing(solo)
    assert any("claims" in each.reason for each in filesystem.damage)


def test_clusters_outside_the_volume_are_an_error(solo: NtfsFilesystem, spoilt: Spoilt) -> None:
    report = find(solo, (*DOCUMENTS, "report.docx"))
    assert report is not None
    data = spoilt.attribute(report.record, 0x80)
    spoilt.write(report.record, data + 0x40, bytes.fromhex("41 20 00 00 00 7f 00"))
    with pytest.raises(DamagedError, match="outside"):
        content(spoilt.open().open(report))


@pytest.mark.parametrize(
    ("tag", "reason"), [(0x80000013, "deduplicated"), (0x9000001A, "cloud-only")]
)
def test_content_that_lies_elsewhere_is_refused(
    solo: NtfsFilesystem, spoilt: Spoilt, tag: int, reason: str
) -> None:
    cloud = find(solo, ("Users", "anna", "OneDrive", "only in the cloud.pptx"))
    assert cloud is not None
    place = spoilt.attribute(cloud.record, 0xC0) + 24
    spoilt.write(cloud.record, place, tag.to_bytes(4, "little"))
    with pytest.raises(UnsupportedError, match=reason):
        spoilt.open().open(cloud)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(24, 240),
    st.lists(
        st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=16)), min_size=1, max_size=6
    ),
)
def test_random_bytes_in_a_record_raise_nothing_but_our_errors(
    record: int, writes: list[tuple[int, bytes]]
) -> None:
    spoilt = Spoilt(bytearray(sample("solo")))
    for offset, data in writes:
        spoilt.write(record, offset, data[: 510 - offset])
    filesystem = spoilt.open()
    for entry in (*filesystem.names(record), *filesystem.orphans):
        read_all(filesystem, entry)


def read_all(filesystem: NtfsFilesystem, entry: Entry) -> None:
    filesystem.path(entry)
    try:
        for stream in filesystem.metadata(entry).streams:
            opened = filesystem.open(entry, stream.name)
            for offset, length in opened.extents():
                opened.read_at(offset, min(length, 1 << 20))
    except SourceError as error:
        assert str(error)  # noqa: PT017  any of ours will do, none may be empty


def test_an_encrypted_file_is_refused_and_says_so(solo: NtfsFilesystem, spoilt: Spoilt) -> None:
    report = find(solo, (*DOCUMENTS, "report.docx"))
    assert report is not None
    flags = spoilt.attribute(report.record, 0x80) + 12
    spoilt.write(report.record, flags, (0x4000).to_bytes(2, "little"))
    filesystem = spoilt.open()
    assert filesystem.metadata(report).streams[0].encrypted
    with pytest.raises(EncryptedError, match="EFS"):
        filesystem.open(report)
    assert content(filesystem.open(report, "big")) == content(solo.open(report, "big"))


def test_a_file_with_a_lost_extension_record_is_refused_whole(
    solo: NtfsFilesystem, spoilt: Spoilt
) -> None:
    extension = next(iter(solo._table.extensions.items()))
    base, (number, *_) = extension
    spoilt.write(number, 510, b"\xaa\xbb")
    filesystem = spoilt.open()
    assert "torn" in damage_of(filesystem, number).reason
    for entry in filesystem.names(base & (1 << 48) - 1):
        with pytest.raises(DamagedError, match=f"record {number}"):
            filesystem.metadata(entry)
