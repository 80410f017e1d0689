r"""The ``.reg`` files and hives of ``open-catalog/registry`` -> keys and values in the catalog's own paths.

Values come from the ``.reg`` files, which have them to the byte under the paths of a running machine; which keys were
stored, and when each was written, the hives beside them tell: a key that was only on the way has no time there.
Not there: INI values, what no ``.reg`` can name, where a value was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from extractor.errors import SourceError
from extractor.model import RegistryValue, WinPath
from extractor.registry import open_hive
from extractor.registry.casing import registry_upcase
from extractor.registry.descriptor import is_sid
from extractor.seams import Hive
from extractor.store.registry_export import CURRENT, REGISTRY
from extractor.store.safe_name import safe_name

Read = Callable[[str], bytes | None]
"""Returns a paper of the store by its name, None when it is not there whole."""
_REG = ".reg"
_KEY = re.compile(r"\[(HKEY_[A-Z_]+)\\?(.*)\]\Z", re.DOTALL)
_VALUE = re.compile(
    r'(?:@|"((?:[^"\\]|\\.)*)")=(?:"((?:[^"\\]|\\.)*)"|dword:([0-9a-f]{8})|hex(?:\(([0-9a-f]+)\))?:(.*))\Z',
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_OWN_HIVES = frozenset({"SAM", "SECURITY", "SOFTWARE", "SYSTEM"})


class Found(NamedTuple):
    """A key (no value) or a value of it."""

    path: WinPath
    value: RegistryValue | None
    written: int = 0
    """FILETIME of a key."""


def registry_rows(names: Iterator[str] | list[str], read: Read) -> Iterator[Found]:
    """Yield what the files of these names hold, in their order."""
    hives = _Hives(read)
    for name in sorted(
        each for each in names if each.startswith(f"{REGISTRY}/") and each.endswith(_REG)
    ):
        content = read(name)
        if content is not None:
            sid = name.removeprefix(f"{REGISTRY}/").removesuffix(_REG)
            yield from _rows(content, sid, hives)


def _rows(content: bytes, sid: str, hives: _Hives) -> Iterator[Found]:
    key: WinPath | None = None
    for line in _lines(content):
        head = _KEY.match(line)
        if head:
            key = _path(head[1], head[2], sid)
            written = hives.written(key)
            if written != 0:
                yield Found(key, None, max(written, 0))
        elif key is not None and (value := _value(line)):
            yield Found(key / f"[{value.name}]", value)


def _lines(content: bytes) -> Iterator[str]:
    """Yield the lines, those that go on put together."""
    text = content[2:].decode("utf-16-le", "surrogatepass")
    held: list[str] = []
    for line in text.split("\r\n"):
        if line.endswith("\\"):  # no other line ends so: names and texts end with a quote
            held.append(line[:-1].strip())
            continue
        yield "".join((*held, line.strip() if held else line))
        held = []


def _path(root: str, below: str, sid: str) -> WinPath:
    names = tuple(below.split("\\")) if below else ()
    if root == "HKEY_CURRENT_USER":
        return WinPath("HKU", (sid, *names))
    return WinPath("HKLM" if root == "HKEY_LOCAL_MACHINE" else "HKU", names)


def _value(line: str) -> RegistryValue | None:
    found = _VALUE.match(line)
    if found is None:
        return None
    name = _plain(found[1] or "")
    if found[2] is not None:
        return RegistryValue(
            name, 1, (_plain(found[2]) + "\0").encode("utf-16-le", "surrogatepass")
        )
    if found[3] is not None:
        return RegistryValue(name, 4, int(found[3], 16).to_bytes(4, "little"))
    try:
        data = bytes.fromhex(found[5].replace(",", " "))
    except ValueError:
        return None
    return RegistryValue(name, int(found[4] or "3", 16), data)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


class _Hives:
    """The hives beside the ``.reg`` files, opened when they are asked."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._open: dict[str, Hive | None] = {}
        self._current = ""

    def written(self, key: WinPath) -> int:
        """Return when a key was written, 0 for one that was not stored, -1 where no hive can tell."""
        name, path = self._place(key)
        hive = self._hive(name) if name else None
        if hive is None:
            return -1
        try:
            return hive.last_written("\\".join(path))
        except SourceError:
            return -1

    def _place(self, key: WinPath) -> tuple[str, tuple[str, ...]]:
        if not key.parts:
            return "", ()
        first, path = registry_upcase(key.parts[0]), key.parts[1:]
        if key.drive == "HKLM":
            name = first if first in _OWN_HIVES else f"HKLM-{first}"
        elif is_sid(first):
            name = first
        else:
            name = "DEFAULT" if first == ".DEFAULT" else f"HKU-{first}"
        if name == "SYSTEM" and path and registry_upcase(path[0]) == CURRENT.upper():
            path = (self._control_set(), *path[1:])
        return name, path

    def _control_set(self) -> str:
        hive = self._hive("SYSTEM")
        if not self._current and hive is not None:
            value = hive.value("Select", "Current")
            self._current = f"ControlSet{value.integer if value else 1:03}"
        return self._current

    def _hive(self, name: str) -> Hive | None:
        if name not in self._open:
            self._open[name] = self._opened(f"{REGISTRY}/{safe_name(f'{name}.dat')}")
        return self._open[name]

    def _opened(self, name: str) -> Hive | None:
        content = self._read(name)
        try:
            return open_hive(content, name) if content else None
        except SourceError:
            return None
