r"""``coldstate kit``: a folder with which a Windows restores a store by itself, and a script that does it.

The words of LoadState for users are taken in its spelling too (``/mu:bob:NEW\robert``).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import human_size
from extractor.cli.store_opening import add_store, keys_of, open_named, parse_words
from extractor.cli.user_words import add_users, long_words, user_words
from extractor.kit.making import FORMS, Kit, KitWish, make_kit
from extractor.kit.papers import HONEST
from extractor.model import printable

TEXT = r"""Write a folder with which a Windows restores the store by itself: contents, .reg files, a plan, and
Restore-Coldstate.ps1, which needs nothing but Windows PowerShell 5.1 and an administrator. OUT is a new folder.
This script has not been run on Windows by us: it is read, parsed, and its plan replayed by another program.

--form tree  each content once, as a plain file named by its SHA-256
--form wim   store.wim as it is (default where the store has one and Windows can make all its names)

Users are looked for by name on that Windows, and profiles and SIDs are those that it says.
Exit code 0: all is in the kit; 3: something stored is not, and is named; 42: the store is damaged; 27: OUT is there."""
USAGE = r"""coldstate kit STORE OUT [--form tree|wim] [--mu [DOMAIN\]OLD:[DOMAIN\]NEW]... [--md OLD:NEW]...
                         [--user-map CSV] [--ui PATTERN]... [--ue PATTERN]... [--lac] [--lae]
                         [--key STRING | --keyfile FILE | --identity FILE]"""


def run_kit(words: list[str]) -> int:
    """Write a kit; 0, 3 when something is not in it, 42 for a damaged store, 27 for a bad place, 11, 37, 72."""
    given = parse_words(_parser(), list(long_words(words)))
    with open_named(given.store, keys_of(given)) as store:
        kit = make_kit(store, KitWish(given.out, given.form, user_words(given)))
    _say(kit, given.out)
    return kit.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = words_parser("kit", TEXT, USAGE)
    add_store(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    parser.add_argument("--form", choices=FORMS, default="", help="of the contents")
    add_users(parser, lac="local accounts may be made", lae="and are enabled")
    return parser


def _say(kit: Kit, out: Path) -> None:
    for source, reason in kit.refused:
        print(f"not in the kit: {printable(source)}: {printable(reason)}")
    for note in kit.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    asked = kit.deeds.total()
    told = ", ".join(f"{count} {deed}" for deed, count in sorted(kit.deeds.items()))
    print(printable(f"{out}: {asked} objects = {told or 'none'}; {human_size(kit.bytes)}, as {kit.form}"))  # fmt: skip
    for account in kit.persons:
        print(printable(f"  {account} must have a profile there"))
    print(printable(f"{out}: read README.txt. {HONEST}"))
