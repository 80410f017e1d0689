r"""A Registry location (canonical: ``registry_names``) -> the keys and values that match it, found from the top down.

A search is lazy and goes on where a hive cannot be read, after saying so. A *slot* is a key, or one of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from extractor.errors import SourceError
from extractor.evaluate.lookup import Found, Told
from extractor.evaluate.registry_names import CLASSES, OF_CLASSES, names_below
from extractor.model import RegistryValue, WinPath, upcase
from extractor.registry import Registry
from extractor.rules.patterns import Glob, Location, PatternKind, escape

DEEPEST = 512
"""Levels of registry keys that Windows allows ("Registry element size limits")."""
KEYS_KEPT = 256
"""Keys whose subkeys are remembered for the next search."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Slot:
    """A registry key, or one of its values."""

    key: WinPath
    value: RegistryValue | None = None

    @property
    def found(self) -> Found:
        """The same as rules speak of it."""
        node = escape(str(self.key).rstrip("\\"))
        if self.value is None:
            return Found(PatternKind.REGISTRY, node, self.key)
        name = self.value.name
        return Found(PatternKind.REGISTRY, f"{node} [{escape(name)}]", self.key / f"[{name}]")


class Keys:
    """Searches the registry of one Windows by canonical names (``registry_names``)."""

    def __init__(self, registry: Registry, told: Told) -> None:
        self._registry = registry
        self._told = told
        self._subkeys = lru_cache(maxsize=KEYS_KEPT)(self._read_subkeys)

    def matching(self, location: Location) -> Iterator[Slot]:
        """Yield what a canonical Registry location speaks of: keys, values or both, a key before what it holds."""
        for key, text in self._tree(location.node):
            if location.node.matches(text):
                if location.takes_nodes:
                    yield Slot(key)
                if location.leaf:
                    yield from self._values(key, location.leaf)

    def _tree(self, node: Glob) -> Iterator[tuple[WinPath, str]]:
        """Yield the keys that may match, or lead to a match, and how nodes spell them, in the order of the hives."""
        root = node.prefix.split("\\", 1)[0]
        todo = [iter([(WinPath(root), f"{root}\\")])]
        while todo:
            here = next(todo[-1], None)
            if here is None:
                todo.pop()
                continue
            key, text = here
            yield key, text
            deeper = not node.exact or len(text) < len(node.prefix)
            if deeper and len(key.parts) < DEEPEST:
                todo.append(self._below(key, text, node))

    def _below(self, key: WinPath, text: str, node: Glob) -> Iterator[tuple[WinPath, str]]:
        subkeys = self._tried(lambda: self._subkeys(key)) or {}
        fixed, literal, _ = node.prefix[len(text) :].partition("\\")
        if literal:  # no need to look at its neighbours
            subkeys = {fixed: subkeys[fixed]} if fixed in subkeys else {}
        for part, name in subkeys.items():
            below = f"{text}{part}\\"
            if node.reaches_below(below) and (key.parts or self._is_mounted(key / name)):
                yield key / name, below

    def _is_mounted(self, key: WinPath) -> bool:
        """Tell whether the hive of a key right below a root is there; only those asked for are opened."""
        hive = self._tried(lambda: self._registry.exists(str(key)))
        return bool(hive or (key.drive == "HKU" and self._tried(lambda: self._has_classes(key))))

    def _values(self, key: WinPath, leaf: Glob) -> Iterator[Slot]:
        path = str(key)
        if leaf.exact:
            value = self._tried(lambda: self._registry.value(path, leaf.prefix))
            values: Sequence[RegistryValue] = [value] if value else []
        else:
            values = self._tried(lambda: self._registry.values(path)) or []
        for each in values:
            if leaf.matches(upcase(each.name)):
                yield Slot(key, each)

    def _tried(self, read: Callable[[], Thing]) -> Thing | None:
        try:
            return read()
        except SourceError as error:
            self._told(error)
            return None

    def _read_subkeys(self, key: WinPath) -> dict[str, str]:
        """Return the names below a key, by themselves in upper case, as Windows shows them."""
        names = self._names_below(key) if key.parts else _hives(key.drive, self._registry)
        return {upcase(name): name for name in names}

    def _names_below(self, key: WinPath) -> list[str]:
        """Return subkeys; a user's classes are there where NTUSER.DAT, or ``Software`` in it, is not."""
        names = names_below(self._registry, key)
        is_user = key.drive == "HKU" and len(key.parts) == 1
        if is_user and "SOFTWARE" not in map(upcase, names) and self._has_classes(key):
            names.append("Software")
        return names

    def _has_classes(self, user: WinPath) -> bool:
        return self._registry.exists(rf"{user}\Software\{CLASSES}")


def _hives(root: str, registry: Registry) -> list[str]:
    r"""Return the keys right below a root: hives of the machine, or users that Windows knows by SID (and .DEFAULT)."""
    names = [mount.split("\\", 1)[1] for mount in registry.mounts if mount.startswith(f"{root}\\")]
    if root == "HKU":
        names = [each for each in names if each.startswith(("S-1-", ".DEFAULT"))]
    return list(dict.fromkeys(each.removesuffix(OF_CLASSES) for each in names))
