"""ScanState's spelling -> long options, as a pure function of words.

A word is a switch only if its name is in the table, alone or followed by ``:value``; anything else, such as
``/mnt/store``, is a path. After ``--`` nothing is translated. A directory really called ``/c`` is written ``/c/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from extractor.cli.switches import BY_SLASH, Takes

HELP = ("/?", "/help")


class HelpWanted(Exception):  # noqa: N818 (not an error: help is an answer)
    """Raised by a parser that was asked for help; its text is the help."""


def to_options(words: Iterable[str]) -> Iterator[str]:
    """Yield the words with each known slash switch replaced by its long option."""
    literal = False
    for word in words:
        literal = literal or word == "--"
        yield word if literal else _translate(word)


def _translate(word: str) -> str:
    if word.lower() in HELP:
        return "--help"
    if not word.startswith("/"):
        return word
    name, colon, value = word[1:].partition(":")
    switch = BY_SLASH.get(name.lower())
    if switch is None:
        return word
    if colon or switch.takes is Takes.MAYBE:
        return f"--{switch.long}={value}"
    return f"--{switch.long}"
