"""VHD (Virtual PC, Hyper-V): fixed, dynamic and differencing.

Source: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import UUID

from extractor.errors import ImageError
from extractor.images.block_map import PARENT, PARTIAL, ZEROED, BlockMap, join_blocks, whole_map
from extractor.images.block_medium import BlockMedium, MappedDisk
from extractor.images.chain import DiskHeader, chain_info, open_chain
from extractor.images.file import File
from extractor.images.image import OpenImage

if TYPE_CHECKING:
    from extractor.images.block_map import Places

SECTOR = 512
COOKIE = b"conectix"
FOOTER = struct.Struct(">8s8xQ24xQ4xII16s")
"""Cookie, offset of the dynamic header, current size, disk type, checksum, unique id."""
DYNAMIC = struct.Struct(">8s8xQ4xIII16s8x512s")
"""Cookie, offset of the block table, its entries, block size, checksum, parent's id, parent's name."""
DYNAMIC_SIZE = 1024
LOCATOR = struct.Struct(">4sII4xQ")
"""Platform, sectors (or bytes) set aside, bytes used, offset in the file; eight of them from byte 576."""
LOCATORS = range(576, 768, LOCATOR.size)
PLATFORMS = {b"W2ru", b"W2ku"}
"""The parent's path on Windows, relative and absolute, as UTF-16LE."""
MAX_PATH = 64 << 10
UNUSED = 0xFFFFFFFF
TABLE_PART = 1 << 20
"""Bytes of a block table that are read at once."""
KINDS = {2: "vhd-fixed", 3: "vhd-dynamic", 4: "vhd-differencing"}
MAX_SIZE = 2040 << 30
"""Largest VHD, 2040 GiB; Windows opens no larger one."""


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer, which a dynamic disk also has at its beginning."""

    header: int
    size: int
    kind: str
    identity: str


@dataclass(frozen=True, slots=True, eq=False)
class VhdBitmaps:
    """The sector bitmaps of a differencing VHD: each lies just before the data of its block."""

    blocks: BlockMap
    bit_order: Literal["big", "little"] = "big"

    def at(self, offset: int) -> int:
        """Return where the bitmap of the block begins whose first byte is ``offset``."""
        return self.blocks.place(offset) - bitmap_size(self.blocks.block)


class VhdReader:
    """Opens VHD disks."""

    name: ClassVar[str] = "vhd"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the cookie at either end: a dynamic disk has it twice, a fixed one in its last sector."""
        return head.startswith(COOKIE) or tail[-SECTOR:].startswith(COOKIE)

    def open(self, path: Path) -> OpenImage:
        """Open a disk and its parents; raise ImageError saying what is damaged, cut or missing."""
        with ExitStack() as opened:
            chain = open_chain(path, parse_vhd, identify_vhd, opened)
            opened.pop_all()
        return OpenImage(chain_info(path, chain), BlockMedium(chain))


