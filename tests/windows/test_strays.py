"""Folders beside the profiles that are nobody's are named, and nothing else is."""

from __future__ import annotations

import sample_images
from extractor.machine import open_machine
from extractor.model import WinPath
from extractor.windows import choose, open_install, stray_profiles, survey


def strays_of(name: str) -> list[str]:
    with open_machine([sample_images.unpack(name)]) as machine:
        found = survey(machine.candidates, machine.volumes, machine.filesystems)
        install = open_install(found, choose(found).chosen[0])
        return [str(path) for path in stray_profiles(install, WinPath("C:", ("Users",)))]


def test_the_folder_of_another_windows_user_is_named() -> None:
    assert strays_of("three") == ["C:\\Users\\kept"]


def test_users_and_shared_folders_are_no_strays() -> None:
    assert strays_of("solo") == []
