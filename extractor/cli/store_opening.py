"""What the commands that read a store have in common: the word that names it, who is who in it, patterns of nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from extractor.errors import UsageError
from extractor.model import printable
from extractor.store.opened import OpenStore, open_store

NOTHING = 3
"""Exit code when a pattern takes nothing."""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the operand STORE."""
    parser.add_argument("store", type=Path, metavar="STORE", help="the folder that holds USMT/")


def parse_words(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Return what was given; raise UsageError when nothing was."""
    if not words:
        raise UsageError(f"no store is named; `{parser.prog} --help` shows the options")
    return parser.parse_intermixed_args(words)


def open_given(given: argparse.Namespace) -> OpenStore:
    """Open the store that was named; raise NoSuchStoreError, CorruptStoreError."""
    path: Path = given.store
    return open_store(path)


def accounts_of(store: OpenStore) -> dict[str, str]:
    r"""Return SID -> ``DOMAIN\name`` of the users whom the manifest's header tells of."""
    users = store.header.get("users")
    rows: list[Any] = users if isinstance(users, list) else []
    found = {}
    for each in rows:
        if isinstance(each, dict) and isinstance(each.get("name"), str) and each["name"]:
            domain = f"{each['domain']}\\" if each.get("domain") else ""
            found[str(each.get("sid"))] = f"{domain}{each['name']}"
    return found


def tell_unmatched(patterns: Iterable[str]) -> int:
    """Name the patterns that take nothing; return the exit code that this makes."""
    code = 0
    for each in patterns:
        print(f"warning: {printable(each)} takes nothing in this store", file=sys.stderr)
        code = NOTHING
    return code
