"""What ``destinationCleanup`` takes away at the target before anything is restored; an undo brings it back.

Patterns speak of the old machine's folders, so each name at the target is looked at as if it were there. Only folders
that a pattern can reach are read. A rule with a filter takes single files, each judged as it is at the target, and no
folders; what its filter cannot judge stays, and is said. Source: USMT "XML elements library" (destinationCleanup).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from extractor.model import WinPath, upcase
from extractor.restore.rules.asked import Aim, Asked
from extractor.restore.rules.cleanup_reach import (
    UNANSWERED,
    answering_aims,
    at_target,
    goes_on,
    inside,
    of_old,
    starts,
    undone_filters,
)
from extractor.restore.rules.cleanup_settings import (
    IniRemoval,
    RegistryRemoval,
    ini_removals,
    registry_removals,
)
from extractor.restore.rules.load_filters import answer
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.looked_at import Looked
from extractor.restore.view import View
from extractor.rules.patterns import PatternKind, node_text
from extractor.store.tree import Parts, Tree

__all__ = [
    "IniRemoval",
    "RegistryRemoval",
    "Removal",
    "ini_removals",
    "registry_removals",
    "removals",
    "undone_filters",
]


@dataclass(frozen=True, slots=True)
class Removal:
    """Something at the target that a rule takes away, with all that lies in it."""

    place: Parts
    path: WinPath
    """Where it would have been on the old machine."""
    why: str


def removals(
    view: View, locations: Locations, asked: Asked, tree: Tree | None = None
) -> Iterator[Removal]:
    """Yield what is taken away, each thing once, and tell the view that it is gone.

    ``tree`` is the target, opened, with all its volumes; without it filters that look into a file answer nothing.
    """
    aims = answering_aims(asked, PatternKind.FILE, locations.people)
    nodes = [each.location.node for each in aims]
    letters = tuple(tree.roots) if tree else ()
    pending = starts(letters) if aims else []
    while pending:
        for place, found in inside(view, pending.pop()):
            path = of_old(place, locations, letters)
            looked = Looked(view, tree, place, found, locations.system)
            aim = _taking(aims, path, looked, asked)
            here = at_target(place, locations.system, letters)
            if aim:
                view.remove(place)
                yield Removal(place, path, aim.request.why)
            elif found.directory and goes_on(nodes, path, here, locations):
                pending.append(place)


def _taking(aims: Sequence[Aim], path: WinPath, looked: Looked, asked: Asked) -> Aim | None:
    if looked.found.directory:
        node = node_text(path)
        return next((each for each in aims if _takes_tree(each, node)), None)
    node, leaf = node_text(path.parent), upcase(path.name)
    near = (
        each for each in aims if each.location.takes_leaf(leaf) and each.location.node.matches(node)
    )
    return next((each for each in near if _takes(each, looked, asked)), None)


def _takes_tree(aim: Aim, node: str) -> bool:
    """Tell whether a folder goes whole: a filter would have to be asked of each thing in it."""
    location = aim.location
    return aim.request.call is None and location.takes_trees and location.node.matches(node)


def _takes(aim: Aim, looked: Looked, asked: Asked) -> bool:
    """Tell whether the filter of a clean-up answers True; note, once, that it could not be asked."""
    if aim.request.call is None:
        return True
    said = answer(aim.request.call, looked.subject)
    if said is None:
        asked.note(f"{aim.request.why}: {UNANSWERED}")
    return bool(said)
