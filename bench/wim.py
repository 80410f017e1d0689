"""A directory captured into a WIM: our writer beside wimcapture; and uncompressed beside a plain copy with SHA-256.

``python -m bench.wim DIRECTORY [--runs 3] [--output FILE]`` runs the tools in turn, A B A B, each in a process of its
own (``bench.harness`` tells how it is measured), the tree in the page cache, and prints medians. What every run wrote
is verified (by wimverify, or against the sizes of the tree); that is not timed. Both writers make the integrity table;
ours takes SHA-256 besides. ``--make`` fills a directory that is not there with mixed content first: copies of this
machine's programs and documentation, and as much that no codec makes smaller.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.harness import FailedError, Figures, measure
from extractor.seams import Piece
from extractor.store.wim.codecs import Compression
from extractor.store.wim.node import DIRECTORY, Image, Node, Parts, Row
from extractor.store.wim.target import DescriptorTarget
from extractor.store.wim.ticket import Ticket
from extractor.store.wim.writer import WimWriter, name_in_metadata

UNDER_WAY = 800
"""Files whose tickets are not asked yet; each has a descriptor of its own here, as in no scan of an image."""
SOURCES = ("/usr/bin", "/usr/share/doc", "/usr/lib/python3")


@dataclass(frozen=True, slots=True)
class Tool:
    """A way to capture a tree; what is divided by what."""

    name: str
    command: Sequence[str | Path]
    peer: str = ""
    """The tool that it is compared with."""
    verified: bool = True
    """True when what it writes is a WIM."""


@dataclass(slots=True)
class Runs:
    """What the runs of one tool took."""

    figures: list[Figures] = field(default_factory=list)
    size: int = 0


def tools(tree: Path, output: Path) -> list[Tool]:
    """Return what is run, in order; each writes ``output``."""
    own: list[str | Path] = [
        sys.executable,
        "-m",
        "bench.wim",
        tree,
        "--output",
        output,
        "--capture",
    ]
    wimlib: list[str | Path] = ["wimcapture", tree, output, "--no-acls", "--check", "--compress"]
    return [
        Tool("wimcapture XPRESS", [*wimlib, "XPRESS"]),
        Tool("ours XPRESS, level 50 too", [*own, "xpress:50"], "wimcapture XPRESS"),
        Tool("ours XPRESS, default", [*own, "xpress:0"], "wimcapture XPRESS"),
        Tool("wimcapture LZX", [*wimlib, "LZX"]),
        Tool("ours LZX, level 50 too", [*own, "lzx:50"], "wimcapture LZX"),
        Tool("ours LZX, default", [*own, "lzx:0"], "wimcapture LZX"),
        Tool("copy with SHA-256", [*own, "copy:0"], verified=False),
        Tool("wimcapture none", [*wimlib, "none"], "copy with SHA-256"),
        Tool("ours none", [*own, "none:0"], "copy with SHA-256"),
    ]


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm/bench.wim"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="tools whose name holds this, and their peers")
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--capture", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.capture:
        codec, level = options.capture.split(":")
        capture(options.tree, options.output, codec, int(level))
        return
    if options.make and not options.tree.exists():
        make(options.tree)
    found = tools(options.tree, options.output)
    wanted = {tool.name for tool in found if options.only in tool.name}
    wanted |= {tool.peer for tool in found if options.only in tool.name}
    chosen = [tool for tool in found if tool.name in wanted]
    compare(chosen, options.tree, options.output, options.runs)


def make(tree: Path) -> None:
    """Fill a directory: programs, texts, and as many bytes that look random."""
    for source in SOURCES:
        copied = tree / Path(source).name
        shutil.copytree(source, copied, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    size = sum(path.stat().st_size for path in files(tree))
    chance = random.Random(1)
    (tree / "photographs").mkdir()
    for number in range(size // (2 << 20)):
        path = tree / "photographs" / f"{number}.jpg"
        path.write_bytes(chance.randbytes(chance.randrange(1 << 20, 3 << 20)))


def files(tree: Path) -> Iterator[Path]:
    """Yield the files of a tree."""
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def compare(chosen: Sequence[Tool], tree: Path, output: Path, runs: int) -> None:
    """Run the tools in turn and print medians, ratios and sizes."""
    inputs = list(files(tree))
    size = sum(path.stat().st_size for path in inputs)
    print(f"{len(inputs)} files, {size} bytes, {runs} runs")
    results = {tool.name: Runs() for tool in chosen}
    for _ in range(runs):
        for tool in chosen:
            output.unlink(missing_ok=True)
            took = measure(tool.command, inputs, Path(f"{output}.log"))
            results[tool.name].figures.append(took)
            results[tool.name].size = output.stat().st_size
            check(tool, output, size)
            print(f"  {tool.name}: {took.wall:.2f} s, CPU {took.cpu:.2f} s", flush=True)
    output.unlink(missing_ok=True)
    print("| tool | wall s | CPU s | peak MiB | bytes | wall ratio | CPU ratio | size ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for tool in chosen:
        print(row(tool, results))


def check(tool: Tool, output: Path, size: int) -> None:
    """Refuse a result that is not whole."""
    if not tool.verified:
        if output.stat().st_size != size:
            raise FailedError(f"{tool.name} did not copy everything")
        return
    subprocess.run(["wimverify", output], check=True, capture_output=True)


def row(tool: Tool, results: dict[str, Runs]) -> str:
    """Return a row of the table."""
    mine, peer = results[tool.name], results.get(tool.peer)
    wall, cpu = (median(getattr(each, name) for each in mine.figures) for name in ("wall", "cpu"))
    peak = max(each.peak for each in mine.figures)
    ratios = "| | |"
    if peer is not None:
        walls, cpus = (
            median(getattr(each, name) for each in peer.figures) for name in ("wall", "cpu")
        )
        ratios = f"{wall / walls:.2f} | {cpu / cpus:.2f} | {mine.size / peer.size:.4f} |"
    return f"| {tool.name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {mine.size} | {ratios}"


def capture(tree: Path, output: Path, codec: str, level: int) -> None:
    """Capture a tree with our writer, or copy it all into one file: in the process that is measured."""
    if codec == "copy":
        copy(tree, output)
        return
    descriptor = os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    target = DescriptorTarget(descriptor)
    with WimWriter(target, compression=Compression(codec), level=level) as writer:
        captured = Capture(writer)
        captured.directory(tree, ())
        captured.settle(0)
        writer.finish([Image("tree", captured.rows)])
    os.close(descriptor)


def copy(tree: Path, output: Path) -> None:
    """Copy every file, 1 MiB at a time, and take its SHA-256: one thread."""
    buffer = memoryview(bytearray(1 << 20))
    with output.open("wb", buffering=0) as target:
        for path in files(tree):
            digest = hashlib.sha256()
            with path.open("rb", buffering=0) as source:
                while count := source.readinto(buffer):
                    digest.update(buffer[:count])
                    target.write(buffer[:count])


class Capture:
    """A tree on its way into a WIM."""

    def __init__(self, writer: WimWriter) -> None:
        self.rows: list[Row] = [((), Node(DIRECTORY))]
        self._writer = writer
        self._waiting: deque[tuple[Ticket, Node, int]] = deque()

    def directory(self, folder: Path, parts: Parts) -> None:
        """Submit what a directory holds."""
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            node = Node(DIRECTORY if entry.is_dir(follow_symlinks=False) else 0x20)
            below = (*parts, entry.name)
            if node.is_directory:
                self.rows.append((below, node))
                self.directory(Path(entry.path), below)
            elif entry.is_file(follow_symlinks=False):
                self.rows.append((below, node))
                self._file(entry.path, node)

    def _file(self, path: str, node: Node) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        size = os.fstat(descriptor).st_size
        ticket = self._writer.submit(Piece(descriptor, 0, size), size)
        self._waiting.append((ticket, node, descriptor))
        if len(self._waiting) > UNDER_WAY:
            self.settle(UNDER_WAY // 2)

    def settle(self, rest: int) -> None:
        """Wait until no more than ``rest`` files are under way."""
        self._writer.hand_on()
        while len(self._waiting) > rest:
            ticket, node, descriptor = self._waiting.popleft()
            node.sha1 = name_in_metadata(ticket.result())
            os.close(descriptor)


if __name__ == "__main__":
    main()
