"""One object and the rules' verdict -> what selection tells of it: Selected, Unreadable, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.filesystems.tree import is_link
from extractor.model import Damage, Entry, Metadata, ObjectKind, Selected, Times, WinPath
from extractor.rules.model import Verb
from extractor.seams import Filesystem
from extractor.select.precedence import Verdict
from extractor.select.scene import Unreadable
from extractor.select.users import Choice

UNKNOWN = Metadata(attributes=0, times=Times())
"""Stands where an object that is not taken could not be read either."""

NO_RULE = "no rule includes it"


@dataclass(frozen=True, slots=True)
class Subject:
    """An entry at its path, the user in whose profile it lies (if any), and what the rules say of it."""

    entry: Entry
    path: WinPath
    owner: Choice | None
    said: Verdict

    @property
    def kind(self) -> ObjectKind:
        """A junction or symbolic link is a link; a cloud or overlay tag leaves a file what it is."""
        if is_link(self.entry):
            return ObjectKind.LINK
        return ObjectKind.DIRECTORY if self.entry.directory else ObjectKind.FILE

    @property
    def is_chosen(self) -> bool:
        """True when the rules choose it and its owner, if any, comes."""
        return self.said.chosen and (self.owner is None or self.owner.selected)

    @property
    def is_told(self) -> bool:
        """True in profiles, and elsewhere where an include speaks of it."""
        return self.owner is not None or self.said.rule is not None

    @property
    def scope(self) -> str:
        """SID of the owner, else of the user whose rule decided, else empty: the machine."""
        if self.owner:
            return self.owner.user.sid
        return self.said.rule.scope if self.said.rule else ""

    @property
    def rule(self) -> str:
        """``file:line`` of the deciding pattern."""
        by_user = self.owner is not None and not self.owner.selected
        return "" if by_user or self.said.rule is None else self.said.rule.source

    @property
    def reason(self) -> str:
        """Why it is not taken, empty when it is."""
        if self.is_chosen:
            return ""
        if self.owner and not self.owner.selected:
            return f"user not selected ({self.owner.switch})"
        if self.said.rule is None:
            return NO_RULE
        everywhere = self.said.rule.verb is Verb.UNCONDITIONAL_EXCLUDE
        return f"excluded{' everywhere' * everywhere} by {self.said.rule.text}"


def told(subject: Subject, filesystem: Filesystem) -> Iterator[Selected | Unreadable]:
    """Yield an object with its metadata; one that is chosen and cannot be read is Unreadable."""
    if not subject.is_told:
        return
    volume = filesystem.info.id
    try:
        metadata = filesystem.metadata(subject.entry)
    except SourceError as error:
        if subject.is_chosen:
            yield _unreadable(subject, volume, str(error))
            return
        metadata = UNKNOWN
    yield Selected(
        subject.kind, subject.path, volume, subject.entry, metadata, subject.scope,
        subject.is_chosen, subject.rule, subject.reason,
    )  # fmt: skip


def damaged(
    damage: Damage, folder: WinPath, owner: Choice | None, said: Verdict, volume: str
) -> Iterator[Selected | Unreadable]:
    """Yield a record of a folder that could not be read; it is excluded only where a rule excludes its very name.

    Nothing but its name is known, so one without a name, or of which no rule speaks, may have been anything.
    """
    name = damage.name or f"record {damage.record} (name not known)"
    entry = Entry(damage.record, 0, damage.parent, name, directory=False)
    subject = Subject(entry, folder / name, owner, said)
    if not subject.is_told:
        return
    if subject.rule and not subject.is_chosen:
        yield Selected(
            subject.kind, subject.path, volume, entry, UNKNOWN, subject.scope,
            chosen=False, rule=subject.rule, reason=subject.reason,
        )  # fmt: skip
        return
    yield _unreadable(subject, volume, damage.reason)


def _unreadable(subject: Subject, volume: str, reason: str) -> Unreadable:
    return Unreadable(
        subject.kind, subject.path, volume, subject.scope, reason, subject.rule, subject.entry
    )
