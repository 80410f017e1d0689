"""``coldstate store extract``: the files of a store in a folder of this host, and what is not simply there by name."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size
from extractor.cli.store_mig import MIG_HELP, extract_mig
from extractor.cli.store_opening import add_store, open_given, parse_words, tell_unmatched
from extractor.events import BytesCopied, Event, ItemDone, TotalsKnown
from extractor.model import printable
from extractor.store.extract import Extraction, extract_store
from extractor.store.listing import split_patterns

TEXT = """Write the files of a store to FOLDER/C$/Users/..., every byte hashed; what differs is removed and named.
Patterns as UsmtUtils has them: *.docx means names, C:\\Users\\anna a folder and all in it; an include beats an exclude,
so --exclude counts only without --include. Lists have commas or semicolons; quote a name that holds one: '"a,b.txt"'.
Named streams lie beside their file as name%3Astream, EFS files in raw form as name.efsraw; links are listed, not made.
Exit code 0: all is written; 3: something is not, and is named; 42: bytes of the store are wrong."""
USAGE = """coldstate store extract STORE FOLDER [--include PATTERN]... [--exclude PATTERN]...
                               [--overwrite] [--streams=files|none]
                               [--key STRING | --keyfile FILE | --identity FILE]
       coldstate store extract --experimental-mig FILE.MIG FOLDER [...]"""
EVERY = 3.0
"""Seconds between two lines of progress."""


def run_extract(words: list[str]) -> int:
    """Write the files; 0, 3 when something is not written, 42 when bytes of the store are to blame."""
    parser = words_parser("store extract", TEXT, USAGE)
    add_store(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to; made when missing")
    for name, text in (("include", "take these only"), ("exclude", "take all but these")):
        parser.add_argument(f"--{name}", action="append", metavar="PATTERN", default=[], help=text)
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.add_argument(
        "--streams",
        choices=("files", "none"),
        default="files",
        help="named streams (default: files)",
    )
    parser.add_argument("--experimental-mig", action="store_true", help=MIG_HELP)
    given = parse_words(parser, words)
    include, exclude = _patterns(given.include), _patterns(given.exclude)
    if given.experimental_mig:
        return extract_mig(given.store, given.folder, include, exclude, overwrite=given.overwrite)
    with open_given(given) as store:
        found = extract_store(
            store, given.folder, include, exclude, _Progress(),
            overwrite=given.overwrite, streams=given.streams == "files",
        )  # fmt: skip
    print_extraction(found, given.folder)
    tell_others(found)
    return found.exit_code or tell_unmatched(found.unmatched)


def _patterns(lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(each for text in lists for each in split_patterns(text))


def print_extraction(found: Extraction, folder: Path, say: Callable[[str], None] = print) -> None:
    """Say what is not simply there, then the sums, in printable lines."""
    for failure in found.failures:
        say(printable(f"failed: {failure.path}: {failure.reason}"))
    for link in found.links:
        say(printable(f"link: {link.path} -> {link.target or f'(tag {link.tag:#010x})'}"))
    for raw in found.raw:
        say(
            printable(
                f"EFS, raw: {raw.path}: will it open after a restore: {raw.verdict}: {raw.reason}"
            )
        )
    say(
        printable(
            f"{folder}: {found.written} of {found.asked} files and folders written ({found.bytes} bytes,"
            f" {found.streams} named streams, {found.hard_links} hard links), {len(found.links)} links listed,"
            f" {found.failed} failed"
        )
    )


def tell_others(found: Extraction) -> None:
    """Tell of what the patterns take and is no file."""
    if found.others:
        text = "registry keys, values and accounts are no files: see `store cat` and open-catalog/registry"
        print(f"note: {found.others} {text}", file=sys.stderr)


class _Progress:
    """A line every few seconds for whoever watches a terminal (an Observer)."""

    def __init__(self) -> None:
        self._totals = TotalsKnown(0, 0)
        self._objects = self._bytes = 0
        self._said = time.monotonic()
        self._watched = sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        if isinstance(event, TotalsKnown):
            self._totals = event
        elif isinstance(event, ItemDone):
            self._objects += 1
        elif isinstance(event, BytesCopied):
            self._bytes += event.count
        if self._watched and time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            print(
                f"{self._objects:,} of {self._totals.objects:,} objects,"
                f" {human_size(self._bytes)} of {human_size(self._totals.bytes)}",
                file=sys.stderr,
            )
