"""The records of a hive in memory: cells, keys, values. Every byte is checked here before it is believed.

Own reading, for python-registry 1.3.1 gives wrong bytes for inline REG_SZ, REG_MULTI_SZ, REG_QWORD and big-endian
numbers, hides the high bits of a type, raises on the types of device properties, and decodes one-byte names as
windows-1252 where Windows widens each byte. Whatever is wrong raises ValueError or struct.error; ``translated`` makes
DamagedError of both.

Source: "Windows registry file format specification" (M. Suhanov); offsets in records are relative to the first bin.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from extractor.errors import DamagedError
from extractor.model import RegistryValue
from extractor.registry.base_block import FIRST_BIN
from extractor.registry.casing import registry_upcase

DEEPEST = 512
"""Levels of keys that Windows allows ("Registry element size limits")."""
SMALLEST_KEY = 0x50
SMALLEST_VALUE = 0x18
INLINE = 0x80000000
NONE = 0xFFFFFFFF
LARGEST_CELL_VALUE = 16344
"""Bytes of a value kept in one cell; above, a v1.4+ hive uses a big data record."""
COMPRESSED_KEY = 0x20
COMPRESSED_VALUE = 0x01
PREDEFINED = 0x40
"""Flag of a key node: it stands for another root, and keeps a handle where the number of values is."""
ROOT = 0x04
"""Flag of a key node: the root of its hive."""

_SIZE = struct.Struct("<i")
_KEY = struct.Struct("<2sHQ4xII4xI4xII28xH")
_VALUE = struct.Struct("<2sHIIIH")
_SECURITY_AND_CLASS = struct.Struct("<44xII22xH")
"""Of a key node: the places of its descriptor and of its class, and the bytes of the class."""
_SECURITY = struct.Struct("<2s14xI")
_NAME_OF_KEY = 0x4C
_NAME_OF_VALUE = 0x14
_WIDTHS = {b"lf": 8, b"lh": 8, b"li": 4}
"""Bytes of an element in each kind of list of subkeys."""

_ValueNode = tuple[str, int, int, int, bool]
"""Name, type, size with its inline bit, place of the data (or the data), whether a log changed the record."""


class Key(NamedTuple):
    """A key node: where it lies, and what it says."""

    place: int
    """Of its cell, relative to the first bin; what identifies a key."""
    name: str
    flags: int
    written: int
    """FILETIME."""
    parent: int
    subkeys: int
    subkey_list: int
    values: int
    value_list: int


@contextmanager
def translated(name: str, what: str) -> Iterator[None]:
    """Turn what reading hostile bytes raises into one DamagedError; ``name`` is the hive, ``what`` a key in it."""
    try:
        yield
    except (ValueError, struct.error) as error:
        where = f" at {what}" if what else ""
        raise DamagedError(f"{name}: the hive is damaged{where}: {error}") from error


class Records:
    """Reads the records of a hive; ``before`` is the file as it was before its logs were replayed."""

    __slots__ = ("_before", "_origin", "content")

    def __init__(self, content: bytes, origin: str = "live", before: bytes | None = None) -> None:
        self.content = content
        self._origin = origin
        self._before = before

    def key(self, place: int) -> Key:
        """Return the key node whose cell lies at a place."""
        start, length = self.cell(place)
        if length < SMALLEST_KEY - 4:
            raise ValueError(f"no key at {start:#x}")
        sign, flags, written, parent, subkeys, listed, values, values_list, name_length = (
            _KEY.unpack_from(self.content, start)
        )
        if sign != b"nk":
            raise ValueError(f"no key at {start:#x}")
        if name_length > length - _NAME_OF_KEY:
            raise ValueError(f"the name of the key at {start:#x} leaves its cell")
        raw = self.content[start + _NAME_OF_KEY : start + _NAME_OF_KEY + name_length]
        name = _name(raw, compressed=bool(flags & COMPRESSED_KEY))
        subkeys = 0 if subkeys == NONE else subkeys
        values = 0 if values == NONE or flags & PREDEFINED else values
        return Key(place, name, flags, written, parent, subkeys, listed, values, values_list)

    def subkeys(self, key: Key) -> Iterator[Key]:
        """Yield the subkeys; there cannot be more than fit into the hive."""
        if key.subkeys == 0:
            return
        limit = len(self.content) // SMALLEST_KEY
        for place in self._listed(key.subkey_list):
            limit -= 1
            if limit < 0:
                raise ValueError("more subkeys than the hive has room for")
            yield self.key(place)

    def values(self, key: Key) -> Iterator[RegistryValue]:
        """Yield the values of a key, whole."""
        for place in self._value_places(key):
            yield self._value(*self._value_node(place))

    def values_left(self, key: Key) -> Iterator[RegistryValue | None]:
        """Yield the values of a key in a damaged hive, None for each that cannot be read."""
        for place in self._value_places(key):
            try:
                yield self._value(*self._value_node(place))
            except (ValueError, struct.error):
                yield None

    def value(self, key: Key, wanted: str) -> RegistryValue | None:
        """Return the value of a key with this name (in upper case), None when there is none."""
        for place in self._value_places(key):
            node = self._value_node(place)
            if registry_upcase(node[0]) == wanted:
                return self._value(*node)
        return None

    def class_name(self, key: Key) -> str:
        """Return the class of a key, empty where it has none."""
        _, place, size = _SECURITY_AND_CLASS.unpack_from(self.content, FIRST_BIN + key.place + 4)
        if not size or place == NONE:
            return ""
        start, room = self.cell(place)
        if size > room or size % 2:
            raise ValueError(f"a class of {size} bytes lies in a cell of {room}")
        return _name(self.content[start : start + size], compressed=False)

    def security_place(self, key: Key) -> int:
        """Return the place of the cell that holds a key's descriptor, NONE where it has none; keys share them."""
        return int(_SECURITY_AND_CLASS.unpack_from(self.content, FIRST_BIN + key.place + 4)[0])

    def security(self, place: int) -> bytes:
        """Return the security descriptor in the cell at a place."""
        start, room = self.cell(place)
        sign, size = _SECURITY.unpack_from(self.content, start)
        if sign != b"sk" or _SECURITY.size + size > room:
            raise ValueError(f"no security descriptor at {start:#x}")
        return self.content[start + _SECURITY.size : start + _SECURITY.size + size]

    def cell(self, place: int) -> tuple[int, int]:
        """Return where a cell's data begins in the file and its length; refuse a cell that is free or outside."""
        start = FIRST_BIN + place
        size = -_SIZE.unpack_from(self.content, start)[0] if start < len(self.content) - 7 else 0
        if size < 8 or start + size > len(self.content):
            raise ValueError(f"no allocated cell at {start:#x}")
        return start + 4, size - 4

    # --- lists of subkeys -------------------------------------------------------------------------

    def _listed(self, place: int) -> Iterator[int]:
        """Yield the places of keys that a list holds, or the lists that an ``ri`` list points to (never deeper)."""
        start, length = self.cell(place)
        if self.content[start : start + 2] != b"ri":
            yield from self._places(start, length)
            return
        for part in self._column(start, length, 4):
            yield from self._places(*self.cell(part))

    def _places(self, start: int, length: int) -> Iterator[int]:
        width = _WIDTHS.get(self.content[start : start + 2])
        if width is None:
            raise ValueError(f"no list of subkeys at {start:#x}")
        return self._column(start, length, width)

    def _column(self, start: int, length: int, width: int) -> Iterator[int]:
        """Yield the first number of each element of a list: a list has a sign, a count, and elements of a width."""
        (count,) = struct.unpack_from("<H", self.content, start + 2)
        if 4 + count * width > length:
            raise ValueError(f"the list of subkeys at {start:#x} leaves its cell")
        numbers = struct.unpack_from(f"<{count * width // 4}I", self.content, start + 4)
        return iter(numbers[:: width // 4])

    # --- values -----------------------------------------------------------------------------------

    def _value_places(self, key: Key) -> tuple[int, ...]:
        if key.values == 0:
            return ()
        if key.values > len(self.content) // SMALLEST_VALUE:
            raise ValueError(f"{key.values} values are more than the hive has room for")
        start, length = self.cell(key.value_list)
        if length < 4 * key.values:
            raise ValueError("the list of values is cut short")
        return struct.unpack_from(f"<{key.values}I", self.content, start)

    def _value_node(self, place: int) -> _ValueNode:
        """Return a value's name and what its record says."""
        start, length = self.cell(place)
        sign, name_length, size, data, kind, flags = _VALUE.unpack_from(self.content, start)
        if sign != b"vk" or _NAME_OF_VALUE + name_length > length:
            raise ValueError(f"no value at {start:#x}")
        raw = self.content[start + _NAME_OF_VALUE : start + _NAME_OF_VALUE + name_length]
        name = _name(raw, compressed=bool(flags & COMPRESSED_VALUE))
        return name, kind, size, data, self._is_new(start, length)

    def _value(self, name: str, kind: int, size: int, place: int, is_new: bool) -> RegistryValue:
        if size & INLINE:
            data = struct.pack("<I", place)[: size & ~INLINE]
        elif size:
            data, changed = self._data(place, size)
            is_new = is_new or changed
        else:
            data = b""
        return RegistryValue(name, kind, data, "replayed" if is_new else self._origin)

    def _data(self, place: int, size: int) -> tuple[bytes, bool]:
        """Return a value's bytes, and whether a log changed them."""
        if size > len(self.content):
            raise ValueError(f"a value of {size} bytes is larger than its hive")
        start, room = self.cell(place)
        if size > LARGEST_CELL_VALUE and self.content[start : start + 2] == b"db":
            return self._big_data(start, size)
        if size > room:
            raise ValueError(f"a value of {size} bytes lies in a cell of {room}")
        return self.content[start : start + size], self._is_new(start, room)

    def _big_data(self, start: int, size: int) -> tuple[bytes, bool]:
        """Return the bytes that the segments of a big data record hold together."""
        _, count, listed = struct.unpack_from("<2sHI", self.content, start)
        place, room = self.cell(listed)
        if 4 * count > room:
            raise ValueError("the list of a large value's segments is cut short")
        parts: list[bytes] = []
        is_new, missing = self._is_new(start, 8) or self._is_new(place, room), size
        for segment in struct.unpack_from(f"<{count}I", self.content, place):
            begin, length = self.cell(segment)
            length = min(length, missing, LARGEST_CELL_VALUE)
            parts.append(self.content[begin : begin + length])
            is_new = is_new or self._is_new(begin, length)
            missing -= length
        if missing:
            raise ValueError(f"a value of {size} bytes has segments of {size - missing}")
        return b"".join(parts), is_new

    def _is_new(self, start: int, length: int) -> bool:
        """Tell whether the replay changed a cell: its data or the number before it that says how long it is."""
        if self._before is None:
            return False
        end = start + length
        return self._before[start - 4 : end] != self.content[start - 4 : end]


def _name(raw: bytes, *, compressed: bool) -> str:
    """Return a name: one byte per character when compressed, else UTF-16 that may hold lone surrogates."""
    return raw.decode("latin-1") if compressed else raw.decode("utf-16-le", "surrogatepass")
