"""What moves between the old machine and the target -> where paths in the registry lead from now on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extractor.evaluate.registry_names import split_brackets
from extractor.model import WinPath, upcase
from extractor.restore.layout import Places
from extractor.restore.rules.locations import Locations
from extractor.restore.settings.holders import Holders
from extractor.restore.settings.merging import Merging
from extractor.restore.settings.relocate import Relocations
from extractor.restore.view import View
from extractor.rules.patterns import PatternKind
from extractor.store.tree import Tree
from extractor.windows import WindowsInstall

USERS = "USERS"


def merging_of(
    tree: Tree,
    view: View,
    places: Places,
    install: WindowsInstall,
    locations: Locations,
    letters: Iterable[str],
) -> Merging:
    """Return what decides about settings at a target that is a Windows; ``letters`` are the old machine's drives."""
    holders = Holders(tree, view, places, install, locations.people)
    return Merging(holders, locations, Relocations(tuple(moves(locations, letters))))


def moves(locations: Locations, letters: Iterable[str]) -> Iterator[tuple[WinPath, WinPath]]:
    """Yield folders of the old machine and where they are at the target: profiles, drives, what rules move."""
    drives = [WinPath(letter, ()) for letter in letters]
    profiles = [old for old, _ in locations.people.profiles]
    moved = [old for old in profiles if locations.renamed(old).key != old.key]  # others need none
    aliases = [(_alias(old), old) for old in moved if upcase(old.parent.name) == USERS]
    pairs = [*_relative(locations), *((old, old) for old in (*profiles, *drives)), *aliases]
    for old, placed in pairs:
        new = locations.renamed(placed)
        if new.key != old.key:
            yield old, new


def _alias(profile: WinPath) -> WinPath:
    """Return what programs of before Vista call a profile, by way of a junction."""
    return WinPath(profile.drive, ("Documents and Settings", *profile.parts[1:]))


def _relative(locations: Locations) -> Iterator[tuple[WinPath, WinPath]]:
    """Yield what ``locationModify`` with RelativeMove moves as a whole."""
    for aim in locations.asked.aims("locationModify", PatternKind.FILE):
        call = aim.request.call
        if call and call.function == "RelativeMove":
            source, target = (
                WinPath.parse(split_brackets(call.argument(n).strip())[0]) for n in (0, 1)
            )
            if source.drive and target.drive and source.parts and "*" not in f"{source}{target}":
                yield source, target
