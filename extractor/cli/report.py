"""``coldstate report``: one HTML page about a finished store, for the person who restores it and the one who waits."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from extractor.cli.arguments import words_parser
from extractor.cli.store_opening import Keys, add_store, keys_of, open_named, parse_words
from extractor.errors import StoreError, UsageError
from extractor.model import printable
from extractor.store.opened import OpenStore
from extractor.store.place import FINAL
from extractor.store.sealed.opener import is_sealed

NAME = "report.html"
NO_KEYS = Keys()
TEXT = """Write one self-contained HTML page about a store: what was found, what was taken, what will be
missed and what can be done about it, how to go on. It holds no script and loads nothing.
Exit code 27: no store is there; 37: no key that was given opens it; 42: its catalog is damaged; 72: the page cannot
be written."""
USAGE = """coldstate report STORE [--output FILE] [--overwrite]
                        [--key STRING | --keyfile FILE | --identity FILE]"""


class StoreBook:
    """A store as the page reads it."""

    def __init__(self, store: OpenStore) -> None:
        self._store = store
        self.path: Path = store.path
        self.header: Mapping[str, Any] = store.header
        self.trailer: Mapping[str, Any] = store.trailer

    def rows(self, sql: str, *parameters: object) -> Iterator[Sequence[Any]]:
        """Yield the rows of a SELECT; sqlite3's errors leave as errors of the store."""
        catalog = self._store.catalog
        with catalog.translated():
            yield from map(tuple, catalog.connection.execute(sql, parameters))


def run_report(words: list[str]) -> int:
    """Write the page and print its path; 0, 11, 27, 33, 37, 42 or 72."""
    parser = words_parser("report", TEXT, USAGE)
    add_store(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=f"where to write it (default: STORE/{NAME})"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    given = parse_words(parser, words)
    target = given.output or _default(given.store)
    _refuse(target, given.store, overwrite=given.overwrite)
    _write(target, report_of(given.store, keys_of(given)))
    print(printable(str(target)))
    return 0


def _default(store: Path) -> Path:
    """Return where the page goes when nobody says; it is in plain, so not beside a store that is not."""
    if is_sealed(store / FINAL):
        raise UsageError(f"{store} is encrypted and the page is not: say where with --output FILE")
    return store / NAME


def report_of(store: Path, keys: Keys = NO_KEYS) -> str:
    """Return the page about a store; the keys are for an encrypted one."""
    from extractor.report.page import gather_facts, page_of

    with open_named(store, keys) as opened:
        return page_of(gather_facts(StoreBook(opened)))


def _refuse(target: Path, store: Path, *, overwrite: bool) -> None:
    if target.resolve().is_relative_to((store / "USMT").resolve()):
        raise UsageError(
            f"{target} lies inside {store / 'USMT'}, where only the store's own files may be"
        )
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file")
    if not overwrite and os.path.lexists(target):
        raise UsageError(
            f"{target} exists already; add --overwrite to replace it, or name another file"
        )


def _write(target: Path, page: str) -> None:
    """Write the page whole or not at all; a link of that name is replaced, not followed."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(
            prefix=".report-", suffix=".html", dir=target.parent
        )
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
