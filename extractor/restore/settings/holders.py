r"""A path of the registry or of an INI value at the target -> the file that holds it, and what it holds now.

``HKU\<SID>`` is NTUSER.DAT of that person's profile, ``Software\Classes`` below it UsrClass.dat, ``HKLM\SOFTWARE`` and
``HKLM\SYSTEM`` lie in ``System32\config``; ``CurrentControlSet`` is the set that the target's ``Select`` names.
Hives are read with their transaction logs, and never from a copy or from what is left of a damaged one: what is read
here is written back whole.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from functools import lru_cache, partial

from extractor.errors import SourceError, UnsupportedError
from extractor.model import WinPath, upcase
from extractor.registry.base_block import LARGEST, content_of
from extractor.registry.files import LOGS
from extractor.registry.hive import tree_hive
from extractor.registry.ladder import HiveFiles, replayed
from extractor.registry.view import CLASSES, through_link
from extractor.restore.layout import Places
from extractor.restore.people.users import People, Person
from extractor.restore.settings.new_user import empty_classes
from extractor.restore.view import InTheWayError, View
from extractor.seams import Hive
from extractor.store.tree import Parts, Tree
from extractor.windows import WindowsInstall
from extractor.windows.hives import CLASSES as CLASS_FILES
from extractor.windows.hives import MACHINE

DEFAULT_USER = frozenset({".DEFAULT", "S-1-5-18"})
CURRENT = "CURRENTCONTROLSET"
WRITTEN = frozenset({"HKLM\\SOFTWARE", "HKLM\\SYSTEM"})
"""Hives of the machine that settings are merged into; keys and secrets of another machine are of no use here."""
NTUSER = "NTUSER.DAT"
_CLASSES = "_Classes"
MACHINE_NAMES = frozenset(MACHINE.values())
_CLASS_FOLDERS = frozenset(tuple(map(upcase, each.split("\\")[:-1])) for each in CLASS_FILES)
_CLASS_FILE = "USRCLASS.DAT"
KEPT_OPEN = 4
MOST_LINKS = 8


class NowhereError(Exception):
    """The target has no place for a setting; the text says why."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A file of the target that holds settings."""

    kind: str
    """hive or ini."""
    shown: str
    r"""Where a hive is mounted (``HKLM\SOFTWARE``), or the path of an INI file."""
    place: Parts
    person: Person | None = None
    is_there: bool = True
    """Whether the target has it already."""


