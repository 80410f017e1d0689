r"""Keys and values of a store, those of INI files too -> rows of the plan, and ``.reg`` files for ``reg import``.

What is written whatever the other Windows has goes by a ``.reg``: ``registry/<SID>.reg`` below HKEY_CURRENT_USER,
``registry/machine.reg``. What depends on what is there (``merge``, two functions of ``contentModify``), what names a
folder that may be elsewhere there, or what no ``.reg`` can hold, the script writes by itself, with the data that the
row carries. Source: USMT "XML elements library".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from extractor.errors import UnsupportedError
from extractor.kit.bases import Bases
from extractor.kit.pieces import Piece, Pieces
from extractor.kit.reg_files import ROOTS, RegFiles, comes_whole
from extractor.model import ObjectKind, Record, RegistryValue, WinPath, printable
from extractor.restore.rules.asked import Asked, Request, subject_of
from extractor.restore.rules.content import modified
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.screening import Screen
from extractor.restore.view import View
from extractor.rules.model import Call
from extractor.store.columns import StoredObject
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts, Tree

Row = dict[str, Any]
SETTINGS = "outcome = 'stored' AND kind IN ('key', 'value')"
MEETS = frozenset({"DestinationPriority", "HigherValue", "LowerValue"})
"""Merge rules that look at the value that is there."""
MERGES = frozenset({"MergeMultiSzContent", "MergeDelimitedContent"})
NO_NAME = "no function of Windows can be given this name"
NAME_TAKEN = "another value of the store has its name"
NO_ROOT = "it is in no part of the registry that a kit writes"


class _NothingWrittenError(Exception):
    """A rule says that a value is not written at all."""


@dataclass(slots=True)
class Settings:
    """Makes the rows and fills ``files``; ``next_id`` is the number of the first."""

    store: OpenStore
    locations: Locations
    files: RegFiles
    next_id: int
    tree: Tree
    """An empty folder: nothing is known of the target."""
    letters: Sequence[str] = ()
    """Drives of the old machine (``D:``)."""
    _bases: Bases = field(init=False)
    _screen: Screen = field(init=False)
    _pieces: Pieces = field(init=False)

    def __post_init__(self) -> None:
        self._bases = Bases(self.locations)
        self._pieces = Pieces(self.locations, self.letters)
        self._screen = Screen(self.store, self.locations, View(self.tree), looks=False)

    @property
    def _asked(self) -> Asked:
        return self.locations.asked

    def rows(self) -> Iterator[Row]:
        """Yield a row for each stored key and value."""
        for found in self.store.objects(SETTINGS):
            yield self._row(found)
            self.next_id += 1

    def _row(self, found: StoredObject) -> Row:
        record = found.record
        ini = record.kind is ObjectKind.VALUE and len(record.path.drive) == 2
        kind = "ini" if ini else record.kind.value
        row: Row = {"id": self.next_id, "kind": kind, "source": printable(str(record.path))}
        left_out = self.locations.people.left_out(record.user) or self._screen.left_out(found)
        placed = self.locations.of(record)
        if left_out or placed.skip:
            reason = f"{placed.why}: {placed.skip}" if placed.skip else f"left out: {left_out}"
            return {**row, "deed": "skip", "reason": printable(reason)}
        try:
            body = self._key(placed.path) if kind == "key" else self._value(record, placed.path, ini=ini)  # fmt: skip
        except _NothingWrittenError as error:
            return {**row, "deed": "skip", "reason": printable(str(error))}
        except UnsupportedError as error:
            return {**row, "deed": "refuse", "reason": printable(str(error))}
        return {**row, "deed": "make", "why": self._why(record, placed.path), **body}

    def _why(self, record: Record, path: WinPath) -> str:
        request = self._request("locationModify", record)
        moved = path.key != record.path.key
        return printable(request.why) if request and moved else ""

    def _request(self, kind: str, record: Record) -> Request | None:
        subject = subject_of(record)
        return self._asked.narrowest(kind, subject) if subject else None

    def _call(self, kind: str, record: Record) -> Call | None:
        request = self._request(kind, record)
        return request.call if request else None

    # --- the registry -----------------------------------------------------------------------------

    def _key(self, path: WinPath) -> Row:
        base, names = self._place(path)
        by_reg = self.files.takes(names)
        if by_reg:
            self.files.add(base, names, None)
        return {"base": base, "names": list(names), "by": self.files.name(base) if by_reg else "script"}  # fmt: skip

    def _value(self, record: Record, path: WinPath, *, ini: bool) -> Row:
        value = record.value
        if value is None:
            raise UnsupportedError("the catalog has no data of this value")
        change, merge = self._call("contentModify", record), self._call("merge", record)
        rule = merge.function if merge and merge.function in MEETS else "SourcePriority"
        joins = change if change and change.function in MERGES else None
        changed, lost = _changed(change, value)
        if changed is None:
            raise _NothingWrittenError(f"{change} gives no value")
        pieces = self._folders(change, value)
        told = _told(changed, None if lost else joins, rule, lost) | {"pieces": pieces}
        if ini:
            return {**self._ini(path, changed), **told, "data": changed.data.hex()}
        base, names = self._place(path.parent)
        name = path.name[1:-1]
        if "\0" in name:
            raise UnsupportedError(NO_NAME)
        place = {"base": base, "names": list(names), "value": name}
        by_reg = comes_whole(changed) and self.files.takes((*names, name))
        if pieces or told["join"] or rule in MEETS or not by_reg:
            return {**place, **told, "by": "script", "data": changed.data.hex()}
        if not self.files.add(base, names, RegistryValue(name, changed.type, changed.data)):
            raise UnsupportedError(NAME_TAKEN)
        return {**place, **told, "by": self.files.name(base)}

    def _folders(self, change: Call | None, value: RegistryValue) -> list[Piece]:
        """Return the pieces of what is written; none where it names no folder of the old machine."""
        marked = self._pieces.marked(value)
        if marked is value:
            return []
        changed, _ = _changed(change, marked)
        return self._pieces.of(changed) if changed else []

    def _place(self, path: WinPath) -> tuple[str, Parts]:
        """Return base and names of a key; raise UnsupportedError for a name that no function takes."""
        if any("\\" in each or "\0" in each or not each for each in path.parts):
            raise UnsupportedError(NO_NAME)
        if path.drive == "HKU" and path.parts and path.parts[0] in self.locations.people.by_sid:
            return f"user:{path.parts[0]}", path.parts[1:]
        if not path.parts or path.drive not in ROOTS:
            raise UnsupportedError(NO_ROOT)
        return path.drive, path.parts

    # --- INI files --------------------------------------------------------------------------------

    def _ini(self, path: WinPath, value: RegistryValue) -> Row:
        file, bar, section = path.parent.name.partition("|")
        place = self._bases.of(WinPath(path.drive, (*path.parent.parent.parts, file)))
        if not bar or len(place) < 2 or "\0" in section + path.name:
            raise UnsupportedError("it is no value of an INI file")
        if any(set("\r\n") & set(each) for each in (section, path.name, value.text)):
            raise UnsupportedError("a line break would make other lines of the INI file")
        token, *names = place
        return {
            "base": self._bases.base(token), "names": list(map(safe_name, names)), "section": section,
            "value": path.name[1:-1], "text": value.text,
        }  # fmt: skip


def _changed(change: Call | None, value: RegistryValue) -> tuple[RegistryValue | None, str]:
    """Return what ``contentModify`` makes of a value on its own, None where nothing is written; and what is not done.

    A function that cannot be done leaves the value as it was stored.
    """
    try:
        made = modified(change, value)
    except UnsupportedError as error:
        return value, f"{printable(str(error))}: the value is written as it was stored"
    return (value if change and change.function in MERGES else made), ""


def _told(value: RegistryValue, joins: Call | None, rule: str, lost: str) -> Row:
    """Return type, size and SHA-256 of what is written, and what decides where there is a value already."""
    change = {"function": joins.function, "arguments": list(joins.arguments)} if joins else None
    return {
        "type": value.type, "size": len(value.data), "sha256": hashlib.sha256(value.data).hexdigest(),
        "rule": rule, "join": change, "lost": lost,
    }  # fmt: skip
