"""Machines in memory for the tests of ``windows``: volumes, hives, a survey of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from uuid import UUID

from extractor.model import VolumeInfo
from extractor.testing import FakeFile, FakeFilesystem
from extractor.windows import Survey, WindowsInstall, choose, open_install, survey
from extractor.windows.locate import in_order
from tests.plugins.disks import SYSTEM, VERSION, disk, software, volume, windows
from tests.registry.tiny_hive import Keys, tiny_hive
from windows_locators.windows_dir import WindowsDirLocator
from windows_locators.windows_old import WindowsOldLocator

GUID_C = "5eed0000-0000-4000-8000-0000000000c3"
GUID_D = "5eed0000-0000-4000-8000-0000000000d3"
VOLUME_C = volume("VC", 3, offset=1 << 20, partition_guid=GUID_C, partition_type="basic")
VOLUME_D = volume("VD", 4, offset=2 << 20, partition_guid=GUID_D, partition_type="basic")
MACHINE_SID = "S-1-5-21-11-22-33"
DOMAIN_SID = "S-1-5-21-77-88-99"
Files = Mapping[str, bytes | FakeFile | None]


def gpt(guid: str) -> bytes:
    return b"DMIO:ID:" + UUID(guid).bytes_le


def mbr(signature: int, offset: int) -> bytes:
    return struct.pack("<IQ", signature, offset)


def system(letters: Mapping[str, bytes]) -> Keys:
    devices = {rf"\DosDevices\{letter}:": data for letter, data in letters.items()}
    return {**SYSTEM, "MountedDevices": devices}


def sam(names: Mapping[int, str]) -> Keys:
    account = r"SAM\Domains\Account"
    keys: dict[str, Mapping[str, object]] = {
        account: {"V": bytes(64) + struct.pack("<3I", 11, 22, 33)}
    }
    for rid, name in names.items():
        text = name.encode("utf-16-le")
        value = (bytes(0x0C) + struct.pack("<2I", 8, len(text))).ljust(0xCC + 8, b"\0") + text
        fixed = struct.pack("<2Q", 2, 133_000_000_000_000_001).ljust(80, b"\0")
        keys[rf"{account}\Users\{rid:08X}"] = {"V": value, "F": fixed}
    return keys


def people(profiles: Mapping[str, Mapping[str, object]], **top: object) -> Keys:
    """Return the keys of SOFTWARE with these profiles: SID (or SID.bak) -> values."""
    listed = {
        "ProfilesDirectory": r"%SystemDrive%\Users",
        "ProgramData": r"%SystemDrive%\ProgramData",
        "Public": r"%SystemDrive%\Users\Public",
        "Default": r"%SystemDrive%\Users\Default",
    }
    keys: dict[str, Mapping[str, object]] = {
        VERSION: software()[VERSION],
        rf"{VERSION}\ProfileList": {**listed, **top},
        rf"{VERSION}\ProfileList\S-1-5-18": {"ProfileImagePath": r"%SystemRoot%\system32"},
    }
    return keys | {rf"{VERSION}\ProfileList\{sid}": values for sid, values in profiles.items()}


def surveyed(*disks: FakeFilesystem, volumes: Sequence[VolumeInfo] = ()) -> Survey:
    """Return the survey of these volumes, found by our own locators."""
    found = [
        each
        for locator in (WindowsDirLocator, WindowsOldLocator)
        for each in locator().locate(disks)
    ]
    ordered = in_order(found, [each.info.id for each in disks])
    infos = volumes or [each.info for each in disks]
    return survey(ordered, infos, {each.info.id: each for each in disks})


def three() -> Survey:
    r"""Return a machine with ``C:\Windows``, ``C:\Windows.old\Windows``, ``D:\Windows`` and a broken ``C:\Bad``."""
    letters = system({"C": gpt(GUID_C), "D": gpt(GUID_D)})
    first = {
        **windows("Windows", system=letters),
        **windows(r"Windows.old\Windows", system=letters),
        r"Bad\System32\config\SOFTWARE": b"text",
        r"Mounted\inner.txt": b"",
        r"Users\bob\a.txt": b"now",
        r"Windows.old\Users\bob\a.txt": b"before",
    }
    second = windows("Windows", software(SystemRoot=r"D:\Windows"), letters)
    return surveyed(disk(first, VOLUME_C), disk({**second, r"Data\x": b""}, VOLUME_D))


def installed(files: Files, keys: Keys, accounts: Keys | None = None) -> WindowsInstall:
    """Return the Windows of a one-volume machine with these files and this SOFTWARE hive."""
    own = windows("Windows", keys, system({"C": gpt(GUID_C)}))
    own[r"Windows\System32\config\SAM"] = tiny_hive(accounts or sam({}))
    found = surveyed(disk({**own, **files}, VOLUME_C))
    return open_install(found, choose(found).chosen[0])
