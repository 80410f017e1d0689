r"""The variables that rules may use (``%CSIDL_PERSONAL%``), resolved from the offline hives, never from this computer.

Each comes from the registry of that Windows and, where that says nothing usable, from its generation's default path.
Tables: ``folders.py``. Source: USMT "Recognized environment variables"; usmt.md 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from extractor.errors import SourceError
from extractor.model import WinPath, upcase
from extractor.registry import Registry
from extractor.windows.folders import (
    COMMON,
    LEGACY_COMMON,
    LEGACY_USER,
    MACHINE,
    PER_USER,
    PROGRAMS,
    SEVEN_USER,
    SYSTEM_PROFILE,
    Folder,
)

SHELL_FOLDERS = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
PROFILES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"

DEFAULT_PROFILE = "DEFAULT PROFILE"
"""Where the hive of the default user is mounted below HKU: he has no SID."""

Variables = dict[str, str]
"""Upper-case name -> text with nothing left to expand."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return text with every ``%NAME%`` that is known replaced, once; an unknown one stays as it is."""

    def value(found: re.Match[str]) -> str:
        return variables.get(upcase(found[1]), found[0])

    return re.sub(r"%([^%\\]+)%", value, text)


def base_variables(root: WinPath) -> Variables:
    r"""Return the variables that the Windows directory alone decides; ``root`` is in its own letters."""
    drive, windows = root.drive, str(root)
    system32 = rf"{windows}\System32"
    return {
        "SYSTEMDRIVE": drive,
        **dict.fromkeys(("SYSTEMROOT", "WINDIR", "CSIDL_WINDOWS"), windows),
        **dict.fromkeys(("SYSTEM", "SYSTEM32", "CSIDL_SYSTEM"), system32),
        "SYSTEM16": rf"{windows}\System",
        **dict.fromkeys(("CSIDL_FONTS", "CSIDL_COMMON_FONTS"), rf"{windows}\Fonts"),
        "CSIDL_RESOURCES": rf"{windows}\Resources",
    }


def machine_variables(registry: Registry, base: Mapping[str, str], version: str) -> Variables:
    """Return base and machine variables: profile folders, programs, common shell folders."""
    found = dict(base)
    if is_legacy(version):
        _settle_legacy(found, registry)
    else:
        for folder in MACHINE:
            _settle(found, folder, _texts(registry, PROFILES, folder), base)
    _settle(found, SYSTEM_PROFILE, _texts(registry, rf"{PROFILES}\S-1-5-18", SYSTEM_PROFILE), base)
    for folder in PROGRAMS:
        _settle(found, folder, _texts(registry, CURRENT_VERSION, folder), found)
    for folder in LEGACY_COMMON if is_legacy(version) else COMMON:
        key = rf"HKLM\SOFTWARE{SHELL_FOLDERS[len('Software') :]}"
        _settle(found, folder, _texts(registry, key, folder), _as_windows_means(found))
    return found


def profile_variables(
    registry: Registry, system: Mapping[str, str], profile: WinPath, sid: str, version: str
) -> Variables:
    r"""Return system and profile variables of a user, whose hive is mounted as ``HKU\sid``."""
    found = {**system, **dict.fromkeys(("USERPROFILE", "CSIDL_PROFILE"), str(profile))}
    meant = _as_windows_means(found)
    table = LEGACY_USER if is_legacy(version) else PER_USER
    if _is_seven_or_before(version):
        table = (*table, *SEVEN_USER)
    view = registry.for_user(sid)
    for folder in table:
        key = "HKCU\\Environment" if folder.value == "TEMP" else f"HKCU\\{SHELL_FOLDERS}"
        _settle(found, folder, _texts(view, key, folder), meant)
    return found


def is_legacy(version: str) -> bool:
    """Tell whether a version is before Vista (6.0), whose folders lie elsewhere."""
    major = version.partition(".")[0]
    return major.isdecimal() and int(major[:4]) < 6


def _is_seven_or_before(version: str) -> bool:
    major, _, minor = version.partition(".")
    return (major, minor) in {("6", "0"), ("6", "1")}


def _texts(registry: Registry, key: str, folder: Folder) -> Iterator[str]:
    """Yield what the registry says of a folder; an unreadable hive says nothing here, its user's state tells."""
    if folder.value:
        try:
            yield registry.text(key, folder.value)
        except SourceError:
            return


def _settle(
    found: Variables, folder: Folder, texts: Iterable[str], meant: Mapping[str, str]
) -> None:
    """Give a folder's names the first usable text: expanded, nothing unknown left in it; else the default."""
    candidates = [expand(text, meant) for text in texts] + [expand(folder.default, found)]
    usable = [text.rstrip("\\") for text in candidates if text and "%" not in text]
    if usable:
        found.update(dict.fromkeys(folder.names, usable[0]))


def _settle_legacy(found: Variables, registry: Registry) -> None:
    """Settle the profile folders of XP, whose ProfileList holds bare names below ProfilesDirectory."""
    folder = Folder(
        ("PROFILESFOLDER",), "ProfilesDirectory", r"%SYSTEMDRIVE%\Documents and Settings"
    )
    _settle(found, folder, _texts(registry, PROFILES, folder), found)
    for names, value, usual in (
        (("DEFAULTUSERPROFILE",), "DefaultUserProfile", "Default User"),
        (("PUBLIC", "ALLUSERSPROFILE"), "AllUsersProfile", "All Users"),
    ):
        name = next(_texts(registry, PROFILES, Folder(names, value, "")), "") or usual
        found.update(dict.fromkeys(names, rf"{found['PROFILESFOLDER']}\{name}"))


def _as_windows_means(found: Mapping[str, str]) -> dict[str, str]:
    """Return the variables as Windows itself means them in its registry: ALLUSERSPROFILE is ProgramData since Vista."""
    shared = found.get("PROGRAMDATA", found.get("ALLUSERSPROFILE", ""))
    return {**found, "ALLUSERSPROFILE": shared}
