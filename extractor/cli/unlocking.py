"""Keys of BitLocker volumes as a person gives them: in files, on standard input, in the environment; never as words."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from extractor.cli.switches import SWITCHES
from extractor.errors import UsageError
from extractor.volumes.keys import LARGEST, Key, parse_keys, read_key_file, read_keychain

VARIABLE = "COLDSTATE_BITLOCKER_KEY"
"""Holds a recovery password or a password itself: the environment of a process is its owner's alone."""
UNLOCKING = tuple(each for each in SWITCHES if each.field in {"bitlocker_key", "keychain"})


def bitlocker_keys(given: argparse.Namespace, environment: Mapping[str, str]) -> tuple[Key, ...]:
    """Return every key that was given, each once; raise UsageError (11) that repeats none of them."""
    files = given.bitlocker_key or ()
    if "-" in files and getattr(given, "efs_password", None) == "-":
        raise UsageError("standard input gives one secret only: put the other one in a file")
    return tuple(dict.fromkeys(_keys(files, given.keychain or (), environment)))


def _keys(
    files: list[str] | tuple[()], lists: list[str] | tuple[()], environment: Mapping[str, str]
) -> Iterator[Key]:
    for name in files:
        yield from _from_stdin() if name == "-" else read_key_file(Path(name))
    if text := environment.get(VARIABLE, ""):
        yield from parse_keys(text.encode("utf-8", "surrogateescape"), VARIABLE)
    for name in lists:
        yield from read_keychain(Path(name))


def _from_stdin() -> list[Key]:
    """Return the keys that standard input holds; a person types one, unseen."""
    if sys.stdin.isatty():
        return parse_keys(getpass.getpass("BitLocker key: ").encode(), "standard input")
    content = sys.stdin.buffer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UsageError("what standard input gives is too long for a key")
    return parse_keys(content, "standard input")
