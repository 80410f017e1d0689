"""WindowsInstall -> what selection needs of it: who comes, the Scene, and what a person should know before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extractor.errors import SourceError
from extractor.evaluate import Profile, Scene
from extractor.model import WinPath
from extractor.registry import Registry
from extractor.select.users import Choice, UserSwitches, choose_users, unmatched
from extractor.windows import (
    WindowsInstall,
    stray_profiles,
    system_variables,
    unreachable,
    user_variables,
)

CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
NO_FOLDER = "not on these disks"
"""Why a user of ProfileList does not come, in the place of a switch."""


def scene_of(install: WindowsInstall) -> Scene:
    """Return a Windows as rules see it."""
    system = system_variables(install)
    profiles = (Profile(user, user_variables(install, user, system)) for user in install.users)
    return Scene(
        namespace=install.namespace,
        profiles=tuple(profiles),
        variables=system,
        registry=install.registry,
        version=_version(install),
        is_64bit=install.arch != "x86",
    )


def _version(install: WindowsInstall) -> str:
    """Return ``major.minor.build.servicepack``, as DoesOSMatch compares it (usmt.md 3.8)."""
    candidate = install.candidate
    major, minor, *_ = [*candidate.version.split("."), "0", "0"]
    return f"{major or 0}.{minor}.{candidate.build or 0}.{_service_pack(install.registry)}"


def _service_pack(registry: Registry) -> str:
    """Return the number in ``CSDVersion`` ("Service Pack 1"), 0 without one: no Windows since 8 has any."""
    try:
        said = registry.text(CURRENT_VERSION, "CSDVersion")
    except SourceError:
        return "0"
    number = said.rpartition(" ")[2]
    return number if number.isascii() and number.isdecimal() else "0"


def choices_of(install: WindowsInstall, switches: UserSwitches, now: int) -> tuple[Choice, ...]:
    """Return who comes: the switches decide, but a profile whose folder is not here cannot."""
    computer = install.candidate.computer
    found = choose_users(install.users, switches, computer, now)
    return tuple(_present(install, choice) for choice in found)


def _present(install: WindowsInstall, choice: Choice) -> Choice:
    if choice.selected and install.namespace.resolve(choice.user.profile) is None:
        return Choice(choice.user, selected=False, switch=NO_FOLDER)
    return choice


def warnings_of(
    install: WindowsInstall, scene: Scene, choices: Sequence[Choice], switches: UserSwitches
) -> Iterator[str]:
    """Yield what may be missed: strays, profiles and folders that are elsewhere, patterns that name nobody."""
    yield from install.warnings
    for stray in stray_profiles(install, WinPath.parse(scene.variables["PROFILESFOLDER"])):
        yield f"{stray} belongs to no user of this Windows: no user's rules reach it"
    for choice, profile in zip(choices, scene.profiles, strict=True):
        user = choice.user
        if choice.switch == NO_FOLDER:
            yield f"{user.account}: the profile folder {user.profile} is {NO_FOLDER}"
        if choice.selected:
            away = unreachable(profile.variables, install.namespace)
            yield from (f"{user.account}: {each}" for each in away)
    if switches.last_used:
        yield "/uel goes by the times of NTUSER.DAT and its last use as this disk has them"
    for switch, patterns in (("/ui", switches.include), ("/ue", switches.exclude)):
        for pattern in unmatched(patterns, install.users, install.candidate.computer):
            yield f"{switch}:{pattern} matches no user of this Windows"
