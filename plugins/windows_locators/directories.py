r"""Where a Windows may lie: directories whose ``System32`` holds a kernel or a ``config`` folder.

The search starts from names that every Windows has, so it costs three look-ups per volume, not a walk; whatever the
directory is called, and however deep it lies, it is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from extractor.filesystems import find
from extractor.model import Entry, upcase
from extractor.seams import Filesystem

OLD = re.compile(r"windows\.old([.(\s-].*)?|\$windows\.~(bt|ws|q)", re.IGNORECASE)
"""Folders where Setup keeps (or prepares) another Windows: Windows.old, .000, (1), $WINDOWS.~BT\\NewOS …"""
PARTS_OF_WINDOWS = frozenset({"WINSXS", "SERVICING", "SOFTWAREDISTRIBUTION"})
"""Folders of a Windows that hold copies of its own files, never an installation."""


def windows_directories(filesystem: Filesystem) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Yield each directory that may be a Windows, once, with its path from the volume's root."""
    seen: set[int] = set()
    for system32 in _system32(filesystem):
        directory = parent_of(filesystem, system32)
        if directory is None or directory.record in seen or directory == filesystem.root:
            continue
        seen.add(directory.record)
        path = tuple(filesystem.path(directory))
        if not PARTS_OF_WINDOWS.intersection(map(upcase, path)):
            yield directory, path


def is_old(path: Sequence[str]) -> bool:
    """Tell whether a Windows directory with this path lies in a folder that Setup made for another Windows."""
    return any(OLD.fullmatch(part) for part in path[:-1])


def parent_of(filesystem: Filesystem, entry: Entry) -> Entry | None:
    """Return the directory that an entry lies in, None when its record is gone."""
    if entry.parent == filesystem.root.record:
        return filesystem.root
    return next((each for each in filesystem.names(entry.parent) if each.directory), None)


def _system32(filesystem: Filesystem) -> Iterator[Entry]:
    """Yield System32 directories that hold a kernel or a config folder, by three roads: each may be damaged."""
    for entry in filesystem.named("System32"):
        if entry.directory and (
            find(filesystem, ("config",), entry) or find(filesystem, ("ntoskrnl.exe",), entry)
        ):
            yield entry
    for kernel in filesystem.named("ntoskrnl.exe"):
        yield from _if_named(parent_of(filesystem, kernel), "SYSTEM32")
    for hive in filesystem.named("SOFTWARE"):
        config = parent_of(filesystem, hive)
        if config and upcase(config.name) == "CONFIG":
            yield from _if_named(parent_of(filesystem, config), "SYSTEM32")


def _if_named(directory: Entry | None, name: str) -> Iterator[Entry]:
    if directory and upcase(directory.name) == name:
        yield directory
