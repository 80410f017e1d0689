"""Files that a person asked for beside the store: opened early, so that a bad name costs no scan."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from extractor.errors import UsageError


def open_report(
    path: Path,
    store: Path | None,
    error: type[UsageError],
    *,
    append: bool = False,
    mark: bool = True,
) -> TextIO:
    """Open a text file for a report: UTF-8, with ``mark`` and where it is new with a byte order mark.

    Raises ``error`` when it lies inside ``store`` (USMT forbids that) or cannot be written.
    """
    if store is not None and path.resolve().is_relative_to(store.resolve()):
        raise error(f"{path} lies inside the store {store}; put it elsewhere")
    try:
        has_text = append and path.exists() and path.stat().st_size > 0
        encoding = "utf-8-sig" if mark and not has_text else "utf-8"
        return path.open("a" if append else "w", encoding=encoding, newline="\n")
    except OSError as problem:
        raise error(f"{path} cannot be written: {problem.strerror or problem}") from problem
