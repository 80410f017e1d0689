"""A catalog made anew: from the lines of a manifest, or from image 1 of the WIM and the registry's files.

Its header says ``repaired``: from what, and what is not in it any more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from extractor.model import (
    Metadata,
    ObjectKind,
    OutcomeKind,
    Record,
    StreamInfo,
    Times,
    printable,
)
from extractor.registry.descriptor import is_sid
from extractor.store.catalog import Catalog
from extractor.store.manifest import (
    FORMAT,
    VERSION,
    header_line,
    parse_manifest,
    trailer_line,
    write_objects,
)
from extractor.store.repair.archive import Archive
from extractor.store.repair.image import Made, rows_of
from extractor.store.repair.manifest import Others, made_of
from extractor.store.repair.registry import Found
from extractor.store.writer import DOCUMENTS

REPAIRED = "repaired"
"""Field of the manifest's header."""
NOT_IN_MANIFEST = (
    "what the rules ask of a restore (instructions)",
    "where streams lie on their volume, extended attributes, where registry values were found",
)
NOT_IN_PLAIN = ("security descriptors as bytes (their text is there), reparse data, short names",)
NOT_IN_IMAGE = (
    "whose each file is, which rule took it, and what was left out (user, rule, reason)",
    "the times of change and of the names, file numbers, volumes",
    "INI values, accounts, the machine's facts in the header",
    *NOT_IN_MANIFEST,
)
MOST_NAMED = 20
"""Objects that are named; the others are counted."""


@dataclass(slots=True)
class Rebuilt:
    """A new catalog's book before it is closed."""

    source: str
    header: Mapping[str, Any]
    totals: Mapping[str, Any]
    objects: int
    lost: list[str] = field(default_factory=list)


def from_manifest(catalog: Catalog, lines: Iterable[bytes], path: Path, others: Others) -> Rebuilt:
    """Fill a catalog from an open manifest; raise CorruptStoreError (42) for one that is not whole."""
    made = Rebuilt("manifest.jsonl", {}, {}, 0, [*NOT_IN_MANIFEST])
    if others.archive is None:
        made.lost += NOT_IN_PLAIN
    named = _Named(made.lost, "the data of")
    for number, row in enumerate(parse_manifest(lines, path)):
        if not number:
            made.header = row
        elif row.get("kind") == "trailer":
            made.totals = row.get("totals") or {}
        else:
            found = made_of(row, others)
            catalog.add(found.record, found.streams_as)
            made.objects += 1
            named.take(found)
    named.finish()
    return made


def from_image(catalog: Catalog, archive: Archive, registry: Iterable[Found]) -> Rebuilt:
    """Fill a catalog from image 1 and from the registry's files; raise CorruptStoreError (42)."""
    made = Rebuilt("store.wim", {"tool": "coldstate"}, {}, 0, [*NOT_IN_IMAGE])
    named, sums = _Named(made.lost, "the bytes of"), _Totals()
    for found in chain(rows_of(archive), map(_of_registry, registry)):
        catalog.add(found.record, found.streams_as)
        made.objects += 1
        sums.take(found.record)
        named.take(found)
    named.finish()
    made.totals = sums.as_dict()
    return made


def _of_registry(found: Found) -> Made:
    """Return the row of a key or value."""
    user = found.path.parts[0] if found.path.drive == "HKU" and found.path.parts else ""
    value = found.value
    size = len(value.data) if value else 0
    stream = (StreamInfo("", size, valid=size, resident=True),) if value else ()
    record = Record(
        ObjectKind.VALUE if value else ObjectKind.KEY,
        found.path,
        volume="",
        user=user if is_sid(user) else "",
        outcome=OutcomeKind.STORED,
        size=size,
        sha256=hashlib.sha256(value.data).hexdigest() if value else "",
        metadata=Metadata(0, Times(modified=found.written), streams=stream),
        value=value,
    )
    return Made(record, {})


def close(
    catalog: Catalog,
    made: Rebuilt,
    documents: Mapping[str, str],
    write: Callable[[bytes], object],
) -> None:
    """Write the manifest of a catalog that is filled, and complete both."""
    about = {"from": made.source, "lost": made.lost}
    kept = {key: value for key, value in made.header.items() if key != DOCUMENTS}
    header = {**kept, REPAIRED: about, **({DOCUMENTS: dict(documents)} if documents else {})}
    first = header_line(header)
    write(first.encode())
    last = trailer_line(*write_objects(catalog, write), made.totals)
    write(last.encode())
    catalog.close_book(first, last)


def rewrite_manifest(catalog: Catalog, write: Callable[[bytes], object]) -> bool:
    """Write the manifest of a whole catalog, byte for byte; False when its rows are not those of its book."""
    first, last = catalog.book()
    write(first.encode())
    _, digest = write_objects(catalog, write)
    write(last.encode())
    return (
        f'"objects_sha256":"{digest}"' in last
        and f'"version":{VERSION}' in first
        and FORMAT in first
    )


class _Named:
    """Objects of which something is lost, the first of them by name."""

    def __init__(self, lost: list[str], what: str) -> None:
        self._lost = lost
        self._what = what
        self._count = 0

    def take(self, found: Made) -> None:
        for name in found.lost:
            self._count += 1
            if self._count <= MOST_NAMED:
                path = f"{found.record.path}:{name}" if name else str(found.record.path)
                self._lost.append(f"{self._what} {printable(path)}")

    def finish(self) -> None:
        if self._count > MOST_NAMED:
            self._lost.append(f"{self._what} {self._count - MOST_NAMED} more")


class _Totals:
    """The sums of the trailer, as the ledger of a run spells them."""

    def __init__(self) -> None:
        self._all: Counter[str] = Counter()
        self._scopes: dict[str, Counter[str]] = {}

    def take(self, record: Record) -> None:
        """Count an object."""
        kind = "stored" if record.outcome is OutcomeKind.STORED else "not_stored"
        for sums in (self._all, self._scopes.setdefault(record.user, Counter())):
            for name in ("seen", kind):
                sums[f"{name}.objects"] += 1
                sums[f"{name}.bytes"] += record.bytes

    def as_dict(self) -> dict[str, object]:
        """Return them in the ledger's order."""
        scopes = {scope: self._of(sums) for scope, sums in sorted(self._scopes.items())}
        return {**self._of(self._all), "scopes": scopes}

    def _of(self, sums: Counter[str]) -> dict[str, object]:
        def one(name: str) -> dict[str, int]:
            return {"objects": sums[f"{name}.objects"], "bytes": sums[f"{name}.bytes"]}

        lost = {"its bytes are damaged": one("not_stored")} if sums["not_stored.objects"] else {}
        return {
            **{name: one(name) for name in ("seen", "stored", "excluded", "not_stored")},
            "excluded_by_rule": {},
            "not_stored_by_reason": lost,
        }


def documents_of(header: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> SHA-256 of the further papers that a header tells of."""
    found = header.get(DOCUMENTS)
    return (
        {str(name): str(digest) for name, digest in found.items()}
        if isinstance(found, dict)
        else {}
    )


def values_of(rows: Iterable[Found]) -> Iterator[Found]:
    """Yield the values among rows of the registry."""
    return (each for each in rows if each.value is not None)