class Holders:
    """The hives and INI files of a target; ``tree`` is the target, opened."""

    def __init__(
        self, tree: Tree, view: View, places: Places, install: WindowsInstall, people: People
    ) -> None:
        self._tree = tree
        self._view = view
        self._places = places
        self._install = install
        self._people = {upcase(each.sid): each for each in people.persons if not each.left_out}
        profiles = [each.profile for each in people.persons]
        profiles += [each.profile for each in install.users]
        self._profiles = (*profiles, install.default_profile)
        self._found: dict[tuple[str, str], Holder] = {}
        self.open = lru_cache(maxsize=KEPT_OPEN)(self._open)

    def of_key(self, path: WinPath, links: int = MOST_LINKS) -> tuple[Holder, tuple[str, ...]]:
        """Return the hive that holds a key and the names below its root; raise NowhereError, SourceError."""
        root, *rest = [path.drive, *path.parts]
        if root == "HKU" and rest:
            holder, keys = self._of_user(rest[0], rest[1:])
        elif root == "HKLM" and rest:
            holder, keys = self._of_machine(rest[0], rest[1:])
        else:
            raise NowhereError(f"{path} is no key of a hive")
        led = through_link(self.open(holder), keys) if keys and links and holder.is_there else ""
        return self.of_key(_parsed(led), links - 1) if led else (holder, tuple(keys))

    def of_value(self, key: WinPath) -> tuple[Holder, tuple[str, ...]]:
        """Return where values of a key go: where a link leads, when the key is one; raise as ``of_key`` does."""
        holder, keys = self.of_key(key / "a value")  # what lies below a link lies elsewhere
        return holder, keys[:-1]

    def of_ini(self, file: WinPath) -> Holder:
        """Return the INI file at a path; raise NowhereError."""
        return self._holder("ini", str(file), file)

    def machine(self, mount: str) -> Holder:
        r"""Return a hive of the machine (``HKLM\SAM``); raise NowhereError."""
        name = MACHINE.get(mount)
        if name is None:
            raise NowhereError(f"{mount} has no hive that could be written")
        folder = self._install.system_root / "System32" / "config"
        found = self._holder("hive", mount, folder / name)
        if not found.is_there:
            raise NowhereError(f"the target has no hive {mount}")
        return found

    def user(self, person: Person) -> Holder:
        """Return NTUSER.DAT of a person, whether it is there or not."""
        return self._holder("hive", f"HKU\\{person.sid}", person.profile / NTUSER, person)

    def is_hive(self, path: WinPath) -> bool:
        """Tell whether a file at the target is a hive of the Windows there, or a log of one."""
        name, folder = upcase(path.name), path.parent.key
        if folder == (self._install.system_root / "System32" / "config").key:
            return name.partition(".")[0] in MACHINE_NAMES
        for profile in self._profiles:
            if folder == profile.key and name.startswith(NTUSER):
                return True
            below = path.key[len(profile.key) :] if path.is_below(profile) else ()
            if below[:-1] in _CLASS_FOLDERS and name.startswith(_CLASS_FILE):
                return True
        return False

    def template(self) -> Parts:
        """Return where NTUSER.DAT of the default profile lies; raise NowhereError."""
        found = self._holder("hive", "HKU\\default", self._install.default_profile / NTUSER)
        if not found.is_there:
            raise NowhereError("the target has no default profile to begin a new user's hive with")
        return found.place

    def logs(self, place: Parts) -> list[Parts]:
        """Return the transaction logs beside a hive."""
        names = [self._view.spelling(place[:-1], f"{place[-1]}.{ending}") for ending in LOGS]
        return [(*place[:-1], name) for name in names if name]

    def content(self, place: Parts) -> bytes:
        """Return the bytes of a hive with its logs replayed; raise SourceError."""
        name = "\\".join(place)
        logs = tuple((each[-1], partial(self.bytes_of, each)) for each in self.logs(place))
        files = HiveFiles(name, partial(self.bytes_of, place), logs)
        return replayed(files, content_of(files.primary(), name)).content

    def bytes_of(self, place: Parts, most: int = LARGEST) -> bytes:
        """Return the bytes of a file of the target; raise SourceError, also for more than ``most`` bytes."""
        try:
            with os.fdopen(self._tree.open(place), "rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise SourceError(f"{'/'.join(place)} cannot be read: {error.strerror}") from error
        if len(content) > most:
            raise UnsupportedError(f"{'/'.join(place)} is larger than {most} bytes")
        return content

    def _open(self, holder: Holder) -> Hive:
        if holder.is_there:
            content = self.content(holder.place)
        elif holder.person and holder.shown.endswith(_CLASSES):
            content = _no_classes(holder.person.sid)
        else:
            content = self.content(self.template())
        return tree_hive(content, holder.shown)

    def named(self, kind: str, shown: str) -> Holder:
        """Return the holder that a plan calls so; raise NowhereError."""
        if kind == "ini":
            return self.of_ini(WinPath.parse(shown))
        root, _, name = shown.partition("\\")
        if root == "HKLM" or upcase(name) in DEFAULT_USER:
            return self.machine(upcase(shown))
        sid, classes = name.removesuffix(_CLASSES), name.endswith(_CLASSES)
        person = self._people.get(upcase(sid))
        if person is None:
            raise NowhereError(f"the target has no user {sid}")
        return self._classes(person) if classes else self.user(person)

    # --- which file -------------------------------------------------------------------------------

    def _of_user(self, sid: str, names: list[str]) -> tuple[Holder, list[str]]:
        if upcase(sid) in DEFAULT_USER:
            return self.machine("HKU\\.DEFAULT"), names
        person = self._people.get(upcase(sid))
        if person is None:
            raise NowhereError(f"the target has no user {sid}")
        if tuple(map(upcase, names[:2])) == CLASSES:
            return self._classes(person), names[2:]
        return self.user(person), names

    def _classes(self, person: Person) -> Holder:
        old = self._install.candidate.version.startswith("5.")
        file = CLASS_FILES[1 if old else 0]
        path = WinPath(person.profile.drive, (*person.profile.parts, *file.split("\\")))
        return self._holder("hive", f"HKU\\{person.sid}{_CLASSES}", path, person)

    def _of_machine(self, hive: str, names: list[str]) -> tuple[Holder, list[str]]:
        mount = f"HKLM\\{upcase(hive)}"
        if mount not in WRITTEN:
            raise NowhereError(f"{mount} of another machine is of no use at the target")
        holder = self.machine(mount)
        if mount == "HKLM\\SYSTEM" and names and upcase(names[0]) == CURRENT:
            return holder, [self._control_set(holder), *names[1:]]
        return holder, names

    def _control_set(self, system: Holder) -> str:
        current = self.open(system).value("Select", "Current")
        return f"ControlSet{current.integer if current else 1:03}"

    def _holder(self, kind: str, shown: str, path: WinPath, person: Person | None = None) -> Holder:
        known = self._found.get((kind, shown))
        if known is None:
            known = self._found[kind, shown] = self._looked(kind, shown, path, person)
        return known

    def _looked(self, kind: str, shown: str, path: WinPath, person: Person | None) -> Holder:
        try:
            place = self._view.place(self._places.at(path))
            there = None if self._view.is_planned(place) else self._view.there(place)
        except (InTheWayError, OSError) as error:
            raise NowhereError(f"{path} cannot be had at the target: {error}") from error
        if there is not None and not there.regular:
            raise NowhereError(f"{path} of the target is no plain file")
        return Holder(kind, shown, place, person, there is not None)


def _no_classes(sid: str) -> bytes:
    """Return the hive that a user's classes begin with."""
    file = io.BytesIO()
    empty_classes(sid, file)
    return file.getvalue()


def _parsed(path: str) -> WinPath:
    root, *names = path.split("\\")
    return WinPath(root, tuple(names))
