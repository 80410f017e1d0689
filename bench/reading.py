"""A whole disk read from end to end, going nowhere: ours beside cat, dissect and QEMU, on raw, VHD and VHDX.

``python -m bench.reading IMAGE…`` times the readers in turn, each in a process of its own, the image in the page
cache. ``cat`` reads the file and not the disk in it: what the host can do. E01 has ``bench.ewf``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench.harness import Figures, measure

KIB = 1 << 10
QEMU = {".raw": "raw", ".vhd": "vpc", ".vhdx": "vhdx"}
PIECE = 1 << 20
ROW = "{:12} {:18} {:>21} {:>7} {:>6}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="bench.reading", description=__doc__)
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--read", choices=READERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        READERS[given.read](given.images[0])
        return
    print(ROW.format("image", "reader", "wall s (min-max)", "CPU s", "MiB"))
    for image in given.images:
        _compare(image, given.runs)


def _compare(image: Path, runs: int) -> None:
    """Time every reader of an image in turn, and print medians."""
    commands = _commands(image)
    took: dict[str, list[Figures]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(runs):
            for name, command in commands.items():
                took[name].append(measure(command, [image], Path(scratch, "words")))
    for name, figures in took.items():
        walls = [each.wall for each in figures]
        wall = f"{median(walls):.2f} ({min(walls):.2f}-{max(walls):.2f})"
        cpu, peak = median(each.cpu for each in figures), max(each.peak for each in figures)
        print(ROW.format(image.name, name, wall, f"{cpu:.2f}", f"{peak:.0f}"), flush=True)


def _commands(image: Path) -> dict[str, Sequence[str | Path]]:
    """Return the readers' commands; QEMU's reads 1 MiB at a time, eight at once."""
    from extractor.images import open_image

    with open_image(image) as opened:
        count = str(opened.size // PIECE)
    ours = (sys.executable, "-m", "bench.reading", image, "--read")
    qemu = ("qemu-img", "bench", "-U", "-t", "writeback", "-d", "8", "-s", "1M", "-c", count)
    return {
        "cat": ("sh", "-c", 'exec cat "$0" >/dev/null', image),
        **{name: (*ours, name) for name in READERS},
        "qemu-img bench": (*qemu, "-f", QEMU[image.suffix.lower()], image),
    }


def _ours(piece: int, image: Path) -> None:
    from extractor.images import open_image

    with open_image(image) as opened:
        for offset in range(0, opened.size, piece):
            opened.read_at(offset, piece)


def _dissect(image: Path) -> None:
    from dissect.hypervisor import vhd, vhdx

    with image.open("rb") as file:
        kinds = {".vhd": vhd.VHD, ".vhdx": vhdx.VHDX}
        kind = kinds.get(image.suffix.lower())
        disk = kind(file) if kind else file
        while disk.read(PIECE):
            pass


READERS: dict[str, Callable[[Path], None]] = {
    "ours, 256 KiB": lambda image: _ours(256 * KIB, image),
    "ours, 1 MiB": lambda image: _ours(1024 * KIB, image),
    "ours, 4 MiB": lambda image: _ours(4096 * KIB, image),
    "dissect": _dissect,
}


if __name__ == "__main__":
    main()
