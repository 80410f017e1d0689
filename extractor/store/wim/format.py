"""The fixed structures of a WIM file, little-endian: header, resource entry, blob entry, integrity table.

Microsoft, "Windows Imaging File Format (WIM)": WIMHEADER_V1_PACKED, RESHDR_DISK_SHORT, lookup table, integrity table.
What is refused is refused with CorruptStoreError. Sizes and offsets are bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple, Self

from extractor.errors import CorruptStoreError

MAGIC = b"MSWIM\0\0\0"
INCOMPLETE = b"MSWIM..."
"""What a file begins with until it is whole: no tool takes it for a WIM."""
VERSION = 0x10D00
HEADER_SIZE = 208
CHUNK = 32 << 10
"""Bytes of a chunk that every reader of XPRESS and LZX accepts."""
INTEGRITY_CHUNK = 10 << 20
INTEGRITY_HEAD = 12
SHA1 = 20
NO_HASH = bytes(SHA1)
"""The hash by which metadata names an empty stream: it has no blob."""

_HEADER = struct.Struct("<8s4I16s2HI24s24s24sI24s60s")
_RESHDR = struct.Struct("<QQQ")
_BLOB = struct.Struct("<24sHI20s")
_INTEGRITY = struct.Struct("<3I")
BLOB_ENTRY = _BLOB.size
RESHDR = _RESHDR.size


class Flag(IntFlag):
    """Flags of the header."""

    COMPRESSION = 0x2
    READONLY = 0x4
    SPANNED = 0x8
    RESOURCE_ONLY = 0x10
    METADATA_ONLY = 0x20
    WRITE_IN_PROGRESS = 0x40
    RP_FIX = 0x80
    XPRESS = 0x20000
    LZX = 0x40000


class Kind(IntFlag):
    """Flags of a resource."""

    FREE = 0x1
    METADATA = 0x2
    COMPRESSED = 0x4
    SPANNED = 0x8
    SOLID = 0x10


class Resource(NamedTuple):
    """Where bytes lie in the file: ``stored`` bytes at ``offset`` that are ``size`` bytes when decompressed."""

    offset: int
    stored: int
    size: int
    kind: Kind

    def pack(self) -> bytes:
        """Return the 24 bytes that the file holds; raise ValueError beyond 2**56 - 1 stored bytes."""
        if self.stored >> 56:
            raise ValueError("a resource has more than 56 bits of bytes")
        return _RESHDR.pack(self.stored | self.kind << 56, self.offset, self.size)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the entry; which of its flags make sense is for the reader to say."""
        head, offset, size = _RESHDR.unpack(raw)
        return cls(offset, head & (1 << 56) - 1, size, Kind(head >> 56))

    @property
    def end(self) -> int:
        """The offset behind the last stored byte."""
        return self.offset + self.stored


NOTHING = Resource(0, 0, 0, Kind(0))


class BlobEntry(NamedTuple):
    """A row of the blob table."""

    resource: Resource
    references: int
    sha1: bytes

    def pack(self) -> bytes:
        """Return the 50 bytes that the file holds."""
        return _BLOB.pack(self.resource.pack(), 1, self.references, self.sha1)


def parse_blob_table(raw: bytes) -> list[BlobEntry]:
    """Return the rows of a blob table, in order; refuse what is no table of a WIM in one part."""
    if len(raw) % BLOB_ENTRY:
        raise CorruptStoreError("the blob table of the WIM is cut: it is no whole number of rows")
    rows = []
    for resource, part, references, sha1 in _BLOB.iter_unpack(raw):
        if part != 1:
            raise CorruptStoreError(f"the blob table names part {part} of a WIM that has one")
        rows.append(BlobEntry(Resource.parse(resource), references, sha1))
    return rows


