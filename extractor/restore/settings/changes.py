"""What is to become of one hive: Changes; the keys of a hive and its Changes -> the keys of the hive to be written.

A key that changes, or is new, was written now; all others keep their time, so that what a restore touched can be seen.
(A running Windows dates a key also when a subkey comes or goes. That is not done here: in one pass through a hive it is
not known before the subkeys come.) A new key has the descriptor of the key it lies in: ``write_hive`` gives it that.
In memory are the changes, the open keys, and the values of one key that changes; never those of the hive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from extractor.errors import UnsupportedError
from extractor.model import RegistryValue
from extractor.registry.casing import registry_upcase
from extractor.registry.copying import carry_marks, own_name, whole_keys
from extractor.registry.key import LINK, LINK_VALUE, Key, with_parents
from extractor.registry.regf_writer import why_not, why_not_value, write_hive

Parts = tuple[str, ...]


@dataclass(slots=True)
class Change:
    """What becomes of one key; a node of the tree of all changes."""

    name: str
    made: bool = False
    """It is to be there."""
    cleared: bool = False
    """What was there goes first, with all below it."""
    values: dict[str, RegistryValue | None] = field(default_factory=dict)
    """Name in upper case -> the value to be, None where it goes."""
    below: dict[str, Change] = field(default_factory=dict)
    """Name in upper case -> what becomes of a subkey."""


class Changes:
    """What is to become of one hive; later words count more than earlier ones.

    Paths are names from the root of the hive, ``()`` is the root. Names compare as the registry compares them; a key
    that is there keeps its spelling. Every method raises UnsupportedError for what no hive can hold.
    """

    def __init__(self) -> None:
        self.root = Change("", made=True)

    def make(self, path: Parts) -> None:
        """Let a key be there, and all on the way to it."""
        self._made(path)

    def put(self, path: Parts, value: RegistryValue) -> None:
        """Let a key, made where it is missing, hold a value in the place of any other of its name."""
        reason = why_not_value(value)
        if reason:
            raise UnsupportedError(f"the value {value.name} of {_shown(path)}: {reason}")
        self._made(path).values[registry_upcase(value.name)] = value

    def remove_value(self, path: Parts, name: str) -> None:
        """Let a key not hold a value, whether or not key and value are there."""
        self._at(path).values[registry_upcase(name)] = None

    def remove_key(self, path: Parts) -> None:
        """Let a key go with all below it; what is put there later is made anew. The root loses all but itself."""
        change = self._at(path)
        change.cleared, change.made = True, not path
        change.values, change.below = {}, {}

    def is_kept(self, path: Parts) -> bool:
        """Tell whether a key that was there before is not taken away, itself or with one above it."""
        change: Change | None = self.root
        for name in path:
            if change is None or change.cleared:
                break
            change = change.below.get(registry_upcase(name))
        return change is None or not change.cleared

    def _made(self, path: Parts) -> Change:
        change = self._at(path)
        step = self.root
        for name in path:
            step = step.below[registry_upcase(name)]
            if not step.made:
                step.name, step.made = name, True
        return change

    def _at(self, path: Parts) -> Change:
        reason = why_not(Key(path))
        if reason:
            raise UnsupportedError(f"the key {_shown(path)} {reason}")
        change = self.root
        for name in path:
            change = change.below.setdefault(registry_upcase(name), Change(name))
        return change


def rewritten(content: bytes, name: str, changes: Changes, now: int, file: BinaryIO) -> int:
    """Write a clean hive anew with changes to an empty file that can be read, and return its size in bytes.

    ``name`` is for messages, ``now`` a FILETIME. The hive keeps the descriptor of its root, the name that it has for
    its own file, and the marks of its keys. Raises DamagedError when it cannot be read whole, UnsupportedError for
    what no hive can hold; OSError. After any of these the file is to be thrown away.
    """
    keys = merged(whole_keys(content, name), changes, now)
    try:
        size = write_hive(file, keys, name=own_name(content))
    except OverflowError as error:
        raise UnsupportedError(f"{name}: {error}") from error
    carry_marks(content, file, name, changes.is_kept)
    return size


def merged(keys: Iterable[Key], changes: Changes, now: int) -> Iterator[Key]:
    """Yield the keys of a hive, parents first, with changes; ``now`` (FILETIME) dates what they touch.

    Raises UnsupportedError for a change in or below a symbolic link, which Windows would never find there; whatever
    reading the values raises.
    """
    return _Merge(changes, now).merged(keys)


@dataclass(slots=True)
class _Open:
    """A key that was yielded and whose subkeys still come; of one without changes nothing is kept."""

    path: Parts
    change: Change | None
    seen: set[str] = field(default_factory=set)


class _Merge:
    def __init__(self, changes: Changes, now: int) -> None:
        self._changes = changes
        self._now = now
        self._open: list[_Open] = []
        self._gone = -1
        """Depth of a key that goes with all below it, -1 for none."""

    def merged(self, keys: Iterable[Key]) -> Iterator[Key]:
        for key in with_parents(keys):
            yield from self._closed_down_to(len(key.path))
            if self._is_gone(len(key.path)):
                continue
            change = self._change_of(key)
            if change and change.cleared:
                self._gone = len(key.path)
                if key.path:
                    continue  # made anew, where it is, when the key it lies in is closed
            self._open.append(_Open(key.path, change))
            yield self._changed(key, change) if change else key
        if not self._open:
            self._open.append(_Open((), self._changes.root))
            yield Key((), _put(self._changes.root), self._now)
        yield from self._closed_down_to(0)

    def _is_gone(self, depth: int) -> bool:
        if depth <= self._gone:
            self._gone = -1
        return self._gone >= 0

    def _change_of(self, key: Key) -> Change | None:
        if not key.path:
            return self._changes.root
        above = self._open[-1]
        if above.change is None:
            return None
        name = registry_upcase(key.path[-1])
        found = above.change.below.get(name)
        if found and not found.cleared:
            above.seen.add(name)
        return found

    def _changed(self, key: Key, change: Change) -> Key:
        if change.cleared:
            return replace(key, values=_put(change), last_written=self._now)
        if not change.values and not change.below:
            return key
        before = list(key.values)
        if _asks(change) and any(_is_link(each) for each in before):
            shown = _shown(key.path)
            raise UnsupportedError(f"{shown} is a symbolic link: nothing can be put into it")
        after = list(_edited(before, change))
        if after == before:
            return replace(key, values=before)
        return replace(key, values=after, last_written=self._now)

    def _closed_down_to(self, depth: int) -> Iterator[Key]:
        """Yield the new subkeys of the open keys that lie at a depth and deeper, and close them."""
        while len(self._open) > depth:
            last = self._open.pop()
            for name, change in last.change.below.items() if last.change else ():
                if change.made and name not in last.seen:
                    yield from _new(last.path, change, self._now)


def _new(above: Parts, top: Change, now: int) -> Iterator[Key]:
    """Yield a key that was not there, and all new ones below it."""
    waiting = [(above, top)]
    while waiting:
        parent, change = waiting.pop()
        path = (*parent, change.name)
        yield Key(path, _put(change), now)
        waiting += [(path, each) for each in reversed(change.below.values()) if each.made]


def _put(change: Change) -> tuple[RegistryValue, ...]:
    return tuple(value for value in change.values.values() if value is not None)


def _edited(values: Iterable[RegistryValue], change: Change) -> Iterator[RegistryValue]:
    """Yield the values of a key in their order, then the new ones; a value that is there keeps its spelling."""
    seen: set[str] = set()
    for value in values:
        name = registry_upcase(value.name)
        found = change.values.get(name, value)
        if name not in change.values:
            yield value
        elif found is not None and name not in seen:
            yield replace(found, name=value.name)
        seen.add(name)
    yield from (each for each in _put(change) if registry_upcase(each.name) not in seen)


def _asks(change: Change) -> bool:
    """Tell whether something is to be put into a key; the link itself may be put anew."""
    put = any(not _is_link(each) for each in _put(change))
    return put or any(each.made for each in change.below.values())


def _is_link(value: RegistryValue) -> bool:
    return value.type == LINK and registry_upcase(value.name) == registry_upcase(LINK_VALUE)


def _shown(path: Parts) -> str:
    return "\\".join(path) or "the root key"
