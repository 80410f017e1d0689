r"""The hives of one Windows, walked once from HKLM and HKU down, whatever the number of patterns.

Keys are entered as folders are (``way``): one that no include can reach, or that an exclude takes whole, is not. Names
are canonical (``evaluate.registry_names``): ``CurrentControlSet`` for the set in use, a user's UsrClass.dat as
``HKU\<SID>\Software\Classes``. Only what an include matches is told. A hive is hostile: the walk is a loop, and the
levels and keys of a hive that meets itself are bounded where it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.evaluate import Scene
from extractor.evaluate.registry_names import CLASSES, OF_CLASSES, names_below
from extractor.evaluate.strings import string_form
from extractor.model import (
    Entry,
    Metadata,
    ObjectKind,
    RegistryValue,
    Selected,
    StreamInfo,
    Times,
    WinPath,
    upcase,
)
from extractor.select.objects import UNSEEN, Glimpse, Subject, Unreadable
from extractor.select.owners import key_owner
from extractor.select.precedence import Verdict
from extractor.select.users import Choice
from extractor.select.way import Outlook, Way

NO_PATH = "its name is empty or holds a backslash: no path leads to it"


class ValueSight:
    """A value as a filter may look at it (Judged)."""

    __slots__ = ("_value",)

    metadata: Metadata | None = None
    """A value has no times of its own."""

    def __init__(self, value: RegistryValue) -> None:
        self._value = value

    @property
    def string(self) -> str:
        """The string form of the data."""
        return string_form(self._value)


@dataclass(frozen=True, slots=True)
class _Key:
    """A key on the way."""

    path: WinPath
    way: Way
    outlook: Outlook
    owner: Choice | None
    volume: str

    @property
    def is_shut(self) -> bool:
        """True in the hives of a user who does not come."""
        return self.owner is not None and not self.owner.selected


@dataclass(frozen=True, slots=True)
class _Content:
    """What a key holds, read before anything of it is told: a key that cannot be read is one row."""

    written: int
    values: Sequence[RegistryValue]
    names: Sequence[str]
    damage: str
    """Why it is not the whole key, empty when it is: then the key is told as lost, and what there is of it as found."""


class RegistryWalk:
    """The walk over all hives of a Windows; ``top`` is the way of its registry rules."""

    def __init__(self, scene: Scene, top: Way, choices: Sequence[Choice]) -> None:
        self._scene = scene
        self._registry = scene.registry
        self._top = top
        self._choices = choices

    def objects(self) -> Iterator[Selected | Unreadable]:
        """Yield the keys and values that an include matches, and the keys that cannot be read."""
        hives = [hive for hive in self._hives() if _is_wanted(hive) and not self._is_met(hive)]
        todo = hives[::-1]
        while todo:
            key = todo.pop()
            below: list[_Key] = []
            yield from self._told(key, below)
            todo.extend(reversed(below))

    def _hives(self) -> Iterator[_Key]:
        r"""Yield the roots of the hives that have a canonical name."""
        for mount in sorted(self._registry.mounts):
            root, _, name = mount.partition("\\")
            sid = name.removesuffix(OF_CLASSES)
            owner = key_owner(WinPath(root, (sid,)), self._choices)
            if root == "HKLM" or owner or name == ".DEFAULT":
                path = WinPath(root, (owner.user.sid if owner else name,))
                path = path if sid == name else path / "Software" / CLASSES
                way = self._top.to(path)
                yield _Key(path, way, way.outlook, owner, volume_of(self._scene, owner))

    def _is_met(self, hive: _Key) -> bool:
        """Tell whether the walk through NTUSER.DAT comes to a user's classes; it does not where that file is lost."""
        sid, *below = hive.path.parts
        if not below:
            return False
        if hive.is_shut:
            return upcase(f"{hive.path.drive}\\{sid}") in self._registry.mounts
        try:
            return self._registry.exists(str(hive.path.parent))
        except SourceError:
            return False

    def _told(self, key: _Key, below: list[_Key]) -> Iterator[Selected | Unreadable]:
        """Yield a key and its values; the keys in it that are to be looked at join those ``below``."""
        said = key.way.here.of_node(UNSEEN)
        if key.is_shut or not key.outlook.is_open:
            said = Verdict(chosen=False, rule=key.outlook.cut or said.rule)
            yield _row(ObjectKind.KEY, key, said).selected(key.volume, entry_of(key.path), _of(0))
            return
        try:
            content = self._content(key)
        except SourceError as error:
            yield _row(ObjectKind.KEY, key, said).unreadable(key.volume, str(error))
            return
        if content is not None and content.damage:
            yield _row(ObjectKind.KEY, key, said).unreadable(key.volume, content.damage)
        elif content is not None:
            yield from self._node(key, content)
        if content is not None:
            yield from self._values(key, content)
            yield from self._below(key, content, below)

    def _content(self, key: _Key) -> _Content | None:
        """Return what a key holds, None when there is no such key: no file of that hive is on these disks."""
        path = str(key.path)
        if not self._registry.exists(path):
            return None
        values = self._registry.values(path) if key.way.here.includes else ()
        written = self._registry.last_written(path)
        names = names_below(self._registry, key.path)
        return _Content(written, values, names, self._registry.damage(path))

    def _node(self, key: _Key, content: _Content) -> Iterator[Selected]:
        metadata = _of(content.written)
        said = key.way.here.of_node(Glimpse(metadata))
        if said.rule:
            entry = entry_of(key.path)
            yield _row(ObjectKind.KEY, key, said).selected(key.volume, entry, metadata)

    def _values(self, key: _Key, content: _Content) -> Iterator[Selected]:
        for value in sorted(content.values, key=lambda each: (upcase(each.name), each.name)):
            said = key.way.here.of_leaf(upcase(value.name), ValueSight(value))
            if said.rule:
                subject = Subject(ObjectKind.VALUE, key.path / f"[{value.name}]", key.owner, said)
                yield subject.selected(
                    key.volume, entry_of(subject.path), value_metadata(value), value
                )

    def _below(
        self, key: _Key, content: _Content, below: list[_Key]
    ) -> Iterator[Selected | Unreadable]:
        for name in sorted(content.names, key=lambda each: (upcase(each), each)):
            way = key.way.below(name)
            inner = _Key(key.path / name, way, way.outlook, key.owner, key.volume)
            if inner.outlook.is_open and ("\\" in name or not name):
                said = way.here.of_node(UNSEEN)
                yield _row(ObjectKind.KEY, inner, said).unreadable(key.volume, NO_PATH)
            elif _is_wanted(inner):
                below.append(inner)


def volume_of(scene: Scene, owner: Choice | None) -> str:
    """Return the id of the volume where the hives of a user (or the machine) lie, empty when that is not known."""
    where = owner.user.profile if owner else WinPath.parse(scene.variables.get("SYSTEMROOT", ""))
    place = scene.namespace.resolve(where)
    return place[0].info.id if place else ""


def entry_of(path: WinPath) -> Entry:
    """Return an Entry for what is no file: it has a name and no record."""
    return Entry(0, 0, -1, path.name, directory=False)


def value_metadata(value: RegistryValue) -> Metadata:
    """Return the metadata of a registry or INI value: how many bytes it holds."""
    size = len(value.data)
    return Metadata(0, Times(), streams=(StreamInfo("", size, valid=size, resident=True),))


def _is_wanted(key: _Key) -> bool:
    return key.outlook.is_open or key.outlook.cut is not None


def _row(kind: ObjectKind, key: _Key, said: Verdict) -> Subject:
    return Subject(kind, key.path, key.owner, said)


def _of(written: int) -> Metadata:
    return Metadata(0, Times(modified=written))
