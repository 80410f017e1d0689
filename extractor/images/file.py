"""A file of the evidence, opened once, read-only, readable by several threads at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from extractor.errors import DamagedError, ImageError
from extractor.seams import Piece

SPARE_DESCRIPTORS = 256
"""Descriptors that the rest of the run may want beside those of a large set of segments."""


class File:
    """An open file: ``size`` in bytes as it was when opened, and bytes at any offset."""

    __slots__ = ("_descriptor", "path", "size")

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self._descriptor = descriptor

    @property
    def alias(self) -> str:
        """A name that opens this very file again, for a library that wants names (Linux, proc(5))."""
        return f"/proc/self/fd/{self._descriptor}"

    def piece(self, offset: int, length: int) -> Piece:
        """Return a range of the file for whoever copies it; raise DamagedError when the file has not all of it."""
        if offset + length > self.size:
            raise DamagedError(f"{self.path} ends before byte {offset + length}")
        return Piece(self._descriptor, offset, length)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only at the end; raise DamagedError when they cannot be read.

        ``pread`` has no file position, so threads do not disturb each other.
        """
        length = min(length, self.size - offset)
        parts: list[bytes] = []
        while length > 0:
            part = self._pread(offset, length)
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _pread(self, offset: int, length: int) -> bytes:
        try:
            part = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise DamagedError(
                f"{self.path}: bytes from {offset} cannot be read: {error.strerror}"
            ) from error
        if not part:
            raise DamagedError(
                f"{self.path} ends at byte {offset}, but it was {self.size} bytes long when it was opened"
            )
        return part

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def open_file(path: Path) -> File:
    """Open a regular file or a block device read-only; raise ImageError that says why it cannot be had."""
    descriptor = _open_descriptor(path)
    try:
        # st_size of a block device is 0; its end tells how long it is.
        return File(path, descriptor, os.lseek(descriptor, 0, os.SEEK_END))
    except OSError as error:
        os.close(descriptor)
        raise ImageError(f"{path} has no size that can be found: {error.strerror}") from error


def open_files(paths: Iterable[Path]) -> Sequence[File]:
    """Open several files, all or none; raise ImageError."""
    wanted = list(paths)
    _allow_descriptors(len(wanted))
    with ExitStack() as opened:
        files = [open_file(path) for path in wanted]
        for file in files:
            opened.callback(file.close)
        opened.pop_all()
    return files


def beside(path: Path) -> Sequence[Path]:
    """Return the files of a path's directory; the path alone when the directory may not be listed."""
    try:
        return sorted(path.parent.iterdir())
    except OSError:
        return [path]


def _open_descriptor(path: Path) -> int:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{path} is a directory; name the image file in it")
        # A FIFO would block for ever, and a character device has no end.
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise ImageError(f"{path} is neither a file nor a block device")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except PermissionError as error:
        raise ImageError(
            f"{path} cannot be read: permission denied; give this user the right to read it"
        ) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be opened: {error}") from error


def _allow_descriptors(count: int) -> None:
    """Raise the soft limit of open files when a set of segments needs it: 1 TB of E01 can be 700 files, twice."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * count + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
