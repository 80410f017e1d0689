r"""The document finder (GenerateDocPatterns): one Windows and one context -> patterns for where documents lie.

Of the machine: files in the root of each fixed drive, the folders there, the shared shell folders. Of a user: files and
folders in the root of the profile, the user's shell folders. Never: what is both hidden and system, other drives, what
Windows and programs own. Source: USMT "Understanding migration XML files"; usmt.md 3.10, whose proposals hold where the
documentation is silent. Our decision: inside a shell folder only the registry makes a folder a program's, for what a
person puts into Documents or Downloads are documents even when a program lies among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from extractor.evaluate.installed import holds_program, named_folders, opened_extensions
from extractor.evaluate.places import (
    Folder,
    ending_pattern,
    file_pattern,
    files_patterns,
    tree_pattern,
)
from extractor.evaluate.scene import Profile, Scene
from extractor.filesystems import is_link
from extractor.model import WinPath, upcase
from extractor.rules.patterns import ending

SHARED = (
    "CSIDL_COMMON_DESKTOPDIRECTORY", "CSIDL_COMMON_FAVORITES", "CSIDL_COMMON_DOCUMENTS", "CSIDL_COMMON_MUSIC",
    "CSIDL_COMMON_PICTURES", "CSIDL_COMMON_VIDEO", "FOLDERID_PUBLICDOWNLOADS",
)  # fmt: skip
OWN = (
    "CSIDL_MYDOCUMENTS", "CSIDL_MYPICTURES", "FOLDERID_ORIGINALIMAGES", "CSIDL_MYMUSIC", "CSIDL_MYVIDEO",
    "CSIDL_FAVORITES", "CSIDL_DESKTOP", "CSIDL_QUICKLAUNCH", "CSIDL_CONTACTS", "FOLDERID_LIBRARIES",
    "FOLDERID_DOWNLOADS", "FOLDERID_SAVEDGAMES", "FOLDERID_RECORDEDTV",
)  # fmt: skip
"""Shell folders that are looked for, as variables."""

PROGRAMS = ("PROGRAMFILES", "PROGRAMFILES(X86)")
OF_WINDOWS = (*PROGRAMS, "WINDIR", "PROGRAMDATA", "PROFILESFOLDER", "PUBLIC", "DEFAULTUSERPROFILE")
OF_PROFILE = (
    "AppData", "Application Data", "Local Settings", "Cookies", "NetHood", "PrintHood", "Recent", "SendTo",
    "Start Menu", "Templates",
)  # fmt: skip
"""Folders of a profile that are the system's; most are links since Vista."""


def document_patterns(
    scene: Scene, profile: Profile | None, *, programs: bool, include: bool, system_drive: bool
) -> tuple[str, ...]:
    """Return File patterns (expanded, what is literal in them escaped) for a user, or without one for the machine.

    ``programs`` (of the machine only) adds documents below Program Files that a program there opens; ``include`` false
    asks for the excludes that belong to the includes: programs' folders, hidden system files, another Windows;
    ``system_drive`` leaves out all other drives.
    """
    finder = _Finder(scene, profile, system_drive=system_drive)
    if not include:
        return tuple(dict.fromkeys(finder.excludes()))
    found = dict.fromkeys(finder.includes())
    if programs and profile is None:
        found.update(dict.fromkeys(finder.in_program_files()))
    return tuple(found)


