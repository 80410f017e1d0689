r"""The offline machine's own paths: which directory of which volume ``C:\Users\bob`` means.

The ``C:`` of a Windows.old installation is its Windows.old directory: ``C:\Users`` is ``\Windows.old\Users`` on disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from extractor.filesystems import find
from extractor.model import Entry, WinPath
from extractor.seams import Filesystem


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of the offline machine and the directory that it is."""

    at: WinPath
    filesystem: Filesystem
    root: Entry
    fixed: bool = True
    """False for a drive that the machine took for removable: GenerateDrivePatterns asks."""


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
