"""One hive file, through python-registry; every byte is checked here before it is believed.

The library walks the records; names and value bytes are read here, because ``RegistryValue.raw_data`` of 1.3.1 gives
wrong bytes for inline REG_SZ, REG_MULTI_SZ, REG_QWORD and big-endian numbers, hides the high bits of a type, and
decodes one-byte names as windows-1252 where Windows widens each byte. Logs are not replayed; ``dirty`` says so.

Source: "Windows registry file format specification" (M. Suhanov).
"""

# python-registry has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import RegistryValue, upcase

if TYPE_CHECKING:
    from Registry.RegistryParse import NKRecord, RegistryBlock, SubkeyList, VKRecord

    from extractor.seams import Hive, Stream

LARGEST = 512 << 20
"""Bytes of a hive that we are willing to hold in memory; Windows itself stops at 2 GiB."""
DEEPEST = 512
"""Levels of keys that Windows allows ("Registry element size limits")."""
FIRST_BIN = 0x1000
SMALLEST_KEY = 0x50
SMALLEST_VALUE = 0x18
INLINE = 0x80000000
LARGEST_CELL_VALUE = 16344
"""Bytes of a value kept in one cell; above, a v1.4+ hive uses a big data record."""


def open_hive(source: Stream | bytes, name: str) -> Hive:
    """Return the hive that a stream (or its bytes) holds; ``name`` is used in messages.

    Raises DamagedError when it is not a whole primary hive file, UnsupportedError when it is larger than 512 MiB.
    """
    content = source if isinstance(source, bytes) else _content(source, name)
    _check_base_block(content, name)
    return _Hive(content, name)


def _content(stream: Stream, name: str) -> bytes:
    if stream.size > LARGEST:
        raise UnsupportedError(f"{name}: a hive of {stream.size} bytes is larger than 512 MiB")
    return stream.read_at(0, stream.size)


def _check_base_block(content: bytes, name: str) -> None:
    """Refuse what is not the primary file of a hive: signature, version 1, type 0, all its bins present."""
    if len(content) < FIRST_BIN + 0x20 or content[:4] != b"regf":
        raise DamagedError(f"{name}: not a registry hive (no 'regf' base block and bin)")
    major, minor, kind, layout = struct.unpack_from("<4I", content, 0x14)
    if (major, kind, layout) != (1, 0, 1) or minor > 6:
        raise DamagedError(f"{name}: not a primary hive (version {major}.{minor}, type {kind})")
    if content[FIRST_BIN : FIRST_BIN + 8] != b"hbin\0\0\0\0":  # a bin says where it lies: 0
        raise DamagedError(f"{name}: the first bin of the hive is damaged")
    missing = FIRST_BIN + struct.unpack_from("<I", content, 0x28)[0] - len(content)
    if missing > 0:
        raise DamagedError(f"{name}: the hive is cut short by {missing} bytes")


def _checksum(content: bytes) -> int:
    """Return the XOR of the base block's first 508 bytes, with its two exceptions (format spec., base block)."""
    total = 0
    for word in struct.unpack_from("<127I", content):
        total ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total)


@contextmanager
def _translated(name: str, what: str) -> Iterator[None]:
    """Turn everything python-registry is known to raise on hostile bytes into one DamagedError."""
    from Registry.RegistryParse import RegistryException

    try:
        yield
    except (
        RegistryException,
        struct.error,
        AttributeError,
        LookupError,
        ArithmeticError,
        RecursionError,
        ValueError,
    ) as error:
        where = f" at {what}" if what else ""
        raise DamagedError(f"{name}: the hive is damaged{where}: {error}") from error


