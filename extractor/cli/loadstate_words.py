r"""LoadState's words, sorted: switches with their values, and the store; what LoadState refuses is refused.

What a switch is called and takes is in the one switch table; here stands which of them LoadState knows, and its own.
A word is a switch only if its name is known; its value follows a colon or a space. Source: USMT "LoadState syntax";
usmt.md 1.1, 1.3, 1.5, 1.6.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.cli.switches import BY_SLASH, Takes
from extractor.errors import ArgumentTooLongError, OfflineSwitchError, UsageError
from extractor.redact import remember
from extractor.report.main_log import parse_verbosity
from extractor.select.users import parse_last_used
from extractor.store.sealed.algid import parse_algid

LONGEST = 256
"""Characters that LoadState takes in one argument."""
NOTHING, VALUE, MAYBE = Takes.NOTHING, Takes.VALUE, Takes.MAYBE

_SHARED = (
    "i", "config", "auto", "v", "l", "progress", "c", "r", "w", "all", "ui", "ue", "uel", "nocompress", "hardlink",
    "key", "keyfile",
)  # fmt: skip
_TAKES: Mapping[str, Takes] = {
    **{name: BY_SLASH[name].takes for name in _SHARED},
    "md": VALUE, "mu": VALUE, "lac": MAYBE, "lae": NOTHING, "decrypt": MAYBE, "sf": NOTHING,
    "targetwindows7": NOTHING, "targetwindows8": NOTHING, "targetvista": NOTHING, "targetxp": NOTHING,
    "--target": VALUE, "--identity": VALUE, "--user-map": VALUE, "--drive": VALUE, "--windows": VALUE,
    "--dry-run": NOTHING,
    "--json": NOTHING,
}  # fmt: skip
_REPEATABLE = frozenset({"md", "mu", "--drive"} | {each for each in _SHARED if BY_SLASH[each].repeatable})  # fmt: skip
_OFFLINE = frozenset({"offline", "offlinewindir", "offlinewinold"})
_CONFLICTS = (
    ("key", "keyfile"), ("key", "--identity"), ("keyfile", "--identity"), ("decrypt", "nocompress"), ("all", "ui"),
    ("all", "ue"), ("all", "uel"), ("auto", "all"), ("auto", "ui"), ("auto", "ue"), ("auto", "v"), ("auto", "i"),
)  # fmt: skip


@dataclass(slots=True)
class Given:
    """Words, sorted; values are kept from any message."""

    options: dict[str, list[str]] = field(default_factory=dict, repr=False)
    places: list[str] = field(default_factory=list)

    def one(self, name: str) -> str | None:
        return self.options[name][0] if name in self.options else None


def sort_words(words: Sequence[str]) -> Given:
    """Return the words, sorted and checked against each other.

    Raises UsageError (11), ArgumentTooLongError (12), OfflineSwitchError (36).
    """
    given = _sorted(words)
    _refuse_conflicts(given)
    _refuse_bad_values(given)
    return given


def _sorted(words: Sequence[str]) -> Given:
    given = Given()
    rest = iter(words)
    for word in rest:
        name, mark, value = _split(word)
        if name in _OFFLINE:
            raise OfflineSwitchError(
                f"/{name} is a switch of ScanState; --target names the Windows that is restored to"
            )
        if name in _TAKES:
            _take(given, name, mark, value, rest)
        elif word == "--":
            given.places += rest
        elif word.startswith("-") and word != "-":
            raise UsageError(f"{word.partition('=')[0][:40]} is no switch; /? shows them")
        elif name in BY_SLASH:
            raise UsageError(f"/{name} is a switch of ScanState, not of LoadState")
        else:
            given.places.append(word)
    return given


def _split(word: str) -> tuple[str, str, str]:
    """Return name, mark and value of a word: ``/mu:a:b``, ``--target=x``; the name is empty for a place."""
    if word.startswith("--"):
        return word.partition("=")
    name, colon, value = word[1:].partition(":") if word.startswith("/") else ("", "", "")
    return name.lower(), colon, value


def _take(given: Given, name: str, mark: str, value: str, rest: Iterator[str]) -> None:
    takes = _TAKES[name]
    if takes is VALUE and not mark:
        value = next(rest, "")
        if _split(value)[0] in _TAKES:
            raise UsageError(f"{_spelled(name)} needs a value")
    if name in {"key", "lac"}:
        remember(value)
    if takes is VALUE and not value:
        raise UsageError(f"{_spelled(name)} needs a value")
    if takes is NOTHING and mark:
        raise UsageError(f"{_spelled(name)} takes no value")
    if len(value) > LONGEST:
        raise ArgumentTooLongError(f"{_spelled(name)}: at most {LONGEST} characters are taken")
    if name in given.options and name not in _REPEATABLE:
        raise UsageError(f"{_spelled(name)} is given twice")
    given.options.setdefault(name, []).append(value)


def _spelled(name: str) -> str:
    return name if name.startswith("--") else f"/{name}"


def store_of(given: Given) -> str:
    """Return the store that was named; raise UsageError (11) and ArgumentTooLongError (12)."""
    for each in given.places:
        if len(each) > LONGEST or len(os.path.abspath(each)) > LONGEST:  # noqa: PTH100 (USMT counts, nothing is opened)
            raise ArgumentTooLongError(f"a path has more than {LONGEST} characters")
        if re.match(r"[A-Za-z]:[\\/]|\\\\", each):
            raise UsageError(f"{each} is a path of Windows; name a folder of this computer")
        if each.startswith("/") and "/" not in each[1:] and not os.path.lexists(each):
            raise UsageError(f"{each.partition(':')[0]} is no switch; /? shows them")
    if len(given.places) != 1 or not given.places[0]:
        raise UsageError(f"one store is named; {len(given.places)} paths are given")
    return given.places[0]


def _refuse_conflicts(given: Given) -> None:
    there = given.options
    for first, second in _CONFLICTS:
        if first in there and second in there:
            raise UsageError(f"{_spelled(first)} and {_spelled(second)} cannot be given together")
    keys = [each for each in ("key", "keyfile") if each in there]
    if "decrypt" in there and not keys and "--identity" not in there:
        raise UsageError("/decrypt needs /key, /keyfile or --identity")
    if keys and "decrypt" not in there:
        raise UsageError(f"/{keys[0]} needs /decrypt")
    if "hardlink" in there and "nocompress" not in there:
        raise UsageError("/hardlink needs /nocompress")
    if "lae" in there and "lac" not in there:
        raise UsageError("/lae enables the accounts that /lac creates; it is nothing alone")


def _refuse_bad_values(given: Given) -> None:
    for name in ("r", "w"):
        text = given.one(name) or "0"
        if not (text.isascii() and text.isdigit()):
            raise UsageError(f"/{name}:{text}: takes a whole number")
    parse_verbosity(given.one("v") or "0")
    if "decrypt" in given.options:
        parse_algid(given.one("decrypt") or "", "/decrypt")
    parse_last_used(given.one("uel") or "0", 0)
