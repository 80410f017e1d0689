r"""People who never logged on at the target -> their profile, as Windows would begin it: a copy of the default one.

What the store has for a place comes first; the hives of the default profile are merged, not copied; its links, which
lead into itself, are left out. What is made is the user's, SYSTEM's and Administrators', as for every profile. Source:
"CreateProfile function" (userenv.h).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from extractor.model import WinPath, printable, upcase
from extractor.restore.host import Host
from extractor.restore.layout import Places
from extractor.restore.people.users import Person
from extractor.restore.steps import Steps
from extractor.restore.tasks import Deed, Task
from extractor.restore.view import InTheWayError, There, View
from extractor.restore.write import FailedError
from extractor.store.tree import Parts, Tree

KIND = "default profile"
HIVE = "NTUSER."
"""What the files of the profile's hive begin with; UsrClass.dat the default profile has none."""
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Profile:
    """A new profile: whose, where, and what it is begun with."""

    person: Person
    place: Parts
    default: Parts

    def source(self, place: Parts) -> Parts:
        """Return what of the default profile a place in this one is a copy of."""
        return (*self.default, *place[len(self.place) :])


def profiles_of(
    persons: Iterable[Person], default: WinPath, view: View, places: Places
) -> Iterator[Profile]:
    """Yield the profiles of people; raise InTheWayError, OSError where that of a new one cannot be begun."""
    for person in persons:
        try:
            yield _profile(person, default, view, places)
        except (InTheWayError, OSError):
            if person.is_new:
                raise


def _profile(person: Person, default: WinPath, view: View, places: Places) -> Profile:
    own, other = (view.place(places.at(path)) for path in (person.profile, default))
    if own[: len(other)] == other:  # a ProfileList may say that it is the whole drive
        both = f"{printable(str(person.profile))} lies in {printable(str(default))}"
        raise InTheWayError(f"{both}, the default profile")
    return Profile(person, own, other)


def default_tasks(profile: Profile, view: View, number: Callable[[], int]) -> Iterator[Task]:
    """Yield what is copied for one person: the folder itself, and what lies in it where nothing else will."""
    name = printable(profile.person.account)
    yield Task(
        number(), 0, KIND, name, profile.place, _deed(view, profile.place), f"profile of {name}"
    )
    for source, there in _inside(view, profile.default):
        place = (*profile.place, *source[len(profile.default) :])
        try:
            place = view.place(place)
        except (InTheWayError, OSError):
            continue
        deed = _deed(view, place)
        if deed is Deed.MAKE:
            view.plan(place)
            size = 0 if there.directory else there.size
            yield Task(number(), 0, KIND, printable("\\".join(source)), place, deed, size=size)


def _deed(view: View, place: Parts) -> Deed:
    return Deed.KEEP if view.spelling(place[:-1], place[-1]) else Deed.MAKE


def _inside(view: View, folder: Parts) -> Iterator[tuple[Parts, There]]:
    """Yield all folders and plain files below one, folders first."""
    pending = [folder]
    while pending:  # no recursion: a target may be deep
        above = pending.pop()
        for name in view.names(above):
            place = (*above, name)
            found = view.there(place)
            if found and found.directory:
                yield place, found
                pending.append(place)
            elif found and found.regular and not upcase(name).startswith(HIVE):
                yield place, found


@dataclass(slots=True)
class Copier:
    """Copies what the tasks of a default profile say; methods raise OSError, FailedError."""

    tree: Tree
    steps: Steps
    host: Host
    profiles: tuple[Profile, ...]

    def copy(self, task: Task) -> list[str]:
        """Copy one folder or file; return what could not be kept. Raises FailedError for a place in no profile."""
        of_place = (each for each in self.profiles if task.target[: len(each.place)] == each.place)
        profile = next(of_place, None)
        if profile is None:  # a journal may say anything
            raise FailedError("it is in no profile that is begun")
        source = profile.source(task.target)
        if self._is_folder(source):
            self.steps.folder(task.id, task.target)
            return self.host.dress_own(self.tree.directory(task.target), profile.person.sid)
        temporary = self.steps.temporary(task.id, task.target)
        with (
            os.fdopen(self.tree.open(source), "rb") as old,
            os.fdopen(self.tree.create(temporary), "wb") as new,
        ):
            while piece := old.read(PIECE):
                new.write(piece)
            new.flush()
            lost = self.host.dress_own(new.fileno(), profile.person.sid)
        self.steps.put(task.id, temporary, task.target)
        return lost

    def _is_folder(self, source: Parts) -> bool:
        try:
            self.tree.directory(source)
        except NotADirectoryError:
            return False
        return True
