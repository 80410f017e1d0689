from __future__ import annotations

import pytest

from extractor.errors import (
    ColdstateError,
    DriveMapError,
    MultipleWindowsError,
    NoWindowsError,
)
from extractor.model import WinPath
from extractor.testing import FakeFilesystem
from extractor.windows import OfflineRequest, choose
from extractor.windows.offline_xml import DriveMapping, WinDir
from tests.plugins.disks import disk, windows
from tests.windows.machines import GUID_C, VOLUME_C, VOLUME_D, gpt, surveyed, system, three

FIRST, OLD, SECOND = r"C:\Windows", r"C:\Windows.old\Windows", r"D:\Windows"


def request(
    *paths: str, fail: bool | None = None, mappings: tuple[tuple[str, str], ...] = ()
) -> OfflineRequest:
    return OfflineRequest(
        tuple(WinDir(WinPath.parse(path), f"o.xml:{line}") for line, path in enumerate(paths, 1)),
        tuple(DriveMapping(WinPath.parse(a), WinPath.parse(b), "o.xml:9") for a, b in mappings),
        fail,
    )


TABLE: list[tuple[OfflineRequest | None, str]] = [
    (None, FIRST),
    (request(), FIRST),
    (request(FIRST), FIRST),
    (request(SECOND), SECOND),
    (request(OLD), OLD),
    (request(r"c:\WINDOWS"), FIRST),
    (request(SECOND, FIRST), SECOND),
    (request(FIRST, SECOND), FIRST),
    (request(r"C:\Bad", SECOND), SECOND),
    (request(r"C:\None", r"E:\Windows", OLD), OLD),
    (request("C:\\"), FIRST),
    (request("D:\\"), SECOND),
    (request(r"C:\Windows.old"), OLD),
    (request("E:\\", "D:\\"), SECOND),
    (request(r"\Windows"), FIRST),
    (request(r"Windows.old\Windows"), OLD),
    (request(FIRST, fail=False), FIRST),
    (request(r"E:\Windows", mappings=(("E:\\", "D:\\"),)), SECOND),
    (request(r"E:\Windows", mappings=(("D:\\", "E:\\"),)), SECOND),
    (request(r"X:\old\Windows", mappings=((r"X:\old", r"C:\Windows.old"),)), OLD),
]


@pytest.mark.parametrize(("wanted", "expected"), TABLE)
def test_the_first_valid_windir_wins(wanted: OfflineRequest | None, expected: str) -> None:
    found = three()
    assert [str(found.path_of(each)) for each in choose(found, wanted).chosen] == [expected]


def test_an_earlier_installation_is_never_taken_in_silence_for_the_damaged_current_one() -> None:
    bad = windows("Windows") | {r"Windows\System32\config\SOFTWARE": b"damaged"}
    found = surveyed(disk({**bad, **windows(r"Windows.old\Windows")}, VOLUME_C))
    choice = choose(found)
    assert [str(found.path_of(each)) for each in choice.chosen] == [OLD]
    (note,) = choice.notes
    assert "an earlier installation, taken because no current Windows is whole" in note
    assert r"C:\Windows (" in note


def test_all_windows_says_which_one_is_not_whole() -> None:
    (note,) = choose(three(), all_windows=True).notes
    assert r"C:\Bad (System32\config\SOFTWARE: not a registry hive" in note


REFUSED: list[tuple[OfflineRequest, type[ColdstateError], int, str]] = [
    (request(r"C:\None"), NoWindowsError, 26, r"C:\None is skipped: it is no Windows directory"),
    (request(r"C:\Bad"), NoWindowsError, 26, "SOFTWARE: not a registry hive"),
    (request(r"E:\Windows"), DriveMapError, 29, "The drives of this disk are C:, D:"),
    (request("E:\\", r"F:\Windows"), DriveMapError, 29, "no volume is drive F:"),
    (request(r"E:\Windows", r"C:\None"), NoWindowsError, 26, "no volume is drive E:"),
    (request(FIRST, fail=True), MultipleWindowsError, 26, "there are 2 Windows here"),
    (request(FIRST, OLD, fail=True), MultipleWindowsError, 26, "there are 3 Windows here"),
    (request(fail=True), MultipleWindowsError, 26, r"C:\Windows, D:\Windows"),
]


