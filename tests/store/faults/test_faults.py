"""Whatever call fails, stops short or is the last: no wrong store has the final name, and going on ends the same.

The suite tries a sample of the calls; ``python -m bench.faults`` tries them all.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.conftest import need_tool
from tests.store.faults.engine import Outcome, Trial
from tests.store.faults.plan import Action
from tests.store.faults.trials import Crowd, every_trial, random_trials

SEED = 11
LAST = 14
"""Calls at the end of a run that are all killed at: there the store gets its name."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """A process that has everything imported and forks for each trial."""
    need_tool("cc")
    with Crowd(tmp_path_factory.mktemp("faults")) as found:
        yield found


def problems(crowd: Crowd, trials: Sequence[Trial]) -> list[tuple[Trial, str]]:
    return [(trial, found.problem) for trial, found in crowd.outcomes(trials) if found.problem]


def sample(kind: str, base: Outcome, count: int, *, eager: bool) -> list[Trial]:
    return Random(SEED).sample(every_trial(kind, base, eager=eager), count)


@pytest.mark.parametrize("eager", [False, True], ids=["", "eager"])
@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("directory", 50),
        ("replacing", 20),
        ("resuming", 25),
        ("wim", 25),
        ("resuming-wim", 12),
        ("hired", 4),
    ],
)
def test_a_fault_at_any_call_leaves_no_wrong_store_and_a_run_goes_on(
    kind: str, count: int, eager: bool, crowd: Crowd
) -> None:
    base = crowd.base(kind, eager=eager)
    assert problems(crowd, sample(kind, base, count, eager=eager)) == []


def test_a_fault_at_any_call_leaves_no_wrong_sealed_store(crowd: Crowd) -> None:
    base = crowd.base("sealed")
    trials = [
        each for each in sample("sealed", base, 30, eager=False) if each.action != Action.FAIL
    ]
    assert problems(crowd, trials) == []


def test_a_write_that_fails_once_leaves_no_wrong_sealed_store(crowd: Crowd) -> None:
    base = crowd.base("sealed")
    trials = [
        Trial("sealed", "", Action.FAIL, at, errno.ENOSPC, expected=base.digest)
        for at, kind in enumerate(base.kinds, 1)
        if kind == "w"
    ]
    assert problems(crowd, trials) == []


@pytest.mark.parametrize("kind", ["directory", "wim"])
def test_killed_at_any_of_its_last_calls_a_run_goes_on(kind: str, crowd: Crowd) -> None:
    base = crowd.base(kind)
    calls = len(base.kinds)
    trials = [
        Trial(kind, "", Action.KILL, at, expected=base.digest)
        for at in range(calls - LAST, calls + 1)
    ]
    outcomes = [outcome for _, outcome in crowd.outcomes(trials)]
    assert [each.problem for each in outcomes if each.problem] == []
    assert all(each.end == "killed" for each in outcomes[:-1])
    assert not any(each.final for each in outcomes[:-2])
    assert all(each.goes_on for each in outcomes[:-2])


@pytest.mark.parametrize("kind", ["scan", "scan-wim"])
def test_a_scan_killed_at_random_moments_ends_with_the_same_manifest(
    kind: str, crowd: Crowd
) -> None:
    trials = random_trials(kind, crowd.base(kind), 3, Random(SEED))
    assert problems(crowd, trials) == []


@pytest.mark.parametrize("action", [Action.SHORT, Action.SHORT_ON])
def test_short_writes_are_carried_on_with(action: Action, crowd: Crowd) -> None:
    base = crowd.base("directory")
    trials = [
        each
        for each in every_trial("directory", base, eager=False)
        if each.action == action and each.at % 12 == 0
    ]
    outcomes = [outcome for _, outcome in crowd.outcomes(trials)]
    assert [each.problem for each in outcomes if each.problem] == []
    assert {each.end for each in outcomes} == {"done"}


def test_a_fault_is_seen_when_a_store_is_wrong(crowd: Crowd, tmp_path: Path) -> None:
    """The trials can fail: another manifest is a problem."""
    base = crowd.base("directory")
    trial = replace(Trial("directory", str(tmp_path)), expected="0" * len(base.digest))
    [(_, outcome)] = crowd.outcomes([trial])
    assert outcome.problem == "its manifest is another"
