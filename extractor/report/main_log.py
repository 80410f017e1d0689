"""``/l`` and ``/v``: the main log, in USMT's line format (usmt.md 6.10).

``2026-01-31 12:00:00, Info                  [0x000000] message``. The file is appended to and begins with a byte order
mark. What names bring with them is shown printable; further lines of a message are indented, so that no name can forge
a line; secrets never reach the file.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping
from functools import singledispatch
from pathlib import Path
from typing import Self

from extractor.errors import LogFileError, UsageError
from extractor.events import (
    Event,
    Finished,
    ItemDone,
    Noted,
    ObjectFailed,
    PhaseStarted,
    Started,
    UserDetected,
)
from extractor.model import printable
from extractor.redact import redacted
from extractor.report.output import open_report

STATUS = 15
"""Logging level of what happened to one object: between DEBUG and INFO, but chosen by a bit of its own."""
VERBOSITIES = (0, 1, 4, 5, 8, 9, 12, 13)
VERBOSE, OBJECTS = 1, 4
"""Bits of ``/v``; 8 asks for a copy to a debugger, which Linux has none of."""

_WORDS = {
    logging.ERROR: "Error",
    logging.WARNING: "Warning",
    logging.INFO: "Info",
    STATUS: "Status",
}

log = logging.getLogger("extractor")


def parse_verbosity(text: str) -> int:
    """Return the value of ``/v:text``; raise UsageError (11) for another sum of bits."""
    if text not in map(str, VERBOSITIES):
        raise UsageError(
            f"/v:{text} is not a level; take one of {', '.join(map(str, VERBOSITIES))}"
        )
    return int(text)


class MainLog(logging.Handler):
    """A logging handler for ``/l``, at work inside its ``with``; its ``tell`` is an Observer of the run itself.

    ``secrets`` are texts that must never appear. Raises LogFileError (13) when the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        store: Path | None = None,
        verbosity: int = 0,
        secrets: Iterable[str] = (),
    ) -> None:
        super().__init__(logging.NOTSET)
        self._file = open_report(path, store, LogFileError, append=True)
        self._verbosity = verbosity
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self.setFormatter(UsmtFormatter())
        self.addFilter(self._wanted)
        self._level_before = log.level

    def _wanted(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            return True
        if record.levelno == STATUS:
            return bool(self._verbosity & OBJECTS)
        ours = (
            record.name.split(".")[0] == "extractor"
        )  # what libraries say below a warning is not for this log
        return ours and record.levelno >= logging.INFO and bool(self._verbosity & VERBOSE)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a full disk silences the log (logging's rule), never the run."""
        try:
            self._file.write(self._without_secrets(self.format(record)) + "\n")
            self._file.flush()
        except (OSError, ValueError):
            self.handleError(record)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return redacted(text)

    def tell(self, event: Event) -> None:
        """Log what an event says (an Observer)."""
        level, message = _told(event)
        if message:
            log.log(level, "%s", message)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def __enter__(self) -> Self:
        """Listen to all of the program's logging, and have ``extractor`` say what the verbosity asks for."""
        self._level_before = log.level
        log.setLevel(STATUS if self._verbosity & OBJECTS else logging.INFO)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        logging.getLogger().removeHandler(self)
        log.setLevel(self._level_before)
        self.close()


class UsmtFormatter(logging.Formatter):
    """USMT's line; the message's own arguments are made printable one by one, its further lines indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines, of a record."""
        moment = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        lines = [*_message(record).split("\n"), *_trace(record)]
        text = "\n    ".join(printable(line) for line in lines)
        return f"{moment}, {_word(record.levelno):<22}[0x000000] {text}"


def _message(record: logging.LogRecord) -> str:
    if not record.args:
        return str(record.msg)
    if isinstance(record.args, Mapping):
        return record.getMessage()
    return str(record.msg) % tuple(map(_shown, record.args))


def _shown(value: object) -> object:
    return value if isinstance(value, int | float) else printable(str(value))


def _trace(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[0] is None:
        return []
    return "".join(traceback.format_exception(*record.exc_info)).rstrip().split("\n")


def _word(level: int) -> str:
    return next((word for least, word in _WORDS.items() if level >= least), "Info")


@singledispatch
def _told(_: Event) -> tuple[int, str]:
    """Return level and sentence for an event; an empty sentence for what the log does not tell."""
    return logging.INFO, ""


@_told.register
def _(event: Started) -> tuple[int, str]:
    return logging.INFO, f"Command line: {' '.join(event.command)}"


@_told.register
def _(event: PhaseStarted) -> tuple[int, str]:
    return logging.INFO, f"Phase: {event.phase.value}"


@_told.register
def _(event: UserDetected) -> tuple[int, str]:
    chosen = "included" if event.included else "not included"
    return logging.INFO, f"User {event.account} ({event.scope}): {chosen}. {event.reason}".rstrip()


@_told.register
def _(event: Noted) -> tuple[int, str]:
    return logging.WARNING if event.level == "warning" else logging.INFO, event.message


@_told.register
def _(event: ObjectFailed) -> tuple[int, str]:
    end = "ignored" if event.ignored else "the run ends"
    return logging.WARNING, f"{event.action}: {event.path}: {event.reason} ({end})"


@_told.register
def _(event: ItemDone) -> tuple[int, str]:
    return STATUS, f"{event.outcome.value}: {event.path} {event.reason}".rstrip()


@_told.register
def _(event: Finished) -> tuple[int, str]:
    level = logging.INFO if event.exit_code == 0 else logging.WARNING
    return level, f"Ended with code {event.exit_code}. {event.message}".rstrip()
