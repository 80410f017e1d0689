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
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from extractor.cli.selection import SelectionTable
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
from extractor.report.ledger import MACHINE

PHASES = {
    Phase.INITIALIZING: "opening the images",
    Phase.SCANNING: "looking for Windows and users",
    Phase.COLLECTING: "choosing what to store",
    Phase.SAVING: "storing",
    Phase.ESTIMATING: "estimating",
    Phase.APPLYING: "restoring",
}
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


class Bar:
    """One bar: how much of one user's objects, or of all, is done."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._objects = self._bytes = 0
        self._totals = (0, 0)
        self._task = progress.add_task(name, total=None, said="")

    def rename(self, name: str, said: str = "") -> None:
        """Show another name and text; what follows has no known end."""
        self._progress.update(self._task, description=name, said=said)

    def expect(self, objects: int, size: int) -> None:
        """Begin anew with a known end."""
        self._began = time.monotonic()
        self._objects, self._bytes, self._totals = 0, 0, (objects, size)
        self._progress.reset(self._task, total=max(work(objects, size), 1))

    def advance(self, objects: int, size: int) -> None:
        """Count what was done."""
        self._objects += objects
        self._bytes += size
        done = work(self._objects, self._bytes)
        self._progress.update(self._task, completed=done, said=self._said())

    def remove(self) -> None:
        """Take the bar away."""
        self._progress.remove_task(self._task)

    def _said(self) -> str:
        rate = self._bytes / max(time.monotonic() - self._began, 0.001)
        return (
            f"{human_size(self._bytes)} of {human_size(self._totals[1])}  {human_size(int(rate))}/s"
            f"  {self._objects:,} of {self._totals[0]:,} objects"
        )


class RichScreen:
    """Bars: one for the run, one for each user; warnings scroll by above them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.accounts = Accounts()
        self.users = SelectionTable(console)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(show_speed=False),
            TextColumn("{task.fields[said]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.phase = ""
        self.total = Bar(self.progress, "")
        self.bars: dict[str, Bar] = {}
        self.is_counted = False
        """Whether it is known how much there is: what a selection leaves out before that counts for nothing."""

    def __enter__(self) -> RichScreen:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def __call__(self, event: Event) -> None:
        self.users(event)
        match event:
            case PhaseStarted(phase):
                self._begin(phase)
            case ImageRead(done=done, size=size):
                self.total.rename("verifying the image", f"{percent(done, size)} %")
            case UserDetected():
                self.accounts.learn(event)
            case EntriesSeen(count):
                self.total.rename(self.phase, f"{count:,} entries")
            case TotalsKnown():
                self._expect(event)
            case BytesCopied(scope, count):
                self._advance(scope, 0, count)
            case ItemDone(scope=scope) if self.is_counted:
                self._advance(scope, 1, 0)
            case ObjectFailed(path=path, reason=reason):
                self.console.print(f"not stored: {printable(str(path))}: {printable(reason)}")
            case Noted("warning", message):
                self.console.print(f"warning: {printable(message)}")
            case _:
                return

    def _begin(self, phase: Phase) -> None:
        self.phase = PHASES[phase]
        self.total.rename(self.phase)
        if phase is Phase.COLLECTING:  # of the next Windows, with other users
            for bar in self.bars.values():
                bar.remove()
            self.bars.clear()
            self.is_counted = False

    def _expect(self, event: TotalsKnown) -> None:
        self.is_counted = True
        self.total.expect(event.objects, event.bytes)
        for scope, (objects, size) in event.scopes.items():
            self.bars[scope] = Bar(self.progress, self.accounts[scope])
            self.bars[scope].expect(objects, size)

    def _advance(self, scope: str, objects: int, size: int) -> None:
        self.total.advance(objects, size)
        if scope in self.bars:
            self.bars[scope].advance(objects, size)


class PlainScreen:
    """A line at each phase and every few seconds: for logs, pipes and people who asked for it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._users = SelectionTable(open_console(stream))
        self._said = time.monotonic()
        self._began = self._said
        self._objects = self._bytes = 0
        self._totals = TotalsKnown(0, 0)
        self._deed = "store"

    def __call__(self, event: Event) -> None:
        self._users(event)
        match event:
            case PhaseStarted(phase):
                self._say(f"{phase}: {PHASES[phase]}")
                self._deed = "restore" if phase is Phase.APPLYING else "store"
                self._began = time.monotonic()
            case ImageRead(done=done, size=size):
                if self._is_due():
                    self._say(f"{percent(done, size):3} %  verifying the image")
            case TotalsKnown():
                self._totals, self._objects, self._bytes = event, 0, 0
                self._say(f"to {self._deed}: {event.objects:,} objects, {human_size(event.bytes)}")
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

    def _is_due(self) -> bool:
        """Tell, once every few seconds, that it is time for a line."""
        now = time.monotonic()
        if now - self._said < LINE_EVERY:
            return False
        self._said = now
        return True

    def _say_progress(self) -> None:
        if not self._is_due():
            return
        spent = max(self._said - self._began, 0.001)
        rate = self._bytes / spent
        done = work(self._objects, self._bytes)
        whole = max(work(self._totals.objects, self._totals.bytes), 1)
        left = max(whole - done, 0) * spent / max(done, 1)
        self._say(
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
