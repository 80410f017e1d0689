"""A file on this host -> the block devices and files that it lies on, all the way down (Linux sysfs, proc(5)).

A partition lies on its disk, a mapped device on its slaves, a loop device on its backing file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

SYS = Path("/sys")
MOUNTS = Path("/proc/self/mountinfo")
Place = tuple[str, int, int]
"""``("device", major, minor)``, or ``("file", device, inode)``."""


def places_of(path: Path) -> set[Place]:
    """Return what a file of evidence is: itself, or the device that it is a node of."""
    found = path.stat()
    if stat.S_ISBLK(found.st_mode):
        return {("device", os.major(found.st_rdev), os.minor(found.st_rdev))}
    return {("file", found.st_dev, found.st_ino)}


def lies_on(path: Path, sys: Path = SYS, mounts: Path = MOUNTS) -> set[Place]:
    """Return everything that what is written at ``path`` ends up on; what the system does not tell is left out."""
    number = path.stat().st_dev
    first = (os.major(number), os.minor(number))
    found: set[Place] = set()
    todo = [first if first[0] else _mounted_from(first, mounts)]
    while todo:
        device = todo.pop()
        if device is None or ("device", *device) in found:
            continue
        found.add(("device", *device))
        node = (sys / "dev" / "block" / f"{device[0]}:{device[1]}").resolve()
        todo += _below(node)
        found |= set(_backing(node))
    return found


def _mounted_from(device: tuple[int, int], mounts: Path) -> tuple[int, int] | None:
    """Return the block device of a file system with a number of its own (btrfs, overlay), None without one."""
    wanted = f"{device[0]}:{device[1]}"
    for line in _text(mounts).splitlines():
        words = line.split(" ")
        if len(words) > 6 and words[2] == wanted and "-" in words:
            source = Path(words[words.index("-") + 2])
            if source.is_block_device():
                number = source.stat().st_rdev
                return os.major(number), os.minor(number)
    return None


def _below(node: Path) -> Iterator[tuple[int, int]]:
    """Yield the devices that one lies on: the disk of a partition, the slaves of a mapped device."""
    lower = [node.parent] if (node / "partition").exists() else []
    slaves = node / "slaves"
    lower += sorted(slaves.iterdir()) if slaves.is_dir() else []
    for each in lower:
        major, colon, minor = _text(each / "dev").strip().partition(":")
        if colon:
            yield int(major), int(minor)


def _backing(node: Path) -> Iterator[Place]:
    """Yield the file behind a loop device, and what that lies on in turn is of no interest: it is no evidence."""
    name = _text(node / "loop" / "backing_file").rstrip("\n")
    if name and Path(name).exists():
        yield from places_of(Path(name))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
