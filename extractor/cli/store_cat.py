"""``coldstate store cat``: the bytes of one stored file, named stream or registry value, exactly."""

from __future__ import annotations

import codecs
import os
import re
import sys
from typing import BinaryIO

from extractor.cli.arguments import words_parser
from extractor.cli.store_opening import add_store, open_given, parse_words
from extractor.errors import CorruptStoreError, UsageError
from extractor.model import printable
from extractor.store.digest import BLOCK, HOLES, new_digest
from extractor.store.failures import reading
from extractor.store.listing import Content, content_at

TEXT = """Print the bytes of one object: a file, a named stream of it, or the data of a registry value.
A name in exactly this case wins over another; a pattern will do when it means one object. What would harm a terminal
is not printed to one. Exit code 42: the bytes, which were printed, are not those that were stored."""
USAGE = """coldstate store cat STORE PATH[:STREAM] | 'HKU\\<SID>\\Software\\X [Name]'
                           [--key STRING | --keyfile FILE | --identity FILE]"""
CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""What text that a terminal shows does not have."""


def run_cat(words: list[str]) -> int:
    """Print the bytes; 0."""
    parser = words_parser("store cat", TEXT, USAGE)
    add_store(parser)
    parser.add_argument("path", metavar="PATH", help="path of the offline machine")
    given = parse_words(parser, words)
    with open_given(given) as store, reading(given.store):
        content = content_at(store, given.path)
        with content.open(store) as file:
            if sys.stdout.isatty() and not is_text(file):
                raise UsageError(
                    f"{given.path} is no plain text and would harm the terminal: send it to a file or a pipe"
                )
            _tell_raw(content)
            _print(file, content)
    return 0


def _tell_raw(content: Content) -> None:
    efs = content.object.record.efs
    if efs and efs.form == "raw":
        print("note: encrypted with EFS, these bytes are its raw form", file=sys.stderr)


def is_text(file: BinaryIO) -> bool:
    """Tell whether all of a file is UTF-8 without controls; it is put back to its beginning."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while data := file.read(BLOCK):
            if CONTROLS.search(decoder.decode(data)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    file.seek(0, os.SEEK_SET)
    return True


def _print(file: BinaryIO, content: Content) -> None:
    digest = new_digest(holes=content.sha256.startswith(HOLES))
    sys.stdout.flush()
    while data := file.read(BLOCK):
        digest.update(data)
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    if (found := digest.hexdigest()) != content.sha256:
        path = printable(str(content.object.record.path))
        raise CorruptStoreError(
            f"{path}: these bytes are not those that were stored: SHA-256 {found} instead of {content.sha256}"
        )
