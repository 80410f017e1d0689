r"""An Ini pattern, ``path\file.ini|Section[Key]`` -> the values that match it; each part may hold a wildcard."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from extractor.errors import SourceError
from extractor.evaluate.ini import IniFile, open_ini
from extractor.evaluate.lookup import Files, Found, Place, Told
from extractor.evaluate.registry_names import split_brackets
from extractor.model import WinPath
from extractor.rules.patterns import (
    Glob,
    Location,
    PatternError,
    PatternKind,
    escape,
    node_part,
    parse_location,
)

INI_FILES_KEPT = 16
"""Files that are remembered parsed; rules ask for one key after the other."""


class Inis:
    """Searches the INI files of one Windows."""

    def __init__(self, files: Files, told: Told) -> None:
        self._files = files
        self._told = told
        self._parsed = lru_cache(maxsize=INI_FILES_KEPT)(self._read)

    def matching(self, text: str) -> Iterator[tuple[Found, str]]:
        """Return the values that an Ini pattern speaks of, with their texts, in the order of the files.

        Raises PatternError for what does not name a file, a section and a key.
        """
        node, leaf = split_brackets(text)
        file, bar, section = node.partition("|")
        keys, sections = (
            parse_location(f"x {each}").leaf for each in (leaf, f"[{section.strip()}]")
        )
        if not bar or "\\" not in file or not keys or not sections:
            raise PatternError(
                "an Ini pattern names a file, a section and a key: path|section[key]"
            )
        return self._values(_ini_files(file), sections, keys, parse_location(file).node)

    def _values(
        self, files: Location, sections: Glob, keys: Glob, path: Glob
    ) -> Iterator[tuple[Found, str]]:
        for place in self._files.matching(files):
            alias = place.text + node_part(place.path.name)
            if place.entry.directory or not (path.exact or path.matches(alias)):
                continue
            ini = self._parsed(place)
            for name, section in ini.by_name.items() if ini else ():
                if sections.matches(name):
                    for key, (written, value) in section.entries.items():
                        if keys.matches(key):
                            yield _ini_value(place.path, section.name, written), value

    def _read(self, place: Place) -> IniFile | None:
        try:
            return open_ini(place.filesystem.open(place.entry), str(place.path))
        except SourceError as error:
            self._told(error)
            return None


def _ini_files(file: str) -> Location:
    """Return where files lie whose path is to match; a wildcard in the last name reaches into folders, as in nodes."""
    above, _, name = file.strip().rpartition("\\")
    return parse_location(f"{above}\\* [*]" if "*" in name else f"{above}\\ [{name}]")


def _ini_value(path: WinPath, section: str, key: str) -> Found:
    parts = f"{escape(path.name)}|{escape(section)}[{escape(key)}]"
    node = escape(str(path.parent).rstrip("\\"))
    where = path.parent / f"{path.name}|{section}" / f"[{key}]"
    return Found(PatternKind.INI, f"{node}\\{parts}", where)
