"""Bytes -> the chunks of a resource, in the memory of one worker."""

from __future__ import annotations

import mmap
import sys
from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from extractor.store.wim.codecs import Compression, Compressor, incompressible
from extractor.store.wim.content import UNIT
from extractor.store.wim.format import CHUNK, chunk_table
from extractor.store.wim.target import Buffer


class Chunks(NamedTuple):
    """Chunks as they are stored, and the bytes of each."""

    data: bytes
    lengths: list[int]


class Packer:
    """Compresses up to 1 MiB at a time; each worker has one."""

    def __init__(self, compression: Compression, level: int) -> None:
        """Take a compressor and room for what it makes."""
        self._compressor = Compressor(compression, level) if compression.flags else None
        self._room = memoryview(mmap.mmap(-1, UNIT))
        self._room_at = _address(self._room)

    def chunks(self, data: memoryview) -> Chunks | None:
        """Return the chunks of some bytes; None when no chunk became smaller: the bytes are stored as they are."""
        if self._compressor is None or len(data) < 2:
            return None
        compress, source, target = self._compressor.compress, _address(data), self._room_at
        lengths, at, end, smaller = [], 0, 0, False
        for flat in incompressible(data):
            length = min(CHUNK, len(data) - at)
            made = 0 if flat else compress(source + at, length, target + end, length - 1)
            smaller = smaller or made > 0
            if not made:
                made = length
                self._room[end : end + length] = data[at : at + length]
            lengths.append(made)
            at += length
            end += made
        return Chunks(bytes(self._room[:end]), lengths) if smaller else None


def _address(data: memoryview) -> int:
    address: int = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    return address


def table_of(lengths: Iterable[int], size: int) -> bytes:
    """Return the chunk table of a resource of ``size`` plain bytes: where each chunk but the first one begins."""
    count, width = chunk_table(size, CHUNK)
    table = array("Q" if width == 8 else "I")
    at = 0
    for length in lengths:
        at += length
        table.append(at)
    del table[count:]
    if sys.byteorder == "big":
        table.byteswap()
    return table.tobytes()


def resource_of(data: memoryview, packed: Chunks | None) -> tuple[list[Buffer], bool]:
    """Return what a small blob is in the file, and whether that is compressed: only if it is smaller so."""
    if packed is None:
        return [data], False
    table = table_of(packed.lengths, len(data)) if len(packed.lengths) > 1 else b""
    if len(table) + len(packed.data) >= len(data):
        return [data], False
    return [table, packed.data] if table else [packed.data], True
