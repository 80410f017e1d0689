"""A finished store -> a second opinion on it (``--cross-check``): stored streams are hashed again by other readers.

The catalog tells what was stored and where it lies; a sample of its files, the same in every run, is read once more
from the volumes by ``filesystems/second.py``, in the order of the disk, and what comes out is compared.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from extractor.events import Noted, Observer
from extractor.filesystems.second import Answer, Question, SecondReaders
from extractor.model import printable
from extractor.store.catalog import open_catalog
from extractor.store.digest import HOLES
from extractor.store.manifest import catalog_directory
from extractor.store.place import CATALOG

if TYPE_CHECKING:
    from extractor.seams import Volume

BATCH = 256
"""Streams asked for at a time."""
MOST_ROWS = 10_000
"""Disagreements that are kept one by one; all are counted."""
NO_HASH = "the store has no hash of it"
EFS = "EFS: what is stored is not what lies on the disk"
NO_READER = "The Sleuth Kit is the only reader of {} here"
NO_VOLUME = "its volume is not open"

_STORED = """
FROM streams JOIN objects ON objects.id = streams.object LEFT JOIN efs ON efs.object = objects.id
WHERE outcome = 'stored' AND NOT pretended AND kind IN ('file', 'directory', 'link')
    AND (streams.sha256 != '' OR streams.size != 0) AND in_sample(volume, record, sequence)
"""
_ROWS = f"""
SELECT volume, record, sequence, path_utf16, name_utf16, streams.size AS size, streams.sha256 AS sha256, wof,
    efs.object IS NOT NULL AS is_efs,
    (SELECT "offset" FROM runs WHERE stream = streams.id AND "offset" IS NOT NULL ORDER BY position LIMIT 1) AS place
{_STORED} ORDER BY volume, place, record, sequence, name_utf16, exact_key
"""  # noqa: S608  no word of it comes from outside
_BYTES = f"""
SELECT sum(size) FROM (
    SELECT DISTINCT volume, record, sequence, streams.name_utf16, streams.size AS size {_STORED}
    AND efs.object IS NULL AND streams.sha256 != '')
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Claim:
    """What a store says of one stream of one file, whatever the number of its names."""

    volume: str
    path: str
    sha256: str
    question: Question
    efs: bool

    @property
    def refusal(self) -> str:
        """Why no reader need be asked, empty when one is."""
        if self.efs:
            return EFS
        return "" if self.sha256 else NO_HASH


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A stream of which a second reader gives another hash; ``reason`` is empty when nobody knows why."""

    path: str
    stream: str
    ours: str
    theirs: str
    reader: str
    reason: str = ""

    def __str__(self) -> str:
        name = f"{self.path}:{self.stream}" if self.stream else self.path
        why = self.reason or "no reason is known"
        return f"{name}: stored with SHA-256 {self.ours}, {self.reader} reads {self.theirs}: {why}"


@dataclass(slots=True)
class CrossChecked:
    """What came of a second opinion; all counts are streams."""

    agreed: int = 0
    known: int = 0
    """Disagreements whose reason is known: an error of the second reader."""
    unexplained: int = 0
    bytes: int = 0
    """Of the streams that were compared."""
    rows: list[Disagreement] = field(default_factory=list)
    unchecked: Counter[str] = field(default_factory=Counter)
    """Why streams could not be compared -> how many."""
    examples: dict[str, str] = field(default_factory=dict)
    """For each such reason one path."""

    @property
    def checked(self) -> int:
        """Streams of which a second reader gave a hash."""
        return self.agreed + self.known + self.unexplained

    @property
    def sentence(self) -> str:
        """The outcome for people."""
        return (
            f"cross-check: {self.checked} streams ({self.bytes} bytes) read again by other readers:"
            f" {self.agreed} agree, {self.known} differ for a known reason, {self.unexplained} for none;"
            f" {self.unchecked.total()} not cross-checked"
        )

    def add(self, claim: Claim, answer: Answer) -> Disagreement | None:
        """Count an answer; return what is to be told of it."""
        if answer.reason:
            self.unchecked[answer.reason] += 1
            self.examples.setdefault(answer.reason, claim.path)
            return None
        self.bytes += claim.question.size
        if answer.digest == claim.sha256:
            self.agreed += 1
            return None
        self.known += bool(answer.error)
        self.unexplained += not answer.error
        row = Disagreement(
            claim.path,
            claim.question.stream,
            claim.sha256,
            answer.digest,
            answer.reader,
            answer.error,
        )
        if len(self.rows) < MOST_ROWS:
            self.rows.append(row)
        return row


def cross_check(
    store: Path,
    volumes: Mapping[str, Volume],
    share: float,
    observer: Observer,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
) -> CrossChecked:
    """Read ``share`` (above 0, up to 1) of a finished store's files again and compare; tell what differs.

    ``volumes`` are by ``VolumeInfo.id``; ``progress`` is told the bytes done and the bytes in all. Raises
    NoSuchStoreError, CorruptStoreError.
    """
    found = CrossChecked()
    with closing(open_catalog(catalog_directory(store) / CATALOG)) as catalog, catalog.translated():
        catalog.connection.create_function("in_sample", 3, _sampler(share), deterministic=True)
        advance = _advance(_size(catalog.connection), progress)
        for name, claims in groupby(_claims(catalog.connection), lambda each: each.volume):
            for claim, answer in _answered(volumes.get(name), claims, advance):
                if row := found.add(claim, answer):
                    level = "info" if row.reason else "warning"
                    observer(Noted(level, printable(f"cross-check: {row}")))
    _tell(found, observer)
    return found


def _tell(found: CrossChecked, observer: Observer) -> None:
    for reason, count in found.unchecked.items():
        path = found.examples[reason]
        text = f"not cross-checked: {reason}: {path} ({count} such streams)"
        observer(Noted("info", printable(text)))
    observer(Noted("warning" if found.unexplained else "info", found.sentence))


def _sampler(share: float) -> Callable[[str, int, int], bool]:
    """Return a function that tells of a file (volume, record, sequence) whether it is in the sample."""
    bound = int(share * (1 << 64))

    def is_in(volume: str, record: int, sequence: int) -> bool:
        digest = hashlib.sha256(f"{volume}:{record}:{sequence}".encode()).digest()
        return int.from_bytes(digest[:8]) < bound

    return is_in


def _advance(size: int, progress: Callable[[int, int], None]) -> Callable[[int], None]:
    """Return a function that adds bytes up and tells the sum."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done = min(done + count, size)  # a stream that two readers had to read counts once
        progress(done, size)

    return advance


