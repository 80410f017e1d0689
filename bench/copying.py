"""Three profiles copied out of an image: ``coldstate scan`` beside tools that only copy, every byte compared.

``python -m bench.copying DISK.raw … --manifest DISK.manifest --coldstate`` runs the tools in turn, A B A B, each in a
process of its own (``bench.harness`` tells how it is measured), the image in the page cache, the output in memory, and
prints medians. The output of every run is compared with the manifest (``bench.checking``); that is not timed. Peers
copy the content of files; ours copies all streams, hashes them with SHA-256 and writes a catalog. From containers
only tsk_recover is run, where it reads them; what takes minutes is run once.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from bench.harness import FailedError, Figures, measure
from bench.peers import PROFILES

SECTOR = 512
OURS = "coldstate scan"
LIBRARIES = {"pytsk3": "tsk", "pyfsntfs": "fsntfs", "dissect.ntfs": "dissect_ntfs"}
"""Peers that are a program in ``bench.peers``; they are run on raw images."""
RECOVER = "tsk_recover -a"
RECOVERED = {".raw": "raw", ".e01": "ewf", ".vhd": "vhd"}
"""Suffix -> what sleuthkit calls that format."""
PEERS = ("pytsk3", "pyfsntfs", RECOVER, "dissect.ntfs")
RULES = """<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://bench.example/profiles">
  <component type="Documents" context="User"><displayName>Whole profiles</displayName><role role="Data"><rules>
    <include><objectSet><pattern type="File">%CSIDL_PROFILE%\\* [*]</pattern></objectSet></include>
  </rules></role></component>
