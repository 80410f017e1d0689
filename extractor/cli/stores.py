"""``coldstate store``: what can be done with a finished store; each action is a command of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import open_screen
from extractor.cli.slash import HELP, HelpWanted
from extractor.errors import UsageError
from extractor.model import printable
from extractor.store.manifest import manifest_path
from extractor.store.verify import verify_store

TEXT = """usage: coldstate store ACTION STORE [...]

STORE is the folder that holds USMT/. Paths are those of the offline machine; a pattern is one with * and ?.

  verify STORE                        prove every stored byte against the manifest
  manifest STORE                      print the manifest, one JSON object a line
  ls STORE [PATTERN...]               the objects by path
  tree STORE [PATH]                   the same as a tree
  cat STORE PATH[:STREAM]             the bytes of a file, a named stream or a registry value
  extract STORE FOLDER                write the files into a folder, every byte hashed
  diff STORE STORE|IMAGE...           what differs from another store, or from what a disk holds now

`coldstate store ACTION --help` shows the options.
"""


def run_store(words: list[str]) -> int:
    """Run an action on a store; its exit code, 27 for what is no store, 42 for a damaged one."""
    if not words:
        raise UsageError("nothing to do; `coldstate store --help` shows the commands")
    name, *rest = words
    if name in {"-h", "--help", *HELP}:
        raise HelpWanted(TEXT)
    action = ACTIONS.get(name)
    if action is None:
        raise UsageError(f"{name!r} is nothing to do with a store; see `coldstate store --help`")
    return action(rest)


def _verify(words: list[str]) -> int:
    store = _store_of("verify", "Prove every stored byte against the manifest.", words)
    with open_screen("none") as screen:
        found = verify_store(store, screen)
    for word, names in (("changed", found.changed), ("missing", found.missing),
                        ("extra", found.extra), ("problem", found.problems)):  # fmt: skip
        for name in names:
            print(f"{word}: {printable(name)}")
    found.check(store)
    print(f"intact: {found.objects} objects, {found.files} files and streams, {found.bytes} bytes")
    return 0


def _print_manifest(words: list[str]) -> int:
    store = _store_of("manifest", "Print the manifest, one JSON object a line.", words)
    with manifest_path(store).open("rb") as manifest:
        shutil.copyfileobj(manifest, sys.stdout.buffer)
    return 0


def _store_of(action: str, text: str, words: list[str]) -> Path:
    parser = words_parser(f"store {action}", text)
    parser.add_argument("store", type=Path, metavar="STORE", help="the folder that holds USMT/")
    store: Path = parser.parse_args(words).store
    return store


def _ls(words: list[str]) -> int:
    from extractor.cli.store_ls import run_ls

    return run_ls(words)


def _tree(words: list[str]) -> int:
    from extractor.cli.store_tree import run_tree

    return run_tree(words)


def _cat(words: list[str]) -> int:
    from extractor.cli.store_cat import run_cat

    return run_cat(words)


def _extract(words: list[str]) -> int:
    from extractor.cli.store_extract import run_extract

    return run_extract(words)


def _diff(words: list[str]) -> int:
    from extractor.cli.store_diff import run_diff

    return run_diff(words)


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "verify": _verify,
    "manifest": _print_manifest,
    "ls": _ls,
    "tree": _tree,
    "cat": _cat,
    "extract": _extract,
    "diff": _diff,
}
"""Name -> what runs it with the words after the name; a new action is a row here and in TEXT."""
