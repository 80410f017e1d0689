"""Ledger -> the data of the closing table; drawing it belongs to ``cli``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extractor.report.ledger import MACHINE, Account, Ledger, NotStored, Sum, total


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one user's objects; ``account`` is exact, not yet printable."""

    scope: str
    account: str
    seen: Sum
    stored: Sum
    excluded: Sum
    not_stored: Sum


@dataclass(frozen=True, slots=True)
class Summary:
    """The closing table: users, all together, and the objects that are not in the store."""

    rows: tuple[Row, ...]
    all: Row
    reasons: tuple[tuple[str, Sum], ...]
    """Why objects were not stored, the most frequent first."""
    not_stored: tuple[NotStored, ...]
    """The first of them ..."""
    more: int
    """... and how many others there are."""


def summary(ledger: Ledger, accounts: Mapping[str, str] | None = None) -> Summary:
    """Return the closing table; ``accounts`` maps scopes (SIDs) to account names."""
    names = {"": MACHINE, **(accounts or {})}
    rows = sorted(
        (_row(scope, names.get(scope, scope), each) for scope, each in ledger.accounts.items()),
        key=lambda row: (not row.scope, row.account, row.scope),
    )
    whole = ledger.all
    reasons = sorted(whole.not_stored.items(), key=lambda each: (-each[1].objects, each[0]))
    named = tuple(ledger.named)
    more = total(whole.not_stored).objects - len(named)
    return Summary(tuple(rows), _row("", "total", whole), tuple(reasons), named, more)


def _row(scope: str, account: str, each: Account) -> Row:
    return Row(scope, account, each.seen, each.stored, total(each.excluded), total(each.not_stored))
