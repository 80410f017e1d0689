"""What the commands that read a store have in common: the words that name and open it, who is who in it.

``add_store`` gives a parser STORE and the keys of an encrypted one, ``open_given`` opens what was named; commands that
open it otherwise take ``keys_of``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from extractor.errors import NoSuchStoreError, UsageError
from extractor.model import printable
from extractor.redact import remember
from extractor.store.mig.recognise import recognise_mig
from extractor.store.opened import OpenStore, open_store
from extractor.store.sealed.keys import (
    Passphrase,
    key_passphrase,
    keyfile_passphrase,
    read_identities,
)

NOTHING = 3
"""Exit code when a pattern takes nothing."""
KEYS = ("--key", "--keyfile", "--identity")


class Keys(NamedTuple):
    """What opens an encrypted store; both are empty where none was given."""

    passphrase: Passphrase | None = None
    identities: Sequence[object] = ()


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the operand STORE, and what opens an encrypted one."""
    parser.add_argument("store", type=Path, metavar="STORE", help="the folder that holds USMT/")
    add_keys(parser)


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add what opens an encrypted store."""
    group = parser.add_argument_group("an encrypted store")
    one = group.add_mutually_exclusive_group()
    for name, metavar, text in (
        ("key", "STRING", "its key, as /key had it; seen by whoever may list processes"),
        ("keyfile", "FILE", "a file with the key, as /keyfile had it"),
        ("identity", "FILE", "a file with an identity (age, SSH) of one it was sealed to"),
    ):
        one.add_argument(f"--{name}", action="append", metavar=metavar, help=text)


def keys_of(given: argparse.Namespace) -> Keys:
    """Return the keys that were given; raise UsageError (11) and UnreadableKeyError (33), which repeat none of them."""
    for name in KEYS:
        if len(getattr(given, name[2:]) or ()) > 1:
            raise UsageError(f"{name} is given twice")
    if given.key is not None:
        return Keys(key_passphrase(given.key[0]))
    if given.keyfile is not None:
        return Keys(keyfile_passphrase(Path(given.keyfile[0])))
    if given.identity is not None:
        return Keys(identities=read_identities(Path(given.identity[0])))
    return Keys()


def parse_words(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Return what was given; raise UsageError when nothing was. No message repeats the key."""
    if not words:
        raise UsageError(f"no store is named; `{parser.prog} --help` shows the options")
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word == "--key":
            remember(value)
        elif word.startswith("--key="):
            remember(word.removeprefix("--key="))
    return parser.parse_intermixed_args(words)


def open_given(given: argparse.Namespace) -> OpenStore:
    """Open the store that was named; raise NoSuchStoreError (27), WrongKeyError (37), CorruptStoreError (42)."""
    return open_named(given.store, keys_of(given))


def open_named(path: Path, keys: Keys) -> OpenStore:
    """Open a store; the error (27) for one of Microsoft's says what it is and what reads it."""
    try:
        return open_store(path, passphrase=keys.passphrase, identities=keys.identities)
    except NoSuchStoreError:
        foreign = recognise_mig(path)
        if foreign is None:
            raise
        raise NoSuchStoreError(foreign.sentence) from None


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
