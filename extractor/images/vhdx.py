"""VHDX (Hyper-V): fixed, dynamic and differencing. Source: [MS-VHDX]."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from extractor.errors import ImageError
from extractor.images.block_map import DAMAGED, PARENT, PARTIAL, ZEROED, BlockMap, join_blocks
from extractor.images.block_medium import BlockMedium, MappedDisk
from extractor.images.chain import DiskFile, DiskHeader, chain_info, open_chain
from extractor.images.file import File
from extractor.images.image import OpenImage
from extractor.images.vhdx_header import (
    BAT,
    METADATA,
    MIB,
    SIGNATURE,
    Region,
    current_header,
    regions,
)
from extractor.images.vhdx_log import replayed
from extractor.images.vhdx_metadata import Layout, disk_layout, metadata_items, parent_locator

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from extractor.images.block_map import Places

FULLY_PRESENT, PARTIALLY_PRESENT = 6, 7
NO_CONTENT = (ZEROED, ZEROED, ZEROED, DAMAGED, ZEROED)
"""Places for the states 1 to 5: undefined, zero, unmapped, none, unmapped in the format's draft (2.5.1.1)."""
MAX_MIB = 1 << 42
"""Beyond every file, and still a number of bytes that fits 63 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class VhdxBitmaps:
    """The sector bitmap blocks of a differencing VHDX, one for each chunk; a place is negative where there is none."""

    layout: Layout
    places: array[int]
    bit_order: Literal["big", "little"] = "little"

    def at(self, offset: int) -> int:
        """Return where the bitmap of the block begins whose first byte is ``offset``: a part of its chunk's."""
        layout = self.layout
        chunk, number = divmod(offset // layout.block_size, layout.chunk_ratio)
        return self.places[chunk] + number * (layout.block_size // layout.sector_size // 8)


class VhdxReader:
    """Opens VHDX disks."""

    name: ClassVar[str] = "vhdx"
    fallback: ClassVar[bool] = False

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell by the signature of the file type identifier."""
        return head.startswith(SIGNATURE)

    def open(self, path: Path) -> OpenImage:
        """Open a disk and its parents, their logs replayed; raise ImageError saying what is damaged, cut or missing."""
        with ExitStack() as opened:
            chain = open_chain(path, parse_vhdx, identify_vhdx, opened)
            opened.pop_all()
        return OpenImage(chain_info(path, chain), BlockMedium(chain))


def identify_vhdx(file: File) -> str:
    """Return a disk's GUID for its children from its headers; raise ImageError."""
    return current_header(file).identity


def parse_vhdx(file: File) -> MappedDisk:
    """Read and check headers, log, region table, metadata and block table; raise ImageError."""
    header = current_header(file)
    disk = replayed(file, header)
    found = regions(disk)
    items = metadata_items(disk, found[METADATA])
    layout = disk_layout(disk, items)
    kind = "vhdx-fixed" if layout.fixed else "vhdx-dynamic"
    described = DiskHeader(kind, layout.size, layout.sector_size, header.identity)
    if layout.differencing:
        locator = parent_locator(disk, items)
        described = replace(
            described,
            format="vhdx-differencing",
            parent=locator.guid,
            parent_names=locator.paths,
        )
    _check_room(disk, found[BAT], layout)
    bitmaps = _bitmaps(disk, found[BAT], layout)
    blocks = _block_map(disk, found[BAT], layout, bitmaps)
    return MappedDisk(disk, described, blocks, VhdxBitmaps(layout, bitmaps) if bitmaps else None)


def _check_room(file: DiskFile, region: Region, layout: Layout) -> None:
    """Raise ImageError unless the region of the block table has room for all its entries."""
    if 8 * layout.entries > region.length:
        raise ImageError(
            f"{file.path} is damaged: its block table has no room for {layout.entries} entries"
        )


def _bitmaps(file: DiskFile, region: Region, layout: Layout) -> array[int]:
    """Return the places of the sector bitmap blocks, none unless it is a differencing disk.

    Those of other disks are not looked at: QEMU before 8.1 leaves nonsense in them.
    """
    ratio, found = layout.chunk_ratio, array("q")
    for number in range(-(-layout.blocks // ratio) if layout.differencing else 0):
        at = region.offset + 8 * (number * (ratio + 1) + ratio)
        (entry,) = struct.unpack("<Q", file.read_at(at, 8))
        found.append(min(entry >> 20, MAX_MIB) * MIB if entry & 7 == FULLY_PRESENT else DAMAGED)
    return found


def _block_map(file: DiskFile, region: Region, layout: Layout, bitmaps: array[int]) -> BlockMap:
    """Return where the payload blocks lie; raise ImageError unless each block in use has its own place in the file."""
    import numpy as np

    others = np.array([place for place in bitmaps if place >= 0], np.int64)
    parts = _places(file, region, layout, bitmaps)
    return join_blocks(file.path, file.size, layout.block_size, parts, others=(others, MIB))


def _places(
    file: DiskFile, region: Region, layout: Layout, bitmaps: array[int]
) -> Iterator[Places]:
    """Yield the places of the payload blocks, chunk by chunk of the block allocation table."""
    import numpy as np

    ratio = layout.chunk_ratio
    for number in range(-(-layout.blocks // ratio)):
        count = min(ratio, layout.blocks - number * ratio)
        raw = file.read_at(region.offset + 8 * number * (ratio + 1), 8 * count)
        yield _resolved(
            np.frombuffer(raw, "<u8"),
            differencing=layout.differencing,
            bitmap=layout.differencing and bitmaps[number] >= 0,
        )


def _resolved(
    entries: np.ndarray[Any, np.dtype[np.uint64]], *, differencing: bool, bitmap: bool
) -> Places:
    """Return the places that entries of a chunk mean (2.5.1.1); ``bitmap``: it has a sector bitmap block."""
    import numpy as np

    states = (entries & 7).astype(np.intp)
    begins = np.minimum(entries >> 20, MAX_MIB).astype(np.int64) * MIB
    absent = PARENT if differencing else ZEROED
    places = np.array([absent, *NO_CONTENT, DAMAGED, DAMAGED], np.int64)[states]
    there = begins > 0
    places = np.where((states == FULLY_PRESENT) & there, begins, places)
    if bitmap:
        places = np.where((states == PARTIALLY_PRESENT) & there, begins | PARTIAL, places)
    return places
