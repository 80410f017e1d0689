"""Volumes in memory that hold Windows directories with real (tiny) hives."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

from extractor.model import VolumeInfo
from extractor.testing import FAKE_VOLUME, FakeFile, FakeFilesystem
from tests.registry.tiny_hive import Keys, tiny_hive

VERSION = r"Microsoft\Windows NT\CurrentVersion"
SHUTDOWN = 133_000_000_000_000_000
Files = Mapping[str, bytes | FakeFile | None]


def software(**values: object) -> Keys:
    """Return the keys of a SOFTWARE hive, Windows 10 unless told."""
    usual = {
        "ProductName": "Windows 10 Pro",
        "CurrentVersion": "6.3",
        "CurrentMajorVersionNumber": 10,
        "CurrentMinorVersionNumber": 0,
        "CurrentBuildNumber": "19045",
        "EditionID": "Professional",
        "InstallDate": 1_600_000_000,
        "SystemRoot": r"C:\Windows",
    }
    return {
        VERSION: {name: value for name, value in {**usual, **values}.items() if value is not None},
        rf"{VERSION}\ProfileList\S-1-5-18": {},
        rf"{VERSION}\ProfileList\S-1-5-21-1-2-3-1001": {"ProfileImagePath": r"C:\Users\bob"},
    }


SYSTEM: Keys = {
    "Select": {"Current": 1},
    r"ControlSet001\Control\ComputerName\ComputerName": {"ComputerName": "DESK"},
    r"ControlSet001\Control\Session Manager\Environment": {"PROCESSOR_ARCHITECTURE": "AMD64"},
    r"ControlSet001\Control\Windows": {"ShutdownTime": SHUTDOWN.to_bytes(8, "little")},
}


def kernel(machine: int) -> bytes:
    """Return the head of a PE file built for a machine."""
    stub = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    return stub.ljust(0x80, b"\0") + b"PE\0\0" + struct.pack("<H", machine)


def windows(path: str, keys: Keys | None = None, system: Keys = SYSTEM) -> dict[str, bytes]:
    """Return the files of a valid Windows directory."""
    system32 = rf"{path}\System32"
    return {
        rf"{system32}\ntoskrnl.exe": kernel(0x8664),
        rf"{system32}\config\SOFTWARE": tiny_hive(keys or software()),
        rf"{system32}\config\SYSTEM": tiny_hive(system),
        rf"{path}\WinSxS\amd64_kernel\ntoskrnl.exe": kernel(0x8664),
        rf"{path}\WinSxS\amd64_x\System32\config\SOFTWARE": b"",
    }


def volume(identity: str, number: int = 1, **changes: object) -> VolumeInfo:
    """Return a volume with this id."""
    return replace(FAKE_VOLUME, id=identity, number=number, **changes)  # type: ignore[arg-type]


def disk(files: Files, info: VolumeInfo = FAKE_VOLUME) -> FakeFilesystem:
    """Return a volume that holds these files."""
    return FakeFilesystem(files, info)
