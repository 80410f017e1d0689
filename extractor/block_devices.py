"""A file on this host -> the block devices and files that it lies on, all the way down (Linux sysfs, proc(5)).

A partition lies on its disk, a mapped device on its slaves, a loop device on its backing file, a file on its file
system; what FUSE mounts names the file or device that it shows. What the system does not tell is left out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Identity = tuple[str, int, int]
"""``("device", major, minor)``, or ``("file", device, inode)``."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where Linux tells of its devices."""

    sys: Path = Path("/sys")
    mounts: Path = Path("/proc/self/mountinfo")
    swaps: Path = Path("/proc/swaps")


LINUX = Sources()


def identity_of(path: Path) -> Identity:
    """Return what a path is: a file or folder, or the device that it is a node of; raise OSError."""
    found = path.stat()
    if stat.S_ISBLK(found.st_mode):
        return ("device", os.major(found.st_rdev), os.minor(found.st_rdev))
    return ("file", found.st_dev, found.st_ino)


def faces_of(path: Path, sources: Sources = LINUX) -> set[Identity]:
    """Return a file, or a device with the slaves and the file that it only is another way to; raise OSError.

    The disk of a partition is none of these: what else lies on it is something else.
    """
    found: set[Identity] = set()
    todo = [identity_of(path)]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += _slaves(one, sources)
            todo += _known(_backing(one, sources))
    return found


def lies_on(path: Path, sources: Sources = LINUX) -> set[Identity]:
    """Return everything that what is written to ``path`` ends up on, itself too; raise OSError when it is not there."""
    found: set[Identity] = set()
    todo = [identity_of(path)]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found.add(one)
        if one[0] == "file":
            todo += _beneath_file(one[1], sources)
            continue
        todo += _slaves(one, sources)
        todo += _disk(one, sources)
        todo += _known(_backing(one, sources))
    return found


def used_by(path: Path, sources: Sources = LINUX) -> str:
    """Return in words what else uses a file or device (or a part of it) now, empty for nothing; raise OSError."""
    one = identity_of(path)
    parts = {one, *_partitions(one, sources)}
    for number, place, source in _mounts(sources):
        if ("device", *number) in parts or _is_one_of(source, parts):
            return f"it is mounted at {place}"
    for line in _text(sources.swaps).splitlines()[1:]:
        if _is_one_of(_unescaped(line.split(" ")[0]), parts):
            return "this host swaps to it"
    for part in sorted(parts):
        for holder in _names(_node(part, sources) / "holders"):
            return f"device {holder} lies on it"
    for loop in sorted((sources.sys / "block").glob("loop*")):
        if _is_one_of(_backing_of(loop), parts):
            return f"it is attached as {loop.name}"
    return ""


# --- down -----------------------------------------------------------------------------------------


def _beneath_file(device: int, sources: Sources) -> Iterator[Identity]:
    """Yield what the file system with this number is on."""
    number = (os.major(device), os.minor(device))
    if _node(("device", *number), sources).exists():
        yield ("device", *number)
    for mounted, _, source in _mounts(sources):
        if mounted == number:
            yield from _known(source)


def _known(name: str) -> Iterator[Identity]:
    """Yield what a name is that somebody else wrote; nothing for a word that is no path, or leads nowhere."""
    try:
        if name.startswith("/"):
            yield identity_of(Path(name))
    except (OSError, ValueError):
        return


def _disk(one: Identity, sources: Sources) -> Iterator[Identity]:
    node = _node(one, sources)
    if (node / "partition").exists():
        yield from _number(node.parent)


def _slaves(one: Identity, sources: Sources) -> Iterator[Identity]:
    folder = _node(one, sources) / "slaves"
    for name in _names(folder):
        yield from _number(folder / name)


def _partitions(one: Identity, sources: Sources) -> Iterator[Identity]:
    node = _node(one, sources)
    for name in _names(node):
        if (node / name / "partition").exists():
            yield from _number(node / name)


def _backing(one: Identity, sources: Sources) -> str:
    """Return the file behind a loop device, or behind the one that this is a partition of; empty for another device."""
    node = _node(one, sources)
    return _backing_of(node.parent if (node / "partition").exists() else node)


def _backing_of(node: Path) -> str:
    return _text(node / "loop" / "backing_file").removesuffix("\n")


# --- what Linux says ------------------------------------------------------------------------------


def _node(one: Identity, sources: Sources) -> Path:
    """Return the folder of a device; of a file one that does not exist."""
    name = f"{one[1]}:{one[2]}" if one[0] == "device" else "none"
    return (sources.sys / "dev" / "block" / name).resolve()


def _number(node: Path) -> Iterator[Identity]:
    major, colon, minor = _text(node / "dev").strip().partition(":")
    if colon and major.isdecimal() and minor.isdecimal():
        yield ("device", int(major), int(minor))


def _mounts(sources: Sources) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Yield device number, mount point and source of each mount (proc(5))."""
    for line in _text(sources.mounts).splitlines():
        words = line.split(" ")
        if len(words) < 7 or "-" not in words[6:-2]:
            continue
        major, _, minor = words[2].partition(":")
        if major.isdecimal() and minor.isdecimal():
            source = words[words.index("-", 6) + 2]
            yield (int(major), int(minor)), _unescaped(words[4]), _unescaped(source)


def _unescaped(text: str) -> str:
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        text = text.replace(f"\\{code}", character)
    return text


def _is_one_of(name: str, wanted: set[Identity]) -> bool:
    return any(each in wanted for each in _known(name))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
