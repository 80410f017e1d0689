r"""What ``destinationCleanup`` takes away of the target's registry and INI files.

Patterns speak of the old machine: a user's keys stand below the old SID there, a file where it was. A tree
(``KEY\* [*]``) without a filter goes whole, but never the root of a hive; all else goes value by value. Source: USMT
"XML elements library" (destinationCleanup, pattern).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.evaluate.ini import LARGEST, read_ini
from extractor.evaluate.registry_names import OF_CLASSES, names_below
from extractor.evaluate.strings import string_form
from extractor.model import WinPath, upcase
from extractor.registry import Registry
from extractor.restore.rules.asked import Aim, Asked
from extractor.restore.rules.cleanup_reach import (
    UNANSWERED,
    answering_aims,
    files_reached,
    of_old,
    reaches,
)
from extractor.restore.rules.load_filters import Subject, answer
from extractor.restore.rules.locations import Locations
from extractor.restore.view import View
from extractor.rules.patterns import PatternKind, node_part, node_text
from extractor.select.ini import file_of
from extractor.store.tree import Parts, Tree

_CLASSES = ("SOFTWARE", "CLASSES")


@dataclass(frozen=True, slots=True)
class RegistryRemoval:
    r"""A key with all below it, or a value (``…\[name]``), that a rule takes away."""

    path: WinPath
    """At the target, canonical: ``HKLM`` or ``HKU`` with the SID of now."""
    why: str
    is_key: bool


@dataclass(frozen=True, slots=True)
class IniRemoval:
    r"""A key of an INI file that a rule takes away."""

    place: Parts
    """The file."""
    section: str
    name: str
    why: str


def registry_removals(
    registry: Registry, locations: Locations, asked: Asked
) -> Iterator[RegistryRemoval]:
    """Yield what is taken away of the target's registry, each thing once, keys before what lies beside them."""
    aims = answering_aims(asked, PatternKind.REGISTRY, locations.people)
    olds = {upcase(new): old for old, new in locations.people.sids.items()}
    mounts = registry.mounts if aims else ()
    pending = [_mounted(each) for each in sorted(mounts) if not each.endswith(OF_CLASSES)]
    while pending:
        key = pending.pop()
        old = _with_old_sid(key, olds)
        near = [each for each in aims if reaches([each.location.node], old)]
        tree = next((each for each in near if _takes_tree(each, old)), None)
        if tree and not _is_root(key):
            yield RegistryRemoval(key, tree.request.why, is_key=True)
        elif near:
            yield from _values(registry, key, old, near, asked)
            pending += [key / each for each in _subkeys(registry, key, asked)]


def _mounted(mount: str) -> WinPath:
    root, *names = mount.split("\\")
    return WinPath(root, tuple(names))


def _is_root(key: WinPath) -> bool:
    """Tell whether a key is the root of a hive: what is in it goes, the hive stays."""
    own_classes = key.drive == "HKU" and key.key[2:] == _CLASSES
    return len(key.parts) < 2 or own_classes


def _with_old_sid(key: WinPath, olds: dict[str, str]) -> WinPath:
    if key.drive != "HKU" or not key.parts:
        return key
    return WinPath("HKU", (olds.get(upcase(key.parts[0]), key.parts[0]), *key.parts[1:]))


def _takes_tree(aim: Aim, old: WinPath) -> bool:
    location = aim.location
    plain = aim.request.call is None
    return plain and location.takes_trees and location.node.matches(node_text(old))


def _subkeys(registry: Registry, key: WinPath, asked: Asked) -> list[str]:
    try:
        return names_below(registry, key)
    except SourceError as error:
        asked.note(f"clean-up: {key}: {error}: what is in it stays")
        return []


def _values(
    registry: Registry, key: WinPath, old: WinPath, aims: Sequence[Aim], asked: Asked
) -> Iterator[RegistryRemoval]:
    node = node_text(old)
    matching = [each for each in aims if each.location.leaf and each.location.node.matches(node)]
    if not matching:
        return
    try:
        values = registry.values(str(key))
    except SourceError as error:
        asked.note(f"clean-up: {key}: {error}: its values stay")
        return
    for value in values:
        aim = _taking(matching, value.name, string_form(value), asked)
        if aim:
            yield RegistryRemoval(key / f"[{value.name}]", aim.request.why, is_key=False)


def _taking(aims: Sequence[Aim], name: str, string: str, asked: Asked) -> Aim | None:
    """Return the clean-up that takes a value; note, once for each, that its filter could not be asked."""
    for each in aims:
        if each.location.takes_leaf(upcase(name)):
            said = answer(each.request.call, Subject(string=string))
            if said:
                return each
            if said is None:
                asked.note(f"{each.request.why}: {UNANSWERED}")
    return None


def ini_removals(
    view: View, tree: Tree, locations: Locations, asked: Asked
) -> Iterator[IniRemoval]:
    """Yield what is taken away of INI files at the target, each key once."""
    aims = answering_aims(asked, PatternKind.INI, locations.people)
    files = [file_of(each.location.node) for each in aims]
    for place in files_reached(view, locations, files, tree.roots) if aims else ():
        path = of_old(place, locations, tree.roots)
        with suppress(OSError):
            with os.fdopen(tree.open(place), "rb") as file:
                content = file.read(LARGEST)
            yield from _keys(place, path, content, aims, asked)


def _keys(
    place: Parts, path: WinPath, content: bytes, aims: Sequence[Aim], asked: Asked
) -> Iterator[IniRemoval]:
    for section in read_ini(content).sections:
        node = node_text(path.parent) + node_part(f"{path.name}|{section.name}")
        near = [each for each in aims if each.location.node.matches(node)]
        for name, text in section.entries.values() if near else ():
            aim = _taking(near, name, text, asked)
            if aim:
                yield IniRemoval(place, section.name, name, aim.request.why)
