"""VHD (Virtual PC, Hyper-V): fixed, dynamic and differencing.

Source: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0. All numbers are big-endian.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from extractor.errors import ImageError
from extractor.images.chain import DiskHeader, chain_info, check_blocks, open_chain
from extractor.images.file import File
from extractor.images.image import OpenImage
from extractor.images.vhd_medium import SECTOR, UNUSED, VhdDisk, VhdMedium

COOKIE = b"conectix"
FOOTER = struct.Struct(">8s8xQ24xQ4xII16s")
"""Cookie, offset of the dynamic header, current size, disk type, checksum, unique id."""
DYNAMIC = struct.Struct(">8s8xQ4xIII16s8x512s")
"""Cookie, offset of the block table, its entries, block size, checksum, parent's id, parent's name."""
DYNAMIC_SIZE = 1024
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
            chain = open_chain(path, parse_vhd, opened)
            opened.pop_all()
        return OpenImage(chain_info(path, chain), VhdMedium(chain))


def parse_vhd(file: File) -> VhdDisk:
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
    return VhdDisk(file, DiskHeader(footer.kind, footer.size, SECTOR, footer.identity))


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
    _, header, size, kind, checksum, identity = FOOTER.unpack_from(raw)
    if _checksum(raw, 64) != checksum:
        raise ImageError(f"{file.path} is damaged: the checksum of its footer is wrong")
    if kind not in KINDS:
        raise ImageError(f"{file.path} is a VHD of type {kind}, which no reader knows")
    return Footer(header, size, KINDS[kind], str(UUID(bytes=identity)))


def _checksum(raw: bytes, place: int) -> int:
    """Return the one's complement of the sum of all bytes but the checksum itself."""
    return ~(sum(raw) - sum(raw[place : place + 4])) & 0xFFFFFFFF


def _parse_dynamic(file: File, footer: Footer) -> VhdDisk:
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
        names = (name.decode("utf-16-be", "replace").split("\0", 1)[0],)
        header = replace(header, parent=str(UUID(bytes=parent)), parent_names=names)
    disk = VhdDisk(file, header, block, _table(file, table, -(-footer.size // block)))
    starts = (entry * SECTOR for entry in disk.table if entry != UNUSED)
    check_blocks(
        file, ((start, start + disk.bitmap + block) for start in starts), file.size - SECTOR
    )
    return disk


def _table(file: File, offset: int, count: int) -> Sequence[int]:
    """Return the block table's first ``count`` entries."""
    raw = file.read_at(offset, 4 * count) if offset < file.size else b""
    if len(raw) < 4 * count:
        raise ImageError(f"{file.path} is cut: its block table does not fit the file")
    entries = array("I", raw)
    if sys.byteorder == "little":
        entries.byteswap()
    return entries
