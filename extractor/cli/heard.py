"""What a command prints -> USMT's logs too: each line of the result, each note, and how it ended."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from extractor.errors import ColdstateError
from extractor.events import Event, Finished, Noted, Observer, broadcast
from extractor.report.main_log import MainLog
from extractor.report.progress_log import ProgressLog

NOTE = "note: "
"""Begins a line for a person's eye that is worth a warning in a log."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The logs of a command that is at work."""

    tell: Observer
    progress: Observer
    """Hears how far it is: the progress log, where there is one."""

    def note(self, text: str) -> None:
        """Say something to the person and to the log."""
        print(f"{NOTE}{text}", file=sys.stderr)

    def ended(self, code: int) -> int:
        """Tell the logs how it ended; return the same code."""
        self.tell(Finished(code))
        return code


class Heard(io.TextIOBase):
    """A stream that prints as before, and has each whole line heard."""

    def __init__(self, stream: TextIO, hear: Callable[[str], None]) -> None:
        self._stream, self._hear, self._line = stream, hear, ""

    def write(self, text: str) -> int:
        """Print, and hear the lines that are whole now."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._hear(line)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        """Tell whether somebody watches."""
        return self._stream.isatty()


@contextmanager
def reported(log: Path, verbosity: int, progress: Path | None, store: Path) -> Iterator[Reports]:
    """Have the logs hear what is printed inside the ``with``, and the error that ends it.

    Raises LogFileError (13) and ProgressLogError (40) when they cannot be made.
    """
    with ExitStack() as stack:
        observers: list[Observer] = [stack.enter_context(MainLog(log, store, verbosity)).tell]
        lines = [stack.enter_context(ProgressLog(progress, store))] if progress else []
        observers += lines
        tell = broadcast(*observers)

        def hear_note(line: str) -> None:
            if line.startswith(NOTE):
                tell(Noted("warning", line.removeprefix(NOTE)))

        stack.enter_context(redirect_stdout(Heard(sys.stdout, _as_info(tell))))
        stack.enter_context(redirect_stderr(Heard(sys.stderr, hear_note)))
        try:
            yield Reports(tell, broadcast(*lines))
        except ColdstateError as error:
            tell(Finished(error.exit_code, message=str(error)))
            raise


def _as_info(tell: Callable[[Event], None]) -> Callable[[str], None]:
    return lambda line: tell(Noted("info", line)) if line.strip() else None