def _size(connection: sqlite3.Connection) -> int:
    """Return the bytes in the sample, a file with several names counted once."""
    return int(connection.execute(_BYTES).fetchone()[0] or 0)


def _claims(connection: sqlite3.Connection) -> Iterator[Claim]:
    """Yield what is to be compared, in the order of the disk; a file with several names once."""
    before = None
    for row in connection.execute(_ROWS):
        claim = _claim(row)
        identity = (claim.volume, claim.question.record, row["sequence"], claim.question.stream)
        if identity != before:
            before = identity
            yield claim


def _claim(row: sqlite3.Row) -> Claim:
    question = Question(
        row["record"],
        _text(row["name_utf16"]),
        row["size"] & (1 << 64) - 1,
        wof=bool(row["wof"]),
        holes=row["sha256"].startswith(HOLES),
    )
    path, is_efs = _text(row["path_utf16"]), bool(row["is_efs"])
    return Claim(row["volume"], path, row["sha256"], question, is_efs)


def _text(utf16: bytes) -> str:
    return utf16.decode("utf-16-le", "surrogatepass")


def _answered(
    volume: Volume | None, claims: Iterable[Claim], advance: Callable[[int], None]
) -> Iterator[tuple[Claim, Answer]]:
    """Yield each claim on one volume with what a second reader says of it."""
    if volume is None or volume.info.filesystem != "ntfs":
        reason = NO_READER.format(volume.info.filesystem) if volume else NO_VOLUME
        for claim in claims:
            advance(claim.question.size)
            yield claim, Answer(reason=reason)
        return
    waiting = iter(claims)
    with SecondReaders(volume, advance) as readers:
        while batch := list(islice(waiting, BATCH)):
            asked = [each for each in batch if not each.refusal]
            answers = readers.answers([each.question for each in asked])
            yield from ((each, Answer(reason=each.refusal)) for each in batch if each.refusal)
            for claim, answer in zip(asked, answers, strict=True):
                differs = answer.digest not in {"", claim.sha256}
                weighed = (
                    readers.weighed(claim.question, answer, claim.sha256) if differs else answer
                )
                yield claim, weighed