def bitmap_size(block: int) -> int:
    """Return the bytes of a block's sector bitmap, which fills whole sectors."""
    return -(-block // SECTOR // 8 // SECTOR) * SECTOR


def identify_vhd(file: File) -> str:
    """Return a disk's GUID from its footer or the copy of it; raise ImageError."""
    raw = file.read_at(max(0, file.size - SECTOR), SECTOR)
    return _parse_footer(file, raw if raw.startswith(COOKIE) else file.read_at(0, SECTOR)).identity


def parse_vhd(file: File) -> MappedDisk:
    """Read and check the footer and, unless the disk is fixed, its header and block table; raise ImageError."""
    footer = _end(file)
    if not 0 < footer.size <= MAX_SIZE or footer.size % SECTOR:
        raise ImageError(
            f"{file.path} is damaged: its footer gives the disk a size of {footer.size} bytes"
        )
    if footer.kind != "vhd-fixed":
        return _parse_dynamic(file, footer)
    if footer.size + SECTOR > file.size:
        raise ImageError(
            f"{file.path} is cut: it has {file.size} bytes, a fixed disk of {footer.size} and a footer need "
            f"{footer.size + SECTOR}"
        )
    header = DiskHeader(footer.kind, footer.size, SECTOR, footer.identity)
    return MappedDisk(file, header, whole_map(footer.size))


def _end(file: File) -> Footer:
    """Return the footer at the end; where it is missing, the copy at the beginning tells that the file is cut."""
    raw = file.read_at(max(0, file.size - SECTOR), SECTOR)
    if raw.startswith(COOKIE):
        return _parse_footer(file, raw)
    copy = _parse_footer(file, file.read_at(0, SECTOR))
    raise ImageError(
        f"{file.path} is cut: the footer at its end is missing (its copy at the beginning describes a disk of "
        f"{copy.size} bytes); copy the file again"
    )


def _parse_footer(file: File, raw: bytes) -> Footer:
    if len(raw) < SECTOR:
        raise ImageError(f"{file.path} is cut: it has only {file.size} bytes")
    if not raw.startswith(COOKIE):
        raise ImageError(f"{file.path} is no VHD: it has no footer")
    _, header, size, kind, checksum, identity = FOOTER.unpack_from(raw)
    if _checksum(raw, 64) != checksum:
        raise ImageError(f"{file.path} is damaged: the checksum of its footer is wrong")
    if kind not in KINDS:
        raise ImageError(f"{file.path} is a VHD of type {kind}, which no reader knows")
    return Footer(header, size, KINDS[kind], str(UUID(bytes=identity)))


def _checksum(raw: bytes, place: int) -> int:
    """Return the one's complement of the sum of all bytes but the checksum itself."""
    return ~(sum(raw) - sum(raw[place : place + 4])) & 0xFFFFFFFF


def _parse_dynamic(file: File, footer: Footer) -> MappedDisk:
    raw = file.read_at(footer.header, DYNAMIC_SIZE) if footer.header < file.size else b""
    if len(raw) < DYNAMIC_SIZE or not raw.startswith(b"cxsparse"):
        raise ImageError(f"{file.path} is damaged: it has no dynamic disk header")
    _, table, entries, block, checksum, parent, name = DYNAMIC.unpack_from(raw)
    if _checksum(raw, 36) != checksum:
        raise ImageError(
            f"{file.path} is damaged: the checksum of its dynamic disk header is wrong"
        )
    if block < SECTOR or block & (block - 1) or entries * block < footer.size:
        raise ImageError(
            f"{file.path} is damaged: {entries} blocks of {block} bytes do not hold a disk of {footer.size}"
        )
    header = DiskHeader(footer.kind, footer.size, SECTOR, footer.identity)
    if footer.kind == "vhd-differencing":
        names = (*_located_names(file, raw), name.decode("utf-16-be", "replace").split("\0", 1)[0])
        header = replace(header, parent=str(UUID(bytes=parent)), parent_names=names)
    places = _places(file, table, block, header)
    blocks = join_blocks(file.path, file.size - SECTOR, block, places, lead=bitmap_size(block))
    return MappedDisk(file, header, blocks, VhdBitmaps(blocks) if header.parent else None)


def _located_names(file: File, raw: bytes) -> Iterator[str]:
    """Yield the paths of the parent that the dynamic disk header's locators name."""
    for place in LOCATORS:
        platform, _, length, offset = LOCATOR.unpack_from(raw, place)
        if platform in PLATFORMS and length <= MAX_PATH and offset < file.size:
            yield file.read_at(offset, length).decode("utf-16-le", "replace").split("\0", 1)[0]


def _places(file: File, table: int, block: int, header: DiskHeader) -> Iterator[Places]:
    """Yield the places of the disk's blocks, a part of the block table at a time."""
    import numpy as np

    size = 4 * -(-header.size // block)
    absent, flag = (PARENT, PARTIAL) if header.parent else (ZEROED, 0)
    for start in range(0, size, TABLE_PART):
        length = min(TABLE_PART, size - start)
        raw = file.read_at(table + start, length) if table < file.size else b""
        if len(raw) < length:
            raise ImageError(f"{file.path} is cut: its block table does not fit the file")
        entries = np.frombuffer(raw, ">u4").astype(np.int64)
        # Windows gives the block's bytes whatever the bitmap of a dynamic disk says.
        yield np.where(entries == UNUSED, absent, entries * SECTOR + bitmap_size(block) | flag)
