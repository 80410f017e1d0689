"""Where in the store a person's files and settings lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extractor.model import upcase
from extractor.report.page.book import Book, mapping, text
from extractor.report.page.found import Person


@dataclass(frozen=True, slots=True)
class Place:
    """A person who comes, and the folder of the profile below ``USMT``, the settings below ``open-catalog``.

    What is not in the store is empty.
    """

    account: str
    profile: str
    folder: str
    settings: str


def places(book: Book, people: Iterable[Person]) -> Iterator[Place]:
    """Yield a place for each person who comes."""
    documents = mapping(book.header.get("documents"))
    sql = "SELECT stored_as FROM objects WHERE sort_key = ? AND kind = 'directory' AND outcome = 'stored' LIMIT 1"
    for person in people:
        if person.comes:
            key = upcase(person.profile).encode("utf-16-be", "surrogatepass")
            folder = next((text(each) for (each,) in book.rows(sql, key)), "")
            if folder == "tree":  # of a WIM
                folder = f"store.wim: {person.profile.replace(':', '$', 1).replace(chr(92), '/')}"
            settings = f"registry/{person.sid}.reg"
            is_there = settings in documents
            yield Place(person.account, person.profile, folder, settings if is_there else "")
