from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from extractor.errors import DamagedError
from extractor.model import Candidate
from extractor.seams import Locator, registered
from extractor.testing import FakeFile, FakeFilesystem, check_locator
from tests.plugins.disks import SHUTDOWN, Files, disk, kernel, software, volume, windows
from tests.registry.tiny_hive import tiny_hive
from windows_locators.windows_dir import WindowsDirLocator
from windows_locators.windows_old import WindowsOldLocator

LOCATORS: list[type[Locator]] = [WindowsDirLocator, WindowsOldLocator]


def located(*disks: FakeFilesystem) -> dict[str, Candidate]:
    """Return what both locators find, by path."""
    found = [each for locator in LOCATORS for each in check_locator(locator, disks)]
    assert len({(each.volume, each.record) for each in found}) == len(found)
    return {"\\".join(each.path): each for each in found}


def only(files: Files) -> Candidate:
    found = located(disk(files))
    assert len(found) == 1
    return next(iter(found.values()))


def evidence(candidate: Candidate, name: str) -> str:
    return next(each.value for each in candidate.evidence if each.name == name)


def test_a_windows_is_found_with_all_that_its_hives_say() -> None:
    found = only(windows("Windows"))
    assert found.valid
    assert found.kind == "windows"
    assert found.path == ("Windows",)
    assert found.root == 5
    assert (found.product, found.version, found.build) == ("Windows 10 Pro", "10.0", "19045")
    assert (found.edition, found.arch, found.computer) == ("Professional", "x64", "DESK")
    assert found.last_shutdown == SHUTDOWN
    assert evidence(found, "profiles") == "1"
    assert evidence(found, "installed") == "2020-09-13 12:26:40 UTC"
    assert evidence(found, "last shutdown") == "2022-06-18 04:26:40 UTC"
    assert evidence(found, "SOFTWARE") == "parses"
    assert evidence(found, "SAM") == r"System32\config\SAM is missing"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Windows", "windows"),
        ("WINNT", "windows"),
        ("WinBackup", "windows"),
        (r"Backup\OldPC\Windows", "windows"),
        ("Windows.old", "windows"),
        (r"Windows.old\Windows", "windows.old"),
        (r"windows.OLD\WINDOWS", "windows.old"),
        (r"Windows.old.000\Windows", "windows.old"),
        (r"Windows.old(1)\Windows", "windows.old"),
        (r"$WINDOWS.~BT\NewOS\Windows", "windows.old"),
        (r"Windows.older\Windows", "windows"),
    ],
)
def test_the_place_tells_the_kind_and_the_parent_was_drive_c(path: str, kind: str) -> None:
    filesystem = disk(windows(path))
    found = located(filesystem)[path]
    assert (found.kind, found.valid) == (kind, True)
    parent = filesystem.path(next(iter(filesystem.names(found.root))))
    assert parent == found.path[:-1]


def test_several_windows_on_several_volumes_are_all_found_once() -> None:
    first = disk({**windows("Windows"), **windows(r"Windows.old\Windows")}, volume("A"))
    second = disk({**windows("Windows"), **windows(r"Old\Windows")}, volume("B", 2))
    found = [each for locator in LOCATORS for each in check_locator(locator, [first, second])]
    assert sorted((each.volume, *each.path) for each in found) == [
        ("A", "Windows"),
        ("A", "Windows.old", "Windows"),
        ("B", "Old", "Windows"),
        ("B", "Windows"),
    ]


def test_copies_inside_a_windows_are_no_candidates() -> None:
    copy = {r"Windows\System32\config\RegBack\SOFTWARE": tiny_hive(software())}
    assert list(located(disk({**windows("Windows"), **copy}))) == ["Windows"]
    assert located(disk({r"Tools\System32\readme.txt": b"", r"x\config\SOFTWARE": b""})) == {}


def test_case_twins_of_a_windows_directory_are_two_candidates() -> None:
    found = located(disk({**windows("Windows"), **windows("WINDOWS")}))
    assert sorted(found) == ["WINDOWS", "Windows"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SOFTWARE": None}, r"System32\config\SOFTWARE is missing"),
        ({"SYSTEM": None}, r"System32\config\SYSTEM is missing"),
        ({"SOFTWARE": b"\0" * 8192}, r"System32\config\SOFTWARE: not a registry hive"),
        ({"SYSTEM": b"regf" + b"\xa5" * 9000}, r"System32\config\SYSTEM: not a primary hive"),
        ({"SYSTEM": FakeFile(error=DamagedError("bad sector"))}, "bad sector"),
        ({"SOFTWARE": tiny_hive({"Microsoft": {}})}, "SOFTWARE has no key Microsoft"),
    ],
)
def test_a_directory_that_is_no_valid_windows_says_why(change: Files, reason: str) -> None:
    files: dict[str, bytes | FakeFile | None] = dict(windows("Windows"))
    for name, content in change.items():
        del files[rf"Windows\System32\config\{name}"]
        if content is not None:
            files[rf"Windows\System32\config\{name}"] = content
    found = only(files)
    assert not found.valid
    assert found.reason.startswith(reason)


