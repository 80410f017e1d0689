r"""A value with paths of the old machine in it -> pieces: its bytes, and the folders that only the other Windows knows.

The paths are those that a restore finds (``restore/settings/relocate.py``), with the same rules. They are looked for
here, once: each becomes a mark, which no store can hold since it is drawn by lot in every run, and the marks are then
the places of the folders. What ``contentModify`` makes of a value it makes of the one with marks, as it would have the
new paths. The script joins the pieces; where every folder is where it was, it writes what was stored, to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from secrets import token_hex
from string import ascii_uppercase
from typing import Any

from extractor.kit.bases import SYSTEM
from extractor.model import RegistryValue, WinPath
from extractor.restore.rules.locations import Locations
from extractor.restore.settings.moves import moves
from extractor.restore.settings.relocate import Relocations
from extractor.store.tree import Parts

Piece = str | dict[str, Any]
"""Bytes in hexadecimal, or a folder: ``base``, ``was``, and how it is written."""
_NOWHERE = "!:"
"""The drive of marks: it has no letter, so nothing of a store is moved on from there."""


class Pieces:
    """Finds the folders in values; ``letters`` are the old machine's drives (``D:``)."""

    def __init__(self, locations: Locations, letters: Iterable[str]) -> None:
        lot = token_hex(16)
        self._moves = list(_moves(locations, letters))
        marked = [
            (old, WinPath(_NOWHERE, (f"{lot} {number}.", *rest)))
            for number, (old, _, rest) in enumerate(self._moves)
        ]
        self._relocations = Relocations(marked)
        self._mark = re.compile(rf"{_NOWHERE}(\\\\?|/){lot}( |%20)([0-9]+)\.(?=(\\|/)?)")

    def marked(self, value: RegistryValue) -> RegistryValue:
        """Return a value with marks for its folders; the very same object where it names none. Never raises."""
        return self._relocations.of(value)

    def of(self, value: RegistryValue) -> list[Piece]:
        """Return the pieces of a value with marks, in order; none where no mark is left."""
        even = len(value.data) & ~1
        text = value.data[:even].decode("utf-16-le", "surrogatepass")
        found: list[Piece] = []
        at = 0
        for match in self._mark.finditer(text):
            found += [_bytes(text[at : match.start()]), self._folder(match)]
            at = match.end()
        if not found:
            return []
        found.append(_bytes(text[at:]) + value.data[even:].hex())
        return [each for each in found if each]

    def _folder(self, match: re.Match[str]) -> Piece:
        separator, blank, number, follows = match.groups()
        old, base, rest = self._moves[int(number)]
        return {
            "base": base,
            "was": _was(old, rest),
            "separator": separator,
            "address": blank != " ",
            "root": separator if old.parts and not follows else "",
        }


def _moves(locations: Locations, letters: Iterable[str]) -> Iterator[tuple[WinPath, str, Parts]]:
    """Yield a folder or drive of the old machine, its base, and names below that: what ``moves`` says of bases.

    A user who stays behind has no profile there: that folder moves with its drive only.
    """
    people = locations.people
    persons = tuple(
        each if each.left_out else replace(each, profile=_stands_for(f"profile:{each.user.sid}"))
        for each in people.persons
    )
    drives = {f"{letter}:": _stands_for(f"drive:{letter}") for letter in ascii_uppercase}
    drives[locations.system] = _stands_for(SYSTEM)
    there = replace(
        locations, people=replace(people, persons=persons), drives=drives, system=_NOWHERE
    )
    for old, new in moves(there, letters):
        base, *rest = new.parts
        yield old, base, tuple(rest)


def _was(old: WinPath, rest: Parts) -> str:
    """Return where the base was for which nothing changes; empty where a rule moves the folder, whatever the base."""
    above = old.parts[: len(old.parts) - len(rest)]
    same = WinPath(old.drive, (*above, *rest)).key == old.key
    return "\\".join((old.drive, *above)) if same else ""


def _stands_for(base: str) -> WinPath:
    return WinPath(_NOWHERE, (base,))


def _bytes(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").hex()
