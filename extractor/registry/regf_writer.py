"""Keys -> a hive that Windows and every reader on Linux opens: version 1.5, written in one pass.

Lists of subkeys are ``lh``, sorted and hashed as Windows compares names, under an ``ri`` when there are more than one
list holds; data over 16,344 bytes are ``db`` records; equal security descriptors share one cell. The same keys give
the same bytes: no clock is read. In memory are the keys that are not complete yet, a number and a name for each of
their subkeys, and the distinct descriptors; never more than one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue
from extractor.registry import regf_records as records
from extractor.registry.casing import name_order
from extractor.registry.descriptor import MACHINE
from extractor.registry.key import LINK, LINK_VALUE, Key, with_parents
from extractor.registry.records import DEEPEST, LARGEST_CELL_VALUE
from extractor.registry.regf_cells import Cells

_TAIL = bytes(4)
"""After each segment: hivex and libregf take a cell's last four bytes for no data of it."""
LARGEST_LEAF = 507
"""Subkeys in one list, so that it fits into a bin of 4 KiB."""
LONGEST_KEY_NAME = 255
LONGEST_VALUE_NAME = 16383
"""UTF-16 units ("Registry element size limits")."""
LARGEST_VALUE = 0xFFFF * LARGEST_CELL_VALUE


@dataclass(slots=True)
class _Open:
    """A key whose subkeys are not all known yet."""

    path: tuple[str, ...]
    at: int
    node: records.KeyNode
    descriptor: bytes
    subkeys: list[tuple[bytes, int]] = field(default_factory=list)
    """(what it sorts by, offset)."""


def write_hive(
    file: BinaryIO, keys: Iterable[Key], *, security: bytes = MACHINE, name: str = ""
) -> int:
    """Write a hive of ``keys`` (parents first) to an empty seekable file; return its size in bytes.

    Keys missing on the way to another are made. ``security`` is the descriptor of the root, and so of every key that
    has none; ``name`` is what the hive calls its file. Raises UnsupportedError for what no hive holds (``why_not``),
    ValueError when the keys are not parents first, OSError.
    """
    return _Writer(file, security).write(keys, name)


def why_not(key: Key) -> str:
    """Return why no hive can hold a key, empty when one can; its values are not looked at."""
    if len(key.path) > DEEPEST:
        return f"lies deeper than the {DEEPEST} levels allowed"
    for name in key.path:
        if not 0 < _units(name) <= LONGEST_KEY_NAME or "\\" in name:
            return f"its name is empty, longer than {LONGEST_KEY_NAME} units, or holds a backslash"
    return ""


def why_not_value(value: RegistryValue) -> str:
    """Return why no hive can hold a value, empty when one can."""
    if _units(value.name) > LONGEST_VALUE_NAME:
        return f"its name is longer than {LONGEST_VALUE_NAME} units"
    if len(value.data) > LARGEST_VALUE:
        return f"its data is larger than {LARGEST_VALUE} bytes"
    return ""


