"""Two readers of every volume at hand agree, or each difference is one that is understood (issue 2, Shows 5)."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from extractor.errors import ImageError
from extractor.filesystems import walk
from extractor.filesystems.compare import Difference, compare
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.filesystems.tsk import TskFilesystem
from extractor.testing import FakeFilesystem
from sample_images.unpack import sums
from tests.filesystems.conftest import ntfs_volumes, sample

if TYPE_CHECKING:
    from pathlib import Path

    from extractor.seams import Volume

SAMPLES = sorted({file.split("/")[0] for file in sums() if file.split("/")[1] == "raw"})
STRANGERS = [
    "ntfs/ntfs-lastaccess.raw.gz", "ntfs/ntfs-ramslack.raw.gz", "ntfs/ntfs.raw.xz",
    "ntfs/ntfs_img.dd.xz", "ntfs/testfs1.xz", "vss/vss.raw.xz",
]  # fmt: skip


def compared(volume: Volume) -> tuple[int, list[Difference]]:
    first = NtfsFilesystem(volume)
    with closing(TskFilesystem(volume)) as second:
        return sum(1 for _ in walk(first, first.root)), compare(first, second)


@pytest.mark.parametrize("name", SAMPLES)
def test_both_readers_agree_on_a_sample_volume_or_the_reason_is_known(name: str) -> None:
    for volume in ntfs_volumes(sample(name)):
        entries, differences = compared(volume)
        assert entries > 10
        assert [each for each in differences if not each.reason] == []


def test_the_differences_on_solo_are_the_overlaid_files_and_the_one_in_the_cloud() -> None:
    _, differences = compared(ntfs_volumes(sample("solo"))[0])
    assert Counter(each.what for each in differences) == {"streams": 5, "content": 6}
    assert sum("cloud-only" in each.reason for each in differences) == 1


@pytest.mark.parametrize("name", STRANGERS)
def test_both_readers_agree_on_volumes_made_by_windows_and_others(data: Path, name: str) -> None:
    path = data / "images" / name
    raw = (lzma if path.suffix == ".xz" else gzip).decompress(path.read_bytes())
    for volume in ntfs_volumes(raw):
        entries, differences = compared(volume)
        assert entries > 0
        assert differences == []


def test_clusters_of_two_mebibytes_are_read_here_though_not_by_the_sleuth_kit(data: Path) -> None:
    raw = gzip.decompress((data / "images/ntfs/ntfs-2m.raw.gz").read_bytes())
    (volume,) = ntfs_volumes(raw)
    filesystem = NtfsFilesystem(volume)
    assert len(list(walk(filesystem, filesystem.root))) == 3
    assert filesystem.damage == ()
    with pytest.raises(ImageError, match="The Sleuth Kit cannot read it"):
        TskFilesystem(volume)


def test_what_differs_is_named_and_nothing_else() -> None:
    first = FakeFilesystem({"same": b"1", "content": b"2", "size": b"33", "spelt so": b""})
    second = FakeFilesystem(
        {"same": b"1", "content": b"X", "size": b"3", "spelt otherwise": b"", "only second": b""}
    )
    found = {(each.what, "\\".join(each.path), each.reason) for each in compare(first, second)}
    assert found == {
        ("content", "content", ""),
        ("size", "size", ""),
        ("name", "spelt so", ""),
        ("entry", "only second", ""),
    }
