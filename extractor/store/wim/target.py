"""The file that a WIM is written into: bytes at any offset, from several threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

Buffer = bytes | memoryview
_TOGETHER = 512
"""Buffers that one system call takes (IOV_MAX is 1024)."""


class Target(Protocol):
    """Where the writer writes. OSError means that the store cannot be written."""

    def write_at(self, offset: int, buffers: Sequence[Buffer], /) -> None:
        """Write the buffers, all of them, one behind the other."""
        ...

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return what was written; fewer bytes only at the end."""
        ...

    def truncate(self, size: int, /) -> None:
        """Cut the file, or make it longer by zeros."""
        ...


class DescriptorTarget:
    """A file of this host, by its descriptor; the caller closes it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """Write the buffers one behind the other."""
        for first in range(0, len(buffers), _TOGETHER):
            group = buffers[first : first + _TOGETHER]
            wanted = sum(map(len, group))
            count = os.pwritev(self._descriptor, group, offset)
            if count != wanted:
                self._rest(offset + count, b"".join(group)[count:])
            offset += wanted

    def _rest(self, offset: int, data: bytes) -> None:
        while data:
            count = os.pwrite(self._descriptor, data, offset)
            data = data[count:]
            offset += count

    def read_at(self, offset: int, length: int) -> bytes:
        """Return what was written."""
        found = []
        while length:
            data = os.pread(self._descriptor, length, offset)
            if not data:
                break
            found.append(data)
            offset += len(data)
            length -= len(data)
        return found[0] if len(found) == 1 else b"".join(found)

    def truncate(self, size: int) -> None:
        """Cut the file, or make it longer by zeros."""
        os.ftruncate(self._descriptor, size)
