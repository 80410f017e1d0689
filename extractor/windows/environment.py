"""WindowsInstall -> the variables that rules see: of the machine, and of each user.

How each is found is told in ``variables.py``. Source: USMT "Recognized environment variables"; usmt.md 3.9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from extractor.model import User, WinPath, printable
from extractor.windows.folders import DEFAULT_USER
from extractor.windows.install import WindowsInstall
from extractor.windows.namespace import Namespace
from extractor.windows.variables import (
    DEFAULT_PROFILE,
    Variables,
    base_variables,
    machine_variables,
    profile_variables,
)


def system_variables(install: WindowsInstall) -> Variables:
    """Return the variables of System context, those of the default user (``CSIDL_DEFAULT_…``) among them."""
    version = install.candidate.version
    found = machine_variables(install.registry, base_variables(install.system_root), version)
    if install.arch == "x86":  # a 32-bit Windows has no folder of its own for 32-bit programs
        for name in ("PROGRAMFILES(X86)", "COMMONPROGRAMFILES(X86)"):
            found.pop(name, None)
        found["CSIDL_PROGRAM_FILESX86"] = found["PROGRAMFILES"]
        found["CSIDL_PROGRAM_FILES_COMMONX86"] = found["COMMONPROGRAMFILES"]
    theirs = profile_variables(
        install.registry, found, install.default_profile, DEFAULT_PROFILE, version
    )
    for name in DEFAULT_USER:
        if f"CSIDL_{name}" in theirs:
            found[f"CSIDL_DEFAULT_{name}"] = theirs[f"CSIDL_{name}"]
    return found


def user_variables(install: WindowsInstall, user: User, system: Mapping[str, str]) -> Variables:
    """Return the variables of User context: those of the ``system``, and the user's own folders and names."""
    version = install.candidate.version
    found = profile_variables(install.registry, system, user.profile, user.sid, version)
    found["USERSID"] = user.sid
    found["USERNAME"] = user.name or user.profile.name
    found["USERDOMAIN"] = user.domain or install.candidate.computer
    found["HOMEPATH"] = str(user.profile)[len(user.profile.drive) :]
    return found


def unreachable(variables: Mapping[str, str], namespace: Namespace) -> Iterator[str]:
    """Yield a sentence for each folder that was redirected to where these disks do not reach."""
    drives = {mount.at.drive for mount in namespace.mounts}
    away: dict[str, str] = {}
    for name, text in sorted(variables.items()):
        drive = WinPath.parse(text).drive
        if text.startswith("\\\\") or (text[1:3] == ":\\" and drive not in drives):
            away.setdefault(text, name)
    for text, name in away.items():
        yield f"%{name}% is redirected outside the image, to {printable(text)}"
