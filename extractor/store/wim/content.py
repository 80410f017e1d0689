"""What a blob is made of, read into a worker's memory: pieces of the image, zeros, or bytes that the caller has.

The memory begins at a page, for the reason that ``extractor.store.hand`` tells.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence

from extractor.errors import DamagedError
from extractor.seams import ZEROS, Piece

UNIT = 1 << 20
"""Bytes that one worker takes at a time; a multiple of the chunk."""
Part = Piece | bytes | memoryview
Content = Part | Iterable[Part]


def new_buffer() -> memoryview:
    """Return memory for one unit, page-aligned."""
    return memoryview(mmap.mmap(-1, UNIT))


def parts_of(content: Content) -> Iterable[Part]:
    """Return a content as parts."""
    return (content,) if isinstance(content, Piece | bytes | memoryview) else content


def length_of(part: Part) -> int:
    """Return the bytes of a part."""
    return part.length if isinstance(part, Piece) else len(part)


def cut(part: Part, at: int) -> tuple[Part, Part]:
    """Return a part in two; the first has ``at`` bytes."""
    if not isinstance(part, Piece):
        view = memoryview(part)
        return view[:at], view[at:]
    behind = part.offset if part.descriptor == ZEROS else part.offset + at
    return part._replace(length=at), Piece(part.descriptor, behind, part.length - at)


def units(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Yield the parts in groups of ``UNIT`` bytes each, the last one shorter; parts are cut where needed."""
    group: list[Part] = []
    room = UNIT
    for part in parts:
        rest, length = part, length_of(part)
        while length >= room:
            first, rest = cut(rest, room) if length > room else (rest, b"")
            group.append(first)
            length -= room
            yield group
            group, room = [], UNIT
        if length:
            group.append(rest)
            room -= length
    if group:
        yield group


def load(parts: Sequence[Part], room: memoryview) -> memoryview:
    """Return the bytes of the parts, in ``room`` unless they are one stretch already; raise DamagedError."""
    if len(parts) == 1 and not isinstance(parts[0], Piece):
        return memoryview(parts[0])
    at = 0
    for part in parts:
        length = length_of(part)
        if isinstance(part, Piece):
            _read(part, room[at : at + length])
        else:
            room[at : at + length] = part
        at += length
    return room[:at]


def _read(piece: Piece, room: memoryview) -> None:
    descriptor, offset, length = piece
    if descriptor == ZEROS:
        room[:] = bytes(length)
        return
    while room:
        try:
            count = os.preadv(descriptor, [room], offset)
        except OSError as error:
            raise DamagedError(
                f"byte {offset} of the image cannot be read: {error.strerror}"
            ) from error
        if not count:
            raise DamagedError(f"the image ends at byte {offset}: it was cut while it was read")
        room = room[count:]
        offset += count
