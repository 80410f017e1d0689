"""What a person sees while a run works: bars on a terminal, plain lines elsewhere, or JSON; always on stderr.

rich is safe with names of the evidence only without markup and after ``printable``: both hold for every word here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from extractor.events import (
    BytesCopied,
    EntriesSeen,
    Event,
    ImageRead,
    ItemDone,
    Noted,
    ObjectFailed,
    Observer,
    Phase,
    PhaseStarted,
    TotalsKnown,
    UserDetected,
)
from extractor.model import printable
from extractor.report.json_progress import JsonProgress

PHASES = {
    Phase.INITIALIZING: "opening the images",
    Phase.SCANNING: "looking for Windows and users",
    Phase.COLLECTING: "choosing what to store",
    Phase.SAVING: "storing",
    Phase.ESTIMATING: "estimating",
}
MACHINE = "This Computer"
OPENING = 32 << 10
"""Bytes that could be copied while one more object is opened and written down."""
WIDE = 160
"""Columns of a table in a pipe or a file."""
LINE_EVERY = 3.0
"""Seconds between two lines of the plain screen."""


def open_console(stream: TextIO) -> Console:
    """Return a console on which text is only text; what is no terminal gets lines wide enough for a SID."""
    width = None if stream.isatty() else WIDE
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width)


@contextmanager
def open_screen(kind: str) -> Iterator[Observer]:
    """Yield the observer that ``--progress`` asks for; ``auto`` is rich on a terminal, else plain."""
    stream = sys.stderr
    console = open_console(stream)
    if kind == "auto":
        kind = "rich" if console.is_terminal and not console.is_dumb_terminal else "plain"
    if kind == "rich":
        with RichScreen(console) as screen:
            yield screen
    elif kind == "plain":
        yield PlainScreen(stream)
    elif kind == "json":
        yield JsonProgress(stream)
    else:
        yield _silence


def _silence(_: Event) -> None:
    """Show nothing."""


class Accounts:
    """Names for scopes, learned from UserDetected; printable."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {"": MACHINE}

    def learn(self, event: UserDetected) -> None:
        self._names[event.scope] = printable(event.account)

    def __getitem__(self, scope: str) -> str:
        return self._names.get(scope) or printable(scope)


class RichScreen:
    """Bars: one for the run, one for each user; warnings scroll by above them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.accounts = Accounts()
        self.bars: dict[str, TaskID] = {}
        self.total: TaskID | None = None
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[objects]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._objects = [0, 0]

    def __enter__(self) -> RichScreen:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case PhaseStarted(phase):
                self._begin(phase)
            case ImageRead(done=done, size=size):
                self._show_objects(f"verifying the image: {percent(done, size)} %")
            case UserDetected():
                self.accounts.learn(event)
            case EntriesSeen(count):
                self._show_objects(f"{count:,} entries")
            case TotalsKnown():
                self._set_totals(event)
            case BytesCopied(scope, count):
                self._advance(scope, count)
            case ItemDone():
                self._objects[0] += 1
                self._show_objects(f"{self._objects[0]:,}/{self._objects[1]:,}")
            case ObjectFailed(path=path, reason=reason):
                self.console.print(f"not stored: {printable(str(path))}: {printable(reason)}")
            case Noted("warning", message):
                self.console.print(f"warning: {printable(message)}")
            case _:
                return

    def _begin(self, phase: Phase) -> None:
        if self.total is None:
            self.total = self.progress.add_task(PHASES[phase], total=None, objects="")
        self.progress.update(self.total, description=PHASES[phase])

    def _show_objects(self, text: str) -> None:
        if self.total is not None:
            self.progress.update(self.total, objects=text)

    def _set_totals(self, event: TotalsKnown) -> None:
        self._objects = [0, event.objects]
        if self.total is not None:
            self.progress.update(self.total, total=event.bytes or 1, completed=0)
        for scope, (objects, size) in event.scopes.items():
            name = self.accounts[scope]
            self.bars[scope] = self.progress.add_task(name, total=size or 1, objects=f"{objects:,}")

    def _advance(self, scope: str, count: int) -> None:
        if self.total is not None:
            self.progress.advance(self.total, count)
        if scope in self.bars:
            self.progress.advance(self.bars[scope], count)


class PlainScreen:
    """A line at each phase and every few seconds: for logs, pipes and people who asked for it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._said = time.monotonic()
        self._began = self._said
        self._objects = self._bytes = 0
        self._totals = TotalsKnown(0, 0)

    def __call__(self, event: Event) -> None:
        match event:
            case PhaseStarted(phase):
                self._say(f"{phase}: {PHASES[phase]}")
                self._began = time.monotonic()
            case ImageRead(done=done, size=size):
                self._say_now_and_then(f"{percent(done, size):3} %  verifying the image")
            case TotalsKnown():
                self._totals, self._objects, self._bytes = event, 0, 0
                self._say(f"to store: {event.objects:,} objects, {human_size(event.bytes)}")
            case BytesCopied(_, count):
                self._bytes += count
                self._say_progress()
            case ItemDone():
                self._objects += 1
                self._say_progress()
            case ObjectFailed(path=path, reason=reason):
                self._say(f"not stored: {printable(str(path))}: {printable(reason)}")
            case Noted("warning", message):
                self._say(f"warning: {printable(message)}")
            case _:
                return

    def _say(self, line: str) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()

    def _say_now_and_then(self, line: str) -> None:
        now = time.monotonic()
        if now - self._said >= LINE_EVERY:
            self._said = now
            self._say(line)

    def _say_progress(self) -> None:
        now = time.monotonic()
        if now - self._said < LINE_EVERY:
            return
        spent = max(now - self._began, 0.001)
        rate = self._bytes / spent
        done = work(self._objects, self._bytes)
        whole = max(work(self._totals.objects, self._totals.bytes), 1)
        left = max(whole - done, 0) * spent / max(done, 1)
        self._say_now_and_then(
            f"{percent(done, whole):3} %  {self._objects:,} of {self._totals.objects:,} objects, "
            f"{human_size(self._bytes)} of {human_size(self._totals.bytes)}, "
            f"{human_size(int(rate))}/s, {left:.0f} s left"
        )


def percent(done: int, whole: int) -> int:
    """Return a whole percentage."""
    return 100 * done // max(whole, 1)


def work(objects: int, size: int) -> int:
    """Return how much there is to do: a small file costs its opening more than its bytes."""
    return size + objects * OPENING


def human_size(count: int) -> str:
    """Return a size as a person reads it: ``1.4 GiB``; exact below 1 KiB."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
