"""QCOW2 (QEMU), plain and compressed, decoded by dissect.hypervisor once its header was found sound here.

Source: QEMU, docs/interop/qcow2.txt; all numbers are big-endian. What needs another file (a backing file, an external
data file) is refused by name: an image must not choose which files of this host are read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

from extractor.errors import DamagedError, ImageError
from extractor.images.decoded import (
    MAX_TABLE,
    DecodedMedium,
    FileStream,
    foreign_errors,
    refuse_undecodable,
)
from extractor.images.file import File, open_file
from extractor.images.image import OpenImage
from extractor.model import ImageInfo

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQIIQ24xQ20xI")
"""Magic, version, place and length of the backing file's name, cluster bits, disk size, cipher, entries and place of
the L1 table, incompatible features, length of the header (the last two since version 3)."""
CONVERT = "convert it first: qemu-img convert -O raw IMAGE disk.raw"
CLUSTER_BITS = range(9, 22)
COMPRESSION_TYPE = 104
FEATURES = {
    1 << 1: "is marked as corrupt: repair a copy first (qemu-img check -r all COPY)",
    1 << 2: f"keeps its data in another file: {CONVERT}",
    1 << 3: f"is compressed with zstd: {CONVERT}",
    1 << 4: f"has extended L2 entries: {CONVERT}",
}
"""Incompatible features and what to say of them; bit 0, dirty, concerns only the counts of references."""
TABLES = 128
TABLE_CACHE = 8 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What a QCOW2 says of itself."""

    version: int
    backing: int
    backing_length: int
    cluster_bits: int
    size: int
    cipher: int
    entries: int
    table: int
    features: int
    length: int

    @property
    def cluster(self) -> int:
        """Bytes of a cluster, of which an L2 table fills one with entries of 8."""
        return 1 << self.cluster_bits


class Qcow2Reader:
    """Opens QCOW2 disks."""

    name: ClassVar[str] = "qcow2"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the magic number."""
        return head.startswith(MAGIC)

    def open(self, path: Path) -> OpenImage:
        """Open a disk as it is now (not its snapshots); raise ImageError saying what is damaged or not supported."""
        with ExitStack() as opened:
            file = open_file(path)
            opened.callback(file.close)
            try:
                header = _checked_header(file)
                medium = DecodedMedium(file, header.size, header.cluster, _decoder(file, header))
            except DamagedError as error:
                raise ImageError(str(error)) from error
            opened.pop_all()
        return OpenImage(ImageInfo(str(path), "qcow2", header.size, 512, (str(path),)), medium)


def _checked_header(file: File) -> Header:
    """Return the header of a disk that can be read from this file alone; raise ImageError."""
    raw = file.read_at(0, 512).ljust(512, b"\0")
    _, *fields = HEADER.unpack_from(raw)
    header = Header(*fields)
    if header.version not in {2, 3}:
        raise ImageError(f"{file.path} is a QCOW image of version {header.version}: {CONVERT}")
    if header.backing:
        name = file.read_at(header.backing, min(header.backing_length, 1023))
        raise ImageError(
            f"{file.path} is an overlay and needs its backing file {name.decode('utf-8', 'replace')!r}: {CONVERT}"
        )
    if header.cipher:
        raise ImageError(f"{file.path} is encrypted: decrypt it first (qemu-img convert)")
    # A header of version 2 ends before these, but dissect reads on; QEMU leaves zeros there.
    _check_features(file, header.features)
    if header.length > COMPRESSION_TYPE and raw[COMPRESSION_TYPE]:
        raise ImageError(f"{file.path} {FEATURES[1 << 3]}")
    _check_sizes(file, header)
    return header


def _check_features(file: File, features: int) -> None:
    for bit, what in FEATURES.items():
        if features & bit:
            raise ImageError(f"{file.path} {what}")
    if features >> 5:
        raise ImageError(
            f"{file.path} has features ({features:#x}) that no reader here knows: {CONVERT}"
        )


def _check_sizes(file: File, header: Header) -> None:
    """Raise ImageError unless the L1 table lies in the file and covers the disk."""
    if header.cluster_bits not in CLUSTER_BITS or not header.size or header.size % 512:
        raise ImageError(
            f"{file.path} is damaged: its header gives a disk of {header.size} bytes in clusters of "
            f"2^{header.cluster_bits}"
        )
    needed = -(-header.size // (header.cluster * header.cluster // 8))
    fits = header.table + 8 * header.entries <= file.size and 8 * header.entries <= MAX_TABLE
    if header.entries < needed or not fits:
        raise ImageError(
            f"{file.path} is cut or damaged: its L1 table of {header.entries} entries (the disk needs {needed}) does "
            "not fit the file"
        )


def _decoder(file: File, header: Header) -> Callable[[int, int], bytes]:
    """Return a function that decodes a cluster; raise ImageError."""
    from dissect.hypervisor.disk.qcow2 import QCow2

    source = FileStream(file)
    try:
        disk: Any = QCow2(cast("BinaryIO", source))
        stream = disk.open()
    except foreign_errors() as error:
        raise refuse_undecodable(file, error) from error
    # dissect keeps 128 tables as lists of numbers, whatever their size.
    kept = max(4, min(TABLES, TABLE_CACHE // header.cluster))
    disk.l2_table = lru_cache(kept)(partial(QCow2.l2_table, disk))
    source.limit = 4 * header.cluster

    def decode(offset: int, length: int) -> bytes:
        stream.seek(offset)
        return bytes(stream.read(length))

    return decode