class _Hive:
    """A hive in memory; keys that were walked through are remembered by path."""

    def __init__(self, content: bytes, name: str) -> None:
        from Registry.RegistryParse import HBINBlock, NKRecord, REGFBlock

        self._content = content
        self._name = name
        first, second = struct.unpack_from("<2I", content, 4)
        checksum = struct.unpack_from("<I", content, 0x1FC)[0]
        self.dirty = first != second or checksum != _checksum(content)
        self._children: dict[int, dict[str, NKRecord]] = {}
        with _translated(name, "its root key"):
            self._bin = HBINBlock(content, FIRST_BIN, REGFBlock(content, 0, None))
            root = struct.unpack_from("<I", content, 0x24)[0]
            self._root: NKRecord = NKRecord(content, self._cell(root)[0], self._bin)

    def exists(self, key: str) -> bool:
        return self._find(key) is not None

    def subkeys(self, key: str = "") -> Sequence[str]:
        record = self._find(key)
        if record is None:
            return []
        with _translated(self._name, key):
            return [_key_name(each) for each in self._keys(record)]

    def values(self, key: str) -> Sequence[RegistryValue]:
        record = self._find(key)
        if record is None:
            return []
        with _translated(self._name, key):
            found = [self._read(each) for each in self._values(record)]
        if sum(len(each.data) for each in found) > len(self._content):
            raise DamagedError(f"{self._name}: the values of {key} claim more than the whole hive")
        return found

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        record = self._find(key)
        if record is None:
            return None
        wanted = upcase(name)
        with _translated(self._name, f"{key} [{name}]"):
            for each in self._values(record):
                if upcase(_value_name(each)) == wanted:
                    return self._read(each)
        return None

    def last_written(self, key: str = "") -> int:
        record = self._find(key)
        if record is None:
            return 0
        with _translated(self._name, key):
            return int(record.unpack_qword(0x4))

    def _find(self, path: str) -> NKRecord | None:
        """Return the record of a key; refuse a path that meets itself, which only a crafted hive holds."""
        parts = [upcase(part) for part in path.split("\\") if part]
        if len(parts) > DEEPEST:
            raise DamagedError(f"{self._name}: keys lie deeper than the {DEEPEST} levels allowed")
        key: NKRecord | None = self._root
        seen = {self._root.offset()}
        with _translated(self._name, path):
            for part in parts:
                key = self._named_children(key).get(part) if key else None
                if key is None:
                    return None
                if key.offset() in seen:
                    raise DamagedError(f"{self._name}: the key {path} contains itself")
                seen.add(key.offset())
        return key

    def _named_children(self, key: NKRecord) -> dict[str, NKRecord]:
        offset = key.offset()
        if offset not in self._children:
            named: dict[str, NKRecord] = {}
            for each in self._keys(key):
                named.setdefault(upcase(_key_name(each)), each)
            self._children[offset] = named
        return self._children[offset]

    def _keys(self, key: NKRecord) -> Iterator[NKRecord]:
        """Yield the subkeys; there cannot be more than fit into the hive."""
        if key.subkey_number() == 0:
            return
        limit = len(self._content) // SMALLEST_KEY
        for part in self._lists(key.subkey_list()):
            for each in part.keys():  # noqa: SIM118 - a method of python-registry, not a mapping
                limit -= 1
                if limit < 0:
                    raise ValueError("more subkeys than the hive has room for")
                yield each

    def _lists(self, top: SubkeyList) -> Iterator[SubkeyList]:
        """Yield the lists that hold keys: the list itself, or those an ``ri`` list points to (never deeper)."""
        from Registry.RegistryParse import DirectSubkeyList, HBINCell, RIRecord

        if not isinstance(top, RIRecord):
            yield top
            return
        for index in range(top.unpack_word(2)):
            offset, _ = self._cell(top.unpack_dword(4 + 4 * index))
            part = HBINCell(self._content, offset - 4, self._bin).child()
            if not isinstance(part, DirectSubkeyList):
                raise ValueError("an index of subkeys points to something else")  # noqa: TRY004
            yield part

    def _values(self, key: NKRecord) -> Iterator[VKRecord]:
        from Registry.RegistryParse import VKRecord

        number = key.values_number()
        if number == 0:
            return
        if number > len(self._content) // SMALLEST_VALUE:
            raise ValueError(f"{number} values are more than the hive has room for")
        start, length = self._cell(key.unpack_dword(0x28))
        if length < 4 * number:
            raise ValueError("the list of values is cut short")
        for (relative,) in struct.iter_unpack("<I", self._content[start : start + 4 * number]):
            yield VKRecord(self._content, self._cell(relative)[0], self._bin)

    def _read(self, value: VKRecord) -> RegistryValue:
        length, offset, kind = struct.unpack("<3I", value.unpack_binary(4, 12))
        if length & INLINE:
            data = value.unpack_binary(8, min(length & ~INLINE, 4))
        else:
            data = self._data(offset, length) if length else b""
        return RegistryValue(_value_name(value), kind, data)

    def _data(self, relative: int, length: int) -> bytes:
        from Registry.RegistryParse import DBRecord

        if length > len(self._content):
            raise ValueError(f"a value of {length} bytes is larger than its hive")
        start, room = self._cell(relative)
        if length > LARGEST_CELL_VALUE and self._content[start : start + 2] == b"db":
            data = bytes(DBRecord(self._content, start, self._bin).large_data(length))
        else:
            data = self._content[start : start + min(length, room)]
        if len(data) != length:
            raise ValueError(f"a value of {length} bytes lies in a cell of {len(data)}")
        return data

    def _cell(self, relative: int) -> tuple[int, int]:
        """Return where a cell's data begins in the file and its length; refuse a cell that is free or outside."""
        start = FIRST_BIN + relative
        size = -int(struct.unpack_from("<i", self._content, start)[0])
        if size < 8 or start + size > len(self._content):
            raise ValueError(f"no allocated cell at {start:#x}")
        return start + 4, size - 4


def _key_name(key: NKRecord) -> str:
    return _name(key, 0x4C, key.unpack_word(0x48), compressed=key.has_ascii_name())


def _value_name(value: VKRecord) -> str:
    return _name(value, 0x14, value.unpack_word(2), compressed=value.has_ascii_name())


def _name(record: RegistryBlock, offset: int, length: int, *, compressed: bool) -> str:
    """Return a name: one byte per character when compressed, else UTF-16 that may hold lone surrogates."""
    raw = bytes(record.unpack_string(offset, length))
    return raw.decode("latin-1") if compressed else raw.decode("utf-16-le", "surrogatepass")
