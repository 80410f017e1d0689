r"""A path at the target, in the words of Windows -> names below a folder of this host, still unsafe.

``windows``: the folder is the root of the system drive, ``Users\bob\…``; what belongs to another drive that the target
has begins with its letter (``D:``). ``linux``: each user's folder is a home, with Documents, Pictures and browser
profiles where a desktop expects them; all else lies under its drive's letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum

from extractor.model import WinPath, upcase
from extractor.restore.journal import FOLDER
from extractor.restore.people.folders import BELOW_PROFILE
from extractor.restore.people.users import People, Person
from extractor.restore.rules.locations import Locations
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts


class Layout(StrEnum):
    """How a target is laid out."""

    WINDOWS = "windows"
    LINUX = "linux"


class Places:
    """Paths at the target -> names below its root, for one layout."""

    def __init__(
        self,
        layout: Layout,
        people: People,
        locations: Locations,
        folders: Mapping[str, Mapping[str, WinPath]],
        drives: Collection[str] = (),
    ) -> None:
        """``drives`` are the letters (``D:``) that the target has besides that of the system drive."""
        self._roots: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        """Keys of folders -> names of the host, the deepest first."""
        if layout is Layout.LINUX:
            homes = _homes(people)
            for each in people.persons:
                home = homes[each.user.sid]
                self._add(each.profile, (home,))
                for below, place in BELOW_PROFILE.items():
                    path = WinPath(each.profile.drive, (*each.profile.parts, *below))
                    self._add(path, (home, *place.split("/")))
                for name, folder in folders.get(each.user.sid, {}).items():
                    self._add(locations.renamed(folder), (home, name))
        self._roots.sort(key=lambda pair: -len(pair[0]))
        self._linux = layout is Layout.LINUX
        self._drives = frozenset() if self._linux else frozenset(map(upcase, drives))

    def _add(self, path: WinPath, names: tuple[str, ...]) -> None:
        self._roots.append((path.key, names))

    def of(self, path: WinPath) -> tuple[str, ...]:
        """Return the names below the root; none for a drive itself."""
        if not self._linux:
            return (*self._drive_of(path), *path.parts) if path.parts else ()
        key = path.key
        for root, names in self._roots:
            if key[: len(root)] == root:
                return (*names, *path.parts[len(root) - 1 :])
        return (path.drive.rstrip(":") or "no letter", *path.parts)

    def at(self, path: WinPath, ending: str = "") -> Parts:
        """Return the names below the root as they are made: safe, and never those of the journal's own folder.

        ``ending`` is added to the last. Only the letter of a drive keeps its colon, for it is no folder's name.
        """
        names = self.of(path)
        if not names:
            return ()
        drive = self._drive_of(path)
        names = names[len(drive) :]
        first, *rest = map(safe_name, (*names[:-1], names[-1] + ending))
        if upcase(first) == upcase(FOLDER):
            first = f"%2E{FOLDER[1:]}"
        return (*drive, first, *rest)

    def _drive_of(self, path: WinPath) -> Parts:
        """Return the letter of a drive that is a volume of its own at the target."""
        drive = upcase(path.drive)
        return (drive,) if drive in self._drives else ()


def _homes(people: People) -> dict[str, str]:
    """Return SID -> name of the home; two of one name in different domains have both in it."""
    names = Counter(upcase(each.name) for each in people.persons)
    return {each.user.sid: _home(each, names) for each in people.persons}


def _home(person: Person, names: Counter[str]) -> str:
    if not person.name:
        return person.profile.name
    alone = names[upcase(person.name)] == 1
    return person.name if alone or not person.domain else f"{person.name}.{person.domain}"
