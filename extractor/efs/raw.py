"""An EFS file in the EFSRPC raw data format: what ReadEncryptedFileRaw gives and WriteEncryptedFileRaw takes.

::

    00 01 00 00 "ROBS" 8 zeros
    header of the metadata stream, one segment: $EFS as it is
    header of a data stream, its segments: 64 KiB each, with an encryption header where the stream is encrypted
    ...

Source: [MS-EFSR] 2.2.3 to 2.2.3.4. Where the text leaves a choice, what Windows writes: the ciphertext begins 512
bytes into its segment, the metadata stream is called 0x10 0x19, every segment holds one piece of 64 KiB.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from extractor.errors import DamagedError, UnsupportedError
from extractor.seams import Ciphertext, Readable, Stream

FILE_HEADER = b"\0\1\0\0" + "ROBS".encode("utf-16-le") + bytes(8)
METADATA_NAME = b"\x10\x19"
ENCRYPTED, NOT_ENCRYPTED = 0, 1
PIECE = 1 << 16
"""Bytes of a stream that one segment holds."""
SECTOR = 512
SEGMENT_HEADER = 16
ENCRYPTION_HEADER = SECTOR - SEGMENT_HEADER
SPARSE_LIMIT = 64 << 30
SPARSE_RATIO = 1000
"""A sparse stream beyond the limit with less than a thousandth of it allocated is refused, as in a plain copy."""

Source = tuple[str, Ciphertext | Stream]
"""A stream's name and what it holds: Ciphertext where EFS encrypted it, else the content."""


class RawStream:
    """The raw form of one file (seam: Stream), made while it is read.

    Raises DamagedError when a unit of a sparse stream is half a hole, UnsupportedError for a sparse bomb.
    """

    def __init__(self, efs: bytes, streams: Sequence[Source]) -> None:
        head = FILE_HEADER + _stream_header(METADATA_NAME, ENCRYPTED) + _segment(efs)
        self._parts: list[Readable] = [_Bytes(head)]
        for name, source in streams:
            self._parts += _parts_of(name, source)
        self._starts = [0, *accumulate(part.size for part in self._parts)]

    @property
    def size(self) -> int:
        return self._starts[-1]

    def extents(self) -> Iterable[tuple[int, int]]:
        return [(0, self.size)]

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError where the disk cannot be read."""
        return b"".join(self._pieces(offset, min(offset + length, self.size)))

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            inside = offset - self._starts[index]
            data = self._parts[index].read_at(inside, end - offset)
            yield data
            offset, index = offset + len(data), index + 1


class _Bytes:
    """Bytes that are known beforehand."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    def read_at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


class _Cut(Protocol):
    """A stream, cut into segments."""

    starts: Sequence[int]
    """Where each segment begins in the raw form, then where the last one ends."""

    def segment(self, index: int, /) -> bytes: ...


