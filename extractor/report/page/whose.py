"""SID -> the name and the colour that a person has all over the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree

from extractor.report.ledger import MACHINE
from extractor.report.page.book import Tally
from extractor.report.page.found import Person
from extractor.report.page.html import called, count, size
from extractor.report.page.svg import GREY, SHADES, Slice, shade


class Whose:
    """Names the people of a page."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._names: dict[str, str] = {"": MACHINE}
        for each in sorted(people, key=lambda each: not each.comes):
            self._names.setdefault(each.sid, each.shown_as)
        self._order = list(self._names)[1:]

    def name(self, sid: str) -> str:
        """Return the name, the SID itself when there is none."""
        return self._names.get(sid, sid)

    def shade(self, sid: str) -> str:
        """Return the colour; the machine and strangers have the grey one."""
        if sid not in self._order:
            return GREY
        number = self._order.index(sid) % (SHADES - 1)
        return shade(number if shade(number) != GREY else SHADES - 1)

    def mark(self, sid: str) -> etree._Element:
        """Return the name as an element."""
        return called(self.name(sid))

    def ordered(self, sids: Iterable[str]) -> list[str]:
        """Return people in the order of the page: people first, the machine last."""
        return sorted(sids, key=lambda sid: (not sid, sid not in self._names, self.name(sid), sid))

    def slices(self, tallies: Mapping[str, Tally]) -> list[Slice]:
        """Return a part of a chart for each person."""
        return [
            Slice(
                self.name(sid),
                each.bytes,
                self.shade(sid),
                f"{size(each.bytes)}, {count(each.objects, 'file')}",
            )
            for sid, each in ((sid, tallies[sid]) for sid in self.ordered(tallies))
        ]

    def said(self, tallies: Mapping[str, Tally], noun: str = "object") -> str:
        """Return who has how much, in one line."""
        return ", ".join(
            f"{self.name(sid)}: {count(tallies[sid].objects, noun)}"
            for sid in self.ordered(tallies)
        )
