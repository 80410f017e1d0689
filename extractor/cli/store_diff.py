"""``coldstate store diff``: what differs between a store and another, or between a store and what a disk holds now.

The JSON is a contract for scripts: fields are added, never renamed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from extractor.cli.arguments import add_switch, words_parser
from extractor.cli.looking import tell_warnings
from extractor.cli.store_ls import exact_json
from extractor.cli.store_opening import add_store, keys_of, open_given, open_named, parse_words
from extractor.cli.switches import SWITCHES
from extractor.cli.unlocking import UNLOCKING, bitlocker_keys
from extractor.errors import UsageError
from extractor.filetime import to_datetime
from extractor.model import printable
from extractor.store.diff import TIMES, Change, Compared, Difference, diff_stores
from extractor.store.opened import OpenStore

DIFFERENT = 1
"""Exit code when anything differs, as with diff(1)."""
TEXT = """Compare a store with another store (a folder), or with what the disk images of the machine hold now.
Named are objects of one only, and of those in both each fact that changed: content, named streams, attributes, times,
security (sddl), target, outcome. From an image the stored objects are read again and hashed; new is what lies in a
stored folder and is not in the catalog. A key opens both stores, where both are encrypted. Exit code 0: nothing
differs; 1: something does."""
USAGE = (
    "coldstate store diff STORE STORE|IMAGE... [--all] [--json] [--bitlocker-key FILE] [--shadow N]"
    " [--key STRING | --keyfile FILE | --identity FILE]"
)


def run_diff(words: list[str]) -> int:
    """Print what differs; 0 when nothing does, else 1."""
    parser = words_parser("store diff", TEXT, USAGE)
    add_store(parser)
    parser.add_argument(
        "others", nargs="+", type=Path, metavar="OTHER", help="a store, or the images of a machine"
    )
    parser.add_argument("--all", action="store_true", help="what the rules left out, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    for switch in (*UNLOCKING, *(each for each in SWITCHES if each.field == "shadows")):
        add_switch(parser, switch)
    given = parse_words(parser, words)
    with open_given(given) as store, _differences(store, given) as (compared, found):
        if given.json:
            _print_json(found)
        else:
            _print(found)
        _tell(compared, given)
    return DIFFERENT if compared.differences else 0


@contextmanager
def _differences(
    store: OpenStore, given: argparse.Namespace
) -> Iterator[tuple[Compared, Iterator[Difference]]]:
    """Yield the counts, which are true when all is iterated, and what differs."""
    first, *more = given.others
    if not first.is_dir():
        with _from_images(store, given) as both:
            yield both
        return
    if more:
        raise UsageError("compare with one store, or with the images of one machine")
    compared = Compared()
    with open_named(first, keys_of(given)) as other:
        yield compared, diff_stores(store, other, compared, every=given.all)


@contextmanager
def _from_images(
    store: OpenStore, given: argparse.Namespace
) -> Iterator[tuple[Compared, Iterator[Difference]]]:
    from extractor.machine import open_machine
    from extractor.opening import tell_machine
    from extractor.storediff import ImageCompared, diff_image, windows_of
    from extractor.volumes.shadows import parse_wanted

    keys = bitlocker_keys(given, os.environ)
    shadows = [parse_wanted(text) for text in given.shadows or ()]
    with open_machine(given.others, keys, shadows) as machine:
        tell_machine(machine, tell_warnings)
        compared = ImageCompared()
        install = windows_of(store, machine)
        yield compared, diff_image(store, machine, install, compared, tell_warnings)
        for reason, count in compared.uncompared.items():
            print(f"note: not compared: {count}: {reason}", file=sys.stderr)


def _tell(compared: Compared, given: argparse.Namespace) -> None:
    """Print the sums: for people beside JSON, which has them too."""
    text = (
        f"{compared.objects} objects compared: {compared.only_first} only in the first, {compared.only_second}"
        f" only in the second, {compared.changed} changed"
    )
    if given.json:
        sums = {
            name: getattr(compared, name)
            for name in ("objects", "only_first", "only_second", "changed")
        }
        print(f'], "compared": {json.dumps(sums)}}}')
    else:
        print(text)


# --- for people -----------------------------------------------------------------------------------


def _print(found: Iterable[Difference]) -> None:
    for each in found:
        outcome = f" [{each.outcome}]" if each.outcome else ""
        print(printable(f"{each.side}: {each.kind} {each.path}{outcome}"))
        for change in each.changes:
            first, second = _shown(change)
            print(printable(f"    {change.fact}: {first} -> {second}"))


def _shown(change: Change) -> tuple[str, str]:
    """Return both values as a person tells them apart: times as dates unless they are less than a second apart."""
    plain = str(change.first) or "(none)", str(change.second) or "(none)"
    if change.fact in TIMES:
        dates = _date(change.first), _date(change.second)
        return dates if dates[0] != dates[1] else plain
    if change.fact == "attributes":
        return _hex(change.first), _hex(change.second)
    return plain


def _hex(value: str | int) -> str:
    return f"{value:#x}" if isinstance(value, int) else value or "(none)"


def _date(value: str | int) -> str:
    try:
        return f"{to_datetime(int(value)):%Y-%m-%d %H:%M:%S}" if value else "never"
    except OverflowError:
        return str(value)


# --- for scripts ----------------------------------------------------------------------------------


def _print_json(found: Iterable[Difference]) -> None:
    """Print the beginning of one object, a difference a line; the sums are its end."""
    print('{"differences": [')
    for number, each in enumerate(found):
        print("," if number else "", json.dumps(_as_json(each)))


def _as_json(each: Difference) -> dict[str, object]:
    return {
        "side": each.side.name.lower(),
        "kind": each.kind.value,
        **exact_json("path", str(each.path)),
        "outcome": each.outcome.value if each.outcome else None,
        "changes": [_change_as_json(change) for change in each.changes],
    }


def _change_as_json(change: Change) -> dict[str, object]:
    return {
        **exact_json("fact", change.fact),
        "first": _plain(change.first),
        "second": _plain(change.second),
    }


def _plain(value: str | int) -> str | int:
    return printable(value) if isinstance(value, str) else value
