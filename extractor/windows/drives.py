r"""Drive letters as one Windows knew them: MountedDevices matched to the volumes, else given by rule, always said how.

USMT maps the letters of the running environment to those the offline Windows knew (USMT "Offline Migration
Reference"); here is no running environment, only volumes, so each gets the letter under which that Windows saw it.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from uuid import UUID

from extractor.filesystems import READABLE
from extractor.model import VolumeInfo
from extractor.registry import Registry
from extractor.volumes.partition import EFI_SYSTEM, MSR, RECOVERY

DATA_FILESYSTEMS = READABLE | {"refs"}
NO_DATA = frozenset(
    {
        EFI_SYSTEM,
        MSR,
        RECOVERY,
        "0x27",  # recovery
        "0xef",  # EFI system partition
        *(f"0x{kind:02x}" for kind in (0x11, 0x12, 0x14, 0x16, 0x17, 0x1B, 0x1C, 0x1E)),  # hidden
    }
)
"""Partition types that Windows gives no letter."""
BY_RULE = tuple(f"{letter}:" for letter in ascii_uppercase[2:])
DEVICES = "\\DosDevices\\"
GPT_IDENTITY = b"DMIO:ID:"

MOUNTED_DEVICES = "MountedDevices"
SYSTEM_ROOT = "SystemRoot"
RULE = "by rule"
MAPPING = "mapping"


@dataclass(frozen=True, slots=True)
class DriveLetter:
    """One letter of one Windows: ``letter`` is ``C:``, ``volume`` a ``VolumeInfo.id``."""

    letter: str
    volume: str
    how: str
    """MountedDevices, SystemRoot, by rule or mapping."""


def drive_letters(
    registry: Registry,
    volumes: Sequence[VolumeInfo],
    claims: Iterable[DriveLetter] = (),
    *,
    by_rule: bool = True,
    needed: Collection[str] = (),
) -> tuple[DriveLetter, ...]:
    """Return the letters under which one Windows knew the volumes, by letter; a volume has one at most.

    ``claims`` (that of the Windows itself, mappings) stand before MountedDevices. Volumes that nothing names get
    letters ``by_rule`` in disk order: first those that MountedDevices keeps for disks that are not here, then free ones
    from C: up; never one that it keeps for a removable device. ``needed`` volumes get one whatever their type is.
    Raises SourceError when the SYSTEM hive cannot be read.
    """
    devices = mounted_devices(registry)
    letters = Letters()
    for claim in claims:
        letters.give(claim.letter, claim.volume, claim.how)
    for letter, identity in devices.items():
        for volume in volumes:
            if names_volume(identity, volume):
                letters.give(letter, volume.id, MOUNTED_DEVICES)
    if by_rule:
        _give_by_rule(letters, _homeless(volumes, needed), devices)
    return letters.table()


def system_drive(registry: Registry, letter: str, volume: VolumeInfo) -> DriveLetter:
    """Return the claim of a Windows to its own drive: SystemRoot's letter, on the volume that holds it."""
    named = names_volume(mounted_devices(registry).get(letter, b""), volume)
    return DriveLetter(letter, volume.id, MOUNTED_DEVICES if named else SYSTEM_ROOT)


class Letters:
    """A table of drive letters in the making: the first claim to a letter, or on a volume, stands."""

    def __init__(self) -> None:
        self._by_letter: dict[str, DriveLetter] = {}

    def give(self, letter: str, volume: str, how: str) -> bool:
        """Give a volume a letter unless either has its partner; tell whether it was given."""
        if letter in self._by_letter or self.has(volume):
            return False
        self._by_letter[letter] = DriveLetter(letter, volume, how)
        return True

    def has(self, volume: str) -> bool:
        """Tell whether a volume has its letter."""
        return any(each.volume == volume for each in self._by_letter.values())

    def table(self) -> tuple[DriveLetter, ...]:
        """Return what was given, by letter."""
        return tuple(self._by_letter[letter] for letter in sorted(self._by_letter))


def mounted_devices(registry: Registry) -> dict[str, bytes]:
    r"""Return letter -> identity from ``SYSTEM\MountedDevices [\DosDevices\X:]``, by letter."""
    found: dict[str, bytes] = {}
    for value in registry.values(r"HKLM\SYSTEM\MountedDevices"):
        letter = value.name[len(DEVICES) :].upper()
        if value.name.lower().startswith(DEVICES.lower()) and is_letter(letter):
            found.setdefault(letter, value.data)
    return dict(sorted(found.items()))


def is_letter(text: str) -> bool:
    """Tell whether text is a drive letter such as ``C:``."""
    return len(text) == 2 and text[0] in ascii_uppercase and text[1] == ":"


def names_volume(identity: bytes, volume: VolumeInfo) -> bool:
    """Tell whether an identity of MountedDevices is this volume's: disk signature and offset, or partition GUID."""
    if len(identity) == 12:
        signature, offset = struct.unpack("<IQ", identity)
        return bool(signature) and (signature, offset) == (volume.disk_signature, volume.offset)
    if len(identity) == 24 and identity.startswith(GPT_IDENTITY):
        guid = str(UUID(bytes_le=identity[8:]))
        return guid == volume.partition_guid.strip("{}").lower()
    return False


def is_disk(identity: bytes) -> bool:
    """Tell whether an identity is of a fixed disk's partition; removable devices and CDs are named by text."""
    return len(identity) == 12 or (len(identity) == 24 and identity.startswith(GPT_IDENTITY))


def _homeless(volumes: Iterable[VolumeInfo], needed: Collection[str]) -> Iterator[str]:
    for volume in volumes:
        data = volume.filesystem in DATA_FILESYSTEMS and volume.partition_type not in NO_DATA
        if data or volume.id in needed:
            yield volume.id


def _give_by_rule(letters: Letters, homeless: Iterable[str], devices: Mapping[str, bytes]) -> None:
    kept = [letter for letter, identity in devices.items() if is_disk(identity)]
    reserved = {letter for letter, identity in devices.items() if not is_disk(identity)}
    free = [*kept, *(letter for letter in BY_RULE if letter not in reserved)]
    for volume in homeless:
        if not letters.has(volume):
            any(letters.give(letter, volume, RULE) for letter in free)
