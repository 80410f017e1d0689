"""``coldstate store ls``: the objects of a store by path, for people or as JSON.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from extractor.cli.arguments import words_parser
from extractor.cli.store_mig import MIG_HELP, list_mig
from extractor.cli.store_opening import (
    accounts_of,
    add_store,
    open_given,
    parse_words,
    tell_unmatched,
)
from extractor.cli.tables import date_of
from extractor.model import OutcomeKind, printable
from extractor.store.listing import Listed, listing, matches

TEXT = """List the objects of a store by path: what is stored, or with --all everything the run met.
A PATTERN is a path with * (any characters, across folders too) and ? (one), in any case: 'C:\\Users\\*\\*.docx'. A
folder means all that lies in it; a pattern without a \\ means names. Exit code 3: a pattern takes nothing."""
USAGE = """coldstate store ls STORE [PATTERN...] [--all] [--long] [--json]
                          [--key STRING | --keyfile FILE | --identity FILE]
       coldstate store ls --experimental-mig FILE.MIG [PATTERN...]"""
ATTRIBUTES = {
    0x10: "D", 0x1: "R", 0x2: "H", 0x4: "S", 0x20: "A", 0x400: "L", 0x200: "P", 0x800: "C", 0x4000: "E", 0x1000: "O",
}  # fmt: skip
"""FILE_ATTRIBUTE_*: directory, read-only, hidden, system, archive, link, sparse, compressed, EFS, offline."""


def run_ls(words: list[str]) -> int:
    """Print the objects that are asked for; 0, or 3 when a pattern takes nothing."""
    parser = words_parser("store ls", TEXT, USAGE)
    add_store(parser)
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="which objects")
    parser.add_argument("--all", action="store_true", help="those that are not stored, too")
    parser.add_argument("--long", action="store_true", help="attributes, size, time, user, outcome")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--experimental-mig", action="store_true", help=MIG_HELP)
    given = parse_words(parser, words)
    if given.experimental_mig:
        return list_mig(given.store, given.patterns)
    unmatched = dict.fromkeys(given.patterns)
    with open_given(given) as store:
        whole = given.long or given.json
        found = listing(store, given.patterns, every=given.all, streams=whole)
        seen = _watched(found, unmatched)
        if given.json:
            _print_json(seen)
        elif given.long:
            _print_long(seen, accounts_of(store))
        else:
            for each in seen:
                print(_line(each))
    return tell_unmatched(unmatched)


def _watched(found: Iterable[Listed], unmatched: dict[str, None]) -> Iterator[Listed]:
    """Yield the objects, and strike out the patterns that take one."""
    for each in found:
        for pattern in tuple(unmatched):
            if matches([pattern], each.path):
                del unmatched[pattern]
        yield each


def _line(each: Listed) -> str:
    end = f"  [{each.outcome}: {each.reason or each.rule}]"
    stored = each.outcome is OutcomeKind.STORED
    return printable(f"{each.path}{'' if stored else end}")


def _print_long(found: Iterable[Listed], accounts: Mapping[str, str]) -> None:
    for each in found:
        user = accounts.get(each.user, each.user) or "-"
        letters = "".join(
            letter if (each.attributes or 0) & bit else "-" for bit, letter in ATTRIBUTES.items()
        )
        target = f" -> {each.target}" if each.target else ""
        cells = (
            f"{letters} {each.size:>15,} {date_of(each.modified):>16} {user:<20} {each.outcome:<10}"
        )
        print(printable(f"{cells} {each.path}{target}"))
        for stream in each.streams:
            print(printable(f"{'':10} {stream.size:>15,} {'':48} {each.path}:{stream.name}"))


def _print_json(found: Iterable[Listed]) -> None:
    """Print one object, a row a line."""
    print('{"objects": [')
    for number, each in enumerate(found):
        print("," if number else "", json.dumps(_as_json(each)))
    print("]}")


def _as_json(each: Listed) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        **exact_json("path", str(each.path)),
        "user": each.user,
        "outcome": each.outcome.value,
        "reason": printable(each.reason),
        "rule": printable(each.rule),
        "size": each.size,
        "sha256": each.sha256,
        "attributes": each.attributes,
        "modified": each.modified,
        **exact_json("target", each.target),
        "streams": [
            {**exact_json("name", stream.name), "size": stream.size, "sha256": stream.sha256}
            for stream in each.streams
        ],
    }


def exact_json(key: str, text: str) -> dict[str, str]:
    """Return a text as the manifest shows it: printable, and exact beside it where that differs."""
    shown = printable(text)
    exact = {f"{key}_utf16": text.encode("utf-16-le", "surrogatepass").hex()}
    return {key: shown, **(exact if shown != text else {})}
