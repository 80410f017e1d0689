"""What ``destinationCleanup`` takes away at the target before anything is restored; an undo brings it back.

Patterns speak of the old machine's folders, so each name at the target is looked at as if it were there. Only folders
that a pattern can reach are read. Source: USMT "XML elements library" (destinationCleanup).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from extractor.model import WinPath, upcase
from extractor.restore.asked import Aim, Asked
from extractor.restore.journal import FOLDER
from extractor.restore.locations import Locations
from extractor.restore.view import There, View
from extractor.rules.patterns import PatternKind, node_text
from extractor.store.tree import Parts


@dataclass(frozen=True, slots=True)
class Removal:
    """Something at the target that a rule takes away, with all that lies in it."""

    place: Parts
    path: WinPath
    """Where it would have been on the old machine."""
    why: str


def removals(view: View, locations: Locations, asked: Asked) -> Iterator[Removal]:
    """Yield what is taken away, each thing once, and tell the view that it is gone."""
    aims = [each for each in asked.aims("destinationCleanup", PatternKind.FILE) if _is_plain(each)]
    pending: list[Parts] = [()] if aims else []
    while pending:
        for place, found in _inside(view, pending.pop()):
            path = _of_old(place, locations)
            aim = _taking(aims, path, directory=found.directory)
            if aim:
                view.remove(place)
                yield Removal(place, path, aim.request.why)
            elif found.directory and any(_reaches(each, path) for each in aims):
                pending.append(place)


def _inside(view: View, folder: Parts) -> Iterator[tuple[Parts, There]]:
    """Yield what lies in a folder; what cannot be looked at is not taken away."""
    with suppress(OSError):
        for name in view.names(folder):
            place = (*folder, name)
            found = view.there(place)
            if found is not None and place != (FOLDER,):
                yield place, found


def undone_filters(asked: Asked) -> list[str]:
    """Return what cannot be taken away because its filter is not answered by this version."""
    aims = asked.aims("destinationCleanup", PatternKind.FILE)
    odd = [each for each in aims if not _is_plain(each) and not _never(each)]
    return sorted({f"{each.request.why}: its filter is not done by this version" for each in odd})


def _is_plain(aim: Aim) -> bool:
    return aim.request.call is None


def _never(aim: Aim) -> bool:
    return aim.request.call is not None and aim.request.call.function == "AnswerNo"


def _of_old(place: Parts, locations: Locations) -> WinPath:
    """Return where a place of the target was on the old machine: the profile's name of then."""
    path = WinPath(locations.system, place)
    for old, new in locations.people.profiles:
        if path.is_below(new):
            return WinPath(old.drive, (*old.parts, *path.parts[len(new.parts) :]))
    return path


def _taking(aims: list[Aim], path: WinPath, *, directory: bool) -> Aim | None:
    if directory:
        node = node_text(path)
        return next((a for a in aims if a.location.takes_trees and a.location.node.matches(node)), None)  # fmt: skip
    node, leaf = node_text(path.parent), upcase(path.name)
    return next((a for a in aims if a.location.takes_leaf(leaf) and a.location.node.matches(node)), None)  # fmt: skip


def _reaches(aim: Aim, path: WinPath) -> bool:
    node = node_text(path)
    return aim.location.node.matches(node) or aim.location.node.reaches_below(node)
