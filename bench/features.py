"""What six readers of NTFS make of its features: a table in Markdown, every cell measured.

    python -m bench.features [--keep FOLDER]

Builds small volumes whose truth is known (``feature_disk.py``), reads each feature with each tool in a process of its
own (``feature_tools.py``) and compares with the truth. Needs root and /dev/fuse; a tool that is not there has ``-``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import feature_disk as disk
from bench.feature_disk import Item
from bench.feature_tools import TOOLS, NotToldError, Tool

RIGHT = "✓"
TIMEOUT = 100.0
"""Seconds that a tool may take with all features."""


@dataclass(frozen=True)
class Feature:
    """One row of the table: on which volume, and what is asked."""

    title: str
    volume: str
    probe: Callable[[Tool], str]


def content(*items: Item) -> Callable[[Tool], str]:
    """Return a probe: every item's bytes are right."""

    def probe(tool: Tool) -> str:
        verdicts = [_judged(tool, each) for each in items]
        return next((each for each in verdicts if each != RIGHT), RIGHT)

    return probe


def _judged(tool: Tool, item: Item) -> str:
    """Return what is wrong with the bytes that a tool gives, in a word or two."""
    digest, size, zeros = hashlib.sha256(), 0, True
    try:
        for data in tool.read(item.path, item.stream):
            digest.update(data)
            size += len(data)
            zeros = zeros and not any(data)
    except Exception as error:
        if not size:
            raise
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return f"error after {size:,} bytes"
    found = digest.hexdigest()
    if found in item.digests:
        return RIGHT
    known = {item.stale: "stale bytes", item.twin: "the other twin's"}
    if known.get(found):
        return known[found]
    if not size:
        return "empty"
    if size != item.size:
        return f"{size:,} of {item.size:,} bytes"
    return "zeros" if zeros else "wrong bytes"


def refused(item: Item) -> Callable[[Tool], str]:
    """Return a probe: content that is not on the disk is refused; zeros in its place are wrong."""

    def probe(tool: Tool) -> str:
        try:
            verdict = _judged(tool, item)
        except (KeyError, FileNotFoundError):
            return "missing"
        except Exception:  # noqa: BLE001  whatever a tool raises here is a refusal
            return RIGHT
        return "zeros" if verdict == RIGHT else verdict

    return probe


def fact(wanted: object, ask: Callable[[Tool], object]) -> Callable[[Tool], str]:
    """Return a probe: what a tool tells is exactly what was written."""
    return lambda tool: RIGHT if ask(tool) == wanted else "not exact"


def times(tool: Tool) -> str:
    """Probe: the four times of a file are exact to 100 ns."""
    found = tool.times(disk.FILES["times"].path)
    exact = sum(ours == theirs for ours, theirs in zip(disk.TIMES, found, strict=True))
    return RIGHT if exact == len(disk.TIMES) else f"{exact} of 4"


def lone(tool: Tool) -> str:
    """Probe: a file whose name is no Unicode text is listed by its exact name and can be read."""
    names = [each for each in tool.names(()) if each.startswith(disk.LONE[:4])]
    if names != [disk.LONE]:
        return "another name" if names else "missing"
    return _judged(tool, disk.item("lone"))


def indexed(tool: Tool) -> str:
    """Probe: the files of a folder whose index blocks are lost are found all the same."""
    found = set(tool.names(("indexed",))) & set(disk.INDEXED)
    return (
        RIGHT if len(found) == len(disk.INDEXED) else f"{len(found)} of {len(disk.INDEXED)} files"
    )


