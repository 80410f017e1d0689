r"""The registry of one offline Windows: full paths such as ``HKLM\SYSTEM\CurrentControlSet\Control`` over its hives.

``CurrentControlSet`` is the control set that ``SYSTEM\Select [Current]`` names; ``HKCR`` is the user's classes before
the machine's; ``HKCU`` is meaningful only for a user. A path that goes on below a link is followed, as for
``HKLM\SOFTWARE\Wow6432Node\Classes`` of 64-bit Windows; the link itself is a key like any other. Nothing is guessed:
a hive that is not there has no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from extractor.model import RegistryValue, upcase
from extractor.seams import Hive, HiveNote

LONG_NAMES = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_CLASSES_ROOT": "HKCR",
}
OPEN_AT_ONCE = 8
"""Hives held in memory; those of the machine are in constant use and stay, those of users come and go."""
CLASSES = ("SOFTWARE", "CLASSES")
KERNEL_ROOTS = {"\\REGISTRY\\MACHINE": "HKLM", "\\REGISTRY\\USER": "HKU"}
"""How the kernel, and so the target of a link, calls the two roots."""
LINK_VALUE = "SymbolicLinkValue"
REG_LINK = 6
MOST_LINKS = 8
"""Links that one path may go through; only a crafted hive has more."""

Mounts = Mapping[str, Callable[[], Hive | None]]
r"""Where each hive is mounted, in upper case (``HKLM\SOFTWARE``, ``HKU\S-1-5-21-…_CLASSES``) -> what opens it."""


class Registry:
    """All hives of one Windows, opened when a path first leads into them.

    Every method raises DamagedError (or what the opener raises) when the hive that a path leads to cannot be read.
    """

    def __init__(self, mounts: Mounts, user: str = "") -> None:
        self._mounts = mounts
        self._user = upcase(user)
        self._told: dict[str, Sequence[HiveNote]] = {}
        self._open = lru_cache(maxsize=OPEN_AT_ONCE)(self._open_mount)

    def for_user(self, sid: str) -> Registry:
        """Return the same registry as the user with this SID sees it: HKCU, and HKCR with the user's own classes."""
        view = Registry(self._mounts, sid)
        view._open, view._told = self._open, self._told
        return view

    @property
    def mounts(self) -> tuple[str, ...]:
        r"""Where hives are mounted, in upper case: ``HKLM\SOFTWARE``, ``HKU\S-1-5-21-…_CLASSES`` …."""
        return tuple(self._mounts)

    def hive(self, mount: str) -> Hive | None:
        r"""Return the hive mounted at ``HKLM\SOFTWARE``, ``HKU\<SID>`` …, None when there is none."""
        return self._open(upcase(mount))

    @property
    def notes(self) -> tuple[HiveNote, ...]:
        """What had to be done so far to read the hives that were opened, each said once."""
        return tuple(dict.fromkeys(note for told in self._told.values() for note in told))

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

    def damage(self, path: str) -> str:
        """Return why a key that was asked for is not whole though something of it was had; empty when it is."""
        return next(filter(None, (hive.damage(key) for hive, key in self._places(path))), "")

    def _open_mount(self, mount: str) -> Hive | None:
        opener = self._mounts.get(mount)
        hive = opener() if opener else None
        if hive:
            self._told[mount] = hive.notes
        return hive

    def _places(self, path: str, links: int = MOST_LINKS) -> Iterator[tuple[Hive, str]]:
        """Yield the hives and keys that a full path means, the one that hides the others first."""
        root, *keys = [part for part in path.split("\\") if part] or [""]
        root = LONG_NAMES.get(upcase(root), upcase(root))
        for mount, rest in self._mounted(root, keys):
            hive = self._open(mount)
            if hive is None:
                continue
            target = through_link(hive, rest) if links and rest else ""
            if target:
                yield from self._places(target, links - 1)
            else:
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


def through_link(hive: Hive, parts: list[str]) -> str:
    """Return where a path leads that goes on below a link, empty for any other, and for the link itself."""
    if hive.exists("\\".join(parts)):
        return ""
    for count in range(len(parts) - 1, 0, -1):
        key = "\\".join(parts[:count])
        if hive.exists(key):
            link = hive.value(key, LINK_VALUE)
            if link is None or link.type != REG_LINK:
                return ""
            return "\\".join([_full_path(link.data), *parts[count:]])
    return ""


def _full_path(target: bytes) -> str:
    r"""Return the target of a link, ``\REGISTRY\MACHINE\SOFTWARE\…`` without a NUL, as our paths begin."""
    text = target[: len(target) & ~1].decode("utf-16-le", "surrogatepass").rstrip("\0")
    for kernel, root in KERNEL_ROOTS.items():
        if upcase(text).startswith(f"{kernel}\\"):
            return root + text[len(kernel) :]
    return ""


def _in_profile(sid: str, keys: list[str]) -> Iterator[tuple[str, list[str]]]:
    r"""Yield where a path of a user leads: ``Software\Classes`` is a hive of its own, UsrClass.dat."""
    if tuple(map(upcase, keys[:2])) == CLASSES:
        yield f"HKU\\{sid}_CLASSES", keys[2:]
    else:
        yield f"HKU\\{sid}", keys
