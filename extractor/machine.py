"""Paths -> Machine: the disks of one computer, opened: images, volumes, file systems, and every Windows on them.

A volume that cannot be read (locked, damaged, unknown) is named in ``notes`` and does not end the run; images that hold
nothing readable at all do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from extractor.errors import ImageError, SourceError
from extractor.filesystems import READABLE, open_filesystem
from extractor.images import open_images
from extractor.model import Candidate, VolumeInfo
from extractor.seams import Filesystem, Image, Volume
from extractor.volumes import volumes
from extractor.volumes.partition import EFI_SYSTEM, MSR
from extractor.windows import locate

SYSTEM_PARTITIONS = frozenset({EFI_SYSTEM, MSR})
"""Types of partitions that hold no user's state, whatever file system is in them."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything of one computer that is open."""

    images: tuple[Image, ...]
    volumes: tuple[VolumeInfo, ...]
    filesystems: dict[str, Filesystem]
    """By ``VolumeInfo.id``, in disk order."""
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


@contextmanager
def open_machine(paths: Sequence[Path]) -> Iterator[Machine]:
    """Open the images of one computer and find every Windows on them.

    Raises ImageError when an image is not whole, or when no volume of any image can be read.
    """
    with ExitStack() as stack:
        images = [stack.enter_context(image) for image in open_images(paths)]
        found = volumes(images)
        filesystems, notes = _open_filesystems(found, stack)
        if not filesystems:
            raise ImageError(f"no volume can be read: {'; '.join(notes) or 'there is none'}")
        yield Machine(
            tuple(images),
            tuple(volume.info for volume in found),
            filesystems,
            tuple(locate(list(filesystems.values()))),
            tuple(notes),
        )


def _open_filesystems(
    found: Sequence[Volume], stack: ExitStack
) -> tuple[dict[str, Filesystem], list[str]]:
    filesystems: dict[str, Filesystem] = {}
    notes = [f"volume {v.info.id}: {v.info.note}" for v in found if v.info.note]
    for volume in found:
        info = volume.info
        if info.filesystem not in READABLE or info.partition_type in SYSTEM_PARTITIONS:
            continue
        try:
            filesystem = open_filesystem(volume)
        except (ImageError, SourceError) as error:
            notes.append(f"volume {info.id} ({info.filesystem}) cannot be read: {error}")
            continue
        stack.callback(filesystem.close)
        filesystems[info.id] = filesystem
    return filesystems, notes
