"""``coldstate store repair``: the catalog of a store made whole again, and said what nobody can give back."""

from __future__ import annotations

from extractor.cli.arguments import words_parser
from extractor.cli.screen import open_screen
from extractor.cli.store_opening import add_store, keys_of, parse_words
from extractor.model import printable
from extractor.store.repair import repair_store
from extractor.store.repair.shelf import BEFORE

TEXT = f"""Make catalog, manifest and sums of a store again when they are missing or damaged. They come from image 2
of store.wim, which holds the same files; else from each other; else from what store.wim knows of every file, and the
registry's files. What is whole is not touched; what is replaced is kept in STORE/{BEFORE}.
A store.wim of which more than contents is damaged is written anew; that takes its size once more.
Exit code 0: all is as the scan wrote it; 3: something cannot be had any more, and is named; 42: nothing is left to
repair from. Then run `coldstate store verify STORE`."""


def run_repair(words: list[str]) -> int:
    """Repair a store; 0, 3, 27, 37, 42 or 72."""
    parser = words_parser("store repair", TEXT)
    add_store(parser)
    given = parse_words(parser, words)
    keys = keys_of(given)
    with open_screen("none") as screen:
        found = repair_store(
            given.store, screen, passphrase=keys.passphrase, identities=keys.identities
        )
    for line in found.done:
        print(printable(f"repaired: {line}"))
    for line in found.lost:
        print(printable(f"lost: {line}"))
    if found.is_nothing:
        print("whole: nothing was to be repaired")
    elif found.done:
        print(
            printable(
                f"what was there before is in {given.store / BEFORE}; run `coldstate store verify` now"
            )
        )
    return found.exit_code
