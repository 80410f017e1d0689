"""A process that has everything imported, and forks for each trial: ``Engine`` starts it and asks it.

``python -m tests.store.faults.engine STATE`` reads a Trial a line from stdin and answers with an Outcome a line.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.conftest import ROOT
from tests.store.faults import runs
from tests.store.faults.plan import VARIABLE, Action, State, shared_state

PATIENCE = 60
"""Seconds after which a trial hangs."""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: processes whose parent was killed become ours, so that we can wait for their end."""


@dataclass(frozen=True)
class Trial:
    """A run that is disturbed: at one call, or by SIGKILL each of ``moments`` (seconds) after its catalog was made."""

    kind: str
    place: str
    action: int = Action.COUNT
    at: int = 0
    code: int = 0
    eager: bool = False
    moments: Sequence[float] = ()
    expected: str = ""
    """SHA-256 of the manifest of a run that nothing disturbed; nothing for that run itself."""


@dataclass
class Outcome:
    """What became of a trial."""

    end: str = ""
    """How the disturbed run ended: done, killed, an exit code, traceback or hang."""
    said: str = ""
    kinds: str = ""
    """A letter for each call that counted."""
    fired: bool = False
    kills: int = 0
    final: bool = False
    """True when a store had its final name after that."""
    goes_on: bool = False
    """True when there was something to go on with."""
    digest: str = ""
    seconds: float = 0
    """From the making of the catalog to the end."""
    problem: str = ""
    """What does not hold, in a sentence."""


@dataclass
class Ended:
    """How a child ended, and what it answered."""

    how: str
    said: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0


class Engine:
    """The process, started; a context manager. ``library`` is ``fault.c``, compiled."""

    def __init__(self, library: Path, state: Path) -> None:
        shared_state(state)
        environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            VARIABLE: str(state),
            "TMPDIR": str(state.parent),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.faults.engine", state],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()

    def run(self, trial: Trial) -> Outcome:
        """Carry out a trial and return what became of it."""
        ask, answers = self._process.stdin, self._process.stdout
        if not ask or not answers:
            raise RuntimeError("the engine has no pipes")
        ask.write(json.dumps(asdict(trial)) + "\n")
        ask.flush()
        line = answers.readline()
        if not line:
            raise RuntimeError("the engine ended")
        return Outcome(**json.loads(line))


