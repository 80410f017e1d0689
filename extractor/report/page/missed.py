"""The catalog -> what the user will miss: objects that were chosen and are not in the store, grouped by what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extractor.model import WinPath, upcase
from extractor.report.page.book import SIZE, Book, Tally, joined
from extractor.report.page.components import Origins
from extractor.report.page.reasons import LOST_SETTINGS, REASONS_KNOWN, Reason, reason_of

NAMED = 10
"""Objects of a group that are named; the manifest names all."""
REASONS = 500
"""Different reasons of a group that are told apart."""
RULES = 25
"""Groups of excluded objects that are listed."""
_MASK = (1 << 64) - 1
_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass(frozen=True, slots=True)
class Example:
    """An object that is named."""

    path: str
    sid: str
    size: int
    reason: str


@dataclass(slots=True)
class Loss:
    """A group of objects that are not in the store."""

    reason: Reason
    tally: Tally = field(default_factory=Tally)
    people: dict[str, Tally] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    """The program's own sentences, numbers left out, and how often."""

    def add(self, example: Example) -> None:
        """Count an object; the first are named."""
        self.tally.add(1, example.size)
        self.people.setdefault(example.sid, Tally()).add(1, example.size)
        if len(self.examples) < NAMED:
            self.examples.append(example)
        sentence = _NUMBERS.sub("…", example.reason)
        if sentence in self.said or len(self.said) < REASONS:
            self.said[sentence] += 1

    @property
    def more(self) -> int:
        """Objects that are not named."""
        return self.tally.objects - len(self.examples)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Objects that a rule, or the choice of users, left out on purpose."""

    what: str
    by: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A link whose target is not in the store."""

    path: str
    sid: str
    target: str


@dataclass(frozen=True, slots=True)
class Missed:
    """What is not there."""

    losses: tuple[Loss, ...]
    exclusions: tuple[Exclusion, ...]
    more_exclusions: Tally
    """What the rest of the groups hold."""
    links: tuple[BrokenLink, ...]
    more_links: int


def missed(book: Book, origins: Origins) -> Missed:
    """Return what was not taken, and why."""
    exclusions = _exclusions(book, origins)
    rest = Tally()
    for each in exclusions[RULES:]:
        rest.add(each.tally.objects, each.tally.bytes)
    links, more = _links(book)
    return Missed(tuple(_losses(book)), tuple(exclusions[:RULES]), rest, tuple(links), more)


def _losses(book: Book) -> list[Loss]:
    losses = {each.key: Loss(each) for each in (*REASONS_KNOWN, LOST_SETTINGS)}
    sql = (
        "SELECT kind, path, user, size, reason FROM objects WHERE outcome = 'not-stored'"
        " ORDER BY size < 0 DESC, size DESC, sort_key"
    )
    for kind, path, sid, size, reason in book.rows(sql):
        known = LOST_SETTINGS if kind in {"key", "value"} else reason_of(reason)
        losses[known.key].add(Example(path, sid, size & _MASK, reason))
    return [each for each in losses.values() if each.tally.objects]


def _exclusions(book: Book, origins: Origins) -> list[Exclusion]:
    """Return what was left out, by rule; of rules with the same sentence as one."""
    tallies: dict[tuple[str, str], Tally] = {}
    sql = (
        f"SELECT rule, reason, count(*), {SIZE} FROM objects WHERE outcome = 'excluded'"  # noqa: S608  no value is in it
        " AND kind != 'account' GROUP BY 1, 2"
    )
    for rule, reason, count, high, low in book.rows(sql):
        what = origins.of(rule).name if rule else "No rule"
        tallies.setdefault((what, reason), Tally()).add(count, joined(high, low))
    found = [Exclusion(what, by, tally) for (what, by), tally in tallies.items()]
    return sorted(found, key=lambda each: (-each.tally.bytes, -each.tally.objects, each.by))


def _links(book: Book) -> tuple[list[BrokenLink], int]:
    """Return the first links whose target is not in the store, and how many others there are."""
    found: list[BrokenLink] = []
    more = 0
    sql = (
        "SELECT path, user, reparse_target FROM objects"
        " WHERE kind = 'link' AND outcome = 'stored' AND reparse_target != '' ORDER BY sort_key"
    )
    known: dict[str, bool] = {}
    for path, sid, target in book.rows(sql):
        where = target_of(path, target)
        if len(known) > REASONS:
            known.clear()
        if where not in known:
            known[where] = _is_stored(book, where)
        if known[where]:
            continue
        if len(found) < NAMED:
            found.append(BrokenLink(path, sid, target))
        else:
            more += 1
    return found, more


def target_of(path: str, target: str) -> str:
    r"""Return the path that a link's target means: without ``\??\``, and from the link's folder if it is relative."""
    bare = target.removeprefix("\\??\\")
    if bare[1:2] == ":" or bare.startswith("\\"):
        return str(WinPath.parse(bare)) if bare[1:2] == ":" else bare
    names = path.split("\\")[:-1]
    for name in bare.split("\\"):
        if name == "..":
            names = names[:-1] or names
        elif name not in {"", "."}:
            names.append(name)
    return "\\".join(names)


def _is_stored(book: Book, path: str) -> bool:
    key = upcase(path).encode("utf-16-be", "surrogatepass")
    sql = "SELECT 1 FROM objects WHERE sort_key = ? AND outcome = 'stored' LIMIT 1"
    return any(True for _ in book.rows(sql, key))


def people_of(losses: tuple[Loss, ...]) -> Mapping[str, Tally]:
    """Return what each person will miss, in all."""
    found: dict[str, Tally] = {}
    for sid, tally in _pairs(losses):
        found.setdefault(sid, Tally()).add(tally.objects, tally.bytes)
    return found


def _pairs(losses: tuple[Loss, ...]) -> Iterator[tuple[str, Tally]]:
    for loss in losses:
        yield from loss.people.items()
