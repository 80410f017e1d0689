"""The runs of a target: the one that did not end, a new one, and the last one taken back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import NoSuchStoreError, StoreError, StoreLocationError, UsageError
from extractor.restore.journal import ASIDE, DATABASE, FOLDER, Journal, open_journal
from extractor.restore.steps import PRIVATE, Steps
from extractor.store.tree import Parts, Tree, open_tree

DONE, UNDONE = "done", "undone"


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
def looking(target: Path) -> Iterator[Tree]:
    """Open a target for looking at; one that does not exist is an empty folder. Raises StoreLocationError (27)."""
    with ExitStack() as stack:
        try:
            missing = not target.exists()
            place = stack.enter_context(tempfile.TemporaryDirectory()) if missing else target
            tree = open_tree(place)
        except OSError as error:
            raise StoreLocationError(f"{target} cannot be used: {error.strerror}") from error
        yield stack.enter_context(tree)


def left_run(target: Path, facts: Mapping[str, str]) -> Run | None:
    """Return the run that did not end, open; None where there is none.

    Raises UsageError (11) when it was of another store or had other words.
    """
    if not target.is_dir():
        return None
    with looking(target) as tree:
        numbers = _numbers(tree)
    if not numbers:
        return None
    run = _open(target, numbers[-1])
    try:
        if run.journal.told("state") in {DONE, UNDONE} or run.journal.told("asked") is None:
            run.close()
            return None
        _refuse_other(run, facts, target)
    except BaseException:
        run.close()
        raise
    return run


def _refuse_other(run: Run, facts: Mapping[str, str], target: Path) -> None:
    if any(run.journal.told(name) != fact for name, fact in facts.items()):
        raise UsageError(
            f"{target} holds a restore that did not end, of another store or with other words; give the same again to"
            " go on, or --undo first"
        )


def new_run(target: Path, plan: Journal) -> Run:
    """Begin a run with this plan; the target is made when missing. Raises StoreLocationError (27)."""
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what is private
        with open_tree(target) as tree:
            number = max(_numbers(tree), default=0) + 1
            tree.directory((FOLDER, str(number)), create=True)
            with suppress(OSError):  # a file system without modes
                os.fchmod(tree.directory((FOLDER,)), PRIVATE)
    except OSError as error:
        raise StoreLocationError(f"{target} cannot be used: {error.strerror}") from error
    run = _open(target, number)
    plan.copy_to(run.journal)
    return run


def undo(target: Path) -> list[str]:
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
    raise NoSuchStoreError(f"{target} has no restore that could be undone")


def _taken_back(run: Run, target: Path) -> list[str]:
    try:
        return Steps(run.tree, run.journal, run.aside).undo(run.journal.steps())
    except OSError as error:
        raise StoreError(
            f"{target}: the undo stopped: {error.strerror}; it goes on when it is called again"
        ) from error


def _open(target: Path, number: int) -> Run:
    tree = open_tree(target)
    try:
        journal = open_journal(target / FOLDER / str(number) / DATABASE)
    except BaseException:
        tree.close()
        raise
    return Run(tree, journal, (FOLDER, str(number), ASIDE))


def _numbers(tree: Tree) -> list[int]:
    try:
        names = tree.names((FOLDER,))
    except FileNotFoundError:
        return []
    return sorted(int(each) for each in names if each.isascii() and each.isdecimal())
