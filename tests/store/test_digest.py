"""The hash of huge sparse files: it depends on the content alone, and holes cost nothing."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from extractor.store.digest import GRAIN, HOLES, digest_of, new_digest

Parts = list[tuple[bool, int]]
PARTS = st.lists(st.tuples(st.booleans(), st.integers(0, 3 * GRAIN)), max_size=8)


def fed(parts: Parts, *, holes: bool, written_out: bool = False) -> str:
    """Return the hash of parts that are data (of ones) or zeros; zeros may be given as bytes too."""
    digest = new_digest(holes=holes)
    for is_data, count in parts:
        if is_data:
            digest.update(b"\1" * count)
        elif written_out:
            digest.update(bytes(count))
        else:
            digest.skip(count)
    return digest.hexdigest()


def content(parts: Parts) -> bytes:
    return b"".join(b"\1" * count if is_data else bytes(count) for is_data, count in parts)


@given(PARTS)
def test_holes_and_zeros_give_the_same_hash(parts: Parts) -> None:
    for holes in (False, True):
        assert fed(parts, holes=holes) == fed(parts, holes=holes, written_out=True)
    assert fed(parts, holes=False) == hashlib.sha256(content(parts)).hexdigest()


@given(PARTS)
def test_the_hash_with_holes_is_what_the_schema_says(parts: Parts) -> None:
    whole = content(parts)
    blocks = [whole[start : start + GRAIN] for start in range(0, len(whole), GRAIN)]
    expected = hashlib.sha256()
    for number, block in enumerate(blocks):
        if any(block):
            expected.update(struct.pack("<Q", number) + block.ljust(GRAIN, b"\0"))
    expected.update(struct.pack("<Q", len(whole)))
    assert fed(parts, holes=True) == HOLES + expected.hexdigest()


@given(PARTS, PARTS)
def test_two_contents_have_two_hashes(one: Parts, other: Parts) -> None:
    same = content(one) == content(other)
    assert (fed(one, holes=True) == fed(other, holes=True)) == same


def test_a_file_is_hashed_again_as_it_was_whatever_its_holes(tmp_path: Path) -> None:
    parts = [(False, 5 * GRAIN + 3), (True, 700), (False, 9 * GRAIN)]
    expected = fed(parts, holes=True)
    sparse, dense = tmp_path / "sparse", tmp_path / "dense"
    dense.write_bytes(content(parts))
    with sparse.open("wb") as file:
        file.seek(parts[0][1])
        file.write(b"\1" * 700)
        file.truncate(len(content(parts)))
    for path in (sparse, dense):
        with path.open("rb") as file:
            assert list(digest_of(file.fileno(), expected))[-1] == (len(content(parts)), expected)


def test_eight_tebibytes_of_hole_are_hashed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 8 << 40)
    began = time.process_time()
    with path.open("rb") as file:
        *_, (size, digest) = digest_of(file.fileno(), HOLES)
    assert size == 8 << 40
    assert digest == fed([(False, 8 << 40)], holes=True)
    assert time.process_time() - began < 1
