r"""The registry of one offline Windows: full paths such as ``HKLM\SYSTEM\CurrentControlSet\Control`` over its hives.

``CurrentControlSet`` is the control set that ``SYSTEM\Select [Current]`` names; ``HKCR`` is the user's classes before
the machine's; ``HKCU`` is meaningful only for a user. Nothing is guessed: a hive that is not there has no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from extractor.model import RegistryValue, upcase
from extractor.seams import Hive

LONG_NAMES = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_CLASSES_ROOT": "HKCR",
}
OPEN_AT_ONCE = 8
"""Hives held in memory; those of the machine are in constant use and stay, those of users come and go."""
CLASSES = ("SOFTWARE", "CLASSES")

Mounts = Mapping[str, Callable[[], Hive | None]]
r"""Where each hive is mounted, in upper case (``HKLM\SOFTWARE``, ``HKU\S-1-5-21-…_CLASSES``) -> what opens it."""


class Registry:
    """All hives of one Windows, opened when a path first leads into them.

    Every method raises DamagedError (or what the opener raises) when the hive that a path leads to cannot be read.
    """

    def __init__(self, mounts: Mounts, user: str = "") -> None:
        self._mounts = mounts
        self._user = upcase(user)
        self._open = lru_cache(maxsize=OPEN_AT_ONCE)(self._open_mount)

    def for_user(self, sid: str) -> Registry:
        """Return the same registry as the user with this SID sees it: HKCU, and HKCR with the user's own classes."""
        view = Registry(self._mounts, sid)
        view._open = self._open
        return view

    @property
    def mounts(self) -> tuple[str, ...]:
        r"""Where hives are mounted, in upper case: ``HKLM\SOFTWARE``, ``HKU\S-1-5-21-…_CLASSES`` …."""
        return tuple(self._mounts)

    def hive(self, mount: str) -> Hive | None:
        r"""Return the hive mounted at ``HKLM\SOFTWARE``, ``HKU\<SID>`` …, None when there is none."""
        return self._open(upcase(mount))

    def current_control_set(self) -> int:
        r"""Return the number that ``HKLM\SYSTEM\Select [Current]`` gives, 1 where it gives none."""
        system = self._open("HKLM\\SYSTEM")
        current = system.value("Select", "Current") if system else None
        return current.integer if current else 1

    def exists(self, path: str) -> bool:
        """Tell whether a key exists."""
        return any(hive.exists(key) for hive, key in self._places(path))

    def value(self, path: str, name: str = "") -> RegistryValue | None:
        """Return a value of a key ("" is the default value), None when either is absent."""
        found = (hive.value(key, name) for hive, key in self._places(path))
        return next((value for value in found if value), None)

    def text(self, path: str, name: str = "") -> str:
        """Return a value as text, empty when it is absent."""
        value = self.value(path, name)
        return value.text if value else ""

    def number(self, path: str, name: str) -> int:
        """Return a value as a number, 0 when it is absent."""
        value = self.value(path, name)
        return value.integer if value else 0

    def values(self, path: str) -> Sequence[RegistryValue]:
        """Return the values of a key; in HKCR a user's value hides the machine's of the same name."""
        found: dict[str, RegistryValue] = {}
        for hive, key in self._places(path):
            for value in hive.values(key):
                found.setdefault(upcase(value.name), value)
        return list(found.values())

    def subkeys(self, path: str) -> Sequence[str]:
        """Return the names of the subkeys of a key; empty when it is absent."""
        found: dict[str, str] = {}
        for hive, key in self._places(path):
            for name in hive.subkeys(key):
                found.setdefault(upcase(name), name)
        return list(found.values())

    def last_written(self, path: str) -> int:
        """Return the last write time of a key as FILETIME, 0 when it is absent."""
        return max((hive.last_written(key) for hive, key in self._places(path)), default=0)

    def _open_mount(self, mount: str) -> Hive | None:
        opener = self._mounts.get(mount)
        return opener() if opener else None

    def _places(self, path: str) -> Iterator[tuple[Hive, str]]:
        """Yield the hives and keys that a full path means, the one that hides the others first."""
        root, *keys = [part for part in path.split("\\") if part] or [""]
        root = LONG_NAMES.get(upcase(root), upcase(root))
        for mount, rest in self._mounted(root, keys):
            hive = self._open(mount)
            if hive:
                yield hive, "\\".join(rest)

    def _mounted(self, root: str, keys: list[str]) -> Iterator[tuple[str, list[str]]]:
        if root == "HKLM" and keys:
            yield f"HKLM\\{upcase(keys[0])}", self._control_set(keys)
        elif root == "HKU" and keys:
            yield from _in_profile(upcase(keys[0]), keys[1:])
        elif root == "HKCU" and self._user:
            yield from _in_profile(self._user, keys)
        elif root == "HKCR":
            if self._user:
                yield f"HKU\\{self._user}_CLASSES", keys
            yield "HKLM\\SOFTWARE", ["Classes", *keys]

    def _control_set(self, keys: list[str]) -> list[str]:
        below = keys[1:]
        if upcase(keys[0]) != "SYSTEM" or not below or upcase(below[0]) != "CURRENTCONTROLSET":
            return below
        return [f"ControlSet{self.current_control_set():03}", *below[1:]]


def _in_profile(sid: str, keys: list[str]) -> Iterator[tuple[str, list[str]]]:
    r"""Yield where a path of a user leads: ``Software\Classes`` is a hive of its own, UsrClass.dat."""
    if tuple(map(upcase, keys[:2])) == CLASSES:
        yield f"HKU\\{sid}_CLASSES", keys[2:]
    else:
        yield f"HKU\\{sid}", keys
