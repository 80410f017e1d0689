"""Block tables as run lists: where the blocks of a disk lie in a file, neighbours joined, found by bisection.

A table becomes *places*, one for each block in order: the byte of the file at which the block's data begin, with the
flag PARTIAL when a sector bitmap says which of its sectors are there; or ZEROED, PARENT or DAMAGED.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

from extractor.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np

    Places = np.ndarray[Any, np.dtype[np.int64]]

PARTIAL = 1
"""Flag of a place: data begin at whole sectors, so the lowest bit is free."""
ZEROED, PARENT, DAMAGED = -1, -2, -3
"""The block reads as zeros; is the parent's; or nobody knows where it lies."""
NO_BLOCK = -9
END = (1 << 63) - 1
MAX_RUNS = 1 << 22
"""Most runs of a table, 64 MiB of them: 2040 GiB in blocks of 512 KiB, the smallest in use, each in another place."""


class BlockMap:
    """Runs of blocks that lie one behind the other, or nowhere; ``block`` is their size in bytes.

    16 bytes a run and none of them an object: a disk of 64 TiB that is one hole is one run.
    """

    __slots__ = ("_places", "_starts", "block")

    def __init__(self, block: int, starts: array[int], places: array[int]) -> None:
        self.block = block
        self._starts = starts
        self._places = places

    def runs(self, offset: int, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield (place, first, offset, length) of a range of the disk; the run's place is that of byte ``first``."""
        starts, end = self._starts, offset + length
        index = bisect_right(starts, offset) - 1
        while offset < end:
            stop = min(starts[index + 1], end)
            yield self._places[index], starts[index], offset, stop - offset
            offset = stop
            index += 1

    def whole(self, offset: int, length: int) -> int:
        """Return where a range lies in the file; negative unless it lies there in one run, none of it PARTIAL."""
        index = bisect_right(self._starts, offset) - 1
        place = self._places[index]
        if place < 0 or place & PARTIAL or offset + length > self._starts[index + 1]:
            return -1
        return place + offset - self._starts[index]

    def place(self, offset: int) -> int:
        """Return where the byte at ``offset`` lies in the file; it must lie in a block that is there."""
        index = bisect_right(self._starts, offset) - 1
        return (self._places[index] & ~PARTIAL) + offset - self._starts[index]


def whole_map(size: int) -> BlockMap:
    """Return the map of a disk that lies in its file as it is, from byte 0."""
    return BlockMap(size, array("q", (0, END)), array("q", (0,)))


def join_blocks(
    path: Path,
    end: int,
    block: int,
    parts: Iterable[Places],
    *,
    lead: int = 0,
    others: tuple[Places, int] | None = None,
) -> BlockMap:
    """Join the places of a disk's blocks into runs.

    ``lead`` bytes of its own lie before each block's data; ``others`` are the places, and the size of each, of what
    else must not overlap.

    Raises ImageError unless the blocks that are there end before byte ``end`` and no two have a byte in common. Block
    tables have no checksum, but a wrong entry nearly always points into another block.
    """
    import numpy as np

    starts, places = array("q"), array("q")
    previous, number, room = NO_BLOCK, 0, end // block
    for part in parts:
        room -= int(np.count_nonzero(part >= 0))
        if room < 0:
            raise ImageError(
                f"{path} is cut or damaged: its block table has more blocks than fit the file"
            )
        before = np.concatenate((np.array([previous]), part[:-1]))
        first = np.flatnonzero(part != np.where(part < 0, before, before + block))
        starts.frombytes(((first + number) * block).tobytes())
        places.frombytes(part[first].tobytes())
        previous, number = int(part[-1]), number + len(part)
        if len(starts) > MAX_RUNS:
            raise ImageError(
                f"{path} is damaged: its block table is scattered as no program does it"
            )
    lengths = np.diff(np.array(starts), append=number * block)
    starts.append(END)
    there = np.array(places) >= 0
    begins, lengths = (np.array(places)[there] & ~PARTIAL) - lead, lengths[there]
    if lead and np.any(lengths > block):
        # Where data of two blocks touch, there is no room for what lies before those of the second.
        _refuse_overlap(path, int(begins[lengths > block][0]) + lead + block)
    more, size = others or (begins[:0], 0)
    ends = np.concatenate((begins + lengths + lead, more + size))
    _check_places(path, end, np.concatenate((begins, more)), ends)
    return BlockMap(block, starts, places)


def _check_places(path: Path, end: int, begins: Places, ends: Places) -> None:
    """Raise ImageError unless ranges of a file end before ``end`` and no two have a byte in common."""
    import numpy as np

    order = np.argsort(begins)
    begins, ends = begins[order], ends[order]
    outside = np.flatnonzero((ends > end) | (begins < 0))
    if len(outside):
        start, stop = int(begins[outside[0]]), int(ends[outside[0]])
        raise ImageError(
            f"{path} is cut or damaged: a block lies at bytes {start} to {stop}, but the file has {end}"
        )
    twice = np.flatnonzero(begins[1:] < ends[:-1])
    if len(twice):
        _refuse_overlap(path, int(begins[twice[0] + 1]))


def _refuse_overlap(path: Path, offset: int) -> NoReturn:
    raise ImageError(
        f"{path} is damaged: its block table gives byte {offset} of the file to two blocks"
    )
