"""A plan -> the target: each task is begun, written, hashed, put in its place and ended, and each step is journaled.

A run that was killed goes on: what was begun is taken back and made again. Bytes that are not what was stored never get
their name. Each task ends as restored, kept, skipped or failed, and the sums are checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from extractor.errors import CorruptStoreError, StoreError
from extractor.model import FILE_ATTRIBUTE_DIRECTORY, ObjectKind, Record, printable
from extractor.restore.files import Files
from extractor.restore.host import Host
from extractor.restore.journal import WHOLE, Journal
from extractor.restore.people.default_profile import KIND as DEFAULT
from extractor.restore.people.default_profile import Copier, Profile
from extractor.restore.reparse import MADE, moved_link
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.processing import Emptying, empty_folders
from extractor.restore.runs import Run
from extractor.restore.settings.writing import SettingsWriter
from extractor.restore.steps import Steps
from extractor.restore.streams import Streams
from extractor.restore.target.place import Target
from extractor.restore.tasks import Deed, End, Task
from extractor.restore.view import View
from extractor.restore.write import THE_END, FailedError
from extractor.store.columns import StoredObject
from extractor.store.failures import free_space
from extractor.store.listing import objects_of
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts, Tree

BATCH = 200
"""Objects asked of the catalog at a time."""
GROUP = 50
"""Files written together, each open until all have their names."""
T = TypeVar("T")


def _silence(_: Task, __: End) -> None:
    """Tell nobody."""


def _no_settings() -> None:
    """Write no hives."""


@dataclass(slots=True)
class Applier:
    """A restore under way."""

    store: OpenStore
    target: Target
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
    _files: Files = field(init=False)

    def __post_init__(self) -> None:
        self.tree, self.journal = self.run.tree, self.run.journal
        self.streams = Streams(self.store, self.steps, self.host)
        self._sids = self.locations.people.sids
        self._copier = Copier(self.tree, self.steps, self.host, self.profiles)
        self._files = Files(self.store, self.steps, self.host, self.locations, self.streams)

    def work(self) -> None:
        """Do all that is left of the plan; raise StoreError (72) when nothing can be written any more."""
        try:
            self._work_on()
        except OSError as error:
            raise StoreError(
                f"{self.target.shown}: cannot be written: {error.strerror} ({free_space(self.target.root)})"
            ) from error

    def _work_on(self) -> None:
        self._take_back()
        for batch in self._batches(f"state = 'open' AND {WHOLE} AND kind NOT IN ('hive', 'ini')"):
            ids = [task.object for task in batch if task.object]
            self._batch(batch, {each.id: each for each in objects_of(self.store, ids)})
        settings = self.settings()
        if settings:
            settings.work()
        self._remove_empty()
        self._date_folders()
        self.journal.commit()

    def _batch(self, tasks: Sequence[Task], found: Mapping[int, StoredObject]) -> None:
        """Do some tasks: files whose places are free go together, after what they may need, before their links."""
        plain = [each for each in tasks if _is_plain(each, found.get(each.object))]
        numbers = {each.id for each in plain}
        others = [each for each in tasks if each.id not in numbers]
        for task in others:
            if not task.first:
                self._do(task, found.get(task.object))
        for at in range(0, len(plain), GROUP):
            self._group([(each, found[each.object]) for each in plain[at : at + GROUP]])
        for task in others:
            if task.first:
                self._do(task, found.get(task.object))

    def _group(self, members: Sequence[tuple[Task, StoredObject]]) -> None:
        """Write files together: what the journal has to know before each stage it is told of all of them at once."""
        files = self._files
        with ExitStack() as stack:
            begun = [
                (task, found, temporary)
                for task, found in members
                if (temporary := self._tried(task, partial(files.begin, task)))
            ]
            self.journal.commit()
            filled = [
                (task, found, temporary, made)
                for task, found, temporary in begun
                if (made := self._tried(task, partial(files.fill, task, found, temporary, stack)))
            ]
            ready = [
                each
                for each in filled
                if self._tried(each[0], partial(files.announce, each[0], each[2]))
            ]
            self.journal.commit()
            for task, found, temporary, made in ready:
                lost = self._tried(task, partial(files.settle, task, found, temporary, made))
                if lost is not None:
                    self._ended(task, End.RESTORED, "; ".join(lost))

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
        lost = self._tried(task, partial(self._work, task, found))
        if lost is not None:
            end = End.REMOVED if task.deed is Deed.REMOVE else End.RESTORED
            self._ended(task, end, "; ".join(lost))

    def _tried(self, task: Task, work: Callable[[], T]) -> T | None:
        """Do a part of a task; where it fails the task ends so, and None is returned."""
        try:
            return work()
        except (FailedError, CorruptStoreError) as error:
            detail = str(error)
        except OSError as error:
            if error.errno in THE_END:
                raise
            detail = f"cannot be written: {error.strerror or error}"
        self.steps.undo(self.journal.steps(task.id))
        self._ended(task, End.FAILED, detail)
        return None

    def _ended(self, task: Task, end: End, detail: str) -> None:
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
        return self._files.write(task, found)

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
            self._files.put(task, temporary, is_link=True)
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


def _is_plain(task: Task, found: StoredObject | None) -> bool:
    """Tell whether a task makes a file, or a link that becomes one, where nothing is in its way."""
    if found is None or task.kind != ObjectKind.FILE or task.first or not task.object:
        return False
    return task.deed in {Deed.MAKE, Deed.RENAME}


def _is_link(record: Record) -> bool:
    reparse = record.metadata.reparse if record.metadata else None
    return reparse is not None and reparse.tag in MADE
