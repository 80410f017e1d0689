r"""What a command line says of users in LoadState's words (``/mu:bob:NEW\robert``, ``--ue PATTERN``) -> UserWords."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from extractor.redact import remember
from extractor.restore.people.words import UserWords, parse_md, parse_mu, read_user_map

SLASHED = frozenset({"mu", "md", "lac", "lae", "ui", "ue"})
"""Words that may be spelled with a slash."""
_REPEATED = (
    ("mu", "OLD:NEW", "a user has another name"),
    ("md", "OLD:NEW", "the users of a domain are of another"),
    ("ui", "PATTERN", "these users come, whatever --ue says"),
    ("ue", "PATTERN", "these users do not come"),
)


def add_users(parser: argparse.ArgumentParser, *, lac: str, lae: str) -> argparse._ArgumentGroup:
    """Give a parser the words about users; ``lac`` and ``lae`` say what these two do. Returns their group."""
    users = parser.add_argument_group("users, in LoadState's words")
    for name, metavar, text in _REPEATED:
        users.add_argument(
            f"--{name}", action="append", metavar=metavar, default=[], help=f"{text} [/{name}]"
        )
    users.add_argument("--user-map", type=Path, metavar="CSV", help="rows old,new[,sid[,profile]]")
    users.add_argument("--lac", action="store_true", help=f"{lac} [/lac]")
    users.add_argument("--lae", action="store_true", help=f"{lae} [/lae]")
    return users


def long_words(words: Iterable[str], slashed: Collection[str] = SLASHED) -> Iterator[str]:
    """Yield the words with LoadState's spelling made long; the password of ``/lac`` is hidden and dropped."""
    for word in words:
        name, colon, value = word.partition(":") if word.startswith("/") else word.partition("=")
        known = name.lstrip("/-").lower()
        if known == "lac" and name[:1] in {"/", "-"}:
            remember(value)
            yield "--lac"
        elif word.startswith("/") and known in slashed:
            yield f"--{known}={value}" if colon else f"--{known}"
        else:
            yield word


def user_words(given: argparse.Namespace) -> UserWords:
    """Return what was said of users; raise UsageError (11)."""
    rows = read_user_map(given.user_map) if given.user_map else ()
    return UserWords(
        (*rows, *map(parse_mu, given.mu)), tuple(map(parse_md, given.md)),
        given.lac, given.lae, tuple(given.ui), tuple(given.ue),
    )  # fmt: skip
