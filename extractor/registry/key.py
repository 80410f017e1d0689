"""A key with all that it holds, as it travels from a hive or a catalog into a hive or a ``.reg``.

Word defined here: *parents first*: each key comes after the key it lies in, and all keys below a key come before the
next one beside it. Values are an iterable, so that one value at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extractor.model import RegistryValue
from extractor.registry.casing import registry_upcase

LINK = 6
"""REG_LINK."""
LINK_VALUE = "SymbolicLinkValue"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: ``path`` are the names from the root of its hive, empty for the root itself."""

    path: tuple[str, ...]
    values: Iterable[RegistryValue] = ()
    last_written: int = 0
    """FILETIME."""
    class_name: str = ""
    security: bytes = b""
    """Self-relative descriptor ([MS-DTYP] 2.4.6); empty: that of the key it lies in."""


def with_parents(keys: Iterable[Key]) -> Iterator[Key]:
    """Yield keys that come in order, and before each the keys on its way that are missing: empty, without a time."""
    last: tuple[str, ...] | None = None
    for key in keys:
        known = 0 if last is None else _shared(last, key.path) + 1
        for depth in range(known, len(key.path)):
            yield Key(key.path[:depth])
        yield key
        last = key.path


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many names from the root two paths have in common."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs and registry_upcase(mine) != registry_upcase(theirs):
            break
        count += 1
    return count
