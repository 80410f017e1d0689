from __future__ import annotations

import pytest

from extractor.errors import DriveMapError
from extractor.model import Candidate, WinPath
from extractor.windows import Survey, WindowsInstall, open_install
from extractor.windows.offline_xml import DriveMapping
from tests.plugins.disks import disk, windows
from tests.windows.machines import (
    GUID_C,
    GUID_D,
    VOLUME_C,
    VOLUME_D,
    gpt,
    surveyed,
    system,
    three,
)


def candidate(found: Survey, path: str) -> Candidate:
    return next(each for each in found.candidates if str(found.path_of(each)) == path)


def opened(found: Survey, path: str, *mappings: tuple[str, str]) -> WindowsInstall:
    pairs = [DriveMapping(WinPath.parse(a), WinPath.parse(b), "o.xml:4") for a, b in mappings]
    return open_install(found, candidate(found, path), pairs)


def content(install: WindowsInstall, path: str) -> bytes | None:
    place = install.namespace.resolve(WinPath.parse(path))
    return None if place is None else place[0].open(place[1]).read_at(0, 99)


def test_drive_c_of_a_windows_old_is_its_folder() -> None:
    found = three()
    now, before = opened(found, r"C:\Windows"), opened(found, r"C:\Windows.old\Windows")
    assert content(now, r"C:\Users\BOB\A.txt") == b"now"
    assert content(before, r"C:\Users\bob\a.txt") == b"before"
    assert content(before, r"C:\Windows.old\Users\bob\a.txt") is None
    assert (now.id, before.id) == ("C-Windows", "C-Windows.old")
    assert content(before, r"D:\Data\x") == b""


def test_what_an_install_does_not_see_has_no_path_in_it() -> None:
    before = opened(three(), r"C:\Windows.old\Windows")
    filesystem = before.namespace.mounts[0].filesystem
    for entry in filesystem.named("a.txt"):
        path = before.namespace.path_of(filesystem, entry)
        old = filesystem.path(entry)[0] == "Windows.old"
        assert path == (WinPath.parse(r"C:\Users\bob\a.txt") if old else None)


def test_a_windows_on_another_drive_keeps_its_own_letters() -> None:
    second = opened(three(), r"D:\Windows")
    assert [(each.letter, each.volume, each.how) for each in second.letters] == [
        ("C:", "VC", "MountedDevices"),
        ("D:", "VD", "MountedDevices"),
    ]
    assert str(second.system_root) == r"D:\Windows"


def test_a_windows_that_was_renamed_is_found_under_its_own_name() -> None:
    files = {**windows("WinBackup"), **windows("Windows"), r"WinBackup\own.txt": b"renamed"}
    install = opened(surveyed(disk(files, VOLUME_C)), r"C:\WinBackup")
    assert content(install, r"C:\Windows\own.txt") == b"renamed"
    assert content(install, r"C:\WinBackup\own.txt") == b"renamed"


def test_a_copy_of_a_disk_in_a_folder_sees_that_folder_alone() -> None:
    files = {**windows(r"Backup\OldPC\Windows"), r"Backup\OldPC\Users\x.txt": b"x"}
    found = surveyed(disk(windows("Windows"), VOLUME_C), disk(files, VOLUME_D))
    install = opened(found, r"D:\Backup\OldPC\Windows")
    assert content(install, r"C:\Users\x.txt") == b"x"
    assert [str(mount.at) for mount in install.namespace.mounts] == ["C:\\"]


def test_a_drive_mapping_overrides_mounted_devices() -> None:
    install = opened(three(), r"C:\Windows", ("D:\\", "X:\\"))
    assert [(each.letter, each.volume, each.how) for each in install.letters] == [
        ("C:", "VC", "MountedDevices"),
        ("X:", "VD", "mapping"),
    ]
    assert content(install, r"X:\Data\x") == b""
    assert install.warnings == ()


def test_a_mapping_whose_other_side_alone_is_here_is_swapped_and_told() -> None:
    install = opened(three(), r"C:\Windows", ("X:\\", "D:\\"))
    assert content(install, r"X:\Data\x") == b""
    assert "the other way round" in install.warnings[0]


def test_a_mapping_never_takes_the_drive_that_the_windows_names_its_own() -> None:
    install = opened(three(), r"C:\Windows", ("C:\\", "D:\\"))
    assert content(install, r"C:\Users\bob\a.txt") == b"now"
    assert install.warnings == ("the mapping of volume VC to D: is not used: it is C:",)


def test_a_folder_can_be_mapped_to_a_drive_or_a_folder() -> None:
    install = opened(three(), r"C:\Windows", (r"C:\Mounted", "E:\\"), (r"D:\Data", r"C:\Data"))
    assert content(install, r"E:\inner.txt") == b""
    assert content(install, r"C:\Data\x") == b""


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("X:\\", "Y:\\"), "neither X: nor Y: is a drive"),
        ((r"C:\nowhere", r"D:\x"), r"C:\\nowhere is no folder"),
        ((r"C:\Mounted\inner.txt", "E:\\"), "is no folder"),
    ],
)
def test_a_mapping_of_nothing_is_an_error(pair: tuple[str, str], message: str) -> None:
    with pytest.raises(DriveMapError, match=message) as caught:
        opened(three(), r"C:\Windows", pair)
    assert str(caught.value).startswith("o.xml:4: ")


def test_the_architecture_can_be_given() -> None:
    found = three()
    chosen = candidate(found, r"C:\Windows")
    assert open_install(found, chosen).arch == "x64"
    assert open_install(found, chosen, arch="x86").arch == "x86"


def test_letters_are_those_of_the_first_valid_windows() -> None:
    swapped = system({"C": gpt(GUID_D), "E": gpt(GUID_C)})
    found = surveyed(disk({}, VOLUME_C), disk(windows("Windows", system=swapped), VOLUME_D))
    assert [(each.letter, each.volume) for each in found.letters] == [("C:", "VD"), ("E:", "VC")]
