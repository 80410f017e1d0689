"""``coldstate store export``: a store as tar, zip, BagIt, DFXML, CSV, JSON lines or a body file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size, open_screen
from extractor.cli.store_opening import add_store, open_given, parse_words
from extractor.errors import UsageError
from extractor.store.export.exporting import FORMATS, STREAMED, export_store, stream_store
from extractor.store.export.outcome import Exported

PIPE = "-"
NOT_WHOLE = 3
"""Exit code when the format could not hold something."""
TEXT = """Write a store as something that other tools read. TARGET must not exist; `-` is stdout.

tar        files with times and hard links, streams beside them as NAME:STREAM
zip        the same without links, streams below Streams/
bagit      a bag (BagIt 1.0) with SHA-256 manifests; --info NAME=VALUE for bag-info.txt
dfxml      Digital Forensics XML: every object, its times, hash and place on the volume
csv        every object, a row each, for spreadsheets (a cell beginning with = + - @ or ' gets a ' in front)
jsonl      every object with all that the catalog knows, a line each
bodyfile   for timelines: The Sleuth Kit's mactime, plaso

tar, zip and bag hold the manifest too, and export.jsonl: what is missing, and what is called otherwise.
Every content is hashed while it is copied. Exit code 0: all is there; 3: the format cannot hold something, which is
named; 42: bytes are not those that were stored; they are named and left out."""


def run_export(words: list[str]) -> int:
    """Export a store; 0, 3 when the format cannot hold all, 27 for no store or a target that exists, 42 for damage."""
    given = _parse(words)
    info = dict(_pair(each) for each in given.info)
    if info and given.format != "bagit":
        raise UsageError("--info is for bagit only")
    with open_given(given) as store, open_screen(given.progress) as screen:
        if given.target == PIPE:
            _refuse_pipe(given.format)
            sys.stdout.flush()
            done = stream_store(store, given.format, sys.stdout.buffer, screen)
            sys.stdout.buffer.flush()
        else:
            done = export_store(store, given.format, Path(given.target), screen, info=info)
    _say(done, sys.stderr if given.target == PIPE else sys.stdout)
    done.check(given.store)
    return NOT_WHOLE if done.left_out else 0


def _parse(words: list[str]) -> argparse.Namespace:
    parser = words_parser("store export", TEXT)
    add_store(parser)
    parser.add_argument("format", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("target", metavar="TARGET", help="a new file (bagit: folder), or -")
    parser.add_argument(
        "--info", action="append", default=[], metavar="NAME=VALUE", help="a line of bag-info.txt"
    )
    parser.add_argument(
        "--progress", choices=("auto", "plain", "json", "none"), default="auto", help="on stderr"
    )
    return parse_words(parser, words)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or ":" in name:
        raise UsageError(f"--info takes NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()


def _refuse_pipe(form: str) -> None:
    if form not in STREAMED:
        raise UsageError(f"{form} cannot be written to stdout; name a file")


def _say(done: Exported, to: TextIO) -> None:
    """Print what is missing, then what is there."""
    for word, names in (("missing", done.damaged), ("left out", done.left_out)):
        for name in names:
            print(f"{word}: {name}", file=to)
    copied = f", {done.files} contents, {human_size(done.bytes)}" if done.files else ""
    links = f"; {done.links} links are only described" if done.links else ""
    print(f"exported: {done.objects} objects{copied}{links}", file=to)
