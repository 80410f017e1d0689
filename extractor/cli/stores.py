"""``coldstate store``: what can be done with a finished store; each action is a command of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from extractor.cli.arguments import words_parser
from extractor.cli.screen import open_screen
from extractor.cli.slash import HELP, HelpWanted
from extractor.cli.store_opening import Keys, add_store, keys_of, parse_words
from extractor.cli.usmtutils_commands import Report
from extractor.cli.usmtutils_verify import print_state, report_store
from extractor.errors import UsageError
from extractor.model import printable
from extractor.store.digest import BLOCK
from extractor.store.manifest import MANIFEST, manifest_path
from extractor.store.place import FINAL
from extractor.store.sealed.opener import is_sealed, open_sealed
from extractor.store.verify import verify_store

TEXT = """usage: coldstate store ACTION STORE [...]

STORE is the folder that holds USMT/. Paths are those of the offline machine; a pattern is one with * and ?.

  verify STORE [--report KIND]        prove every stored byte against the manifest
  manifest STORE                      print the manifest, one JSON object a line
  ls STORE [PATTERN...]               the objects by path
  tree STORE [PATH]                   the same as a tree
  cat STORE PATH[:STREAM]             the bytes of a file, a named stream or a registry value
  extract STORE FOLDER                write the files into a folder, every byte hashed
  diff STORE STORE|IMAGE...           what differs from another store, or from what a disk holds now
  export STORE FORMAT TARGET          as tar, zip, BagIt, DFXML, CSV, JSON lines or a body file
  mount STORE DIR                     as a read-only file system
  repair STORE                        make catalog, manifest and sums again from what is left

An encrypted store needs its key: --key STRING, --keyfile FILE, or --identity FILE.
`coldstate store ACTION --help` shows the options.
"""

VERIFY = """Prove every stored byte against the manifest. With --report the result is printed as UsmtUtils does: all (a
line for each file, its name, a tab, OK or CORRUPTED; last CATALOG), failureonly, catalog, or summary.
Exit code 42: the store is not what was written."""


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
    parser = words_parser("store verify", VERIFY)
    add_store(parser)
    parser.add_argument(
        "--report", choices=tuple(Report), metavar="KIND", help=f"as UsmtUtils: {', '.join(Report)}"
    )
    given = parse_words(parser, words)
    keys = keys_of(given)
    with open_screen("none") as screen:
        if given.report:
            found = report_store(given.store, keys, Report(given.report), print_state, screen)
            found.check(given.store)
            return 0
        found = verify_store(
            given.store, screen, passphrase=keys.passphrase, identities=keys.identities
        )
    for word, names in (("changed", found.changed), ("missing", found.missing),
                        ("extra", found.extra), ("problem", found.problems)):  # fmt: skip
        for name in names:
            print(f"{word}: {printable(name)}")
    found.check(given.store)
    print(f"intact: {found.objects} objects, {found.files} files and streams, {found.bytes} bytes")
    return 0


def _print_manifest(words: list[str]) -> int:
    parser = words_parser("store manifest", "Print the manifest, one JSON object a line.")
    add_store(parser)
    given = parse_words(parser, words)
    if is_sealed(given.store / FINAL):
        _print_sealed_manifest(given.store, keys_of(given))
        return 0
    with manifest_path(given.store).open("rb") as manifest:
        shutil.copyfileobj(manifest, sys.stdout.buffer)
    return 0


def _print_sealed_manifest(store: Path, keys: Keys) -> None:
    """Print it part by part: what is printed is proven."""
    with open_sealed(
        store / FINAL, passphrase=keys.passphrase, identities=keys.identities
    ) as opener:
        manifest = opener.open(MANIFEST)
        for at in range(0, manifest.size, BLOCK):
            sys.stdout.buffer.write(manifest.read_at(at, BLOCK))
    sys.stdout.buffer.flush()


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


def _export(words: list[str]) -> int:
    from extractor.cli.export import run_export

    return run_export(words)


def _mount(words: list[str]) -> int:
    from extractor.cli.mount import run_mount

    return run_mount(words)


def _repair(words: list[str]) -> int:
    from extractor.cli.repair import run_repair

    return run_repair(words)


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "verify": _verify,
    "manifest": _print_manifest,
    "ls": _ls,
    "tree": _tree,
    "cat": _cat,
    "extract": _extract,
    "diff": _diff,
    "export": _export,
    "mount": _mount,
    "repair": _repair,
}
"""Name -> what runs it with the words after the name; a new action is a row here and in TEXT."""
