"""A path of the old machine -> where it lies on whichever Windows the kit is run: a base, and names below it.

A base is what only that Windows knows: ``profile:SID`` (the profile folder of the user who is this one there),
``system`` (its system drive), ``drive:D`` (a drive of the old machine; the system drive where there is none and
``-Drive`` does not say otherwise), ``user:SID`` (that user's HKEY_CURRENT_USER), ``HKLM``, ``HKU``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import ascii_uppercase

from extractor.errors import CorruptStoreError
from extractor.model import WinPath, printable
from extractor.registry.descriptor import is_sid
from extractor.restore.layout import Layout, Places
from extractor.restore.people.users import People
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.locations import Locations
from extractor.store.tree import Parts

SYSTEM = "system"


def locations_of(
    people: People, asked: Asked, system: str, folders: Mapping[str, Sequence[WinPath]]
) -> Locations:
    """Return what moves objects by the rules alone: users, profiles and drives stay those of the old machine.

    Raises CorruptStoreError (42) when a user of the store has no SID.
    """
    for each in people.persons:
        if not is_sid(each.user.sid):
            raise CorruptStoreError(f"{printable(each.user.sid)!r} in the header is no SID")
    persons = tuple(replace(each, profile=each.user.profile, sid=each.user.sid) for each in people.persons)  # fmt: skip
    same = replace(people, persons=persons, by_sid={each.user.sid: each for each in persons})
    drives = {f"{letter}:": WinPath(f"{letter}:") for letter in ascii_uppercase}
    return Locations(same, asked, drives, system, folders)


class Bases(Places):
    """Paths of the old machine -> a token of their base, and names: what a plan takes for a folder of the target."""

    def __init__(self, locations: Locations) -> None:
        super().__init__(Layout.WINDOWS, locations.people, locations, {})
        profiles = [(each.user.profile, each.user.sid) for each in locations.people.persons]
        self._profiles = sorted(profiles, key=lambda pair: -len(pair[0].parts))
        self._system = locations.system
        self._tokens: dict[str, str] = {}

    def of(self, path: WinPath) -> Parts:
        """Return a token and the names below its base; none for the root of a drive."""
        for number, (profile, sid) in enumerate(self._profiles):
            if path.is_below(profile):
                return self._below(f"profile-{number}", f"profile:{sid}", path.parts[len(profile.parts) :])  # fmt: skip
        if not path.parts:
            return ()
        if path.drive in {self._system, ""}:
            return self._below(SYSTEM, SYSTEM, path.parts)
        return self._below(f"drive-{path.drive[0]}", f"drive:{path.drive[0]}", path.parts)

    def _below(self, token: str, base: str, names: Parts) -> Parts:
        self._tokens[token] = base
        return (token, *names)

    def base(self, token: str) -> str:
        """Return the base that a token stands for."""
        return self._tokens[token]
