"""Other readers of every volume at hand agree with ours, or each difference is one that is understood."""

from __future__ import annotations

import gzip
import hashlib
import lzma
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extractor.errors import EncryptedError, ImageError, UnsupportedError
from extractor.filesystems import walk
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.filesystems.second import Answer, Question, SecondReaders
from extractor.filesystems.tsk import TskFilesystem
from extractor.filesystems.worker import Worker
from extractor.model import BadRange
from extractor.testing import FakeFilesystem
from sample_images.unpack import sums
from tests.filesystems.conftest import content, ntfs_volumes, sample
from tests.filesystems.listings import Difference, compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extractor.seams import Volume

SAMPLES = sorted({file.split("/")[0] for file in sums() if file.split("/")[1] == "raw"})
STRANGERS = [
    "ntfs/ntfs-lastaccess.raw.gz", "ntfs/ntfs-ramslack.raw.gz", "ntfs/ntfs.raw.xz",
    "ntfs/ntfs_img.dd.xz", "ntfs/testfs1.xz", "vss/vss.raw.xz",
]  # fmt: skip
LARGEST = 1 << 30
"""Bytes up to which a stream is hashed here."""


def listed(volume: Volume) -> tuple[int, list[Difference]]:
    first = NtfsFilesystem(volume)
    with closing(TskFilesystem(volume)) as second:
        return sum(1 for _ in walk(first, first.root)), compare(first, second)


def stranger(data: Path, name: str) -> bytes:
    path = data / "images" / name
    packed = path.read_bytes()
    return lzma.decompress(packed) if path.suffix == ".xz" else gzip.decompress(packed)


def hashed(volume: Volume) -> Iterator[tuple[Question, str]]:
    """Yield each stream that our reader gives, once, with its SHA-256."""
    filesystem = NtfsFilesystem(volume)
    for entry in {each.record: each for each in walk(filesystem, filesystem.root)}.values():
        for info in filesystem.metadata(entry).streams:
            if info.size > LARGEST:
                continue
            try:
                stream = filesystem.open(entry, info.name)
            except (UnsupportedError, EncryptedError):
                continue
            digest = hashlib.sha256(content(stream)).hexdigest()
            yield Question(entry.record, info.name, info.size, wof=bool(info.wof)), digest


def answered(volume: Volume, questions: Sequence[Question]) -> list[Answer]:
    with SecondReaders(volume, lambda _: None) as readers:
        return readers.answers(questions)


def readers_of_equal_content(volume: Volume) -> Counter[str]:
    """Return how many streams each second reader gives; all must be equal to ours."""
    wanted = dict(hashed(volume))
    answers = answered(volume, list(wanted))
    assert [each.digest or each.reason for each in answers] == list(wanted.values())
    return Counter(each.reader for each in answers)


@pytest.mark.parametrize("name", SAMPLES)
def test_both_readers_list_a_sample_volume_alike_or_the_reason_is_known(name: str) -> None:
    for volume in ntfs_volumes(sample(name)):
        entries, differences = listed(volume)
        assert entries > 10
        assert [each for each in differences if not each.reason] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_other_readers_give_the_content_that_ours_gives_on_a_sample_volume(name: str) -> None:
    for volume in ntfs_volumes(sample(name)):
        assert readers_of_equal_content(volume)["The Sleuth Kit"] > 5


def test_overlaid_files_are_read_by_dissect_and_decompressed_by_other_code_than_ours() -> None:
    assert readers_of_equal_content(ntfs_volumes(sample("solo"))[0])["dissect.ntfs"] == 5


def test_the_differences_in_the_listing_of_solo_are_the_storage_of_overlaid_files() -> None:
    _, differences = listed(ntfs_volumes(sample("solo"))[0])
    assert Counter(each.what for each in differences) == {"streams": 5}


@pytest.mark.parametrize("name", STRANGERS)
def test_both_readers_agree_on_volumes_made_by_windows_and_others(data: Path, name: str) -> None:
    for volume in ntfs_volumes(stranger(data, name)):
        entries, differences = listed(volume)
        assert entries > 0
        assert differences == []
        assert readers_of_equal_content(volume).total() > 0


def test_clusters_of_two_mebibytes_which_the_sleuth_kit_cannot_open_are_read_by_dissect(
    data: Path,
) -> None:
    (volume,) = ntfs_volumes(stranger(data, "ntfs/ntfs-2m.raw.gz"))
    filesystem = NtfsFilesystem(volume)
    assert len(list(walk(filesystem, filesystem.root))) == 3
    assert filesystem.damage == ()
    with pytest.raises(ImageError, match="The Sleuth Kit cannot read it"):
        TskFilesystem(volume)
    assert readers_of_equal_content(volume).keys() == {"dissect.ntfs"}


