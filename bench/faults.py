"""Faults on purpose, counted: death, full and failing disks, short writes at every call; kills at any moment; flips.

``python -m bench.faults [--trials 300] [--flips 10000] [--every 1] [--scan-every 40] [--kinds KIND,…]`` prints a table
for each part and ends with 1 when anything does not hold. ``tests/store/faults`` tells what is tried and how. Trials
are made in ``--folder``, best a file system in memory; the stores with which something is wrong stay there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from time import perf_counter

from tests.store.build import selections, store_all
from tests.store.faults.engine import Outcome, Trial
from tests.store.faults.flips import KINDS, flips, is_whole, sealed_with_passphrase
from tests.store.faults.plan import Action, in_words
from tests.store.faults.runs import HIRED, REPLACING, SCANS, SEALED, STORES, VOLUME
from tests.store.faults.trials import Crowd, every_trial, random_trials

SHOWN = 10
HIRED_STEP = 8
"""A run that starts processes takes ten times as long as one that does not: of its calls, every eighth."""
EAGER_STEP = 3
"""A checkpoint after every object makes the same calls again and again: every third, but each is killed at."""
ONCE = frozenset({SEALED, REPLACING})
"""Kinds that are not tried with such checkpoints: they have none, or the same as others."""
ENDS = ("killed", "done", "72", "27", "2")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("--trials", type=int, default=300, help="scans killed at random moments")
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1, help="of the calls, take one in so many")
    parser.add_argument("--scan-every", type=int, default=40, help="the same, of whole scans")
    parser.add_argument("--kinds", default=",".join(STORES), help="stores to try at each call")
    parser.add_argument("--engines", type=int, default=2, help="trials at one time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    chance = Random(given.seed)
    kinds = [each for each in given.kinds.split(",") if each]
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=given.folder))
    wrong = 0
    with Crowd(folder, given.engines) as crowd:
        for kind in kinds if given.every else ():
            for eager in (False,) if kind in ONCE else (False, True):
                wrong += at_each_call(crowd, kind, given.every, chance, eager=eager)
        for kind in SCANS if given.trials or given.scan_every else ():
            wrong += scans(crowd, kind, given.scan_every, given.trials // len(SCANS), chance)
    if given.flips:
        wrong += flipped(folder, given.flips, chance)
    sys.exit(1 if wrong else 0)


def at_each_call(crowd: Crowd, kind: str, every: int, chance: Random, *, eager: bool) -> int:
    """Disturb a run at its calls in every way; return how many trials show something wrong."""
    base = crowd.base(kind, eager=eager)
    step = every * (HIRED_STEP if kind == HIRED else EAGER_STEP if eager else 1)
    trials = _some(every_trial(kind, base, eager=eager), step, chance, all_kills=kind != HIRED)
    tried = f"one in {step} is tried" + (", and each is killed at" if kind != HIRED else "")
    print(f"\n{kind}{', a checkpoint after every object' if eager else ''}:", end=" ")
    print(f"{len(base.kinds)} calls ({in_words(base.kinds)}); {tried}")
    return _table(crowd.outcomes(trials))


def scans(crowd: Crowd, kind: str, every: int, count: int, chance: Random) -> int:
    """Kill whole scans at random moments and at some of their calls; return how many show something wrong."""
    wrong = 0
    base = crowd.base(kind)
    if every:
        print(
            f"\n{kind}: {len(base.kinds)} calls ({in_words(base.kinds)}); one in {every} is tried"
        )
        wrong += _table(crowd.outcomes(_some(every_trial(kind, base, eager=False), every, chance)))
    if not count:
        return wrong
    print(f"\n{kind}, killed at random moments of its {base.seconds:.1f} s:", end=" ")
    found = list(crowd.outcomes(random_trials(kind, base, count, chance)))
    kills = sum(outcome.kills for _, outcome in found)
    resumed = sum(outcome.goes_on for _, outcome in found)
    wrong += len(problems := [each for each in found if each[1].problem])
    print(
        f"{len(found)} trials, {kills} kills; {kills} of {kills} taken as incomplete"
        * (not problems)
    )
    print(f"{resumed} went on with what was there, {len(found) - len(problems)} ended the same")
    _show(problems)
    return wrong


def _some(
    trials: Sequence[Trial], step: int, chance: Random, *, all_kills: bool = False
) -> list[Trial]:
    first = chance.randrange(step)
    return [
        each
        for number, each in enumerate(trials)
        if number % step == first or (all_kills and each.action == Action.KILL)
    ]


def _table(found: Iterable[tuple[Trial, Outcome]]) -> int:
    """Print how runs ended, by the way they were disturbed; return how many show something wrong."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    problems = []
    start = perf_counter()
    for trial, outcome in found:
        row = rows[_way(trial)]
        row["trials"] += 1
        row[outcome.end] += 1
        row["final"] += outcome.final
        row["goes on"] += outcome.goes_on and not outcome.final
        if outcome.problem:
            row["wrong"] += 1
            problems.append((trial, outcome))
    columns = ("trials", *ENDS, "final", "goes on", "wrong")
    print("| way | " + " | ".join(columns) + " |")
    print("|---|" + "--:|" * len(columns))
    for way, row in rows.items():
        print(f"| {way} | " + " | ".join(str(row[each]) for each in columns) + " |")
    print(f"{sum(row['trials'] for row in rows.values())} trials in {perf_counter() - start:.0f} s")
    _show(problems)
    return len(problems)


def _way(trial: Trial) -> str:
    name = Action(trial.action).name.lower().replace("_", " ")
    return f"{name} {_ERRORS[trial.code]}".strip()


_ERRORS = {0: "", 5: "EIO", 28: "ENOSPC"}


def _show(problems: Sequence[tuple[Trial, Outcome]]) -> None:
    for trial, outcome in problems[:SHOWN]:
        print(
            f"  WRONG: {trial.kind}, {_way(trial)} at {trial.at} {trial.moments}: {outcome.problem}"
        )
    sys.stdout.flush()


def flipped(folder: Path, count: int, chance: Random) -> int:
    """Flip bits of stores of every kind; return how many are not found or not named."""
    print("\n| store | files | flips | found | named | s |\n|---|--:|--:|--:|--:|--:|")
    wrong = 0
    for kind in KINDS:
        place = folder / f"flips-{kind}"
        make = sealed_with_passphrase if kind == "sealed" else STORES[kind]
        with make(place) as store:
            store_all(store, VOLUME, selections(VOLUME))
        start = perf_counter()
        found = list(
            flips(place, count // len(KINDS) + (kind == KINDS[0]) * (count % len(KINDS)), chance)
        )
        took = perf_counter() - start
        files = len({each.file for each in found})
        seen, named = sum(each.found for each in found), sum(each.named for each in found)
        print(f"| {kind} | {files} | {len(found)} | {seen} | {named} | {took:.0f} |")
        wrong += sum(not (each.found and each.named) for each in found) + (not is_whole(place))
        for each in [each for each in found if not (each.found and each.named)][:SHOWN]:
            print(f"  WRONG: byte {each.byte} of {each.file}: {each.said!r}")
    return wrong


if __name__ == "__main__":
    main()
