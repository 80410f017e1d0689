"""The records of a hive, packed: base block, nk, vk, sk, lh, ri, db.

Offsets are those of cells, ``NOWHERE`` for none. Source: "Windows registry file format specification" (M. Suhanov).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from extractor.registry.base_block import checksum
from extractor.registry.casing import name_order

NOWHERE = 0xFFFFFFFF
NK_SIZE = 76
SK_SIZE = 20
ROOT, SYMBOLIC_LINK = 0x0C, 0x10
"""Flags of a key: the entry of its hive, which cannot be deleted; a link to another key."""
_ONE_BYTE = 0x20
"""Flag of a key whose name is kept with one byte for each unit."""
_SMALL = 0x80000000
"""Set in a value's size: the data lies where its offset would."""


@dataclass(slots=True)
class KeyNode:
    """What an nk record tells; lengths are bytes of UTF-16."""

    name: str
    written: int
    parent: int
    flags: int = 0
    subkeys: int = 0
    subkey_list: int = NOWHERE
    values: int = 0
    value_list: int = NOWHERE
    security: int = NOWHERE
    class_at: int = NOWHERE
    class_length: int = 0
    longest_subkey: int = 0
    longest_class: int = 0
    longest_value_name: int = 0
    longest_data: int = 0

    def pack(self) -> bytes:
        """Return the record."""
        raw, one_byte = packed_name(self.name)
        flags = self.flags | (_ONE_BYTE if one_byte else 0)
        return struct.pack(
            "<2sHQ15I2H", b"nk", flags, self.written & (1 << 64) - 1, 0, self.parent,
            self.subkeys, 0, self.subkey_list, NOWHERE, self.values, self.value_list, self.security, self.class_at,
            self.longest_subkey, self.longest_class, self.longest_value_name, self.longest_data, 0,
            len(raw), self.class_length,
        ) + raw  # fmt: skip


def packed_name(name: str) -> tuple[bytes, bool]:
    """Return a name as it is kept, and whether that is one byte for each unit, as Windows does where it can."""
    try:
        return name.encode("latin-1"), bool(name)
    except UnicodeEncodeError:
        return utf16(name), False


def utf16(text: str) -> bytes:
    """Return text as UTF-16LE, lone surrogates too."""
    return text.encode("utf-16-le", "surrogatepass")


def value_record(name: str, kind: int, length: int, where: int) -> bytes:
    """Return a vk record for data in a cell."""
    raw, one_byte = packed_name(name)
    return struct.pack("<2sH3I2H", b"vk", len(raw), length, where, kind, one_byte, 0) + raw


def small_value_record(name: str, kind: int, data: bytes) -> bytes:
    """Return a vk record that holds its data, four bytes at most, itself."""
    where = int.from_bytes(data, "little")
    return value_record(name, kind, len(data) | _SMALL, where)


def security_record(before: int, after: int, keys: int, descriptor: bytes) -> bytes:
    """Return an sk record between two others, used by so many keys."""
    return struct.pack("<2s2x4I", b"sk", after, before, keys, len(descriptor)) + descriptor


def hash_leaf(subkeys: Sequence[tuple[int, int]]) -> bytes:
    """Return an lh list of (offset, hash)."""
    flat = [number for pair in subkeys for number in pair]
    return struct.pack(f"<2sH{len(flat)}I", b"lh", len(subkeys), *flat)


def index_root(leaves: Sequence[int]) -> bytes:
    """Return an ri list of lists."""
    return struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves)


def big_data(segments: int, listed: int) -> bytes:
    """Return a db record for data in so many segments."""
    return struct.pack("<2sHI", b"db", segments, listed)


def offsets(cells: Sequence[int]) -> bytes:
    """Return a list of cells."""
    return struct.pack(f"<{len(cells)}I", *cells)


def name_hash(order: bytes) -> int:
    """Return the hash of a name in an lh list; ``order`` is its :func:`name_order`."""
    total = 0
    for (unit,) in struct.iter_unpack(">H", order):
        total = (total * 37 + unit) & 0xFFFFFFFF
    return total


def hash_of(name: str) -> int:
    """Return the hash of a name in an lh list."""
    return name_hash(name_order(name))


def base_block(root: int, length: int, written: int, name: str) -> bytes:
    """Return the 4 KiB before the bins of a clean hive of version 1.5; of its file's name the last 31 units count."""
    numbers = (1, 1, written & (1 << 64) - 1, 1, 5, 0, 1, root, length, 1)
    head = struct.pack("<4s2IQ7I64s", b"regf", *numbers, utf16(name)[-62:]).ljust(508, b"\0")
    return (head + struct.pack("<I", checksum(head))).ljust(0x1000, b"\0")
