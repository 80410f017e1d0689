"""The disk inside a VHDX, read through libvhdi once our own checks have found its structures sound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from threading import Lock
from typing import Protocol

from extractor.errors import DamagedError, ImageError
from extractor.images.chain import Disk
from extractor.images.libyal import FOREIGN, brief
from extractor.model import BadRange


class Handle(Protocol):
    """What we use of ``pyvhdi.file``."""

    def open(self, name: str, /) -> None: ...
    def close(self) -> None: ...
    def set_parent(self, parent: Handle, /) -> None: ...
    def get_media_size(self) -> int: ...
    def get_bytes_per_sector(self) -> int: ...
    def read_buffer_at_offset(self, length: int, offset: int, /) -> bytes: ...


class LibvhdiMedium:
    """The disk that a chain of files amounts to; a lock keeps threads apart, for a handle has a position."""

    def __init__(self, chain: Sequence[Disk], handles: Sequence[Handle]) -> None:
        self._chain = chain
        self._handles = handles
        self._lock = Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; raise DamagedError when a file of the chain does not hold them."""
        path = self._chain[0].file.path
        try:
            with self._lock:
                data = self._handles[0].read_buffer_at_offset(length, offset)
        except FOREIGN as error:
            raise DamagedError(
                f"{path}: {length} bytes at {offset} cannot be read: {brief(error)}"
            ) from error
        if len(data) != length:
            raise DamagedError(f"{path}: only {len(data)} of {length} bytes at {offset} are there")
        return data

    def bad_ranges(self) -> Sequence[BadRange]:
        """Return nothing: a VHDX keeps no checksums of its content."""
        return ()

    def close(self) -> None:
        """Close the chain, the child first."""
        with self._lock:
            for handle in self._handles:
                handle.close()
        for disk in self._chain:
            disk.file.close()


def open_handles(chain: Sequence[Disk], opened: ExitStack) -> list[Handle]:
    """Return a libvhdi handle for each disk of a chain, joined to its parent; raise ImageError."""
    handles: list[Handle] = []
    for disk in reversed(chain):
        handle = _open_handle(disk)
        opened.callback(handle.close)
        if handles:
            _join(disk, handle, handles[0])
        handles.insert(0, handle)
    return handles


def _open_handle(disk: Disk) -> Handle:
    import pyvhdi

    handle: Handle = pyvhdi.file()
    path, header = disk.file.path, disk.header
    try:
        handle.open(disk.file.alias)
        understood = (handle.get_media_size(), handle.get_bytes_per_sector())
    except FOREIGN as error:
        raise ImageError(f"{path} cannot be opened by libvhdi: {brief(error)}") from error
    if understood != (header.size, header.sector_size):
        handle.close()
        raise ImageError(
            f"{path} is damaged: libvhdi finds {understood[0]} bytes in sectors of {understood[1]}, "
            f"its metadata say {header.size} in sectors of {header.sector_size}"
        )
    return handle


def _join(disk: Disk, child: Handle, parent: Handle) -> None:
    try:
        child.set_parent(parent)
    except FOREIGN as error:
        raise ImageError(
            f"{disk.file.path} cannot be joined to its parent: {brief(error)}"
        ) from error
