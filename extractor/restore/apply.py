"""A plan -> the target: each task is begun, written, hashed, put in its place and ended, and each step is journaled.

A run that was killed goes on: what was begun is taken back and made again. Bytes that are not what was stored never get
their name. Each task ends as restored, kept, skipped or failed, and the sums are checked.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from extractor.errors import CorruptStoreError, StoreError, UnsupportedError
from extractor.model import FILE_ATTRIBUTE_DIRECTORY, ObjectKind, Record, printable
from extractor.restore.asked import subject_of
from extractor.restore.content import Kept, kept
from extractor.restore.default_profile import KIND as DEFAULT
from extractor.restore.default_profile import Copier, Profile
from extractor.restore.file_content import rewrite
from extractor.restore.host import NOBODY, NOTHING, Host, Traits
from extractor.restore.journal import WHOLE, Journal
from extractor.restore.locations import Locations
from extractor.restore.processing import Emptying, empty_folders
from extractor.restore.reparse import MADE, moved_link
from extractor.restore.runs import Run
from extractor.restore.settings.writing import SettingsWriter
from extractor.restore.steps import Steps
from extractor.restore.streams import Streams
from extractor.restore.tasks import Deed, End, Task
from extractor.restore.view import View
from extractor.restore.write import THE_END, FailedError, content_of, fill
from extractor.store.columns import StoredObject
from extractor.store.failures import NO_HARD_LINK, free_space
from extractor.store.listing import objects_of
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree

BATCH = 200
"""Objects asked of the catalog at a time."""
_NO_LINK = NO_HARD_LINK | {errno.ENOENT}


def _silence(_: Task, __: End) -> None:
    """Tell nobody."""


def _no_settings() -> None:
    """Write no hives."""


@dataclass(slots=True)
class Applier:
    """A restore under way; ``target`` is what messages name."""

    store: OpenStore
    target: Path
    run: Run
    steps: Steps
    locations: Locations
    host: Host
    observer: Callable[[Task, End], None] = _silence
    settings: Callable[[], SettingsWriter | None] = _no_settings
    """What writes the hives, once all files are there."""
    profiles: tuple[Profile, ...] = ()
    """Of people, with what a new one is begun with."""
    emptyings: Sequence[Emptying] = ()
    """Folders that go at the end where nothing is in them."""
    tree: Tree = field(init=False)
    journal: Journal = field(init=False)
    streams: Streams = field(init=False)
    _sids: dict[str, str] = field(init=False)
    _copier: Copier = field(init=False)

    def __post_init__(self) -> None:
        self.tree, self.journal = self.run.tree, self.run.journal
        self.streams = Streams(self.store, self.steps, self.host)
        self._sids = self.locations.people.sids
        self._copier = Copier(self.tree, self.steps, self.host, self.profiles)

    def work(self) -> None:
        """Do all that is left of the plan; raise StoreError (72) when nothing can be written any more."""
        try:
            self._work_on()
        except OSError as error:
            raise StoreError(
                f"{self.target}: cannot be written: {error.strerror} ({free_space(self.target)})"
            ) from error

    def _work_on(self) -> None:
        self._take_back()
        for batch in self._batches(f"state = 'open' AND {WHOLE} AND kind NOT IN ('hive', 'ini')"):
            ids = [task.object for task in batch if task.object]
            found = {each.id: each for each in objects_of(self.store, ids)}
            for task in batch:
                self._do(task, found.get(task.object))
        settings = self.settings()
        if settings:
            settings.work()
        self._remove_empty()
        self._date_folders()
        self.journal.commit()

    def _remove_empty(self) -> None:
        """Take away the folders that rules want gone where nothing is in them by now."""
        last = next(self.journal.tasks("id = (SELECT max(id) FROM tasks)"), None)
        number = last.id if last else 0
        for each in empty_folders(View(self.tree), self.tree, self.locations, self.emptyings):
            number += 1
            source = printable(str(each.path))
            task = Task(number, 0, "clean-up", source, each.place, Deed.REMOVE, each.why)
            self.journal.add(task)
            self.journal.commit()
            self._do(task, None)

    def _batches(self, where: str) -> Iterator[list[Task]]:
        """Yield tasks, some at a time: they change while they are read."""
        last = 0
        while batch := list(self.journal.tasks(f"{where} AND id > {last}", BATCH)):
            yield batch
            last = batch[-1].id

    def _take_back(self) -> None:
        """Take back what was begun when an earlier run ended."""
        for task in list(self.journal.tasks("state = 'begun'")):
            self.steps.undo(self.journal.steps(task.id))
            self.journal.end(task.id, End.OPEN)
        self.journal.commit()

    def _do(self, task: Task, found: StoredObject | None) -> None:
        self.journal.end(task.id, End.BEGUN)
        try:
            detail = "; ".join(self._work(task, found))
            end = End.REMOVED if task.deed is Deed.REMOVE else End.RESTORED
        except (FailedError, CorruptStoreError) as error:
            end, detail = End.FAILED, str(error)
        except OSError as error:
            if error.errno in THE_END:
                raise
            end, detail = End.FAILED, f"cannot be written: {error.strerror or error}"
        if end is End.FAILED:
            self.steps.undo(self.journal.steps(task.id))
        self.journal.end(task.id, end, printable(detail))
        self.observer(task, end)

    def _work(self, task: Task, found: StoredObject | None) -> list[str]:
        """Do one task; return what could not be kept."""
        if task.deed is Deed.REMOVE:
            self.steps.aside(task.id, task.target)
            return []
        if task.kind == DEFAULT:
            return self._copier.copy(task)
        if found is None:
            raise FailedError("the catalog has no such object any more")
        record = found.record
        if record.kind is ObjectKind.DIRECTORY:
            return self._folder(task, found)
        if record.kind is ObjectKind.LINK and self.host.ntfs and _is_link(record):
            return self._link(task, record)
        return self._file(task, found)

    # --- folders and links ------------------------------------------------------------------------

    def _folder(self, task: Task, found: StoredObject) -> list[str]:
        self.steps.folder(task.id, task.target)
        file = os.dup(self.tree.directory(task.target))
        try:
            lost = self.host.dress(file, found.record, self._sids)
            lost += self.streams.write(task.id, found, file, task.target, task.target)
            return lost + self.host.short_name(file, found.record.short_name)
        finally:
            os.close(file)

    def _date_folders(self) -> None:
        """Give the folders their times once nothing is written into them any more."""
        for batch in self._batches("state = 'restored' AND kind = 'directory'"):
            places = {task.object: task.target for task in batch}
            for found in objects_of(self.store, places):
                try:
                    folder = self.tree.directory(places[found.id])
                except OSError:  # somebody removed it meanwhile
                    continue
                self.host.dress(folder, found.record, self._sids)

    def _link(self, task: Task, record: Record) -> list[str]:
        """Make a junction or symbolic link: an empty file or folder that becomes one, last of all.

        It changes its kind under the eyes of the kernel, which FUSE answers with an error until it looks anew.
        """
        about = record.metadata
        if about is None or about.reparse is None:
            raise FailedError("the catalog does not say where it leads")
        temporary = self.steps.temporary(task.id, task.target)
        file = self._empty(temporary, directory=bool(about.attributes & FILE_ATTRIBUTE_DIRECTORY))
        try:
            self._put(task, temporary, is_link=True)
            lost = self.host.short_name(file, record.short_name)
            self.host.link(file, moved_link(about.reparse, self.locations.renamed))
            lost += self.host.dress(file, record, self._sids)
        finally:
            os.close(file)
        with suppress(OSError):  # so the kernel forgets that it was none: the first look fails
            os.stat(task.target[-1], dir_fd=self.tree.directory(task.target[:-1]))
        return lost

    def _empty(self, place: Parts, *, directory: bool) -> int:
        """Return a descriptor of a new, empty file or folder."""
        if not directory:
            return self.tree.create(place)
        parent = self.tree.directory(place[:-1])
        os.mkdir(place[-1], dir_fd=parent)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(place[-1], flags, dir_fd=parent)

    # --- files ------------------------------------------------------------------------------------

    def _file(self, task: Task, found: StoredObject) -> list[str]:
        if task.first and self._hard_link(task):
            return []
        temporary = self.steps.temporary(task.id, task.target)
        fill(self.store, self.tree, content_of(found), temporary)
        changed = self._changed(task, found.record, temporary)
        file = self.tree.open(temporary)
        try:
            lost = changed + self.streams.write(task.id, found, file, temporary, task.target)
            keep, there = self._kept(task, found.record)
            lost += self.host.dress(file, found.record, self._sids, keep, there)
            self._put(task, temporary)
            return lost + self.host.short_name(file, found.record.short_name)
        finally:
            os.close(file)

    def _hard_link(self, task: Task) -> bool:
        """Give a file that was restored its second name; False where that cannot be."""
        first = self.journal.task(task.first)
        if first is None or first.state is not End.RESTORED:
            return False
        temporary = self.steps.temporary(task.id, task.target, 1)
        try:
            self.tree.link(first.target, temporary)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        self._put(task, temporary)
        return True

    def _put(self, task: Task, temporary: Parts, *, is_link: bool = False) -> None:
        if task.deed is Deed.REPLACE:
            self.steps.aside(task.id, task.target)
        self.steps.put(task.id, temporary, task.target, is_link=is_link)

    def _kept(self, task: Task, record: Record) -> tuple[Kept, Traits]:
        """Return what ``KeepExisting`` leaves of the file that this one replaces, and what that one has."""
        subject = subject_of(record)
        request = self.locations.asked.narrowest("contentModify", subject) if subject else None
        keep = kept(request.call) if request and task.deed is Deed.REPLACE else NOTHING
        return keep, self._traits(task.target) if keep != NOTHING else NOBODY

    def _changed(self, task: Task, record: Record, place: Parts) -> list[str]:
        """Change the content of a file that has no name yet as ``contentModify`` says; return what could not be."""
        subject = subject_of(record)
        request = self.locations.asked.narrowest("contentModify", subject) if subject else None
        if request is None or request.call is None:
            return []
        try:
            there = task.target if task.deed is Deed.REPLACE else None
            rewrite(request.call, self.tree, place, there)
        except UnsupportedError as error:
            return [f"{request.instruction.source}: {error}; it is as the store has it"]
        return []

    def _traits(self, place: Parts) -> Traits:
        file = self.tree.open(place)
        try:
            return self.host.traits(file)
        finally:
            os.close(file)


def _is_link(record: Record) -> bool:
    reparse = record.metadata.reparse if record.metadata else None
    return reparse is not None and reparse.tag in MADE
