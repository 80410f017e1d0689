"""The ledger: for every scope, seen = stored + excluded (by rule) + not stored (for a reason), objects and bytes.

Selection says what was *seen*; the rows of the catalog say what *ended*. The two sides are counted apart and must
balance; a difference is a defect of this program and is never hidden (LedgerError, 71).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from extractor.errors import LedgerError
from extractor.model import OutcomeKind, Record, WinPath, printable

MACHINE = "This Computer"
"""USMT's word for what belongs to no user: the empty scope."""
NAMED = 20
"""Objects not stored that are named one by one in a summary; all of them are in the manifest."""
NO_RULE = "no rule includes it"


@dataclass(slots=True)
class Sum:
    """Objects and bytes."""

    objects: int = 0
    bytes: int = 0

    def count(self, objects: int, size: int) -> None:
        """Add to it in place: it is done for every object."""
        self.objects += objects
        self.bytes += size

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.objects + other.objects, self.bytes + other.bytes)

    def as_dict(self) -> dict[str, int]:
        """Return it as the manifest's trailer spells it."""
        return {"objects": self.objects, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class NotStored:
    """An object that rules selected and that is not in the store."""

    scope: str
    path: WinPath
    reason: str


@dataclass(slots=True)
class Account:
    """One side of the ledger and the other, for one scope."""

    seen: Sum = field(default_factory=Sum)
    stored: Sum = field(default_factory=Sum)
    excluded: dict[str, Sum] = field(default_factory=dict)
    """By rule, or by reason where no rule spoke."""
    not_stored: dict[str, Sum] = field(default_factory=dict)
    """By reason."""

    @property
    def ended(self) -> Sum:
        """What has met its end."""
        return self.stored + total(self.excluded) + total(self.not_stored)

    def as_dict(self) -> dict[str, object]:
        """Return it as the manifest's trailer spells it."""
        return {
            "seen": self.seen.as_dict(),
            "stored": self.stored.as_dict(),
            "excluded": total(self.excluded).as_dict(),
            "not_stored": total(self.not_stored).as_dict(),
            "excluded_by_rule": _by_name(self.excluded),
            "not_stored_by_reason": _by_name(self.not_stored),
        }


class Ledger:
    """Both sides of all scopes."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = defaultdict(Account)
        self.named: list[NotStored] = []
        """The first ``NAMED`` objects that were not stored."""

    def seen(self, scope: str, objects: int, size: int) -> None:
        """Count what selection met: ``size`` bytes in ``objects`` objects of a user (or the machine: "")."""
        self.accounts[scope].seen.count(objects, size)

    def ended(self, record: Record) -> None:
        """Count the end of one object."""
        account, size = self.accounts[record.user], record.bytes
        if record.outcome is OutcomeKind.STORED:
            account.stored.count(1, size)
        elif record.outcome is OutcomeKind.EXCLUDED:
            _of(account.excluded, record.rule or record.reason or NO_RULE).count(1, size)
        else:
            _of(account.not_stored, record.reason or "no reason given").count(1, size)
            self._name(record)

    def _name(self, record: Record) -> None:
        if len(self.named) < NAMED:
            self.named.append(NotStored(record.user, record.path, record.reason))

    @property
    def all(self) -> Account:
        """All scopes together."""
        whole = Account()
        for account in self.accounts.values():
            whole.seen += account.seen
            whole.stored += account.stored
            _merge(whole.excluded, account.excluded)
            _merge(whole.not_stored, account.not_stored)
        return whole

    @property
    def not_stored(self) -> int:
        """Objects that rules selected and that are not in the store."""
        return total(self.all.not_stored).objects

    def check(self) -> None:
        """Raise LedgerError with both numbers when something was seen and has no end, or the reverse."""
        for scope, account in sorted(self.accounts.items()):
            if account.seen != account.ended:
                seen, ended = account.seen, account.ended
                whose = printable(scope) or "the machine"
                raise LedgerError(
                    f"the ledger of {whose} does not balance: seen {seen.objects} objects of {seen.bytes} bytes,"
                    f" accounted for {ended.objects} of {ended.bytes}"
                )

    def totals(self) -> dict[str, object]:
        """Return all sums as plain values in a fixed order, for the manifest's trailer."""
        scopes = {scope: account.as_dict() for scope, account in sorted(self.accounts.items())}
        return {**self.all.as_dict(), "scopes": scopes}


def total(sums: dict[str, Sum]) -> Sum:
    """Return the sum of sums."""
    return sum(sums.values(), Sum())


def _of(sums: dict[str, Sum], name: str) -> Sum:
    return sums.setdefault(name, Sum())


def _merge(sums: dict[str, Sum], others: dict[str, Sum]) -> None:
    for name, one in others.items():
        _of(sums, name).count(one.objects, one.bytes)


def _by_name(sums: dict[str, Sum]) -> dict[str, dict[str, int]]:
    return {name: sums[name].as_dict() for name in sorted(sums)}
