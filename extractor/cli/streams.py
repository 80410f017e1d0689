"""stdout and stderr of a process, made fit for a long run: any locale, closed, full, or with nobody listening.

Results that cannot be printed are an error; progress that nobody can see must not end a run of hours.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from extractor.errors import OutputError, UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderGoneError(Exception):
    """Whoever read our results stopped reading, as ``head`` does: an end, no defect."""


def prepare_streams() -> None:
    """Replace stdout and stderr; a closed one becomes /dev/null, or a disk image would get its number."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = _text(_Stream(1, strict=True), sys.stdout)
    sys.stderr = _text(_Stream(2, strict=False), sys.stderr)


def refuse_narrow_names() -> None:
    """Raise UsageError in a locale without UTF-8: Python would write and look up a store's names in it."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise UsageError(
            f"this locale writes file names as {encoding}, a store needs UTF-8: set LC_ALL=C.UTF-8"
        )


class _Stream(io.FileIO):
    """A descriptor that tells a lost reader or a full disk once, or never, and swallows what comes after."""

    def __init__(self, descriptor: int, *, strict: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._strict = strict
        self._lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self._lost:
            return size
        try:
            return super().write(data)
        except OSError as error:
            self._lost = True
            if not self._strict:
                return size
            if isinstance(error, BrokenPipeError):
                raise ReaderGoneError from error
            raise OutputError(f"the results cannot be written: {error.strerror}") from error


def _text(raw: _Stream, old: TextIO | None) -> TextIO:
    """Return text over ``raw``, in the locale's encoding; what that lacks is shown escaped."""
    encoding = old.encoding if old is not None else "utf-8"
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, errors="backslashreplace", line_buffering=True)
