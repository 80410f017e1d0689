"""``STORE/custody`` -> what does not hold together in it: the chain, the records, the sums of what they speak of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extractor.errors import CorruptStoreError, NoSuchStoreError
from extractor.report.chained_log import Chain, check_chain
from extractor.report.custody import ENDED, FORMAT, LOG, STARTED, VERSION, records_of
from extractor.report.custody_sums import FILES, FOLDER, SUMS, file_sum, parse_sums

Record = Mapping[str, Any]
LARGEST = 64 << 20
"""Bytes of a record or of sums that are read."""


@dataclass(frozen=True, slots=True)
class CustodyCheck:
    """What a check found; ``seal`` is the SHA-256 of the last record, which a careful person has noted elsewhere."""

    runs: int
    lines: int
    sums: int
    seal: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    """What is to be known and is no fault of the record, such as a run that was killed."""

    def check(self, store: Path) -> None:
        """Raise CorruptStoreError (42) when something does not hold together."""
        if self.problems:
            raise CorruptStoreError(
                f"{store}: the custody record does not hold together: {len(self.problems)} problems; first:"
                f" {self.problems[0]}"
            )


def check_custody(store: Path) -> CustodyCheck:
    """Check the log, the records and the sums beside a store; whether the store itself is whole is ``store verify``'s.

    Raises NoSuchStoreError (27) where there is no record; CorruptStoreError (42) for what cannot be read at all.
    """
    folder = store / FOLDER
    if not (folder / LOG).is_file():
        raise NoSuchStoreError(f"{store} holds no custody record ({FOLDER}/{LOG})")
    try:
        return _check(folder)
    except (
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:  # a forged one may hold anything
        raise CorruptStoreError(f"{folder}: the records are not as they were written") from error


def _check(folder: Path) -> CustodyCheck:
    paths = records_of(folder)
    records = [(path, _read(path)) for path in paths]
    ends = {_whole(record["log"]["lines"]) for _, record in records if record}
    chain = check_chain(folder / LOG, ends, {STARTED, ENDED})
    sums = _sums(folder)
    problems = [f"{LOG}: {chain.problem}"] if chain.problem else []
    for number, (path, record) in enumerate(records):
        before = file_sum(paths[number - 1]) if number else None
        problems += [f"{path.name}: {each}" for each in _of_record(record, chain, before)]
    problems += _of_runs([record for _, record in records], chain)
    problems += _of_sums(folder, [each.name for each in paths], sums)
    if records:
        problems += _of_last(records[-1][1], sums)
    seal = file_sum(paths[-1]) if paths else None
    notes = _notes([record for _, record in records], chain)
    runs = len(_events(chain, STARTED))
    return CustodyCheck(runs, chain.lines, len(sums), seal or "", tuple(problems), tuple(notes))


def _read(path: Path) -> Record:
    """Return a record; nothing for what is none."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(LARGEST))
    except OSError as error:
        raise CorruptStoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict) or not isinstance(value.get("log"), dict):
        return {}
    ours = (value.get("format"), value.get("version")) == (FORMAT, VERSION)
    return value if ours and "lines" in value["log"] else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _events(chain: Chain, name: str) -> dict[int, Mapping[str, Any]]:
    """Return the log's lines of one event, by the number of their run."""
    found = (each for each in chain.events.values() if each.get("event") == name)
    return {_whole(each.get("run")): each for each in found}


def _of_record(record: Record, chain: Chain, before: str | None) -> Iterator[str]:
    """Yield what a record says otherwise than the log; ``before`` is the hash of the record before it."""
    if not record:
        yield f"is no record of format {FORMAT} {VERSION}"
        return
    told, run = record["log"], _whole(record.get("run"))
    mark = chain.marks.get(_whole(told["lines"]))
    if mark is None:
        yield f"{LOG} had {told['lines']} lines when run {run} ended and has {chain.lines} now: it was cut"
    elif (mark.last, mark.whole) != (told.get("last"), told.get("sha256")):
        yield f"{LOG} was another up to its line {told['lines']} when run {run} ended"
    for name in (STARTED, ENDED):
        line = _events(chain, name).get(run)
        if line is None:
            yield f"{LOG} has no {name} of run {run}"
        elif any(record.get(key) != line[key] for key in line if key not in _OF_LINES):
            yield f"says otherwise than the line {name} of run {run} in {LOG}"
    if record.get("previous_record") != before:
        yield f"the record before it is not the one that run {run} found"


_OF_LINES = frozenset({"number", "time", "event", "previous"})


def _of_runs(records: list[Record], chain: Chain) -> Iterator[str]:
    """Yield the runs that ended and whose record is gone."""
    kept = {_whole(each.get("run")) for each in records}
    for run in sorted(_events(chain, ENDED).keys() - kept):
        yield f"{LOG} says that run {run} ended, and its record is not there"


def _notes(records: list[Record], chain: Chain) -> Iterator[str]:
    ended = _events(chain, ENDED)
    for run, line in sorted(_events(chain, STARTED).items()):
        if run not in ended:
            yield f"run {run} began at {line.get('started')} and left no record: it was killed, or it is under way"
    last = max((_whole(each["log"]["lines"]) for each in records if each), default=0)
    if chain.lines > last:
        yield f"{chain.lines - last} lines of {LOG} are younger than the last record: nothing tells if more were there"


def _sums(folder: Path) -> dict[str, str]:
    try:
        with (folder / SUMS).open("rb") as file:
            return parse_sums(file.read(LARGEST).decode("utf-8", "surrogateescape"))
    except OSError:
        return {}


def _of_sums(folder: Path, records: list[str], sums: Mapping[str, str]) -> Iterator[str]:
    """Yield what is not as ``SHA256SUMS`` says; the log, which may have grown, is proved by the last record."""
    for name in (*records, LOG, FILES) if records else ():
        if name not in sums:
            yield f"{SUMS} does not name {name}"
    root = folder.parent.resolve()
    for name, digest in sums.items():
        path = folder / name
        if name == LOG:
            continue
        if not path.resolve().is_relative_to(root):
            yield f"{SUMS} names {name}, which lies elsewhere"
        elif (found := file_sum(path)) is None:
            yield f"{name} is missing"
        elif found != digest:
            yield f"{name} is not what it was"


def _of_last(record: Record, sums: Mapping[str, str]) -> Iterator[str]:
    """Yield what the last record says of the log and the stores otherwise than ``SHA256SUMS``."""
    if not record:
        return
    expected = {LOG: record["log"].get("sha256"), FILES: record.get(FILES)}
    for store in record.get("stores", ()):
        names = ((f"{store['path']}/{name}", each) for name, each in store["files"].items())
        expected.update(names)
    for name, digest in expected.items():
        if sums.get(name) != digest:
            yield f"{SUMS} says of {name} otherwise than the last record"
    for name in sums.keys() - expected.keys():
        if name.startswith("../"):
            yield f"{SUMS} names {name}, of which the last record does not speak"
