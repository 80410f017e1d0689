"""The process in which dissect.ntfs reads: ``python -m extractor.filesystems.dissect_worker FD``.

The second opinion on what The Sleuth Kit cannot read. What dissect.ntfs itself gets wrong is put right here, from its
own view of the volume: it gives zeros for overlaid (WOF) files, and what lies behind the valid data length as it is.
"""

from __future__ import annotations

import hashlib
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dissect.ntfs import NTFS
from dissect.ntfs.exceptions import Error
from dissect.ntfs.mft import Mft
from dissect.ntfs.util import AttributeCollection
from dissect.util.compression import lzxpress_huffman
from dissect.util.stream import AlignedStream

from extractor.filesystems import lzx
from extractor.filesystems.confined import PIECE, fetch, run, send_digests, sha256

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from dissect.ntfs.mft import MftRecord

GRAIN = 64 << 10
"""Bytes of a block of the hash for huge sparse files (``SCHEMA.md``, column sha256)."""
WOF = "WofCompressedData"
CHUNKS = {0: 4096, 1: 32768, 2: 8192, 3: 16384}
"""Algorithm in a WOF reparse point -> plain bytes in a chunk ([MS-FSCC] FILE_PROVIDER_EXTERNAL_INFO_V1)."""
LZX = 1
LARGEST_TABLE = 64 << 20
"""Bytes of a table of chunks: that of a file of 64 GiB."""
PADDING = (0, 4, 16)
"""Zeros behind Xpress data: dissect.util stops with the last byte it takes in, though bits of it are left."""


class Bytes(AlignedStream):
    """The volume for dissect, whose bytes the parent gives."""

    def __init__(self, channel: socket.socket, size: int) -> None:
        super().__init__(size, align=4096)
        self._channel = channel

    def _read(self, offset: int, length: int) -> bytes:
        end, parts = min(offset + length, self.size or 0), []
        while offset < end:
            part = fetch(self._channel, offset, min(PIECE, end - offset))
            if not part:
                raise OSError("bytes of the volume cannot be had")
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


class Records(Mft):
    """The $MFT for dissect, which loses an attribute whose header ends less than 64 bytes before its record's end."""

    def get(self, *arguments: Any, **named: Any) -> MftRecord:  # noqa: ANN401  as dissect has it
        """Return a record with room behind it."""
        record = super().get(*arguments, **named)
        record.data = (record.data or b"") + bytes(64)
        return record


class Content:
    """A stream as dissect.ntfs sees it, zeros behind its valid data length."""

    def __init__(self, record: MftRecord, name: str) -> None:
        found = [each for each in record.attributes.DATA if each.header.name == name]
        if not found:
            raise OSError("it sees no stream of this name")
        attributes = AttributeCollection(found)
        header = found[0].header if found[0].header.resident else _first(found).header
        self._file = attributes.open()
        self.size: int = header.size
        self.valid = self.size
        self.runs: Sequence[tuple[int | None, int]] = ()
        if not header.resident:
            self.valid = min(self.size, header.header.Form.Nonresident.ValidDataLength)
            self.runs = attributes.dataruns()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes, fewer at the end."""
        length = max(min(length, self.size - offset), 0)
        stored = max(min(length, self.valid - offset), 0)
        self._file.seek(offset)
        data: bytes = self._file.read(stored) if stored else b""
        if len(data) != stored:
            raise OSError(f"it gives only {len(data)} of {stored} bytes at {offset}")
        return data + bytes(length - stored)

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it."""
        for start in range(0, self.size, PIECE):
            yield self.read(start, PIECE)


def _first(attributes: list[Any]) -> Any:  # noqa: ANN401  dissect's Attribute, which answers to any name
    return min(attributes, key=lambda each: each.header.lowest_vcn)


