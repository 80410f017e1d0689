"""WindowsInstall -> what selection needs of it: who comes, the Scene, and what a person should know before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from extractor.errors import ProfileError, SourceError
from extractor.evaluate import Profile, Scene
from extractor.model import User, WinPath, printable, upcase
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
SKIPPED = "MIG_FAIL_ON_PROFILE_ERROR=0"
"""The same, for a profile with an error that the request wants left out."""
PUT_ASIDE = "put aside by Windows; the profile in use comes"
"""The same, for a ``.bak`` profile of a person who has another that comes."""
ERRORS = {
    "temporary": "is a temporary one that Windows made because it could not load the real one",
    "duplicate-sid": "claims the SID of another profile",
}
"""States of a profile that are errors (usmt.md 1.6, 1.7, 2.4)."""


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


def choices_of(
    install: WindowsInstall,
    switches: UserSwitches,
    now: int,
    *,
    fail_on_profile_error: bool = True,
) -> tuple[Choice, ...]:
    r"""Return who comes: the switches decide, but a profile whose folder is not here cannot.

    Neither can one with an error: a temporary profile whose folder is there still (``C:\Users\TEMP``), and one whose
    value ``Sid`` is the SID of another. USMT ends then, so this raises ProfileError (26); with
    MIG_FAIL_ON_PROFILE_ERROR=0 that profile stays behind and the others come (usmt.md 1.7, 2.4).

    ``.bak`` alone is no error: what Windows puts aside is the person's own profile. Beside a profile in use that comes
    it stays behind, for one SID can be restored once; where that is a temporary one, or gone, it is the one that comes.
    """
    computer = install.candidate.computer
    found = choose_users(install.users, switches, computer, now)
    present = [_present(install, choice) for choice in found]
    for choice in present:
        if choice.selected and choice.user.state in ERRORS and fail_on_profile_error:
            raise ProfileError(_error_of(choice.user))
    return tuple(_once_each([_left_out(choice) for choice in present]))


def _error_of(user: User) -> str:
    account, folder = printable(user.account), printable(str(user.profile))
    return (
        f"{account}: the profile {folder} {ERRORS[user.state]};"
        f" set MIG_FAIL_ON_PROFILE_ERROR=0 to leave it behind"
    )


def _left_out(choice: Choice) -> Choice:
    if choice.selected and choice.user.state in ERRORS:
        return replace(choice, selected=False, switch=SKIPPED)
    return choice


def _once_each(choices: Sequence[Choice]) -> Iterator[Choice]:
    """Yield the choices in order; of each SID one comes: the profile in use, else the first that was put aside."""
    first: dict[str, Choice] = {}
    for each in sorted(choices, key=lambda each: each.user.state == "backup"):
        if each.selected:
            first.setdefault(upcase(each.user.sid), each)
    for each in choices:
        is_second = each.selected and first[upcase(each.user.sid)] is not each
        yield replace(each, selected=False, switch=PUT_ASIDE) if is_second else each


def _present(install: WindowsInstall, choice: Choice) -> Choice:
    if choice.selected and install.namespace.resolve(choice.user.profile) is None:
        return Choice(choice.user, selected=False, switch=NO_FOLDER)
    return choice


def missing_of(choices: Sequence[Choice]) -> Iterator[str]:
    """Yield a sentence for each user who would come if the profile's folder were here."""
    for choice in choices:
        if choice.switch == NO_FOLDER:
            yield f"{choice.user.account}: the profile folder {choice.user.profile} is {NO_FOLDER}"


def _troubles(choices: Sequence[Choice]) -> Iterator[str]:
    """Yield a sentence for each profile that stays behind, or comes, though something is wrong with it."""
    for choice in choices:
        user = choice.user
        what = f"{user.account}: the profile {user.profile}"
        if choice.switch == SKIPPED:
            yield f"{what} {ERRORS[user.state]} and is left behind ({SKIPPED})"
        elif choice.switch == PUT_ASIDE:
            yield f"{what} does not come: {PUT_ASIDE}"
        elif choice.selected and user.state == "backup":
            yield f"{what} was put aside by Windows and comes: this person has no other here"


def warnings_of(
    install: WindowsInstall, scene: Scene, choices: Sequence[Choice], switches: UserSwitches
) -> Iterator[str]:
    """Yield what may be missed: strays, profiles with an error, folders that are elsewhere, patterns that name nobody.

    Profiles whose folder is not here are ``missing_of``.
    """
    yield from install.warnings
    for stray in stray_profiles(install, WinPath.parse(scene.variables["PROFILESFOLDER"])):
        yield f"{stray} belongs to no user of this Windows: no user's rules reach it"
    for choice, profile in zip(choices, scene.profiles, strict=True):
        if choice.selected:
            away = unreachable(profile.variables, install.namespace)
            yield from (f"{choice.user.account}: {each}" for each in away)
    yield from _troubles(choices)
    if switches.last_used:
        yield "/uel goes by the times of NTUSER.DAT and its last use as this disk has them"
    for switch, patterns in (("/ui", switches.include), ("/ue", switches.exclude)):
        for pattern in unmatched(patterns, install.users, install.candidate.computer):
            yield f"{switch}:{pattern} matches no user of this Windows"
