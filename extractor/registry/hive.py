"""One hive file, read by path. The records are in ``records``; replaying logs and the last resorts in ``ladder``."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from extractor.errors import DamagedError
from extractor.model import RegistryValue
from extractor.registry.base_block import check_base_block, content_of, is_dirty, root_cell
from extractor.registry.casing import registry_upcase
from extractor.registry.records import DEEPEST, Key, Records, translated

if TYPE_CHECKING:
    from extractor.seams import Hive, HiveNote, Stream


def open_hive(source: Stream | bytes, name: str) -> Hive:
    """Return the hive that a stream (or its bytes) holds, as it lies; ``name`` is used in messages.

    Raises DamagedError when it is not a whole primary hive file, UnsupportedError when it is larger than 512 MiB.
    """
    return tree_hive(content_of(source, name), name)


def tree_hive(
    content: bytes, name: str, origin: str = "live", before: bytes | None = None
) -> TreeHive:
    """Return the hive in a file's bytes; ``before`` is what they were before logs were replayed.

    ``origin`` is the provenance of its values (live, regback). Raises DamagedError.
    """
    check_base_block(content, name)
    records = Records(content, origin, before)
    with translated(name, "its root key"):
        tree = IndexedTree(records, records.key(root_cell(content)))
    return TreeHive(name, tree, records, dirty=is_dirty(content))


class Tree(Protocol):
    """How keys hang together: by their lists, or (when those are lost) by what each key says of its parent."""

    root: Key

    def children(self, key: Key, /) -> Iterable[Key]: ...


class IndexedTree:
    """The tree as its lists of subkeys have it (seam: Tree)."""

    def __init__(self, records: Records, root: Key) -> None:
        self.root = root
        self.children = records.subkeys


class TreeHive:
    """A hive in memory; keys that were walked through are remembered (seam: Hive)."""

    notes: Sequence[HiveNote] = ()

    def __init__(self, name: str, tree: Tree, records: Records, *, dirty: bool) -> None:
        self.dirty = dirty
        self._name = name
        self._tree = tree
        self._records = records
        self._below: dict[int, dict[str, Key] | str] = {}
        self._parents = {tree.root.place: tree.root.place}
        self._twins: dict[int, str] = {}
        self._last: tuple[str, Key | None] = ("", tree.root)

    def exists(self, key: str) -> bool:
        return self._find(key) is not None

    def subkeys(self, key: str = "") -> Sequence[str]:
        found = self._find(key)
        if found is None:
            return []
        with translated(self._name, key):
            return [each.name for each in self._children(found).values()]

    def values(self, key: str) -> Sequence[RegistryValue]:
        found = self._find(key)
        if found is None or not found.values:
            return []
        with translated(self._name, key):
            values = list(self._records.values(found))
        if sum(len(each.data) for each in values) > len(self._records.content):
            raise DamagedError(f"{self._name}: the values of {key} claim more than the whole hive")
        return values

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        found = self._find(key)
        if found is None:
            return None
        with translated(self._name, f"{key} [{name}]"):
            return self._records.value(found, registry_upcase(name))

    def last_written(self, key: str = "") -> int:
        found = self._find(key)
        return found.written if found else 0

    def damage(self, key: str) -> str:
        """Tell of subkeys that no path leads to; all other damage is raised."""
        found = self._find(key)
        twin = self._twins.get(found.place) if found else None
        return f"two of its subkeys are called {twin}: only one can be read" if twin else ""

    def _find(self, path: str) -> Key | None:
        """Return a key; a walk asks several questions of one key in a row, so the last answer is kept."""
        if self._last[0] != path:
            self._last = (path, self._walked(path))
        return self._last[1]

    def _walked(self, path: str) -> Key | None:
        parts = [part for part in registry_upcase(path).split("\\") if part]
        if len(parts) > DEEPEST:
            raise DamagedError(f"{self._name}: keys lie deeper than the {DEEPEST} levels allowed")
        key: Key | None = self._tree.root
        with translated(self._name, path):
            for part in parts:
                key = self._children(key).get(part) if key else None
        return key

    def _children(self, key: Key) -> dict[str, Key]:
        """Return the subkeys of a key by upper-cased name; the way down and the listing of names ask the same."""
        if not key.subkeys:
            return {}
        found = self._below.get(key.place)
        if found is None:
            try:
                found = self._listed(key)
            except (ValueError, struct.error) as error:
                found = str(error)  # kept, or a long torn list were read anew for each key in it
            self._below[key.place] = found
        if isinstance(found, str):
            raise ValueError(found)  # noqa: TRY004 (it is what the list was read with)
        return found

    def _listed(self, key: Key) -> dict[str, Key]:
        """Read the subkeys of a key; refuse one that has another parent, or a crafted hive would be walked without end.

        Of two with one name only the first can be reached by a path.
        """
        found: dict[str, Key] = {}
        for each in self._tree.children(key):
            if self._parents.setdefault(each.place, key.place) != key.place:
                raise ValueError(f"the key {each.name} contains itself, or lies in two keys")
            first = found.setdefault(registry_upcase(each.name), each)
            if first.place != each.place:
                self._twins[key.place] = each.name
        return found
