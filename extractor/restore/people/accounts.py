r"""People of a store and an offline Windows -> who each is there: account, SID, profile folder; who has none.

A user whose SID the target has a profile for is that one. A local user is the local account of the same name, as for
LoadState; where there is none, ``/lac`` makes one, and without ``/lac`` the user is left out. A user of a domain is
the profile with the same ``DOMAIN\name``, else keeps its SID, for a domain gives it on every machine. Source: USMT
"LoadState syntax" (/lac, /mu, /md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from extractor.errors import SourceError, UsageError
from extractor.model import User, WinPath, printable, upcase
from extractor.restore.people.users import People, Person, refuse_conflicts
from extractor.windows import WindowsInstall

PROFILES = frozenset({"USERS", "DOCUMENTS AND SETTINGS"})
"""Folders in which Windows keeps profiles: Vista and later, XP."""
MOST_NAMES = 1000
"""Folders tried for a profile whose name is taken."""

MakeAccount = Callable[[str], str]
"""Name of a local account that is to be made -> its SID; raises SourceError where it cannot be made."""


def settle(people: People, install: WindowsInstall, make: MakeAccount | None) -> People:
    """Return the people as the target knows them; ``make`` is None without ``/lac``.

    Raises UsageError (11) when two users would be one.
    """
    settled = _Settling(people, install, make)
    persons = tuple(settled.person(each) for each in people.persons)
    refuse_conflicts(persons)
    made = tuple(each.account for each in persons if each.to_make)
    notes = (*_still_true(people, persons), *settled.notes)
    return People(persons, people.computer, notes, made, {each.user.sid: each for each in persons})


def _still_true(people: People, persons: Iterable[Person]) -> Iterator[str]:
    """Yield what was said before, less that a SID is not known which the target told."""
    told = {
        before.unknown
        for before, now in zip(people.persons, persons, strict=True)
        if before.sid != now.sid
    }
    yield from (note for note in people.notes if note not in told)


class _Settling:
    def __init__(self, people: People, install: WindowsInstall, make: MakeAccount | None) -> None:
        self._install = install
        self._make = make
        self._computer = install.candidate.computer
        self._accounts = {upcase(each.name): each.sid for each in install.sam.accounts}
        self._profiles = {upcase(each.sid): each for each in install.users}
        self._folders = {each.profile.key for each in install.users}
        self._taken = {each.profile.key for each in people.persons if each.profile_told}
        self.notes: list[str] = []

    def person(self, person: Person) -> Person:
        """Return one person; one who is left out stays so."""
        if person.left_out:
            return person
        if person.sid_told or self._is_known(person):
            return self._with_profile(person)
        if person.is_local:
            return self._local(replace(person, domain=self._computer))
        known = self._named(person)
        return self._with_profile(replace(person, sid=known.sid) if known else person)

    def _is_known(self, person: Person) -> bool:
        """Tell whether the target has a profile of this SID and name, or of this SID and a name that nobody knows."""
        known = self._profiles.get(upcase(person.sid))
        return known is not None and upcase(known.name or person.user.name) == upcase(person.name)

    def _named(self, person: Person) -> User | None:
        wanted = (upcase(person.domain), upcase(person.name))
        found = [
            each
            for each in self._install.users
            if (upcase(each.domain), upcase(each.name)) == wanted
        ]
        return found[0] if person.name and len(found) == 1 else None

    def _local(self, person: Person) -> Person:
        sid = self._accounts.get(upcase(person.name))
        if sid:
            return self._with_profile(replace(person, sid=sid))
        if self._make is None:
            said = f"the target has no local account {person.name}, and /lac was not given"
            return replace(person, left_out=printable(said))
        try:
            made = self._make(person.name)
        except SourceError as error:
            said = f"to be created in Windows by hand: the local account {person.name} ({error})"
            self.notes.append(f"{printable(said)}; then give its SID with --user-map")
            return replace(person, left_out=printable(said))
        return self._with_profile(replace(person, sid=made, to_make=True))

    def _with_profile(self, person: Person) -> Person:
        known = self._profiles.get(upcase(person.sid))
        if known and not person.profile_told:
            left_out = person.left_out or self._nowhere(known.profile)
            return replace(person, profile=known.profile, left_out=left_out)
        if known:
            return replace(person, is_new=known.profile.key != person.profile.key)
        profile = person.profile if person.profile_told else self._free(person)
        self._taken.add(profile.key)
        return replace(person, profile=profile, is_new=True)

    def _nowhere(self, profile: WinPath) -> str:
        """Return why nothing is put into a profile of the target: its ProfileList may say anything; else empty."""
        letters = {
            self._install.system_root.drive,
            *(each.letter for each in self._install.letters),
        }
        is_place = profile.parts and not {".", ".."} & set(profile.parts)
        if is_place and upcase(profile.drive) in map(upcase, letters):
            return ""
        return f"its profile there, {printable(str(profile))}, is no folder of a drive that the target has"

    def _free(self, person: Person) -> WinPath:
        """Return the folder of a new profile: where the target keeps them, under a name that no other profile has.

        Raises UsageError (11) where all names are taken.
        """
        parent = person.profile.parent
        if upcase(parent.name) in PROFILES and len(parent.parts) == 1:
            parent = self._install.default_profile.parent
        name = person.profile.name
        endings = [
            "",
            f".{person.domain or self._computer}",
            *(f".{n:03}" for n in range(MOST_NAMES)),
        ]
        tried = [parent / f"{name}{ending}" for ending in endings]
        free = (each for each in tried if each.key not in self._folders | self._taken)
        found = next(free, None)
        if found is None:
            raise UsageError(
                f"the target has {MOST_NAMES} profiles called {printable(name)}: name a folder with --user-map"
            )
        return found
