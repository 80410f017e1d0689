"""Files, folders and links of a store -> rows of the plan, in the order in which the script makes them.

The plan of a restore into an empty folder is made (the same names, the same two files of one name), only that the
target's folders are bases. What is at its place on the other Windows is seen there: a row carries the rule that then
decides. Links come last, so that nothing is ever written through one.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.kit.bases import Bases
from extractor.kit.contents import Contents, NotCarriedError
from extractor.model import FILE_ATTRIBUTE_DIRECTORY, ObjectKind, Record, WinPath, printable
from extractor.restore.journal import Journal, journal_of_plan
from extractor.restore.plan import STORED, Planner
from extractor.restore.reparse import MADE, MOUNT_POINT, SYMLINK
from extractor.restore.rules.asked import Asked, Request, subject_of
from extractor.restore.rules.content import kept
from extractor.restore.rules.file_content import joins
from extractor.restore.rules.locations import Locations
from extractor.restore.rules.merge import PATTERN
from extractor.restore.tasks import WRITES, Deed, Task
from extractor.restore.write import content_of, named_streams
from extractor.rules.model import Call
from extractor.store.columns import StoredObject, StoredStream
from extractor.store.extract.write import RAW
from extractor.store.opened import OpenStore
from extractor.store.safe_name import safe_name
from extractor.store.tree import open_tree

Row = dict[str, Any]
SAYS_SO = frozenset({"SourcePriority", "DestinationPriority", "NewestVersion"})
NO_LINK = "a reparse point that is no link: Windows' own drivers make those"
NOT_JOINED = "a kit does not join it with the file that is there: it is as it was stored"
LARGEST_TIME = 1 << 63
DEEDS = {Deed.KEEP: "keep", Deed.SKIP: "skip", Deed.REFUSE: "refuse"}


@dataclass(slots=True)
class Objects:
    """Makes the rows; ``corrupt`` counts contents that are not what was stored."""

    store: OpenStore
    locations: Locations
    contents: Contents
    corrupt: int = 0
    _bases: Bases = field(init=False)

    def __post_init__(self) -> None:
        self._bases = Bases(self.locations)

    @property
    def _asked(self) -> Asked:
        return self.locations.asked

    def rows(self, out: Path) -> Iterator[Row]:
        """Yield a row for each stored file, folder and link; ``out`` is what messages name."""
        with closing(journal_of_plan(out)) as journal:
            self._plan(journal)
            yield from self._made(journal, links=False)
            yield from self._made(journal, links=True)

    def _plan(self, journal: Journal) -> None:
        with tempfile.TemporaryDirectory() as empty, open_tree(empty) as tree:
            planner = Planner(
                store=self.store, tree=tree, journal=journal, locations=self.locations,
                places=self._bases, ntfs=True, blind=True,
            )  # fmt: skip
            planner.run()
            journal.commit()

    def _made(self, journal: Journal, *, links: bool) -> Iterator[Row]:
        tasks = journal.tasks("object > 0 AND kind IN ('file', 'directory', 'link')")
        for task, found in zip(tasks, self.store.objects(STORED), strict=True):
            if (found.record.kind is ObjectKind.LINK and not found.content) is links:
                yield self._row(task, found)

    def _row(self, task: Task, found: StoredObject) -> Row:
        row: Row = {"id": task.id, "kind": _kind(task, found), "source": task.source}
        if task.deed not in WRITES:
            reason = task.detail or task.conflict or task.why
            return {**row, "deed": DEEDS[task.deed], "reason": reason}
        try:
            body = self._body(row["kind"], task, found)
        except NotCarriedError as error:
            self.corrupt += error.corrupt
            return {**row, "deed": "refuse", "reason": printable(str(error))}
        token, *names = task.target
        if row["kind"] == "efs":
            names[-1] = _without_raw(names[-1])
        why = [self._why(found.record), task.conflict if task.deed is Deed.RENAME else ""]
        told = "; ".join(filter(None, why))
        place = {"base": self._bases.base(token), "names": names, "why": told}
        return {**row, "deed": "make", **place, **body}

    def _body(self, kind: str, task: Task, found: StoredObject) -> Row:
        record = found.record
        if kind == "link":
            return {**self._link(record), **_about(record)}
        streams = [self._stream(each) for each in named_streams(found)] if kind != "efs" else []
        body = {**_about(record), "streams": streams}
        if kind == "folder":
            return body
        own = self._stream(content_of(found), raw=kind == "efs")
        conflict = self._conflict(record)
        links = bool(record.metadata and record.metadata.link_count > 1)
        told = {each: own[each] for each in ("size", "sha256", "content")}
        if kind == "efs" and record.efs:
            told["size"] = record.efs.size
        lost = self._lost(record)
        return {"first": task.first, "links": links, **told, "lost": lost, **conflict, **body}

    def _link(self, record: Record) -> Row:
        """Return a junction or symbolic link: its tag, its bytes, and on a drive the place that it leads to."""
        about = record.metadata
        if about is None or about.reparse is None or about.reparse.tag not in MADE:
            raise NotCarriedError(NO_LINK)
        reparse = about.reparse
        moved = reparse.tag in {MOUNT_POINT, SYMLINK}
        return {
            "directory": bool(about.attributes & FILE_ATTRIBUTE_DIRECTORY),
            "tag": reparse.tag,
            "data": base64.b64encode(reparse.data).decode(),
            "target": self._led_to(WinPath.parse(reparse.target)) if moved else None,
        }

    def _led_to(self, target: WinPath) -> Row | None:
        """Return a place on a drive of the old machine; None for the root of one, and what is on none."""
        if len(target.drive) != 2 or ".." in target.parts:
            return None
        token, *names = self._bases.of(self.locations.renamed(target)) or ("",)
        if not token:
            return None
        return {"base": self._bases.base(token), "names": list(map(safe_name, names))}

    def _stream(self, stream: StoredStream, *, raw: bool = False) -> Row:
        if not stream.stored_as:
            raise NotCarriedError("the catalog does not say where its bytes lie", corrupt=True)
        place = self.contents.place(stream, raw=raw)
        return {"name": stream.name, "size": stream.size, "sha256": stream.sha256, "content": place}

    def _conflict(self, record: Record) -> Row:
        """Return the rule for when the name is taken, and what a file that gives way hands on."""
        merge = self._request("merge", record)
        keep = kept(self._call("contentModify", record))
        handed = {"security": keep.security, "times": keep.times, "attributes": keep.attributes}
        rule = rule_of(merge.call if merge else None)
        told = {**rule, "by": printable(merge.instruction.source) if merge else ""}
        return {"conflict": told, "keep": handed}

    def _call(self, kind: str, record: Record) -> Call | None:
        request = self._request(kind, record)
        return request.call if request else None

    def _request(self, kind: str, record: Record) -> Request | None:
        subject = subject_of(record)
        return self._asked.narrowest(kind, subject) if subject else None

    def _lost(self, record: Record) -> str:
        """Return what a rule makes of this file and of the one at its place, and a kit does not; empty for nothing.

        What such a rule says of no file is a note: it is the same wherever the kit is run.
        """
        request = self._request("contentModify", record)
        if request is None or request.call is None or request.call.function == "KeepExisting":
            return ""
        if joins(request.call):
            return printable(f"{request.call.function}: {NOT_JOINED}")
        self._asked.note(f"{request.why}: a kit does nothing of it: files come as they were stored")
        return ""

    def _why(self, record: Record) -> str:
        if self.locations.of(record).path.key == record.path.key:
            return ""
        request = self._request("locationModify", record)
        return printable(request.why) if request else ""


def rule_of(call: Call | None) -> Row:
    """Return what a merge rule says of a file whose name is taken; none: it comes under another name."""
    function = call.function if call else ""
    if call and function in SAYS_SO:
        return {"rule": function, "pattern": PATTERN, "tag": call.argument(0, "FileVersion")}
    by_pattern = call and function == "FindFilePlaceByPattern" and "<N>" in call.argument(0).upper()
    pattern = call.argument(0) if call and by_pattern else PATTERN
    return {"rule": "Rename", "pattern": pattern, "tag": ""}


def _kind(task: Task, found: StoredObject) -> str:
    record = found.record
    if record.kind is ObjectKind.DIRECTORY:
        return "folder"
    if record.kind is ObjectKind.LINK and not found.content:
        return "link"
    if record.efs is not None and record.efs.form == "raw":
        return "efs"
    return "hardlink" if task.first else "file"


def _about(record: Record) -> Row:
    """Return what is set on the object: FILETIMEs (0: left as it is), attributes, SDDL with the old machine's SIDs."""
    about = record.metadata
    if about is None:
        return {"times": [0, 0, 0, 0], "attributes": 0, "sddl": ""}
    told = (about.times.created, about.times.modified, about.times.changed, about.times.accessed)
    times = [each if 0 <= each < LARGEST_TIME else 0 for each in told]
    return {"times": times, "attributes": about.attributes, "sddl": printable(about.sddl)}


def _without_raw(name: str) -> str:
    """Return the name that an imported file has; one that would end as no name of Windows does is escaped."""
    stem = name.removesuffix(RAW)
    return f"{stem[:-1]}%{ord(stem[-1]):02X}" if stem[-1:] in {".", " "} else stem or name
