"""HiveFiles -> Hive: the best that can be had of a hive, rung by rung; every value says from which it is.

1. the file with its transaction logs replayed (``live``, ``replayed``);
2. when that has no root any more: its copy in RegBack (``regback``), and the cells that still lie in it (``salvaged``);
3. where a whole hive is damaged in one place only: the cells there, which are of today, then RegBack, which is older.

What no rung has raises DamagedError, as it would for a hive without copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from extractor.errors import DamagedError, SourceError
from extractor.model import RegistryValue
from extractor.registry.base_block import FIRST_BIN, content_of, is_dirty
from extractor.registry.casing import registry_upcase
from extractor.registry.hive import tree_hive
from extractor.registry.replay import Log, Replay, replay
from extractor.registry.salvage import salvage
from extractor.seams import HiveNote

if TYPE_CHECKING:
    from extractor.seams import Hive, Stream

Answer = TypeVar("Answer")
Opener = Callable[[], "Stream | bytes"]


@dataclass(frozen=True, slots=True)
class HiveFiles:
    """The files that a hive can be read from; nothing is opened before it is needed."""

    name: str
    """How messages call the hive."""
    primary: Opener
    logs: tuple[tuple[str, Opener], ...] = ()
    """(name, opener) of the transaction logs beside it."""
    backup: tuple[str, Opener] | None = None
    """(name, opener) of its copy in RegBack."""


def open_hive_files(files: HiveFiles) -> Hive:
    """Return the hive that these files hold; its ``notes`` say what had to be done.

    Raises SourceError when there is neither a hive, nor a copy, nor a single key left.
    """
    try:
        content = content_of(files.primary(), files.name)
    except SourceError as error:
        return _dead(files, b"", [], error)
    done = replayed(files, content)
    notes = list(done.notes)
    try:
        live = tree_hive(done.content, files.name, before=content if done.is_replayed else None)
    except SourceError as error:
        return _dead(files, done.content, notes, error)
    return LadderHive(files.name, live, [_cells(files, done.content), _copy(files)], notes)


def replayed(files: HiveFiles, content: bytes) -> Replay:
    """Return a hive's bytes after its logs, which are read only when it needs them; raise DamagedError."""
    if len(content) < FIRST_BIN or not is_dirty(content):
        return Replay(content)
    notes: list[HiveNote] = []
    done = replay(content, list(_logs(files, notes)), files.name)
    return Replay(done.content, done.is_replayed, (*done.notes, *notes))


def _logs(files: HiveFiles, notes: list[HiveNote]) -> Iterator[Log]:
    for name, opener in files.logs:
        try:
            yield Log(name, content_of(opener(), name))
        except SourceError as error:
            notes.append(HiveNote("warning", f"{name} cannot be read: {error}"))


# --- the last resorts -----------------------------------------------------------------------------

Rung = Callable[[], "Hive | None"]
"""Opens a copy of a hive, None when there is nothing to be had of it."""


def _cells(files: HiveFiles, content: bytes) -> Rung:
    return lambda: salvage(content, files.name)


def _copy(files: HiveFiles) -> Rung:
    def opened() -> Hive | None:
        if files.backup is None:
            return None
        name, opener = files.backup
        try:
            content = content_of(opener(), name)
            return tree_hive(content, name, "regback") if content else None
        except SourceError:
            return None  # Windows 10 keeps files of 0 bytes there; the hive's own error says more

    return opened


def _dead(files: HiveFiles, content: bytes, notes: list[HiveNote], error: SourceError) -> Hive:
    """Return a hive without a root from what is left, RegBack first; raise the error when nothing is."""
    copy, cells = _copy(files)(), salvage(content, files.name)
    if copy is None and cells is None:
        raise error
    ways = [
        *(["its copy in RegBack (which is older)"] if copy else []),
        *(["the cells that are left of it"] if cells else []),
    ]
    said = f"{error}; it is read from {' and '.join(ways)}"
    notes.append(HiveNote("warning", said))
    return LadderHive(files.name, None, [lambda: copy, lambda: cells], notes, lost=said)


class LadderHive:
    """A hive and what stands in for it where it is damaged (seam: Hive)."""

    def __init__(
        self,
        name: str,
        live: Hive | None,
        rungs: Sequence[Rung],
        notes: list[HiveNote],
        *,
        lost: str = "",
    ) -> None:
        self.dirty = live.dirty if live else True
        self.notes = notes
        self._name = name
        self._live = live
        self._rungs = rungs
        self._damage: dict[str, str] = {"": lost} if lost else {}

    def exists(self, key: str) -> bool:
        return self._answer(key, lambda hive: hive.exists(key))

    def values(self, key: str) -> Sequence[RegistryValue]:
        return self._answer(key, lambda hive: hive.values(key))

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        return self._answer(key, lambda hive: hive.value(key, name))

    def last_written(self, key: str = "") -> int:
        return self._answer(key, lambda hive: hive.last_written(key))

    def subkeys(self, key: str = "") -> Sequence[str]:
        """Return the names that any copy has where the hive itself is damaged."""
        if self._live:
            try:
                return self._live.subkeys(key)
            except DamagedError as error:
                fault = self._noted(key, error)
        else:
            fault = None
        lists = [each for hive in self._having(key) if (each := _readable(hive, key)) is not None]
        if fault and not lists:
            raise fault
        names: dict[str, str] = {}
        for name in (name for each in lists for name in each):
            names.setdefault(registry_upcase(name), name)
        return list(names.values())

    def damage(self, key: str) -> str:
        said = self._damage.get(registry_upcase(key), "")
        return said or self._answer(key, lambda hive: hive.damage(key))

    @cached_property
    def _others(self) -> list[Hive]:
        return [hive for rung in self._rungs if (hive := rung())]

    def _answer(self, key: str, ask: Callable[[Hive], Answer]) -> Answer:
        """Ask the hive; where it is damaged, the first of the others that has the key and is not."""
        fault: DamagedError | None = None
        if self._live:
            try:
                return ask(self._live)
            except DamagedError as error:
                fault = self._noted(key, error)
        for hive in self._having(key):
            try:
                return ask(hive)
            except DamagedError as error:
                fault = error
        if fault:
            raise fault
        return ask(self._others[-1])  # none has the key: let one say so

    def _having(self, key: str) -> Iterator[Hive]:
        """Yield the other copies that have a key."""
        for hive in self._others:
            try:
                has = hive.exists(key)
            except DamagedError:
                continue
            if has:
                yield hive

    def _noted(self, key: str, error: DamagedError) -> DamagedError:
        """Remember where the hive is damaged: at the key that it has itself, not at every key below."""
        place = registry_upcase(key)
        if place not in self._damage and self._has_itself(key):
            self._damage[place] = str(error)
            said = f"{error}; where its cells or a copy in RegBack have more, that is read"
            self.notes.append(HiveNote("warning", said))
        return error

    def _has_itself(self, key: str) -> bool:
        try:
            return self._live is not None and self._live.exists(key)
        except DamagedError:
            return False


def _readable(hive: Hive, key: str) -> Sequence[str] | None:
    try:
        return hive.subkeys(key)
    except DamagedError:
        return None
