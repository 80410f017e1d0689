"""A bag that the Library of Congress' own program calls valid, hostile names and all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import bagit
import pytest

from extractor.store.export.bag import bag_info
from extractor.store.export.exporting import export_store
from extractor.store.opened import open_store
from extractor.testing import FakeFilesystem
from tests.store.build import make_store
from tests.store.export.exports import contents, export, flip, hashes, silent


def test_bagit_calls_a_bag_valid(sample: Path, tmp_path: Path) -> None:
    export(sample, "bagit", tmp_path / "bag")
    bag = bagit.Bag(str(tmp_path / "bag"))
    assert bag.validate() is True
    assert bag.version_info == (1, 0)
    found = hashes(tmp_path / "bag/data")
    inside = Counter(
        digest for name, digest in found.items() if name.startswith(("File/", "Streams/"))
    )
    assert inside == contents(sample)


def test_one_flipped_byte_is_found(solo: Path, tmp_path: Path) -> None:
    export(solo, "bagit", tmp_path / "bag")
    flip(tmp_path / "bag/data/File/C$/Users/anna/Documents/report.docx", 7)
    with pytest.raises(bagit.BagValidationError, match=r"report\.docx"):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_a_bag_without_what_was_damaged_is_valid(tmp_path: Path) -> None:
    make_store(tmp_path / "store", FakeFilesystem({"a": b"a" * 9, "b": b"b", "c": b"c"}))
    flip(tmp_path / "store/USMT/File/C$/a", 3)
    done = export(tmp_path / "store", "bagit", tmp_path / "bag")
    assert len(done.damaged) == 1
    assert bagit.Bag(str(tmp_path / "bag")).validate() is True
    assert not (tmp_path / "bag/data/File/C$/a").exists()


@pytest.mark.parametrize(
    ("name", "in_bag"),
    [
        ("100%25.txt", "100=2525.txt"),
        ("line\nbreak", "line=0Abreak"),
        ("e\u0301", "e=u0301"),
        ("\u00e9", "\u00e9"),
        ("nbsp\u00a0", "nbsp=u00A0"),
        ("a b", "a b"),
    ],
)
def test_names_that_validators_read_differently_are_spelled_out(
    tmp_path: Path, name: str, in_bag: str
) -> None:
    make_store(tmp_path / "store", FakeFilesystem({name: b"x"}))
    export(tmp_path / "store", "bagit", tmp_path / "bag")
    assert bagit.Bag(str(tmp_path / "bag")).validate() is True
    assert [each.name for each in (tmp_path / "bag/data/File/C$").iterdir()] == [in_bag]


def test_a_name_that_grows_beyond_the_limit_is_cut(tmp_path: Path) -> None:
    disk = FakeFilesystem({"e\u0301" * 80 + end: b"x" for end in ("1", "2")})
    make_store(tmp_path / "store", disk)
    export(tmp_path / "store", "bagit", tmp_path / "bag")
    assert bagit.Bag(str(tmp_path / "bag")).validate() is True
    assert len(list((tmp_path / "bag/data/File/C$").iterdir())) == 2


def test_the_case_stands_in_bag_info(solo: Path, tmp_path: Path) -> None:
    with open_store(solo) as store:
        info = {"External-Identifier": "2026-117", "Contact-Name": "Ann\nEve: x"}
        export_store(store, "bagit", tmp_path / "bag", silent, info=info)
    found = bagit.Bag(str(tmp_path / "bag")).info
    assert found["Windows-Computer"] == "SOLO-PC"
    assert found["Windows-Users"] == "anna, boris, zoe"
    assert found["External-Identifier"] == "2026-117"
    assert found["Contact-Name"] == "Ann\\x0aEve: x"


def test_a_forged_header_says_nothing() -> None:
    found = bag_info({"windows": 1, "image": [], "users": {"a": 1}, "machine_sid": ""}, {})
    assert set(found) == {"Bag-Software-Agent", "Bagging-Date", "External-Description"}
