"""``STORE/custody/custody.json`` -> labels and values, whatever fields it has; a store need not have one.

Its format is that of ``report/CUSTODY.md``, and yet nothing is taken for granted: a store comes from elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from extractor.report.page.book import Json, mapping, mappings, text

FOLDER, RECORD = "custody", "custody.json"
LARGEST = 4 << 20
"""Bytes of a record that are read."""
LISTED = 300
"""Lines that are shown."""
_HASH = "SHA-256 of custody.json"
_DEPTH = 6
_FIRST = (
    "case", "evidence", "operator", "account", "host", "started", "ended", "seconds", "command", "exit_code", "error",
    _HASH,
)  # fmt: skip
"""Fields that are shown first, in this order."""
_SHOWN_ELSEWHERE = frozenset(
    {"format", "version", "images", "volumes", "outcomes", "windows", "environment"}
)
"""Fields that have a table of their own, or that the page tells from the catalog."""
_SEGMENTS = 200


@dataclass(frozen=True, slots=True)
class SegmentHash:
    """A file of an image and its hash."""

    image: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Medium:
    """What was found of an image when its hashes were compared."""

    path: str
    verdict: str
    sentence: str
    hashes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Custody:
    """What the record of custody says."""

    lines: tuple[tuple[str, str], ...] = ()
    """Who, when, with what."""
    rest: tuple[tuple[str, str], ...] = ()
    media: tuple[Medium, ...] = ()
    segments: tuple[SegmentHash, ...] = ()
    more: int = 0
    problem: str = ""
    """Why there is a record and nothing is shown."""

    @property
    def is_there(self) -> bool:
        """True when there is a record at all."""
        return bool(self.lines or self.rest or self.problem)


def custody_of(store: Path) -> Custody:
    """Return the record beside a store, or beside the folder of all stores of a machine; empty without one."""
    try:
        record = _record(store / FOLDER)
        if record is None:
            above = _record(store.absolute().parent / FOLDER)
            record = above if above and _speaks_of(above, store) else None
    except (OSError, ValueError, RecursionError) as error:
        return Custody(problem=f"{FOLDER}/{RECORD} cannot be read: {type(error).__name__}")
    if record is None:
        return Custody()
    return (
        _custody(record) if record else Custody(problem=f"{FOLDER}/{RECORD} holds no JSON object")
    )


def _record(folder: Path) -> Json | None:
    """Return a record, empty when it is no object; None when there is none. A link is refused.

    Its own hash is added: whoever noted it elsewhere can compare.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(folder / RECORD, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError("it is too large")
    record = mapping(json.loads(raw))
    return {**record, _HASH: sha256(raw).hexdigest()} if record else record


def _speaks_of(record: Json, store: Path) -> bool:
    wanted = f"../{store.absolute().name}/USMT"
    return any(text(each.get("path")) == wanted for each in mappings(record.get("stores")))


def _custody(record: Json) -> Custody:
    command = record.get("command")
    if isinstance(command, list):
        record = {**record, "command": shlex.join(map(str, command))}
    first = [line for key in _FIRST for line in _flat(_words(key), record.get(key), 0)]
    others = (each for each in record.items() if each[0] not in {*_FIRST, *_SHOWN_ELSEWHERE})
    rest = [line for key, value in others for line in _flat(_words(str(key)), value, 0)]
    images = mappings(record.get("images"))
    segments = [each for image in images for each in _segments(image)]
    return Custody(
        tuple(first[:LISTED]),
        tuple(rest[:LISTED]),
        tuple(_medium(image) for image in images if image.get("verdict") or image.get("sentence")),
        tuple(segments[:_SEGMENTS]),
        max(len(rest) - LISTED, 0) + max(len(segments) - _SEGMENTS, 0),
    )


def _segments(image: Json) -> Iterator[SegmentHash]:
    for each in mappings(image.get("segments")):
        if each.get("sha256"):
            yield SegmentHash(
                text(image.get("path")), text(each.get("path")), text(each.get("sha256"))
            )


def _medium(image: Json) -> Medium:
    after = mapping(image.get("hashes_after")) or mapping(image.get("hashes_before"))
    hashes = tuple((str(name).upper(), text(digest)) for name, digest in sorted(after.items()))
    return Medium(
        text(image.get("path")), text(image.get("verdict")), text(image.get("sentence")), hashes
    )


def _flat(label: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Yield a line for each plain value, its label made of the names on the way."""
    if depth > _DEPTH:
        yield label, "…"
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{label} · {_words(str(key))}", each, depth + 1)
    elif isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        if value:
            yield label, " ".join(map(str, value[:LISTED]))
    elif isinstance(value, list):
        for number, each in enumerate(value[:LISTED], 1):
            yield from _flat(f"{label} {number}", each, depth + 1)
    elif isinstance(value, bool):
        yield label, "yes" if value else "no"
    elif value is not None and value != "":
        yield label, str(value)


def _words(key: str) -> str:
    spaced = key.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]
