from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from extractor.errors import CorruptStoreError
from extractor.store.wim.codecs import Compression, Decompressor, incompressible
from extractor.store.wim.dentry import DENTRY, END_OF_LIST, pack
from extractor.store.wim.format import CHUNK, Flag, Header, Kind, Resource, parse_header
from extractor.store.wim.node import DIRECTORY, Image, Node
from extractor.store.wim.reader import WimFile
from extractor.store.wim.verify import verify
from extractor.store.wim.walk import Walk
from tests.store.wim.build import CODECS, make, need_codec

TEXT = b"".join(b"%d bottles of beer; " % number for number in range(20_000))


class Bytes:
    """Bytes as a Readable."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A WIM of two images in which every kind of structure is."""
    contents = {
        ("C$", "small"): b"content",
        ("C$", "text"): TEXT,
        ("C$", "noise"): random.Random(3).randbytes(70_000),
        ("empty",): b"",
    }
    rows = [((), Node(DIRECTORY, security=bytes(20))), (("a",), Node(0x20, short_name="A~1"))]
    path = tmp_path_factory.mktemp("wim") / "a.wim"
    return make(path, dict(sorted(contents.items())), more=[Image("settings", rows)]).read_bytes()


def damaged(data: bytes) -> bool:
    """Tell whether anything is found wrong with a WIM."""
    try:
        return bool(verify(WimFile(Bytes(data))).damage)
    except CorruptStoreError:
        return True


def test_a_whole_wim_has_no_damage(sample: bytes) -> None:
    assert not damaged(sample)