def features() -> list[Feature]:
    """Return the rows."""
    item, plain = disk.item, content(disk.item("plain"))
    second = Item(("second name.txt",), "", item("name").digests, item("name").size)
    secured, target = disk.FILES["secured"].path, disk.OTHERS[2].target
    rows = [
        ("plain file", "main", plain),
        ("empty file", "main", content(item("empty"))),
        ("stream of a file", "main", content(item("ads"), disk.stream_item("ads"))),
        ("stream of a folder", "main", content(disk.stream_item("ads-dir"))),
        ("LZNT1 compression", "main", content(item("lznt1"))),
        ("sparse file", "main", content(item("sparse"))),
        ("sparse file over 4 GiB", "huge", content(disk.huge_item())),
        ("valid data length", "main", content(item("valid"))),
        *(
            (f"WOF {kind}", "main", content(item(kind)))
            for kind in ("XPRESS4K", "XPRESS8K", "XPRESS16K", "LZX")
        ),
        ("hard links: both names", "main", content(item("name"), second)),
        ("names that differ by case", "main", content(item("twin"), item("other"))),
        (f"{disk.FRAGMENTS:,} fragments, attribute list", "main", content(disk.fragmented_item())),
        ("path of 1,500 characters", "main", content(item("long"))),
        ("name with half a surrogate pair", "main", lone),
        ("EFS: the raw ciphertext", "main", content(disk.efs_item())),
        ("cloud placeholder refused", "main", refused(item("cloud"))),
        (
            "target of a symbolic link",
            "main",
            fact(target, lambda tool: tool.target(("link.txt",))),
        ),
        (
            "security descriptor",
            "main",
            fact(disk.security(), lambda tool: tool.descriptor(secured)),
        ),
        ("four times, to 100 ns", "main", times),
        ("index blocks zeroed", "index", indexed),
        ("`$MFT` record 0 lost", "record0", plain),
        ("boot sector lost", "boot", plain),
    ]
    return [Feature(*row) for row in rows]


def measured(name: str, folder: Path) -> dict[str, str]:
    """Return a tool's cells: each volume is opened once, and a volume that cannot be opened fails all its rows."""
    cells: dict[str, str] = {}
    rows = features()
    for volume in dict.fromkeys(each.volume for each in rows):
        asked = [each for each in rows if each.volume == volume]
        try:
            with (
                TemporaryDirectory(dir=folder) as scratch,
                closing(TOOLS[name][0](folder / f"{volume}.raw", Path(scratch))) as tool,
            ):
                cells |= {each.title: _cell(each.probe, tool) for each in asked}
        except Exception as error:  # noqa: BLE001  what a foreign tool raises is its result here
            cells |= {each.title: _failure(error) for each in asked if each.title not in cells}
    return cells


def _cell(probe: Callable[[Tool], str], tool: Tool) -> str:
    try:
        verdict = probe(tool)
    except Exception as error:  # noqa: BLE001
        return _failure(error)
    return verdict if verdict == RIGHT else f"✗ {verdict}"


def _failure(error: Exception) -> str:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    if isinstance(error, NotToldError):
        return "✗ not told"
    if (
        isinstance(error, (StopIteration, KeyError, FileNotFoundError))
        or "not found" in str(error).lower()
    ):
        return "✗ missing"
    return "✗ refuses"


def present(needs: str) -> bool:
    """Tell whether one of the modules or programs that a tool needs is there."""
    return not needs or any(shutil.which(each) or _importable(each) for each in needs.split())


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def table(cells: dict[str, dict[str, str]]) -> str:
    """Return the table in Markdown."""
    lines = ["| |" + "".join(f" {name} |" for name in cells), "|---|" + "---|" * len(cells)]
    for feature in features():
        row = (each.get(feature.title, "-") for each in cells.values())
        lines.append(f"| {feature.title} |" + "".join(f" {each} |" for each in row))
    return "\n".join(lines)


def _asked(name: str, folder: Path) -> dict[str, str]:
    """Return the cells of a tool that runs in a process of its own."""
    if not present(TOOLS[name][1]):
        return {}
    command = [sys.executable, "-m", "bench.features", "--tool", name, "--keep", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main(words: Sequence[str]) -> None:
    """Print the table; with ``--tool`` the cells of one tool on volumes that are there."""
    parser = argparse.ArgumentParser(description="Compare readers of NTFS, feature by feature.")
    parser.add_argument(
        "--keep", type=Path, help="folder for the volumes (default: a temporary one)"
    )
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.tool:
        print(json.dumps(measured(given.tool, given.keep)))
        return
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        disk.make_volumes(folder)
        print(table({name: _asked(name, folder) for name in TOOLS}))


if __name__ == "__main__":
    main(sys.argv[1:])
