r"""Machines made of the objects that a test speaks of, each written as rules write it.

``C:\Dir [a.txt]`` is a file and ``C:\Dir`` a folder, ``HKLM\SOFTWARE\K [v]`` a value and ``HKLM\SOFTWARE\K`` a key,
``C:\a.ini|Section[Key]`` a value of an INI file. Registry keys go by their canonical names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extractor.model import upcase
from extractor.registry import Registry
from extractor.rules.patterns import PatternKind
from extractor.testing import FakeFile
from extractor.windows.namespace import Mount
from tests.select.material import disk, registry

CURRENT_SET = "ControlSet002"
OWN_CLASSES = ("SOFTWARE", "CLASSES")


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: a file, folder, key or value; ``leaf`` is None for a folder and a key."""

    kind: PatternKind
    node: str
    leaf: str | None = None

    @property
    def path(self) -> str:
        """The path that its row has."""
        if self.leaf is None:
            return self.node if "\\" in self.node else f"{self.node}\\"
        name = self.leaf if self.kind is PatternKind.FILE else f"[{self.leaf}]"
        return f"{self.node}\\{name}"

    @property
    def above(self) -> Iterator[Thing]:
        """The folders or keys around it, as far up as there are objects."""
        if self.kind is PatternKind.INI:
            file, _, _ = self.node.partition("|")
            folder, _, name = file.rpartition("\\")
            holder = Thing(PatternKind.FILE, folder, name)
            yield holder
            yield from holder.above
            return
        parts = self.node.split("\\")
        first = 2 if self.kind is PatternKind.REGISTRY else 1
        last = len(parts) + (self.leaf is not None)
        for depth in range(first, last):
            yield Thing(self.kind, "\\".join(parts[:depth]))


def thing(text: str) -> Thing:
    """Read an object as it is written."""
    if text.startswith("HK"):
        return _split(PatternKind.REGISTRY, *text.partition(" ["))
    file, bar, rest = text.partition("|")
    if bar:
        section, bracket, key = rest.partition("[")
        return _split(PatternKind.INI, f"{file}|{section}", bracket, key)
    return _split(PatternKind.FILE, *text.partition(" ["))


def _split(kind: PatternKind, node: str, bracket: str, leaf: str) -> Thing:
    return Thing(kind, node, leaf.removesuffix("]") if bracket else None)


def with_all_above(things: Iterable[Thing]) -> set[Thing]:
    """Return objects with all the folders and keys they lie in."""
    found = set(things)
    return found | {above for each in found for above in each.above}


def machine(*texts: str) -> tuple[list[Mount], Registry]:
    """Make the volumes and hives of a machine that has these objects."""
    things = [thing(text) for text in texts]
    return _mounts(things), _hives(things)


# --- volumes --------------------------------------------------------------------------------------


def _mounts(things: Iterable[Thing]) -> list[Mount]:
    drives: dict[str, dict[str, bytes | FakeFile | None]] = {"C:": {}}
    inis: dict[str, dict[str, list[str]]] = {}
    for each in things:
        if each.kind is PatternKind.FILE:
            drive, _, path = each.path.partition("\\")
            files = drives.setdefault(drive, {})
            if path:
                files[path] = None if each.leaf is None else b"x"
        elif each.kind is PatternKind.INI:
            file, _, section = each.node.partition("|")
            inis.setdefault(file, {}).setdefault(section, []).append(f"{each.leaf}=text")
    for file, sections in inis.items():
        drive, _, path = file.partition("\\")
        lines = [line for name, keys in sections.items() for line in (f"[{name}]", *keys)]
        drives.setdefault(drive, {})[path] = "\r\n".join(lines).encode()
    return [disk(files, drive) for drive, files in drives.items()]


# --- hives ----------------------------------------------------------------------------------------


def _hives(things: Iterable[Thing]) -> Registry:
    hives: dict[str, dict[str, dict[str, object]]] = {}
    for each in things:
        if each.kind is PatternKind.REGISTRY:
            mount, key = _place(each.node)
            keys = hives.setdefault(mount, {})
            if key:
                keys.setdefault(key, {}).update({} if each.leaf is None else {each.leaf: "text"})
    if r"HKLM\SYSTEM" in hives:
        hives[r"HKLM\SYSTEM"]["Select"] = {"Current": int(CURRENT_SET[-1])}
    return registry(hives)


def _place(node: str) -> tuple[str, str]:
    """Return the hive in which a canonical key lies, and the key in it."""
    root, hive, *keys = node.split("\\")
    if root == "HKU" and tuple(map(upcase, keys[:2])) == OWN_CLASSES:
        hive, keys = f"{hive}_CLASSES", keys[2:]
    if hive == "SYSTEM":
        keys = [CURRENT_SET if upcase(each) == "CURRENTCONTROLSET" else each for each in keys]
    return f"{root}\\{hive}", "\\".join(keys)
