"""Objects of addObjects: told as if they were there, where the machine has no such object and a rule includes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from extractor.evaluate import Scene
from extractor.evaluate.active import Pretended
from extractor.evaluate.facts import Facts
from extractor.evaluate.frames import unescape
from extractor.evaluate.registry_names import split_brackets
from extractor.events import Event, noting
from extractor.model import (
    FILE_ATTRIBUTE_DIRECTORY,
    Metadata,
    ObjectKind,
    RegistryValue,
    Selected,
    StreamInfo,
    Times,
    WinPath,
    upcase,
)
from extractor.rules.patterns import PatternKind
from extractor.select.objects import Glimpse, Subject
from extractor.select.owners import key_owner, owner_of, owners_of
from extractor.select.precedence import Verdict
from extractor.select.registry import ValueSight, entry_of, value_metadata, volume_of
from extractor.select.users import Choice
from extractor.select.way import Way
from extractor.windows.namespace import Mount

REG_NONE = 0


class PretendedObjects:
    """The objects that rules pretend; ``tops`` are the ways of the rules of each kind."""

    def __init__(
        self,
        scene: Scene,
        tops: Mapping[PatternKind, Way],
        choices: Sequence[Choice],
        tell: Callable[[Event], None],
    ) -> None:
        self._scene = scene
        self._tops = tops
        self._choices = choices
        self._owners = owners_of(choices)
        self._facts = Facts(scene, "", noting(tell))

    def objects(self, pretended: Iterable[Pretended]) -> Iterator[Selected]:
        """Yield those that an include matches, each path once, by path.

        Which of several for one path is taken depends on what they hold, on no order of files or components.
        """
        found: dict[tuple[PatternKind, tuple[str, ...]], Selected] = {}
        for each in sorted(pretended, key=_content):
            path, is_leaf = _path(each)
            if (each.kind, path.key) in found or self._facts.exists(each.kind, each.location):
                continue
            selected = self._selected(each, path, is_leaf=is_leaf)
            if selected:
                found[each.kind, path.key] = selected
        yield from (found[key] for key in sorted(found))

    def _selected(self, each: Pretended, path: WinPath, *, is_leaf: bool) -> Selected | None:
        is_key = each.kind is PatternKind.REGISTRY
        owner = key_owner(path, self._choices) if is_key else owner_of(path, self._owners)
        value = RegistryValue(path.name[1:-1], each.type, each.data)
        if each.kind is PatternKind.FILE:
            value = RegistryValue("", REG_NONE, each.data)
        said = self._said(each, path, value, is_leaf=is_leaf)
        if said.rule is None:
            return None
        return Subject(_kind(each.kind, is_leaf=is_leaf), path, owner, said).selected(
            self._volume(path, owner),
            entry_of(path),
            _metadata(each, value, is_leaf=is_leaf),
            value if is_leaf else None,
            pretended=True,
        )

    def _said(
        self, each: Pretended, path: WinPath, value: RegistryValue, *, is_leaf: bool
    ) -> Verdict:
        """Judge an object; the way to an INI section is made of its parts, as of folders."""
        top = self._tops[each.kind]
        if not is_leaf:
            return top.to(path).here.of_node(Glimpse(_metadata(each, value, is_leaf=False)))
        if each.kind is PatternKind.FILE:
            seen = Glimpse(_metadata(each, value, is_leaf=True))
            return top.to(path.parent).here.of_leaf(upcase(path.name), seen)
        return top.to(path.parent).here.of_leaf(upcase(value.name), ValueSight(value))

    def _volume(self, path: WinPath, owner: Choice | None) -> str:
        if path.drive in {"HKLM", "HKU"}:
            return volume_of(self._scene, owner)
        mounts = [each for each in self._scene.mounts if path.is_below(each.at)]
        return max(mounts, key=_depth).filesystem.info.id if mounts else ""


def _content(each: Pretended) -> tuple[object, ...]:
    return each.location, each.type, each.data, each.scope, each.source


def _depth(mount: Mount) -> int:
    return len(mount.at.parts)


def _path(each: Pretended) -> tuple[WinPath, bool]:
    """Return the path of an object, and whether it is a file or value in the last folder or key of it."""
    node, leaf = split_brackets(each.location)
    drive, *parts = [unescape(part) for part in node.split("\\") if part]
    if not leaf:
        return WinPath(drive, tuple(parts)), False
    name = unescape(leaf[1:-1])
    return WinPath(drive, (*parts, name if each.kind is PatternKind.FILE else f"[{name}]")), True


def _kind(kind: PatternKind, *, is_leaf: bool) -> ObjectKind:
    if kind is PatternKind.FILE:
        return ObjectKind.FILE if is_leaf else ObjectKind.DIRECTORY
    return ObjectKind.VALUE if is_leaf else ObjectKind.KEY


def _metadata(each: Pretended, value: RegistryValue, *, is_leaf: bool) -> Metadata:
    if each.kind is not PatternKind.FILE:
        return value_metadata(value) if is_leaf else Metadata(0, Times())
    if not is_leaf:
        return Metadata(FILE_ATTRIBUTE_DIRECTORY, Times())
    size = len(value.data)
    return Metadata(each.type, Times(), streams=(StreamInfo("", size, valid=size, resident=True),))