class DissectReader:
    """Answers the parent's requests, one at a time."""

    def __init__(self, channel: socket.socket, size: int) -> None:
        self._channel = channel
        try:
            self._ntfs = NTFS(cast("BinaryIO", Bytes(channel, size)))
        except Error as error:
            raise OSError(str(error)) from error
        if self._ntfs.mft is None:
            raise OSError("it sees no $MFT")
        self._ntfs.mft = self._mft = Records(self._ntfs.mft.fh, self._ntfs)

    def answer(self, operation: str, arguments: list[Any]) -> None:
        """Carry out one request; there is one: digests of streams, each [record, name, size, kind]."""
        if operation != "digests":
            raise OSError(f"nothing is known of {operation}")
        send_digests(self._channel, arguments, self._digest)

    def _digest(self, number: int, name: str, size: int, kind: str) -> str:
        """Return the hash of a stream; ``kind`` is plain, wof or holes (a huge sparse file)."""
        try:
            record = self._mft.get(number)
            content = Content(record, name)
            if content.size != size:
                raise OSError(f"it sees {content.size} of {size} bytes")
            if kind == "holes":
                return self._holes_digest(content)
            pieces = overlaid(record, size) if kind == "wof" else content.pieces()
            return sha256(self._channel, pieces, size)
        except Error as error:
            raise OSError(str(error)) from error

    def _holes_digest(self, content: Content) -> str:
        digest = hashlib.sha256()
        for block in _blocks(content, self._ntfs.cluster_size):
            data = content.read(block * GRAIN, GRAIN).ljust(GRAIN, b"\0")
            if any(data):
                digest.update(struct.pack("<Q", block) + data)
        digest.update(struct.pack("<Q", content.size))
        return f"holes-{digest.hexdigest()}"


def _blocks(content: Content, cluster: int) -> Iterator[int]:
    """Yield the numbers of the blocks that have clusters, in order."""
    start, following = 0, 0
    for place, count in content.runs:
        end = min(start + count * cluster, content.valid)
        if place is not None and end > start:
            first, last = max(start // GRAIN, following), -(-end // GRAIN)
            yield from range(first, last)
            following = max(last, following)
        start += count * cluster


def overlaid(record: MftRecord, size: int) -> Iterator[bytes]:
    """Yield the plain chunks of a file held by the Windows Overlay Filter; raise OSError when it is not whole."""
    algorithm = _algorithm(record)
    stored, chunk = Content(record, WOF), CHUNKS[algorithm]
    count, entry = -(-size // chunk), struct.Struct("<Q" if size >> 32 else "<I")
    table = max(count - 1, 0) * entry.size
    if table > min(stored.size, LARGEST_TABLE):
        raise OSError(f"its table of chunks takes {table} bytes")
    places = [0, *(at for (at,) in entry.iter_unpack(stored.read(0, table))), stored.size - table]
    for index, (start, end) in enumerate(pairwise(places if count else ())):
        wanted = min(chunk, size - index * chunk)
        if not 0 < end - start <= wanted:
            raise OSError(f"its chunk {index} has an impossible place")
        data = stored.read(table + start, end - start)
        yield data if len(data) == wanted else _plain(algorithm, data, wanted)


def _algorithm(record: MftRecord) -> int:
    """Return the algorithm that the reparse point names: tag, length, then version, provider, version, algorithm."""
    value = record.attributes.REPARSE_POINT[0].data()
    tag, provider, algorithm = (int.from_bytes(value[at : at + 4], "little") for at in (0, 12, 20))
    if (tag, provider) != (0x80000017, 2) or len(value) < 24 or algorithm not in CHUNKS:
        raise OSError("it sees no overlay of a known kind")
    return algorithm


def _plain(algorithm: int, data: bytes, wanted: int) -> bytes:
    if algorithm == LZX:
        return lzx.decompress(data, wanted)
    for padding in PADDING:
        try:
            plain: bytes = lzxpress_huffman.decompress(data + bytes(padding))[:wanted]
        except TypeError:  # a length was read behind the end
            continue
        if len(plain) == wanted:
            return plain
    raise OSError("dissect.util cannot decompress a chunk")


if __name__ == "__main__":
    "".encode(
        "utf-16-le"
    )  # Python loads an encoding when it is first used: before no file can be opened any more
    run(DissectReader)
