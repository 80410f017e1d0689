"""Candidates and volumes -> Survey: the letters, paths and names under which a person speaks of what was found.

The *machine's letters* are those that the best valid Windows knew; every path that is asked for or shown is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.errors import SourceError
from extractor.model import Candidate, Entry, VolumeInfo, WinPath, upcase
from extractor.registry import Registry
from extractor.seams import Filesystem
from extractor.windows.drives import DriveLetter, drive_letters, system_drive
from extractor.windows.hives import machine_hives
from extractor.windows.namespace import Mount, Namespace

VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"

Key = tuple[str, int]
"""What identifies a candidate: volume id and record of its directory."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is on the disks of one machine, in that machine's own letters."""

    candidates: tuple[Candidate, ...]
    volumes: tuple[VolumeInfo, ...]
    filesystems: Mapping[str, Filesystem]
    letters: tuple[DriveLetter, ...]
    ids: Mapping[Key, str]
    """A name for each candidate that is good for a folder: ``C-Windows``, ``C-Windows.old``."""
    registries: Mapping[Key, Registry] = field(repr=False)
    """The registry of each candidate without its users; opened when first asked."""

    def letter_of(self, volume: str) -> str:
        """Return the machine's letter for a volume, empty when it has none."""
        return next((each.letter for each in self.letters if each.volume == volume), "")

    def path_of(self, candidate: Candidate) -> WinPath:
        """Return where a Windows lies, in the machine's letters."""
        return WinPath(self.letter_of(candidate.volume), candidate.path)

    def id_of(self, candidate: Candidate) -> str:
        """Return the name of a candidate."""
        return self.ids[candidate.volume, candidate.record]

    def registry_of(self, candidate: Candidate) -> Registry:
        """Return the registry of a candidate, without its users."""
        return self.registries[candidate.volume, candidate.record]

    @property
    def namespace(self) -> Namespace:
        """The machine's letters as mounts: each volume at its root."""
        mounted = [each for each in self.letters if each.volume in self.filesystems]
        return Namespace(
            Mount(WinPath(each.letter), filesystem, filesystem.root)
            for each in mounted
            for filesystem in (self.filesystems[each.volume],)
        )


def survey(
    candidates: Sequence[Candidate],
    volumes: Sequence[VolumeInfo],
    filesystems: Mapping[str, Filesystem],
) -> Survey:
    """Give letters, paths and names to what was found; ``filesystems`` is by ``VolumeInfo.id``."""
    registries = {
        (each.volume, each.record): _registry(filesystems[each.volume], each) for each in candidates
    }
    letters = _machine_letters(candidates, volumes, registries)
    ids = _identities(candidates, {each.volume: each.letter for each in letters})
    return Survey(tuple(candidates), tuple(volumes), filesystems, letters, ids, registries)


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    r"""Return the valid candidates, the likeliest first: ``\Windows``, any other, what lies in a Windows.old."""

    def rank(each: Candidate) -> int:
        if each.kind != "windows":
            return 2
        return 0 if tuple(map(upcase, each.path)) == ("WINDOWS",) else 1

    return sorted((each for each in candidates if each.valid), key=rank)


def directory_of(filesystem: Filesystem, record: int) -> Entry:
    """Return the directory with this record; raise SourceError when there is none any more."""
    if record == filesystem.root.record:
        return filesystem.root
    found = next((each for each in filesystem.names(record) if each.directory), None)
    if found is None:
        raise SourceError(f"record {record} of volume {filesystem.info.id} is no directory")
    return found


def system_root(registry: Registry, candidate: Candidate) -> WinPath:
    r"""Return what a Windows calls its own directory (``C:\Windows``), whatever it is called now."""
    said = WinPath.parse(registry.text(VERSION, "SystemRoot"))
    return said if said.drive and said.parts else WinPath("C:", candidate.path[-1:])


def _registry(filesystem: Filesystem, candidate: Candidate) -> Registry:
    return Registry(machine_hives(filesystem, directory_of(filesystem, candidate.record)))


def _machine_letters(
    candidates: Sequence[Candidate],
    volumes: Sequence[VolumeInfo],
    registries: Mapping[Key, Registry],
) -> tuple[DriveLetter, ...]:
    needed = {each.volume for each in candidates}
    known = {each.id: each for each in volumes}
    for best in ranked(candidates):
        registry = registries[best.volume, best.record]
        try:
            letter = system_root(registry, best).drive
            claim = system_drive(registry, letter, known[best.volume])
            return drive_letters(registry, volumes, [claim], needed=needed)
        except SourceError:
            continue  # its hives open but are damaged where it counts: ask the next Windows
    return drive_letters(Registry({}), volumes, needed=needed)


def _identities(candidates: Sequence[Candidate], letters: Mapping[str, str]) -> dict[Key, str]:
    ids: dict[Key, str] = {}
    for each in candidates:
        path = each.path[:-1] if each.kind == "windows.old" else each.path
        words = [letters.get(each.volume, each.volume).rstrip(":"), *path]
        slug = re.sub(r"[^\w.()~$-]+", "_", "-".join(words), flags=re.ASCII)[:80]
        twins = sum(other == slug or other.startswith(f"{slug}~") for other in ids.values())
        ids[each.volume, each.record] = f"{slug}~{twins + 1}" if twins else slug
    return ids
