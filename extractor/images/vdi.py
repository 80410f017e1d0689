"""VDI (VirtualBox): normal and fixed images. Source: VirtualBox, VDICore.h; all numbers are little-endian.

dissect.hypervisor 3.21 is not used: it reads on past the border of a block as if the next one followed (measured, 4
of 400 random reads wrong), and follows entries of the block table out of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from extractor.errors import DamagedError, ImageError
from extractor.images.block_map import ZEROED, BlockMap, join_blocks
from extractor.images.block_medium import BlockMedium, MappedDisk
from extractor.images.chain import DiskHeader, chain_info
from extractor.images.file import File, open_file
from extractor.images.image import OpenImage

if TYPE_CHECKING:
    from extractor.images.block_map import Places

SIGNATURE = b"\x7f\x10\xda\xbe"
HEADER = struct.Struct("<64x4sI4xI260xII20xQIII")
"""Signature, version, kind, block table, data, disk size, block size, extra bytes before each block, blocks."""
VERSION = 0x10001
WHOLE = {1, 2}
"""Kinds that need no other file: normal (grows), fixed. Others hold what differs from a parent."""
SECTOR = 512
BLOCK_SIZES = range(1 << 16, (256 << 20) + 1)
UNUSED = 0xFFFFFFFE
"""From here on an entry means no block: never written, or zeros."""
TABLE_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What a VDI says of itself; all but ``kind`` and ``blocks`` in bytes."""

    kind: int
    table: int
    data: int
    size: int
    block: int
    extra: int
    blocks: int


class VdiReader:
    """Opens VirtualBox disks."""

    name: ClassVar[str] = "vdi"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the signature after the 64 bytes of text."""
        return head[64:68] == SIGNATURE

    def open(self, path: Path) -> OpenImage:
        """Open a disk; raise ImageError saying what is damaged, cut, or that it needs a parent."""
        with ExitStack() as opened:
            file = open_file(path)
            opened.callback(file.close)
            try:
                disk = parse_vdi(file)
            except DamagedError as error:
                raise ImageError(str(error)) from error
            opened.pop_all()
        return OpenImage(chain_info(path, [disk]), BlockMedium([disk]))


def parse_vdi(file: File) -> MappedDisk:
    """Read and check header and block table; raise ImageError."""
    raw = file.read_at(0, SECTOR)
    if len(raw) < SECTOR:
        raise ImageError(f"{file.path} is cut: it has only {file.size} bytes")
    _, version, *fields = HEADER.unpack_from(raw)
    if version != VERSION:
        raise ImageError(
            f"{file.path} is a VDI of version {version:#x}, which no reader here knows"
        )
    header = Header(*fields)
    _check(file, header)
    described = DiskHeader("vdi", header.size, SECTOR, "")
    return MappedDisk(file, described, _block_map(file, header))


def _check(file: File, header: Header) -> None:
    """Raise ImageError unless the disk needs no other file and its sizes fit each other."""
    if header.kind not in WHOLE:
        raise ImageError(
            f"{file.path} is a VDI that holds only what differs from a parent (a snapshot): make it one disk first "
            "(VBoxManage clonemedium SNAPSHOT disk.vdi)"
        )
    block = header.block
    odd = block not in BLOCK_SIZES or block & (block - 1) or header.extra or header.data % SECTOR
    if odd or not 0 < header.size <= block * header.blocks or header.size % SECTOR:
        raise ImageError(
            f"{file.path} is damaged: its header gives a disk of {header.size} bytes in {header.blocks} blocks of "
            f"{header.extra} + {block}"
        )
    if header.table + 4 * header.blocks > file.size:
        raise ImageError(f"{file.path} is cut: its block table does not fit the file")


def _block_map(file: File, header: Header) -> BlockMap:
    return join_blocks(file.path, file.size, header.block, _places(file, header))


def _places(file: File, header: Header) -> Iterator[Places]:
    """Yield the places of the disk's blocks, a part of the block table at a time."""
    import numpy as np

    size = 4 * -(-header.size // header.block)
    for start in range(0, size, TABLE_PART):
        raw = file.read_at(header.table + start, min(TABLE_PART, size - start))
        entries = np.frombuffer(raw, "<u4").astype(np.int64)
        yield np.where(entries >= UNUSED, ZEROED, header.data + entries * header.block)
