"""UsmtUtils' spelling -> one command: exactly one of ``/ec``, ``/rd``, ``/verify``, ``/extract``; else code 11.

A word is a switch only if its name is known, alone or followed by ``:value``; anything else, such as ``/srv/case17``,
is a path. After ``--`` nothing is a switch. Source: USMT "UsmtUtils syntax"; usmt.md 1.4, 1.6.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extractor.cli.slash import HELP, HelpWanted
from extractor.cli.switches import Takes
from extractor.cli.usmtutils_commands import (
    Command,
    ExtractStore,
    ListAlgorithms,
    RemoveStore,
    Report,
    Unlock,
    VerifyStore,
)
from extractor.errors import ArgumentTooLongError, LogFileError, UsageError
from extractor.report.main_log import parse_verbosity
from extractor.store.listing import split_patterns
from extractor.store.sealed.algid import parse_algid
from extractor.store.sealed.keys import key_passphrase

USAGE = """usage: coldstate usmtutils /ec
       coldstate usmtutils /rd STORE [/y]
       coldstate usmtutils /verify[:summary|all|failureonly|catalog] STORE [options]
       coldstate usmtutils /extract STORE DESTINATION [/i:PATTERNS] [/e:PATTERNS] [/o] [options]

/ec       list the names of algorithms that /encrypt and /decrypt take, and what is used
/rd       remove a store of this program; asks, unless /y is given
/verify   prove that a store is what was written
/extract  write the files of a store to a folder: /i:*.txt,*.pdf only these, /e:*.exe all but these (an
          include beats an exclude), /o over what is there

options:  /l:FILE            log file
          /v:LEVEL           what the log holds: 0 1 4 5 8 9 12 13
          /decrypt[:ALGID]   the store is encrypted; with /key:STRING or /keyfile:FILE
          --identity FILE    or with the identity (age, SSH) of one it was sealed to

STORE is the folder that holds USMT/, that folder, or the store's file in it. Stores of Microsoft's own tools cannot be
read: nobody has published how.
"""
LONGEST = 256
"""Characters that USMT takes in one argument."""
IDENTITY = "--identity"

NOTHING, VALUE, MAYBE = Takes.NOTHING, Takes.VALUE, Takes.MAYBE
_COMMANDS = {"ec": NOTHING, "rd": NOTHING, "verify": MAYBE, "extract": NOTHING}
_OPTIONS = {
    "y": NOTHING, "l": VALUE, "v": VALUE, "decrypt": MAYBE, "key": VALUE, "keyfile": VALUE, "i": VALUE, "e": VALUE,
    "o": NOTHING,
}  # fmt: skip
_COMMON = frozenset({"l", "v", "decrypt", "key", "keyfile", IDENTITY})
_ALLOWED = {
    "ec": frozenset[str](),
    "rd": frozenset({"y"}),
    "verify": _COMMON,
    "extract": _COMMON | {"i", "e", "o"},
}
_PLACES = {"ec": (), "rd": ("STORE",), "verify": ("STORE",), "extract": ("STORE", "DESTINATION")}


@dataclass(slots=True)
class _Given:
    """Words, sorted; values are kept from any message."""

    command: str = ""
    kind: str = ""
    """What follows the command's colon."""
    options: dict[str, str] = field(default_factory=dict, repr=False)
    places: list[str] = field(default_factory=list)


def parse_usmtutils(words: Sequence[str]) -> Command:
    """Return the command that the words make.

    Raises UsageError (11) and its kin, and HelpWanted for ``/?``.
    """
    if any(word.lower() in {*HELP, "--help", "-h"} for word in words):
        raise HelpWanted(USAGE)
    given = _sorted(words)
    if not given.command:
        raise UsageError("none of /ec, /rd, /verify and /extract is given; /? shows the options")
    for name in given.options:
        if name not in _ALLOWED[given.command]:
            raise UsageError(f"{_spelled(name)} has no meaning with /{given.command}")
    places = _places(given)
    if given.command == "ec":
        return ListAlgorithms()
    if given.command == "rd":
        return RemoveStore(places[0], "y" in given.options)
    log = _log(given.options.get("l"), places[0])
    verbosity = parse_verbosity(given.options.get("v", "0"))
    unlock = _unlock(given.options)
    if given.command == "verify":
        return VerifyStore(places[0], _report(given.kind), unlock, log, verbosity)
    include, exclude = (_patterns(name, given.options.get(name)) for name in ("i", "e"))
    over = "o" in given.options
    return ExtractStore(places[0], places[1], include, exclude, over, unlock, log, verbosity)


