"""``/listfiles``: one stored file a line, full path, UTF-8 with a byte order mark (usmt.md 6.7)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from extractor.errors import ListFileError
from extractor.events import Event, ItemDone
from extractor.model import ObjectKind, OutcomeKind, printable
from extractor.report.output import open_report


class ListFile:
    """Writes the list (an Observer, and a context manager); raises ListFileError (26)."""

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self._path = path
        self._file = open_report(path, store, ListFileError)

    def __call__(self, event: Event) -> None:
        """Add a file that was stored."""
        if not isinstance(event, ItemDone) or event.kind is not ObjectKind.FILE:
            return
        if event.outcome is OutcomeKind.STORED:
            self._write(printable(str(event.path)))

    def _write(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise ListFileError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Write what is left and close."""
        try:
            self._file.close()
        except OSError as error:
            raise ListFileError(f"{self._path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
