"""The disk inside a VHD, fixed, dynamic or differencing, read by its block table.

libvhdi 20260901 is not used here: in a differencing disk whose sector bitmap changes within a byte it takes the
sectors that follow a changed one for changed too, and returns zeros where the parent's bytes belong (measured; a
Windows XP volume, which begins at sector 63, meets this at every write of a cluster).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from extractor.images.chain import DiskHeader
from extractor.images.file import File
from extractor.model import BadRange

SECTOR = 512
UNUSED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class VhdDisk:
    """One VHD of a chain; ``block`` is 0 for a fixed disk, which has no table.

    ``table`` gives for each block the sector of the file at which its sector bitmap, and then its data, begin.
    """

    file: File
    header: DiskHeader
    block: int = 0
    table: Sequence[int] = ()

    @property
    def bitmap(self) -> int:
        """Bytes of a block's sector bitmap, which fills whole sectors."""
        return -(-self.block // SECTOR // 8 // SECTOR) * SECTOR


class VhdMedium:
    """The disk that a chain amounts to; ``pread`` alone touches the files, so no lock is needed."""

    def __init__(self, chain: Sequence[VhdDisk]) -> None:
        self._chain = chain
        self._bitmap = lru_cache(maxsize=512)(self._load_bitmap)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when a file cannot be read."""
        return b"".join(self._pieces(0, offset, length))

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: a VHD keeps no checksums of its content."""
        return ()

    def close(self) -> None:
        """Close the files of the chain."""
        for disk in self._chain:
            disk.file.close()

    def _pieces(self, depth: int, offset: int, length: int) -> Iterator[bytes]:
        """Yield a range of the disk as the chain from ``depth`` down has it; below the base all is zeros."""
        if depth == len(self._chain):
            yield bytes(length)
            return
        disk = self._chain[depth]
        # A child may be larger than its parent.
        inside = max(0, min(length, disk.header.size - offset))
        if not disk.block:
            yield disk.file.read_at(offset, inside)
        else:
            for start, count in _split(offset, inside, disk.block):
                yield from self._block_pieces(depth, start, count)
        yield bytes(length - inside)

    def _block_pieces(self, depth: int, offset: int, length: int) -> Iterator[bytes]:
        """Yield a range that lies within one block."""
        disk = self._chain[depth]
        number, within = divmod(offset, disk.block)
        if disk.table[number] == UNUSED:
            yield from self._pieces(depth + 1, offset, length)
            return
        data = disk.table[number] * SECTOR + disk.bitmap
        if not disk.header.parent:
            # Windows gives the block's bytes whatever the bitmap of a dynamic disk says.
            yield disk.file.read_at(data + within, length)
            return
        for own, start, count in _runs(self._bitmap(depth, number), within, length):
            if own:
                yield disk.file.read_at(data + start, count)
            else:
                yield from self._pieces(depth + 1, offset - within + start, count)

    def _load_bitmap(self, depth: int, number: int) -> bytes:
        disk = self._chain[depth]
        return disk.file.read_at(disk.table[number] * SECTOR, disk.bitmap)


def _split(offset: int, length: int, block: int) -> Iterator[tuple[int, int]]:
    """Yield (offset, length) of the parts of a range, cut at the borders of blocks."""
    end = offset + length
    while offset < end:
        count = min(end, (offset // block + 1) * block) - offset
        yield offset, count
        offset += count


def _runs(bitmap: bytes, offset: int, length: int) -> Iterator[tuple[bool, int, int]]:
    """Yield (own, offset, length) of the parts of a block that lie in this disk or in its parent.

    The most significant bit of a byte stands for the first of its eight sectors.
    """
    end = offset + length
    sectors = range(offset // SECTOR, (end - 1) // SECTOR + 1)
    for own, run in groupby(sectors, lambda sector: bool(bitmap[sector // 8] << sector % 8 & 0x80)):
        first, *rest = run
        stop = min(end, ((rest[-1] if rest else first) + 1) * SECTOR)
        yield own, offset, stop - offset
        offset = stop
