"""Is a target fit to be written? Never the evidence, its mount, or the store; always with enough room.

Files are compared by device and inode, and what is mounted by what lies beneath it (``block_devices``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from extractor.block_devices import LINUX, Identity, Sources, faces_of, identity_of, lies_on
from extractor.errors import StoreError, UsageError
from extractor.store.failures import free_bytes, in_words

SPARE = 16 << 20
"""Bytes that the journal, folders and the file system's own records may take."""
SPARE_OF_DRIVE = 1 << 20
"""The same on a volume that has no journal."""
PER_OBJECT = 4096
"""Bytes that a file takes beyond its own: the rest of its last block, and its lines in the journal."""


def refuse_target(
    target: Path, store: Path, header: Mapping[str, Any], sources: Sources = LINUX
) -> frozenset[Identity]:
    """Return what tells a file of the evidence; raise UsageError (11) when a folder is the evidence or the store."""
    real, own = target.resolve(), store.resolve()
    if real == own or real.is_relative_to(own):
        raise UsageError(f"{target} lies in the store itself; a restore never writes there")
    if own.is_relative_to(real):
        raise UsageError(f"{target} holds the store {store}; choose another target, or move it")
    evidence = evidence_of(header, sources)
    if evidence & lies_on(_existing(real), sources):
        raise UsageError(f"{target} is the evidence that this store was made from, or lies on it")
    return evidence


def refuse_disk(
    disk: Path, store: Path | None, header: Mapping[str, Any], sources: Sources = LINUX
) -> frozenset[Identity]:
    """Return what tells a file of the evidence; raise UsageError (11) for a disk that must not be written.

    ``disk`` is an image or a block device. It must not be the evidence, a parent of it, lie on it or hold it, nor hold
    the store.
    """
    itself = identity_of(disk)
    evidence = evidence_of(header, sources)
    if evidence & lies_on(disk, sources):
        raise UsageError(f"{disk} is the evidence that this store was made from, or lies on it")
    if itself in _each_of(header, lambda path: lies_on(path, sources)):
        raise UsageError(f"{disk} holds the evidence that this store was made from")
    if store is not None and itself in lies_on(store, sources):
        raise UsageError(f"{disk} holds the store {store}; choose another target, or move it")
    return evidence


def evidence_of(header: Mapping[str, Any], sources: Sources = LINUX) -> frozenset[Identity]:
    """Return what tells each image of the evidence that is on this host, and each of its segments."""
    return frozenset(_each_of(header, lambda path: faces_of(path, sources)))


def is_evidence(device: int, inode: int, evidence: frozenset[Identity]) -> bool:
    """Tell whether a file that is at the target already is an image of the evidence."""
    return ("file", device, inode) in evidence


def refuse_lack_of_room(
    target: Path, needed: int, objects: int, shown: str = "", spare: int = SPARE
) -> None:
    """Raise StoreError (72), before anything is written, when the target cannot take ``needed`` bytes.

    ``shown`` is what messages call it when that is not its path, ``spare`` are the bytes for what is no object.
    """
    free = free_bytes(_existing(target))
    whole = needed + objects * PER_OBJECT + spare
    if free is not None and free < whole:
        raise StoreError(
            f"{shown or target}: the restore needs {in_words(whole)} and {in_words(free)} are free; make room or"
            " choose another target"
        )


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _each_of(
    header: Mapping[str, Any], told: Callable[[Path], set[Identity]]
) -> Iterator[Identity]:
    """Yield what there is to tell of each image and each of its segments that is on this host."""
    for path in _paths_of(header):
        try:
            yield from told(Path(path))
        except (OSError, ValueError):  # it is not here, or is no path at all
            continue


def _paths_of(header: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files of the evidence as the store names them; what makes no sense names none."""
    image = header.get("image")
    images = image.get("images") if isinstance(image, dict) else None
    for each in images if isinstance(images, list) else ():
        if isinstance(each, dict):
            segments = each.get("segments")
            named = [each.get("path"), *(segments if isinstance(segments, list) else ())]
            yield from (path for path in named if isinstance(path, str) and path)
