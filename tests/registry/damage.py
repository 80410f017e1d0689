"""Hives damaged at a place that a test names: the cell of a key, a list, a value."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from extractor.registry.base_block import FIRST_BIN, root_cell
from extractor.registry.records import Key, Records

PAGE = 4096


def keys_of(content: bytes) -> Mapping[str, Key]:
    """Return the keys of a whole hive by path."""
    records = Records(content)
    found = {"": records.key(root_cell(content))}
    waiting = [""]
    while waiting:
        path = waiting.pop()
        for key in records.subkeys(found[path]):
            below = f"{path}\\{key.name}" if path else key.name
            found[below] = key
            waiting.append(below)
    return found


def parented(content: bytes) -> bytes:
    """Return a hive whose keys say where their parents lie, which those of ``tiny_hive`` do not."""
    made = bytearray(content)
    keys = keys_of(content)
    for path, key in keys.items():
        if path:
            parent = keys[path.rpartition("\\")[0]]
            struct.pack_into("<I", made, FIRST_BIN + key.place + 4 + 0x10, parent.place)
    return bytes(made)


def without(content: bytes, place: int, length: int = 8) -> bytes:
    """Return a hive in which the beginning of a cell is zeros: nothing lies there any more."""
    at = FIRST_BIN + place
    return content[:at] + bytes(length) + content[at + length :]


def without_page(content: bytes, number: int) -> bytes:
    """Return a hive of which one page of the bins is zeros."""
    at = FIRST_BIN + number * PAGE
    return content[:at] + bytes(PAGE) + content[at + PAGE :]


def named(names: Sequence[str]) -> list[str]:
    """Return the names that a path can hold: a damaged one may be empty or hold a backslash."""
    return [name for name in names if name and "\\" not in name]
