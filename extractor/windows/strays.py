"""Folders beside the profiles that belong to no user of this Windows: state that nobody asked for may lie there.

A reinstalled Windows, a lost ProfileList or another Windows on the same disk leaves them; rules for users never reach
them, so they are named.
"""

from __future__ import annotations

from extractor.filesystems import is_link
from extractor.model import WinPath, upcase
from extractor.windows.install import WindowsInstall

SHARED = frozenset({"PUBLIC", "DEFAULT", "DEFAULT USER", "ALL USERS", "DEFAULTAPPPOOL", "TEMP"})
"""Names that Windows itself gives to folders there."""


def stray_profiles(install: WindowsInstall, folder: WinPath) -> list[WinPath]:
    """Return the folders of the profiles folder that are no user's, in order."""
    place = install.namespace.resolve(folder)
    if place is None:
        return []
    filesystem, directory = place
    known = {user.profile.key for user in install.users}
    return [
        folder / each.name
        for each in filesystem.children(directory)
        if each.directory
        and not is_link(each)
        and upcase(each.name) not in SHARED
        and (folder / each.name).key not in known
    ]
