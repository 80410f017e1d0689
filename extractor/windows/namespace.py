r"""The offline machine's own paths: which directory of which volume ``C:\Users\bob`` means.

The ``C:`` of a Windows.old installation is its Windows.old directory: ``C:\Users`` is ``\Windows.old\Users`` on disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from extractor.model import Entry, WinPath, upcase
from extractor.seams import Filesystem


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of the offline machine and the directory that it is."""

    at: WinPath
    filesystem: Filesystem
    root: Entry


class Namespace:
    """The mounts of one Windows; the longest path wins, as with volumes mounted at folders."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self.mounts = tuple(sorted(mounts, key=lambda mount: mount.at.key))
        self._longest_first = sorted(self.mounts, key=lambda mount: -len(mount.at.parts))

    def resolve(self, path: WinPath) -> tuple[Filesystem, Entry] | None:
        """Return the file or directory that a path names, None when there is none; links are not followed."""
        mount = self._mount_of(path)
        if mount is None:
            return None
        entry = find(mount.filesystem, path.parts[len(mount.at.parts) :], mount.root)
        return (mount.filesystem, entry) if entry else None

    def path_of(self, filesystem: Filesystem, entry: Entry) -> WinPath | None:
        """Return the offline machine's path of an entry, None when that machine does not see it."""
        parts = tuple(filesystem.path(entry))
        for mount in self._longest_first:
            if mount.filesystem.info.id != filesystem.info.id:
                continue
            above = tuple(filesystem.path(mount.root))
            path = WinPath(mount.at.drive, (*mount.at.parts, *parts[len(above) :]))
            if parts[: len(above)] == above and self._mount_of(path) is mount:
                return path
        return None

    def _mount_of(self, path: WinPath) -> Mount | None:
        return next((mount for mount in self._longest_first if path.is_below(mount.at)), None)


def find(filesystem: Filesystem, parts: Iterable[str], start: Entry | None = None) -> Entry | None:
    """Return what lies at a path below a directory (the root), names compared as Windows compares.

    Where two names differ only by case, the one spelled as asked wins, else the first.
    """
    found: Entry | None = start or filesystem.root
    for part in parts:
        found = _child(filesystem, found, part) if found else None
    return found


def _child(filesystem: Filesystem, directory: Entry, name: str) -> Entry | None:
    wanted = upcase(name)
    alike = [each for each in filesystem.children(directory) if upcase(each.name) == wanted]
    alike += [each for each in filesystem.children(directory) if upcase(each.short_name) == wanted]
    return next((each for each in alike if each.name == name), alike[0] if alike else None)