@dataclass(frozen=True, slots=True)
class Header:
    """The first 208 bytes."""

    flags: Flag
    chunk: int
    """Bytes of a chunk; 0 when nothing is compressed."""
    guid: bytes
    images: int
    blobs: Resource
    xml: Resource
    integrity: Resource
    boot: Resource = NOTHING
    boot_index: int = 0

    def pack(self, magic: bytes = MAGIC) -> bytes:
        """Return the 208 bytes."""
        return _HEADER.pack(
            magic, HEADER_SIZE, VERSION, self.flags, self.chunk, self.guid, 1, 1, self.images,
            self.blobs.pack(), self.xml.pack(), self.boot.pack(), self.boot_index,
            self.integrity.pack(), bytes(60),
        )  # fmt: skip


def parse_header(raw: bytes) -> Header:
    """Return the header of a WIM in one part; raise CorruptStoreError when it is anything else."""
    if len(raw) != HEADER_SIZE:
        raise CorruptStoreError("the WIM is cut: its header is not there")
    if raw[:8] == INCOMPLETE or not any(raw[:8]):
        raise CorruptStoreError(
            "the WIM was never finished: its header is the mark of a run that broke off"
        )
    magic, size, version, flags, chunk, guid, part, parts, images, *rest = _HEADER.unpack(raw)
    blobs, xml, boot, boot_index, integrity, reserved = rest
    problem = _problem(magic, (size, version), flags, chunk, (part, parts), reserved)
    if problem:
        raise CorruptStoreError(f"the header of the WIM is refused: {problem}")
    table, text, check, start = map(Resource.parse, (blobs, xml, integrity, boot))
    return Header(Flag(flags), chunk, guid, images, table, text, check, start, boot_index)


def _problem(
    magic: bytes,
    form: tuple[int, int],
    flags: int,
    chunk: int,
    parts: tuple[int, int],
    reserved: bytes,
) -> str:
    """Return what is wrong with a header, empty when nothing is."""
    known = 0
    for flag in Flag:
        known |= int(flag)
    codecs = bool(flags & Flag.XPRESS) + bool(flags & Flag.LZX)
    checks = {
        "its magic is not that of a WIM": magic != MAGIC,
        f"size {form[0]} or version {form[1]:#x} is not known": form != (HEADER_SIZE, VERSION),
        f"flags {flags:#x} are not all known (solid and LZMS files are not read)": flags & ~known,
        "it says that the file is being written": flags & Flag.WRITE_IN_PROGRESS,
        f"it is part {parts[0]} of {parts[1]}": parts != (1, 1) or flags & Flag.SPANNED,
        "it does not name one compression": codecs != bool(flags & Flag.COMPRESSION),
        f"chunks of {chunk} bytes": codecs
        and not (4096 <= chunk <= 65536 and chunk & (chunk - 1) == 0),
        f"LZX chunks of {chunk} bytes": flags & Flag.LZX and chunk != CHUNK,
        "reserved bytes are not zero": any(reserved),
    }
    return next((words for words, wrong in checks.items() if wrong), "")


def pack_integrity(digests: list[bytes]) -> bytes:
    """Return the integrity table of a file whose stretches of 10 MiB have these SHA-1."""
    size = INTEGRITY_HEAD + SHA1 * len(digests)
    return _INTEGRITY.pack(size, len(digests), INTEGRITY_CHUNK) + b"".join(digests)


def parse_integrity(raw: bytes, covered: int) -> tuple[int, list[bytes]]:
    """Return the length of a stretch and the SHA-1 of each; ``covered`` is the bytes that they cover together."""
    if len(raw) < INTEGRITY_HEAD:
        raise CorruptStoreError("the integrity table of the WIM is cut")
    size, count, chunk = _INTEGRITY.unpack_from(raw)
    if size != len(raw) or size != INTEGRITY_HEAD + SHA1 * count or not chunk:
        raise CorruptStoreError("the integrity table of the WIM is not of the size that it says")
    if count != -(-covered // chunk):
        raise CorruptStoreError("the integrity table of the WIM does not cover the file")
    return chunk, [raw[at : at + SHA1] for at in range(INTEGRITY_HEAD, size, SHA1)]


def chunk_table(size: int, chunk: int) -> tuple[int, int]:
    """Return how many entries the chunk table of a resource of ``size`` bytes has, and the bytes of each."""
    return max(0, -(-size // chunk) - 1), 8 if size > 0xFFFFFFFF else 4