def test_any_flipped_bit_is_found(sample: bytes) -> None:
    chance = random.Random(11)
    for bit in chance.sample(range(8 * len(sample)), 500):
        changed = bytearray(sample)
        changed[bit // 8] ^= 1 << bit % 8
        assert damaged(bytes(changed)), f"bit {bit % 8} of byte {bit // 8}"


def test_any_flipped_bit_of_the_header_is_found(sample: bytes) -> None:
    for bit in range(8 * 208):
        changed = bytearray(sample)
        changed[bit // 8] ^= 1 << bit % 8
        assert damaged(bytes(changed)), f"bit {bit % 8} of byte {bit // 8}"


def test_any_flipped_byte_behind_the_blobs_is_found(sample: bytes) -> None:
    start = parse_header(sample[:208]).blobs.offset
    for at in range(start, len(sample)):
        changed = bytearray(sample)
        changed[at] ^= 1 << at % 7
        assert damaged(bytes(changed)), f"byte {at}"


@pytest.mark.parametrize("cut", [0, 1, 207, 208, 1000, -1])
def test_a_cut_wim_is_damaged(sample: bytes, cut: int) -> None:
    assert damaged(sample[:cut])


def test_bytes_behind_the_end_are_damage(sample: bytes) -> None:
    assert damaged(sample + b"\0")


def test_a_damaged_blob_is_named(sample: bytes) -> None:
    wim = WimFile(Bytes(sample))
    entry = next(blob for blob in wim.blobs if blob.resource.size == 70_000)
    changed = bytearray(sample)
    changed[entry.resource.offset + 5] ^= 4
    found = verify(WimFile(Bytes(bytes(changed)))).damage
    assert entry.sha1 in {damage.sha1 for damage in found}


def test_progress_tells_all_bytes(sample: bytes) -> None:
    told: list[int] = []
    wim = WimFile(Bytes(sample))
    verify(wim, told.append)
    blobs = [*wim.blobs, *wim.blobs.metadata]
    covered = wim.header.blobs.end - 208
    assert sum(told) == covered + sum(blob.resource.stored for blob in blobs)


def test_a_blob_is_read_at_any_place(sample: bytes) -> None:
    wim = WimFile(Bytes(sample))
    sha1 = next(blob.sha1 for blob in wim.blobs if blob.resource.size == len(TEXT))
    file = wim.open_blob(sha1)
    chance = random.Random(2)
    for _ in range(200):
        at, length = chance.randrange(len(TEXT) + 9), chance.randrange(3 * CHUNK)
        file.seek(at)
        assert file.read(length) == TEXT[at : at + length]
    assert file.seek(-3, 2) == len(TEXT) - 3
    assert file.read() == TEXT[-3:]


def test_a_blob_that_is_not_there_is_refused(sample: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="has no blob"):
        WimFile(Bytes(sample)).blob(b"x" * 20)


def test_a_solid_or_spanned_wim_is_refused(sample: bytes) -> None:
    header = parse_header(sample[:208])
    for flags in (
        header.flags | 0x80000,
        header.flags | Flag.SPANNED,
        header.flags | Flag.WRITE_IN_PROGRESS,
    ):
        raw = replace(header, flags=flags).pack()
        with pytest.raises(CorruptStoreError, match="is refused"):
            parse_header(raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: replace(header, blobs=header.blobs._replace(offset=1 << 63)),
        lambda header: replace(header, blobs=header.blobs._replace(stored=1 << 55, size=1 << 55)),
        lambda header: replace(header, xml=header.xml._replace(size=1 << 60)),
        lambda header: replace(header, xml=Resource(0, 0, 0, Kind(0))),
        lambda header: replace(header, images=1 << 31),
    ],
)
def test_a_header_that_lies_is_refused(sample: bytes, change: Callable[[Header], Header]) -> None:
    raw = change(parse_header(sample[:208])).pack()
    with pytest.raises(CorruptStoreError):
        WimFile(Bytes(raw + sample[208:]))


def walked(metadata: bytes) -> int:
    """Return how many rows some metadata has."""
    wim = Resource(0, len(metadata), len(metadata), Kind.METADATA)
    from extractor.store.wim.blob import BlobReader

    return sum(1 for _ in Walk(BlobReader(Bytes(metadata), wim, None, 0)).rows())


NO_SD = struct.pack("<2I", 8, 0)
ROOT = pack(Node(DIRECTORY), b"", -1, 8 + 104 + 8, 0) + END_OF_LIST


def entry(name: str, children: int = 0, attributes: int = DIRECTORY) -> bytes:
    return pack(Node(attributes), name.encode("utf-16-le"), -1, children, 0)


def test_a_directory_in_itself_is_refused() -> None:
    with pytest.raises(CorruptStoreError, match="in each other"):
        walked(NO_SD + ROOT + entry("a", 120) + END_OF_LIST)


def test_directories_that_share_their_children_are_refused() -> None:
    deep = b"".join(entry(name, 120) for name in ("a", "b", "c"))
    with pytest.raises(CorruptStoreError, match="in each other"):
        walked(NO_SD + ROOT + deep + END_OF_LIST)


def test_two_directories_with_one_list_are_refused() -> None:
    children = 120 + 2 * 112 + 8
    names = entry("a", children) + entry("b", children) + END_OF_LIST
    with pytest.raises(CorruptStoreError, match="in each other"):
        walked(NO_SD + ROOT + names + entry("x") + END_OF_LIST)


def test_a_very_deep_tree_is_walked_without_recursion() -> None:
    deep = 5000
    lists = [entry("d", 120 + 120 * (depth + 1)) + END_OF_LIST for depth in range(deep)]
    assert walked(NO_SD + ROOT + b"".join(lists) + entry("e") + END_OF_LIST) == deep + 2


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (b"", "no table"),
        (struct.pack("<2I", 1 << 31, 0), "does not fit"),
        (struct.pack("<2I", 16, 1 << 31) + bytes(8), "does not fit"),
        (struct.pack("<2IQ", 16, 1, 1 << 60), "does not fit"),
        (NO_SD, "beyond the end"),
        (NO_SD + END_OF_LIST, "no root"),
        (NO_SD + ROOT, "beyond the end"),
        (NO_SD + ROOT + entry("a"), "beyond the end"),
        (NO_SD + ROOT + entry("a", 1 << 62) + END_OF_LIST, "where none can be|beyond the end"),
        (NO_SD + ROOT + entry("a", 121) + END_OF_LIST, "where none can be"),
        (NO_SD + ROOT + entry("a", 120, 0x20) + END_OF_LIST, "a file has children"),
        (NO_SD + ROOT + entry("a") + entry("a") + END_OF_LIST, "twice"),
        (NO_SD + ROOT + entry("..") + END_OF_LIST, "has the name"),
        (NO_SD + ROOT + entry("a/b") + END_OF_LIST, "has the name"),
        (NO_SD + ROOT + entry("a\0b") + END_OF_LIST, "has the name"),
        (NO_SD + ROOT + pack(Node(0x20), b"a\0", 3, 0, 0) + END_OF_LIST, "no security descriptor"),
        (NO_SD + ROOT + struct.pack("<Q", 50) + bytes(200), "50 bytes"),
        (NO_SD + ROOT + struct.pack("<Q", 1 << 40) + bytes(200), "bytes"),
        (NO_SD + ROOT + entry("a")[: DENTRY.size - 2] + b"\xff\xfe" + bytes(16), "does not fit"),
    ],
)
def test_metadata_that_lies_is_refused(metadata: bytes, why: str) -> None:
    with pytest.raises(CorruptStoreError, match=why):
        walked(metadata)


def test_random_metadata_is_walked_or_refused(sample: bytes) -> None:
    wim = WimFile(Bytes(sample))
    reader = wim.reader(wim.blobs.metadata[0])
    metadata = reader.read_at(0, reader.size)
    chance = random.Random(5)
    for _ in range(500):
        changed = bytearray(metadata)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.choice(
                (0, 1, 8, 0x78, 0xFF, chance.randrange(256))
            )
        try:
            assert walked(bytes(changed)) < 100
        except CorruptStoreError:
            continue


@pytest.mark.parametrize("compression", CODECS[1:])
def test_a_chunk_that_is_not_whole_is_refused(compression: Compression) -> None:
    need_codec(compression)
    with pytest.raises(CorruptStoreError, match="cannot be decompressed"):
        Decompressor(compression, CHUNK).decompress(b"\xff" * 40, CHUNK)


def test_what_looks_random_is_told_from_what_does_not() -> None:
    chance = random.Random(1)
    noise = chance.randbytes(CHUNK)
    base64 = bytes(
        chance.choice(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        for _ in noise
    )
    doubles = b"".join(struct.pack("<d", 1 + chance.random() / 1000) for _ in range(CHUNK // 8))
    data = memoryview(noise + base64 + TEXT[:CHUNK] + doubles + noise[:4095])
    assert incompressible(data) == [True, False, False, False, False]
