"""A store, the people, the rules and what lies at the target -> tasks: what, from where, to where, why, which conflict.

Nothing is written. Every file, folder and link of the store becomes one task, and so does what a clean-up takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from extractor.block_devices import Identity
from extractor.errors import CorruptStoreError, SourceError, StoreLocationError
from extractor.model import ObjectKind, Record, printable
from extractor.restore.host import Host
from extractor.restore.journal import Journal
from extractor.restore.layout import Layout, Places
from extractor.restore.meeting import Meeting, is_raw, joined, refused
from extractor.restore.people.default_profile import default_tasks, profiles_of
from extractor.restore.rules.asked import Asked
from extractor.restore.rules.cleanup import ini_removals, registry_removals, removals
from extractor.restore.rules.locations import Locations, Placed
from extractor.restore.rules.merge import NoFreeNameError
from extractor.restore.rules.screening import Screen
from extractor.restore.settings.group_changes import group_changes
from extractor.restore.settings.holders import NowhereError
from extractor.restore.settings.moves import merging_of
from extractor.restore.settings.planning import SettingsPlanner
from extractor.restore.tasks import WRITES, Deed, Task
from extractor.restore.view import InTheWayError, View
from extractor.rules.config import Config
from extractor.store.columns import StoredObject
from extractor.store.extract.write import RAW
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree
from extractor.windows import WindowsInstall

STORED = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"
SETTINGS = "outcome = 'stored' AND kind IN ('key', 'value')"
A_HIVE = (
    "a hive of Windows is never replaced: the keys and values that rules chose are merged into it"
)
NO_WINDOWS = "the target is no Windows: the store's .reg files have it"
ONLY_NTFS = "links are made on an NTFS volume only"
EFS = "EFS in raw form, which WriteEncryptedFileRaw imports"
LARGEST = 1 << 48
"""Bytes that no file of NTFS has."""


@dataclass(slots=True)
class Planner:
    """A plan in the making; ``tree`` is the target, opened."""

    store: OpenStore
    tree: Tree
    journal: Journal
    locations: Locations
    places: Places
    layout: Layout = Layout.WINDOWS
    ntfs: bool = False
    evidence: frozenset[Identity] = frozenset()
    install: WindowsInstall | None = None
    """The Windows that the target is."""
    letters: Sequence[str] = ()
    """Drives of the old machine."""
    config: Config | None = None
    """Of ``--config``: components that do not come."""
    blind: bool = False
    """``tree`` is not the target, of which nothing is known: every object has one place, and no shortcut is dead."""
    _view: View = field(init=False)
    _settings: SettingsPlanner | None = field(init=False, default=None)
    _screen: Screen = field(init=False)
    _meeting: Meeting = field(init=False)
    _first: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Tasks that write a file which has several names."""
    _number: int = 0

    def __post_init__(self) -> None:
        self._view = View(self.tree)
        host = Host(self.tree.root)
        self._meeting = Meeting(
            self.store, self.tree, self.locations, self._view, host, self.evidence
        )
        drives = tuple(self.tree.roots)
        self._screen = Screen(
            self.store, self.locations, self._view, self.config, drives, looks=not self.blind
        )
        if self.install and self.layout is Layout.WINDOWS:
            merging = merging_of(
                self.tree, self._view, self.places, self.install, self.locations, self.letters
            )
            self._settings = SettingsPlanner(merging, self._next, self.journal.add)

    @property
    def _asked(self) -> Asked:
        return self.locations.asked

    def run(self) -> int:
        """Put all tasks into the journal; return how many objects there are.

        Raises UsageError (11) when an image of the evidence is in the way.
        """
        if self.layout is Layout.WINDOWS:
            for each in removals(self._view, self.locations, self._asked, self.tree):
                task = Task(self._next(), 0, "clean-up", str(each.path), each.place, Deed.REMOVE)
                self.journal.add(replace(task, source=printable(task.source), why=each.why))
        asked = 0
        for found in self.store.objects(STORED):
            for placed in self._placed(found.record):
                self.journal.add(self._task(found, placed))
                asked += 1
        self._begin_profiles()
        return asked + self._plan_settings()

    def _placed(self, record: Record) -> tuple[Placed, ...]:
        places = self.locations.all_of(record)
        return places[:1] if self.blind else places

    def _begin_profiles(self) -> None:
        """Put what a new profile is begun with into the journal."""
        if self._settings is None or self.install is None:
            return
        new = [each for each in self.locations.people.persons if each.is_new and not each.left_out]
        default = self.install.default_profile
        try:
            for profile in profiles_of(new, default, self._view, self.places):
                for task in default_tasks(profile, self._view, self._next):
                    self.journal.add(task)
        except (InTheWayError, OSError) as error:
            raise StoreLocationError(
                f"a new profile cannot be begun at the target: {error}"
            ) from error

    def _plan_settings(self) -> int:
        """Put the tasks of keys, values and people into the journal; return how many objects there are."""
        if self._settings and self.install:
            for removal in registry_removals(self.install.registry, self.locations, self._asked):
                self._settings.removal(removal)
            for each in ini_removals(self._view, self.tree, self.locations, self._asked):
                self._settings.ini_removal(each, self.locations.system)
            self._plan_people(self._settings)
        asked = 0
        for found in self.store.objects(SETTINGS):
            for placed in self._placed(found.record):
                self.journal.add(self._setting(found, placed))
                asked += 1
        if self._settings:
            self._settings.finish()
        return asked

    def _plan_people(self, settings: SettingsPlanner) -> None:
        """Put accounts, profiles and memberships into the journal; what the target has no place for is a note."""
        people, asked = self.locations.people, self._asked
        changes, notes = group_changes(asked.instructions, people, self.store.header)
        for note in notes:
            asked.note(note)
        try:
            for person in people.persons:
                if person.is_new and not person.left_out:
                    settings.person(person)
            for change in changes:
                settings.membership(change)
        except (NowhereError, SourceError) as error:
            asked.note(f"accounts and profiles are not all made: {error}")

    def _setting(self, found: StoredObject, placed: Placed) -> Task:
        task = self._begun(found)
        if task.deed is Deed.SKIP:
            return task
        if self._settings is None:
            return replace(task, deed=Deed.SKIP, why=NO_WINDOWS)
        return self._settings.task(task, found, placed)

    def _begun(self, found: StoredObject) -> Task:
        """Return the task of an object, skipped where a switch or a rule leaves it out."""
        record = found.record
        path = printable(str(record.path))
        task = Task(self._next(), found.id, record.kind.value, path, (), Deed.MAKE)
        left_out = self.locations.people.left_out(record.user)
        if left_out:
            return replace(task, deed=Deed.SKIP, why=f"left out: {left_out}")
        screened = self.screened(found)
        return replace(task, deed=Deed.SKIP, why=printable(screened)) if screened else task

    def screened(self, found: StoredObject) -> str:
        """Return why no component restores an object; what cannot be looked at comes."""
        try:
            return self._screen.left_out(found)
        except (CorruptStoreError, OSError):
            return ""

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _task(self, found: StoredObject, placed: Placed) -> Task:
        record = found.record
        task = self._begun(found)
        if task.deed is Deed.SKIP:
            return task
        if placed.skip:
            return replace(task, deed=Deed.SKIP, why=f"{placed.why}: {placed.skip}")
        task = replace(task, why=printable(placed.why))
        if record.kind is ObjectKind.LINK and not self.ntfs and not found.content:
            return replace(task, deed=Deed.SKIP, why=ONLY_NTFS)
        if self._settings and self._settings.merging.holders.is_hive(placed.path):
            return replace(task, deed=Deed.SKIP, why=A_HIVE)
        ending = ""
        if is_raw(record):
            ending, task = RAW, replace(task, why=joined(task.why, EFS))
        wanted = self.places.at(placed.path, ending)
        if not wanted:
            return replace(task, deed=Deed.KEEP, why="the root of the target")
        return self._at(task, found, wanted)

    def _at(self, task: Task, found: StoredObject, wanted: Parts) -> Task:
        """Return the task with its place, and what becomes of what is there."""
        task = replace(task, target=wanted)
        try:
            task = replace(task, target=self._view.place(wanted))
            if self._view.spelling(task.target[:-1], task.target[-1]):
                task = self._meeting.met(task, found, wanted[-1])
        except (InTheWayError, NoFreeNameError, CorruptStoreError) as error:
            return refused(task, str(error))
        except OSError as error:
            return refused(task, f"its place cannot be looked at: {error.strerror}")
        if task.deed in WRITES:
            self._view.plan(task.target)
        return self._sized(task, found)

    def _sized(self, task: Task, found: StoredObject) -> Task:
        """Return the task with the bytes that it writes, and the first name of a file that has several."""
        if task.deed not in WRITES:
            return task
        record = found.record
        size = sum(each.size for each in found.streams if each.stored_as)
        if size > LARGEST:
            return refused(task, f"the catalog gives it {size} bytes, more than a file of NTFS has")
        if record.kind is not ObjectKind.FILE or not record.metadata or record.pretended:
            return replace(task, size=size)
        if (record.metadata.link_count or 0) < 2:
            return replace(task, size=size)
        volume = self.tree.volume_of(task.target)  # a second name on another drive is another file
        identity = (volume, record.volume, record.record, record.sequence, record.sha256)
        first = self._first.setdefault(identity, task.id)
        return replace(task, size=size) if first == task.id else replace(task, first=first)


def rooms(journal: Journal) -> dict[str, tuple[int, int]]:
    """Return drive (empty: that of the system) -> bytes and files that are still to be written.

    Settings are not counted one by one: they lie in hives, which are files.
    """
    found: dict[str, tuple[int, int]] = {"": (0, 0)}
    for first, size, count in journal.rooms([each.value for each in WRITES]):
        drive = first if first.endswith(":") else ""
        before = found.get(drive, (0, 0))
        found[drive] = (before[0] + size, before[1] + count)
    return found


def needed(journal: Journal) -> tuple[int, int]:
    """Return the bytes and the files that are still to be written, on all drives."""
    found = rooms(journal).values()
    return sum(size for size, _ in found), sum(count for _, count in found)
