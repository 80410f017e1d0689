"""Every locator over every volume: the candidates, once each, in an order that does not depend on the locators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extractor.model import Candidate, upcase
from extractor.seams import Filesystem, plugins


def locate(filesystems: Sequence[Filesystem]) -> list[Candidate]:
    """Return what all registered locators find, by volume (in the order given) and path."""
    found: list[Candidate] = []
    for locator in plugins("locators").values():
        found += locator().locate(filesystems)
    return in_order(found, [filesystem.info.id for filesystem in filesystems])


def in_order(found: Iterable[Candidate], volumes: Sequence[str]) -> list[Candidate]:
    """Return candidates sorted; a directory that two locators found is taken once, a valid finding before others."""

    def order(each: Candidate) -> tuple[int, list[str], tuple[str, ...], int, bool, str]:
        place = volumes.index(each.volume)
        return (
            place,
            [*map(upcase, each.path)],
            each.path,
            each.record,
            each.reason != "",
            repr(each),
        )

    once: dict[tuple[str, int], Candidate] = {}
    for candidate in sorted(found, key=order):
        once.setdefault((candidate.volume, candidate.record), candidate)
    return list(once.values())
