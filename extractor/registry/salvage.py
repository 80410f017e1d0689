r"""The keys of a hive whose root or lists are lost: every allocated key node, hung up by what it says of its parent.

Where a parent is lost too, the list that it stood in may tell its own parent and its name (``lost``); a key of which
not even that is known stands in ``$Lost\0x1f20``: the place of its parent. Free cells (deleted keys) are not looked at,
so what is found was there when the hive was last written.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence

from extractor.errors import DamagedError
from extractor.model import RegistryValue
from extractor.registry.base_block import FIRST_BIN, bins_size, is_whole, root_cell
from extractor.registry.casing import registry_upcase
from extractor.registry.hive import TreeHive
from extractor.registry.lost import named, traces
from extractor.registry.records import ROOT, Key, Records

LOST = "$Lost"
LOST_PLACE = -1
USUAL_ROOT = 0x20
"""Where Windows puts the root key: the first cell of the first bin."""
LARGEST_KEY = 0x1000
"""Bytes of a key node with the longest name, and to spare."""
MANY = 0xFFFF
"""What a number of lost values is cut to: it comes from a damaged hive."""
SIGN = re.compile(rb"nk")


def salvage(content: bytes, name: str) -> SalvagedHive | None:
    """Return a hive made of the keys that lie in a damaged file, None when there is not one."""
    records = Records(content, "salvaged")
    keys = {key.place: key for key in _keys(records)}
    return (
        SalvagedHive(name, CellTree(records, keys, _root(content, keys)), records) if keys else None
    )


class CellTree:
    """The tree as each key's place of its parent has it (seam: Tree)."""

    def __init__(self, records: Records, keys: dict[int, Key], root: Key) -> None:
        self._below: dict[int, list[Key]] = {}
        for key in keys.values():
            if key.place != root.place:
                self._below.setdefault(key.parent, []).append(key)
        self._add_traces(records, keys, root)
        there = {root.place, *(key.place for below in self._below.values() for key in below)}
        lost = sorted(place for place in self._below if place not in there)
        if lost:
            self._below[LOST_PLACE] = [self._stand_in(place, f"{place:#x}") for place in lost]
            self._below.setdefault(root.place, []).append(self._stand_in(LOST_PLACE, LOST))
        self.root = root._replace(subkeys=max(root.subkeys, len(self._below.get(root.place, ()))))

    def _add_traces(self, records: Records, keys: dict[int, Key], root: Key) -> None:
        """Hang up the lost keys of which lists know the parent, with a name where it can be told."""
        known = traces(records, keys, root.place)
        names = named(known, keys, root.place, self._below)
        for place, trace in known.items():
            stand_in = self._stand_in(place, names.get(place, f"{place:#x}"))
            self._below.setdefault(trace.parent, []).append(stand_in)

    def _stand_in(self, place: int, name: str) -> Key:
        """Return a key that stands for one that is lost; its time is 0. It may have keys although it says none."""
        return Key(place, name, 0, 0, 0, 1, 0, 0, 0)

    def children(self, key: Key) -> Sequence[Key]:
        return self._below.get(key.place, ())


class SalvagedHive(TreeHive):
    """A hive read by its cells (seam: Hive)."""

    def __init__(self, name: str, tree: CellTree, records: Records) -> None:
        super().__init__(name, tree, records, dirty=True)
        self._lost: dict[str, int] = {}

    def values(self, key: str) -> Sequence[RegistryValue]:
        """Return the values that can still be read; ``damage`` says how many cannot."""
        found = self._find(key)
        if found is None:
            return []
        try:
            left = list(self._records.values_left(found))
        except (ValueError, struct.error):
            left = [None] * min(
                found.values, MANY
            )  # their list is lost, and nothing else leads to them
        self._lost[registry_upcase(key)] = left.count(None)
        return [each for each in left if each]

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        """Return a value; raise DamagedError when it may be one of those that cannot be read."""
        wanted = registry_upcase(name)
        found = next(
            (each for each in self.values(key) if registry_upcase(each.name) == wanted), None
        )
        if found is None and self._lost.get(registry_upcase(key)):
            raise DamagedError(f"{self._name}: the hive is damaged at {key}: values of it are lost")
        return found

    def damage(self, key: str) -> str:
        """Tell what is known to be lost of a key: itself, subkeys, values (once they were asked for)."""
        found = self._find(key)
        if found is None:
            return ""
        if not found.written:
            return "the key itself is lost: its name is told by a list, what is in it was found by its cells"
        here = sum(each.place != LOST_PLACE for each in self._children(found).values())
        lost = {"subkeys": found.subkeys - here, "values": self._lost.get(registry_upcase(key), 0)}
        said = " and ".join(f"{count} of its {what}" for what, count in lost.items() if count > 0)
        return f"{said} are lost" if said else super().damage(key)


def _keys(records: Records) -> Iterator[Key]:
    """Yield every allocated key node, in the order of the file; cells begin at multiples of 8."""
    content = records.content
    end = FIRST_BIN + bins_size(content) if is_whole(content) else len(content)
    for found in SIGN.finditer(content, FIRST_BIN + 0x24, max(end, FIRST_BIN)):
        start = found.start()
        if start % 8 != 4:
            continue
        try:
            _, length = records.cell(start - 4 - FIRST_BIN)
            key = records.key(start - 4 - FIRST_BIN)
        except (ValueError, struct.error):
            continue
        if length < LARGEST_KEY and (key.name or key.flags & ROOT):
            yield key


def _root(content: bytes, keys: dict[int, Key]) -> Key:
    """Return the root key; when it is lost, a stand-in at its place, which its subkeys know."""
    said = root_cell(content) if is_whole(content) else USUAL_ROOT
    flagged = [key for key in keys.values() if key.flags & ROOT]
    if said in keys:
        return keys[said]
    return flagged[0] if flagged else Key(said, "", 0, 0, 0, 0, 0, 0, 0)
