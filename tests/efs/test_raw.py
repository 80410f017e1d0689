"""The raw format: what a decoder made from [MS-EFSR] alone makes of it."""

from __future__ import annotations

import pytest

from extractor.efs.ciphers import Fek
from extractor.efs.plain import PlainStream
from extractor.efs.raw import RawStream
from extractor.errors import DamagedError, UnsupportedError
from extractor.filesystems import find
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.filesystems.ntfs.streams import RunStream
from extractor.model import Run
from extractor.seams import Ciphertext
from extractor.testing import FakeImage, FakeStream
from tests.efs.decoder import AES_256, DESX, TRIPLE_DES, decode, take_apart
from tests.efs.disk import Disk
from tests.efs.people import agent, anna, efs, fek
from tests.efs.secret_files import KEYS, Content, add_secret, noise

UNIT = 1 << 16
ISLANDS = bytes(2 * UNIT) + noise(UNIT) + bytes(UNIT) + noise(100)
"""Units: hole, hole, data, hole, data of a part."""


def raw_of(filesystem: NtfsFilesystem, *path: str) -> RawStream:
    entry = find(filesystem, path)
    assert entry is not None
    sources = []
    for stream in filesystem.metadata(entry).streams:
        opener = filesystem.ciphertext if stream.encrypted else filesystem.open
        sources.append((stream.name, opener(entry, stream.name)))
    return RawStream(filesystem.efs(entry), sources)


def whole(stream: RawStream) -> bytes:
    return stream.read_at(0, stream.size + 1)


@pytest.mark.parametrize("algorithm", [AES_256, TRIPLE_DES, DESX])
@pytest.mark.parametrize(
    "content",
    [
        Content(b""),
        Content(b"x"),
        Content(noise(512)),
        Content(noise(65_535)),
        Content(noise(65_536)),
        Content(noise(200_123)),
        Content(noise(200_123), valid=70_001),
        Content(noise(200_123), valid=0),
        Content(ISLANDS, sparse=True),
        Content(ISLANDS, sparse=True, valid=2 * UNIT + 700),
        Content(bytes(3 * UNIT), sparse=True),
    ],
    ids=["empty", "byte", "sector", "piece-1", "piece", "many", "valid", "nothing valid", "sparse", "sparse valid",
         "hole"],
)  # fmt: skip
def test_the_decoder_and_the_product_read_the_same(content: Content, algorithm: int) -> None:
    disk = Disk()
    add_secret(disk, "x", streams={"": content}, users=[anna()], algorithm=algorithm)
    filesystem = disk.open()
    entry = find(filesystem, ("x",))
    assert entry is not None
    plain = PlainStream(filesystem.ciphertext(entry), Fek(algorithm, KEYS[algorithm]))
    assert plain.read_at(0, plain.size) == content.read
    assert decode(whole(raw_of(filesystem, "x")), anna()) == {"": content.read}


def test_all_streams_are_in_it_encrypted_or_not() -> None:
    disk = Disk()
    streams = {
        "": Content(noise(70_000)),
        "Zone.Identifier": Content(b"[ZoneTransfer]", encrypted=False),
        "big": Content(noise(150_000, "big"), encrypted=False),
        "secret": Content(noise(3000, "secret")),
    }
    value = add_secret(disk, "x", streams=streams, users=[anna()], agents=[agent()])
    raw = whole(raw_of(disk.open(), "x"))
    assert take_apart(raw).metadata == value
    for person in (anna(), agent()):
        assert decode(raw, person) == {name: each.data for name, each in streams.items()}


def test_an_empty_stream_is_a_header_alone() -> None:
    disk = Disk()
    add_secret(disk, "x", streams={"": Content(b"")}, users=[anna()])
    assert take_apart(whole(raw_of(disk.open(), "x"))).encrypted == {"": []}


