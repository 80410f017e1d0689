"""What an export did, and what it could not: said at the end, and written into the archive itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from extractor.errors import CorruptStoreError
from extractor.model import printable
from extractor.store.export.members import Member

NOTES = "export.jsonl"
"""Name of the notes in an archive."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The end of an export; texts are printable."""

    objects: int
    files: int
    """Contents copied and proved, streams included."""
    bytes: int
    damaged: tuple[str, ...] = ()
    """What is missing because its bytes are not those that were stored."""
    left_out: tuple[str, ...] = ()
    """What this format cannot hold."""
    links: int = 0
    """Links that are only described, in the notes."""

    def check(self, store: Path) -> None:
        """Raise CorruptStoreError (42) with the number and the first name when bytes differ."""
        if self.damaged:
            raise CorruptStoreError(
                f"{store}: {len(self.damaged)} of its contents are not what its catalog says and are"
                f" missing from the export; first: {self.damaged[0]}"
            )


@dataclass(slots=True)
class Tally:
    """An export under way."""

    objects: int = 0
    files: int = 0
    copied: int = 0
    """Bytes."""
    damaged: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    links: int = 0
    notes: IO[bytes] | None = None
    """Takes a line for every object that is missing, or is not called as the store calls it: there may be millions."""

    def damage(self, shown: str, name: str, problem: str) -> None:
        """Note a content that is not what the catalog says."""
        self.damaged.append(f"{shown}: {problem}")
        self._note(_line({"what": "missing", "path": shown, "name": name, "why": problem}))

    def leave_out(self, member: Member, why: str) -> None:
        """Note what the format cannot hold."""
        self.left_out.append(f"{member.shown}: {why}")
        self._note(_line({"what": "left-out", **_about(member), "why": why}))

    def describe_link(self, member: Member) -> None:
        """Note a link that is no member."""
        reparse = member.record.metadata.reparse if member.record.metadata else None
        target = reparse.target if reparse else ""
        self.links += 1
        self._note(
            _line(
                {"what": "link", **_about(member), "tag": reparse.tag if reparse else 0}
                | {"target": printable(target), **_exact("target", target)}
            )
        )

    def name(self, member: Member, name: str) -> None:
        """Note a member whose name is not its place in the store."""
        if member.stream is not None and name != member.stream.stored_as:
            self._note(_line({"what": "renamed", "name": name, **_about(member)}))

    def result(self) -> Exported:
        """Return it as a value."""
        damaged, left_out = tuple(self.damaged), tuple(self.left_out)
        return Exported(self.objects, self.files, self.copied, damaged, left_out, self.links)

    def _note(self, line: str) -> None:
        if self.notes is not None:
            self.notes.write(line.encode())

    def text(self) -> Iterator[bytes]:
        """Yield the notes: a line that sums up, then theirs."""
        first = _line(
            {
                "format": "coldstate-export",
                "version": 1,
                "complete": not (self.damaged or self.left_out),
                "objects": self.objects,
                "files": self.files,
                "bytes": self.copied,
                "missing": len(self.damaged),
                "left_out": len(self.left_out),
                "links": self.links,
            }
        )
        yield first.encode()
        if self.notes is not None:
            self.notes.seek(0)
            while piece := self.notes.read(1 << 20):
                yield piece


def _about(member: Member) -> dict[str, object]:
    path = str(member.record.path)
    about: dict[str, object] = {"path": printable(path), **_exact("path", path)}
    if member.stream is not None:
        stream = member.stream
        about |= {"stream": printable(stream.name), **_exact("stream", stream.name)}
        about |= {"size": stream.size, "sha256": stream.sha256, "stored_as": stream.stored_as}
    return about


def _exact(key: str, text: str) -> dict[str, str]:
    if printable(text) == text:
        return {}
    return {f"{key}_utf16": text.encode("utf-16-le", "surrogatepass").hex()}


def _line(value: dict[str, object]) -> str:
    """Return a line; what is invisible in an exact name is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return (text if printable(text) == text else json.dumps(value)) + "\n"
