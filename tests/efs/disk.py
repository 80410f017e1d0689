"""Puts files into an NTFS volume without a driver: records of the $MFT that were free, clusters that were free.

Directories' indexes are left as they are: the reader goes by the $MFT. So these volumes are for it alone, and a test
needs neither root nor FUSE. Layout: FILE_RECORD_SEGMENT_HEADER, ATTRIBUTE_RECORD_HEADER, ATTRIBUTE_LIST_ENTRY and
FILE_NAME of Microsoft's "Master File Table" pages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from extractor.filesystems import find
from extractor.filesystems.ntfs import NtfsFilesystem
from extractor.model import Entry
from sample_images import unpack
from tests.filesystems.conftest import ntfs_volumes

CLUSTER, RECORD, STRIDE = 4096, 1024, 512
FREE_RECORDS = range(27, 64)
MFT_CLUSTER = 4
ENCRYPTED, SPARSE = 0x4000, 0x8000
FILE_ATTRIBUTE_ENCRYPTED, FILE_ATTRIBUTE_DIRECTORY_INDEX = 0x4000, 0x10000000
TIME = 133_000_000_000_000_000


@dataclass(frozen=True)
class Part:
    """One attribute to be written: what is in it, and how."""

    kind: int
    name: str
    content: bytes
    size: int = -1
    """Bytes of the value, where the stored ones are more."""
    valid: int = -1
    flags: int = 0
    holes: Sequence[int] = ()
    """Clusters, counted from the stream's beginning, that are holes."""
    resident: bool = False
    extension: bool = False
    """Put it into an extension record."""