class _Finder:
    """Goes through the folders of one context."""

    def __init__(self, scene: Scene, profile: Profile | None, *, system_drive: bool) -> None:
        self._scene = scene
        self._profile = profile
        self._variables = _upper(scene.variables) | (_upper(profile.variables) if profile else {})
        self._drives = frozenset(
            mount.at.drive
            for mount in scene.mounts
            if mount.fixed and not mount.at.parts
            and (not system_drive or upcase(mount.at.drive) == upcase(self._variables.get("SYSTEMDRIVE", "")))
        )  # fmt: skip
        self._known = {each.key: each for each in self._paths(OWN if profile else SHARED)}
        self._homes = [*(each.user.profile for each in scene.profiles), *self._known.values()]
        self._systems = self._of_system()
        self._programs = self._of_programs()

    def includes(self) -> Iterator[str]:
        """Yield the patterns of what is there."""
        for root in self._roots():
            yield from files_patterns(root)
        for folder in self._folders():
            yield tree_pattern(folder.path)

    def excludes(self) -> Iterator[str]:
        """Yield the patterns of what lies inside the includes and does not belong to them."""
        for root in self._roots():
            yield from (file_pattern(root.path, name) for name in root.system_files())
        entered: set[tuple[str, int]] = set()
        for folder in self._folders():
            yield from self._below(folder, entered)

    def in_program_files(self) -> Iterator[str]:
        """Yield patterns for documents in Program Files, by the extensions that the program there opens."""
        tops = {each.key: each for each in self._paths(PROGRAMS)}
        wanted: dict[tuple[str, ...], tuple[WinPath, set[str]]] = {}
        for extension, program in opened_extensions(self._scene.registry, self._variables):
            for top in tops.values():
                if program.is_below(top) and len(program.parts) > len(top.parts) + 1:
                    home = WinPath(program.drive, program.parts[: len(top.parts) + 1])
                    wanted.setdefault(home.key, (home, set()))[1].add(extension)
        for _, (home, extensions) in sorted(wanted.items()):
            for folder in self._existing([home]):
                yield from _by_extension(folder, extensions)

    # --- where to look ---

    def _roots(self) -> Iterator[Folder]:
        if self._profile:
            yield from self._existing([self._profile.user.profile])
        else:
            yield from self._existing(WinPath(drive) for drive in sorted(self._drives))

    def _folders(self) -> Iterator[Folder]:
        """Yield the folders that are taken with all in them, the shell folders first."""
        yield from self._existing(self._known.values(), own=True)
        for root in self._roots():
            paths = (root.path / each.name for each in root.filesystem.children(root.entry))
            for folder in self._existing(paths):
                if not folder.is_hidden_system and not self._is_left_out(folder):
                    yield folder

    def _existing(self, paths: Iterable[WinPath], *, own: bool = False) -> Iterator[Folder]:
        """Yield the folders that are there, on a drive that counts; a volume mounted at a folder is one."""
        for path in paths:
            place = self._scene.namespace.resolve(path) if path.drive in self._drives else None
            if place and place[1].directory and not is_link(place[1]):
                yield Folder(path, *place, own)

    def _paths(self, names: Iterable[str]) -> Iterator[WinPath]:
        yield from (
            WinPath.parse(self._variables[name]) for name in names if name in self._variables
        )

    # --- what is not a document ---

    def _of_system(self) -> frozenset[tuple[str, ...]]:
        """Return the folders that are the system's: of Windows and all profiles, or of this profile."""
        if self._profile is None:
            profiles = (each.user.profile for each in self._scene.profiles)
            return frozenset(each.key for each in (*self._paths(OF_WINDOWS), *profiles))
        home = self._profile.user.profile
        return frozenset((home / name).key for name in OF_PROFILE)

    def _of_programs(self) -> frozenset[tuple[str, ...]]:
        """Return the folders that the registry gives to programs; never one in which people have theirs."""
        registry = self._scene.registry
        if self._profile:
            registry = registry.for_user(self._profile.user.sid)
        named = named_folders(registry, self._variables, of_user=self._profile is not None)
        found = {self._long(each) for each in named}
        kept = [*self._homes, *self._paths(("PROFILESFOLDER",))]
        return frozenset(
            each.key for each in found if not any(other.is_below(each) for other in kept)
        )

    def _long(self, path: WinPath) -> WinPath:
        """Return a path without short (8.3) names, where it is there."""
        place = self._scene.namespace.resolve(path)
        return (self._scene.namespace.path_of(*place) if place else None) or path

    def _is_left_out(self, folder: Folder) -> bool:
        """Tell whether a folder is no place for documents; a shell folder always is one."""
        key = folder.path.key
        if key in self._known:
            return False
        if key in self._systems or key in self._programs or folder.is_of_a_windows:
            return True
        return not folder.own and self._holds_program(folder)

    def _holds_program(self, folder: Folder) -> bool:
        if any(each.is_below(folder.path) for each in self._homes):
            return False
        return holds_program(folder.filesystem, folder.entry)

    def _below(self, top: Folder, entered: set[tuple[str, int]]) -> Iterator[str]:
        """Yield the excludes in a folder that is taken; one that was entered already has told them."""
        todo = [top]
        while todo:
            folder = todo.pop()
            place = (folder.filesystem.info.id, folder.entry.record)
            if place in entered:
                continue
            entered.add(place)
            yield from (file_pattern(folder.path, name) for name in folder.system_files())
            for inner in folder.children():
                if self._is_left_out(inner):
                    yield tree_pattern(inner.path)
                else:
                    todo.append(inner)


def _by_extension(top: Folder, extensions: Iterable[str]) -> Iterator[str]:
    """Yield a pattern for each folder and each extension of which there is a file in it."""
    wanted, todo, entered = frozenset(extensions), [top], set[int]()
    while todo:
        folder = todo.pop()
        if folder.entry.record in entered:
            continue
        entered.add(folder.entry.record)
        there = {ending(upcase(name)) for name in folder.files()} & wanted
        yield from (ending_pattern(folder.path, each) for each in sorted(filter(None, there)))
        todo.extend(folder.children())


def _upper(variables: Mapping[str, str]) -> dict[str, str]:
    return {upcase(name): text for name, text in variables.items()}
