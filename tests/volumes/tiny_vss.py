"""An NTFS volume with shadow copies, made of what it is and what it was (libvshadow's "VSS format").

Windows keeps these structures in files of the volume; here they lie in free space of the volume, or behind the file
system in the same partition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

BLOCK = 0x4000
HEADER = 0x1E00
VSS = UUID("3808876b-c176-4e48-b7ae-04046e6cc752").bytes_le
CATALOG, LIST, STORE, RANGES, BITMAP = 2, 3, 4, 5, 6
PER_LIST = (BLOCK - 128) // 32
MADE = 132_643_644_032_230_304
"""When the first copy was made: 2021-05-01 17:40:03 UTC; each further one a minute later."""
MINUTE = 600_000_000


def identifier(kind: str, number: int) -> UUID:
    """Return the ``store``, ``copy`` or ``set`` identifier of a shadow copy."""
    return UUID(int=("store", "copy", "set").index(kind) << 64 | number)


@dataclass(frozen=True)
class Places:
    """Where the parts of one shadow copy lie, in bytes of the volume."""

    store: int
    ranges: int
    bitmap: int
    lists: Sequence[int]


@dataclass(frozen=True)
class Content:
    """A volume that is being made, and the places in it that can be had, block by block."""

    data: bytearray
    places: Iterator[int]

    def take(self) -> int:
        place = next(self.places)
        self.data.extend(bytes(max(place + BLOCK - len(self.data), 0)))
        return place

    def write(self, place: int, data: bytes) -> None:
        self.data[place : place + len(data)] = data


def build(now: bytes, *then: bytes, free: int = 0) -> bytes:
    """Return a volume that is ``now`` and was each of ``then`` (the oldest first), all of the same length.

    ``free`` is where there is free space for it; without it, it follows what the volume is now.
    """
    end = -(-len(now) // BLOCK) * BLOCK
    content = Content(bytearray(now.ljust(end, b"\0")), count(free or end, BLOCK))
    catalog = content.take()
    entries = b""
    for number, was in enumerate(then, 1):
        later = then[number] if number < len(then) else now
        places = _keep(content, was, later)
        content.write(places.store, _store(places.store, number))
        entries += _entries(number, places, len(now))
    content.write(catalog, _block(CATALOG, catalog, entries))
    content.write(HEADER, _head(1, HEADER, HEADER) + struct.pack("<QQ32x", catalog, 0))
    return bytes(content.data)


def catalog_of(volume: bytes) -> int:
    """Return where the catalog lies."""
    return int(struct.unpack_from("<Q", volume, HEADER + 48)[0])


def _keep(content: Content, was: bytes, later: bytes) -> Places:
    """Put aside the blocks of what was that are not in what came later."""
    store, ranges, bitmap = (content.take() for _ in range(3))
    blocks = {}
    for offset in range(0, len(was), BLOCK):
        kept = was[offset : offset + BLOCK]
        if kept != later[offset : offset + BLOCK]:
            blocks[offset] = content.take()
            content.write(blocks[offset], kept)
    rows = [struct.pack("<QQQQ", old, 0, new, 0) for old, new in blocks.items()]
    lists = [content.take() for _ in range(max(-(-len(rows) // PER_LIST), 1))]
    for index, place in enumerate(lists):
        following = lists[index + 1] if index + 1 < len(lists) else 0
        part = b"".join(rows[index * PER_LIST : (index + 1) * PER_LIST])
        content.write(place, _block(LIST, place, part, following))
    content.write(ranges, _block(RANGES, ranges, b""))
    content.write(bitmap, _block(BITMAP, bitmap, b""))
    return Places(store, ranges, bitmap, lists)


def _head(kind: int, relative: int, place: int, following: int = 0) -> bytes:
    return VSS + struct.pack("<IIQQQ", 1, kind, relative, place, following)


def _block(kind: int, place: int, body: bytes, following: int = 0) -> bytes:
    return (_head(kind, 0, place, following).ljust(128, b"\0") + body).ljust(BLOCK, b"\0")


def _store(place: int, number: int) -> bytes:
    name = "tiny".encode("utf-16-le")
    text = struct.pack("<H", len(name)) + name
    body = struct.pack(
        "<16s16s16sIIII", UUID(int=1).bytes_le, identifier("copy", number).bytes_le,
        identifier("set", number).bytes_le, 9, 1, 0x00420009, 0,
    ) + text + text  # fmt: skip
    whole = bytearray(_block(STORE, place, body))
    struct.pack_into("<Q", whole, 48, len(body))
    return bytes(whole)


def _entries(number: int, places: Places, size: int) -> bytes:
    """Return the two entries of a shadow copy: what it is, and where its parts lie."""
    name = identifier("store", number).bytes_le
    what = struct.pack("<QQ16sQQQ", 2, size, name, number, 0x40, MADE + (number - 1) * MINUTE)
    where = struct.pack(
        "<QQ16sQQQQQQ", 3, places.lists[0], name, places.store, places.ranges, places.bitmap,
        0x1000000000040, 0, 0,
    )  # fmt: skip
    return what.ljust(128, b"\0") + where.ljust(128, b"\0")