def test_segments_are_as_windows_writes_them() -> None:
    disk = Disk()
    value = add_secret(disk, "x", streams={"": Content(noise(70_001))}, users=[anna()])
    raw = whole(raw_of(disk.open(), "x"))
    data = 20 + 30 + 16 + len(value)
    assert raw[:50].hex(" ", 2) == (
        "0001 0000 5200 4f00 4200 5300 0000 0000 0000 0000"  # ROBS
        " 1e00 0000 4e00 5400 4600 5300 0000 0000 0000 0000 0000 0000 0200 0000 1019"  # NTFS
    )
    assert raw[54:66].hex(" ", 2) == "4700 5500 5200 4500 0000 0000"  # GURE
    assert raw[data : data + 42].endswith("::$DATA".encode("utf-16-le"))
    first, second = data + 42, data + 42 + 66_048
    assert int.from_bytes(raw[first : first + 4], "little") == 66_048
    assert int.from_bytes(raw[second : second + 4], "little") == 512 + 4608
    header = raw[second + 16 : second + 16 + 48]
    assert header.hex(" ", 4) == (
        "00000100 00000000 f0010000 71110000 71110000 00000d0d 0c010100 00120000"
        " 45585444 10000000 00000000 00000000"
    )


def test_holes_of_a_sparse_stream_take_no_room() -> None:
    disk = Disk()
    add_secret(disk, "x", streams={"": Content(ISLANDS, sparse=True)}, users=[anna()])
    (segments,) = take_apart(whole(raw_of(disk.open(), "x"))).encrypted.values()
    assert [each.blocks for each in segments] == [(0,), (0,), (UNIT,), (0,), (512,)]
    assert all(each.sparse and each.unit == UNIT for each in segments)


def test_small_clusters_have_several_units_in_a_segment() -> None:
    image = FakeImage(noise(1 << 17))
    runs = [Run(0, 8192), Run(None, 8192), Run(8192, 16384)]
    stored = RunStream(image, runs, 30_208, 30_208)
    cipher = Ciphertext(stored, 30_000, 30_000, sparse=True, unit=8192, cluster=4096)
    raw = RawStream(b"metadata", [("", cipher)])
    (segments,) = take_apart(whole(raw)).encrypted.values()
    assert [(each.blocks, each.unit) for each in segments] == [((8192, 0, 8192, 5632), 8192)]
    assert segments[0].data == image.content[:8192] + image.content[8192 : 8192 + 13_824]


def test_any_part_can_be_read_alone() -> None:
    disk = Disk()
    streams = {"": Content(ISLANDS, sparse=True), "ads": Content(noise(140_000), encrypted=False)}
    add_secret(disk, "x", streams=streams, users=[anna()])
    raw = raw_of(disk.open(), "x")
    everything = whole(raw)
    assert len(everything) == raw.size
    for start in (0, 19, 20, 400, 1000, 66_500, 131_000, 200_000, raw.size - 5, raw.size):
        for length in (0, 1, 511, 70_000):
            assert raw.read_at(start, length) == everything[start : start + length]


def test_a_unit_that_is_half_a_hole_is_damage() -> None:
    stored = RunStream(FakeImage(noise(UNIT)), [Run(0, 4096), Run(None, UNIT - 4096)], UNIT, UNIT)
    cipher = Ciphertext(stored, UNIT, UNIT, sparse=True, unit=UNIT, cluster=4096)
    with pytest.raises(DamagedError, match="half a hole"):
        RawStream(b"", [("", cipher)])


def test_a_sparse_bomb_is_refused() -> None:
    stored = RunStream(FakeImage(noise(UNIT)), [Run(0, UNIT), Run(None, 1 << 43)], 1 << 43, 1 << 43)
    cipher = Ciphertext(stored, 1 << 43, 1 << 43, sparse=True, unit=UNIT, cluster=4096)
    with pytest.raises(UnsupportedError, match="too large"):
        RawStream(b"", [("", cipher)])


def test_a_stream_that_ends_early_is_damage() -> None:
    class Short(FakeStream):
        size = 100

    with pytest.raises(DamagedError, match="ends early: 3 of 100"):
        whole(RawStream(efs(fek(AES_256, KEYS[AES_256]), [anna()]), [("s", Short(b"abc"))]))