def _sorted(words: Sequence[str]) -> _Given:
    given = _Given()
    rest = iter(words)
    for word in rest:
        name, colon, value = word[1:].partition(":")
        name = name.lower()
        if word == "--":
            given.places += rest
        elif word.startswith("/") and name in _COMMANDS:
            _take_command(given, name, colon, value)
        elif word.startswith("/") and name in _OPTIONS:
            _take_option(given, name, colon, value)
        elif word == IDENTITY or word.startswith(f"{IDENTITY}="):
            _take_option(given, IDENTITY, ":", _identity(word, rest))
        elif word.startswith("-") and word != "-":
            raise UsageError(f"{word.partition('=')[0][:40]} is no switch; /? shows them")
        else:
            given.places.append(word)
    return given


def _take_command(given: _Given, name: str, colon: str, value: str) -> None:
    if given.command:
        raise UsageError(f"/{given.command} and /{name} cannot be given together")
    if colon and _COMMANDS[name] is NOTHING:
        raise UsageError(f"/{name} takes no value")
    given.command, given.kind = name, value


def _take_option(given: _Given, name: str, colon: str, value: str) -> None:
    takes = _OPTIONS.get(name, VALUE)
    if name in given.options:
        raise UsageError(f"{_spelled(name)} is given twice")
    if takes is VALUE and not value:
        raise UsageError(f"{_spelled(name)} needs a value")
    if takes is NOTHING and colon:
        raise UsageError(f"{_spelled(name)} takes no value")
    if len(value) > LONGEST:
        raise ArgumentTooLongError(f"{_spelled(name)}: at most {LONGEST} characters are taken")
    given.options[name] = value


def _identity(word: str, rest: Iterator[str]) -> str:
    return word.partition("=")[2] if "=" in word else next(rest, "")


def _spelled(name: str) -> str:
    return name if name == IDENTITY else f"/{name}"


def _places(given: _Given) -> tuple[Path, ...]:
    for each in given.places:
        _refuse_place(each)
    wanted = _PLACES[given.command]
    if len(given.places) != len(wanted):
        odd = next((each for each in given.places if _looks_like_a_switch(each)), None)
        if odd is not None:
            raise UsageError(f"{odd.partition(':')[0]} is no switch; /? shows them")
        count = f"takes {' and '.join(wanted)}" if wanted else "takes no path"
        raise UsageError(f"/{given.command} {count}; {len(given.places)} paths are given")
    return tuple(map(Path, given.places))


def _refuse_place(text: str) -> None:
    if not text:
        raise UsageError("a path is empty")
    if len(text) > LONGEST:
        raise ArgumentTooLongError(
            f"a path has {len(text)} characters, at most {LONGEST} are taken"
        )
    if re.match(r"[A-Za-z]:[\\/]|\\\\", text):
        raise UsageError(f"{text} is a path of Windows; name a folder of this computer")


def _looks_like_a_switch(word: str) -> bool:
    name = word.partition(":")[0]
    return word.startswith("/") and "/" not in name[1:] and not os.path.lexists(word)


def _log(text: str | None, store: Path) -> Path | None:
    if text is None:
        return None
    if Path(text).resolve().is_relative_to(store.resolve()):
        raise LogFileError(f"/l:{text} lies inside the store; put it elsewhere")
    return Path(text)


def _report(kind: str) -> Report:
    try:
        return Report(kind.lower() or Report.SUMMARY)
    except ValueError:
        raise UsageError(f"/verify:{kind}: takes {', '.join(Report)}") from None


def _patterns(name: str, text: str | None) -> tuple[str, ...]:
    """Return the patterns of a list with commas or semicolons; quotes that a script left around it are dropped."""
    if text is None:
        return ()
    if len(text) > 1 and text[0] == text[-1] == '"' and text.count('"') == 2:
        text = text[1:-1]
    found = split_patterns(text)
    if not found or re.search(r"(?:\A|[,;])\s*(?:[,;]|\Z)", re.sub('"[^"]*"', '""', text)):
        raise UsageError(f"/{name}: a pattern is empty")
    return found


def _unlock(options: dict[str, str]) -> Unlock | None:
    keys = [name for name in ("key", "keyfile", IDENTITY) if name in options]
    if len(keys) > 1:
        raise UsageError(f"{_spelled(keys[0])} and {_spelled(keys[1])} cannot be given together")
    if "decrypt" in options and not keys:
        raise UsageError(f"/decrypt needs /key, /keyfile or {IDENTITY}")
    if not keys:
        return None
    if "decrypt" not in options and keys != [IDENTITY]:
        raise UsageError(f"/{keys[0]} needs /decrypt")
    algid = parse_algid(options["decrypt"], "/decrypt") if "decrypt" in options else None
    value = options[keys[0]]
    if keys == ["key"]:
        return Unlock(algid, key=key_passphrase(value))
    if keys == ["keyfile"]:
        return Unlock(algid, keyfile=Path(value))
    return Unlock(algid, identity=Path(value))
