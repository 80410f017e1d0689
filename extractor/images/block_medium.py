"""The disk that a chain of virtual disks amounts to, read by block maps: VHD, VHDX, VDI.

libvhdi 20260901 is not used: in a differencing VHD whose sector bitmap changes within a byte it takes the sectors
that follow a changed one for changed too, and returns zeros where the parent's bytes belong (measured; a Windows XP
volume, which begins at sector 63, meets this at every write of a cluster). It knows neither the second region table
nor the log of a VHDX, and no reader of a library can tell where its bytes lie.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import SEEK_CUR, BytesIO
from typing import Literal, Protocol

from extractor.errors import DamagedError
from extractor.images.block_map import DAMAGED, PARENT, PARTIAL, ZEROED, BlockMap
from extractor.images.chain import DiskFile, DiskHeader
from extractor.images.image import all_or_none
from extractor.model import BadRange
from extractor.seams import ZEROS, Piece

PAGE = 4096
"""Sectors of a bitmap that are decoded at once, so that the cache is bounded whatever the size of a block."""
PART = 1 << 20
"""Bytes that are read at once where a range lies in several places."""


class SectorBitmaps(Protocol):
    """Which sectors of the PARTIAL blocks of a differencing disk are its own."""

    @property
    def bit_order(self) -> Literal["big", "little"]:
        """Which bit of a byte stands for the first of its eight sectors."""
        ...

    def __hash__(self) -> int: ...
    def at(self, offset: int, /) -> int:
        """Return the byte of the file at which the bitmap of the block begins whose first byte is ``offset``."""
        ...


@dataclass(frozen=True, slots=True)
class MappedDisk:
    """One disk of a chain with its block map."""

    file: DiskFile
    header: DiskHeader
    blocks: BlockMap
    bitmaps: SectorBitmaps | None = None
    """None unless the map has PARTIAL blocks."""


Span = tuple[DiskFile | None, int, int]
"""A file, where in it, how many bytes; no file for zeros."""


class BlockMedium:
    """A chain, the child first; ``pread`` alone touches the files, so no lock is needed."""

    def __init__(self, chain: Sequence[MappedDisk]) -> None:
        self._chain = chain
        self._edges = lru_cache(maxsize=512)(self._load_edges)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when a file cannot be read or a block's place is not known."""
        disk = self._chain[0]
        place = disk.blocks.whole(offset, length)
        if place >= 0:
            return disk.file.read_at(place, length)
        return _joined(self._spans(offset, length), length)

    def pieces(self, offset: int, length: int) -> Sequence[Piece] | None:
        """Return where a range lies, None when a part of it lies in a log that was not written back."""
        return all_or_none(
            file.piece(place, count) if file else Piece(ZEROS, 0, count)
            for file, place, count in self._spans(offset, length)
        )

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: a virtual disk keeps no checksums of its content."""
        return ()

    def close(self) -> None:
        """Close the files of the chain."""
        for disk in self._chain:
            disk.file.close()

    def _spans(self, offset: int, length: int) -> list[Span]:
        """Return where a range lies, in order, neighbours joined."""
        found: list[Span] = []
        self._trace(0, offset, length, found)
        return found

    def _trace(self, depth: int, offset: int, length: int, found: list[Span]) -> None:
        """Append a range of the disk as the chain from ``depth`` down has it; below the base all is zeros."""
        if depth == len(self._chain):
            _append(found, None, 0, length)
            return
        disk = self._chain[depth]
        # A child may be larger than its parent.
        inside = max(0, min(length, disk.header.size - offset))
        for place, first, start, count in disk.blocks.runs(offset, inside):
            if place == ZEROED:
                _append(found, None, 0, count)
            elif place == PARENT:
                self._trace(depth + 1, start, count, found)
            elif place == DAMAGED:
                raise DamagedError(
                    f"{disk.file.path} is damaged: its block table does not say where bytes {start} to "
                    f"{start + count} of the disk lie"
                )
            elif place & PARTIAL and disk.bitmaps:
                self._trace_partial(depth, disk.bitmaps, start, count, found)
            else:
                _append(found, disk.file, place + start - first, count)
        if inside < length:
            _append(found, None, 0, length - inside)

    def _trace_partial(
        self, depth: int, bitmaps: SectorBitmaps, offset: int, length: int, found: list[Span]
    ) -> None:
        """Append a range whose sectors lie in this disk or in its parent, as the sector bitmap says."""
        disk, end = self._chain[depth], offset + length
        sector = disk.header.sector_size
        while offset < end:
            page = offset - offset % min(PAGE * sector, disk.blocks.block)
            place, edges = self._edges(depth, bitmaps, page)
            index = bisect_right(edges, (offset - page) // sector) - 1
            stop = min(end, page + edges[index + 1] * sector)
            if index & 1:
                _append(found, disk.file, place + offset - page, stop - offset)
            else:
                self._trace(depth + 1, offset, stop - offset, found)
            offset = stop

    def _load_edges(self, depth: int, bitmaps: SectorBitmaps, page: int) -> tuple[int, array[int]]:
        """Return where a page of sectors lies in the file, and at which sectors of it the owner changes.

        Sectors before the first edge are the parent's (the first edge is twice 0 when there are none), those before
        the second are this disk's, and so on in turn; the number of sectors ends the list.
        """
        import numpy as np

        disk = self._chain[depth]
        sector, block = disk.header.sector_size, disk.blocks.block
        count, skipped = min(PAGE, block // sector), page % block // sector // 8
        bitmap = disk.file.read_at(bitmaps.at(page - page % block) + skipped, -(-count // 8))
        bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder=bitmaps.bit_order)[:count]
        changes = np.flatnonzero(np.diff(bits)) + 1
        first = [0, 0] if bits[0] else [0]
        return disk.blocks.place(page), array("H", [*first, *changes.tolist(), count])


def _joined(spans: Sequence[Span], length: int) -> bytes:
    """Return the bytes of spans, ``length`` in all; raise DamagedError.

    Small parts go into one buffer, which is what is returned, no copy of it. A list of parts of 2 MiB, joined, takes
    so much memory beside the sum that malloc gives it back after each read, and page faults cost ten times the read.
    """
    whole = BytesIO(bytes(length))
    for file, place, count in spans:
        if file is None:
            whole.seek(count, SEEK_CUR)
            continue
        end = place + count
        for start in range(place, end, PART):
            part = file.read_at(start, min(PART, end - start))
            if len(part) < min(PART, end - start):
                raise DamagedError(f"{file.path} ends before byte {end}")
            whole.write(part)
    return whole.getvalue()


def _append(found: list[Span], file: DiskFile | None, place: int, count: int) -> None:
    """Append a span, joined to the last when it follows it in the same file."""
    if found:
        last, start, length = found[-1]
        if last is file and (file is None or start + length == place):
            found[-1] = (file, start, length + count)
            return
    found.append((file, place, count))
