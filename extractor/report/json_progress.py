"""``--progress json``: every event as one JSON object a line, for programs that watch a run.

``{"event": "item_done", "seconds": 1.234, ...fields}``. Bytes copied are summed up and told ten times a second and
before anything else, so that their sum is exact and their number small. Text is printable ASCII-safe JSON.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import fields
from typing import TextIO

from extractor.events import Activated, BytesCopied, EntriesSeen, Event
from extractor.model import WinPath, printable

INTERVAL = 0.1
"""Seconds between two lines of the same rising count."""


class JsonProgress:
    """Writes events to a text stream (an Observer)."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = self._told = clock()
        self._copied: dict[str, int] = {}
        self._seen: EntriesSeen | None = None

    def __call__(self, event: Event) -> None:
        """Write the event, or keep a count for later."""
        if isinstance(event, BytesCopied):
            self._copied[event.scope] = self._copied.get(event.scope, 0) + event.count
        elif isinstance(event, EntriesSeen):
            self._seen = event
        elif isinstance(event, Activated):
            return  # long, and made only for who asks
        else:
            self._tell_counts()
            self._write(event)
            return
        if self._clock() - self._told >= INTERVAL:
            self._tell_counts()

    def _tell_counts(self) -> None:
        self._told = self._clock()
        if self._seen is not None:
            self._write(self._seen)
        for scope, count in self._copied.items():
            self._write(BytesCopied(scope, count))
        self._seen = None
        self._copied.clear()

    def _write(self, event: Event) -> None:
        values = {each.name: _plain(getattr(event, each.name)) for each in fields(event)}
        line = {"event": _snake(type(event).__name__), "seconds": self._seconds(), **values}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()

    def _seconds(self) -> float:
        return round(self._clock() - self._begun, 3)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _plain(value: object) -> object:
    if isinstance(value, str | WinPath):
        return printable(str(value))
    if isinstance(value, dict):
        return {printable(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
