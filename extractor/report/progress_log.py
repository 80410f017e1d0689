"""``/progress``: USMT's progress log, line for line what its consumers parse (usmt.md 6.6).

``15 Jan 2011, 20:46:21 -08:00, 00:04:48, totalPercentageCompleted, 48``: date, local time with its offset, time since
the start, then keys and values. Values from the image are printable, and quoted where they hold a comma or a quote.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import singledispatchmethod
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from extractor.errors import ProgressLogError
from extractor.events import (
    BytesCopied,
    ComponentDetected,
    Event,
    Finished,
    ItemDone,
    ObjectFailed,
    PhaseStarted,
    Started,
    TotalsKnown,
    UserDetected,
)
from extractor.model import printable
from extractor.report.ledger import MACHINE
from extractor.report.output import open_report

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""English whatever the locale: scripts parse it."""


class ProgressLog:
    """Writes the progress log (an Observer, and a context manager).

    ``now`` gives the time of day, ``clock`` seconds from any start. Raises ProgressLogError (40) when the file cannot
    be made, or cannot be written any more.
    """

    def __init__(
        self,
        path: Path,
        store: Path | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._file = open_report(path, store, ProgressLogError, mark=False)
        self._now = now
        self._clock = clock
        self._begun = clock()
        self._copying_since = self._begun
        self._accounts: dict[str, str] = {"": MACHINE}
        self._total = self._copied = 0
        self._percent = self._minutes = -1
        self._scope: str | None = None

    def __call__(self, event: Event) -> None:
        """Write what the event means to USMT's log, if anything."""
        self._tell(event)

    @singledispatchmethod
    def _tell(self, event: Event) -> None:
        """Stay silent: USMT's log has no word for this event."""

    @_tell.register
    def _(self, event: Started) -> None:
        self._line(
            "program", "ScanState.exe", "productVersion", _version(),
            "computerName", event.computer, "commandLine", " ".join(event.command),
        )  # fmt: skip

    @_tell.register
    def _(self, event: PhaseStarted) -> None:
        self._line("PHASE", event.phase.value)

    @_tell.register
    def _(self, event: UserDetected) -> None:
        self._accounts[event.scope] = event.account
        self._line("detectedUser", event.account, "includedInMigration", _yes(event.included))

    @_tell.register
    def _(self, event: ComponentDetected) -> None:
        who = self._account(event.scope)
        self._line(
            "forUser", who, "detectedComponent", event.component, "includedInMigration", _yes(event.included)
        )  # fmt: skip

    @_tell.register
    def _(self, event: TotalsKnown) -> None:
        self._total, self._copied = event.bytes, 0
        self._copying_since = self._clock()
        self._line("totalSizeInMBToTransfer", f"{event.bytes / (1 << 20):.2f}")

    @_tell.register
    def _(self, event: BytesCopied) -> None:
        self._collect(event.scope)
        self._copied += event.count
        self._tell_percent()

    @_tell.register
    def _(self, event: ItemDone) -> None:
        self._collect(event.scope)

    @_tell.register
    def _(self, event: ObjectFailed) -> None:
        self._line(
            "error", event.action, "objectName", str(event.path),
            "action", "Ignore" if event.ignored else "Abort", "message", event.reason,
        )  # fmt: skip

    @_tell.register
    def _(self, event: Finished) -> None:
        if event.exit_code in {0, 3} and self._percent < 100:
            self._line("totalPercentageCompleted", "100")
        self._line(
            "errorCode", str(event.exit_code), "numberOfIgnoredErrors", str(event.ignored_errors),
            "message", event.message,
        )  # fmt: skip

    def _collect(self, scope: str) -> None:
        if scope != self._scope:
            self._scope = scope
            self._line("collectingUser", self._account(scope))

    def _tell_percent(self) -> None:
        """Write each whole percent once; 100 belongs to success alone, for scripts wait for it."""
        percent = min(99, self._copied * 100 // max(self._total, 1))
        if percent <= self._percent:
            return
        self._percent = percent
        self._line("totalPercentageCompleted", str(percent))
        spent = self._clock() - self._copying_since
        minutes = round(spent * max(self._total - self._copied, 0) / max(self._copied, 1) / 60)
        if minutes != self._minutes:
            self._minutes = minutes
            self._line("totalMinutesRemaining", str(minutes))

    def _account(self, scope: str) -> str:
        return self._accounts.get(scope, scope)

    def _line(self, *values: str) -> None:
        now, spent = self._now(), int(self._clock() - self._begun)
        day = f"{now.day:02} {_MONTHS[now.month - 1]} {now.year}"
        offset = f"{now:%z}" or "+0000"
        moment = f"{now:%H:%M:%S} {offset[:3]}:{offset[3:5]}"
        elapsed = f"{spent // 3600:02}:{spent // 60 % 60:02}:{spent % 60:02}"
        text = ", ".join((day, moment, elapsed, *map(_quoted, values)))
        try:
            self._file.write(text + "\n")
            self._file.flush()
        except OSError as error:
            raise ProgressLogError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _quoted(value: str) -> str:
    shown = printable(value)
    return '"' + shown.replace('"', '""') + '"' if "," in shown or '"' in shown else shown


def _yes(included: bool) -> str:
    return "Yes" if included else "No"


def _version() -> str:
    try:
        return version("coldstate")
    except PackageNotFoundError:
        return "0"