def serve(state: State) -> None:
    """Answer until nothing more is asked."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    state.lazy = 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(_tried(Trial(**json.loads(line)), state))) + "\n")
        sys.stdout.flush()


def _tried(trial: Trial, state: State) -> Outcome:
    outcome = Outcome()
    try:
        if trial.moments:
            _kill_at_moments(trial, outcome)
        else:
            _disturb(trial, state, outcome)
        _judge(trial, outcome)
    except AssertionError as error:
        outcome.problem = str(error)
    return outcome


def _disturb(trial: Trial, state: State, outcome: Outcome) -> None:
    """Run with the plan, and take what it may end with."""
    place = Path(trial.place)

    def work() -> dict[str, Any]:
        runs.prepare(trial.kind, place)
        state.arm(place, Action(trial.action), trial.at, trial.code)
        runs.run(trial.kind, place, resume=False, eager=trial.eager)
        return {"modules": sorted(sys.modules)} if trial.action == Action.COUNT else {}

    ended = _forked(work, place)
    outcome.seconds = ended.seconds
    outcome.kinds, outcome.fired = state.disarm(), bool(state.fired) or ended.how == "killed"
    outcome.end, outcome.said = ended.how, ended.said
    for name in ended.answer.get("modules", ()):  # the next one need not import it
        with suppress(Exception):
            importlib.import_module(name)
    allowed = {"done", "72", "27"}
    if trial.action in {Action.KILL, Action.KILL_ALL, Action.TORN}:
        allowed.add("killed")
    if trial.action == Action.INTERRUPT:
        allowed.add("2")
    assert ended.how in allowed, f"it ended with {ended.how}: {ended.said}"
    if trial.kind == runs.REPLACING and ended.how.isdigit() and trial.action != Action.FAIL_ON:
        assert runs.has_older(place) or runs.is_final(place), "the older store is not in its place"


def _kill_at_moments(trial: Trial, outcome: Outcome) -> None:
    """Kill the run, and each that goes on with it, until the moments are over or a store is there."""
    place = Path(trial.place)
    for moment in trial.moments:
        work = _running(trial, place)
        ended = _forked(work, place, moment)
        outcome.end, outcome.said = ended.how, ended.said
        outcome.fired = ended.how == "killed"
        assert ended.how in {"killed", "done"}, f"it ended with {ended.how}: {ended.said}"
        if runs.is_final(place):
            return
        outcome.kills += 1
        outcome.goes_on |= runs.goes_on(place)
        if place.exists():
            runs.check_incomplete(place)


def _running(trial: Trial, place: Path) -> Callable[[], dict[str, Any]]:
    def work() -> dict[str, Any]:
        runs.run(trial.kind, place, resume=trial.kind != runs.SEALED, eager=trial.eager)
        return {}

    return work


def _judge(trial: Trial, outcome: Outcome) -> None:
    """Look at what is there, go on with it in a process that nothing disturbs, and look at that."""
    place = Path(trial.place)
    outcome.final, outcome.goes_on = runs.is_final(place), outcome.goes_on | runs.goes_on(place)

    def work() -> dict[str, Any]:
        if not outcome.final:
            if place.exists():
                runs.check_incomplete(place)
            kind = "directory" if trial.kind == runs.HIRED and trial.at % 4 else trial.kind
            runs.run(kind, place, resume=True, eager=False)
        digest = runs.manifest_digest(place)
        if not (outcome.final and outcome.fired):  # then its end came when it had still to tidy up
            runs.check_names(place)
        return {"digest": digest}

    ended = _forked(work, place)
    assert ended.how == "done", f"going on ended with {ended.how}: {ended.said}"
    outcome.digest = str(ended.answer["digest"])
    if trial.expected:
        assert outcome.digest == trial.expected, "its manifest is another"


def _forked(work: Callable[[], dict[str, Any]], place: Path, moment: float = PATIENCE) -> Ended:
    """Do something in a process of its own, which is killed at a moment; all that it started has ended too."""
    ours, theirs = os.pipe()
    before = _catalog(place)
    child = os.fork()
    if not child:
        _answer(work, theirs)
    os.close(theirs)
    _await(ours, lambda: _catalog(place) != before)
    began = time.monotonic()
    answer = _all_of(ours, moment)
    seconds = time.monotonic() - began
    os.close(ours)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    orphans = _orphans()
    if not answer:
        late = answer is None and moment >= PATIENCE
        ended = Ended("hang" if late else "killed", f"status {status}")
    else:
        ended = Ended(**json.loads(answer))
    if orphans:
        ended = Ended("hang", "a process that was hired does not end")
    ended.seconds = seconds
    return ended


def _catalog(place: Path) -> tuple[int, int] | None:
    """Return what tells one catalog in the making from another."""
    try:
        found = (place / "USMT.incomplete/open-catalog/catalog.sqlite").stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def _await(pipe: int, seen: Callable[[], bool]) -> None:
    """Wait until something is seen, or there is something in the pipe."""
    end = time.monotonic() + PATIENCE
    while not seen() and time.monotonic() < end:
        if select.select([pipe], [], [], 0.001)[0]:
            return


def _answer(work: Callable[[], dict[str, Any]], pipe: int) -> None:
    """Work, tell of the end, and end: in the child."""
    said = os.memfd_create("said")
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in enumerate((nothing, said, said)):
        os.dup2(target, number)
    try:
        ended = Ended("done", answer=work())
    except KeyboardInterrupt:
        ended = Ended("2", "KeyboardInterrupt")
    except AssertionError as error:
        ended = Ended("wrong", str(error))
    except BaseException as error:  # noqa: BLE001  (it is told)
        code = getattr(error, "exit_code", None)
        ended = Ended(str(code or "traceback"), str(error) if code else traceback.format_exc())
    with suppress(OSError):
        sys.stderr.flush()
        ended.said += os.pread(said, 4000, 0).decode("utf-8", "replace")
    with os.fdopen(pipe, "w") as file:
        json.dump(asdict(ended), file)
    os._exit(0)


def _all_of(pipe: int, seconds: float) -> bytes | None:
    """Return what is written into a pipe until it is closed; None when that takes too long."""
    end = time.monotonic() + seconds
    found = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0, end - time.monotonic()))
        if not ready:
            return None
        block = os.read(pipe, 1 << 16)
        if not block:
            return found
        found += block


def _orphans() -> bool:
    """Wait for processes whose parent is gone; tell whether one does not end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.002)
        except ChildProcessError:
            return False
    return True


if __name__ == "__main__":
    serve(shared_state(Path(sys.argv[1])))
