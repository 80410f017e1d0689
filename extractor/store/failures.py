"""What the operating system says of the output, as errors of ours: one sentence, the place, the space left."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from extractor.errors import CorruptStoreError, StoreError, StoreLocationError

NO_HARD_LINK = frozenset({errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})
"""What a file system without hard links, or without room for one more, answers."""


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Translate OSError of a write below ``place`` into StoreError (72); reads of the image do not belong inside."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{place}: the store cannot be written: {_why(error)} ({free_space(place)})"
        ) from error


@contextmanager
def preparing(place: Path) -> Iterator[None]:
    """Translate OSError met before the first write into StoreLocationError (27)."""
    try:
        yield
    except OSError as error:
        raise StoreLocationError(f"{place}: no store can be made here: {_why(error)}") from error


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Translate OSError met while a finished store is read into CorruptStoreError (42)."""
    try:
        yield
    except OSError as error:
        raise CorruptStoreError(f"{place}: the store cannot be read: {_why(error)}") from error


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def free_bytes(place: Path) -> int | None:
    """Return the bytes that may still be written at ``place``; None when the system does not say."""
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def free_space(place: Path) -> str:
    """Return the space left at ``place`` in words."""
    free = free_bytes(place)
    return "free space unknown" if free is None else f"{in_words(free)} free"


def in_words(size: int) -> str:
    """Return a number of bytes as a person reads it: ``12.3 GiB``."""
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"


def sync_tree(descriptor: int) -> None:
    """Have everything of the file system below an open directory written out; raise OSError.

    Python has no ``syncfs``, and ``sync`` would wait for every disk of the machine.
    """
    if _libc().syncfs(descriptor):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
