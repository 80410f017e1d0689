"""The metadata of a VHDX: how the disk is laid out and who its parent is. Source: [MS-VHDX] 2.6."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from extractor.errors import ImageError
from extractor.images.chain import DiskFile
from extractor.images.vhdx_header import MIB, TABLE_ENTRIES, Region

TABLE_SIZE = 64 << 10
FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
SECTOR_SIZE = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
MAX_SIZE = 64 << 40
"""Largest VHDX, 64 TiB (2.6.2.2)."""
MAX_ITEM = MIB
"""Bytes that one metadata item may have (2.6.1.2)."""
PARENT_PATHS = ("relative_path", "volume_path", "absolute_win32_path")
Items = Mapping[UUID, Region]


@dataclass(frozen=True, slots=True)
class Layout:
    """The metadata that say how the disk is laid out (2.6.2); sizes in bytes."""

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
class Locator:
    """The parent as a differencing disk names it: GUID and Windows paths (2.6.2.6)."""

    guid: str
    paths: tuple[str, ...]


def metadata_items(file: DiskFile, region: Region) -> Items:
    """Return where each metadata item lies in the file (2.6.1); raise ImageError."""
    table = file.read_at(region.offset, min(region.length, TABLE_SIZE))
    if len(table) < TABLE_SIZE or not table.startswith(b"metadata"):
        raise ImageError(f"{file.path} is damaged: its metadata table has no signature")
    (count,) = struct.unpack_from("<H", table, 10)
    items = {}
    for number in range(min(count, TABLE_ENTRIES)):
        guid, offset, length = struct.unpack_from("<16sII", table, 32 + 32 * number)
        if offset + length <= region.length:
            items[UUID(bytes_le=guid)] = Region(region.offset + offset, length)
    return items


def _item(file: DiskFile, items: Items, guid: UUID, size: int = 0) -> bytes:
    """Return the bytes of a metadata item that must be there, at least ``size`` of them."""
    place = items.get(guid)
    raw = file.read_at(place.offset, min(place.length, MAX_ITEM)) if place else b""
    if not raw or len(raw) < size:
        raise ImageError(f"{file.path} is damaged: its metadata item {guid} is missing")
    return raw


def disk_layout(file: DiskFile, items: Items) -> Layout:
    """Return how the disk is laid out; raise ImageError."""
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


def parent_locator(file: DiskFile, items: Items) -> Locator:
    """Return what a differencing disk says of its parent; raise ImageError."""
    raw = _item(file, items, PARENT_LOCATOR)
    try:
        (count,) = struct.unpack_from("<H", raw, 18)
        places = [struct.unpack_from("<IIHH", raw, 20 + 12 * number) for number in range(count)]
        pairs = {
            _text(raw, key, key_length): _text(raw, value, value_length)
            for key, value, key_length, value_length in places
        }
    except (struct.error, UnicodeDecodeError) as error:
        raise ImageError(
            f"{file.path} is damaged: the description of its parent cannot be read"
        ) from error
    try:
        guid = str(UUID(pairs.get("parent_linkage", "")))
    except ValueError as error:
        raise ImageError(
            f"{file.path} is damaged: it does not name its parent by a GUID"
        ) from error
    return Locator(guid, tuple(pairs[key] for key in PARENT_PATHS if key in pairs))


def _text(raw: bytes, offset: int, length: int) -> str:
    return raw[offset : offset + length].decode("utf-16-le")