def test_what_differs_is_named_and_nothing_else() -> None:
    first = FakeFilesystem({"same": b"1", "size": b"33", "spelt so": b""})
    second = FakeFilesystem(
        {"same": b"1", "size": b"3", "spelt otherwise": b"", "only second": b""}
    )
    found = {(each.what, "\\".join(each.path), each.reason) for each in compare(first, second)}
    assert found == {("size", "size", ""), ("name", "spelt so", ""), ("entry", "only second", "")}


@pytest.fixture
def solo_questions() -> dict[Question, str]:
    return dict(hashed(ntfs_volumes(sample("solo"))[0]))


def test_a_stream_that_nobody_sees_or_sees_longer_has_a_reason_from_each_reader(
    solo_questions: dict[Question, str],
) -> None:
    (volume,) = ntfs_volumes(sample("solo"))
    question = next(each for each in solo_questions if not each.wof and each.size)
    questions = [replace(question, stream="none"), replace(question, size=question.size + 1)]
    answers = answered(volume, questions)
    assert [(each.reader, each.digest) for each in answers] == [("", ""), ("", "")]
    sees = f"it sees {question.size} of {question.size + 1} bytes"
    assert [each.reason for each in answers] == [
        "The Sleuth Kit: it sees 0 streams of this name; dissect.ntfs: it sees no stream of this name",
        f"The Sleuth Kit: {sees}; dissect.ntfs: {sees}",
    ]


def test_a_bad_sector_under_a_stream_is_a_reason_and_never_a_hash() -> None:
    raw = sample("solo")
    (volume,) = ntfs_volumes(raw)
    filesystem = NtfsFilesystem(volume)
    entry = filesystem.named("large.bin")[0]
    (info,) = filesystem.metadata(entry).streams
    place = (info.runs[0].offset or 0) + 4096
    (spoilt,) = ntfs_volumes(raw, [BadRange(place, 512, "unreadable sector")])
    (answer,) = answered(spoilt, [Question(entry.record, "", info.size)])
    assert (answer.reader, answer.digest) == ("", "")
    assert answer.reason.count("unreadable sector") == 2


def test_a_reader_that_crashes_is_started_again_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, solo_questions: dict[Question, str]
) -> None:
    (volume,) = ntfs_volumes(sample("solo"))
    plain = {each: digest for each, digest in solo_questions.items() if not each.wof}
    killed: list[Worker] = []
    ask = Worker.ask

    def once_killed(self: Worker, request: dict[str, object]) -> object:
        if request["op"] == "digests" and not killed:
            killed.append(self)
            self._process.kill()
            self._process.wait()
        return ask(self, request)

    monkeypatch.setattr(Worker, "ask", once_killed)
    answers = answered(volume, list(plain))
    assert [each.digest for each in answers] == list(plain.values())
    assert [each.reader for each in answers].count("dissect.ntfs") == 1
    assert len(killed) == 1


def test_a_reader_that_always_crashes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, solo_questions: dict[Question, str]
) -> None:
    (volume,) = ntfs_volumes(sample("solo"))
    started: list[str] = []
    opening = Worker.open

    def dead_when_open(self: Worker) -> None:
        opening(self)
        started.append(self.reader)
        self._process.kill()
        self._process.wait()

    monkeypatch.setattr(Worker, "open", dead_when_open)
    answers = answered(volume, list(solo_questions))
    assert {each.digest for each in answers} == {""}
    assert Counter(started) == {"The Sleuth Kit": 3, "dissect.ntfs": 3}


def test_an_answer_that_one_more_reader_contradicts_in_favour_of_the_store_is_a_known_error(
    solo_questions: dict[Question, str],
) -> None:
    (volume,) = ntfs_volumes(sample("solo"))
    question, stored = next((q, d) for q, d in solo_questions.items() if not q.wof and q.size)
    wrong = Answer("The Sleuth Kit", "0" * 64)
    with SecondReaders(volume, lambda _: None) as readers:
        weighed = readers.weighed(question, wrong, stored)
        assert weighed.error == "The Sleuth Kit is wrong: dissect.ntfs reads what is stored"
        assert readers.weighed(question, wrong, "1" * 64) == wrong
