"""Where clean-ups may take something away: patterns speak of the old machine, places are those of the target.

Each name at the target is looked at as if it were on the old machine. Only folders that a pattern can reach, or that
lead to a profile or drive of then, are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

from extractor.model import WinPath
from extractor.restore.journal import FOLDER
from extractor.restore.people.users import People
from extractor.restore.rules.asked import Aim, Asked
from extractor.restore.rules.load_filters import NEVER, flaw_of
from extractor.restore.rules.locations import Locations
from extractor.restore.view import There, View
from extractor.rules.patterns import Glob, PatternKind, node_text
from extractor.store.tree import Parts

CLEANUP = "destinationCleanup"
UNANSWERED = "its filter is not done where nobody can answer it: that stays"


def answering_aims(asked: Asked, kind: PatternKind, people: People) -> list[Aim]:
    """Return the patterns of clean-ups that may take something away; none of a user who does not come."""
    return [
        each
        for each in asked.aims(CLEANUP, kind)
        if not _takes_nothing(each) and not people.left_out(each.request.instruction.scope)
    ]


def _takes_nothing(aim: Aim) -> bool:
    call = aim.request.call
    return bool(flaw_of(call)) or (call is not None and call.function.lower() in NEVER)


def undone_filters(asked: Asked) -> list[str]:
    """Return what is not taken away because nobody can answer its filter."""
    found = set()
    for kind in PatternKind:
        for each in asked.aims(CLEANUP, kind):
            flaw = flaw_of(each.request.call)
            if flaw:
                found.add(f"{each.request.why}: {flaw}: nothing is taken away")
    return sorted(found)


def at_target(place: Parts, system: str, letters: Collection[str]) -> WinPath:
    """Return a place as the target's Windows calls it; a first name among ``letters`` (``D:``) is a volume's."""
    if place and place[0] in letters:
        return WinPath(place[0], place[1:])
    return WinPath(system, place)


def of_old(place: Parts, locations: Locations, letters: Collection[str] = ()) -> WinPath:
    """Return where a place of the target was on the old machine: the profile's name and the drive of then."""
    path = at_target(place, locations.system, letters)
    for old, new in locations.people.profiles:
        if path.is_below(new):
            return WinPath(old.drive, (*old.parts, *path.parts[len(new.parts) :]))
    deepest_first = sorted(locations.drives.items(), key=lambda pair: -len(pair[1].parts))
    for letter, root in deepest_first:
        if path.is_below(root) and letter != path.drive:
            return WinPath(letter, path.parts[len(root.parts) :])
    return path


def starts(letters: Collection[str]) -> list[Parts]:
    """Return the roots of all volumes of the target."""
    return [(), *((each,) for each in letters)]


def reaches(nodes: Iterable[Glob], path: WinPath) -> bool:
    """Tell whether a pattern with one of these nodes may take something in or below a folder or key."""
    text = node_text(path)
    return any(each.matches(text) or each.reaches_below(text) for each in nodes)


def goes_on(nodes: Iterable[Glob], path: WinPath, here: WinPath, locations: Locations) -> bool:
    """Tell whether a folder must be looked into: a pattern reaches it, or it leads to a profile or drive of then.

    ``path`` is what it was on the old machine, ``here`` what it is at the target.
    """
    moved = [new for _, new in locations.people.profiles] + list(locations.drives.values())
    return reaches(nodes, path) or any(each.is_below(here) for each in moved)


def files_reached(
    view: View, locations: Locations, files: Sequence[Glob], letters: Collection[str] = ()
) -> Iterator[Parts]:
    """Yield the plain files whose path on the old machine one of the globs takes."""
    for place, found, path in _reached(view, locations, files, letters):
        if found.regular and any(each.matches(node_text(path)[:-1]) for each in files):
            yield place


def folders_reached(
    view: View, locations: Locations, nodes: Sequence[Glob], letters: Collection[str] = ()
) -> Iterator[tuple[Parts, WinPath]]:
    """Yield the folders that a pattern may reach, with their paths on the old machine, each before what is in it."""
    for place, found, path in _reached(view, locations, nodes, letters):
        if found.directory:
            yield place, path


def _reached(
    view: View, locations: Locations, nodes: Sequence[Glob], letters: Collection[str]
) -> Iterator[tuple[Parts, There, WinPath]]:
    pending = starts(letters) if nodes else []
    while pending:
        for place, found in inside(view, pending.pop()):
            path = of_old(place, locations, letters)
            yield place, found, path
            here = at_target(place, locations.system, letters)
            if found.directory and goes_on(nodes, path, here, locations):
                pending.append(place)


def inside(view: View, folder: Parts) -> Iterator[tuple[Parts, There]]:
    """Yield what lies in a folder; what cannot be looked at is not taken away."""
    with suppress(OSError):
        for name in view.names(folder):
            place = (*folder, name)
            found = view.there(place)
            if found is not None and (
                name != FOLDER or any(not part.endswith(":") for part in folder)
            ):
                yield place, found
