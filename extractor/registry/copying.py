"""A clean hive -> every key of it with all that it holds, so that it can be written anew; and what no Key carries.

Whoever rewrites a hive must not lose a key, so nothing here is yielded in part: a list that holds fewer keys than it
says, two keys of one name, a descriptor that cannot be read end the copy. No more is read than the hive has bytes for:
cells that lie in several keys would make a copy larger than any disk.

Source: "Windows registry file format specification" (M. Suhanov), key node, key security.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from extractor.errors import DamagedError, UnsupportedError
from extractor.model import RegistryValue
from extractor.registry.base_block import FIRST_BIN, check_base_block, is_dirty, root_cell
from extractor.registry.casing import registry_upcase
from extractor.registry.key import Key
from extractor.registry.records import (
    COMPRESSED_KEY,
    DEEPEST,
    NONE,
    PREDEFINED,
    ROOT,
    SMALLEST_VALUE,
    Records,
    translated,
)
from extractor.registry.records import Key as Node
from extractor.registry.regf_writer import why_not

VOLATILE, MOUNT = 0x1, 0x2
"""Flags of a key node that mean nothing on a disk: gone after a restart, another hive is mounted here."""
_OURS = VOLATILE | MOUNT | ROOT | COMPRESSED_KEY
"""Flags that are not carried: the writer sets them itself, or they mean nothing."""
_FLAGS, _ACCESS, _VALUES, _VIRTUAL = 0x02, 0x0C, 0x24, 0x36
"""Where in a key node lie its flags, when it was used, how many values it has, and how it is virtualised."""

Parts = tuple[str, ...]


def whole_keys(content: bytes, name: str) -> Iterator[Key]:
    """Yield every key of a hive, parents first, the root with the path ``()``; ``name`` is used in messages.

    The hive is clean: a dirty one is replayed before. The values of a key are read when they are asked for, as often
    as one likes. Raises DamagedError for whatever cannot be read whole, and when values are read; UnsupportedError for
    a key that no path can name.
    """
    check_base_block(content, name)
    if is_dirty(content):
        raise DamagedError(f"{name}: the hive is dirty: its logs were not replayed")
    copy = _Copy(Records(content), name)
    for path, node in _walked(copy.records, name):
        with translated(name, "\\".join(path) or "its root key"):
            key = copy.key(path, node)
        yield key


def own_name(content: bytes) -> str:
    """Return what a hive calls its file: the end of a path, 31 units at most."""
    text = content[0x30:0x70].decode("utf-16-le", "surrogatepass")
    return text.partition("\0")[0]


def carry_marks(
    content: bytes, file: BinaryIO, name: str, stays: Callable[[Parts], bool] = lambda _: True
) -> int:
    """Give the keys of a hive just written what the same keys of the old one have and no Key holds; return how many.

    That is: they are virtualised or not, belong to 32-bit programs, cannot be deleted, stand for another root, were
    used at start-up. ``file`` is readable and seekable and holds a whole hive; ``stays`` tells whether a key is still
    the old one. Raises DamagedError, OSError; UnsupportedError for values in a key that stands for another root.
    """
    marked = [
        (path, node) for path, node in _walked(Records(content), name) if _is_marked(content, node)
    ]
    if not marked:
        return 0
    wanted = {_folded(path) for path, _ in marked}
    file.seek(0)
    walk = ((_folded(path), node) for path, node in _walked(Records(file.read()), name))
    places = {folded: node for folded, node in walk if folded in wanted}
    count = 0
    for path, node in marked:
        found = places.get(_folded(path))
        if found and stays(path):
            _mark(content, node, found, file, "\\".join(path))
            count += 1
    return count


@dataclass(slots=True)
class _Copy:
    """The records of a hive, and how many of its bytes were read as names, data and descriptors."""

    records: Records
    name: str
    read: int = 0
    descriptors: dict[int, bytes] = field(default_factory=dict)

    def key(self, path: Parts, node: Node) -> Key:
        class_name = self.records.class_name(node)
        self.count(2 * len(class_name))
        values = _Values(self, node) if node.values else ()
        return Key(path, values, node.written, class_name, self._security(node))

    def count(self, size: int) -> None:
        """Note that so many bytes were read; raise ValueError when they are more than the hive has."""
        self.read += size
        if self.read > len(self.records.content):
            raise ValueError("its keys claim more bytes than the hive has")

    def _security(self, node: Node) -> bytes:
        place = self.records.security_place(node)
        if place == NONE:
            return b""
        if place not in self.descriptors:
            self.descriptors[place] = found = self.records.security(place)
            self.count(len(found))
        return self.descriptors[place]


class _Values:
    """The values of one key, read anew each time; only the first reading is counted."""

    __slots__ = ("_copy", "_counted", "_node")

    def __init__(self, copy: _Copy, node: Node) -> None:
        self._copy = copy
        self._node = node
        self._counted = False

    def __iter__(self) -> Iterator[RegistryValue]:
        counted, self._counted = self._counted, True
        with translated(self._copy.name, f"the values of {self._node.name}"):
            for value in self._copy.records.values(self._node):
                if not counted:
                    self._copy.count(SMALLEST_VALUE + len(value.name))
                    self._copy.count(len(value.data) if len(value.data) > 4 else 0)
                yield value


def _walked(records: Records, name: str) -> Iterator[tuple[Parts, Node]]:
    """Yield path and node of every key, parents first; raise DamagedError, UnsupportedError."""
    with translated(name, "its root key"):
        root = records.key(root_cell(records.content))
    seen = {root.place}
    waiting: list[tuple[Parts, Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if len(path) > DEEPEST:
            raise DamagedError(f"{name}: keys lie deeper than the {DEEPEST} levels allowed")
        yield path, node
        with translated(name, "\\".join(path) or "its root key"):
            below = _below(records, node, seen)
        for each in reversed(below):
            found = (*path, each.name)
            reason = why_not(Key((each.name,)))
            if reason:
                raise UnsupportedError(f"{name}: a key below {'/'.join(path)!a}: {reason}")
            waiting.append((found, each))


def _below(records: Records, node: Node, seen: set[int]) -> list[Node]:
    """Return the subkeys of a key; raise ValueError when they are not as many as it says, or not its own."""
    below = list(records.subkeys(node))
    if len(below) != node.subkeys:
        raise ValueError(f"of {node.subkeys} subkeys {len(below)} are in its list")
    names: set[str] = set()
    for each in below:
        if each.place in seen:
            raise ValueError(f"the key {each.name} contains itself, or lies in two keys")
        upper = registry_upcase(each.name)
        if upper in names:
            raise ValueError(f"two of its subkeys are called {each.name}")
        seen.add(each.place)
        names.add(upper)
    return below


# --- what no Key carries ------------------------------------------------------------------------------


def _is_marked(content: bytes, node: Node) -> bool:
    at = FIRST_BIN + node.place + 4
    return bool(
        node.flags & ~_OURS
        or any(content[at + _ACCESS : at + _ACCESS + 4])
        or any(content[at + _VIRTUAL : at + _VIRTUAL + 2])
    )


def _mark(content: bytes, old: Node, new: Node, file: BinaryIO, path: str) -> None:
    source, target = (FIRST_BIN + node.place + 4 for node in (old, new))
    fields = [_ACCESS, _VIRTUAL]
    if old.flags & PREDEFINED:
        if new.values:
            raise UnsupportedError(f"the key {path} stands for another root: it holds no values")
        fields.append(_VALUES)
    file.seek(target + _FLAGS)
    file.write(struct.pack("<H", new.flags | old.flags & ~_OURS))
    for place in fields:
        size = 2 if place == _VIRTUAL else 4
        file.seek(target + place)
        file.write(content[source + place : source + place + size])


def _folded(path: Parts) -> str:
    return registry_upcase("\\".join(path))