class _Segments:
    """All segments of one stream, one behind the other."""

    def __init__(self, cut: _Cut) -> None:
        self._cut = cut
        self.size = cut.starts[-1]

    def read_at(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        first = bisect_right(self._cut.starts, offset) - 1
        last = bisect_right(self._cut.starts, end - 1)
        data = b"".join(map(self._cut.segment, range(first, last)))
        start = offset - self._cut.starts[first]
        return data[start : start + end - offset]


def _parts_of(name: str, source: Ciphertext | Stream) -> Iterator[Readable]:
    """Yield the header of a stream and its segments; an empty stream has none."""
    text = f":{name}:$DATA".encode("utf-16-le", "surrogatepass")
    encrypted = isinstance(source, Ciphertext)
    yield _Bytes(_stream_header(text, ENCRYPTED if encrypted else NOT_ENCRYPTED))
    if source.size:
        yield _Segments(
            EncryptedCut(source) if isinstance(source, Ciphertext) else PlainCut(source)
        )


class PlainCut:
    """A stream of an encrypted file that is not encrypted itself: data without a header of its own."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.starts = _starts(stream.size, SEGMENT_HEADER)

    def segment(self, index: int) -> bytes:
        """Return a segment; raise DamagedError."""
        return _segment(_read(self._stream, index * PIECE, PIECE))


class EncryptedCut:
    """An encrypted stream, with what a reader must know to decrypt each piece."""

    def __init__(self, cipher: Ciphertext) -> None:
        self._cipher = cipher
        self._unit = min(cipher.unit, PIECE)
        self.starts = _starts(cipher.stored.size, SECTOR)
        self._extents: list[tuple[int, int]] = []
        if cipher.sparse:
            _refuse_bomb(cipher)
            self._extents = [(start, start + size) for start, size in cipher.stored.extents()]
            self.starts = self._sparse_starts()

    def _sparse_starts(self) -> Sequence[int]:
        pieces = range(0, self._cipher.stored.size, PIECE)
        sizes = (SECTOR + sum(self._blocks(offset)) for offset in pieces)
        return array("Q", [0, *accumulate(sizes)])

    def segment(self, index: int) -> bytes:
        """Return a segment; raise DamagedError."""
        offset = index * PIECE
        blocks = self._blocks(offset)
        data = b"".join(self._data(offset, blocks))
        return _segment(self._encryption_header(offset, blocks) + data)

    def _blocks(self, offset: int) -> list[int]:
        """Return how many bytes of each data unit are there: all, or none where the unit is a hole."""
        end = min(offset + PIECE, self._cipher.stored.size)
        if not self._cipher.sparse:
            return [end - offset]
        starts = range(offset, end, self._unit)
        return [self._held(start, min(start + self._unit, end)) for start in starts]

    def _held(self, start: int, end: int) -> int:
        """Return the bytes of a unit of a sparse stream, 0 for a hole."""
        written = min(end, max(start, -(-self._cipher.valid // SECTOR) * SECTOR))
        index = bisect_right(self._extents, (start, 1 << 64)) - 1
        before = index >= 0 and self._extents[index][1] > start
        if before and self._extents[index][1] >= written:
            return end - start
        after = index + 1 < len(self._extents) and self._extents[index + 1][0] < end
        if before or after:
            raise DamagedError(f"the unit at byte {start} of an encrypted stream is half a hole")
        return 0

    def _data(self, offset: int, blocks: Sequence[int]) -> Iterator[bytes]:
        for index, size in enumerate(blocks):
            if size:
                yield _read(self._cipher.stored, offset + index * self._unit, size)

    def _encryption_header(self, offset: int, blocks: Sequence[int]) -> bytes:
        """Return a Data Segment Encryption Header ([MS-EFSR] 2.2.3.3) with its extended header (2.2.3.4)."""
        cipher = self._cipher
        unit = self._unit if cipher.sparse else max(blocks[0], SECTOR)
        fixed = struct.pack(
            "<QIIIHBBBBH", offset, ENCRYPTION_HEADER,
            max(0, min(PIECE, cipher.size - offset)), max(0, min(PIECE, cipher.valid - offset)),
            0, _shift(unit), _shift(unit), _shift(cipher.cluster), 1, len(blocks),
        )  # fmt: skip
        sizes = struct.pack(f"<{len(blocks)}I", *blocks)
        extended = b"EXTD" + struct.pack("<III", 16, int(cipher.sparse), 0)
        return (fixed + sizes + extended).ljust(ENCRYPTION_HEADER, b"\0")


def _shift(size: int) -> int:
    """Return the base-2 logarithm, rounded up."""
    return (size - 1).bit_length()


def _starts(size: int, header: int) -> Sequence[int]:
    """Return where segments begin that all hold 64 KiB but the last; computed, not kept."""
    return _Even(size, header)


class _Even(Sequence[int]):
    """Places of segments that are all of one length but the last: i -> i * length, and the end."""

    def __init__(self, size: int, header: int) -> None:
        self._count = -(-size // PIECE)
        self._length = header + PIECE
        self._end = size + self._count * header

    def __len__(self) -> int:
        return self._count + 1

    def __getitem__(self, index: int | slice) -> int:  # type: ignore[override]
        if isinstance(index, slice):
            raise TypeError("no slices")
        at = index + len(self) if index < 0 else index
        if not 0 <= at <= self._count:
            raise IndexError(index)
        return self._end if at == self._count else at * self._length


def _stream_header(name: bytes, flag: int) -> bytes:
    """Return the header of a Marshaled Stream ([MS-EFSR] 2.2.3.1)."""
    magic = "NTFS".encode("utf-16-le")
    return struct.pack("<I8sIQI", 28 + len(name), magic, flag, 0, len(name)) + name


def _segment(content: bytes) -> bytes:
    """Return a Stream Data Segment ([MS-EFSR] 2.2.3.2) around its content."""
    magic = "GURE".encode("utf-16-le")
    return struct.pack("<I8sI", SEGMENT_HEADER + len(content), magic, 0) + content


def _read(stream: Readable, offset: int, length: int) -> bytes:
    """Return exactly what is there; a stream that ends early would give a form that no one can read."""
    wanted = min(length, stream.size - offset)
    data = stream.read_at(offset, wanted)
    if len(data) != wanted:
        raise DamagedError(f"ends early: {len(data)} of {wanted} bytes at offset {offset}")
    return data


def _refuse_bomb(cipher: Ciphertext) -> None:
    held = sum(length for _, length in cipher.stored.extents())
    if cipher.size > SPARSE_LIMIT and held * SPARSE_RATIO < cipher.size:
        raise UnsupportedError(
            f"sparse encrypted file of {cipher.size} bytes logical, {held} of them allocated: its raw form is too large"
        )
