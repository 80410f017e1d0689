"""The runs of a target: the one that did not end, a new one, and the last one taken back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from extractor.errors import (
    CorruptStoreError,
    NoSuchStoreError,
    StoreError,
    StoreLocationError,
    UsageError,
)
from extractor.model import upcase
from extractor.restore.journal import ASIDE, DATABASE, FOLDER, Journal, open_journal
from extractor.restore.steps import PRIVATE, Steps
from extractor.restore.target.place import Target
from extractor.store.tree import Parts, Tree, open_tree

DONE, UNDONE = "done", "undone"
MAKING = (FOLDER, "new")
"""A run whose plan is not all there yet."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is open: its journal and where what gives way is moved to."""

    tree: Tree
    journal: Journal
    aside: Parts

    def close(self) -> None:
        """Let go of both."""
        self.journal.close()
        self.tree.close()


@contextmanager
def looking(target: Target) -> Iterator[Tree]:
    """Open a target for looking at; one that does not exist is an empty folder. Raises StoreLocationError (27)."""
    with ExitStack() as stack:
        try:
            missing = not target.root.exists()
            empty = stack.enter_context(tempfile.TemporaryDirectory()) if missing else ""
            tree = open_tree(empty) if missing else target.tree()
        except OSError as error:
            raise StoreLocationError(f"{target.shown} cannot be used: {error.strerror}") from error
        yield stack.enter_context(tree)


def left_run(target: Target, facts: Mapping[str, str]) -> Run | None:
    """Return the run that did not end, open; None where there is none.

    Raises UsageError (11) when it was of another store or had other words.
    """
    if not target.root.is_dir():
        return None
    with looking(target) as tree:
        numbers = _numbers(tree)
    if not numbers:
        return None
    run = _open(target, numbers[-1])
    try:
        if run.journal.told("state") in (DONE, UNDONE):
            run.close()
            return None
        _refuse_other(run, facts, target)
    except BaseException:
        run.close()
        raise
    return run


def _refuse_other(run: Run, facts: Mapping[str, str], target: Target) -> None:
    if any(run.journal.told(name) != fact for name, fact in facts.items()):
        raise UsageError(
            f"{target.shown} holds a restore that did not end, of another store or with other words; give the"
            " same again to go on, or --undo first"
        )


def new_run(target: Target, plan: Journal) -> Run:
    """Begin a run with this plan; the target is made when missing. Raises StoreLocationError (27), StoreError (72).

    The run has its number only when its journal is whole: one that was killed before never was.
    """
    try:
        target.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what is private
        with target.tree() as tree:
            number = max(_numbers(tree), default=0) + 1
            tree.directory(MAKING, create=True)
            with suppress(OSError):  # a file system without modes
                os.fchmod(tree.directory((FOLDER,)), PRIVATE)
            for name in tree.names(MAKING):
                tree.remove((*MAKING, name))
            journal = open_journal(target.root.joinpath(*MAKING, DATABASE))
            try:
                plan.copy_to(journal)
            finally:
                journal.close()
            tree.move(MAKING, (FOLDER, str(number)))
    except OSError as error:
        raise StoreLocationError(f"{target.shown} cannot be used: {error.strerror}") from error
    return _open(target, number)


def undo(target: Target) -> list[str]:
    """Take the last run back that was not taken back yet; return what was left, in words.

    Raises NoSuchStoreError (27) where there is none, StoreError (72) when the target cannot be written.
    """
    with looking(target) as tree:
        numbers = _numbers(tree)
    for number in reversed(numbers):
        run = _open(target, number)
        try:
            if run.journal.told("state") == UNDONE:
                continue
            left = _taken_back(run, target)
            run.journal.tell({"state": UNDONE})
            run.journal.commit()
            return left
        finally:
            run.close()
    raise NoSuchStoreError(f"{target.shown} has no restore that could be undone")


def _taken_back(run: Run, target: Target) -> list[str]:
    try:
        return Steps(run.tree, run.journal, run.aside).undo(run.journal.steps())
    except OSError as error:
        raise StoreError(
            f"{target.shown}: the undo stopped: {error.strerror or error}; it goes on when it is called again"
        ) from error


def _open(target: Target, number: int) -> Run:
    tree = target.tree()
    try:
        _refuse_planted(tree, target, number)
        journal = open_journal(target.root / FOLDER / str(number) / DATABASE)
    except BaseException:
        tree.close()
        raise
    return Run(tree, journal, (FOLDER, str(number), ASIDE))


def _refuse_planted(tree: Tree, target: Target, number: int) -> None:
    """Raise CorruptStoreError (42) unless a run has a plain file as its journal, and nothing that SQLite plays back.

    SQLite follows links, makes what is missing, and deletes the file that a rollback journal names as that of several
    databases ("Atomic commit in SQLite", 5.5). A journal of ours is in WAL mode, and never has one.
    """
    folder = (FOLDER, str(number))
    shown = f"{target.shown}: {'/'.join(folder)}"
    try:
        names = set(map(upcase, tree.names(folder)))
        os.close(tree.open((*folder, DATABASE)))
    except OSError as error:
        raise CorruptStoreError(
            f"{shown} holds no journal of a restore: {error.strerror or error}"
        ) from error
    for ending in ("-journal", "-wal", "-shm"):
        if upcase(f"{DATABASE}{ending}") in names and not (
            ending == "-wal" and _is_plain(tree, folder)
        ):
            raise CorruptStoreError(f"{shown} holds what no restore makes: {DATABASE}{ending}")


def _is_plain(tree: Tree, folder: Parts) -> bool:
    """Tell whether the log of a journal is a file of its own: SQLite would follow a link."""
    try:
        os.close(tree.open((*folder, f"{DATABASE}-wal")))
    except OSError:
        return False
    return True


def _numbers(tree: Tree) -> list[int]:
    """Return the numbers of runs; raise StoreLocationError (27) where their folder is none."""
    try:
        names = tree.names((FOLDER,))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreLocationError(
            f"{FOLDER} at the target is not what a restore makes: {error.strerror}"
        ) from error
    return sorted(
        int(each) for each in names if each.isascii() and each.isdecimal() and each[0] != "0"
    )
