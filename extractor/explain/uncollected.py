"""Volumes and what was taken -> the largest folders left behind that look like somebody's data.

A folder counts where nothing in or below it was taken; of a chain of folders that hold little else than the next, the
last is told. What Windows and programs own, and caches, are not looked at; nor are profiles of users who do not come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from extractor.errors import SourceError
from extractor.evaluate import Scene
from extractor.explain.kinds import CACHES, kind_of
from extractor.filesystems import is_link
from extractor.model import Entry, WinPath, upcase
from extractor.rules.patterns import node_part, node_text
from extractor.seams import Filesystem
from extractor.select import Choice
from extractor.windows.namespace import Mount

_OWNED = ("WINDIR", "PROGRAMFILES", "PROGRAMFILES(X86)", "CSIDL_PROGRAM_FILESX86")
"""Variables of folders whose content is installed, not made by people."""
_BY_WINDOWS = """$RECYCLE.BIN|RECYCLER|SYSTEM VOLUME INFORMATION|$WINDOWS.~BT|$WINDOWS.~WS|$EXTEND|\
RECOVERY|CONFIG.MSI|PERFLOGS|MSOCACHE|BOOT|EFI"""
"""Folders of a volume's root."""
_CONTAINERS = ("PROFILESFOLDER", "PROGRAMDATA", "PUBLIC")
_OF_USERS = ("USERPROFILE", "APPDATA", "CSIDL_LOCAL_APPDATA", "FOLDERID_LOCALAPPDATALOW")
_MOST = 0.9
"""The share of a folder's data from which on the folder in it that has it is told instead."""

Taken = Set[tuple[str, int]]
"""Volume and record of every file that was taken."""


@dataclass(slots=True)
class Folder:
    """A folder left behind: its files that look like user data, and all of its files."""

    path: WinPath
    data_files: int = 0
    data_bytes: int = 0
    files: int = 0
    bytes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    largest: tuple[int, WinPath] | None = None
    """Size and path of the largest file that looks like user data."""
    only_itself: bool = False
    """True where only the files directly in it are meant: something below was taken."""

    def add(self, other: Folder) -> None:
        """Add what lies in a folder below."""
        self.data_files += other.data_files
        self.data_bytes += other.data_bytes
        self.files += other.files
        self.bytes += other.bytes
        self.kinds.update(other.kinds)
        self.largest = max(
            filter(None, (self.largest, other.largest)), default=None, key=lambda e: e[0]
        )


@dataclass(slots=True)
class _Tally:
    """A directory while those below it are counted."""

    entry: Entry
    folder: Folder
    node: str
    is_split: bool = False
    """True where it cannot be told as a whole: something in or below it was taken, or a container lies there."""
    below: list[_Tally] = field(default_factory=list)
    told: list[Folder] = field(default_factory=list)
    """What is to be said of this directory and those below it."""


def uncollected(scene: Scene, choices: Iterable[Choice], taken: Taken) -> list[Folder]:
    """Return the folders left behind, those with most bytes of user data first."""
    grounds = _Grounds.of(scene, choices)
    found = [each for mount in scene.mounts for each in _of_mount(mount, grounds, taken)]
    return sorted(found, key=lambda each: (-each.data_bytes, each.path.key))


@dataclass(frozen=True, slots=True)
class _Grounds:
    """Node texts of what is not looked at, and of what is never told as a whole."""

    skipped: frozenset[str]
    containers: frozenset[str]
    roots: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, scene: Scene, choices: Iterable[Choice]) -> _Grounds:
        roots = [node_text(mount.at) for mount in scene.mounts]
        skipped = {_node(scene.variables, name) for name in _OWNED}
        skipped |= {root + node_part(name) for root in roots for name in _BY_WINDOWS.split("|")}
        skipped |= {node_text(each.user.profile) for each in choices if not each.selected}
        skipped |= {_node(scene.variables, "PROGRAMDATA") + "MICROSOFT\\"}
        containers = {_node(scene.variables, name) for name in _CONTAINERS} | set(roots)
        for profile in scene.profiles:
            containers |= {_node(profile.variables, name) for name in _OF_USERS}
            containers |= {_node(profile.variables, "CSIDL_LOCAL_APPDATA") + "PACKAGES\\"}
        ids = frozenset((each.filesystem.info.id, each.root.record) for each in scene.mounts)
        return cls(frozenset(skipped - {""}), frozenset(containers - {""}), ids)


