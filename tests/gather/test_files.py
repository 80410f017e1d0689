"""Selected -> Captured, in the disk's order."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from extractor.errors import DamagedError, EncryptedError, SourceError, UsageError
from extractor.gather.files import FileGatherer
from extractor.gather.policy import Efs, Policy, parse_efs, usmt_action
from extractor.model import (
    FILE_ATTRIBUTE_ENCRYPTED,
    ObjectKind,
    Run,
    Selected,
    StreamInfo,
    WinPath,
)
from extractor.seams import Captured
from extractor.testing import FakeFile, FakeFilesystem


def chosen(fs: FakeFilesystem, name: str, *streams: StreamInfo) -> Selected:
    entry = next(each for each in fs.children(fs.root) if each.name == name)
    metadata = fs.metadata(entry)
    if streams:
        metadata = replace(metadata, streams=streams)
    kind = ObjectKind.DIRECTORY if entry.directory else ObjectKind.FILE
    return Selected(kind, WinPath("C:", (name,)), "FA4E", entry, metadata, "", chosen=True)


def gathered(fs: FakeFilesystem, *selected: Selected) -> list[Captured]:
    return list(FileGatherer().gather(selected, {fs.info.id: fs}))


def names(items: list[Captured]) -> list[str]:
    return [item.selected.path.name for item in items]


def at(offset: int | None) -> StreamInfo:
    return StreamInfo("", 10, runs=(Run(None, 4096), Run(offset, 4096)))


def test_what_lies_in_the_mft_comes_by_record_and_the_rest_by_first_run() -> None:
    fs = FakeFilesystem(dict.fromkeys("abcdef", b"0123456789"))
    items = [
        chosen(fs, "a", at(9000)),
        chosen(fs, "b", StreamInfo("", 10, resident=True)),
        chosen(fs, "c", at(500)),
        chosen(fs, "d", StreamInfo("", 10, runs=(Run(7000, 10), Run(1, 10)))),
        chosen(fs, "e", StreamInfo("", 10, resident=True)),
        chosen(fs, "f", at(None)),
    ]
    for seed in range(5):
        random.Random(seed).shuffle(items)
        assert names(gathered(fs, *items)) == ["b", "e", "f", "c", "d", "a"]


def test_all_names_of_a_file_among_the_chosen_are_told() -> None:
    fs = FakeFilesystem({"x": b"1", "y": FakeFile(link_to="x"), "z": FakeFile(link_to="x")})
    items = gathered(fs, chosen(fs, "x"), chosen(fs, "z"))
    assert [item.links for item in items] == [("C:\\x", "C:\\z")] * 2
    [alone] = gathered(fs, chosen(fs, "y"))
    assert alone.links == ()


def test_the_content_is_read_by_record() -> None:
    fs = FakeFilesystem({"Readme": b"one", "README": FakeFile(b"two", streams={"s": b"three"})})
    items = {
        item.selected.path.name: item
        for item in gathered(fs, chosen(fs, "Readme"), chosen(fs, "README"))
    }
    assert items["Readme"].open("").read_at(0, 9) == b"one"
    assert items["README"].open("").read_at(0, 9) == b"two"
    assert items["README"].open("s").read_at(0, 9) == b"three"


def test_an_efs_file_is_refused_before_a_byte_is_read_and_a_folder_is_not() -> None:
    fs = FakeFilesystem(
        {
            "secret": FakeFile(b"x", attributes=FILE_ATTRIBUTE_ENCRYPTED),
            "folder": FakeFile(directory=True, attributes=FILE_ATTRIBUTE_ENCRYPTED),
            "plain": b"x",
        }
    )
    hidden = chosen(fs, "plain", StreamInfo("", 1, encrypted=True))
    refused = {
        item.selected.path.name: item.refusal
        for item in gathered(fs, chosen(fs, "secret"), chosen(fs, "folder"), hidden)
    }
    assert isinstance(refused["secret"], EncryptedError)
    assert isinstance(refused["plain"], EncryptedError)
    assert refused["folder"] is None


def test_other_kinds_and_volumes_are_left_to_other_gatherers() -> None:
    fs = FakeFilesystem({"x": b"1"})
    one = chosen(fs, "x")
    assert gathered(fs, replace(one, kind=ObjectKind.KEY), replace(one, volume="other")) == []


@pytest.mark.parametrize(
    ("policy", "error", "goes_on"),
    [
        (Policy(), DamagedError("x"), False),
        (Policy(continue_on_error=True), DamagedError("x"), True),
        (Policy(continue_on_error=True), EncryptedError("x"), False),
        (Policy(efs=Efs.SKIP), EncryptedError("x"), True),
        (Policy(efs=Efs.SKIP), SourceError("x"), False),
    ],
)
def test_the_policy_of_c_and_efs(policy: Policy, error: SourceError, goes_on: bool) -> None:
    assert policy.goes_on(error, WinPath("C:", ("x",)), ObjectKind.FILE) is goes_on


def test_efs_words_are_read_in_any_case_and_others_refused() -> None:
    assert parse_efs("SKIP") is Efs.SKIP
    assert parse_efs("CopyRaw") is Efs.COPYRAW
    with pytest.raises(UsageError, match="hard-link store"):
        parse_efs("hardlink")
    with pytest.raises(UsageError, match="unknown"):
        parse_efs("maybe")


def test_usmts_words_for_failures() -> None:
    assert usmt_action(DamagedError("x")) == "UnableToAccessDevice"
    assert usmt_action(EncryptedError("x")) == "UnableToOpen"
