"""Custody: ``STORE/custody``, which says who read which evidence with what, when, and what came of it.

``custody.json`` is the record of the last run, ``custody-N.json`` those of the runs before; ``log.jsonl`` is the
chained log of all; ``SHA256SUMS`` and ``files.sha256`` are for ``sha256sum -c``. What each holds: CUSTODY.md. All of it
has times of day and lies outside of ``STORE/USMT``, whose manifest stays the same for the same input.

A record begins right before the first byte of an image is read: a run that ended on its own command line touched no
evidence and leaves none. A run that fails later leaves its exit code and its sentence; of one that was killed the log
tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from extractor.errors import StoreLocationError
from extractor.events import Event, ItemDone
from extractor.images.verify import Verification
from extractor.report import custody_host as here
from extractor.report.chained_log import ChainedLog, keeping, now, plain
from extractor.report.custody_evidence import Evidence, FileState, Watched
from extractor.report.custody_sums import (
    FILES,
    FOLDER,
    SUMS,
    file_lines,
    file_sum,
    stores_below,
    sum_line,
    sums_of,
)
from extractor.report.ledger import Sum

FORMAT = "coldstate-custody"
VERSION = 1
RECORD = "custody.json"
LOG = "log.jsonl"
STARTED, ENDED = "run_started", "run_ended"
"""The first and the last event of each run in the log."""


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a record says of a run that is known before it begins; text may still hold secrets."""

    store: Path
    command: tuple[str, ...]
    several: bool = False
    """True when each Windows has its store in a folder of its own below ``store``."""
    case: str = ""
    evidence: str = ""
    operator: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended. ``windows`` has one mapping for each Windows that was migrated."""

    exit_code: int
    error: str = ""
    windows: Sequence[Mapping[str, object]] = ()
    verified: Mapping[str, Verification] = field(default_factory=dict)


class Custody:
    """The record of one run, and an Observer; ``scan`` fills its ``evidence``, and so begins it.

    ``prepare`` is called before anything is written and may refuse the place. Raises StoreLocationError (27) when the
    record cannot be begun, StoreError (72) when it cannot be written any more.
    """

    def __init__(
        self, particulars: Particulars, prepare: Callable[[Path], None] = lambda _: None
    ) -> None:
        self.evidence = Evidence(self._begin)
        self.folder = particulars.store / FOLDER
        self._particulars = particulars
        self._prepare = prepare
        self._log: ChainedLog | None = None
        self._head: dict[str, object] = {}
        self._outcomes: dict[str, Sum] = {}
        self._standing: dict[str, int] = {}
        self._clock = 0.0

    def _begin(self) -> None:
        self._prepare(self._particulars.store)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise StoreLocationError(f"{self.folder} cannot be made: {reason}") from error
        if self.folder.is_symlink():
            raise StoreLocationError(f"{self.folder} is a symbolic link; it must be a folder")
        log = ChainedLog(self.folder / LOG)
        try:
            with keeping(self.folder):
                self._head = self._opening()
                self._standing = {name: path.stat().st_ino for name, path in self._stores().items()}
            log.write(STARTED, **self._head)
            log.sync()
        except BaseException:
            log.close()
            raise
        self._clock = time.monotonic()
        self._log = log

    def _stores(self) -> dict[str, Path]:
        return stores_below(self._particulars.store, several=self._particulars.several)

    def _opening(self) -> dict[str, object]:
        """Return what is known of a run when it begins."""
        asked, records = self._particulars, records_of(self.folder)
        return {
            "run": _runs_begun(self.folder / LOG) + 1,
            "previous_record": file_sum(records[-1]) if records else None,
            "case": asked.case or None,
            "evidence": asked.evidence or None,
            "operator": asked.operator or None,
            "account": here.account(),
            "host": here.host(),
            "tool": here.tool(),
            "libraries": here.libraries(),
            "plugins": here.plug_ins(),
            "command": asked.command,
            "working_directory": str(Path.cwd()),
            "environment": here.variables(asked.environment),
            "started": now(),
        }

    def __call__(self, event: Event) -> None:
        """Keep an event in the log, and count what met its end."""
        if self._log is None:
            return
        if isinstance(event, ItemDone):
            self._outcomes.setdefault(event.outcome.value, Sum()).count(1, event.bytes)
        else:
            self._log(event)

    def end(self, end: End) -> str:
        """Write the record and its sums; return the SHA-256 of the record, nothing when none was begun.

        A second call does nothing.
        """
        log, self._log = self._log, None
        if log is None:
            return ""
        try:
            with keeping(self.folder):
                return self._end(end, log)
        finally:
            log.close()

    def _end(self, end: End, log: ChainedLog) -> str:
        paths = self._stores()
        if self._particulars.several:  # others that lie there are none of this run's business
            paths = {name: path for name, path in paths.items() if self._is_new(name, path)}
        stores = [
            {"path": name, "written": self._is_new(name, path), "files": sums_of(path)}
            for name, path in paths.items()
        ]
        _write(self.folder / FILES, map(os.fsencode, file_lines(paths)))
        result: dict[str, object] = {
            "ended": now(),
            "seconds": round(time.monotonic() - self._clock, 6),
            "exit_code": end.exit_code,
            "error": end.error or None,
            "outcomes": {name: each.as_dict() for name, each in sorted(self._outcomes.items())},
            "windows": end.windows,
            "images": [_image(each, end.verified) for each in self.evidence.images],
            "volumes": [asdict(each) for each in self.evidence.volumes],
            "stores": stores,
            FILES: file_sum(self.folder / FILES),
        }
        log.write(ENDED, run=self._head["run"], **result)
        log.sync()
        told = {"file": LOG, "lines": log.lines, "last": log.last, "sha256": file_sum(log.path)}
        whole = {"format": FORMAT, "version": VERSION, **self._head, **result, "log": told}
        content = json.dumps(plain(whole), indent=1).encode() + b"\n"
        _keep_last(self.folder)
        _write(self.folder / RECORD, [content])
        _write(self.folder / SUMS, map(os.fsencode, _sum_lines(self.folder, stores)))
        return hashlib.sha256(content).hexdigest()

    def _is_new(self, name: str, path: Path) -> bool:
        return self._standing.get(name) != path.stat().st_ino


def _sum_lines(folder: Path, stores: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [each.name for each in records_of(folder)]
    for name in (*names, LOG, FILES):
        yield sum_line(file_sum(folder / name) or "", name)
    for store in stores:
        for name, digest in store["files"].items():
            yield sum_line(digest, f"{store['path']}/{name}")


def records_of(folder: Path) -> list[Path]:
    """Return the records in a custody folder, the oldest first."""
    old = ((_number(each), each) for each in folder.glob("custody-*.json"))
    last = folder / RECORD
    found = [path for number, path in sorted(old) if number]
    return [*found, last] if last.is_file() else found


def _number(path: Path) -> int:
    text = path.stem.removeprefix("custody-")
    return int(text) if text.isascii() and text.isdigit() else 0


def _runs_begun(log: Path) -> int:
    mark = f'"event":"{STARTED}"'.encode()
    with log.open("rb") as file:
        return sum(mark in line[:120] for line in file)


def _keep_last(folder: Path) -> None:
    """Give the record of the run before this one the name with its number."""
    last = folder / RECORD
    if not last.exists():
        return
    try:
        run = int(json.loads(last.read_bytes())["run"])
    except (ValueError, TypeError, KeyError):
        run = 1  # not as we wrote it; it is kept all the same
    target = folder / f"custody-{run}.json"
    while target.exists():
        run += 1
        target = folder / f"custody-{run}.json"
    last.rename(target)


def _write(path: Path, content: Iterable[bytes]) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with new.open("xb") as file:
        file.writelines(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _image(image: Watched, verified: Mapping[str, Verification]) -> dict[str, Any]:
    found = verified.get(image.info.path)
    about = asdict(image.info)
    del about["segments"]
    return {
        **about,
        "verdict": found.verdict.value if found else None,
        "sentence": found.sentence if found else None,
        "hashes_before": found.computed if found else {},
        "hashes_after": found.after if found else {},
        "segments": [
            {
                "path": each.path,
                "sha256": found.files.get(each.path) if found else None,
                "before": _state(each.before),
                "after": _state(each.after),
            }
            for each in image.segments
        ],
    }


def _state(state: FileState | None) -> dict[str, object] | None:
    if state is None:
        return None
    seconds, rest = divmod(state.modified, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    modified = f"{moment}.{rest:09}Z" if state.modified else None
    return {"size": state.size, "modified": modified, "inode": state.inode}