def _node(variables: Mapping[str, str], name: str) -> str:
    """Return a folder's node text; of a variable without a value one that no folder has."""
    text = next((value for key, value in variables.items() if upcase(key) == name), "")
    return node_text(WinPath.parse(text)) if text else "\\\\"


def _of_mount(mount: Mount, grounds: _Grounds, taken: Taken) -> list[Folder]:
    """Count a volume from below: a loop, for names and depth are the image's; no record is entered twice."""
    top = _tally(mount.filesystem, mount.root, mount.at, node_text(mount.at), taken)
    waiting, order, entered = [top], [], {mount.root.record}
    while waiting:
        tally = waiting.pop()
        order.append(tally)
        for entry in _folders(mount, tally, grounds):
            if entry.record in entered:
                continue
            entered.add(entry.record)
            path = tally.folder.path / entry.name
            node = tally.node + node_part(entry.name)
            tally.below.append(_tally(mount.filesystem, entry, path, node, taken))
        waiting.extend(tally.below)
    for tally in reversed(order):
        _settle(tally, grounds)
    return top.told


def _folders(mount: Mount, tally: _Tally, grounds: _Grounds) -> Iterator[Entry]:
    """Yield the directories to look into; another mount's root is looked into as that mount."""
    volume = mount.filesystem.info.id
    for entry in mount.filesystem.children(tally.entry):
        if not entry.directory or is_link(entry) or (volume, entry.record) in grounds.roots:
            continue
        if upcase(entry.name) in CACHES or tally.node + node_part(entry.name) in grounds.skipped:
            continue
        yield entry


def _tally(filesystem: Filesystem, entry: Entry, path: WinPath, node: str, taken: Taken) -> _Tally:
    """Return a directory with its own files counted."""
    tally = _Tally(entry, Folder(path), node)
    for each in filesystem.children(entry):
        if each.directory or is_link(each):
            continue
        if (filesystem.info.id, each.record) in taken:
            tally.is_split = True
        else:
            _count(tally.folder, filesystem, each)
    return tally


def _count(folder: Folder, filesystem: Filesystem, entry: Entry) -> None:
    try:
        size = filesystem.metadata(entry).size
    except SourceError:
        size = 0  # the ledger of a scan tells of it where a rule wants it
    folder.files += 1
    folder.bytes += size
    kind = kind_of(entry.name)
    if kind:
        folder.kinds[kind] += 1
        folder.data_files += 1
        folder.data_bytes += size
        if folder.largest is None or size > folder.largest[0]:
            folder.largest = (size, folder.path / entry.name)


def _settle(tally: _Tally, grounds: _Grounds) -> None:
    """Decide what is told of a directory whose subdirectories are settled; they are not needed any more."""
    own = tally.folder
    if tally.node in grounds.containers or any(each.is_split for each in tally.below):
        tally.is_split = True
    if tally.is_split:
        tally.told = [folder for each in tally.below for folder in each.told]
        if own.data_files:
            own.only_itself = True
            tally.told.append(own)
    else:
        for each in tally.below:
            own.add(each.folder)
        chief = max(tally.below, key=lambda each: each.folder.data_bytes, default=None)
        if chief and own.data_bytes and chief.folder.data_bytes >= _MOST * own.data_bytes:
            tally.told = chief.told
        elif own.data_files:
            tally.told = [own]
    tally.below = []
