from __future__ import annotations

import pytest

from extractor.model import VolumeInfo
from extractor.registry import Registry
from extractor.testing import FakeHive
from extractor.windows.drives import DriveLetter, drive_letters, names_volume
from tests.plugins.disks import volume
from tests.windows.machines import GUID_C, GUID_D, VOLUME_C, VOLUME_D, gpt, mbr

EFI = volume("EFI", 1, filesystem="fat32", partition_type="c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
RECOVERY = volume("REC", 2, partition_type="de94bba4-06d1-4d40-a16a-bfd50179d6ac")
EXTRA = volume("VX", 5, partition_guid="", partition_type="basic")
CDROM = r"\??\IDE#CdRomVBOX".encode("utf-16-le")


def registry(devices: dict[str, object]) -> Registry:
    named = {rf"\DosDevices\{letter}": data for letter, data in devices.items()}
    hive = FakeHive({"MountedDevices": {**named, r"\??\Volume{1}": gpt(GUID_C)}})
    return Registry({r"HKLM\SYSTEM": lambda: hive})


def given(devices: dict[str, object], *volumes: VolumeInfo) -> list[tuple[str, str, str]]:
    found = drive_letters(registry(devices), volumes)
    return [(each.letter, each.volume, each.how) for each in found]


def test_letters_come_from_mounted_devices_by_partition_guid() -> None:
    assert given({"C:": gpt(GUID_C), "E:": gpt(GUID_D)}, EFI, RECOVERY, VOLUME_C, VOLUME_D) == [
        ("C:", "VC", "MountedDevices"),
        ("E:", "VD", "MountedDevices"),
    ]


def test_letters_come_from_mounted_devices_by_disk_signature_and_offset() -> None:
    first = volume("A", 1, disk_signature=0xCAFE, offset=1 << 20)
    second = volume("B", 2, disk_signature=0xCAFE, offset=9 << 40)
    devices: dict[str, object] = {"D:": mbr(0xCAFE, 1 << 20), "C:": mbr(0xCAFE, 9 << 40)}
    assert given(devices, first, second) == [
        ("C:", "B", "MountedDevices"),
        ("D:", "A", "MountedDevices"),
    ]


def test_volumes_that_nothing_names_get_letters_by_rule_in_disk_order() -> None:
    assert given({}, EFI, VOLUME_C, RECOVERY, VOLUME_D) == [
        ("C:", "VC", "by rule"),
        ("D:", "VD", "by rule"),
    ]


def test_a_letter_kept_for_a_disk_that_is_not_here_is_given_first() -> None:
    devices: dict[str, object] = {"C:": gpt(GUID_C), "G:": gpt(GUID_D), "D:": CDROM}
    assert given(devices, VOLUME_C, EXTRA, volume("VY", 6))[1:] == [
        ("E:", "VY", "by rule"),
        ("G:", "VX", "by rule"),
    ]


def test_claims_stand_before_what_mounted_devices_says() -> None:
    claim = DriveLetter("C:", "VD", "SystemRoot")
    found = drive_letters(
        registry({"C:": gpt(GUID_C), "D:": gpt(GUID_D)}), [VOLUME_C, VOLUME_D], [claim]
    )
    assert [(each.letter, each.volume) for each in found] == [("C:", "VD"), ("D:", "VC")]


def test_two_volumes_with_one_identity_get_two_letters() -> None:
    twin = volume("TWIN", 9, partition_guid=GUID_C)
    assert given({"C:": gpt(GUID_C)}, VOLUME_C, twin) == [
        ("C:", "VC", "MountedDevices"),
        ("D:", "TWIN", "by rule"),
    ]


def test_a_volume_that_holds_a_windows_gets_a_letter_whatever_its_type() -> None:
    found = drive_letters(registry({}), [RECOVERY], needed={"REC"})
    assert [(each.letter, each.volume) for each in found] == [("C:", "REC")]


@pytest.mark.parametrize(
    "identity",
    [b"", b"\0" * 12, b"DMIO:ID:", b"x" * 12, b"x" * 24, gpt(GUID_D), mbr(1, 2), b"\0" * 5000],
)
def test_an_identity_that_is_not_the_volumes_names_nothing(identity: bytes) -> None:
    assert not names_volume(identity, VOLUME_C)


def test_junk_among_the_letters_is_ignored() -> None:
    assert given({"CC:": gpt(GUID_C), "1:": gpt(GUID_C), "": b"", "ß:": gpt(GUID_C)}) == []


def test_more_volumes_than_letters_leave_the_rest_without() -> None:
    many = [volume(f"V{number}", number) for number in range(40)]
    assert len(given({}, *many)) == 24
