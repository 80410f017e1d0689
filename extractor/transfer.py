"""Found objects -> a store: each one meets its end here, and each end is in the ledger.

Without a store (a dry run) everything is accounted for in the same way and nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from extractor.errors import DamagedError, SourceError, UnsupportedError
from extractor.events import BytesCopied, ItemDone, ObjectFailed, Observer, TotalsKnown
from extractor.gather.policy import Policy, usmt_action
from extractor.model import OutcomeKind, Record, Selected, printable
from extractor.report.ledger import Ledger
from extractor.seams import Captured, Filesystem, Gatherer, StoreWriter
from extractor.select import Unreadable
from extractor.store import records

Carrier = Callable[[Captured], Captured]
"""Turns what was gathered into what is stored, such as an EFS file into its raw form; may raise SourceError."""


def as_it_is(captured: Captured) -> Captured:
    """Return what was gathered."""
    return captured


class Transfer:
    """One run's objects on their way; ``failures`` counts those that ``/c`` let pass."""

    def __init__(self, store: StoreWriter | None, policy: Policy, observer: Observer) -> None:
        self.ledger = Ledger()
        self.failures = 0
        self._store = store
        self._policy = policy
        self._tell = observer

    def account(self, found: Iterable[Selected | Unreadable]) -> list[Selected]:
        """Count everything that selection met, end what is not taken, and return what is to be stored."""
        chosen = []
        for each in found:
            size = each.metadata.size if isinstance(each, Selected) else 0
            self.ledger.seen(each.scope, 1, size)
            if isinstance(each, Unreadable):
                error = DamagedError(each.reason)
                self._fail(_unreadable(each), error, may_stop=not each.is_stray)
            elif each.chosen:
                chosen.append(each)
            else:
                self._end(records.excluded(each))
        self._tell_totals(chosen)
        return chosen

    def people(self, rows: Iterable[Record]) -> None:
        """Count and keep the rows of accounts; they hold no bytes, and no progress is told of them."""
        for row in rows:
            self.ledger.seen(row.user, 1, 0)
            self.ledger.ended(row)
            if self._store is not None:
                self._store.note(row)

    def _tell_totals(self, chosen: Iterable[Selected]) -> None:
        scopes: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for each in chosen:
            objects, size = scopes[each.scope]
            scopes[each.scope] = (objects + 1, size + each.metadata.size)
        objects = sum(count for count, _ in scopes.values())
        self._tell(TotalsKnown(objects, sum(size for _, size in scopes.values()), dict(scopes)))

    def store(
        self,
        chosen: Iterable[Selected],
        gatherers: Iterable[Gatherer],
        filesystems: Mapping[str, Filesystem],
        carrier: Carrier = as_it_is,
    ) -> None:
        """Store what was chosen, in the order that each gatherer finds best; what none can read is not stored."""
        left = {id(each): each for each in chosen}
        for gatherer in gatherers:
            found = gatherer.gather(list(left.values()), filesystems)
            for captured, outcome in self._add_all(_carried(found, carrier)):
                del left[id(captured.selected)]
                if isinstance(outcome, Record):
                    if captured.whole:
                        self._tell(BytesCopied(outcome.user, captured.selected.metadata.size))
                    self._end(outcome, noted=True)
                else:
                    self._fail(records.not_stored(captured.selected, str(outcome)), outcome)
        for selected in left.values():
            missing = UnsupportedError(f"no gatherer reads a {selected.kind}")
            self._fail(records.not_stored(selected, str(missing)), missing)

    def _add_all(
        self, items: Iterable[Captured]
    ) -> Iterable[tuple[Captured, Record | SourceError]]:
        if self._store is not None:
            return self._store.add_all(items, self._progress)
        return map(_tried, items)

    def _progress(self, captured: Captured, count: int) -> None:
        """Tell of bytes copied; a file in raw form is larger than the totals hold, and is told of when it is done."""
        if not captured.whole:
            self._tell(BytesCopied(captured.selected.scope, count))

    def _end(self, record: Record, *, noted: bool = False) -> None:
        self.ledger.ended(record)
        if self._store is not None and not noted:
            self._store.note(record)
        self._tell(
            ItemDone(
                scope=record.user,
                path=record.path,
                outcome=record.outcome,
                bytes=record.bytes,
                reason=record.reason,
                kind=record.kind,
                rule=record.rule,
                pretended=record.pretended,
            )
        )

    def _fail(self, record: Record, error: SourceError, *, may_stop: bool = True) -> None:
        """Account for an object that cannot be had; without leave to go on, that is the end of the run.

        A stray stops nothing: it may have been nobody's. A dry run tells them all.
        """
        ignored = (
            not may_stop
            or self._store is None
            or self._policy.goes_on(error, record.path, record.kind)
        )
        self._tell(ObjectFailed(record.user, record.path, usmt_action(error), str(error), ignored))
        self._end(record)
        if not ignored:
            advice = self._policy.advice(error, record.path, record.kind)
            raise type(error)(f"{printable(str(record.path))}: {error}; {advice}") from error
        self.failures += 1


def _carried(found: Iterable[Captured], carrier: Carrier) -> Iterator[Captured]:
    """Yield what was gathered as it is to be stored, or refused with what the carrier says."""
    for captured in found:
        try:
            yield carrier(captured)
        except SourceError as error:
            yield replace(captured, refusal=error)


def _tried(captured: Captured) -> tuple[Captured, Record | SourceError]:
    """Open an object as a store would, which tells what the metadata can tell, such as a cloud's placeholder."""
    try:
        if captured.refusal is not None:
            raise captured.refusal
        for stream in captured.streams:
            if stream.size:
                captured.open(stream.name)
    except SourceError as error:
        return captured, error
    return captured, records.stored(captured.selected, {}, "", captured.efs)


def _unreadable(each: Unreadable) -> Record:
    return Record(
        kind=each.kind,
        path=each.path,
        volume=each.volume,
        user=each.scope,
        outcome=OutcomeKind.NOT_STORED,
        reason=each.reason,
        rule=each.rule,
        record=each.entry.record if each.entry else 0,
        sequence=each.entry.sequence if each.entry else 0,
    )
