"""One file of a store -> a file of the target: written under a temporary name, changed, dressed, and then named.

A file goes its way in four stages, so that many can go together and the journal is told of all of them at once:
``begin`` (its folder, a temporary name), ``fill`` (content, streams, metadata), ``announce``, ``settle`` (its name).
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import dataclass

from extractor.errors import UnsupportedError
from extractor.model import Record
from extractor.restore.host import NOBODY, NOTHING, Host, Traits
from extractor.restore.rules.asked import Request, subject_of
from extractor.restore.rules.content import Kept, kept
from extractor.restore.rules.file_content import rewrite
from extractor.restore.rules.locations import Locations
from extractor.restore.steps import Steps
from extractor.restore.streams import Streams
from extractor.restore.tasks import Deed, End, Task
from extractor.restore.write import content_of, fill
from extractor.store.columns import StoredObject
from extractor.store.failures import NO_HARD_LINK
from extractor.store.opened import OpenStore
from extractor.store.tree import Parts

NO_LINK = NO_HARD_LINK | {errno.ENOENT, errno.EXDEV}
"""Answers after which a second name becomes a second file."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that has all but its name."""

    descriptor: int
    lost: list[str]
    """What of it could not be kept."""


@dataclass(slots=True)
class Files:
    """What writes the files of a plan; methods raise FailedError, CorruptStoreError, OSError."""

    store: OpenStore
    steps: Steps
    host: Host
    locations: Locations
    streams: Streams

    def write(self, task: Task, found: StoredObject) -> list[str]:
        """Write one file, or give one that was written its second name; return what could not be kept."""
        if task.first and self._hard_link(task):
            return []
        with ExitStack() as stack:
            temporary = self.steps.temporary(task.id, task.target)
            made = self.fill(task, found, temporary, stack)
            self.put(task, temporary)
            return self._named(found, made)

    def put(self, task: Task, temporary: Parts, *, is_link: bool = False) -> None:
        """Give what was made its name; what has it gives way where the plan says so."""
        if task.deed is Deed.REPLACE:
            self.steps.aside(task.id, task.target)
        self.steps.put(task.id, temporary, task.target, is_link=is_link)

    # --- the four stages --------------------------------------------------------------------------

    def begin(self, task: Task) -> Parts:
        """Return the temporary name of a file; the caller commits the journal before anything has it."""
        self.steps.journal.end(task.id, End.BEGUN)
        return self.steps.temporary(task.id, task.target, later=True)

    def fill(self, task: Task, found: StoredObject, temporary: Parts, stack: ExitStack) -> Made:
        """Write all of a file but its name; ``stack`` closes it."""
        fill(self.store, self.steps.tree, content_of(found), temporary)
        lost = self._changed(task, found.record, temporary)
        file = self.steps.tree.open(temporary)
        stack.callback(os.close, file)
        lost += self.streams.write(task.id, found, file, temporary, task.target)
        keep, there = self._kept(task, found.record)
        lost += self.host.dress(file, found.record, self.locations.people.sids, keep, there)
        return Made(file, lost)

    def announce(self, task: Task, temporary: Parts) -> bool:
        """Write down that a file gets its name; the caller commits the journal before it does."""
        self.steps.announce(task.id, temporary, task.target, later=True)
        return True

    def settle(self, task: Task, found: StoredObject, temporary: Parts, made: Made) -> list[str]:
        """Give a file its name; return what could not be kept."""
        self.steps.settle(temporary, task.target)
        return self._named(found, made)

    def _named(self, found: StoredObject, made: Made) -> list[str]:
        return made.lost + self.host.short_name(made.descriptor, found.record.short_name)

    # --- what rules and links make of it ----------------------------------------------------------

    def _hard_link(self, task: Task) -> bool:
        """Give a file that was restored its second name; False where that cannot be."""
        first = self.steps.journal.task(task.first)
        if first is None or first.state is not End.RESTORED:
            return False
        temporary = self.steps.temporary(task.id, task.target, 1)
        try:
            self.steps.tree.link(first.target, temporary)
        except OSError as error:
            if error.errno in NO_LINK:
                return False
            raise
        self.put(task, temporary)
        return True

    def _request(self, record: Record) -> Request | None:
        subject = subject_of(record)
        return self.locations.asked.narrowest("contentModify", subject) if subject else None

    def _kept(self, task: Task, record: Record) -> tuple[Kept, Traits]:
        """Return what ``KeepExisting`` leaves of the file that this one replaces, and what that one has."""
        request = self._request(record)
        keep = kept(request.call) if request and task.deed is Deed.REPLACE else NOTHING
        return keep, self._traits(task.target) if keep != NOTHING else NOBODY

    def _changed(self, task: Task, record: Record, place: Parts) -> list[str]:
        """Change the content of a file that has no name yet as ``contentModify`` says; return what could not be."""
        request = self._request(record)
        if request is None or request.call is None:
            return []
        try:
            there = task.target if task.deed is Deed.REPLACE else None
            rewrite(request.call, self.steps.tree, place, there)
        except UnsupportedError as error:
            return [f"{request.instruction.source}: {error}; it is as the store has it"]
        return []

    def _traits(self, place: Parts) -> Traits:
        file = self.steps.tree.open(place)
        try:
            return self.host.traits(file)
        finally:
            os.close(file)
