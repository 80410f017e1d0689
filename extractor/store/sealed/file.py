"""A file that is sealed in parts while it is written: at any offset, back and forth, with two parts in memory.

A WIM is written so: it grows, its tables and its header are set in later, and what turns out to be known already is
cut off again. A part that is needed after it left memory is opened and sealed once more, which costs its 64 MiB twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from extractor.store.sealed.age import Block
from extractor.store.sealed.listing import SUFFIX, Part

KEPT = 2
"""Parts in memory, besides part 0."""


class Parts(Protocol):
    """Who writes, and reads back, the age files: :class:`extractor.store.sealed.sealer.Sealer`."""

    def part(self, sealed: str, data: Block, *, reopening: bool = False) -> Part: ...
    def reopen(self, part: Part) -> bytearray: ...
    def remove(self, part: Part) -> None: ...
    def add(self, name: str, parts: tuple[Part, ...]) -> None: ...


@dataclass(slots=True)
class _Page:
    """A part in memory; what it lacks up to the file's end is zeros."""

    data: bytearray = field(default_factory=bytearray)
    changed: bool = False


class SealedFile:
    """The file; a Target of the WIM writer. Several threads may use it, one at a time. Raises OSError, StoreError (72).

    Part 0 holds the first ``head`` bytes and stays in memory until :meth:`finish`; the others have ``part`` bytes.
    """

    def __init__(self, parts: Parts, name: str, head: int, part: int) -> None:
        self.name = name
        self._size = 0
        self._parts = parts
        self._head_size, self._part_size = head, part
        self._head = _Page()
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self._sealed: dict[int, Part] = {}
        self._turn = Lock()

    @property
    def size(self) -> int:
        """Bytes up to the highest that was written."""
        return self._size

    def append(self, data: Block) -> int:
        """Write at the end; return the offset."""
        offset = self._size
        self.write_at(offset, (data,))
        return offset

    def write_at(self, offset: int, buffers: Sequence[Block], /) -> None:
        """Write the buffers, one behind the other."""
        with self._turn:
            for each in buffers:
                left = memoryview(each).cast("B")
                while left:
                    page, at, room = self._at(offset)
                    piece = left[:room]
                    _put(page.data, at, piece)
                    page.changed = True
                    left, offset = left[room:], offset + len(piece)
                    self._size = max(self._size, offset)

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return what was written; fewer bytes only at the end."""
        with self._turn:
            found, end = [], min(offset + length, self._size)
            while offset < end:
                page, at, room = self._at(offset)
                wanted = min(room, end - offset)
                found.append(bytes(page.data[at : at + wanted]).ljust(wanted, b"\0"))
                offset += wanted
            return b"".join(found)

    def truncate(self, size: int, /) -> None:
        """Cut the file, or make it longer by zeros."""
        with self._turn:
            for number in [each for each in self._numbers() if self._start(each) >= size]:
                self._pages.pop(number, None)
                if number in self._sealed:
                    self._parts.remove(self._sealed.pop(number))
            if size < self._size:
                page, at, _ = self._at(size)
                page.changed |= at < len(page.data)
                del page.data[at:]
            self._size = size

    def finish(self) -> None:
        """Seal what is left, the first part last."""
        with self._turn:
            count = max(0, -((self._head_size - self._size) // self._part_size))
            for number in range(1, count + 1):
                self._settle(number, min(self._part_size, self._size - self._start(number)))
            data = _filled(self._head.data, min(self._head_size, self._size))
            head = self._parts.part(part_name(self.name, 0), data)
            self._parts.add(self.name, (head, *(self._sealed[n] for n in range(1, count + 1))))
            self._head = _Page()

    def _settle(self, number: int, size: int) -> None:
        """Have a part on the disk with all its bytes, and out of memory."""
        page = self._pages.pop(number, None)
        sealed = self._sealed.get(number)
        if page is None and sealed is not None and sealed.sums.size != size:
            page = _Page(self._parts.reopen(sealed), changed=True)
        if sealed is None or (page is not None and (page.changed or sealed.sums.size != size)):
            data = _filled((page or _Page()).data, size)
            self._sealed[number] = self._parts.part(part_name(self.name, number), data)

    def _at(self, offset: int) -> tuple[_Page, int, int]:
        """Return the page that holds an offset, the offset in it, and the bytes from there to its end."""
        if offset < self._head_size:
            return self._head, offset, self._head_size - offset
        number, at = divmod(offset - self._head_size, self._part_size)
        return self._page(number + 1), at, self._part_size - at

    def _page(self, number: int) -> _Page:
        page = self._pages.get(number)
        if page is None:
            while len(self._pages) >= KEPT:
                self._put_away(*self._pages.popitem(last=False))
            sealed = self._sealed.get(number)
            page = _Page(self._parts.reopen(sealed)) if sealed else _Page()
            self._pages[number] = page
        self._pages.move_to_end(number)
        return page

    def _put_away(self, number: int, page: _Page) -> None:
        if page.changed:
            name = part_name(self.name, number)
            self._sealed[number] = self._parts.part(name, page.data, reopening=True)

    def _numbers(self) -> set[int]:
        return {*self._pages, *self._sealed}

    def _start(self, number: int) -> int:
        return self._head_size + (number - 1) * self._part_size


def part_name(name: str, number: int) -> str:
    """Return the name of a part."""
    return f"{name}.{number:05}{SUFFIX}"


def _put(target: bytearray, offset: int, data: memoryview) -> None:
    _filled(target, offset)
    target[offset : offset + len(data)] = data


def _filled(target: bytearray, size: int) -> bytearray:
    """Return the array, made at least ``size`` long by zeros."""
    if len(target) < size:
        target.extend(bytes(size - len(target)))
    return target
