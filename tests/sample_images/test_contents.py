from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import pytest

from sample_images import contents_of
from sample_images.contents import NAMES, Recipe, expects, filetime, parse_contents
from sample_images.ntfs import data_of
from sample_images.payload import check, generated, noise
from sample_images.run import BuildError
from tests.conftest import need_tool

OUTCOMES = {"stored", "excluded", "not-stored"}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_hashes_to_what_its_contents_say(name: str) -> None:
    need_tool("hivexregedit")
    contents = contents_of(name)
    for volume in contents.volumes:
        for entry in volume.entries:
            if entry.kind == "file" and not entry.cloud and entry.reason != "sparse-bomb":
                data = data_of(contents, volume, entry)
                assert hashlib.sha256(data).hexdigest() == entry.recipe.sha256, entry.path


@pytest.mark.parametrize("name", NAMES)
def test_every_stream_hashes_to_what_its_contents_say(name: str) -> None:
    for volume in contents_of(name).volumes:
        for entry in volume.entries:
            for stream, recipe in entry.streams:
                found = hashlib.sha256(generated(recipe)).hexdigest()
                assert found == recipe.sha256, (entry.path, stream)


@pytest.mark.parametrize("name", NAMES)
def test_no_path_is_named_twice_and_every_outcome_is_known(name: str) -> None:
    for volume in contents_of(name).volumes:
        paths = Counter(entry.path for entry in volume.entries)
        assert [path for path, count in paths.items() if count > 1] == []
        assert {entry.expect for entry in volume.entries} <= OUTCOMES
        assert all(entry.reason for entry in volume.entries if entry.expect != "stored")


def test_hostile_has_more_than_two_hundred_names_each_its_own_proof() -> None:
    files = [entry for entry in contents_of("hostile").volumes[0].entries if entry.recipe.text]
    named = [
        e for e in files if e.recipe.text == e.path[-1].encode("utf-16-le", "surrogatepass").hex()
    ]
    assert len(named) >= 200
    assert len({entry.recipe.sha256 for entry in named}) >= 200


def test_solo_has_every_feature() -> None:
    entries = contents_of("solo").volumes[0].entries
    assert {entry.wof for entry in entries if entry.wof} == {
        "XPRESS4K",
        "XPRESS8K",
        "XPRESS16K",
        "LZX",
    }
    assert {entry.kind for entry in entries} == {"file", "dir", "hardlink", "junction", "symlink"}
    lengths = [len("C:\\" + "\\".join(entry.path)) for entry in entries]
    assert max(lengths) > 1024
    assert any(260 < length < 1024 for length in lengths)
    for feature in ("streams", "times", "security", "short_name", "cloud", "attributes"):
        assert any(getattr(entry, feature) for entry in entries), feature
    assert any(entry.valid is not None for entry in entries)


def test_three_declares_five_installations_and_four_decoys() -> None:
    windows = contents_of("three").windows
    assert len([one for one in windows if one.valid]) == 5
    assert all(one.facts["reason"] for one in windows if not one.valid)
    assert len([one for one in windows if not one.valid]) == 4


def test_the_longest_expect_row_above_an_entry_decides() -> None:
    contents = parse_contents(
        """
        name = "x"
        [disk]
        table = "none"
        id = ""
        [[volume]]
        kind = "ntfs"
        mib = 1
        dirs = ['a\\b\\c', 'a\\d', 'e']
        expect = [['a', "excluded", "outer"], ['a\\b', "not-stored", "inner"]]
        """
    )
    found = {entry.path[-1]: (entry.expect, entry.reason) for entry in contents.volumes[0].entries}
    assert found == {
        "c": ("not-stored", "inner"),
        "d": ("excluded", "outer"),
        "e": ("stored", ""),
    }


def test_a_volume_without_expect_rows_has_none() -> None:
    assert expects({}) == []


def test_filetime_counts_hundred_nanoseconds_from_1601() -> None:
    assert filetime("1601-01-01T00:00:00.0000001") == 1
    assert filetime("1970-01-01T00:00:00") == 116444736000000000


def test_noise_is_the_same_for_ever() -> None:
    assert len(noise("report", 70001)) == 70001
    assert noise("a", 64)[:32] == hashlib.sha256(b"a:0").digest()


def test_a_recipe_that_hashes_otherwise_is_refused_with_the_true_hash() -> None:
    recipe = Recipe(text="abc", sha256="0" * 64)
    true = hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(BuildError, match=true):
        check("a file", generated(recipe), recipe)
    assert check("a file", b"abc", replace(recipe, sha256=true)) == b"abc"
