"""The second decoder of LZX gives back what wimlib compressed, and nothing for what is no LZX."""

from __future__ import annotations

import hashlib
import random
import struct
from itertools import pairwise

import pytest

from extractor.filesystems import lzx
from sample_images.reparse import wof_stream
from tests.conftest import need_tool

CHUNK = 32768


def noise(count: int) -> bytes:
    return b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(count))


def program() -> bytes:
    """Return bytes with calls (E8) to the same places from everywhere, as code has them."""
    return b"".join(
        b"\xe8" + struct.pack("<i", 500_000 - 20 * n) + bytes([n * 7 % 256, n % 13]) * 8
        for n in range(20_000)
    )


CONTENTS = {
    "text": b"The quick brown fox jumps over the lazy dog. " * 3000,
    "mixed": b"".join(noise(40) + b"words " * n + bytes(n * 3) for n in range(400)),
    "calls": program(),
    "one byte": b"a" * 100_001,
}


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the compressed and the plain bytes of each chunk that wimlib compressed."""
    stored = wof_stream(data, "LZX")
    count = -(-len(data) // CHUNK)
    table = struct.unpack_from(f"<{count - 1}I", stored)
    body = stored[4 * (count - 1) :]
    places = pairwise([0, *table, len(body)])
    plain = (data[n : n + CHUNK] for n in range(0, len(data), CHUNK))
    pairs = [(body[start:end], each) for (start, end), each in zip(places, plain, strict=True)]
    return [(packed, each) for packed, each in pairs if len(packed) < len(each)]


@pytest.mark.parametrize("name", CONTENTS)
def test_each_chunk_is_what_was_compressed(name: str) -> None:
    need_tool("wimlib-imagex")
    found = chunks(CONTENTS[name])
    assert found
    for packed, plain in found:
        assert lzx.decompress(packed, len(plain)) == plain


def test_an_uncompressed_block_is_copied_and_its_last_odd_byte_skipped() -> None:
    bits = f"{3:03b}" + "0" + f"{5:016b}"
    word = int(bits.ljust(32, "0"), 2)
    head = struct.pack("<HH", word >> 16, word & 0xFFFF)
    packed = head + struct.pack("<3I", 1, 1, 1) + b"bytes" + b"\0"
    assert lzx.decompress(packed, 5) == b"bytes"


def test_what_is_no_lzx_is_an_error_and_never_more_than_was_asked_for() -> None:
    source = random.Random(7)
    for _ in range(300):
        packed = source.randbytes(source.randrange(1, 200))
        try:
            assert len(lzx.decompress(packed, CHUNK)) == CHUNK
        except ValueError:
            continue
