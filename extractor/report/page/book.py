"""What the page reads of a store, and how values that nobody vouches for become texts and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = Mapping[str, Any]


class Book(Protocol):
    """A finished store: both ends of its manifest, and SQL over its catalog (``store/SCHEMA.md``)."""

    @property
    def path(self) -> Path:
        """The folder that holds ``USMT``."""
        ...

    @property
    def header(self) -> Json: ...

    @property
    def trailer(self) -> Json: ...

    def rows(self, sql: str, *parameters: object) -> Iterator[Sequence[Any]]:
        """Yield the rows of a SELECT; a damaged catalog is the error of whoever opened it."""
        ...


@dataclass(slots=True)
class Tally:
    """Objects and bytes."""

    objects: int = 0
    bytes: int = 0

    def add(self, objects: int, size: int) -> None:
        """Count in place."""
        self.objects += objects
        self.bytes += size


SIZE = "sum((size >> 20) & 0xFFFFFFFFFFF), sum(size & 0xFFFFF)"
"""Bytes of a group in two columns: sizes are unsigned, and a hostile disk's are large enough to overflow a sum."""


def joined(high: int, low: int) -> int:
    """Return the bytes that the two columns of ``SIZE`` mean."""
    return (high << 20) + low


def mapping(value: object) -> Json:
    """Return a JSON object, empty when it is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    """Return a JSON array, empty when it is none."""
    return value if isinstance(value, list) else ()


def mappings(value: object) -> list[Json]:
    """Return the objects of a JSON array."""
    return [each for each in sequence(value) if isinstance(each, dict)]


def number(value: object) -> int:
    """Return a whole number that is not negative, 0 when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def text(value: object) -> str:
    """Return a text; nothing and False are empty."""
    return str(value) if value else ""
