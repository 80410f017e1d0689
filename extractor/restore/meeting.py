"""An object whose name is taken at the target -> which of the two stays, and under which name.

What has the name may lie there already, or be another object of the store. Source: USMT "Conflicts and precedence".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from extractor.block_devices import Identity
from extractor.errors import UsageError
from extractor.model import ObjectKind, Record, printable
from extractor.restore.evidence import is_evidence
from extractor.restore.host import Host
from extractor.restore.reparse import moved_link
from extractor.restore.rules.asked import Request, subject_of
from extractor.restore.rules.file_content import joins
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.merge import Act, Decision, decide_file, free_name
from extractor.restore.rules.versions import Versions
from extractor.restore.tasks import Deed, Task
from extractor.restore.view import There, View
from extractor.store.columns import StoredObject
from extractor.store.digest import digest_of
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name
from extractor.store.tree import Parts, Tree

SAME = "the same content is there already"
SAME_LINK = "the same link is there already"
DEEDS = {Act.REPLACE: Deed.REPLACE, Act.KEEP: Deed.KEEP, Act.RENAME: Deed.RENAME}


@dataclass(slots=True)
class Meeting:
    """What decides where two want one name."""

    store: OpenStore
    tree: Tree
    locations: Locations
    view: View
    host: Host
    evidence: frozenset[Identity]

    def met(self, task: Task, found: StoredObject, wanted: str) -> Task:
        """Return the task with what becomes of what has its name; ``wanted`` is its own last name.

        Raises UsageError (11) when an image of the evidence is in the way, NoFreeNameError, CorruptStoreError, OSError.
        """
        there = None if self.view.is_planned(task.target) else self.view.there(task.target)
        if there and is_evidence(there.device, there.inode, self.evidence):
            name = "/".join(task.target)
            raise UsageError(f"{name} of the target is an image of the evidence; choose another target")  # fmt: skip
        if found.record.kind is ObjectKind.DIRECTORY:
            if there and not there.directory:
                return refused(task, "a file has the name of this folder")
            return replace(task, deed=Deed.KEEP, why=joined(task.why, "the folder is there already"))  # fmt: skip
        return self._decided(task, found, there, wanted)

    def _decided(self, task: Task, found: StoredObject, there: There | None, wanted: str) -> Task:
        """Return what becomes of a file or link whose name is taken: by something there, or of the store (None)."""
        request = self._request("merge", found.record)
        if there and there.regular and self._is_same(found, task.target, there):
            return replace(task, deed=Deed.KEEP, conflict=SAME)
        if self._is_same_link(found, task.target):
            return replace(task, deed=Deed.KEEP, conflict=SAME_LINK)
        joining = self._request("contentModify", found.record)
        if there and there.regular and joining and joins(joining.call):
            return replace(task, deed=Deed.REPLACE, conflict=printable(joining.why))
        if there is None or not there.regular:
            what = "another object of the store has" if there is None else "no plain file has"
            decision = Decision(Act.RENAME, f"{what} its name")
        else:
            versions = Versions(self.store, self.tree, found, task.target)
            decision = decide_file(request.call if request else None, versions.of)
        conflict = joined(request.instruction.source if request else "", decision.why)
        deed = DEEDS[decision.act]
        if deed is not Deed.RENAME:
            return replace(task, deed=deed, conflict=printable(conflict))
        place = self._free((*task.target[:-1], wanted), decision.pattern, found)
        if self.view.spelling(place[:-1], place[-1]):
            return replace(task, target=place, deed=Deed.KEEP, conflict=SAME)
        return replace(task, target=place, deed=deed, conflict=printable(conflict))

    def _free(self, place: Parts, pattern: str, found: StoredObject) -> Parts:
        """Return the first name of a pattern that is free, or that an earlier restore gave to the same content."""
        folder = place[:-1]

        def is_taken(name: str) -> bool:
            spelled = self.view.spelling(folder, safe_name(name))
            at = (*folder, spelled)
            there = None if not spelled or self.view.is_planned(at) else self.view.there(at)
            if there and there.regular and self._is_same(found, at, there):
                return False
            return bool(spelled)

        return (*folder, safe_name(free_name(place[-1], pattern, is_taken)))

    def _request(self, kind: str, record: Record) -> Request | None:
        subject = subject_of(record)
        return self.locations.asked.narrowest(kind, subject) if subject else None

    def _is_same(self, found: StoredObject, place: Parts, there: There) -> bool:
        content = found.content
        if not content or there.size != content.size or is_raw(found.record):
            return False
        file = self.tree.open(place)
        try:
            return _digest(file, content.sha256) == content.sha256
        finally:
            os.close(file)

    def _is_same_link(self, found: StoredObject, place: Parts) -> bool:
        """Tell whether a link is there that leads where the store's would."""
        about = found.record.metadata
        if not self.host.ntfs or found.content or about is None or about.reparse is None:
            return False
        there = self.host.reparse_at(self.tree.directory(place[:-1]), place[-1])
        return there == moved_link(about.reparse, self.locations.renamed)


def refused(task: Task, why: str) -> Task:
    """Return a task that cannot be done."""
    return replace(task, deed=Deed.REFUSE, conflict=printable(why), detail=printable(why))


def _digest(file: int, expected: str) -> str:
    return next(digest for _, digest in digest_of(file, expected) if digest)


def is_raw(record: Record) -> bool:
    """Tell whether a file is stored in the raw form of EFS."""
    return record.efs is not None and record.efs.form == "raw"


def joined(*words: str) -> str:
    """Return what there is of some words, with colons between."""
    return ": ".join(filter(None, words))
