"""Sparse extents of a VMDK, stream-optimized (compressed) ones included; all numbers are little-endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, cast

from extractor.errors import ImageError
from extractor.images.decoded import (
    MAX_TABLE,
    DecodedMedium,
    FileStream,
    foreign_errors,
    refuse_undecodable,
)
from extractor.images.file import File
from extractor.images.vmdk_descriptor import Descriptor, parse_descriptor
from extractor.images.vmdk_extents import SECTOR, Part

MAGIC = b"KDMV"
HEADER = struct.Struct("<4sIIQQQQI8xQ8x5xH")
"""Magic, version, flags, capacity, grain size, place and length of the descriptor, entries of a grain table, place of
the grain directory, compression; places and sizes in sectors."""
AT_END = (1 << 64) - 1
"""The grain directory was written last: the header that knows its place lies 1024 bytes before the end."""
COMPRESSED = 1 << 16
DEFLATE = 1
GRAINS = range(8, 2049)
COMPRESSED_GRAINS = range(8, 513)
"""Sectors of a grain; smaller when compressed, for a hostile one unpacks to a thousand times what it takes."""
TABLE_ENTRIES = range(1, 4097)
MAX_CAPACITY = 1 << 33
"""4 TiB; a sparse extent has 2 TiB at most."""
MAX_DESCRIPTOR = 1 << 20


@dataclass(frozen=True, slots=True)
class SparseHeader:
    """What a sparse extent says of itself, in sectors."""

    version: int
    flags: int
    capacity: int
    grain: int
    descriptor: int
    descriptor_size: int
    entries: int
    directory: int
    compression: int

    @property
    def compressed(self) -> bool:
        """Each grain is a Deflate stream behind a marker."""
        return bool(self.flags & COMPRESSED)


def sparse_header(file: File) -> SparseHeader:
    """Return the header that counts, found sound; raise ImageError."""
    header = _parse(file, 0)
    if header.directory == AT_END:
        header = _parse(file, max(0, file.size - 1024))
    grains = COMPRESSED_GRAINS if header.compressed else GRAINS
    sane = header.grain in grains and not header.grain & (header.grain - 1)
    if not sane or header.entries not in TABLE_ENTRIES or not 0 < header.capacity <= MAX_CAPACITY:
        raise ImageError(
            f"{file.path} is damaged: its header gives {header.capacity} sectors in grains of {header.grain}, "
            f"{header.entries} to a table"
        )
    if header.compressed and header.compression != DEFLATE:
        raise ImageError(
            f"{file.path} is compressed in a way ({header.compression}) that is not known"
        )
    directory = 4 * -(-header.capacity // (header.grain * header.entries))
    if directory > MAX_TABLE or header.directory * SECTOR + directory > file.size:
        raise ImageError(f"{file.path} is cut: its grain directory does not fit the file")
    return header


def _parse(file: File, offset: int) -> SparseHeader:
    raw = file.read_at(offset, SECTOR)
    if len(raw) < SECTOR or not raw.startswith(MAGIC):
        raise ImageError(f"{file.path} is cut or no sparse extent: a header is missing")
    _, *fields = HEADER.unpack_from(raw)
    return SparseHeader(*fields)


def embedded_descriptor(file: File) -> Descriptor | None:
    """Return the descriptor that lies in a sparse file, None when it is but an extent; raise ImageError."""
    first = _parse(file, 0)
    place, length = first.descriptor * SECTOR, first.descriptor_size * SECTOR
    if not place or not length:
        return None
    if length > MAX_DESCRIPTOR or place + length > file.size:
        raise ImageError(f"{file.path} is cut or damaged: its descriptor does not fit the file")
    return parse_descriptor(file.path, file.read_at(place, length))


def open_sparse(file: File, header: SparseHeader, size: int) -> Part:
    """Return the part of a disk, ``size`` bytes of it, that a sparse extent holds; raise ImageError."""
    from dissect.hypervisor.disk.vmdk import SparseDisk

    if not 0 < size <= header.capacity * SECTOR:
        raise ImageError(
            f"{file.path} is damaged: it has {header.capacity} sectors, the disk takes {size // SECTOR} from it"
        )
    source = FileStream(file)
    try:
        disk = SparseDisk(cast("BinaryIO", source))
    except foreign_errors() as error:
        raise refuse_undecodable(file, error) from error
    grain = header.grain * SECTOR
    source.limit = 2 * grain + 4 * header.entries

    def decode(offset: int, length: int) -> bytes:
        return bytes(disk.read_sectors(offset // SECTOR, length // SECTOR))

    return Part(size, file, decoded=DecodedMedium(file, size, grain, decode))
