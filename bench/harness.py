"""A process measured: wall time, CPU time and memory of it and all its children, on memory that is warm.

Memory is warm when the host has backed it. A virtual machine's host takes free memory back within seconds and gives
it again page by page, zeroed: on such a machine the same copy into tmpfs costs three times the CPU, or not, by chance.
So while a tool runs, a *ballast* (``python -m bench.harness``) holds memory that it has touched, and lets go of as much
as the tool takes: Linux gives out first what was freed last. It costs a machine of its own a second before each run.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep

SLICE = 64 << 20
HELD = 7 << 30
"""Bytes of the ballast: more than a tool writes and holds; less when the machine has less than ``KEPT`` besides."""
KEPT = 4 << 30
LOOK = 0.01
SAMPLE = 0.05
PIECE = 1 << 20
KEPT_LINES = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """What a command took: seconds, and MiB of memory."""

    wall: float
    cpu: float
    """User and system time of the process and every child it waited for."""
    peak: float
    """The largest sum of PSS over all its processes at one time: shared pages count once."""
    largest: float
    """Largest resident set of one process, as the kernel counted it."""


class FailedError(Exception):
    """A command ended with a code that is none of its good ones; the text ends with its last words."""


def measure(
    command: Sequence[str | Path],
    inputs: Collection[Path],
    words: Path,
    accepted: Collection[int] = (0,),
) -> Figures:
    """Run a command to its end and return what it took; what it says goes to the file ``words``.

    The files ``inputs`` are in the page cache when it begins. Raises FailedError when its code is not ``accepted``.
    The caller should be small: Linux counts the memory of who starts a process as the process's own largest.
    """
    with words.open("wb") as said, _ballast() as begin:
        for path in inputs:
            _warm(path)
        begin()
        start = perf_counter()
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            with _sampled(running.pid) as peaks:
                _, status, usage = os.wait4(running.pid, 0)
        except BaseException:
            running.kill()
            raise
        wall = perf_counter() - start
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode not in accepted:
        last = words.read_text("utf-8", "replace").splitlines()[-KEPT_LINES:]
        raise FailedError("\n".join([f"{command[0]} ended with {running.returncode}", *last]))
    cpu = usage.ru_utime + usage.ru_stime
    return Figures(wall, cpu, max(peaks) / 1024, usage.ru_maxrss / 1024)


def _warm(path: Path) -> None:
    """Read a file twice: what was read once is the first that Linux drops from the page cache."""
    buffer = bytearray(PIECE)
    for _ in range(2):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


@contextmanager
def _sampled(pid: int) -> Iterator[list[int]]:
    """Give a list that grows by the KiB of a process and its children, taken again and again."""
    peaks, ended = [0], Event()

    def sample() -> None:
        while not ended.wait(SAMPLE):
            peaks.append(sum(_pss(each) for each in _family(pid)))

    sampler = Thread(target=sample)
    sampler.start()
    try:
        yield peaks
    finally:
        ended.set()
        sampler.join()


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all below it; one that has just ended has no children."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in listed.read_text().split():
                yield from _family(int(child))


def _pss(pid: int) -> int:
    """Return the KiB of a process, what it shares with others in parts; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


@contextmanager
def _ballast() -> Iterator[Callable[[], None]]:
    """Hold memory in another process while the context lasts; what is given has it let go as memory is taken."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-m", __name__], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdin
        assert holder.stdout
        told, lines = holder.stdin, holder.stdout
        lines.readline()

        def begin() -> None:
            told.write(b"begin\n")
            told.flush()
            lines.readline()

        try:
            yield begin
        finally:
            holder.terminate()


def _hold() -> None:
    """Take memory, touched, and say so; once told, let go of a slice whenever less is free than there was."""
    held: list[mmap.mmap] = []
    while len(held) * SLICE < HELD and _memory("MemAvailable") > KEPT:
        piece = mmap.mmap(-1, SLICE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        piece.madvise(mmap.MADV_HUGEPAGE)
        for offset in range(0, SLICE, mmap.PAGESIZE):
            piece[offset] = 1
        held.append(piece)
    print("held", flush=True)
    sys.stdin.readline()
    least, owner = _memory("MemFree"), os.getppid()
    print("begun", flush=True)
    while os.getppid() == owner:
        while held and _memory("MemFree") < least:
            held.pop().close()
        sleep(LOOK)


def _memory(name: str) -> int:
    """Return one of the figures of /proc/meminfo, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise OSError(f"/proc/meminfo has no {name}")


if __name__ == "__main__":
    _hold()
