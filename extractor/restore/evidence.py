"""Is a target fit to be written? Never the evidence, its mount, or the store; always with enough room.

Files are compared by device and inode, and what is mounted by what lies beneath it: the backing file of a loop device,
the whole disk of a partition, the parts of a mapped device (Linux: /proc/self/mountinfo, /sys/dev/block).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from extractor.errors import StoreError, UsageError
from extractor.store.failures import free_bytes, in_words

BLOCK_DEVICES = Path("/sys/dev/block")
MOUNTS = Path("/proc/self/mountinfo")
SPARE = 16 << 20
"""Bytes that folders and the file system's own records may take."""
PER_OBJECT = 4096
"""Bytes that a file takes beyond its own: the rest of its last block, and its lines in the journal."""

Identity = tuple[str, int, int]
"""``file`` with device and inode, or ``device`` with major and minor."""


def refuse_target(target: Path, store: Path, header: Mapping[str, Any]) -> frozenset[Identity]:
    """Return what tells a file of the evidence; raise UsageError (11) when the target is the evidence or the store."""
    real, own = target.resolve(), store.resolve()
    if real == own or real.is_relative_to(own):
        raise UsageError(f"{target} lies in the store itself; a restore never writes there")
    if own.is_relative_to(real):
        raise UsageError(f"{target} holds the store {store}; choose another target, or move it")
    evidence = frozenset(_evidence(header))
    beneath = set(_beneath(real))
    if evidence & beneath:
        raise UsageError(f"{target} is the evidence that this store was made from, or lies on it")
    return evidence


def is_evidence(device: int, inode: int, evidence: frozenset[Identity]) -> bool:
    """Tell whether a file that is at the target already is an image of the evidence."""
    return ("file", device, inode) in evidence


def refuse_lack_of_room(target: Path, needed: int, objects: int) -> None:
    """Raise StoreError (72), before anything is written, when the target cannot take ``needed`` bytes."""
    free = free_bytes(_existing(target))
    whole = needed + objects * PER_OBJECT + SPARE
    if free is not None and free < whole:
        raise StoreError(
            f"{target}: the restore needs {in_words(whole)} and {in_words(free)} are free; make room or choose"
            " another target"
        )


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _evidence(header: Mapping[str, Any]) -> Iterator[Identity]:
    """Yield what tells each image and each of its segments that is on this host."""
    image = header.get("image")
    images = image.get("images") if isinstance(image, dict) else ()
    for each in images or ():
        if isinstance(each, dict):
            for path in (each.get("path"), *(each.get("segments") or ())):
                yield from _identity(str(path))


def _identity(path: str) -> Iterator[Identity]:
    """Yield what a path is: a file or folder, and, of a device, the device and all beneath it."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return
    if stat.S_ISBLK(found.st_mode):
        yield from _of_device(f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}")
    else:
        yield ("file", found.st_dev, found.st_ino)


def _beneath(target: Path) -> Iterator[Identity]:
    """Yield what a target is and what lies beneath the file system that it is on."""
    place = _existing(target)
    yield from _identity(str(place))
    device = place.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    yield from _of_device(number)
    for source in _sources(number):
        yield from _identity(source)


def _sources(number: str) -> Iterator[str]:
    """Yield what is mounted as the device with this number: ntfs-3g names the image or the device."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [number] and len(rest.split()) > 1:
            yield _unescaped(rest.split()[1])


def _unescaped(text: str) -> str:
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        text = text.replace(f"\\{code}", character)
    return text


def _of_device(number: str, depth: int = 8) -> Iterator[Identity]:
    """Yield a block device, the disk that it is a partition of, its parts, and the file behind a loop device."""
    folder = BLOCK_DEVICES / number
    if not depth or not folder.exists():
        return
    major, _, minor = number.partition(":")
    yield ("device", int(major), int(minor))
    real = folder.resolve()
    disk = real.parent if (real / "partition").exists() else real
    backing = _text(disk / "loop" / "backing_file")
    if backing:
        yield from _identity(backing)
    yield from _of_others(number, [disk, *sorted(real.glob("slaves/*"))], depth - 1)


def _of_others(number: str, folders: Iterable[Path], depth: int) -> Iterator[Identity]:
    for folder in folders:
        other = _text(folder / "dev")
        if other and other != number:
            yield from _of_device(other, depth)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""
