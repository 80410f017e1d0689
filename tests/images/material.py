"""Raw material for the tests of the readers: disks with known bytes, and the comparison with them."""

from __future__ import annotations

import bz2
import lzma
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from extractor.errors import ImageError
from extractor.images import open_image
from extractor.images.file import File
from extractor.seams import ZEROS, Mapped, Piece, Readable


def patterned(size: int, seed: int = 1) -> bytes:
    """Return bytes of three kinds in blocks of 64 KiB: zeros, text that compresses, noise that does not.

    Every sector outside the zeros is unlike every other, so a read from a wrong place is seen.
    """
    source = random.Random(seed)
    parts = []
    for block in range(0, size, 1 << 16):
        kind = source.choice((0, 1, 1, 2)) if block else 1
        parts.append(_block(source, kind, block))
    return b"".join(parts)[:size]


def _block(source: random.Random, kind: int, offset: int) -> bytes:
    if kind == 0:
        return bytes(1 << 16)
    if kind == 1:
        return b"".join(
            (b"\x00sector %012d " % (offset + at)).ljust(512, b"-") for at in range(0, 1 << 16, 512)
        )
    return source.randbytes(1 << 16)


def unpacked(packed: Path, folder: Path) -> Path:
    """Unpack an ``.xz`` or ``.bz2`` of the real material into a folder."""
    path = folder / packed.stem
    opened = (lzma if packed.suffix == ".xz" else bz2).open(packed)
    with opened as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def file_in_memory(content: bytes) -> File:
    """Return an open File that has no name on disk."""
    descriptor = os.memfd_create("material")
    os.write(descriptor, content)
    return File(Path("memory"), descriptor, len(content))


def assert_same_bytes(image: Readable, raw: bytes, reads: int = 400, seed: int = 7) -> None:
    """Compare random reads (half of them across a border of 32 KiB … 2 MiB) and the end with the truth."""
    assert image.size == len(raw)
    source = random.Random(seed)
    for number in range(reads):
        offset = source.randrange(len(raw))
        length = source.choice((1, 511, 512, 4096, 70_000, 300_000))
        if number % 2:
            border = offset >> source.choice((15, 16, 20, 21)) << 15
            offset = max(0, border - source.randrange(1, 2000))
        truth = raw[offset : offset + length]
        assert image.read_at(offset, length) == truth, (offset, length)
        assert read_pieces(image, offset, len(truth)) in {None, truth}, (offset, length)
    assert image.read_at(len(raw) - 3, 10) == raw[-3:]
    assert image.read_at(len(raw), 10) == b""
    assert image.read_at(len(raw) + 10, 10) == b""
    assert image.read_at(5, 0) == b""


def read_pieces(image: Readable, offset: int, length: int) -> bytes | None:
    """Return a range as whoever copies its pieces gets it; None when the image does not tell where it lies."""
    pieces = pieces_of(image, offset, length)
    if pieces is None:
        return None
    return b"".join(
        bytes(count) if descriptor == ZEROS else os.pread(descriptor, count, place)
        for descriptor, place, count in pieces
    )


def pieces_of(image: Readable, offset: int, length: int) -> Sequence[Piece] | None:
    """Return where a range lies in files of this host, None when the image does not tell."""
    return image.pieces(offset, length) if isinstance(image, Mapped) else None


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text
