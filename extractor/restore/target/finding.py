"""A disk -> the Windows on it that is meant, and its volumes that can be written; read by our readers, unmounted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extractor.errors import ColdstateError, DamagedError, SourceError, StoreLocationError
from extractor.filesystems import find
from extractor.machine import Machine, open_machine
from extractor.model import Candidate, ImageInfo, VolumeInfo, WinPath, printable, upcase
from extractor.seams import Filesystem, Readable
from extractor.volumes import locked
from extractor.volumes.ntfs_boot import find_ntfs_boot
from extractor.windows import WindowsInstall, open_install, survey
from extractor.windows.drives import MOUNTED_DEVICES
from extractor.windows.survey import Survey

HIBERNATION = "hiberfil.sys"
AWAKE = "{} of {} hibernates: start it and shut it down fully (shutdown /s /t 0), so that nothing of it is in memory"
VOLUME_INFORMATION, END = 0x70, 0xFFFFFFFF
DIRTY = 1
"""Of the flags in $VOLUME_INFORMATION: chkdsk is to look at it (Linux-NTFS, "$Volume")."""


@dataclass(frozen=True, slots=True)
class FoundWindows:
    """What is to be mounted, and why."""

    image: ImageInfo
    candidate: Candidate
    system: str
    """Letter of the system drive (``C:``)."""
    volumes: dict[str, VolumeInfo]
    """Letter -> volume, that of the system first."""
    every: tuple[VolumeInfo, ...]
    notes: tuple[str, ...]


def find_windows(path: Path, wanted: str) -> FoundWindows:
    """Return the Windows that a restore into a disk means, the only one or the one that ``wanted`` names.

    Raises StoreLocationError (27) with one sentence when there is none, or it must not be written.
    """
    try:
        with open_machine([path], even_locked=True) as machine:
            seen = survey(machine.candidates, machine.volumes, machine.filesystems)
            candidate = choose_target(seen, wanted, str(path), _locked(machine))
            install = open_install(seen, candidate)
            return _found(machine, candidate, install, path)
    except StoreLocationError:
        raise
    except ColdstateError as error:
        raise StoreLocationError(f"{path} is no target: {error}") from error


def choose_target(seen: Survey, wanted: str, shown: str, locked_note: str = "") -> Candidate:
    """Return the Windows that ``wanted`` (an id or a path) names, or the only one that is not a Windows.old.

    Raises StoreLocationError (27) when there is none, or several and none is named.
    """
    valid = [each for each in seen.candidates if each.valid]
    if wanted:
        return _named(seen, valid, wanted, shown)
    current = [each for each in valid if each.kind == "windows"]
    if len(current) == 1:
        return current[0]
    told = "; ".join(_told(seen, each) for each in seen.candidates)
    if current:
        raise StoreLocationError(f"{shown} holds {len(current)} Windows, name one: {told}")
    why = "; ".join(filter(None, (told, locked_note))) or "no folder looks like one"
    raise StoreLocationError(f"{shown} holds no Windows to restore into: {why}")


def _named(seen: Survey, valid: Sequence[Candidate], wanted: str, shown: str) -> Candidate:
    path = WinPath.parse(wanted)
    keys = (path.key, (path / "Windows").key)
    for each in valid:
        if upcase(seen.id_of(each)) == upcase(wanted) or seen.path_of(each).key in keys:
            return each
    told = "; ".join(_told(seen, each) for each in seen.candidates) or "no Windows"
    raise StoreLocationError(f"{shown} has no Windows {wanted}, it holds {told}")


def _told(seen: Survey, each: Candidate) -> str:
    path, why = printable(str(seen.path_of(each))), printable(each.reason)
    return f"{path} ({why})" if why else f"{path} [{seen.id_of(each)}]"


def _locked(machine: Machine) -> str:
    shut = locked(list(machine.sources.values()))
    names = ", ".join(each.id for each in shut)
    return (
        f"volume {names} is locked by BitLocker: decrypt it first (manage-bde -off)" if shut else ""
    )


def _found(
    machine: Machine, candidate: Candidate, install: WindowsInstall, path: Path
) -> FoundWindows:
    known = {each.id: each for each in machine.volumes}
    system = install.system_root.drive
    own = known[candidate.volume]
    if own.encryption:
        raise StoreLocationError(
            f"{path}: the Windows is on a BitLocker volume: decrypt it first (manage-bde -off)"
        )
    if own.filesystem != "ntfs":
        raise StoreLocationError(
            f"{path}: the Windows is on {own.filesystem}, only NTFS is written"
        )
    volumes, notes = {system: own}, list[str]()
    for each in install.letters:
        info = known[each.volume]
        if each.how != MOUNTED_DEVICES or each.letter in volumes:
            continue
        if info.filesystem == "ntfs" and not info.encryption:
            volumes[each.letter] = info
        else:
            what = "a BitLocker volume" if info.encryption else info.filesystem
            notes.append(f"drive {each.letter} of the target is {what} and is not written")
    _refuse_overlap(volumes, machine.volumes, str(path))
    for letter, info in volumes.items():
        refuse_asleep(machine.filesystems[info.id], letter, str(path))
        refuse_dirty(machine.sources[info.id], letter, str(path))
    return FoundWindows(
        machine.images[0].info, candidate, system, volumes, machine.volumes, tuple(notes)
    )


def _refuse_overlap(
    volumes: Mapping[str, VolumeInfo], every: Sequence[VolumeInfo], shown: str
) -> None:
    """Raise StoreLocationError (27) when bytes of a volume that is to be written are those of another one too.

    A partition table may say so; mounted twice, each driver would destroy what the other writes.
    """
    for letter, info in volumes.items():
        for other in every:
            before = other.offset < info.offset + info.size
            if other.id != info.id and before and info.offset < other.offset + other.size:
                raise StoreLocationError(
                    f"{shown}: drive {letter} overlaps volume {other.id}: the partition table is damaged"
                )


def refuse_asleep(filesystem: Filesystem, letter: str, shown: str) -> None:
    """Raise StoreLocationError (27) for a volume that a hibernated Windows (or a "fast startup") has in memory."""
    entry = find(filesystem, (HIBERNATION,))
    if entry is None or entry.directory:
        return
    try:
        head = filesystem.open(entry).read_at(0, 4)
    except SourceError as error:
        raise StoreLocationError(
            f"{shown}: {HIBERNATION} of {letter} is unreadable: {error}"
        ) from error
    if head.upper() == b"HIBR":
        raise StoreLocationError(AWAKE.format(f"the Windows on {letter}", shown))


def refuse_dirty(volume: Readable, letter: str, shown: str) -> None:
    """Raise StoreLocationError (27) for a volume that Windows itself would have checked first."""
    try:
        flags = _flags(volume)
    except DamagedError as error:
        raise StoreLocationError(f"{shown}: drive {letter} is damaged: {error}") from error
    if flags & DIRTY:
        raise StoreLocationError(
            f"{shown}: drive {letter} is marked as dirty: let Windows check it (chkdsk {letter} /f), or call"
            " ntfsfix --clear-dirty"
        )


def _flags(volume: Readable) -> int:
    """Return the flags of record 3, which lie before the first fix-up on every volume met."""
    boot = find_ntfs_boot(volume)
    if boot is None:
        return 0
    record = volume.read_at(boot.mft * boot.cluster_size + 3 * boot.record_size, boot.record_size)
    position = int.from_bytes(record[20:22], "little")
    while position + 24 <= 510:
        kind = int.from_bytes(record[position : position + 4], "little")
        length = int.from_bytes(record[position + 4 : position + 8], "little")
        if kind == END or length < 24:
            break
        if kind == VOLUME_INFORMATION:
            value = position + int.from_bytes(record[position + 20 : position + 22], "little")
            return int.from_bytes(record[value + 10 : value + 12], "little")
        position += length
    return 0


def mounted_survey(
    found: FoundWindows, filesystems: Sequence[Filesystem]
) -> tuple[Survey, Candidate]:
    """Return the same Windows again, as it is seen through the volumes that are mounted now."""
    by_id = {each.info.id: each for each in filesystems}
    system = by_id[found.candidate.volume]
    entry = find(system, found.candidate.path)
    if entry is None or not entry.directory:
        raise StoreLocationError(
            f"{found.image.path}: its Windows is not where it was a moment ago"
        )
    root = find(system, found.candidate.path[:-1]) or system.root
    candidate = replace(found.candidate, record=entry.record, root=root.record)
    return survey([candidate], found.every, by_id), candidate
