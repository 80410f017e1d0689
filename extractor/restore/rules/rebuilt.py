r"""A store -> the Scene of its old machine, as far as the store tells: users, variables, version, registry values.

What LoadState evaluates rules against is the store, not a disk: there is no file to look at here, and of the registry
only what was stored. Known folders are where ``User Shell Folders`` says, where that was stored, else at their usual
place. Source: USMT "How USMT works" (LoadState); usmt.md 1.8, 3.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from extractor.evaluate import Profile, Scene
from extractor.model import RegistryValue, User, WinPath, upcase
from extractor.registry import Registry
from extractor.seams import Hive, HiveNote
from extractor.store.opened import OpenStore
from extractor.windows.namespace import Namespace
from extractor.windows.variables import base_variables, machine_variables, profile_variables

_MACHINE = ("SOFTWARE", "SYSTEM", "SAM", "SECURITY")
_SETS = ("SYSTEM", "CONTROLSET001")
"""How a registry view asks for CurrentControlSet where nothing names another."""
KEYS_KEPT = 512


class StoredHive:
    """The stored values below one key, as a hive; raises CorruptStoreError where the catalog cannot be read."""

    dirty = False
    notes: Sequence[HiveNote] = ()

    def __init__(self, store: OpenStore, root: WinPath) -> None:
        self._store = store
        self._root = root
        self._below = lru_cache(maxsize=KEYS_KEPT)(self._read)

    def exists(self, key: str) -> bool:
        """Tell whether a key, or anything in it, was stored."""
        return not key or bool(self.subkeys(key) or self.values(key))

    def subkeys(self, key: str = "") -> Sequence[str]:
        """Return the names of the keys in which something was stored."""
        return tuple(self._below(key)[0].values())

    def values(self, key: str) -> Sequence[RegistryValue]:
        """Return the stored values of a key."""
        return self._below(key)[1]

    def value(self, key: str, name: str = "") -> RegistryValue | None:
        """Return a stored value, None where it was not stored."""
        return next((each for each in self.values(key) if upcase(each.name) == upcase(name)), None)

    def last_written(self, _key: str = "") -> int:
        """Return 0: the catalog keeps no such time."""
        return 0

    def damage(self, _key: str) -> str:
        """Return nothing: what was stored is whole."""
        return ""

    def _read(self, key: str) -> tuple[Mapping[str, str], Sequence[RegistryValue]]:
        parts = tuple(part for part in key.split("\\") if part)
        path = WinPath(self._root.drive, (*self._root.parts, *parts))
        if path.key[1:3] == _SETS:
            path = WinPath("HKLM", ("SYSTEM", "CurrentControlSet", *path.parts[2:]))
        depth = len(path.parts)
        names: dict[str, str] = {}
        values = []
        for each in self._store.objects(f"{_below(path)} AND outcome = 'stored'"):
            record = each.record
            if record.path.key[: depth + 1] != path.key or len(record.path.parts) == depth:
                continue
            if len(record.path.parts) == depth + 1 and record.value is not None:
                values.append(record.value)
            else:
                names.setdefault(upcase(record.path.parts[depth]), record.path.parts[depth])
        return names, values


def _below(path: WinPath) -> str:
    """Return the words of SQL for all that begins with a path: hexadecimal digits, so nothing of it is SQL."""
    low = upcase(f"{path}\\").encode("utf-16-be", "surrogatepass")
    high = low[:-1] + bytes([low[-1] + 1])
    return f"sort_key >= x'{low.hex()}' AND sort_key < x'{high.hex()}' AND kind IN ('key', 'value')"


def rebuilt_scene(store: OpenStore, users: Sequence[User]) -> Scene:
    """Return the old machine as rules see it at load; raises CorruptStoreError."""
    told = store.header.get("windows")
    windows: Mapping[str, Any] = told if isinstance(told, dict) else {}
    root = _system_root(windows)
    version = str(windows.get("version") or "10.0")
    registry = Registry(dict(_mounts(store, users)))
    system = machine_variables(registry, base_variables(root), version)
    computer = str(windows.get("computer") or "")
    profiles = (
        Profile(each, _variables(registry, system, each, version, computer)) for each in users
    )
    major, minor, *_ = [*version.split("."), "0", "0"]
    return Scene(
        namespace=Namespace(()),
        profiles=tuple(profiles),
        variables=system,
        registry=registry,
        version=f"{major or 0}.{minor or 0}.{windows.get('build') or 0}.0",
        is_64bit=windows.get("arch") != "x86",
    )


def _system_root(windows: Mapping[str, Any]) -> WinPath:
    for key in ("system_root", "path"):
        found = WinPath.parse(str(windows.get(key) or ""))
        if found.drive and found.parts:
            return found
    return WinPath("C:", ("Windows",))


def _variables(
    registry: Registry, system: Mapping[str, str], user: User, version: str, computer: str
) -> dict[str, str]:
    found = profile_variables(registry, system, user.profile, user.sid, version)
    found["USERSID"] = user.sid
    found["USERNAME"] = user.name or user.profile.name
    found["USERDOMAIN"] = user.domain or computer
    found["HOMEPATH"] = str(user.profile)[len(user.profile.drive) :]
    return found


def _mounts(
    store: OpenStore, users: Sequence[User]
) -> Iterator[tuple[str, Callable[[], Hive | None]]]:
    for name in _MACHINE:
        yield f"HKLM\\{name}", partial(StoredHive, store, WinPath("HKLM", (name,)))
    for each in users:
        sid = upcase(each.sid)
        yield f"HKU\\{sid}", partial(StoredHive, store, WinPath("HKU", (each.sid,)))
        classes = WinPath("HKU", (each.sid, "Software", "Classes"))
        yield f"HKU\\{sid}_CLASSES", partial(StoredHive, store, classes)
