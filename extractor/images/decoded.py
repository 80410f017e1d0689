"""A disk that a library decodes: read in whole units, one thread at a time, from files that were opened here.

dissect reads on past the border of what it decodes in places, answers a cut file with fewer bytes, and gives each
disk one file position. A unit (cluster, grain) at a time, its length checked, none of it matters. It gets streams
that have no name, so nothing in an image can make it open another file.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock

from extractor.errors import DamagedError, ImageError
from extractor.images.file import File
from extractor.model import BadRange

CACHE = 16 << 20
"""Bytes of decoded units that are kept."""
MAX_TABLE = 32 << 20
"""Bytes that a table of an image may have that is read in one go (QEMU allows QCOW2 the same)."""


def foreign_errors() -> tuple[type[Exception], ...]:
    """Return what dissect.hypervisor raises for bad input, its own error and what its conversions raise."""
    from dissect.hypervisor.exceptions import Error

    return (
        Error, zlib.error, ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
        TypeError, ValueError,
    )  # fmt: skip


class FileStream(io.RawIOBase):
    """A File as a library wants it: with a position."""

    def __init__(self, file: File) -> None:
        super().__init__()
        self._file = file
        self._position = 0
        self.limit = MAX_TABLE
        """Bytes that one read may ask for; a length of the image's own bounds no memory."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the position on, fewer only at the end; raise DamagedError."""
        length = max(0, self._file.size - self._position) if size < 0 else size
        if length > self.limit:
            raise DamagedError(f"{self._file.path} is damaged: it names a part of {length} bytes")
        data = self._file.read_at(self._position, length)
        self._position += len(data)
        return data


class DecodedMedium:
    """The bytes of one file that ``decode`` gives, unit by unit; ``unit`` and ``size`` in bytes."""

    def __init__(
        self, file: File, size: int, unit: int, decode: Callable[[int, int], bytes]
    ) -> None:
        self._file = file
        self._size = size
        self._unit_size = unit
        self._decode = decode
        self._errors = foreign_errors()
        self._lock = Lock()
        self._unit = lru_cache(max(1, CACHE // unit))(self._load_unit)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when the file does not hold them."""
        unit = self._unit_size
        first, last = offset // unit, (offset + length - 1) // unit
        with self._lock:
            parts = [self._unit(number) for number in range(first, last + 1)]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        begin = offset - first * unit
        return data[begin : begin + length]

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: such a disk keeps no checksums of its content."""
        return ()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load_unit(self, number: int) -> bytes:
        offset = number * self._unit_size
        length = min(self._unit_size, self._size - offset)
        try:
            data = self._decode(offset, length)
        except self._errors as error:
            raise DamagedError(
                f"{self._file.path}: {length} bytes at {offset} of the disk cannot be read: "
                f"{str(error) or type(error).__name__}"
            ) from error
        if len(data) < length:
            raise DamagedError(
                f"{self._file.path} is cut or damaged: of {length} bytes at {offset} of the disk only {len(data)} "
                "are there"
            )
        return data[:length]


def refuse_undecodable(file: File, error: Exception) -> ImageError:
    """Return the error for a disk that the library does not open."""
    cause = " ".join(str(error).split()) or type(error).__name__
    return ImageError(f"{file.path} is damaged: dissect.hypervisor cannot open it: {cause}")