@cache
def _base() -> tuple[bytes, tuple[int, ...]]:
    """Return the volume of ``solo`` and its free clusters."""
    content = unpack("solo").read_bytes()
    (volume,) = ntfs_volumes(content)
    bitmap = NtfsFilesystem(volume).open(Entry(6, 6, 5, "$Bitmap", directory=False))
    used = bitmap.read_at(0, bitmap.size)
    return content, tuple(n for n in range(8 * len(used)) if not used[n // 8] >> n % 8 & 1)


@dataclass
class Disk:
    """The volume of ``solo`` with files added to it."""

    content: bytearray = field(default_factory=lambda: bytearray(_base()[0]))
    records: Iterator[int] = field(default_factory=lambda: iter(FREE_RECORDS))
    clusters: Iterator[int] = field(default_factory=lambda: iter(_base()[1]))

    def open(self) -> NtfsFilesystem:
        (volume,) = ntfs_volumes(bytes(self.content))
        return NtfsFilesystem(volume)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.content)
        return path

    def directory(self, *parts: str) -> int:
        """Return the record of a directory, made where it is missing."""
        found = find(self.open(), parts)
        if found:
            return found.record
        parent = self.directory(*parts[:-1])
        return self._write(parent, parts[-1], [], FILE_ATTRIBUTE_DIRECTORY_INDEX, directory=True)

    def file(self, *path: str, parts: Sequence[Part], attributes: int = 0) -> int:
        """Add a file; return its record."""
        return self._write(self.directory(*path[:-1]), path[-1], parts, attributes, directory=False)

    def plain(self, *path: str, content: bytes) -> int:
        """Add an ordinary file."""
        return self.file(*path, parts=[Part(0x80, "", content)])

    def _write(
        self, parent: int, name: str, parts: Sequence[Part], attributes: int, *, directory: bool
    ) -> int:
        number = next(self.records)
        sequence = struct.unpack_from("<H", self.content, self._place(parent) + 16)[0]
        head = [_standard(attributes), _file_name(parent | sequence << 48, name)]
        made = [(part, self._attribute(part, n)) for n, part in enumerate(parts, 8)]
        further = [raw for part, raw in made if part.extension]
        if further:
            extension = next(self.records)
            self._record(extension, further, base=number | 1 << 48)
            head.insert(1, _attribute_list(head, made, number, extension))
        own = [raw for part, raw in made if not part.extension]
        self._record(number, sorted(head + own, key=_kind), directory=directory)
        return number

    def _place(self, record: int) -> int:
        return MFT_CLUSTER * CLUSTER + record * RECORD

    def _record(
        self, number: int, attributes: Sequence[bytes], base: int = 0, *, directory: bool = False
    ) -> None:
        body = b"".join(attributes) + struct.pack("<II", 0xFFFFFFFF, 0)
        flags = 1 | (2 if directory else 0)
        head = struct.pack(
            "<4sHHQHHHHIIQHHI", b"FILE", 48, 3, 0, 1, 1, 56, flags, 56 + len(body), RECORD, base,
            64, 0, number,
        )  # fmt: skip
        assert len(head) == 48
        record = bytearray((head + bytes(8) + body).ljust(RECORD, b"\0"))
        assert len(record) == RECORD, "too many attributes for one record"
        mark = b"\x07\0"
        record[48:50] = mark
        for index in (1, 2):
            end = index * STRIDE
            record[48 + 2 * index : 50 + 2 * index] = record[end - 2 : end]
            record[end - 2 : end] = mark
        place = self._place(number)
        self.content[place : place + RECORD] = record

    def _attribute(self, part: Part, identity: int) -> bytes:
        name = part.name.encode("utf-16-le")
        if part.resident:
            return _resident(part.kind, identity, part.content, name, part.flags)
        return self._nonresident(part, identity, name)

    def _nonresident(self, part: Part, identity: int, name: bytes) -> bytes:
        count = -(-len(part.content) // CLUSTER)
        mapping, before = b"", 0
        for index in range(count):
            data = part.content[index * CLUSTER : (index + 1) * CLUSTER]
            if index in part.holes:
                assert not any(data), "a hole holds zeros"
                mapping += b"\x01\x01"
                continue
            cluster = next(self.clusters)
            self.content[cluster * CLUSTER : cluster * CLUSTER + len(data)] = data
            mapping += b"\x31\x01" + (cluster - before).to_bytes(3, "little", signed=True)
            before = cluster
        size = part.size if part.size >= 0 else len(part.content)
        valid = part.valid if part.valid >= 0 else size
        sparse = bool(part.flags & SPARSE)
        start = 72 if sparse else 64
        names = start
        pairs = -(-(start + len(name)) // 8) * 8
        whole = -(-(pairs + len(mapping) + 1) // 8) * 8
        head = struct.pack(
            "<IIBBHHHQQHHIQQQ", part.kind, whole, 1, len(name) // 2, names, part.flags, identity,
            0, max(count - 1, 0), pairs, 4 if sparse else 0, 0, count * CLUSTER, size, valid,
        )  # fmt: skip
        if sparse:
            head += struct.pack("<Q", (count - len(part.holes)) * CLUSTER)
        return ((head + name).ljust(pairs, b"\0") + mapping).ljust(whole, b"\0")


def _kind(attribute: bytes) -> int:
    return int.from_bytes(attribute[:4], "little")


def _resident(
    kind: int, identity: int, value: bytes, name: bytes = b"", flags: int = 0, indexed: int = 0
) -> bytes:
    at = -(-(24 + len(name)) // 8) * 8
    whole = -(-(at + len(value)) // 8) * 8
    head = struct.pack(
        "<IIBBHHHIHBB", kind, whole, 0, len(name) // 2, 24, flags, identity, len(value), at, indexed, 0
    )  # fmt: skip
    return ((head + name).ljust(at, b"\0") + value).ljust(whole, b"\0")


def _standard(attributes: int) -> bytes:
    value = struct.pack("<4QI", TIME, TIME, TIME, TIME, attributes or 0x20).ljust(48, b"\0")
    return _resident(0x10, 0, value)


def _file_name(parent: int, name: str) -> bytes:
    text = name.encode("utf-16-le")
    value = struct.pack("<5QQQII", parent, TIME, TIME, TIME, TIME, 0, 0, 0, 0)
    return _resident(0x30, 1, value + bytes([len(text) // 2, 1]) + text, indexed=1)


def _attribute_list(
    head: Sequence[bytes], made: Sequence[tuple[Part, bytes]], number: int, extension: int
) -> bytes:
    places = [(raw, number) for raw in head]
    places += [(raw, extension if part.extension else number) for part, raw in made]
    value = b""
    for raw, place in sorted(places, key=lambda each: _kind(each[0])):
        units, at = raw[9], int.from_bytes(raw[10:12], "little")
        name = raw[at : at + 2 * units]
        entry = struct.pack(
            "<IHBBQQH", _kind(raw), -(-(26 + len(name)) // 8) * 8, units, 26, 0, place | 1 << 48,
            int.from_bytes(raw[14:16], "little"),
        )  # fmt: skip
        value += (entry + name).ljust(-(-(26 + len(name)) // 8) * 8, b"\0")
    return _resident(0x20, 2, value)