</migration>
"""
ROW = "{:10} {:15} {:>4} {:>21} {:>7} {:>7} {:>7} {:>19} {:>9} {:>6} {:>6}"
HEAD = (
    "image",
    "tool",
    "runs",
    "wall s (min-max)",
    "CPU s",
    "MiB",
    "one",
    "right/wrong/missing",
    "streams",
)


@dataclass(slots=True)
class Tool:
    """One command on one image, and what its runs took. ``once``: it takes minutes."""

    name: str
    image: Path
    command: Callable[[Path], Sequence[str | Path]]
    """From the folder that it writes to."""
    once: bool = False
    runs: list[Figures] = field(default_factory=list)
    verdicts: set[tuple[int, ...]] = field(default_factory=set)
    """Files right, wrong, missing; streams right, of how many. One, when all runs agree."""

    @property
    def wall(self) -> float:
        return median(figures.wall for figures in self.runs)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.copying", description=__doc__)
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--offset", type=int, default=84934656, help="bytes to the NTFS volume")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), metavar="DIR")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--coldstate", action="store_true", help="run ours too")
    given = parser.parse_args()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("stopped")
    )  # gigabytes of memory are not left behind
    out = given.output / "coldstate-bench"
    out.mkdir()
    try:
        rules = out / "profiles.xml"
        rules.write_text(RULES, "utf-8")
        tools: list[Tool] = []
        for image in given.images:
            some = list(_peers(image, given.offset, given.peers))
            some += [_ours(image, rules)] if given.coldstate else []
            _run_all(some, given.runs, out, given.manifest)
            tools += some
    finally:
        shutil.rmtree(out)
    _print_table([tool for tool in tools if tool.runs])


def _peers(image: Path, offset: int, wanted: Sequence[str]) -> Iterator[Tool]:
    """Yield the peers that can read an image."""
    form = RECOVERED.get(image.suffix.lower())
    for name in wanted:
        if name == RECOVER and form:
            yield _recover(image, form, offset)
        elif name in LIBRARIES and form == "raw":
            yield _library(name, image, offset)


def _library(name: str, image: Path, offset: int) -> Tool:
    program = (sys.executable, "-m", f"bench.peers.{LIBRARIES[name]}", image, str(offset))
    return Tool(name, image, lambda out: (*program, out, *PROFILES), name == "dissect.ntfs")


def _recover(image: Path, form: str, offset: int) -> Tool:
    where = ("-i", form, "-o", str(offset // SECTOR))
    listed = subprocess.run(["fls", *where, image], stdout=subprocess.PIPE, check=True, text=True)
    (users,) = (line for line in listed.stdout.splitlines() if line.endswith("\tUsers"))
    inode = users.split()[1].split("-")[0]
    command = ("tsk_recover", "-a", *where, "-d", inode, image)
    return Tool(RECOVER, image, lambda out: (*command, out / "Users"), form == "vhd")


def _ours(image: Path, rules: Path) -> Tool:
    program = (Path(sys.executable).with_name("coldstate"), "scan", image, "--rules", rules)
    flags = ("--nocompress", "--continue", "--progress", "none")
    return Tool(
        OURS,
        image,
        lambda out: (*program, *flags, "--store", out, "--log", out.parent / "scan.log"),
    )


def _run_all(tools: Sequence[Tool], runs: int, out: Path, manifest: Path) -> None:
    """Run the tools of one image in turn; one that fails is said to and is not run again."""
    failed: set[str] = set()
    for number in range(runs):
        for tool in tools:
            if tool.name in failed or (number and tool.once):
                continue
            try:
                _run(tool, out, manifest)
            except FailedError as error:
                failed.add(tool.name)
                tool.runs.clear()
                print(f"{tool.name} on {tool.image}: {error}", file=sys.stderr)


def _run(tool: Tool, out: Path, manifest: Path) -> None:
    """Run a tool once, note what it took, and compare what it wrote."""
    written = out / "written"
    written.mkdir()
    try:
        accepted = (0, 3) if tool.name == OURS else (0,)
        figures = measure(tool.command(written), _segments(tool.image), out / "words", accepted)
        # In a process of its own: this one has to stay small (``measure``).
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            verdict, examples = apart.submit(_checked, tool.name, written, manifest).result()
    finally:
        shutil.rmtree(written)
    if verdict not in tool.verdicts and examples:
        print(f"{tool.name}:", "; ".join(examples), file=sys.stderr)
    tool.runs.append(figures)
    tool.verdicts.add(verdict)
    print(
        f"{tool.name}: {figures.wall:.1f} s, CPU {figures.cpu:.1f} s", file=sys.stderr, flush=True
    )


def _checked(name: str, written: Path, manifest: Path) -> tuple[tuple[int, ...], list[str]]:
    from bench.checking import check_folder, check_store

    found = (check_store if name == OURS else check_folder)(written, manifest)
    files = (found.right, found.wrong, found.missing)
    return (*files, found.streams_right, found.streams), found.examples


def _segments(image: Path) -> list[Path]:
    """Return the files of an image: a set of E01 has several."""
    if image.suffix.lower() == ".e01":
        return sorted(image.parent.glob(f"{image.stem}.[Ee]??"))
    return [image]


def _print_table(tools: Sequence[Tool]) -> None:
    """Print a row for each tool; ratios are of wall medians: to the image's fastest peer, to ours on the first."""
    print(ROW.format(*HEAD, "/peer", "/first"))
    ours = [tool for tool in tools if tool.name == OURS]
    for tool in tools:
        peers = [each.wall for each in tools if each.image == tool.image and each.name != OURS]
        first = f"{tool.wall / ours[0].wall:.2f}" if tool in ours else ""
        ratio = f"{tool.wall / min(peers):.2f}" if peers else ""
        print(ROW.format(*_words(tool), ratio, first))


def _words(tool: Tool) -> tuple[str, ...]:
    walls = [figures.wall for figures in tool.runs]
    verdicts = sorted(tool.verdicts)
    return (
        tool.image.name,
        tool.name,
        str(len(walls)),
        f"{tool.wall:.2f} ({min(walls):.2f}-{max(walls):.2f})",
        f"{median(figures.cpu for figures in tool.runs):.2f}",
        f"{max(figures.peak for figures in tool.runs):.0f}",
        f"{max(figures.largest for figures in tool.runs):.0f}",
        " or ".join("/".join(map(str, verdict[:3])) for verdict in verdicts),
        " or ".join("/".join(map(str, verdict[3:])) for verdict in verdicts),
    )


if __name__ == "__main__":
    main()
