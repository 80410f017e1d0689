"""One object and the rules' verdict -> what selection tells of it: Selected, Unreadable, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from extractor.errors import SourceError
from extractor.filesystems.tree import is_link
from extractor.model import (
    Damage,
    Entry,
    Metadata,
    ObjectKind,
    RegistryValue,
    Selected,
    Times,
    WinPath,
)
from extractor.rules.model import Attributes, Verb
from extractor.seams import Filesystem
from extractor.select.precedence import Verdict
from extractor.select.users import Choice

UNKNOWN = Metadata(attributes=0, times=Times())
"""Stands where an object that is not taken could not be read either."""

NO_RULE = "no rule includes it"
_LEFT_OUT = {Attributes.SECURITY: "Security", Attributes.TIME_FIELDS: "TimeFields"}
"""As includeAttributes spells them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that was chosen, or could not be judged, and whose metadata or name cannot be read: never stored.

    It belongs into the ledger as ``not-stored``. ``rule`` is ``file:line`` where a rule spoke of it.
    """

    kind: ObjectKind
    path: WinPath
    volume: str
    scope: str
    reason: str
    rule: str = ""
    entry: Entry | None = None
    """None for a damaged record of which no more than a name is known, and for what is no file."""
    is_stray: bool = False
    """True for what has no known folder: nobody can say whether the rules would have chosen it."""


class Sight:
    """An entry as a filter may look at it (Judged): its metadata is read when first asked for, and once."""

    __slots__ = ("_entry", "_filesystem", "_metadata", "error")

    string: str | None = None
    """A file has no string form."""

    def __init__(self, filesystem: Filesystem, entry: Entry) -> None:
        self._filesystem = filesystem
        self._entry = entry
        self._metadata: Metadata | None = None
        self.error = ""

    @property
    def metadata(self) -> Metadata | None:
        """All but the content; None when it cannot be read, and then ``error`` says why."""
        if self._metadata is None and not self.error:
            try:
                self._metadata = self._filesystem.metadata(self._entry)
            except SourceError as error:
                self.error = str(error)
        return self._metadata


@dataclass(frozen=True, slots=True)
class Glimpse:
    """An object as a filter may look at it (Judged), when all that can be known of it is known already."""

    metadata: Metadata | None = None
    string: str | None = None


UNSEEN = Glimpse()


@dataclass(frozen=True, slots=True)
class Subject:
    """An object at its path, the user to whom it belongs (if any), and what the rules say of it."""

    kind: ObjectKind
    path: WinPath
    owner: Choice | None
    said: Verdict

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

    def selected(
        self,
        volume: str,
        entry: Entry,
        metadata: Metadata,
        value: RegistryValue | None = None,
        *,
        pretended: bool = False,
    ) -> Selected:
        """Return it as told, its metadata without what excludeAttributes leaves out."""
        left = self.said.left_out if self.is_chosen else Attributes.NONE
        return Selected(
            kind=self.kind,
            path=self.path,
            volume=volume,
            entry=entry,
            metadata=_without(metadata, left) if left else metadata,
            scope=self.scope,
            chosen=self.is_chosen,
            rule=self.rule,
            reason=self.reason,
            value=value,
            pretended=pretended,
            left_out=",".join(word for each, word in _LEFT_OUT.items() if each & left),
        )

    def unreadable(self, volume: str, reason: str, entry: Entry | None = None) -> Unreadable:
        """Return it as one that cannot be read."""
        return Unreadable(self.kind, self.path, volume, self.scope, reason, self.rule, entry)


def kind_of(entry: Entry) -> ObjectKind:
    """Return what an entry is: a junction or symbolic link is a link; a cloud or overlay tag changes nothing."""
    if is_link(entry):
        return ObjectKind.LINK
    return ObjectKind.DIRECTORY if entry.directory else ObjectKind.FILE


def told(
    subject: Subject, entry: Entry, sight: Sight, volume: str
) -> Iterator[Selected | Unreadable]:
    """Yield a file, folder or link with its metadata; one that is chosen and cannot be read is Unreadable."""
    if not subject.is_told:
        return
    metadata = sight.metadata
    if metadata is None and subject.is_chosen:
        yield subject.unreadable(volume, sight.error, entry)
    else:
        yield subject.selected(volume, entry, metadata or UNKNOWN)


def damaged(
    damage: Damage, folder: WinPath, owner: Choice | None, said: Verdict, volume: str
) -> Iterator[Selected | Unreadable]:
    """Yield a record of a folder that could not be read; it is excluded only where a rule excludes its very name.

    Nothing but its name is known, so one without a name, or of which no rule speaks, may have been anything.
    """
    name = damage.name or f"record {damage.record} (name not known)"
    entry = Entry(damage.record, 0, damage.parent, name, directory=False)
    subject = Subject(ObjectKind.FILE, folder / name, owner, said)
    if not subject.is_told:
        return
    if subject.rule and not subject.is_chosen:
        yield subject.selected(volume, entry, UNKNOWN)
    else:
        yield subject.unreadable(volume, damage.reason, entry)


def _without(metadata: Metadata, left: Attributes) -> Metadata:
    if left & Attributes.SECURITY:
        metadata = replace(metadata, security=b"", sddl="")
    if left & Attributes.TIME_FIELDS:
        metadata = replace(metadata, times=Times(), name_times=Times())
    return metadata
