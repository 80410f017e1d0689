"""Every way to disturb a run, as Trials; ``Crowd`` carries them out, several at a time."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Self

from tests.store.faults.engine import Engine, Outcome, Trial
from tests.store.faults.plan import HALVED, Action, build_library
from tests.store.faults.runs import HIRED

WAYS = (
    (Action.KILL, 0),
    (Action.TORN, 0),
    (Action.FAIL, errno.ENOSPC),
    (Action.FAIL_ON, errno.ENOSPC),
    (Action.FAIL, errno.EIO),
    (Action.FAIL_ON, errno.EIO),
    (Action.SHORT, 0),
    (Action.SHORT_ON, 0),
    (Action.INTERRUPT, 0),
)
BEYOND = 2
"""Calls behind the last one that are tried: with several threads or processes a run may have a few more."""


def every_trial(kind: str, base: Outcome, *, eager: bool) -> list[Trial]:
    """Return a trial for every call of an undisturbed run and every way."""
    ways = WAYS if kind != HIRED else ((Action.KILL_ALL, 0), *WAYS)
    return [
        Trial(kind, "", action, at, code, eager, expected=base.digest)
        for action, code in ways
        for at in range(1, len(base.kinds) + BEYOND + 1)
        if action not in {Action.SHORT, Action.TORN} or base.kinds[at - 1 : at] in HALVED
    ]


def random_trials(kind: str, base: Outcome, count: int, chance: Random) -> list[Trial]:
    """Return trials that are killed up to three times at random moments; half have a checkpoint after every object."""
    return [
        Trial(
            kind, "", Action.KILL, eager=bool(number % 2), expected=base.digest,
            moments=[chance.uniform(0, 1.2 * base.seconds) for _ in range(chance.randint(1, 3))],
        )
        for number in range(count)
    ]  # fmt: skip


class Crowd:
    """Some engines; a context manager. Stores are made in ``folder``, and removed when nothing is wrong with them."""

    def __init__(self, folder: Path, engines: int = 1) -> None:
        library = build_library(folder)
        self._folder = folder
        self._stack = ExitStack()
        self._serial = 0
        self._bases: dict[tuple[str, bool], Outcome] = {}
        self._size = engines
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for number in range(engines):
            self._free.put(self._stack.enter_context(Engine(library, folder / f"state-{number}")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def base(self, kind: str, *, eager: bool = False) -> Outcome:
        """Return an undisturbed run; the first one of each engine has it import what it needs."""
        found = self._bases.get((kind, eager))
        if found is None:
            for _ in range(self._size):
                self._carry_out(self._placed(Trial(kind, "")))
            found = self._carry_out(self._placed(Trial(kind, "", eager=eager)))
            if found.problem:
                raise AssertionError(f"an undisturbed run: {found.problem}")
            self._bases[kind, eager] = found
        return found

    def outcomes(self, trials: Iterable[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Carry out trials and yield what became of each, in order."""
        placed: Sequence[Trial] = [self._placed(each) for each in trials]
        with ThreadPoolExecutor(self._size) as pool:
            yield from zip(placed, pool.map(self._carry_out, placed), strict=True)

    def _placed(self, trial: Trial) -> Trial:
        self._serial += 1
        return replace(trial, place=str(self._folder / str(self._serial)))

    def _carry_out(self, trial: Trial) -> Outcome:
        engine = self._free.get()
        try:
            outcome = engine.run(trial)
        finally:
            self._free.put(engine)
        if not outcome.problem:
            shutil.rmtree(trial.place, ignore_errors=True)
        return outcome
