"""Verification: hashes of the whole medium, compared with the stored ones, and what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5, sha1, sha256
from pathlib import Path

import pytest

from extractor.images import open_image
from extractor.images.verify import BLOCK, Verdict, Verification, verify_image
from extractor.model import BadRange
from extractor.testing import FakeImage
from tests.images.material import patterned

RAW = patterned(2 * BLOCK + 12_345 * 512)


class StoringImage(FakeImage):
    """A fake that stores hashes, as E01 does."""

    def __init__(self, content: bytes, stored: dict[str, str], *bad: BadRange) -> None:
        super().__init__(content, bad=bad)
        self.info = replace(self.info, stored_hashes=stored)


def verified(image: FakeImage) -> Verification:
    counts: list[int] = []
    result = verify_image(image, counts.append)
    assert sum(counts) == image.size
    return result


def digests(raw: bytes) -> dict[str, str]:
    return {"md5": md5(raw).hexdigest(), "sha1": sha1(raw).hexdigest(), "sha256": sha256(raw).hexdigest()}  # fmt: skip


def test_hashes_of_an_image_without_stored_ones_are_computed() -> None:
    result = verified(FakeImage(RAW))
    assert result.verdict is Verdict.UNSTORED
    assert result.computed == digests(RAW)


def test_an_image_whose_stored_hashes_agree_is_verified() -> None:
    result = verified(StoringImage(RAW, {"md5": md5(RAW).hexdigest()}))
    assert (result.verdict, result.bad) == (Verdict.VERIFIED, ())


@pytest.mark.parametrize("wrong", ["md5", "sha1"])
def test_one_stored_hash_that_differs_is_a_mismatch(wrong: str) -> None:
    stored = digests(RAW) | {wrong: "0" * 32}
    result = verified(StoringImage(RAW, stored))
    assert result.verdict is Verdict.MISMATCH
    assert f"the stored {wrong} is 0000" in result.sentence


def test_what_cannot_be_read_is_found_to_the_sector() -> None:
    bad = [BadRange(5 * 512, 3 * 512, "torn"), BadRange(BLOCK - 512, 1024, "lost")]
    result = verified(StoringImage(RAW, {"md5": "0" * 32}, *bad))
    assert result.verdict is Verdict.DAMAGED
    assert [(each.offset, each.length) for each in result.bad] == [
        (each.offset, each.length) for each in bad
    ]
    assert "2560 bytes in 2 ranges cannot be read, the first at byte 2560" in result.sentence


def test_sectors_lost_at_acquisition_hash_as_zeros() -> None:
    zeroed = RAW[:1024] + bytes(512) + RAW[1536:]
    lost = BadRange(1024, 512, "could not be read when the image was acquired")
    result = verified(StoringImage(RAW, {"md5": md5(zeroed).hexdigest()}, lost))
    assert result.verdict is Verdict.VERIFIED
    assert "512 bytes in 1 ranges cannot be read" in result.sentence


def test_an_image_cut_to_odd_bytes_is_hashed_to_its_end() -> None:
    assert verified(FakeImage(RAW[:-7])).computed == digests(RAW[:-7])


@pytest.mark.parametrize("name", ["containers/multiseg_v1.E01", "ntfs/ntfs_sample.E01"])
def test_images_made_by_others_verify(data: Path, name: str) -> None:
    with open_image(data / "images" / name) as image:
        assert verify_image(image, lambda _: None).verdict is Verdict.VERIFIED


def test_a_flipped_byte_in_an_image_made_by_others_is_damage(data: Path, tmp_path: Path) -> None:
    damaged = bytearray((data / "images/ntfs/ntfs_sample.E01").read_bytes())
    damaged[1_000_000] ^= 4
    path = tmp_path / "ntfs_sample.E01"
    path.write_bytes(damaged)
    with open_image(path) as image:
        result = verify_image(image, lambda _: None)
        assert result.verdict is Verdict.DAMAGED
        (bad,) = result.bad
        assert (bad.offset, bad.length) == (image.bad_ranges()[0].offset, 32768)