@pytest.mark.parametrize(("wanted", "error", "code", "message"), REFUSED)
def test_what_cannot_be_chosen_is_one_error_with_its_code(
    wanted: OfflineRequest, error: type[ColdstateError], code: int, message: str
) -> None:
    with pytest.raises(error) as caught:
        choose(three(), wanted)
    assert message in str(caught.value)
    assert caught.value.exit_code == code


def test_each_skipped_path_is_told() -> None:
    notes = choose(three(), request(r"C:\Bad", "E:\\", FIRST)).notes
    assert [note.partition(" is skipped")[0] for note in notes] == [
        r"o.xml:1: C:\Bad",
        "o.xml:2: E:\\",
    ]


def test_without_a_request_the_others_are_told() -> None:
    assert choose(three()).notes == (
        rf"{FIRST} is taken; also here: {SECOND}, {OLD}",
    )  # fmt: skip


def test_all_windows_are_all_valid_ones() -> None:
    found = three()
    chosen = choose(found, all_windows=True).chosen
    assert sorted(str(found.path_of(each)) for each in chosen) == [FIRST, OLD, SECOND]


def test_one_windows_does_not_fail_on_multiple_though_it_has_a_windows_old() -> None:
    files = {**windows("Windows"), **windows(r"Windows.old\Windows")}
    found = surveyed(disk(files, VOLUME_C))
    assert choose(found, request(FIRST, fail=True)).chosen[0].path == ("Windows",)


@pytest.mark.parametrize(
    ("disks", "expected"),
    [
        ([{**windows("WinBackup"), **windows("Windows")}, {}], "Windows"),
        ([windows("WinBackup"), windows("Windows")], "Windows"),
        ([windows(r"Windows.old\Windows"), windows("WinBackup")], "WinBackup"),
        ([windows(r"Windows.old\Windows"), {}], r"Windows.old\Windows"),
    ],
)
def test_the_likeliest_windows_is_taken_unasked(
    disks: list[dict[str, bytes]], expected: str
) -> None:
    first, second = disks
    found = surveyed(disk(first, VOLUME_C), disk(second, VOLUME_D))
    assert "\\".join(choose(found).chosen[0].path) == expected


def test_a_disk_without_a_windows_says_what_looks_like_one() -> None:
    broken = surveyed(disk({r"Bad\System32\config\SYSTEM": b""}, VOLUME_C))
    with pytest.raises(NoWindowsError, match="SOFTWARE is missing"):
        choose(broken)
    with pytest.raises(NoWindowsError, match="No directory of 1 readable volume"):
        choose(surveyed(FakeFilesystem({"a.txt": b""}, VOLUME_C)))


def test_names_from_the_image_are_shown_harmless() -> None:
    evil = "Evil\x1b[31m"
    found = surveyed(disk(windows(evil, system=system({"C": gpt(GUID_C)})), VOLUME_C))
    with pytest.raises(NoWindowsError) as caught:
        choose(found, request(r"C:\None"))
    assert "\x1b" not in str(caught.value)


def test_every_candidate_has_its_own_name_fit_for_a_folder() -> None:
    files = {
        **windows("Windows"),
        **windows("WINDOWS "),
        **windows(r"Windows.old\Windows"),
        **windows(r"Windows.old\WINNT"),
        **windows("..\x1b;日"),
    }
    found = surveyed(disk(files, VOLUME_C))
    names = [found.id_of(each) for each in found.candidates]
    assert "C-Windows" in names
    assert {"C-Windows.old", "C-Windows.old~2"} <= set(names)
    assert len(set(names)) == len(names) == 5
    assert all(name.isascii() and name.isprintable() and "/" not in name for name in names)
