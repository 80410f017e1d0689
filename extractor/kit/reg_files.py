r"""Keys and values in any order -> ``.reg`` files whose keys come in order, each key once.

They wait in a table of SQLite's that spills to the disk; equal rows give equal bytes. Of two values of one name, as
Windows compares names, only the first is taken.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Self

from extractor.model import RegistryValue
from extractor.registry.casing import name_order
from extractor.registry.key import Key
from extractor.registry.reg_text import HEADER, reg_keys
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts

FOLDER = "registry"
ROOTS = {"HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS"}
_END = b"\0\0\0\0"
_STRINGS = frozenset({1, 2, 7})
"""REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ."""
_NO_LINE = re.compile("[\0\n\r]")
_TABLE = """
CREATE TABLE rows (base TEXT, key BLOB, value BLOB, path TEXT, name TEXT, type INTEGER, data BLOB,
    PRIMARY KEY (base, key, value)) WITHOUT ROWID
"""


def comes_whole(value: RegistryValue) -> bool:
    """Tell whether what imports a ``.reg`` leaves the data as it is: a text without a NUL at its end may get one."""
    data = value.data
    return value.type not in _STRINGS or (len(data) % 2 == 0 and data.endswith(b"\0\0"))


class RegFiles:
    """The files in the making; a context manager."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute(_TABLE)

    def takes(self, names: Parts) -> bool:
        """Tell whether a ``.reg`` can hold keys and a value of these names."""
        return not any(_NO_LINE.search(each) for each in names)

    def name(self, base: str) -> str:
        """Return the file of a base, below the kit's folder."""
        kind, _, sid = base.partition(":")
        return f"{FOLDER}/{safe_name(sid) if kind == 'user' else 'machine'}.reg"

    def add(self, base: str, names: Parts, value: RegistryValue | None) -> bool:
        """Add a value of a key, or the key itself; False where one of this name was added before."""
        key = b"".join(name_order(each) + _END for each in names)
        order = b"" if value is None else b"\1" + name_order(value.name)
        told = (None, 0, b"") if value is None else (json.dumps(value.name), value.type, value.data)
        row = (base, key, order, json.dumps(names), *told)
        done = self._rows.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return done.rowcount == 1

    def write(self, kit: Path) -> list[str]:
        """Write the files below the kit's folder; return their names, sorted. Raises OSError."""
        bases = [row[0] for row in self._rows.execute("SELECT DISTINCT base FROM rows ORDER BY 1")]
        files: dict[str, list[str]] = {}
        for base in bases:
            files.setdefault(self.name(base), []).append(base)
        for name, inside in sorted(files.items()):
            (kit / FOLDER).mkdir(exist_ok=True)
            with (kit / name).open("xb") as file:
                file.write(HEADER)
                for base in inside:
                    root = ROOTS.get(base, "HKEY_CURRENT_USER")
                    file.writelines(reg_keys(self._keys(base), root))
        return sorted(files)

    def _keys(self, base: str) -> Iterator[Key]:
        """Yield the keys of a base; each must be used up before the next is asked for."""
        query = (
            "SELECT key, value, path, name, type, data FROM rows WHERE base = ? ORDER BY key, value"
        )
        with closing(self._rows.execute(query, (base,))) as rows:
            for _, group in groupby(rows, key=lambda row: row[0]):
                yield _key(group)

    def close(self) -> None:
        """Let go of the table."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _key(rows: Iterator[Any]) -> Key:
    """Return the key that its own row (if it is there) and its values' rows make."""
    first = next(rows)
    return Key(tuple(json.loads(first[2])), _values(chain((first,), rows)))


def _values(rows: Iterable[Any]) -> Iterator[RegistryValue]:
    for _, order, _, name, kind, data in rows:
        if order:
            yield RegistryValue(json.loads(name), kind, data)
