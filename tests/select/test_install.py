"""An opened Windows as selection needs it: its scene, who comes, what a person should know before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extractor.select import UserSwitches, choices_of, missing_of, scene_of, warnings_of
from extractor.select.install import NO_FOLDER
from extractor.windows import WindowsInstall
from tests.plugins.disks import VERSION, software
from tests.registry.tiny_hive import tiny_hive
from tests.windows.machines import MACHINE_SID, installed, people, sam

NOW = 133_500_000_000_000_000
SHELL = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"
BOB, EVA, AWAY = f"{MACHINE_SID}-1001", f"{MACHINE_SID}-1002", f"{MACHINE_SID}-1003"


def machine(**values: object) -> WindowsInstall:
    """Return a Windows with Bob, Eva, and a user whose profile folder is not on its disk."""
    paths = {BOB: r"C:\Users\bob", EVA: r"C:\Users\eva", AWAY: r"D:\Profiles\away"}
    keys = dict(people({sid: {"ProfileImagePath": path} for sid, path in paths.items()}))
    keys[VERSION] = {**software()[VERSION], **values}
    files = {
        r"Users\bob\NTUSER.DAT": tiny_hive({SHELL: {"Personal": r"\\server\home\bob"}}),
        r"Users\eva\NTUSER.DAT": tiny_hive({SHELL: {"Personal": r"%USERPROFILE%\Documents"}}),
        r"Users\left\a.txt": b"",
    }
    return installed(files, keys, sam({1001: "bob", 1002: "eva", 1003: "away"}))


@pytest.fixture(scope="module")
def install() -> WindowsInstall:
    return machine()


def warned(install: WindowsInstall, switches: UserSwitches) -> list[str]:
    choices = choices_of(install, switches, NOW)
    return [*warnings_of(install, scene_of(install), choices, switches), *missing_of(choices)]


# --- the scene ------------------------------------------------------------------------------------


def test_a_scene_has_the_machine_and_each_user_with_their_variables(
    install: WindowsInstall,
) -> None:
    scene = scene_of(install)
    assert scene.mounts == install.namespace.mounts
    assert scene.registry is install.registry
    assert scene.variables["WINDIR"] == r"C:\Windows"
    assert {profile.user.name: profile.variables["USERPROFILE"] for profile in scene.profiles} == {
        "bob": r"C:\Users\bob", "eva": r"C:\Users\eva", "away": r"D:\Profiles\away",
    }  # fmt: skip
    assert "USERPROFILE" not in scene.variables


VERSIONS = [
    # values of Windows NT\CurrentVersion, what DoesOSMatch compares (usmt.md 3.8)
    ({}, "10.0.19045.0"),
    ({"CSDVersion": "Service Pack 1"}, "10.0.19045.1"),
    ({"CSDVersion": "Service Pack 12"}, "10.0.19045.12"),
    ({"CSDVersion": ""}, "10.0.19045.0"),
    ({"CSDVersion": "Service Pack ²"}, "10.0.19045.0"),
    ({"CSDVersion": "Service Pack \u0663"}, "10.0.19045.0"),
    ({"CSDVersion": "beta"}, "10.0.19045.0"),
    ({"CurrentMajorVersionNumber": 6, "CurrentMinorVersionNumber": 1, "CurrentBuildNumber": "7601",
      "CSDVersion": "Service Pack 1"}, "6.1.7601.1"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "version"), VERSIONS)
def test_3_8_a_version_has_four_parts(values: dict[str, object], version: str) -> None:
    assert scene_of(machine(**values)).version == version


@pytest.mark.parametrize(
    ("version", "build", "expected"), [("", "", "0.0.0.0"), ("6", "", "6.0.0.0")]
)
def test_a_version_of_which_little_is_known_still_has_four_parts(
    install: WindowsInstall, version: str, build: str, expected: str
) -> None:
    known = replace(install.candidate, version=version, build=build)
    assert scene_of(replace(install, candidate=known)).version == expected


@pytest.mark.parametrize(
    ("arch", "expected"), [("x64", True), ("arm64", True), ("x86", False), ("", True)]
)
def test_only_x86_is_not_64_bit(install: WindowsInstall, arch: str, expected: bool) -> None:
    assert scene_of(replace(install, arch=arch)).is_64bit is expected


# --- who comes ------------------------------------------------------------------------------------


def test_a_user_whose_folder_is_not_here_does_not_come_and_the_reason_says_so(
    install: WindowsInstall,
) -> None:
    choices = choices_of(install, UserSwitches(), NOW)
    assert {each.user.name: (each.selected, each.switch) for each in choices} == {
        "bob": (True, ""), "eva": (True, ""), "away": (False, NO_FOLDER),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (UserSwitches(exclude=("bob",)), {"bob": "/ue:bob", "eva": "", "away": NO_FOLDER}),
        (UserSwitches(("away",), ("*",)), {"bob": "/ue:*", "eva": "/ue:*", "away": NO_FOLDER}),
        (UserSwitches((r"%computername%\eva",), (r"desk\*",)),
         {"bob": r"/ue:desk\*", "eva": r"/ui:%computername%\eva", "away": r"/ue:desk\*"}),
    ],
)  # fmt: skip
def test_the_switches_decide_and_name_the_offline_computer(
    install: WindowsInstall, switches: UserSwitches, expected: dict[str, str]
) -> None:
    choices = choices_of(install, switches, NOW)
    assert {each.user.name: each.switch for each in choices} == expected
    assert [each.user for each in choices] == list(install.users)


# --- warnings -------------------------------------------------------------------------------------


def test_strays_profiles_that_are_elsewhere_and_redirected_folders_are_warnings(
    install: WindowsInstall,
) -> None:
    assert warned(install, UserSwitches()) == [
        *install.warnings,
        r"C:\Users\left belongs to no user of this Windows: no user's rules reach it",
        r"DESK\bob: %CSIDL_MYDOCUMENTS% is redirected outside the image, to \\server\home\bob",
        rf"DESK\away: the profile folder D:\Profiles\away is {NO_FOLDER}",
    ]


def test_nothing_is_said_of_users_who_are_left_out(install: WindowsInstall) -> None:
    found = warned(install, UserSwitches(exclude=("bob", "away")))
    assert not [said for said in found if "bob" in said or "away" in said]


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (UserSwitches(("nobody",)), ["/ui:nobody matches no user of this Windows"]),
        (UserSwitches(exclude=(r"corp\*", "eva")), [r"/ue:corp\* matches no user of this Windows"]),
        (UserSwitches(("away", "bob"), ("*-1002",)), []),
    ],
)
def test_4_3_a_pattern_that_names_nobody_is_a_warning(
    install: WindowsInstall, switches: UserSwitches, expected: list[str]
) -> None:
    assert [each for each in warned(install, switches) if "matches no user" in each] == expected


def test_4_3_uel_is_accepted_offline_with_a_warning(install: WindowsInstall) -> None:
    assert any(each.startswith("/uel ") for each in warned(install, UserSwitches(last_used="5")))
    assert not any(each.startswith("/uel ") for each in warned(install, UserSwitches()))
