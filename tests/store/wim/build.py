"""Small WIMs, written by our writer, for the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from extractor.store.wim.codecs import Compression, available
from extractor.store.wim.node import DIRECTORY, Image, Node, Parts, Row
from extractor.store.wim.target import DescriptorTarget
from extractor.store.wim.writer import WimWriter, name_in_metadata

ROOT: Row = ((), Node(DIRECTORY))
CODECS = [Compression.NONE, Compression.XPRESS, Compression.LZX]


def need_codec(compression: Compression) -> None:
    """Skip a test whose codec is not installed; in CI that is a failure."""
    if compression.flags and not available():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have libwim15")
        pytest.skip("needs libwim15")


@contextmanager
def writing(
    path: Path, compression: Compression = Compression.XPRESS, *, level: int = 0, threads: int = 2
) -> Iterator[WimWriter]:
    """A writer of a new file."""
    need_codec(compression)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        target = DescriptorTarget(descriptor)
        with WimWriter(target, compression=compression, level=level, threads=threads) as writer:
            yield writer
    finally:
        os.close(descriptor)


def files(writer: WimWriter, contents: Mapping[Parts, bytes]) -> list[Row]:
    """Store files and return the rows of an image that holds them, directories included."""
    rows: dict[Parts, Node] = {(): Node(DIRECTORY)}
    for parts, content in contents.items():
        for depth in range(1, len(parts)):
            rows.setdefault(parts[:depth], Node(DIRECTORY))
        stored = writer.add(content, len(content))
        rows[parts] = Node(0x20, sha1=name_in_metadata(stored))
    return sorted(rows.items(), key=lambda row: row[0])


def make(
    path: Path,
    contents: Mapping[Parts, bytes],
    compression: Compression = Compression.XPRESS,
    more: Sequence[Image] = (),
) -> Path:
    """Write a WIM of one image and return its path."""
    with writing(path, compression) as writer:
        writer.finish([Image("user state", files(writer, contents), created=1 << 57), *more])
    return path
