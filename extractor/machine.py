"""Paths -> Machine: the disks of one computer, opened: images, volumes, file systems, and every Windows on them.

A volume that cannot be read (locked, damaged, unknown) is named in ``notes`` and does not end the run; images that hold
nothing readable at all do. A BitLocker volume is opened by its clear key, by a key that is given, or by the Windows on
another volume that unlocks it automatically.
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
from extractor.volumes import Key, UnlockedVolume, locked, unlock_rest, useless_keys, volumes
from extractor.volumes.bitlocker import auto_unlock_keys
from extractor.volumes.partition import EFI_SYSTEM, MSR
from extractor.windows import locate
from extractor.windows.auto_unlock import auto_unlock_entries

SYSTEM_PARTITIONS = frozenset({EFI_SYSTEM, MSR})
"""Types of partitions that hold no user's state, whatever file system is in them."""
SUSPENDED = (
    "BitLocker protection is suspended on it: it opens with its {}, for which nobody needs a key"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything of one computer that is open."""

    images: tuple[Image, ...]
    volumes: tuple[VolumeInfo, ...]
    filesystems: dict[str, Filesystem]
    """By ``VolumeInfo.id``, in disk order."""
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    facts: tuple[str, ...] = ()
    """What is worth a line in the log and is no warning: which protector opened which volume."""


@contextmanager
def open_machine(
    paths: Sequence[Path], keys: Sequence[Key] = (), *, even_locked: bool = False
) -> Iterator[Machine]:
    """Open the images of one computer, unlock its BitLocker volumes, and find every Windows on them.

    Raises ImageError when an image is not whole, when no volume of any image can be read (``even_locked``: unless one
    is only locked), or when a key that was given for this machine opens nothing while a volume is locked.
    """
    with ExitStack() as stack:
        images = [stack.enter_context(image) for image in open_images(paths)]
        opening = _Opening(volumes(images, keys), stack)
        candidates = opening.windows()
        while further := _auto_unlock_keys(opening, candidates):
            opening.unlock(further)
            candidates = opening.windows()  # a volume that was opened may hold a Windows too
        notes = [*opening.notes(), *_key_notes(opening.found, keys)]
        if not opening.filesystems and not (even_locked and locked(opening.found)):
            raise ImageError(f"no volume can be read: {'; '.join(notes) or 'there is none'}")
        yield Machine(
            tuple(images),
            tuple(volume.info for volume in opening.found),
            opening.filesystems,
            tuple(candidates),
            tuple(notes),
            tuple(opening.facts()),
        )


class _Opening:
    """The volumes of a machine while it is being opened, and the file systems on those that can be read."""

    def __init__(self, found: Sequence[Volume], stack: ExitStack) -> None:
        self.found = list(found)
        self.filesystems: dict[str, Filesystem] = {}
        self._problems: dict[str, str] = {}
        self._stack = stack
        self._closed: list[Volume] = []
        self._tried: set[Key] = set()

    def windows(self) -> list[Candidate]:
        """Open what is not open yet, and return every Windows on all of it."""
        for volume in self.found:
            if isinstance(volume, UnlockedVolume) and volume not in self._closed:
                self._closed.append(volume)
                self._stack.callback(volume.close)
            if volume.info.id not in self.filesystems | self._problems:
                self._open(volume)
        order = [volume.info.id for volume in self.found]
        self.filesystems = dict(
            sorted(self.filesystems.items(), key=lambda item: order.index(item[0]))
        )
        return list(locate(list(self.filesystems.values())))

    def _open(self, volume: Volume) -> None:
        info = volume.info
        if info.filesystem not in READABLE or info.partition_type in SYSTEM_PARTITIONS:
            return
        try:
            filesystem = open_filesystem(volume)
        except (ImageError, SourceError) as error:
            self._problems[info.id] = (
                f"volume {info.id} ({info.filesystem}) cannot be read: {error}"
            )
            return
        self._stack.callback(filesystem.close)
        self.filesystems[info.id] = filesystem

    def unlock(self, keys: Sequence[Key]) -> None:
        """Try further keys on what is still locked."""
        self._tried |= set(keys)
        self.found = unlock_rest(self.found, keys)

    def untried(self, keys: Sequence[Key]) -> list[Key]:
        """Return those keys that may open a locked volume and were not tried yet."""
        protectors = (each.encryption.protectors for each in locked(self.found) if each.encryption)
        needed = {protector.rpartition(" ")[2] for each in protectors for protector in each}
        return [key for key in keys if key.identifier in needed and key not in self._tried]

    def notes(self) -> Iterator[str]:
        """Yield what a person must know of the volumes."""
        for volume in self.found:
            info = volume.info
            if info.note:
                yield f"volume {info.id}: {info.note}"
            opened_by = info.encryption.opened_by if info.encryption else ""
            if opened_by.startswith("clear key"):
                yield f"volume {info.id}: {SUSPENDED.format(opened_by)}"
        yield from self._problems.values()

    def facts(self) -> Iterator[str]:
        """Yield which protector opened which volume."""
        for volume in self.found:
            if isinstance(volume, UnlockedVolume):
                by, key = volume.unlocked.opened_by, volume.unlocked.key
                source = f", from {key.source}" if key else ""
                yield f"volume {volume.info.id}: BitLocker volume, opened with its {by}{source}"


def _auto_unlock_keys(opening: _Opening, candidates: Sequence[Candidate]) -> list[Key]:
    """Return the keys that opened system volumes keep for volumes that are still locked."""
    unlocked = {v.info.id: v.unlocked for v in opening.found if isinstance(v, UnlockedVolume)}
    found: list[Key] = []
    for candidate in candidates if locked(opening.found) else ():
        system = unlocked.get(candidate.volume)
        if system and system.auto_unlock:
            entries = auto_unlock_entries(opening.filesystems[candidate.volume], candidate)
            source = f"the Windows on volume {candidate.volume}, which unlocks it automatically"
            found += auto_unlock_keys(system, entries, source)
    return opening.untried(found)


def _key_notes(found: Sequence[Volume], keys: Sequence[Key]) -> list[str]:
    """Return a note for each key that was not needed; raise ImageError when one should have opened a locked volume."""
    useless = useless_keys(found, keys)
    shut = locked(found)
    if useless and shut:
        told = "; ".join(f"volume {each.id}: {each.note}" for each in shut)
        raise ImageError(f"the {useless[0]} opens no volume of these images: {told}")
    return [f"the {key} was not needed: it opens no volume of these images" for key in useless]
