"""What a run has before it, kept while it goes on: the images, their files before and after, the table of volumes.

A run that fails has left this too. Nothing is written here, and no file is read: what the system says of each is enough
to see that somebody wrote to an image while it was read. Only ``--verify-image`` proves what is in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from extractor.model import ImageInfo, VolumeInfo, printable
from extractor.seams import Image


@dataclass(frozen=True, slots=True)
class FileState:
    """What the system says of a file of an image."""

    size: int
    """Bytes; of a device those that can be read."""
    modified: int
    """Nanoseconds since 1970, UTC; 0 of a device, whose node has no time of its content."""
    inode: int


@dataclass(slots=True)
class Segment:
    """One file of an image; ``after`` is None before anybody looks again, and for a file that is gone."""

    path: str
    before: FileState | None
    after: FileState | None = None


@dataclass(slots=True)
class Watched:
    """An image and its files."""

    info: ImageInfo
    segments: list[Segment]


@dataclass(slots=True)
class Evidence:
    """Filled by ``scan``; ``begin`` is called right before the first byte of an image is read, and may raise."""

    begin: Callable[[], None] = lambda: None
    images: list[Watched] = field(default_factory=list)
    volumes: tuple[VolumeInfo, ...] = ()

    def opening(self) -> None:
        """Tell that the images are opened now."""
        self.begin()

    @contextmanager
    def watching(self, images: Sequence[Image], volumes: Sequence[VolumeInfo]) -> Iterator[None]:
        """Look at the files of the images before and after a block, whether it fails or not."""
        self.volumes = tuple(volumes)
        self.images = [Watched(image.info, _segments(image.info)) for image in images]
        try:
            yield
        finally:
            for segment in self._segments():
                segment.after = _state_of(segment.path)

    def _segments(self) -> Iterator[Segment]:
        for image in self.images:
            yield from image.segments

    @property
    def changed(self) -> tuple[str, ...]:
        """A sentence for each file that is not what it was; to be asked after ``watching``."""
        return tuple(
            f"{printable(each.path)}: {_difference(each)} while it was read"
            for each in self._segments()
            if each.before != each.after
        )


def _segments(info: ImageInfo) -> list[Segment]:
    return [Segment(path, _state_of(path)) for path in info.segments]


def _state_of(path: str) -> FileState | None:
    """Return what the system says of a file; None when there is none."""
    try:
        found = Path(path).stat()
        if not stat.S_ISBLK(found.st_mode):
            return FileState(found.st_size, found.st_mtime_ns, found.st_ino)
        with Path(path).open("rb", buffering=0) as device:
            return FileState(device.seek(0, os.SEEK_END), 0, found.st_ino)
    except OSError:
        return None


def _difference(segment: Segment) -> str:
    before, after = segment.before, segment.after
    if before is None or after is None:
        return "it was removed" if after is None else "it appeared"
    if before.inode != after.inode:
        return "another file took its place"
    return "it was written to"
