"""A store of many small files into an NTFS volume: our restore beside wimapply.

``python -m bench.restoring [--files 10000] [--runs 3]``, as root, makes a small Windows with so many files, scans it
into a store with a WIM, and then restores in turn, each in a process of its own (``bench.harness``): ours into a disk
image with another Windows, which plans, journals every step for an undo, hashes what it writes, and maps users;
wimapply onto a volume that ntfs-3g has mounted, as ours does it, and straight into the volume through libntfs-3g. What
came is counted by our reader.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.harness import FailedError, Figures, measure
from extractor.filesystems import walk
from sample_images.ntfs import _mounted
from tests.journeys.applied import opened as volumes_of
from tests.restore.windows_target import windows_disk, windows_volume

MIB = 600
FOLDER = "Users/robert/Documents/many"
IN_ONE = 100
"""Files in a folder."""


@dataclass(slots=True)
class Tool:
    """A way to restore: what is made ready, what is timed."""

    name: str
    ready: Callable[[], None]
    command: Sequence[str | Path]
    volume: Path
    runs: list[Figures] = field(default_factory=list)


def main() -> None:
    """Run all in turn and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="restoring-") as name:
        folder = Path(name)
        store = _store(folder, asked.files)
        tools = _tools(folder, store)
        for _ in range(asked.runs):
            for tool in tools:
                _run(tool, folder, store, asked.files)
        for tool in tools:
            wall = median(each.wall for each in tool.runs)
            cpu = median(each.cpu for each in tool.runs)
            print(
                f"{tool.name:45} {wall:6.2f} s wall  {cpu:6.2f} s CPU  {asked.files / wall:7.0f} files/s"
            )


def _store(folder: Path, files: int) -> Path:
    """Scan a Windows with so many files of 2 to 16 KB; return the store."""
    source, store = folder / "source.raw", folder / "store"
    windows_volume(source, MIB)
    with _mounted(source) as root:
        for number in range(files):
            place = root / FOLDER / f"folder {number // IN_ONE}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"file {number}.txt").write_bytes(os.urandom(2000 + number % IN_ONE * 137))
    scan = ["scan", str(source), "--store", str(store), "--progress", "none", "--continue"]
    command = [sys.executable, "-m", "extractor", *scan]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return store


def _tools(folder: Path, store: Path) -> list[Tool]:
    empty, disk, volume, mounted = (
        folder / each for each in ("empty.raw", "disk.raw", "peer.raw", "m")
    )
    windows_disk(empty, MIB)
    mounted.mkdir()
    wim = store / "USMT" / "store.wim"

    def copy() -> None:
        subprocess.run(["cp", "--sparse=always", str(empty), str(disk)], check=True)

    def make() -> None:
        with volume.open("wb") as file:
            file.truncate(MIB << 20)
        subprocess.run(["mkntfs", "-Q", "-F", "-q", volume], check=True, capture_output=True)

    mount = f'ntfs-3g -o big_writes,noatime "{volume}" "{mounted}"'
    onto = f'{mount} && wimapply --quiet "{wim}" 1 "{mounted}"; umount "{mounted}"'
    ours: list[str | Path] = [sys.executable, "-m", "extractor", "restore", store, "--to", disk]
    return [
        Tool("coldstate restore", copy, ours, disk),
        Tool("wimapply onto a mounted volume", make, ["sh", "-c", onto], volume),
        Tool("wimapply into the volume", make, ["wimapply", "--quiet", wim, "1", volume], volume),
    ]


def _run(tool: Tool, folder: Path, store: Path, files: int) -> None:
    tool.ready()
    wim = store / "USMT" / "store.wim"
    tool.runs.append(measure(tool.command, [wim, tool.volume], folder / "words"))
    with volumes_of(tool.volume) as found:
        ((_, filesystem),) = found.values()
        paths = (filesystem.path(each) for each in walk(filesystem, filesystem.root))
        count = sum(1 for path in paths if "many" in path and path[-1].startswith("file "))
    if count != files:
        raise FailedError(f"{tool.name}: {count} files instead of {files}")


if __name__ == "__main__":
    main()
