"""A disk is read once, in order; what cannot be read is zeros and named; hashes are those of what is written."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.handoff.blocks import PIECE, Shape
from extractor.handoff.hashing import Hashes, judged
from extractor.handoff.reading import Decrypted, Reading
from extractor.images.verify import Verdict
from extractor.model import BadRange
from extractor.seams import Volume
from extractor.testing import FAKE_VOLUME, FakeImage
from extractor.volumes import ImageVolume
from tests.images.material import patterned

SIZE = 2 * PIECE + 1536
CONTENT = patterned(SIZE, seed=9).replace(b"\0", b"\1")


class Unknowing(FakeImage):
    """An image that learns of its faults only when it meets them, and tells nobody."""

    def bad_ranges(self) -> tuple[()]:
        return ()


def read(disk: FakeImage | Decrypted, size: int = SIZE) -> tuple[bytes, list[BadRange]]:
    reading = Reading(disk, Shape(size, 32 << 20, 0))
    return b"".join(reading.pieces()), reading.bad


def test_a_whole_disk_is_read_as_it_is() -> None:
    assert read(FakeImage(CONTENT)) == (CONTENT, [])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SIZE // 512 - 1), st.integers(1, 40)), max_size=4))
def test_bad_sectors_are_zeros_and_are_listed(places: list[tuple[int, int]]) -> None:
    bad = [BadRange(at * 512, min(count * 512, SIZE - at * 512), "bad") for at, count in places]
    expected = bytearray(CONTENT)
    lost = set()
    for each in bad:
        expected[each.offset : each.offset + each.length] = bytes(each.length)
        lost |= set(range(each.offset // 512, (each.offset + each.length) // 512))
    known = sorted(bad, key=lambda each: each.offset)
    for disk in (FakeImage(CONTENT, bad=known), Unknowing(CONTENT, bad=known)):
        content, found = read(disk)
        assert content == expected
        told = [range(each.offset // 512, (each.offset + each.length) // 512) for each in found]
        assert {sector for each in told for sector in each} == lost
        assert sum(map(len, told)) == len(lost)


def test_a_disk_of_odd_length_is_filled_up_to_a_sector() -> None:
    content, bad = read(FakeImage(CONTENT[:-100]))
    assert content == CONTENT[:-100] + bytes(100)
    assert bad == []


def test_an_opened_volume_takes_the_place_of_its_sectors() -> None:
    plain = patterned(PIECE, seed=3)
    info = replace(FAKE_VOLUME, offset=PIECE // 2, size=PIECE)
    opened: Volume = ImageVolume(FakeImage(bytes(PIECE // 2) + plain + bytes(512)), info)
    content, bad = read(Decrypted(FakeImage(CONTENT), [opened]))
    assert content == CONTENT[: PIECE // 2] + plain + CONTENT[PIECE // 2 + PIECE :]
    assert bad == []


def test_the_digests_are_those_of_the_pieces_in_order() -> None:
    with Hashes({"md5": "x", "sha1": "y", "crc": "z"}) as hashes:
        for offset in range(0, SIZE, PIECE):
            hashes.update(CONTENT[offset : offset + PIECE])
        found = hashes.digests()
    assert found == {
        name: hashlib.new(name, CONTENT).hexdigest() for name in ("sha256", "md5", "sha1")
    }


def test_a_verdict_says_what_was_compared() -> None:
    digests = {"sha256": "a", "md5": "b"}
    assert judged(digests, {})[0] is Verdict.UNSTORED
    assert judged(digests, {}, lost=512)[0] is Verdict.DAMAGED
    assert judged(digests, {"md5": "b"})[0] is Verdict.VERIFIED
    assert judged(digests, {"md5": "b"}, lost=512)[0] is Verdict.VERIFIED
    assert judged(digests, {"md5": "c"})[0] is Verdict.MISMATCH
    assert judged(digests, {"md5": "c"}, lost=512)[0] is Verdict.DAMAGED
