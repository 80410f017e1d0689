"""The custody log: JSON lines that are only ever appended, each with the hash of the line before.

::

    {"number":2,"time":"2026-01-31T12:00:00.123456Z","event":"phase_started",...,"previous":"<SHA-256>"}

``previous`` is the SHA-256 of the bytes of the line before, its newline included, so that
``sed -n 1p log.jsonl | sha256sum`` gives what line 2 says; of the first line it is ``GENESIS``. A line that is changed,
removed, added or moved breaks the chain at that place or at the next. What is cut off at the end only the custody
record tells, which holds how many lines there were. Text from the evidence is printable; secrets never reach the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from typing import Any

from extractor.errors import CorruptStoreError, StoreError, StoreLocationError
from extractor.events import (
    Event,
    Noted,
    ObjectFailed,
    Phase,
    PhaseStarted,
    Started,
    TotalsKnown,
    UserDetected,
)
from extractor.model import WinPath, printable
from extractor.redact import redacted

GENESIS = hashlib.sha256(b"coldstate custody log, format 1\n").hexdigest()
"""What the first line follows."""
CUT_LINE_FOUND = "cut_line_found"
"""Event of a line that follows one which a run that was killed, or a machine that lost its power, left unfinished."""

_NAMES: Mapping[type, str] = {
    Started: "windows_opened",
    PhaseStarted: "phase_started",
    UserDetected: "user_detected",
    TotalsKnown: "totals_known",
    ObjectFailed: "object_failed",
    Noted: "noted",
}
"""The events that the log keeps; every object's own end is in the manifest."""


def now() -> str:
    """Return the time of day: ISO 8601, UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: object) -> Any:  # noqa: ANN401 (what JSON can hold)
    """Return a value as JSON can hold it: text printable and without secrets, paths as text."""
    if isinstance(value, str | Path | WinPath):
        return redacted(printable(redacted(str(value))))
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


@contextmanager
def keeping(place: Path) -> Iterator[None]:
    """Translate OSError of a write of the custody record into StoreError (72)."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{place}: the custody record cannot be written: {error.strerror or error}"
        ) from error


class ChainedLog:
    """A log that is open for appending, and an Observer; nobody else writes to it meanwhile.

    Raises StoreLocationError (27) when it cannot be opened or another run has it, StoreError (72) when it cannot be
    written any more.
    """

    def __init__(self, path: Path, clock: Callable[[], str] = now) -> None:
        self.path = path
        self.lines = 0
        self.last = GENESIS
        """Hash of the last line."""
        self._left = b""
        """What could be written of a line before the disk was full."""
        self._clock = clock
        self._file = _open_locked(path)
        self._take_up()

    def _take_up(self) -> None:
        """Find the end of what is there; a last line that a killed run left unfinished stays, and is told."""
        line = b"\n"
        with keeping(self.path):
            with os.fdopen(os.dup(self._file.fileno()), "rb") as reader:
                for line in reader:
                    self.lines += 1
                    self.last = _hash(line if line.endswith(b"\n") else line + b"\n")
            if not line.endswith(b"\n"):
                self._append(b"\n")
        if self.lines and _number(line) != self.lines:
            self.write(CUT_LINE_FOUND)

    def __call__(self, event: Event) -> None:
        """Keep an event that belongs into the log; a phase that begins brings all before it to the medium."""
        name = _NAMES.get(type(event))
        if name is None:
            return
        self.write(name, **{each.name: getattr(event, each.name) for each in fields(event)})
        if isinstance(event, PhaseStarted) and event.phase is not Phase.INITIALIZING:
            self.sync()

    def write(self, event: str, /, **values: object) -> None:
        """Append one line."""
        if self._left:
            self._end_what_is_left()
        head = {"number": self.lines + 1, "time": self._clock(), "event": event}
        whole = {**head, **plain(values), "previous": self.last}
        line = json.dumps(whole, separators=(",", ":")).encode() + b"\n"
        with keeping(self.path), _uninterrupted():
            self._append(line)
            self.lines += 1
            self.last = _hash(line)

    def _append(self, content: bytes) -> None:
        done = 0
        try:
            while done < len(content):
                done += self._file.write(content[done:])
        except OSError:
            self._left += content[:done]
            raise

    def _end_what_is_left(self) -> None:
        """End a line that a full disk has cut, now that there may be room again: it counts as one."""
        left = self._left
        with keeping(self.path):
            self._append(b"\n")
        self._left = b""
        self.lines += 1
        self.last = _hash(left + b"\n")
        self.write(CUT_LINE_FOUND)

    def sync(self) -> None:
        """Bring everything to the medium."""
        with keeping(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, and let go of it."""
        self._file.close()


def _open_locked(path: Path) -> io.FileIO:
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = io.FileIO(os.open(path, flags, 0o600), "r+")
    except OSError as error:
        raise StoreLocationError(
            f"{path}: the custody log cannot be opened: {error.strerror or error}"
        ) from error
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreLocationError(f"{path}: another run is writing this log now") from error
    return file


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a log ended once: the hash of a line, and of everything up to it."""

    last: str
    whole: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What a check of a log found."""

    lines: int
    problem: str = ""
    """The first line that does not fit, in one sentence; empty when all do."""
    marks: Mapping[int, Mark] = field(default_factory=dict)
    """Of the lines that were asked about, as far as they are there."""
    events: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The lines of the events that were asked about, by number."""


def check_chain(path: Path, marks: Collection[int] = (), events: Collection[str] = ()) -> Chain:
    """Read a whole log and name the first line that does not fit.

    Raises CorruptStoreError (42) when it cannot be read.
    """
    checking = _Checking()
    found: dict[int, Mark] = {}
    told: dict[int, Mapping[str, Any]] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                value = checking.take(line)
                if checking.lines in marks:
                    found[checking.lines] = Mark(checking.last, checking.whole.hexdigest())
                if value.get("event") in events:
                    told[checking.lines] = value
    except OSError as error:
        raise CorruptStoreError(f"{path} cannot be read: {error.strerror or error}") from error
    return Chain(checking.lines, checking.problem or checking.doubt, found, told)


class _Checking:
    """A check under way; ``doubt`` is of a line that is none, which the next one may explain."""

    def __init__(self) -> None:
        self.lines = 0
        self.last = GENESIS
        self.whole = hashlib.sha256()
        self.problem = ""
        self.doubt = ""

    def take(self, line: bytes) -> dict[str, Any]:
        """Check the next line; return what it says, nothing when it says nothing."""
        self.lines += 1
        self.whole.update(line)
        value = _value(line)
        if not value or not line.endswith(b"\n"):
            self.problem = self.problem or self.doubt
            self.doubt = f"line {self.lines} is no whole line of this log"
        else:
            self._follow(value)
        self.last = _hash(line)
        return value

    def _follow(self, value: Mapping[str, Any]) -> None:
        if value.get("event") == CUT_LINE_FOUND:
            self.doubt = ""
        self.problem = self.problem or self.doubt
        if self.problem:
            return
        if value.get("number") != self.lines:
            self.problem = f"line {self.lines} says that it is number {value.get('number')!a}"
        elif value.get("previous") != self.last:
            before = f"line {self.lines - 1}" if self.lines > 1 else "the beginning of a log"
            self.problem = f"line {self.lines} does not follow {before}: that is not what it was"


def _value(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(line: bytes) -> object:
    return _value(line).get("number")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a Ctrl+C wait: between a line and the count of lines it would break the chain."""
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)