class _Writer:
    def __init__(self, file: BinaryIO, security: bytes) -> None:
        self._file = file
        self._cells = Cells(file)
        self._security = security
        self._descriptors: dict[bytes, tuple[int, int]] = {}
        """Descriptor -> (offset, keys that use it), in the order of their list."""
        self._open: list[_Open] = []
        self._latest = 0

    def write(self, keys: Iterable[Key], name: str) -> int:
        for key in with_parents(keys):
            self._add(key)
        if not self._open:
            self._add(Key(()))
        root = self._open[0].at
        self._close_down_to(0)
        self._write_descriptors()
        self._cells.flush()
        self._cells.date(self._latest)
        self._file.seek(0)
        self._file.write(records.base_block(root, self._cells.end, self._latest, name))
        return len(records.base_block(0, 0, 0, "")) + self._cells.end

    def _add(self, key: Key) -> None:
        reason = why_not(key)
        if reason:
            path = "\\".join(key.path)
            raise UnsupportedError(f"the key {path} {reason}")
        if self._open and not key.path:
            raise ValueError("the root does not come first")
        self._close_down_to(len(key.path))
        self._latest = max(self._latest, key.last_written)
        opened = self._opened(key)
        self._open.append(opened)
        self._write_values(opened.node, key.values)

    def _opened(self, key: Key) -> _Open:
        """Reserve a key's cell, and write what it needs beside values and subkeys."""
        parent = self._open[-1] if self._open else None
        name = key.path[-1] if parent else ROOT_NAME
        node = records.KeyNode(name, key.last_written, parent.at if parent else records.NOWHERE)
        node.flags = 0 if parent else records.ROOT
        at = self._cells.reserve(records.NK_SIZE + len(records.packed_name(name)[0]))
        descriptor = key.security or (parent.descriptor if parent else self._security)
        node.security = self._use(descriptor)
        if key.class_name:
            raw = records.utf16(key.class_name)
            node.class_at, node.class_length = self._cells.put(raw), len(raw)
        if parent:
            _note_subkey(parent, node, at)
        return _Open(key.path, at, node, descriptor)

    def _use(self, descriptor: bytes) -> int:
        """Return the cell of a descriptor that one key more uses."""
        known = self._descriptors.get(descriptor)
        at = known[0] if known else self._cells.reserve(records.SK_SIZE + len(descriptor))
        self._descriptors[descriptor] = at, (known[1] if known else 0) + 1
        return at

    def _write_descriptors(self) -> None:
        """Fill the cells of the descriptors: a ring in which each knows its neighbours."""
        ring = [(at, keys, descriptor) for descriptor, (at, keys) in self._descriptors.items()]
        for index, (at, keys, descriptor) in enumerate(ring):
            before, after = ring[index - 1][0], ring[(index + 1) % len(ring)][0]
            self._cells.fill(at, records.security_record(before, after, keys, descriptor))

    def _write_values(self, node: records.KeyNode, values: Iterable[RegistryValue]) -> None:
        written: list[int] = []
        for value in values:
            written.append(self._write_value(value))
            node.longest_value_name = max(node.longest_value_name, 2 * _units(value.name))
            node.longest_data = max(node.longest_data, len(value.data))
            if value.type == LINK and value.name == LINK_VALUE:
                node.flags |= records.SYMBOLIC_LINK
        if written:
            node.values = len(written)
            node.value_list = self._cells.put(records.offsets(written))

    def _write_value(self, value: RegistryValue) -> int:
        reason = why_not_value(value)
        if reason:
            raise UnsupportedError(f"the value {value.name}: {reason}")
        if len(value.data) <= 4:
            record = records.small_value_record(value.name, value.type, value.data)
        else:
            where = self._write_data(value.data)
            record = records.value_record(value.name, value.type, len(value.data), where)
        return self._cells.put(record)

    def _write_data(self, data: bytes) -> int:
        if len(data) <= LARGEST_CELL_VALUE:
            return self._cells.put(data)
        segments = [self._cells.put(part + _TAIL) for part in _parts(data)]
        listed = self._cells.put(records.offsets(segments))
        return self._cells.put(records.big_data(len(segments), listed))

    def _close_down_to(self, depth: int) -> None:
        """Complete the open keys that lie at ``depth`` and deeper."""
        while len(self._open) > depth:
            key = self._open.pop()
            self._write_subkeys(key)
            self._cells.fill(key.at, key.node.pack())

    def _write_subkeys(self, key: _Open) -> None:
        if not key.subkeys:
            return
        key.node.subkeys = len(key.subkeys)
        ordered = [(at, records.name_hash(order)) for order, at in sorted(key.subkeys)]
        leaves = [
            self._cells.put(records.hash_leaf(ordered[at : at + LARGEST_LEAF]))
            for at in range(0, len(ordered), LARGEST_LEAF)
        ]
        root = leaves[0] if len(leaves) == 1 else self._cells.put(records.index_root(leaves))
        key.node.subkey_list = root


ROOT_NAME = "ROOT"


def _note_subkey(parent: _Open, node: records.KeyNode, at: int) -> None:
    parent.subkeys.append((name_order(node.name), at))
    parent.node.longest_subkey = max(parent.node.longest_subkey, 2 * _units(node.name))
    parent.node.longest_class = max(parent.node.longest_class, node.class_length)


def _parts(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), LARGEST_CELL_VALUE):
        yield data[at : at + LARGEST_CELL_VALUE]


def _units(name: str) -> int:
    return len(name) if name.isascii() else len(records.utf16(name)) // 2
