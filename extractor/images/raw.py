"""Raw images: one file, a block device, or a set of equal pieces (``disk.001``, ``disk.002``…)."""

from __future__ import annotations

import fcntl
import re
import stat
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

from extractor.errors import DamagedError, ImageError
from extractor.images.file import File, beside, open_files
from extractor.images.foreign import refuse_blank, refuse_headless, refuse_text
from extractor.images.image import OpenImage
from extractor.model import BadRange, ImageInfo
from extractor.seams import Piece

SECTOR = 512
BLKSSZGET = 0x1268
"""ioctl of a Linux block device: its logical sector size (linux/fs.h)."""


class RawReader:
    """Takes what no other reader recognises as the plain bytes of a disk."""

    name: ClassVar[str] = "raw"
    fallback: ClassVar[bool] = True

    def recognises(self, head: bytes, tail: bytes, path: Path) -> bool:
        """Tell that anything with bytes in it may be raw."""
        return bool(head)

    def open(self, path: Path) -> OpenImage:
        """Open a raw image or the set that a piece belongs to; raise ImageError naming a missing piece."""
        with ExitStack() as opened:
            files = open_files(pieces(path))
            for file in files:
                opened.callback(file.close)
            try:
                info, medium = _describe(path, files), RawMedium(files)
                refuse_blank(path, medium, info.size)
            except DamagedError as error:
                raise ImageError(str(error)) from error
            opened.pop_all()
        return OpenImage(info, medium)


class RawMedium:
    """Files laid end to end."""

    def __init__(self, files: Sequence[File]) -> None:
        self._files = files
        self._starts = [0, *accumulate(file.size for file in files)][:-1]

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes, from several files where the range crosses a border."""
        parts = [file.read_at(start, count) for file, start, count in self._ranges(offset, length)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self, offset: int, length: int) -> Sequence[Piece]:
        """Return where a range lies."""
        return [file.piece(start, count) for file, start, count in self._ranges(offset, length)]

    def _ranges(self, offset: int, length: int) -> Iterator[tuple[File, int, int]]:
        """Yield (file, offset in it, length) of a range of the disk."""
        number, end = bisect_right(self._starts, offset) - 1, offset + length
        while offset < end:
            file, start = self._files[number], offset - self._starts[number]
            count = min(file.size - start, end - offset)
            yield file, start, count
            offset += count
            number += 1

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: a raw image does not know which of its bytes are wrong."""
        return ()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def pieces(path: Path) -> list[Path]:
    """Return the files of a raw image in order: the path alone, or the whole set it is a piece of.

    A set counts from 0 or 1 with digits of one width (``.000``, ``.001``, ``.00``). Three digits are always a set;
    another width is one only when its first piece lies beside it, for ``backup.2024`` is a name like any other.
    Raises ImageError naming the first piece that is missing.
    """
    numbered = _numbered(path)
    first = min(numbered, default=0)
    if first > 1 and len(path.suffix) == 4:
        raise ImageError(
            f"{path} is a piece of a split image whose first piece, {_piece(path, 1).name}, is missing"
        )
    if not numbered or first > 1:
        return [path]
    for number in range(first, max(numbered)):
        if number not in numbered:
            raise ImageError(
                f"the split image {path} is not whole: {_piece(path, number).name} is missing"
            )
    return [numbered[number] for number in sorted(numbered)]


def _numbered(path: Path) -> dict[int, Path]:
    """Return the files beside ``path`` that differ from it only by the number at their end."""
    digits = path.suffix[1:]
    if len(digits) < 2 or not (digits.isascii() and digits.isdigit()):
        return {}
    shape = re.compile(re.escape(path.stem) + rf"\.([0-9]{{{len(digits)}}})", re.DOTALL)
    found = ((shape.fullmatch(each.name), each) for each in beside(path))
    return {int(match[1]): each for match, each in found if match}


def _piece(path: Path, number: int) -> Path:
    return path.with_suffix(f".{number:0{len(path.suffix) - 1}}")


def _check_pieces(files: Sequence[File]) -> None:
    """Raise ImageError unless all pieces are of one size; the last may be shorter."""
    whole = files[0].size
    for file in files[1:-1]:
        if file.size != whole:
            raise ImageError(
                f"{file.path} has {file.size} bytes and {files[0].path.name} has {whole}: the pieces of a split image "
                "are of equal size, so one of them is cut; copy it again (or join pieces of your own making with cat)"
            )
    if files[-1].size > whole:
        raise ImageError(
            f"{files[-1].path}, the last piece, has {files[-1].size} bytes and {files[0].path.name} only {whole}: "
            "the earlier pieces are cut; copy them again"
        )


def _describe(path: Path, files: Sequence[File]) -> ImageInfo:
    """Return what is known of a raw disk; raise ImageError when its beginning is that of something else."""
    _check_pieces(files)
    head = files[0].read_at(0, 1 << 16)
    refuse_text(path, head)
    refuse_headless(path, head)
    return ImageInfo(
        path=str(path),
        format="split-raw" if len(files) > 1 else "raw",
        size=sum(file.size for file in files),
        sector_size=_sector_size(path, head),
        segments=tuple(str(file.path) for file in files),
    )


def _sector_size(path: Path, head: bytes) -> int:
    """Return what the device says, else where the GPT header lies (it is in the second sector), else 512."""
    if stat.S_ISBLK(path.stat().st_mode):
        with path.open("rb") as device:
            raw = fcntl.ioctl(device, BLKSSZGET, bytes(4))
        return int(struct.unpack("=i", raw)[0])
    if head[SECTOR : SECTOR + 8] != b"EFI PART" and head[4096:4104] == b"EFI PART":
        return 4096
    return SECTOR
