"""The whole of a kit: place refused or not, room, contents, plan, ``.reg`` files, papers, and sums that balance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from extractor.errors import LedgerError, UsageError
from extractor.kit.bases import locations_of
from extractor.kit.contents import (
    Contents,
    TreeContents,
    WimContents,
    copy_wim,
    has_wim,
    image_names,
)
from extractor.kit.objects import Objects
from extractor.kit.papers import PLAN, USERS, readme, script, write_sums
from extractor.kit.people import users_json
from extractor.kit.place import new_kit, refuse_lack_of_room, refuse_out
from extractor.kit.reg_files import RegFiles
from extractor.kit.settings import SETTINGS, Settings
from extractor.restore.mapping import letters_of, system_of, with_config
from extractor.restore.people.folders import known_folders
from extractor.restore.people.users import People, map_users
from extractor.restore.people.words import UserWords
from extractor.restore.plan import STORED
from extractor.restore.rules.asked import Asked, read_instructions
from extractor.restore.rules.locations import Locations
from extractor.store.opened import OpenStore
from extractor.store.place import FINAL, WIM
from extractor.store.sealed.opener import is_sealed
from extractor.store.tree import open_tree

FORMAT = 1
"""Of ``plan.jsonl``."""
LONGEST_LINE = 2_000_000
"""Characters of a row: ConvertFrom-Json of Windows PowerShell stops at 2 MiB, and the whole run with it."""
TOO_LONG = "what the plan has to say of it is more than Windows PowerShell reads in one line"
PATHS_STAY = "paths in it stay those of the old machine: it is too long"
TREE = "tree"
FORMS = (TREE, "wim")
LOST, CORRUPT = 3, 42
NO_WIM = "the store has no WIM that Windows can open: --form tree makes a kit of plain files"
PLAIN = "the store is encrypted, and the kit is not: everybody who has the kit can read it"
_SIZES = """
SELECT ifnull(sum(size), 0) FROM (SELECT max(size) AS size FROM streams WHERE sha256 != '' GROUP BY sha256)
"""
NOT_DONE = {
    "destinationCleanup": "a destinationCleanup: nothing of the other Windows is removed by a kit",
    "remap": "a variable with remap: what lies in its folder stays there",
}


@dataclass(frozen=True, slots=True)
class KitWish:
    """What is asked of a kit besides the store."""

    out: Path
    form: str = ""
    """tree, wim, or empty: as the store is."""
    users: UserWords = field(default_factory=UserWords)


@dataclass(slots=True)
class Kit:
    """A kit that was made."""

    form: str
    deeds: Counter[str] = field(default_factory=Counter)
    """make, keep, skip, refuse -> rows."""
    bytes: int = 0
    """Of contents and of the WIM."""
    notes: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Source and reason of what the kit does not carry."""
    corrupt: int = 0
    persons: tuple[str, ...] = ()
    """Accounts that the script looks for."""

    @property
    def exit_code(self) -> int:
        """0; 3 when something stored is not in the kit; 42 when the store's own bytes are not what was stored."""
        return CORRUPT if self.corrupt else LOST if self.deeds["refuse"] else 0


def make_kit(store: OpenStore, wish: KitWish) -> Kit:
    """Write a kit; nothing is left at its place when that fails.

    Raises UsageError (11) for a place in the store, words that make no sense or a WIM that is not there,
    StoreLocationError (27) for a place that is taken, StoreError (72) when there is no room, CorruptStoreError (42).
    """
    asked = Asked(read_instructions(store.catalog))
    words = with_config(wish.users, asked)
    people = map_users(store.header, words)
    refuse_out(wish.out, store)
    known = {sid: list(each.values()) for sid, each in known_folders(store, people).items()}
    locations = locations_of(people, asked, system_of(store), known)
    names, form, notes = _form(store, wish)
    size, objects = _needed(store, form)
    refuse_lack_of_room(wish.out, size, objects)
    kit = Kit(form, notes=notes, persons=_accounts(people))
    with new_kit(wish.out) as folder:
        document = users_json(people, asked, words, store.header)
        _write_json(folder / USERS, document)
        _write_plan(store, kit, locations, names, folder)
        if form != TREE:
            kit.bytes += copy_wim(store, folder)
        script(folder)
        readme(folder, document, form, _stored_on(store))
        write_sums(folder)
    _check(kit, objects)
    kit.notes += [*_notes(people), *asked.notes, *_not_done(asked)]
    return kit


