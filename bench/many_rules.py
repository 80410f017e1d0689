"""Compile and select with 10 patterns and with 4,000, on one image: what a rule costs when there are many.

``python -m bench.many_rules`` (as root the first time, to build the image) runs both in turn, each time in a fresh
process, and prints medians, the ratio (the goal: at most 3) and the peak of memory (the goal: under 400 MiB).
``--patterns 200000 --components 125 --runs 1`` measures another size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.build_rules_image import image_path, rules_image
from bench.rule_files import write_rules

FEW = (10, 2)
PARTS = ("parse", "compile", "select")
ROW = "{:>9} {:>11} {:>8} {:>9} {:>8} {:>9} {:>9} {:>9}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.many_rules", description=__doc__)
    parser.add_argument("--patterns", type=int, default=4000)
    parser.add_argument("--components", type=int, default=125)
    parser.add_argument("--runs", type=int, default=5, help="of each size (%(default)s)")
    parser.add_argument("--measure", type=Path, metavar="RULES", help="one run, told as JSON")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="with --measure: cProfile's")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(_measured(given.measure, given.profile)))
        return
    _compare(given.patterns, given.components, given.runs)


def _compare(patterns: int, components: int, runs: int) -> None:
    """Run few and many rules in turn, so that what else the machine does falls on both."""
    image = rules_image()
    sizes = {FEW[0]: FEW[1], patterns: components}
    files = {size: image.parent / f"{size}.xml" for size in sizes}
    for size, file in files.items():
        write_rules(file, size, sizes[size])
    told: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(runs):
        for size, file in files.items():
            told[size].append(_run(file))
    print(ROW.format("patterns", "components", *PARTS, "total", "MiB", "stored"))
    for size, rows in told.items():
        parts = [f"{median(row[part] for row in rows):.2f}" for part in PARTS]
        total, peak = f"{_total(rows):.2f}", f"{max(row['mib'] for row in rows):.0f}"
        print(ROW.format(size, sizes[size], *parts, total, peak, int(rows[0]["chosen"])))
    print(f"ratio {_total(told[patterns]) / _total(told[FEW[0]]):.2f}")


def _total(rows: list[dict[str, float]]) -> float:
    return median(sum(row[part] for part in PARTS) for row in rows)


def _run(rules: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.many_rules", "--measure", str(rules)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _measured(rules: Path, profile: Path | None) -> dict[str, float]:
    """Time the three steps on the image in this process; opening the image is not counted."""
    from extractor.evaluate.activate import activate
    from extractor.machine import open_machine
    from extractor.rules import load_rules
    from extractor.select import UserSwitches, choices_of, scene_of, select
    from extractor.windows import choose, open_install, survey

    took: dict[str, float] = {}
    with open_machine([image_path()]) as machine:
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        install = open_install(found, choose(found, None).chosen[0])
        scene = scene_of(install)
        choices = choices_of(install, UserSwitches((), (), ""), 0)
        users = [each.user for each in choices if each.selected]
        with _profiled(profile):
            with _timed("parse", took):
                read = load_rules([rules])
            with _timed("compile", took):
                activation = activate(read, scene, users)
            with _timed("select", took):
                rows = [
                    each.chosen
                    for each in select(scene, activation, choices)
                    if hasattr(each, "chosen")
                ]
        peak = _peak_kib() / 1024
    active = len(activation.rules)
    return took | {"mib": peak, "objects": len(rows), "chosen": sum(rows), "active": active}


def _peak_kib() -> int:
    """Return the most memory that this process ever held; ``ru_maxrss`` would count that of its parent too."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@contextmanager
def _timed(part: str, took: dict[str, float]) -> Iterator[None]:
    start = perf_counter()
    yield
    took[part] = perf_counter() - start


@contextmanager
def _profiled(out: Path | None) -> Iterator[None]:
    if out is None:
        yield
        return
    import cProfile

    with cProfile.Profile() as profiler:
        yield
    profiler.dump_stats(out)


if __name__ == "__main__":
    main()
