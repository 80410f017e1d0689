"""A finished store -> Facts: all that the page says, of bounded size, the same for the same store."""

from __future__ import annotations

from dataclasses import dataclass

from extractor.report.page.book import Book, Json, Tally, mapping, number, text
from extractor.report.page.components import Origins
from extractor.report.page.custody import Custody, custody_of
from extractor.report.page.found import Found, found
from extractor.report.page.habits import Habits, habits
from extractor.report.page.missed import Missed, missed
from extractor.report.page.places import Place, places
from extractor.report.page.taken import Taken, taken

SIDES = ("seen", "stored", "excluded", "not_stored")


@dataclass(frozen=True, slots=True)
class Account:
    """A line of the ledger: one person, the machine (empty SID), or all."""

    sid: str
    seen: Tally
    stored: Tally
    excluded: Tally
    not_stored: Tally

    @property
    def balances(self) -> bool:
        """Tell whether everything that was seen has an end."""
        ended = (self.stored, self.excluded, self.not_stored)
        return (self.seen.objects, self.seen.bytes) == (
            sum(each.objects for each in ended),
            sum(each.bytes for each in ended),
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the page says."""

    found: Found
    taken: Taken
    missed: Missed
    habits: Habits
    places: tuple[Place, ...]
    accounts: tuple[Account, ...]
    total: Account
    custody: Custody
    objects: int
    digest: str
    """SHA-256 of the manifest's lines of objects."""


def gather_facts(book: Book) -> Facts:
    """Read a store for the page."""
    origins = Origins(book.header)
    about = found(book)
    totals = mapping(book.trailer.get("totals"))
    scopes = mapping(totals.get("scopes"))
    return Facts(
        about,
        taken(book, about.people, origins),
        missed(book, origins),
        habits(book),
        tuple(places(book, about.people)),
        tuple(_account(str(sid), mapping(each)) for sid, each in sorted(scopes.items())),
        _account("", totals),
        custody_of(book.path),
        number(book.trailer.get("objects")),
        text(book.trailer.get("objects_sha256")),
    )


def _account(sid: str, sums: Json) -> Account:
    return Account(sid, *(_tally(mapping(sums.get(side))) for side in SIDES))


def _tally(sums: Json) -> Tally:
    return Tally(number(sums.get("objects")), number(sums.get("bytes")))
