r"""The registry of a catalog -> files that Windows and Linux read: a ``.reg`` and hives, for each user and the machine.

::

    open-catalog/registry/<SID>.reg     HKEY_CURRENT_USER\…, to be imported by that user
    open-catalog/registry/<SID>.dat     the same as a hive; Software\Classes lies in it
    open-catalog/registry/machine.reg   HKEY_LOCAL_MACHINE\…, and what lies beside the users below HKEY_USERS
    open-catalog/registry/SOFTWARE.dat  a hive for each of the machine's; DEFAULT.dat is HKEY_USERS\.DEFAULT

In ``SYSTEM.dat`` the control set in use is the one that its ``Select`` names (where the catalog has no ``Select``, one
is made, for ``ControlSet001`` unless another set has that name). The catalog's rows are read in the order of their
keys, one value at a time; equal catalogs give equal bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import BinaryIO

from extractor.errors import StoreError
from extractor.model import RegistryValue
from extractor.registry.casing import name_order, registry_upcase
from extractor.registry.descriptor import MACHINE, is_sid, of_user
from extractor.registry.key import Key
from extractor.registry.reg_text import HEADER, reg_keys
from extractor.registry.regf_writer import why_not, why_not_value, write_hive
from extractor.store.catalog import Catalog
from extractor.store.safe_name import safe_name

REGISTRY = "registry"
"""Name of the directory below ``open-catalog``."""
CURRENT = "CurrentControlSet"
_MACHINE = "machine"
_HIVES = frozenset({"SAM", "SECURITY", "SOFTWARE", "SYSTEM"})
"""Of HKEY_LOCAL_MACHINE; others are ``HKLM-name``, so that no two files have one name."""
_END = b"\0\0\0\0"
_NUL = b"\0\0\0\2"
"""A name that holds NUL must not look as if it ended there."""
_TABLE = """
CREATE TEMP TABLE registry_rows (
    reg TEXT, root TEXT, hive TEXT, key BLOB, value BLOB, object INTEGER, PRIMARY KEY (reg, root, key, value, object)
) WITHOUT ROWID
"""
_INSERT = "INSERT INTO temp.registry_rows VALUES (?, ?, ?, ?, ?, ?)"
_SOURCE = """
SELECT id, kind, path_utf16, name_lengths FROM objects WHERE outcome = 'stored' AND kind IN ('key', 'value')
"""
_ROWS = """
SELECT place.key, place.value, objects.kind, path_utf16, name_lengths, si_modified,
    "values".name_utf16, "values".type, "values".data
FROM temp.registry_rows AS place JOIN objects ON objects.id = place.object
    LEFT JOIN "values" ON "values".object = place.object
WHERE reg = ?1 AND root = ?2 AND (hive = ?3 OR ?3 = '') ORDER BY reg, root, place.key, place.value, place.object
"""

_TOLD = """
SELECT data FROM temp.registry_rows AS place JOIN "values" ON "values".object = place.object
WHERE hive = 'SYSTEM' AND place.key = ? AND place.value = ?
"""
_ANY = "SELECT 1 FROM temp.registry_rows WHERE hive = 'SYSTEM' AND key >= ? AND key < ? LIMIT 1"

Create = Callable[[str], BinaryIO]
"""Opens a new seekable file of the given name for writing."""


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where a key goes: names of files without their ending, ``hive`` empty for what lies in none."""

    reg: str
    root: str
    hive: str


def export_registry(catalog: Catalog, create: Create) -> list[str]:
    """Write the files that the rows of a catalog ask for; return their names, sorted; none without such rows.

    Raises StoreError (72), and OSError of the files.
    """
    with catalog.translated():
        run = catalog.connection.execute
        run(_TABLE)
        catalog.connection.executemany(_INSERT, _placed(catalog))
        names = sorted(_files(catalog, create))
        run("DROP TABLE temp.registry_rows")
    return names


def _files(catalog: Catalog, create: Create) -> Iterator[str]:
    run = catalog.connection.execute
    found = run("SELECT DISTINCT reg, root, hive FROM temp.registry_rows ORDER BY 1, 2, 3")
    places = [_Place(*row) for row in found.fetchall()]
    for reg, group in groupby(places, key=lambda place: place.reg):
        inside = list(group)
        yield _write_reg(catalog, create, reg, dict.fromkeys(place.root for place in inside))
        for place in inside:
            if place.hive:
                yield _write_hive(catalog, create, place)


def _write_reg(catalog: Catalog, create: Create, reg: str, roots: Iterable[str]) -> str:
    cut = 0 if reg == _MACHINE else 1
    name = safe_name(f"{reg}.reg")
    with create(name) as file:
        file.write(HEADER)
        for root in roots:
            file.writelines(reg_keys(_keys(catalog, _Place(reg, root, ""), cut), root))
    return name


def _write_hive(catalog: Catalog, create: Create, place: _Place) -> str:
    name = safe_name(f"{place.hive}.dat")
    keys = _keys(catalog, place, 1)
    keys = _with_control_set(catalog, keys) if place.hive == "SYSTEM" else keys
    security = MACHINE if place.reg == _MACHINE else of_user(place.reg)
    with create(name) as file:
        try:
            write_hive(file, _fitting(keys), security=security, name=name)
        except OverflowError as error:
            raise StoreError(f"{catalog.place}: {name}: {error}") from error
    return name


