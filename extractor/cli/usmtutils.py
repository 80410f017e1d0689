"""``coldstate usmtutils``: UsmtUtils' commands for stores of ours.

Source: USMT "UsmtUtils syntax", "Return codes"; usmt.md 1.4.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from extractor.cli.usmtutils_commands import (
    ExtractStore,
    ListAlgorithms,
    RemoveStore,
    VerifyStore,
)
from extractor.cli.usmtutils_words import parse_usmtutils
from extractor.errors import (
    CanceledError,
    NoSuchStoreError,
    StoreLocationError,
    StoreNotRemovedError,
    UsageError,
)
from extractor.model import printable
from extractor.store.mig.recognise import recognise_mig
from extractor.store.place import (
    FINAL,
    INCOMPLETE,
    JOURNAL,
    are_ours,
    refuse_microsoft,
)
from extractor.store.repair.shelf import BEFORE
from extractor.store.sealed.algid import NAMES, USED
from extractor.store.tree import open_tree, remove_tree


def run_usmtutils(
    words: Sequence[str],
    *,
    verify: Callable[[VerifyStore], int],
    extract: Callable[[ExtractStore], int],
) -> int:
    """Run the command that the words make and return its exit code; ``verify`` and ``extract`` get the store's folder.

    Raises UsageError (11) and its kin, NoSuchStoreError (27) for what is no store of ours, StoreNotRemovedError (35).
    """
    command = parse_usmtutils(words)
    if isinstance(command, ListAlgorithms):
        return _list_algorithms()
    command = replace(command, store=locate_store(command.store))
    if isinstance(command, RemoveStore):
        return _remove(command)
    return verify(command) if isinstance(command, VerifyStore) else extract(command)


def locate_store(path: Path) -> Path:
    """Return the folder that holds ``USMT``, of that folder, of ``USMT`` itself, or of a file in it.

    Raises NoSuchStoreError (27); for a store of Microsoft's it says what to do instead.
    """
    foreign = recognise_mig(path)
    if foreign is not None:
        raise NoSuchStoreError(foreign.sentence)
    if (path / FINAL).is_dir() or (path / INCOMPLETE).is_dir():
        return path
    final = path.absolute() if path.is_dir() else path.absolute().parent
    if final.name == FINAL and final.is_dir():  # whatever the runbook calls the file in it
        return final.parent
    raise NoSuchStoreError(f"{path} is no store: it holds no {FINAL}, and lies in none")


def _list_algorithms() -> int:
    """Print a name a line, as scripts expect, and behind a tab the truth."""
    for name in NAMES:
        print(f"{name}\taccepted; used is {USED}")
    return 0


def _remove(command: RemoveStore) -> int:
    refuse_microsoft(command.store)
    names = _removable(command.store)
    _ask(command)
    try:
        _remove_names(command.store, names)
    except OSError as error:
        raise StoreNotRemovedError(
            f"{command.store}: the store cannot be removed: {error.strerror or error}"
        ) from error
    print(f"{printable(str(command.store))}: the store was removed", file=sys.stderr)
    return 0


def _removable(store: Path) -> tuple[str, ...]:
    """Return the folders of a store, complete or not, and what a repair put aside.

    Raises NoSuchStoreError (27) when one is not ours.
    """
    names = tuple(name for name in (FINAL, INCOMPLETE, BEFORE) if (store / name).is_dir())
    for name in names:
        found = {each.name for each in (store / name).iterdir()}
        known = name == BEFORE or are_ours(found)
        if (store / name).is_symlink() or not known:
            raise NoSuchStoreError(f"{store / name} is no store of this program and is not touched")
    return names


def _ask(command: RemoveStore) -> None:
    if command.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("/rd asks before it removes, and nobody is there to answer; add /y")
    question = (
        f"Remove the store {printable(str(command.store / FINAL))} and all files in it? [y/N] "
    )
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CanceledError("the store stays; nothing was removed")


def _remove_names(store: Path, names: tuple[str, ...]) -> None:
    parent = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            with open_tree(name, parent) as tree:
                _lock(tree.root, store)
                remove_tree(name, parent)
        for name in (JOURNAL, f"{JOURNAL}-journal"):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
    finally:
        os.close(parent)
    with suppress(OSError):  # it holds more than the store
        store.rmdir()


def _lock(root: int, store: Path) -> None:
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreLocationError(f"{store}: another run is writing this store now") from error
