"""The catalog -> what was taken: by person, kind of folder, application and kind of file; the largest files.

Sums are made by SQLite, or while rows pass by: what is kept does not grow with the number of objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from extractor.report.page.book import SIZE, Book, Tally, joined
from extractor.report.page.components import Origin, Origins
from extractor.report.page.found import Person
from extractor.report.page.kinds import APPLICATION_DATA, folder_of, kind_of_name

LARGEST = 12
"""Files that are named as the largest."""
_MASK = (1 << 64) - 1


@dataclass(slots=True)
class Share:
    """What one person has in the store; the person is empty for the machine."""

    sid: str
    files: Tally = field(default_factory=Tally)
    settings: int = 0
    """Registry keys and values, INI values."""


@dataclass(slots=True)
class Application:
    """What was taken of one component."""

    origin: Origin
    files: Tally = field(default_factory=Tally)
    settings: int = 0
    people: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class LargeFile:
    """One of the largest files."""

    path: str
    sid: str
    size: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What is in the store."""

    kinds: Mapping[str, Tally]
    """Objects by what they are: file, directory, link, key, value."""
    shares: Mapping[str, Share]
    """By SID, empty for the machine."""
    folders: Mapping[str, Mapping[str, Tally]]
    """Kind of folder, then SID."""
    applications: tuple[Application, ...]
    types: Mapping[str, Tally]
    largest: tuple[LargeFile, ...]


def taken(book: Book, people: tuple[Person, ...], origins: Origins) -> Taken:
    """Return what was taken."""
    kinds: dict[str, Tally] = defaultdict(Tally)
    shares: dict[str, Share] = {}
    applications: dict[Origin, Application] = {}
    sql = f"SELECT kind, user, rule, count(*), {SIZE} FROM objects WHERE outcome = 'stored' GROUP BY 1, 2, 3"  # noqa: S608  no value is in it
    for kind, sid, rule, count, high, low in book.rows(sql):
        size = joined(high, low)
        kinds[kind].add(count, size)
        if kind not in _COUNTED:
            continue
        share = shares.setdefault(sid, Share(sid))
        origin = origins.of(rule)
        application = applications.setdefault(origin, Application(origin))
        application.people.add(sid)
        if kind == "file":
            share.files.add(count, size)
            application.files.add(count, size)
        else:
            share.settings += count
            application.settings += count
    folders, types = _files(book, people, origins)
    return Taken(kinds, shares, folders, _ordered(applications), types, _largest(book))


_COUNTED = frozenset({"file", "key", "value"})


def _ordered(applications: Mapping[Origin, Application]) -> tuple[Application, ...]:
    listed = (each for each in applications.values() if not each.origin.is_folder)
    return tuple(
        sorted(listed, key=lambda each: (-each.files.bytes, -each.settings, each.origin.name))
    )


def _files(
    book: Book, people: tuple[Person, ...], origins: Origins
) -> tuple[Mapping[str, Mapping[str, Tally]], Mapping[str, Tally]]:
    """Return stored files by kind of folder and person, and by kind of file."""
    profiles = {each.sid: each.profile for each in people if each.comes}
    folders: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    types: dict[str, Tally] = defaultdict(Tally)
    sql = "SELECT user, rule, path, size FROM objects WHERE kind = 'file' AND outcome = 'stored'"
    for sid, rule, path, signed in book.rows(sql):
        size = signed & _MASK
        origin = origins.of(rule)
        if origin.is_folder:
            folder = origin.name
        elif origin.is_known and sid:
            folder = APPLICATION_DATA
        elif origin.is_known:
            folder = "Data of programs and Windows"
        else:
            folder = folder_of(path, profiles.get(sid, ""))
        folders[folder][sid].add(1, size)
        types[kind_of_name(path)].add(1, size)
    return folders, types


def _largest(book: Book) -> tuple[LargeFile, ...]:
    sql = (
        "SELECT path, user, size FROM objects WHERE kind = 'file' AND outcome = 'stored'"
        " ORDER BY size < 0 DESC, size DESC, sort_key LIMIT ?"
    )
    return tuple(LargeFile(path, sid, size & _MASK) for path, sid, size in book.rows(sql, LARGEST))
