"""What the reader says of the sample volumes is what their contents.toml says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from extractor.errors import UnsupportedError
from extractor.filesystems import find, walk
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import Entry as Found
from extractor.model import Times
from sample_images import contents_of
from sample_images.unpack import sums
from tests.filesystems.conftest import content, ntfs_volumes, sample

if TYPE_CHECKING:
    from sample_images.contents import Entry

SAMPLES = sorted({file.split("/")[0] for file in sums() if file.split("/")[1] == "raw"})
DOCUMENTS = ("Users", "anna", "Documents")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entries_of(name: str) -> list[tuple[NtfsFilesystem, list[Entry]]]:
    wanted = [v for v in contents_of(name).volumes if v.kind == "ntfs"]
    volumes = ntfs_volumes(sample(name))
    return [
        (NtfsFilesystem(volume), list(truth.entries))
        for volume, truth in zip(volumes, wanted, strict=True)
    ]


def exact(filesystem: NtfsFilesystem) -> dict[tuple[str, ...], Found]:
    return {filesystem.path(each): each for each in walk(filesystem, filesystem.root)}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_name_is_listed_and_nothing_is_damaged(name: str) -> None:
    for filesystem, wanted in entries_of(name):
        assert {each.path for each in wanted} - {()} <= exact(filesystem).keys()
        assert filesystem.damage == ()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_file_and_stream_has_the_bytes_that_windows_would_read(name: str) -> None:
    checked = 0
    for filesystem, wanted in entries_of(name):
        found = exact(filesystem)
        for entry in wanted:
            streams = [*entry.streams]
            if entry.kind == "file":
                streams.append(("", entry.recipe))
            for stream, recipe in streams:
                if recipe.sha256 and not entry.cloud:
                    data = filesystem.open(found[entry.path], stream)
                    assert digest(content(data)) == recipe.sha256, entry.path
                    checked += 1
    assert checked > 5


def test_streams_are_listed_with_their_names(solo: NtfsFilesystem) -> None:
    report = find(solo, (*DOCUMENTS, "report.docx"))
    assert report is not None
    names = [each.name for each in solo.metadata(report).streams]
    assert names == ["", "Zone.Identifier", "big", "имя 流"]


def test_times_are_exact_to_100_nanoseconds(solo: NtfsFilesystem) -> None:
    for entry in contents_of("solo").volumes[0].entries:
        if entry.times:
            created, written, accessed, changed = entry.times
            found = find(solo, entry.path)
            assert found is not None
            assert solo.metadata(found).times == Times(created, written, changed, accessed)


def test_hard_links_are_entries_of_one_record_with_their_own_names(solo: NtfsFilesystem) -> None:
    first = find(solo, (*DOCUMENTS, "links", "first name.txt"))
    assert first is not None
    assert sorted(each.name for each in solo.names(first.record)) == [
        "first name.txt", "second name.txt", "third name.txt",
    ]  # fmt: skip
    assert solo.metadata(first).link_count == 3


def test_links_tell_where_they_lead_and_have_no_children(solo: NtfsFilesystem) -> None:
    for entry in contents_of("solo").volumes[0].entries:
        if entry.kind in ("junction", "symlink"):
            found = exact(solo)[entry.path]
            reparse = solo.metadata(found).reparse
            assert reparse is not None
            assert reparse.target == entry.target
            assert list(solo.children(found)) == []


def test_an_overlaid_file_looks_like_an_ordinary_one(solo: NtfsFilesystem) -> None:
    for name, algorithm in (
        ("xpress4k.txt", "XPRESS4K"), ("xpress8k.txt", "XPRESS8K"),
        ("xpress16k.txt", "XPRESS16K"), ("lzx.txt", "LZX"),
    ):  # fmt: skip
        found = find(solo, (*DOCUMENTS, "wof", name))
        assert found is not None
        assert found.reparse_tag == 0
        metadata = solo.metadata(found)
        (stream,) = metadata.streams
        assert stream.wof == algorithm
        assert stream.allocated < stream.size
        assert metadata.reparse is None
        assert metadata.attributes & 0x600 == 0


def test_a_file_that_is_only_in_the_cloud_is_refused_never_read_as_zeros(
    solo: NtfsFilesystem,
) -> None:
    found = find(solo, ("Users", "anna", "OneDrive", "only in the cloud.pptx"))
    assert found is not None
    with pytest.raises(UnsupportedError, match="cloud-only"):
        solo.open(found)


def test_a_reader_of_part_of_a_file_gets_that_part(solo: NtfsFilesystem) -> None:
    for name in ("wof\\lzx.txt", "compressed\\mixed.bin", "valid data\\half.bin", "report.docx"):
        found = find(solo, (*DOCUMENTS, *name.split("\\")))
        assert found is not None
        stream = solo.open(found)
        whole = content(stream)
        for offset in (0, 1, 4095, 4096, 32767, 65537, stream.size - 1, stream.size, 1 << 40):
            for length in (0, 1, 4097, 70000):
                assert stream.read_at(offset, length) == whole[offset : offset + length]
        held = bytearray(stream.size)
        for offset, length in stream.extents():
            held[offset : offset + length] = whole[offset : offset + length]
        assert held == whole


def test_case_twins_are_different_files(solo: NtfsFilesystem) -> None:
    folder = find(solo, (*DOCUMENTS, "case twins"))
    assert folder is not None
    twins = solo.children(folder)
    assert len({each.record for each in twins}) == len(twins) == 3
    assert len({content(solo.open(each)) for each in twins}) == 3


def test_metafiles_are_kept_by_name_and_not_listed_in_the_root(solo: NtfsFilesystem) -> None:
    listed = {each.name for each in solo.children(solo.root)}
    assert "$MFT" not in listed
    assert "$Extend" not in listed
    (mft,) = solo.named("$mft")
    assert mft.record == 0
    assert solo.path(mft) == ("$MFT",)
