"""Paths -> Machine: the disks of one computer, opened: images, volumes, file systems, and every Windows on them.

A volume that cannot be read (locked, damaged, unknown) is named in ``notes`` and does not end the run; images that hold
nothing readable at all do. A BitLocker volume is opened by its clear key, by a key that is given, or by the Windows on
another volume that unlocks it automatically. A volume can be read as it was in one of its shadow copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from extractor.errors import ImageError, SourceError, UsageError
from extractor.filesystems import READABLE, open_filesystem
from extractor.images import open_images
from extractor.model import Candidate, VolumeInfo
from extractor.seams import Filesystem, Image, Volume
from extractor.volumes import Key, UnlockedVolume, locked, unlock_rest, useless_keys, volumes
from extractor.volumes.bitlocker import auto_unlock_keys
from extractor.volumes.partition import EFI_SYSTEM, MSR
from extractor.volumes.shadows import (
    Shadow,
    ShadowVolume,
    Wanted,
    moment,
    shadows_of,
    wanted_shadows,
)
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
    sources: Mapping[str, Volume]
    """The bytes of each volume as they are read (unlocked, as it was in a shadow copy), by ``VolumeInfo.id``."""
    filesystems: dict[str, Filesystem]
    """By ``VolumeInfo.id``, in disk order."""
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    facts: tuple[str, ...] = ()
    """What is worth a line in the log and is no warning: what opened which volume, and which have shadow copies."""
    shadows: Mapping[str, Sequence[Shadow]] = field(default_factory=dict)
    """The shadow copies of each volume that has some, by ``VolumeInfo.id``."""

    @property
    def volumes(self) -> tuple[VolumeInfo, ...]:
        """What is known of each volume, in disk order."""
        return tuple(volume.info for volume in self.sources.values())


@contextmanager
def open_machine(
    paths: Sequence[Path],
    keys: Sequence[Key] = (),
    shadows: Sequence[Wanted] = (),
    *,
    even_locked: bool = False,
) -> Iterator[Machine]:
    """Open the images of one computer, unlock its BitLocker volumes, and find every Windows on them.

    Volumes of which ``shadows`` speaks are read as they were. Raises ImageError when an image is not whole, when no
    volume of any image can be read (``even_locked``: unless one is only locked), when a key that was given for this
    machine opens nothing while a volume is locked, or when a shadow copy cannot be read; UsageError when there is none
    such.
    """
    with ExitStack() as stack:
        images = [stack.enter_context(image) for image in open_images(paths)]
        opening = _Opening(volumes(images, keys))
        stack.callback(opening.close)
        candidates = opening.windows()
        while further := _auto_unlock_keys(opening, candidates):
            opening.unlock(further)
            candidates = opening.windows()  # a volume that was opened may hold a Windows too
        opening.list_shadows()
        if shadows:
            opening.go_back(shadows, candidates)
            candidates = opening.windows()
        notes = [*opening.notes(), *_key_notes(opening.found, keys)]
        if not opening.filesystems and not (even_locked and locked(opening.found)):
            raise ImageError(f"no volume can be read: {'; '.join(notes) or 'there is none'}")
        yield Machine(
            tuple(images),
            {volume.info.id: volume for volume in opening.shown()},
            opening.filesystems,
            tuple(candidates),
            tuple(notes),
            tuple(opening.facts()),
            opening.shadows,
        )


class _Opening:
    """The volumes of a machine while it is being opened, and the file systems on those that can be read."""

    def __init__(self, found: Sequence[Volume]) -> None:
        self.found = list(found)
        self.filesystems: dict[str, Filesystem] = {}
        self.shadows: dict[str, Sequence[Shadow]] = {}
        self._past: dict[str, ShadowVolume] = {}
        self._problems: dict[str, str] = {}
        self._unlisted: list[str] = []
        self._tried: set[Key] = set()

    def close(self) -> None:
        """Close the file systems, then the volumes below them."""
        for filesystem in self.filesystems.values():
            filesystem.close()
        for past in self._past.values():
            past.close()
        for volume in self.found:
            if isinstance(volume, UnlockedVolume):
                volume.close()

    def shown(self) -> list[Volume]:
        """Return the volumes, those of which a shadow copy was asked for as they were."""
        return [self._past.get(volume.info.id, volume) for volume in self.found]

    def windows(self) -> list[Candidate]:
        """Open what is not open yet, and return every Windows on all of it."""
        for volume in self.shown():
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
            self.filesystems[info.id] = open_filesystem(volume)
        except (ImageError, SourceError) as error:
            self._problems[info.id] = (
                f"volume {info.id} ({info.filesystem}) cannot be read: {error}"
            )

    def list_shadows(self) -> None:
        """Find the shadow copies of all volumes."""
        for volume in self.found:
            try:
                found = shadows_of(volume)
            except ImageError as error:
                self._unlisted.append(str(error))
                continue
            if found:
                self.shadows[volume.info.id] = found

    def go_back(self, wanted: Sequence[Wanted], candidates: Sequence[Candidate]) -> None:
        """Put in place of volumes what they were; raise UsageError, ImageError."""
        windows = {each.volume for each in candidates if each.valid}
        try:
            chosen = wanted_shadows(wanted, self.shadows, windows)
        except UsageError as error:
            shut = [f"volume {each.id}: {each.note}" for each in locked(self.found)]
            if unknown := "; ".join([*self._unlisted, *shut]):
                raise ImageError(f"{error}; {unknown}") from error
            raise
        for volume in self.found:
            name = volume.info.id
            if name in chosen:
                self._past[name] = ShadowVolume(volume, chosen[name])
                self._problems.pop(name, None)
                if name in self.filesystems:
                    self.filesystems.pop(name).close()
                self.filesystems[name] = _open_past(self._past[name], chosen[name])

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
        for volume in self.shown():
            info = volume.info
            if info.note:
                yield f"volume {info.id}: {info.note}"
            opened_by = info.encryption.opened_by if info.encryption else ""
            if opened_by.startswith("clear key"):
                yield f"volume {info.id}: {SUSPENDED.format(opened_by)}"
        yield from self._problems.values()
        yield from self._unlisted

    def facts(self) -> Iterator[str]:
        """Yield which protector opened which volume, and which volumes could be read as they were."""
        for volume in self.found:
            if isinstance(volume, UnlockedVolume):
                by, key = volume.unlocked.opened_by, volume.unlocked.key
                source = f", from {key.source}" if key else ""
                yield f"volume {volume.info.id}: BitLocker volume, opened with its {by}{source}"
        for name, shadows in self.shadows.items():
            times = ", ".join(f"{each.number} of {moment(each.created)}" for each in shadows)
            yield f"volume {name} has shadow copies, which --shadow reads: {times}"


def _open_past(volume: ShadowVolume, shadow: Shadow) -> Filesystem:
    try:
        return open_filesystem(volume)
    except (ImageError, SourceError) as error:
        raise ImageError(f"{shadow} of volume {volume.info.id} cannot be read: {error}") from error


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