def _form(store: OpenStore, wish: KitWish) -> tuple[dict[bytes, Any], str, list[str]]:
    """Return where contents lie in a WIM, the form, and what there is to say of it."""
    if wish.form == FORMS[1] and not has_wim(store):
        raise UsageError(NO_WIM)
    if is_sealed(store.path / FINAL):
        return {}, TREE, [PLAIN]
    if wish.form == TREE or not has_wim(store):
        return {}, TREE, []
    names, unfit = image_names(store)
    if not unfit:
        return names, FORMS[1], []
    said = f"{unfit} names of the WIM are none that Windows makes"
    if wish.form:
        return (
            names,
            FORMS[1],
            [f"{said}: Expand-WindowsImage may stop at one, --form tree does not"],
        )
    return {}, TREE, [f"plain files, for {said}"]


def _needed(store: OpenStore, form: str) -> tuple[int, int]:
    """Return bytes and objects."""
    with store.catalog.translated():
        run = store.catalog.connection.execute
        size = 0 if form != TREE else int(run(_SIZES).fetchone()[0])
        query = f"SELECT count(*) FROM objects WHERE ({STORED}) OR ({SETTINGS})"  # noqa: S608 (constants)
        objects = int(run(query).fetchone()[0])
    return size + ((store.path / FINAL / WIM).stat().st_size if form != TREE else 0), objects


def _write_plan(
    store: OpenStore, kit: Kit, locations: Locations, names: dict[bytes, Any], folder: Path
) -> None:
    path = folder / PLAN
    with open_tree(folder) as tree, RegFiles() as files, path.open("x", encoding="ascii") as plan:
        plain = TreeContents(store, tree)
        contents: Contents = plain if kit.form == TREE else WimContents(plain, names)
        objects = Objects(store, locations, contents)
        _write_row(plan, _head(store, kit, locations))
        last = _write_rows(plan, kit, objects.rows(folder))
        settings = Settings(store, locations, files, last + 1, tree, letters_of(store))
        _write_rows(plan, kit, settings.rows())
        _write_row(plan, {"kind": "end", "rows": kit.deeds.total(), **dict(sorted(kit.deeds.items()))})  # fmt: skip
        files.write(folder)
        kit.bytes, kit.corrupt = plain.bytes, objects.corrupt


def _head(store: OpenStore, kit: Kit, locations: Locations) -> dict[str, Any]:
    return {
        "kind": "kit",
        "format": FORMAT,
        "made_by": f"coldstate {version('coldstate')}",
        "form": kit.form,
        "computer": locations.people.computer,
        "system": locations.system,
        "objects": store.trailer.get("objects", 0),
    }


def _write_rows(plan: TextIO, kit: Kit, rows: Iterable[dict[str, Any]]) -> int:
    last = 0
    for row in map(_fitting, rows):
        kit.deeds[row["deed"]] += 1
        if row["deed"] == "refuse":
            kit.refused.append((row["source"], row["reason"]))
        _write_row(plan, row)
        last = max(last, row["id"])
    return last


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that Windows PowerShell can read: without the folders in its value, or refused, where it must be."""
    if len(_line(row)) <= LONGEST_LINE:
        return row
    if row.get("pieces"):
        lost = "; ".join(filter(None, (row["lost"], PATHS_STAY)))
        return _fitting({**row, "pieces": [], "lost": lost})
    return {name: row[name] for name in ("id", "kind", "source")} | {
        "deed": "refuse",
        "reason": TOO_LONG,
    }


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"


def _write_row(plan: TextIO, row: dict[str, Any]) -> None:
    plan.write(_line(row))


def _write_json(path: Path, document: dict[str, Any]) -> None:
    with path.open("x", encoding="ascii") as file:
        file.write(json.dumps(document, indent=1) + "\n")


def _check(kit: Kit, objects: int) -> None:
    """Raise LedgerError unless each stored object has its row."""
    if kit.deeds.total() != objects:
        raise LedgerError(f"{objects} objects are stored and the plan has {kit.deeds.total()} rows")


def _accounts(people: People) -> tuple[str, ...]:
    return tuple(each.account for each in people.persons if not each.left_out)


def _notes(people: People) -> list[str]:
    """Return what there is to say of users; SIDs that nobody told are asked of the other Windows."""
    unknown = {each.unknown for each in people.persons}
    return [each for each in people.notes if each not in unknown]


def _not_done(asked: Asked) -> list[str]:
    counts = {kind: sum(each.kind == kind for each in asked.instructions) for kind in NOT_DONE}
    return [f"{count} x {NOT_DONE[kind]}" for kind, count in counts.items() if count]


def _stored_on(store: OpenStore) -> str:
    windows = store.header.get("windows")
    found = windows if isinstance(windows, dict) else {}
    return f"{found.get('computer') or 'a computer without a name'} ({found.get('product') or 'Windows'})"
