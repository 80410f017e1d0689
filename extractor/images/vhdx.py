"""VHDX (Hyper-V): fixed, dynamic and differencing, closed cleanly. Source: [MS-VHDX]."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from extractor.errors import ImageError
from extractor.images.chain import DiskHeader, chain_info, check_blocks, open_chain
from extractor.images.file import File
from extractor.images.image import OpenImage
from extractor.images.libvhdi import LibvhdiMedium, open_handles

SIGNATURE = b"vhdxfile"
MIB = 1 << 20
HEADERS = (64 << 10, 128 << 10)
REGION_TABLES = (192 << 10, 256 << 10)
HEADER = struct.Struct("<4sIQ16x16s16sHHIQ")
"""Signature, CRC-32C, sequence, data write GUID, log GUID, log version, version, log length and offset (2.2.2)."""
TABLE_ENTRIES = 2047
"""Most entries of a region or metadata table."""
BAT = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
SECTOR_SIZE = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
FULLY_PRESENT, PARTIALLY_PRESENT = 6, 7
"""States of a block that lies in this file (2.5.1.1); a sector bitmap block is present as 6 too."""
MAX_SIZE = 64 << 40
"""Largest VHDX, 64 TiB (2.6.2.2)."""
MAX_ITEM = MIB
"""Bytes that one metadata item may have (2.6.1.2)."""
PARENT_PATHS = ("relative_path", "volume_path", "absolute_win32_path")


@dataclass(frozen=True, slots=True)
class Region:
    """A range of the file."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The metadata that say how the disk is laid out ([MS-VHDX] 2.6.2)."""

    block_size: int
    flags: int
    size: int
    sector_size: int

    @property
    def fixed(self) -> bool:
        """LeaveBlockAllocated: all blocks stay in the file."""
        return bool(self.flags & 1)

    @property
    def differencing(self) -> bool:
        """HasParent."""
        return bool(self.flags & 2)

    @property
    def blocks(self) -> int:
        """Payload blocks of the disk."""
        return -(-self.size // self.block_size)

    @property
    def chunk_ratio(self) -> int:
        """Payload blocks per sector bitmap block, which covers 2^23 sectors."""
        return (1 << 23) * self.sector_size // self.block_size

    @property
    def entries(self) -> int:
        """Entries of the block allocation table, in which a bitmap entry follows each ``chunk_ratio`` blocks."""
        if self.differencing:
            return -(-self.blocks // self.chunk_ratio) * (self.chunk_ratio + 1)
        return self.blocks + (self.blocks - 1) // self.chunk_ratio


@dataclass(frozen=True, slots=True)
class VhdxDisk:
    """One VHDX of a chain."""

    file: File
    header: DiskHeader


class VhdxReader:
    """Opens VHDX disks."""

    name: ClassVar[str] = "vhdx"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the signature of the file type identifier."""
        return head.startswith(SIGNATURE)

    def open(self, path: Path) -> OpenImage:
        """Open a disk and its parents; raise ImageError saying what is damaged, cut, missing or not replayed."""
        with ExitStack() as opened:
            chain = open_chain(path, parse_vhdx, opened)
            handles = open_handles(chain, opened)
            opened.pop_all()
        return OpenImage(chain_info(path, chain), LibvhdiMedium(chain, handles))


def parse_vhdx(file: File) -> VhdxDisk:
    """Read and check headers, region table, metadata and block table; raise ImageError."""
    if file.read_at(0, 8) != SIGNATURE:
        raise ImageError(f"{file.path} is no VHDX")
    identity = _check_headers(file)
    regions = _regions(file)
    items = _items(file, regions[METADATA])
    layout = _layout(file, items)
    _check_blocks(file, regions[BAT], layout)
    kind = "vhdx-fixed" if layout.fixed else "vhdx-dynamic"
    header = DiskHeader(kind, layout.size, layout.sector_size, identity)
    if layout.differencing:
        locator = _parse_locator(file, _item(file, items, PARENT_LOCATOR))
        header = replace(
            header,
            format="vhdx-differencing",
            parent=_parse_guid(file, locator.get("parent_linkage", "")),
            parent_names=tuple(locator[key] for key in PARENT_PATHS if key in locator),
        )
    return VhdxDisk(file, header)


def _crc_is_right(raw: bytes) -> bool:
    """Tell whether bytes 4 to 8 are the CRC-32C of a structure in which they are zero."""
    from dissect.util.hash import crc32c

    return int.from_bytes(raw[4:8], "little") == int(crc32c.crc32c(raw[:4] + bytes(4) + raw[8:]))


def _check_headers(file: File) -> str:
    """Return the disk's GUID for its children from the current header: sound, and of the higher sequence number."""
    sound = []
    for offset in HEADERS:
        raw = file.read_at(offset, 4096)
        if len(raw) == 4096 and raw.startswith(b"head") and _crc_is_right(raw):
            sound.append(HEADER.unpack_from(raw))
    if not sound:
        raise ImageError(f"{file.path} is damaged: the checksums of both its headers are wrong")
    current = max(sound, key=lambda header: int(header[2]))
    if current[6] != 1:
        raise ImageError(
            f"{file.path} is a VHDX of version {current[6]}, which no reader here knows"
        )
    if any(current[4]):
        raise ImageError(
            f"{file.path} was not closed cleanly: its log holds changes that are not in the disk yet; replay them on "
            "a copy (qemu-img check -r all COPY) and name the copy"
        )
    return str(UUID(bytes_le=current[3]))


def _regions(file: File) -> Mapping[UUID, Region]:
    """Return the regions of the first sound region table; both known ones lie within the file."""
    for offset in REGION_TABLES:
        raw = file.read_at(offset, 64 << 10)
        if len(raw) == 64 << 10 and raw.startswith(b"regi") and _crc_is_right(raw):
            break
    else:
        raise ImageError(
            f"{file.path} is damaged: the checksums of both its region tables are wrong"
        )
    found = dict(_parse_regions(file, raw))
    for guid, what in ((BAT, "block table"), (METADATA, "metadata")):
        region = found.get(guid)
        if region is None or region.offset < MIB or region.offset + region.length > file.size:
            raise ImageError(f"{file.path} is cut or damaged: its {what} does not lie in the file")
    return found


def _parse_regions(file: File, raw: bytes) -> Iterator[tuple[UUID, Region]]:
    (count,) = struct.unpack_from("<I", raw, 8)
    for number in range(min(count, TABLE_ENTRIES)):
        guid, offset, length, required = struct.unpack_from("<16sQII", raw, 16 + 32 * number)
        known = UUID(bytes_le=guid)
        if required & 1 and known not in {BAT, METADATA}:
            raise ImageError(
                f"{file.path} needs a newer reader: it has a required region {known} that is not known"
            )
        yield known, Region(offset, length)


def _items(file: File, region: Region) -> Mapping[UUID, Region]:
    """Return where each metadata item lies in the file ([MS-VHDX] 2.6.1)."""
    table = file.read_at(region.offset, min(region.length, 64 << 10))
    if len(table) < 64 << 10 or not table.startswith(b"metadata"):
        raise ImageError(f"{file.path} is damaged: its metadata table has no signature")
    (count,) = struct.unpack_from("<H", table, 10)
    items = {}
    for number in range(min(count, TABLE_ENTRIES)):
        guid, offset, length = struct.unpack_from("<16sII", table, 32 + 32 * number)
        if offset + length <= region.length:
            items[UUID(bytes_le=guid)] = Region(region.offset + offset, length)
    return items


def _item(file: File, items: Mapping[UUID, Region], guid: UUID, size: int = 0) -> bytes:
    """Return the bytes of a metadata item that must be there, at least ``size`` of them."""
    place = items.get(guid)
    raw = file.read_at(place.offset, min(place.length, MAX_ITEM)) if place else b""
    if not raw or len(raw) < size:
        raise ImageError(f"{file.path} is damaged: its metadata item {guid} is missing")
    return raw


def _layout(file: File, items: Mapping[UUID, Region]) -> Layout:
    layout = Layout(
        *struct.unpack_from("<II", _item(file, items, FILE_PARAMETERS, 8)),
        *struct.unpack_from("<Q", _item(file, items, DISK_SIZE, 8)),
        *struct.unpack_from("<I", _item(file, items, SECTOR_SIZE, 4)),
    )
    block = layout.block_size
    if (
        layout.sector_size not in {512, 4096}
        or not MIB <= block <= 256 * MIB
        or block & (block - 1)
    ):
        raise ImageError(
            f"{file.path} is damaged: its metadata give blocks of {block} and sectors of {layout.sector_size} bytes"
        )
    if not 0 < layout.size <= MAX_SIZE or layout.size % layout.sector_size:
        raise ImageError(
            f"{file.path} is damaged: its metadata give the disk a size of {layout.size} bytes"
        )
    return layout


def _check_blocks(file: File, region: Region, layout: Layout) -> None:
    """Raise ImageError unless every block in use has its own place in the file."""
    if 8 * layout.entries > region.length:
        raise ImageError(
            f"{file.path} is damaged: its block table has no room for {layout.entries} entries"
        )
    check_blocks(file, _blocks(file, region, layout), file.size)


def _blocks(file: File, region: Region, layout: Layout) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the payload and sector bitmap blocks that lie in the file."""
    ratio = layout.chunk_ratio
    for number, entry in enumerate(_table(file, region, layout.entries)):
        if entry & 7 in {FULLY_PRESENT, PARTIALLY_PRESENT}:
            start = (entry >> 20) * MIB
            yield start, start + (MIB if number % (ratio + 1) == ratio else layout.block_size)


def _table(file: File, region: Region, count: int) -> Iterator[int]:
    """Yield the entries of the block allocation table, read piece by piece: 64 TiB have 64 million of them."""
    for start in range(0, 8 * count, MIB):
        raw = file.read_at(region.offset + start, min(MIB, 8 * count - start))
        for (entry,) in struct.iter_unpack("<Q", raw):
            yield entry


def _parse_locator(file: File, raw: bytes) -> Mapping[str, str]:
    """Return the keys and values of a parent locator ([MS-VHDX] 2.6.2.6)."""
    try:
        (count,) = struct.unpack_from("<H", raw, 18)
        places = [struct.unpack_from("<IIHH", raw, 20 + 12 * number) for number in range(count)]
        return {
            _text(raw, key, key_length): _text(raw, value, value_length)
            for key, value, key_length, value_length in places
        }
    except (struct.error, UnicodeDecodeError) as error:
        raise ImageError(
            f"{file.path} is damaged: the description of its parent cannot be read"
        ) from error


def _text(raw: bytes, offset: int, length: int) -> str:
    return raw[offset : offset + length].decode("utf-16-le")


def _parse_guid(file: File, text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise ImageError(
            f"{file.path} is damaged: it does not name its parent by a GUID"
        ) from error
