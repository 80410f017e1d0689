"""Objects of a store -> their places on this host: safe names of which no two in a folder are one, not even by case.

As in the store, the first in the manifest's order keeps the plain name, and others get a hash of their own identity.
"""

from __future__ import annotations

from dataclasses import dataclass

from extractor.model import Record, WinPath, upcase
from extractor.store.safe_name import drive_name, safe_name, twin_name
from extractor.store.tree import Parts


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the host, whether it exists already or not."""

    number: int
    parts: Parts


class NameTakenError(Exception):
    """Two objects ask for the same place with the same identity: a damaged or forged catalog."""


class Places:
    """Who has which name; a folder's place does not change any more once it was asked for."""

    def __init__(self) -> None:
        self._root = Folder(0, ())
        self._folders: dict[tuple[int, str], Folder] = {}
        self._taken: set[int] = set()
        """Hashes of (folder, name as Windows compares): one in 2^64 meets another, and gets the other name."""

    def folder(self, path: WinPath, volume: str) -> Folder:
        """Return the place of a folder; raise NameTakenError."""
        drive = drive_name(path.drive, volume)
        found = self._below(self._root, drive, drive.encode("utf-16-be", "surrogatepass"))
        for depth, name in enumerate(path.parts, 1):
            known = self._folders.get((found.number, name))
            found = known or self._below(
                found, name, exact(WinPath(path.drive, path.parts[:depth]))
            )
        return found

    def of(self, record: Record, ending: str = "") -> Parts:
        """Return the place of a file with this ending to its name; raise NameTakenError.

        The identity of a file without an ending is the one that it has in the store.
        """
        path = record.path
        folder = self.folder(path.parent, record.volume) if path.parts else self._root
        name = path.name if path.parts else drive_name(path.drive, record.volume)
        identity = exact(path) + f"\0{record.volume}\0{record.record}\0{record.sequence}".encode()
        identity = identity if len(identity) % 2 else identity + b"\0"
        if ending:
            identity += ending.encode("utf-16-be", "surrogatepass")
        return (*folder.parts, self._claim(folder, name + ending, identity))

    def _below(self, parent: Folder, name: str, identity: bytes) -> Folder:
        known = self._folders.get((parent.number, name))
        if known is None:
            leaf = self._claim(parent, name, identity)
            known = Folder(len(self._folders) + 1, (*parent.parts, leaf))
            self._folders[parent.number, name] = known
        return known

    def _claim(self, folder: Folder, name: str, identity: bytes) -> str:
        safe = safe_name(name)
        for wish in (safe, twin_name(safe, identity)):
            mark = hash((folder.number, upcase(wish)))
            if mark not in self._taken:
                self._taken.add(mark)
                return wish
        raise NameTakenError


def exact(path: WinPath) -> bytes:
    """Return what tells a path from every other."""
    return str(path).encode("utf-16-be", "surrogatepass")
