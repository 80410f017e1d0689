"""The space that a store takes: holes stay holes, what is compressed on the volume does not stay compressed."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from extractor.errors import EstimateFileError
from extractor.model import Entry, Metadata, ObjectKind, Selected, StreamInfo, Times, WinPath
from extractor.report.estimate import estimate, space_needed, write_estimate


def selected(*streams: StreamInfo) -> Selected:
    metadata = Metadata(0x20, Times(), streams=streams)
    entry = Entry(64, 1, 5, "a", directory=False)
    path = WinPath("C:", ("a",))
    return Selected(ObjectKind.FILE, path, "V", entry, metadata, "", chosen=True)


@pytest.mark.parametrize(
    ("stream", "space"),
    [
        (StreamInfo("", 5000, allocated=8192), 5000),
        (StreamInfo("", 100, resident=True), 100),
        (StreamInfo("", 1 << 40, allocated=4096, sparse=True), 4096),
        (StreamInfo("", 9000, allocated=12288, sparse=True), 9000),
        (StreamInfo("", 60000, allocated=4096, compressed=True), 60000),
        (StreamInfo("", 1 << 50, allocated=4096, compressed=True), 16 * 4096),
        (StreamInfo("", 1 << 20, allocated=0, wof="LZX"), 1 << 20),
    ],
)
def test_a_stream_takes_what_is_written_of_it(stream: StreamInfo, space: int) -> None:
    assert space_needed(selected(stream)) == space


def test_an_estimate_counts_whole_clusters_of_every_size() -> None:
    found = estimate([selected(StreamInfo("", 5000), StreamInfo("ads", 1))])
    assert found.size(512) == 5120 + 512
    assert found.size(4096) == 8192 + 4096
    assert found.size(65536) == 2 * 65536


def test_the_estimate_is_usmt_xml_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "estimate.xml"
    write_estimate(path, estimate([selected(StreamInfo("", 5000))]))
    tree = etree.parse(path)
    assert tree.xpath("string(/PreMigration/storeSize/size[@clusterSize=4096])") == "8192"
    assert tree.xpath("count(/PreMigration/temporarySpace/size)") == 1
    with pytest.raises(EstimateFileError):
        write_estimate(path, estimate([]))
