r"""Compressed stores beside wimcapture, in one run on one disk: ``python -m bench.compressed DISK.raw --offset BYTES``.

As root: wimlib reads the NTFS volume itself, through a loop device, and takes the users only; ours scans the same disk
with rules for whole profiles. What ours does besides (finding Windows and users, rules, SHA-256 of everything, catalog,
manifest, custody) is in its time. Tools run in turn, the disk in the page cache, the output in memory; each WIM is
proved by ``wimverify``. The tools and what they are held against are in ``TOOLS``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from bench.copying import RULES
from bench.harness import Figures, measure

NTFS_OFFSET = 84_934_656
"""Where the volume of the benchmark disk begins, in bytes."""
ONLY_USERS = """[ExclusionList]
\\*
[ExclusionException]
\\Users
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A way to make a store: the words for ``coldstate scan``, or for wimcapture when they begin with --compress."""

    name: str
    words: tuple[str, ...]
    peer: str
    goal: float

    @property
    def is_ours(self) -> bool:
        """True for coldstate."""
        return not self.words[0].startswith("--compress=")


TOOLS = (
    Tool("wimcapture XPRESS", ("--compress=XPRESS",), "", 0),
    Tool("wimcapture LZX", ("--compress=LZX",), "", 0),
    Tool("/nocompress", ("--nocompress",), "", 0),
    Tool("default", ("--compression", "xpress"), "wimcapture XPRESS", 0.3),
    Tool("lzx", ("--compression", "lzx"), "wimcapture LZX", 0.8),
    Tool("none", ("--compression", "none"), "/nocompress", 1.1),
)


@dataclass(slots=True)
class Runs:
    """What the runs of a tool took, and the bytes of its store."""

    figures: list[Figures] = field(default_factory=list)
    size: int = 0

    @property
    def wall(self) -> float:
        """Median, in seconds."""
        return median(each.wall for each in self.figures)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--offset", type=int, default=NTFS_OFFSET)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[tool.name for tool in TOOLS])
    given = parser.parse_args()
    chosen = [tool for tool in TOOLS if tool.name in given.only]
    results = {tool.name: Runs() for tool in chosen}
    out = Path(mkdtemp(prefix="compressed-", dir="/dev/shm"))
    try:
        with _loop(given.image, given.offset) as device:
            for _ in range(given.runs):
                for tool in chosen:
                    _run(tool, given.image, device, out, results[tool.name])
    finally:
        shutil.rmtree(out)
    _print(chosen, results)


@contextmanager
def _loop(image: Path, offset: int) -> Iterator[str]:
    command = ("losetup", "--find", "--show", "--read-only", "--offset", str(offset), image)
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(("losetup", "--detach", device), check=True)


def _run(tool: Tool, image: Path, device: str, out: Path, runs: Runs) -> None:
    for each in out.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    if tool.is_ours:
        rules = out / "rules.xml"
        rules.write_text(RULES, "utf-8")
        program = Path(sys.executable).with_name("coldstate")
        command: list[str | Path] = [
            program,
            "scan",
            image,
            "--rules",
            rules,
            "--store",
            out / "store",
            *tool.words,
        ]
        command += ["--continue", "--progress", "none", "--log", out / "scan.log"]
        took = measure(command, [image], out / "words", accepted=(0, 3))
        wim = out / "store/USMT/store.wim"
    else:
        config, wim = out / "config.ini", out / "peer.wim"
        config.write_text(ONLY_USERS, "utf-8")
        command = ["wimcapture", device, wim, f"--config={config}", "--check", *tool.words]
        took = measure(command, [image], out / "words")
    runs.figures.append(took)
    if wim.exists():
        subprocess.run(("wimverify", wim), check=True, capture_output=True)
    runs.size = sum(path.stat().st_size for path in (out / "store", wim) for path in _files(path))
    print(
        f"  {tool.name}: {took.wall:.1f} s, CPU {took.cpu:.1f} s, {took.peak:.0f} MiB", flush=True
    )


def _files(path: Path) -> Iterator[Path]:
    if path.is_file() and path.name == "peer.wim":
        yield path
    for each in path.rglob("*") if path.is_dir() else ():
        if each.is_file() and (each.suffix == ".wim" or "USMT/File" in str(each)):
            yield each


def _print(chosen: list[Tool], results: dict[str, Runs]) -> None:
    print(
        f"{'tool':20}{'wall s':>9}{'CPU s':>9}{'MiB':>7}{'bytes':>14}{'/peer':>8}{'size/peer':>11}{'goal':>6}"
    )
    for tool in chosen:
        runs = results[tool.name]
        last, peer = runs.figures[-1], results.get(tool.peer)
        line = f"{tool.name:20}{runs.wall:9.1f}{last.cpu:9.1f}{last.peak:7.0f}{runs.size:14}"
        if peer:
            line += f"{runs.wall / peer.wall:8.2f}{runs.size / peer.size:11.4f}{tool.goal:6.2f}"
        print(line)


if __name__ == "__main__":
    main()
