"""Two opened stores -> what differs: objects of one only, and what has changed of those in both, each fact by name.

*Facts* are what is compared of an object: name -> value; a fact that one side lacks is the empty text there. Objects
are the same when they have the same exact path and kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from itertools import groupby, zip_longest

from extractor.model import Metadata, ObjectKind, OutcomeKind, Record, StreamInfo, WinPath, upcase
from extractor.store.columns import StoredObject
from extractor.store.opened import OpenStore

CONTENT = "content"
STREAM = "stream "
"""Followed by the name of a named stream."""
TIMES = ("created", "modified", "changed", "accessed")
SECURITY = "sddl"

Facts = Mapping[str, str | int]


class Side(StrEnum):
    """Where an object is."""

    ONLY_FIRST = "only in the first"
    ONLY_SECOND = "only in the second"
    BOTH = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A fact that differs: ``created``, ``content``, ``stream NAME`` …; times are FILETIME, contents SHA-256."""

    fact: str
    first: str | int
    second: str | int


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that is not the same on both sides; texts are exact."""

    side: Side
    kind: ObjectKind
    path: WinPath
    outcome: OutcomeKind | None
    """In the first, or where it is; None of what lies on a disk."""
    changes: tuple[Change, ...] = ()
    """Of one that is in both."""


@dataclass(slots=True)
class Compared:
    """How much was compared, while it is."""

    objects: int = 0
    """In one of them or both, those left out too."""
    only_first: int = 0
    only_second: int = 0
    changed: int = 0

    def count(self, found: Difference) -> Difference:
        """Count a difference and return it."""
        self.only_first += found.side is Side.ONLY_FIRST
        self.only_second += found.side is Side.ONLY_SECOND
        self.changed += found.side is Side.BOTH
        return found

    @property
    def differences(self) -> int:
        """Objects that differ."""
        return self.only_first + self.only_second + self.changed


def diff_stores(
    first: OpenStore, second: OpenStore, compared: Compared, *, every: bool = False
) -> Iterator[Difference]:
    """Yield what differs, in the order of the manifest, and count it in ``compared``.

    What the rules left out on both sides (or on the one side where it is) is of interest with ``every`` only. Raises
    CorruptStoreError.
    """
    for one, other in _paired(first.objects(), second.objects()):
        compared.objects += 1
        found = _difference(one, other, every=every)
        if found:
            yield compared.count(found)


def _difference(
    first: StoredObject | None, second: StoredObject | None, *, every: bool
) -> Difference | None:
    records = [each.record for each in (first, second) if each]
    if not every and all(each.outcome is OutcomeKind.EXCLUDED for each in records):
        return None
    record = records[0]
    if first is None or second is None:
        side = Side.ONLY_FIRST if first else Side.ONLY_SECOND
        return Difference(side, record.kind, record.path, record.outcome)
    changes = changes_of(_facts_of(first.record), _facts_of(second.record))
    if not changes:
        return None
    return Difference(Side.BOTH, record.kind, record.path, record.outcome, changes)


def changes_of(first: Facts, second: Facts) -> tuple[Change, ...]:
    """Return the facts that differ, in the order of the first, then those that only the second has."""
    names = dict.fromkeys((*first, *second))
    pairs = ((name, first.get(name, ""), second.get(name, "")) for name in names)
    return tuple(Change(*each) for each in pairs if each[1] != each[2])


def _facts_of(record: Record) -> dict[str, str | int]:
    """Return what is compared of an object in a store; of one that is not in it, only that."""
    facts: dict[str, str | int] = {"outcome": record.outcome.value}
    if record.outcome is not OutcomeKind.STORED:
        return facts | {"reason": record.reason}
    return facts | facts_of(
        record.metadata,
        {"": record.sha256, **{each.name: each.sha256 for each in record.streams}},
        record.value.type if record.value else None,
    )


def facts_of(
    metadata: Metadata | None, digests: Mapping[str, str], value_type: int | None = None
) -> dict[str, str | int]:
    """Return the facts of an object: ``digests`` by the name of the stream, a missing one is no fact."""
    facts: dict[str, str | int] = {}
    for name in sorted(digests):
        if digests[name]:
            facts[f"{STREAM}{name}" if name else CONTENT] = digests[name]
    for stream in metadata.streams if metadata else ():
        facts[_size_of(stream)] = stream.size
    if value_type is not None:
        facts["type"] = value_type
    if metadata is None:
        return facts
    facts["attributes"] = metadata.attributes
    facts |= {name: getattr(metadata.times, name) for name in TIMES}
    facts[SECURITY] = metadata.sddl
    if metadata.reparse:
        facts |= {"reparse tag": metadata.reparse.tag, "target": metadata.reparse.target}
        facts["reparse data"] = metadata.reparse.data.hex()
    return facts


def _size_of(stream: StreamInfo) -> str:
    return f"size of {STREAM}{stream.name}" if stream.name else "size"


# --- pairs ----------------------------------------------------------------------------------------

_Key = tuple[bytes, bytes, str]
Pair = tuple[StoredObject | None, StoredObject | None]


def _paired(first: Iterable[StoredObject], second: Iterable[StoredObject]) -> Iterator[Pair]:
    """Yield the objects of two stores side by side; both come in the order of their keys."""
    mine = ((_key(each), each, None) for each in first)
    theirs = ((_key(each), None, each) for each in second)
    for _, group in groupby(merge(mine, theirs, key=_first), key=_first):
        found = list(group)
        yield from zip_longest(
            (one for _, one, _ in found if one), (other for _, _, other in found if other)
        )


def _first(each: tuple[_Key, StoredObject | None, StoredObject | None]) -> _Key:
    return each[0]


def _key(found: StoredObject) -> _Key:
    """Return what the manifest is ordered by: code units of the upper-case path, of the exact one, and the kind."""
    text = str(found.record.path)
    keys = (each.encode("utf-16-be", "surrogatepass") for each in (upcase(text), text))
    upper, exact = keys
    return upper, exact, found.record.kind.value
