"""Verification: hashes of the whole medium, compared with the stored ones, and what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5, sha1, sha256
from pathlib import Path
from threading import Event, Thread

import pytest

from extractor.errors import CanceledError
from extractor.images import open_image
from extractor.images.verify import (
    BLOCK,
    Verdict,
    Verification,
    Verifying,
    compared,
    verify_image,
    verifying_again,
)
from extractor.model import BadRange
from extractor.testing import FakeImage
from tests.images.material import patterned

RAW = patterned(2 * BLOCK + 12_345 * 512)


class StoringImage(FakeImage):
    """A fake that stores hashes, as E01 does."""

    def __init__(self, content: bytes, stored: dict[str, str], *bad: BadRange) -> None:
        super().__init__(content, bad=bad)
        self.info = replace(self.info, stored_hashes=stored)


class CountingImage(StoringImage):
    """Counts how often it is read."""

    reads = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return super().read_at(offset, length)


class GatedImage(CountingImage):
    """Lets one block be read; any other waits until the gate opens."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content, {"md5": md5(content).hexdigest()})
        self.gate = Event()

    def read_at(self, offset: int, length: int) -> bytes:
        if offset:
            assert self.gate.wait(60)
        return super().read_at(offset, length)


class BrokenImage(FakeImage):
    """Fails as only a defect of ours can."""

    def read_at(self, offset: int, length: int) -> bytes:
        raise ZeroDivisionError


def verified(image: FakeImage) -> Verification:
    counts: list[int] = []
    result = verify_image(image, counts.append)
    assert sum(counts) == image.size
    return result


def digests(raw: bytes) -> dict[str, str]:
    return {"md5": md5(raw).hexdigest(), "sha1": sha1(raw).hexdigest(), "sha256": sha256(raw).hexdigest()}  # fmt: skip


def test_an_image_without_stored_hashes_gets_one() -> None:
    result = verified(FakeImage(RAW))
    assert result.verdict is Verdict.UNSTORED
    assert result.computed == {"sha256": sha256(RAW).hexdigest()}


def test_only_hashes_that_are_stored_are_computed() -> None:
    every = digests(RAW)
    stored = {name: every[name] for name in ("md5", "sha1")}
    result = verified(StoringImage(RAW, stored))
    assert result.verdict is Verdict.VERIFIED
    assert result.computed == stored


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


def test_a_large_range_that_is_known_to_be_lost_is_not_tried_sector_by_sector() -> None:
    lost = BadRange(5 * 512, BLOCK + 7 * 512, "segment 2 is missing")
    image = CountingImage(RAW, {"md5": "0" * 32}, lost)
    result = verified(image)
    assert [(each.offset, each.length) for each in result.bad] == [(lost.offset, lost.length)]
    assert image.reads < 10


def test_sectors_lost_at_acquisition_hash_as_zeros() -> None:
    zeroed = RAW[:1024] + bytes(512) + RAW[1536:]
    lost = BadRange(1024, 512, "could not be read when the image was acquired")
    result = verified(StoringImage(RAW, {"md5": md5(zeroed).hexdigest()}, lost))
    assert result.verdict is Verdict.VERIFIED
    assert "512 bytes in 1 ranges cannot be read" in result.sentence


def test_an_image_cut_to_odd_bytes_is_hashed_to_its_end() -> None:
    stored = digests(RAW[:-7])
    assert verified(StoringImage(RAW[:-7], stored)).computed == stored


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


def test_a_verification_goes_on_beside_other_reads() -> None:
    image = GatedImage(RAW)
    with Verifying(image) as verifying:
        assert FakeImage.read_at(image, BLOCK, 512) == RAW[BLOCK : BLOCK + 512]
        assert verifying.done < verifying.size
        image.gate.set()
        assert verifying.result().verdict is Verdict.VERIFIED
        assert verifying.done == verifying.size == len(RAW)


def open_once_given_up(image: GatedImage, verifying: Verifying) -> None:
    """Open the gate as soon as the verification was given up, for whoever gives it up waits for its reads."""

    def wait() -> None:
        assert verifying._given_up.wait(60)
        image.gate.set()

    Thread(target=wait).start()


def test_a_verification_that_is_given_up_reads_no_more() -> None:
    image = GatedImage(RAW)
    verifying = Verifying(image)
    open_once_given_up(image, verifying)
    verifying.cancel()
    reads = image.reads
    assert reads <= 2
    with pytest.raises(CanceledError):
        verifying.result()
    assert image.reads == reads


def test_a_run_that_fails_gives_its_verification_up() -> None:
    image = GatedImage(RAW)
    begun: list[Verifying] = []

    def fail() -> None:
        with Verifying(image) as verifying:
            begun.append(verifying)
            open_once_given_up(image, verifying)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(CanceledError):
        begun[0].result()


def test_an_error_of_the_reader_reaches_who_waits_for_the_result() -> None:
    with Verifying(BrokenImage(RAW)) as verifying, pytest.raises(ZeroDivisionError):
        verifying.result()


def test_a_medium_that_is_the_same_when_hashed_again_keeps_its_verdict() -> None:
    image = StoringImage(RAW, {"md5": md5(RAW).hexdigest()})
    found = compared(image, verified(image), verified(image))
    assert (found.verdict, found.after) == (Verdict.VERIFIED, found.computed)
    assert found.sentence == "md5 are as stored; the medium reads the same at the end of the run"


@pytest.mark.parametrize("stored", [{}, {"md5": md5(RAW).hexdigest()}, {"sha1": "0" * 40}])
def test_a_medium_that_reads_otherwise_when_hashed_again_is_changed(stored: dict[str, str]) -> None:
    image = StoringImage(RAW, stored)
    other = StoringImage(RAW[:-1] + bytes([RAW[-1] ^ 1]), stored)
    found = compared(image, verified(image), verified(other))
    assert found.verdict is Verdict.CHANGED
    assert "it was written to, or reads otherwise now" in found.sentence
    assert found.after != found.computed


def test_each_file_is_hashed_beside_the_medium_and_one_that_is_gone_is_left_out(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "disk.001", tmp_path / "disk.002"
    first.write_bytes(RAW)
    image = FakeImage(RAW)
    image.info = replace(image.info, format="split-raw", segments=(str(first), str(second)))
    with verifying_again(image) as verifying:
        found = verifying.result()
    assert found.files == {str(first): sha256(RAW).hexdigest()}
    assert found.computed == {"sha256": sha256(RAW).hexdigest()}


def test_hashing_files_is_given_up_too(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(RAW)
    image = GatedImage(RAW)
    verifying = Verifying(image, files=[str(tmp_path / "disk")] * 100_000)
    image.gate.set()
    verifying.cancel()
    with pytest.raises(CanceledError):
        verifying.result()
