"""The bytes of a disk in order -> the blocks of a dynamic VHD or VHDX in a file: one pass, blocks of zeros left out.

Everything within a block is written, zeros too, and nothing is skipped over: a file with holes becomes a sparse file on
NTFS, and Windows attaches no sparse file.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

PIECE = 2 << 20
"""Bytes of the disk that are handled at once; blocks of both formats are whole numbers of it."""
ZEROS = bytes(PIECE)
ABSENT = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """How the blocks of a disk lie in its file; sizes in bytes."""

    size: int
    """Of the disk: whole sectors."""
    block: int
    begin: int
    """Where the first block begins; what describes the disk lies before it."""
    lead: bytes = b""
    """What stands before the data of each block."""
    tail: int = 0
    """Bytes behind the last block."""

    @property
    def blocks(self) -> int:
        """Blocks of the disk."""
        return -(-self.size // self.block)

    def file_size(self, blocks: int) -> int:
        """Return the size of a file in which so many blocks are present."""
        return self.begin + blocks * (len(self.lead) + self.block) + self.tail


class Container(Protocol):
    """A format: its shape, and the structures that make a file of blocks a disk."""

    shape: Shape
    kind: str
    """As ``ImageInfo.format`` has it."""
    identity: str
    """GUID by which a child names the disk; set by ``structures``."""

    def structures(
        self, places: array[int], end: int, digest: bytes
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (offset in the file, bytes): what says that this is a disk comes last.

        ``places`` are those of the blocks' data, ABSENT for zeros; ``digest`` is the SHA-256 of the disk.
        """
        ...


def is_zero(data: bytes) -> bool:
    """Tell whether a piece holds nothing but zeros."""
    return data == (ZEROS if len(data) == PIECE else ZEROS[: len(data)])


class Blocks:
    """The blocks of a disk that is being written; pieces come in order, none crosses a block's end."""

    def __init__(self, file: BinaryIO, shape: Shape) -> None:
        self.places = array("q", [ABSENT]) * shape.blocks
        """Where the data of each block begin in the file."""
        self.end = shape.begin
        """Where the next block will begin."""
        self._file = file
        self._shape = shape
        self._offset = 0
        self._fill(shape.begin)

    def add(self, data: bytes) -> None:
        """Write a piece: nothing while its block is all zeros."""
        block, at = divmod(self._offset, self._shape.block)
        self._offset += len(data)
        if self.places[block] == ABSENT:
            if is_zero(data):
                return
            self._begin(block, at)
        self._file.write(data)
        if self._offset == self._shape.size:
            self._fill(-self._offset % self._shape.block)

    def _begin(self, block: int, at: int) -> None:
        """Give a block its place, and write the zeros with which it begins."""
        self._file.write(self._shape.lead)
        self.places[block] = self.end + len(self._shape.lead)
        self.end = self.places[block] + self._shape.block
        self._fill(at)

    def _fill(self, count: int) -> None:
        for start in range(0, count, PIECE):
            self._file.write(ZEROS[: count - start])


def seal(file: BinaryIO, blocks: Blocks, container: Container, digest: bytes) -> None:
    """Write what makes the blocks in a file a disk."""
    for offset, data in container.structures(blocks.places, blocks.end, digest):
        file.seek(offset)
        file.write(data)
    file.flush()