def _placed(catalog: Catalog) -> Iterator[tuple[str, str, str, bytes, bytes, int]]:
    """Yield a row of the table for each stored key and value; INI values lie in no hive."""
    for row in catalog.connection.execute(_SOURCE):
        drive, *names = _names(row)
        value = names.pop()[1:-1] if row["kind"] == "value" else None
        place = _place(drive, names)
        if place:
            order = b"" if value is None else b"\1" + name_order(value)
            yield place.reg, place.root, place.hive, _order(names), order, row["id"]


def _place(drive: str, names: list[str]) -> _Place | None:
    first = registry_upcase(names[0]) if names else ""
    if drive == "HKLM":
        hive = first if first in _HIVES or not first else f"HKLM-{first}"
        return _Place(_MACHINE, "HKEY_LOCAL_MACHINE", hive)
    if drive == "HKU" and is_sid(first):
        return _Place(first, "HKEY_CURRENT_USER", first)
    if drive == "HKU":
        hive = "DEFAULT" if first == ".DEFAULT" else first and f"HKU-{first}"
        return _Place(_MACHINE, "HKEY_USERS", hive)
    return None


def _order(names: Iterable[str]) -> bytes:
    """Return what keys sort by so that each is followed by all that lies in it."""
    return b"".join(name_order(name).replace(b"\0\0", _NUL) + _END for name in names)


def _names(row: sqlite3.Row) -> list[str]:
    """Return the drive and the names of an exact path; a name itself may hold a backslash."""
    text = row["path_utf16"].decode("utf-16-le", "surrogatepass")
    drive, _, below = text.partition("\\")
    if not row["name_lengths"]:
        return [drive, *below.split("\\")] if below else [drive]
    raw, names, at = below.encode("utf-16-le", "surrogatepass"), [drive], 0
    for length in map(int, row["name_lengths"].split(",")):
        names.append(raw[at : at + 2 * length].decode("utf-16-le", "surrogatepass"))
        at += 2 * length + 2
    return names


def _keys(catalog: Catalog, place: _Place, cut: int) -> Iterator[Key]:
    """Yield the keys of a place without the first ``cut`` names; each must be used up before the next is asked for."""
    with closing(catalog.connection.cursor()) as cursor:
        rows = cursor.execute(_ROWS, (place.reg, place.root, place.hive))
        for _, group in groupby(rows, key=lambda row: row["key"]):
            yield _key(group, cut)


def _key(rows: Iterator[sqlite3.Row], cut: int) -> Key:
    """Return the key that its own row (if it is stored) and its values' rows make."""
    first = next(rows)
    is_key = first["kind"] == "key"
    _, *names = _names(first)
    written = (first["si_modified"] or 0) & (1 << 64) - 1 if is_key else 0
    path = tuple(names if is_key else names[:-1])[cut:]
    return Key(path, _values(chain((first,), rows)), written)


def _values(rows: Iterable[sqlite3.Row]) -> Iterator[RegistryValue]:
    """Yield the values of a key; of those that Windows takes for one, the first."""
    last = b""
    for row in rows:
        if row["value"] != last and row["type"] is not None:
            name = row["name_utf16"].decode("utf-16-le", "surrogatepass")
            yield RegistryValue(name, row["type"], row["data"])
        last = row["value"]


def _fitting(keys: Iterable[Key]) -> Iterator[Key]:
    """Yield what a hive can hold; the rest is in the ``.reg`` and in the catalog."""
    for key in keys:
        if not why_not(key):
            yield replace(key, values=(each for each in key.values if not why_not_value(each)))


def _with_control_set(catalog: Catalog, keys: Iterable[Key]) -> Iterator[Key]:
    """Give the control set in use the name it has in the file, and the hive a Select that says so."""
    number, is_told = _control_set(catalog)
    has_select = False
    for key in keys:
        top = registry_upcase(key.path[0]) if key.path else ""
        if top == CURRENT.upper():
            yield replace(key, path=(f"ControlSet{number:03}", *key.path[1:]))
        elif top == "SELECT" and len(key.path) == 1 and not is_told:
            has_select = True
            yield replace(key, values=chain(key.values, _select(number, ("Current",))))
        else:
            yield key
    if not is_told and not has_select:
        yield Key(("Select",), _select(number, ("Current", "Default", "Failed", "LastKnownGood")))


def _select(number: int, names: Iterable[str]) -> tuple[RegistryValue, ...]:
    numbers = ((name, 0 if name == "Failed" else number) for name in names)
    return tuple(RegistryValue(name, 4, each.to_bytes(4, "little")) for name, each in numbers)


def _control_set(catalog: Catalog) -> tuple[int, bool]:
    """Return the number of the control set in use, and whether the catalog itself has it in Select."""
    run = catalog.connection.execute
    told = run(_TOLD, (_order(("SYSTEM", "Select")), b"\1" + name_order("Current"))).fetchone()
    if told and len(told["data"]) == 4:
        return int.from_bytes(told["data"], "little"), True
    numbers = (n for n in range(1, 1000) if not run(_ANY, _range(n)).fetchone())
    return next(numbers, 1), False


def _range(number: int) -> tuple[bytes, bytes]:
    start = _order(("SYSTEM", f"ControlSet{number:03}"))
    return start, start + b"\xff"
