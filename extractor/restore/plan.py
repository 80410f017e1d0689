"""A store, the people, the rules and what lies at the target -> tasks: what, from where, to where, why, which conflict.

Nothing is written. Every file, folder and link of the store becomes one task, and so does what a clean-up takes away.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from extractor.errors import CorruptStoreError, UsageError
from extractor.model import ObjectKind, Record, printable, upcase
from extractor.restore.asked import Asked, Request, subject_of
from extractor.restore.cleanup import removals
from extractor.restore.evidence import Identity, is_evidence
from extractor.restore.journal import FOLDER, Journal
from extractor.restore.layout import Layout, Places
from extractor.restore.locations import Locations
from extractor.restore.merge import Act, Decision, NoFreeNameError, decide_file, free_name
from extractor.restore.tasks import WRITES, Deed, End, Task
from extractor.restore.versions import Versions
from extractor.restore.view import InTheWayError, There, View
from extractor.store.columns import StoredObject
from extractor.store.digest import digest_of
from extractor.store.extract.write import RAW
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts, Tree

STORED = "outcome = 'stored' AND kind IN ('file', 'directory', 'link')"
ONLY_NTFS = "links are made on an NTFS volume only"
EFS = "EFS in raw form, which WriteEncryptedFileRaw imports"
SAME = "the same content is there already"
DEEDS = {Act.REPLACE: Deed.REPLACE, Act.KEEP: Deed.KEEP, Act.RENAME: Deed.RENAME}


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
    _view: View = field(init=False)
    _first: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Tasks that write a file which has several names."""
    _number: int = 0

    def __post_init__(self) -> None:
        self._view = View(self.tree)

    @property
    def _asked(self) -> Asked:
        return self.locations.asked

    def run(self) -> int:
        """Put all tasks into the journal; return how many objects there are.

        Raises UsageError (11) when an image of the evidence is in the way.
        """
        if self.layout is Layout.WINDOWS:
            for each in removals(self._view, self.locations, self._asked):
                self._number += 1
                task = Task(self._number, 0, "clean-up", str(each.path), each.place, Deed.REMOVE)
                self.journal.add(replace(task, source=printable(task.source), why=each.why))
        removed = self._number
        for found in self.store.objects(STORED):
            self._number += 1
            self.journal.add(self._task(found))
        return self._number - removed

    def _task(self, found: StoredObject) -> Task:
        record = found.record
        path = printable(str(record.path))
        task = Task(self._number, found.id, record.kind.value, path, (), Deed.MAKE)
        left_out = self.locations.people.left_out(record.user)
        if left_out:
            return replace(task, deed=Deed.SKIP, why=f"left out by {left_out}")
        placed = self.locations.of(record)
        if placed.skip:
            return replace(task, deed=Deed.SKIP, why=f"{placed.why}: {placed.skip}")
        task = replace(task, why=printable(placed.why))
        if record.kind is ObjectKind.LINK and not self.ntfs and not found.content:
            return replace(task, deed=Deed.SKIP, why=ONLY_NTFS)
        names = self.places.of(placed.path)
        if not names:
            return replace(task, deed=Deed.KEEP, why="the root of the target")
        ending = ""
        if _is_raw(record):
            ending, task = RAW, replace(task, why=_joined(task.why, EFS))
        wanted = (*map(safe_name, names[:-1]), safe_name(names[-1] + ending))
        return self._at(task, found, wanted)

    def _at(self, task: Task, found: StoredObject, wanted: Parts) -> Task:
        """Return the task with its place, and what becomes of what is there."""
        wanted = _beside_journal(wanted)
        task = replace(task, target=wanted)
        try:
            task = replace(task, target=self._view.place(wanted))
            if self._view.spelling(task.target[:-1], task.target[-1]):
                task = self._met(task, found, wanted[-1])
        except (InTheWayError, NoFreeNameError, CorruptStoreError) as error:
            return _refused(task, str(error))
        except OSError as error:
            return _refused(task, f"its place cannot be looked at: {error.strerror}")
        if task.deed in WRITES:
            self._view.plan(task.target)
        return self._sized(task, found)

    def _met(self, task: Task, found: StoredObject, wanted: str) -> Task:
        there = None if self._view.is_planned(task.target) else self._view.there(task.target)
        if there and is_evidence(there.device, there.inode, self.evidence):
            name = "/".join(task.target)
            raise UsageError(f"{name} of the target is an image of the evidence; choose another target")  # fmt: skip
        if found.record.kind is ObjectKind.DIRECTORY:
            if there and not there.directory:
                return _refused(task, "a file has the name of this folder")
            return replace(task, deed=Deed.KEEP, why=_joined(task.why, "the folder is there already"))  # fmt: skip
        return self._decided(task, found, there, wanted)

    def _decided(self, task: Task, found: StoredObject, there: There | None, wanted: str) -> Task:
        """Return what becomes of a file or link whose name is taken: by something there, or of the store (None)."""
        request = self._request("merge", found.record)
        if there and there.regular and self._is_same(found, task.target, there):
            return replace(task, deed=Deed.KEEP, conflict=SAME)
        if there is None or not there.regular:
            what = "another object of the store has" if there is None else "no plain file has"
            decision = Decision(Act.RENAME, f"{what} its name")
        else:
            versions = Versions(self.store, self.tree, found, task.target)
            decision = decide_file(request.call if request else None, versions.of)
        conflict = _joined(request.instruction.source if request else "", decision.why)
        deed = DEEDS[decision.act]
        if deed is not Deed.RENAME:
            return replace(task, deed=deed, conflict=printable(conflict))
        place = self._free((*task.target[:-1], wanted), decision.pattern, found)
        if self._view.spelling(place[:-1], place[-1]):
            return replace(task, target=place, deed=Deed.KEEP, conflict=SAME)
        return replace(task, target=place, deed=deed, conflict=printable(conflict))

    def _free(self, place: Parts, pattern: str, found: StoredObject) -> Parts:
        """Return the first name of a pattern that is free, or that an earlier restore gave to the same content."""
        folder = place[:-1]

        def is_taken(name: str) -> bool:
            spelled = self._view.spelling(folder, safe_name(name))
            at = (*folder, spelled)
            there = None if not spelled or self._view.is_planned(at) else self._view.there(at)
            if there and there.regular and self._is_same(found, at, there):
                return False
            return bool(spelled)

        return (*folder, safe_name(free_name(place[-1], pattern, is_taken)))

    def _request(self, kind: str, record: Record) -> Request | None:
        subject = subject_of(record)
        return self._asked.narrowest(kind, subject) if subject else None

    def _is_same(self, found: StoredObject, place: Parts, there: There) -> bool:
        content = found.content
        if not content or there.size != content.size or _is_raw(found.record):
            return False
        file = self.tree.open(place)
        try:
            return _digest(file, content.sha256) == content.sha256
        finally:
            os.close(file)

    def _sized(self, task: Task, found: StoredObject) -> Task:
        """Return the task with the bytes that it writes, and the first name of a file that has several."""
        if task.deed not in WRITES:
            return task
        record = found.record
        size = sum(each.size for each in found.streams if each.stored_as)
        if record.kind is not ObjectKind.FILE or not record.metadata or record.pretended:
            return replace(task, size=size)
        if record.metadata.link_count < 2:
            return replace(task, size=size)
        identity = (record.volume, record.record, record.sequence, record.sha256)
        first = self._first.setdefault(identity, task.id)
        return replace(task, size=size) if first == task.id else replace(task, first=first)


def _refused(task: Task, why: str) -> Task:
    return replace(task, deed=Deed.REFUSE, conflict=printable(why), detail=printable(why))


def _beside_journal(wanted: Parts) -> Parts:
    """Return a place that is not in the journal's own folder, whatever the evidence calls its files."""
    if upcase(wanted[0]) == upcase(FOLDER):
        return (f"%2E{FOLDER[1:]}", *wanted[1:])
    return wanted


def _digest(file: int, expected: str) -> str:
    return next(digest for _, digest in digest_of(file, expected) if digest)


def _is_raw(record: Record) -> bool:
    return record.efs is not None and record.efs.form == "raw"


def _joined(*words: str) -> str:
    return ": ".join(filter(None, words))


def needed(journal: Journal) -> tuple[int, int]:
    """Return the bytes and the objects that are still to be written."""
    sums = [
        told
        for (deed, end), told in journal.sums().items()
        if deed in WRITES and end in {End.OPEN, End.BEGUN}
    ]
    return sum(size for _, size in sums), sum(count for count, _ in sums)