def test_the_base_image_of_containers_is_named_and_not_valid() -> None:
    path = r"ProgramData\Microsoft\Windows\Containers\BaseImages\{1}\Files\Windows"
    assert "containers" in only(windows(path)).reason


@pytest.mark.parametrize(
    ("machine", "arch"),
    [(0x8664, "x64"), (0x14C, "x86"), (0xAA64, "arm64")],
)
def test_the_kernel_tells_the_architecture(machine: int, arch: str) -> None:
    files = {**windows("Windows"), r"Windows\System32\ntoskrnl.exe": kernel(machine)}
    assert only(files).arch == arch


@pytest.mark.parametrize(
    "content", [b"", b"MZ", kernel(0)[:0x82], b"MZ" + b"\xff" * 100, kernel(0x1C0)]
)
def test_without_a_readable_kernel_the_registry_tells_the_architecture(content: bytes) -> None:
    files = {**windows("Windows"), r"Windows\System32\ntoskrnl.exe": content}
    assert only(files).arch == "x64"


@pytest.mark.parametrize(
    ("name", "build", "product"),
    [
        ("Windows 10 Pro", "22000", "Windows 11 Pro"),
        ("Windows 10 Home", "26100", "Windows 11 Home"),
        ("Windows 10 Pro", "19045", "Windows 10 Pro"),
        ("Windows Server 2025", "26100", "Windows Server 2025"),
        ("Windows 10 Pro", "junk", "Windows 10 Pro"),
        ("Windows 10 Pro", "9" * 5000, "Windows 11 Pro"),
    ],
)
def test_windows_11_is_known_by_its_build(name: str, build: str, product: str) -> None:
    found = only(windows("W", software(ProductName=name, CurrentBuildNumber=build)))
    assert found.product == product
    corrected = [each for each in found.evidence if each.name == "product corrected"]
    assert bool(corrected) == (name != product)


def test_xp_has_its_build_in_current_build_number_alone() -> None:
    keys = software(
        ProductName="Microsoft Windows XP",
        CurrentVersion="5.1",
        CurrentMajorVersionNumber=None,
        CurrentBuildNumber="2600",
        CurrentBuild="1.511.1 () (Obsolete data - do not use)",
    )
    found = only(windows("WINDOWS", keys))
    assert (found.version, found.build) == ("5.1", "2600")


def test_damage_inside_a_hive_is_evidence_and_not_the_end() -> None:
    content = bytearray(tiny_hive({**software(), r"ZLast\ZKey": {}}))
    at = content.index(b"ProductName") - 0x14  # its value record
    content[at : at + 2] = b"xx"
    found = only({**windows("Windows"), r"Windows\System32\config\SOFTWARE": bytes(content)})
    assert found.product == ""
    assert "damaged" in evidence(found, "product")


def test_a_dirty_hive_is_said() -> None:
    dirty = tiny_hive(software(), sequences=(9, 8))
    found = only({**windows("Windows"), r"Windows\System32\config\SOFTWARE": dirty})
    assert found.valid
    assert "parses; its logs hold newer data" in evidence(found, "SOFTWARE")
    assert "read as it lies" in evidence(found, "SOFTWARE")


def test_a_damaged_hive_is_read_from_its_copy_in_regback_and_that_is_said() -> None:
    config = r"Windows\System32\config"
    hives = {
        rf"{config}\SOFTWARE": b"damaged",
        rf"{config}\RegBack\SOFTWARE": tiny_hive(software()),
    }
    found = only({**windows("Windows"), **hives})
    assert found.valid
    assert "copy in RegBack" in evidence(found, "SOFTWARE")


def test_both_locators_are_registered() -> None:
    assert {"windows-dir", "windows-old"} <= {plugin.name for plugin in registered("locators")}


def test_a_real_windows_7_is_recognised(data: Path) -> None:
    hives = {
        rf"Windows\System32\config\{name}": lzma.decompress(
            (data / "hives" / "win7-shield" / f"{name}.xz").read_bytes()
        )
        for name in ("SOFTWARE", "SYSTEM", "SAM")
    }
    found = only(hives)
    assert found.valid
    assert (found.product, found.version, found.build, found.edition, found.arch) == (
        "Windows 7 Ultimate", "6.1", "7601", "Ultimate", "x86",
    )  # fmt: skip
    assert found.computer == "WKS-WIN732BITA"
    assert int(evidence(found, "profiles")) > 1
    assert found.last_shutdown > 129_000_000_000_000_000
