r"""The people of one Windows: ProfileList -> User…, with what state each profile is in and when it was last used.

Source: usmt.md 2.5; profiles of services (SYSTEM, LocalService, NetworkService, ``NT SERVICE\*``, IIS pools) are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from extractor.errors import SourceError
from extractor.model import User, WinPath, upcase
from extractor.registry import Registry
from extractor.windows.accounts import Accounts, sid_text
from extractor.windows.namespace import Namespace
from extractor.windows.remembered import Account
from extractor.windows.variables import PROFILES, expand

TEMPORARY = 0x800
"""State bit of a profile that Windows made because it could not load the real one."""
TEMPORARY_FOLDER = re.compile(r"TEMP(\..*)?")
ASIDE = re.compile(r"(S-1(?:-\d+)+)\..+", re.IGNORECASE | re.ASCII)
"""A key that Windows (``.bak``) or a person (``.old``) renamed to put a profile aside."""
PEOPLE = ("S-1-5-21-", "S-1-12-1-")
"""Local and domain accounts; Entra ID accounts."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One key of ProfileList: ``key`` is its name, ``sid`` the same without ``.bak``.

    ``recorded`` is what its value ``Sid`` says; Windows goes by the key, so it only shows who else claims that SID.
    """

    key: str
    sid: str
    path: WinPath
    state: int = 0
    loaded: int = 0
    unloaded: int = 0
    recorded: str = ""

    @property
    def backup(self) -> bool:
        """True when Windows put this profile aside because of an error."""
        return self.key != self.sid

    @property
    def temporary(self) -> bool:
        r"""True when Windows made it because it could not load the real one: a state bit, or ``C:\Users\TEMP``."""
        named_so = TEMPORARY_FOLDER.fullmatch(upcase(self.path.name))
        return bool(self.state & TEMPORARY or named_so)


def profiles(
    registry: Registry, variables: Mapping[str, str], namespace: Namespace
) -> Iterator[Profile]:
    """Yield the profiles of people, by SID; those that are in use before their ``.bak`` twins."""
    for key in sorted(registry.subkeys(PROFILES), key=lambda name: (upcase(name), name)):
        if not upcase(key).startswith(PEOPLE):
            continue
        place = rf"{PROFILES}\{key}"
        text = expand(registry.text(place, "ProfileImagePath"), variables)
        yield Profile(
            key,
            aside[1] if (aside := ASIDE.fullmatch(key)) else key,
            _profile_path(text, namespace),
            registry.number(place, "State"),
            _time(registry, place, "Load"),
            _time(registry, place, "Unload"),
            sid_text(value.data) if (value := registry.value(place, "Sid")) else "",
        )


def foremost(listed: Iterable[Profile], namespace: Namespace) -> dict[str, Profile]:
    """Return upper-case SID -> the one of its profiles whose folder and hives count.

    Of those whose folder is here: the one in use, one put aside (it holds the person's files), a temporary one.
    """

    def rank(profile: Profile) -> tuple[bool, bool, bool]:
        gone = not profile.path.parts or namespace.resolve(profile.path) is None
        return gone, profile.temporary and not profile.backup, profile.backup

    found: dict[str, Profile] = {}
    for profile in sorted(listed, key=rank):
        found.setdefault(upcase(profile.sid), profile)
    return found


def _profile_path(text: str, namespace: Namespace) -> WinPath:
    """Return a profile's path; a slash separates too, unless a folder really has it in its name (a POSIX name)."""
    exact = WinPath(text[:2].upper(), tuple(filter(None, text[2:].split("\\"))))
    if "/" in text and text[1:2] == ":" and namespace.resolve(exact):
        return exact
    return WinPath.parse(text)


def find_users(
    listed: list[Profile], registry: Registry, namespace: Namespace, accounts: Accounts
) -> Iterator[User]:
    """Yield a User for each profile; a damaged hive is a state, never an error."""
    in_use = {upcase(each.sid) for each in listed if not each.backup}
    for profile in listed:
        account = accounts.find(profile.sid)
        claims = {upcase(profile.recorded)} - {upcase(profile.sid)}
        state, written = _state(profile, registry, namespace, bool(claims & in_use))
        yield User(
            profile.sid,
            account.name,
            account.domain,
            profile.path,
            state,
            tuple(_last_used(profile, namespace, account, written)),
            account.source,
            account.local,
            accounts.groups_of(profile.sid),
        )


def _state(
    profile: Profile, registry: Registry, namespace: Namespace, is_duplicate: bool
) -> tuple[str, int]:
    """Return the profile's state, and when its hive was last written (FILETIME, 0 when that is not known)."""
    if profile.backup:
        return "backup", 0
    if profile.temporary:
        return "temporary", 0
    if is_duplicate:
        return "duplicate-sid", 0
    if not profile.path.parts or namespace.resolve(profile.path) is None:
        return "missing", 0
    try:
        hive = registry.hive(f"HKU\\{profile.sid}")
        return ("ok", hive.last_written()) if hive else ("no-hive", 0)
    except SourceError:
        return "unreadable-hive", 0


def _last_used(
    profile: Profile, namespace: Namespace, account: Account, written: int
) -> Iterator[tuple[str, int]]:
    sources = {
        "NTUSER.DAT modified": _hive_modified(profile, namespace),
        "NTUSER.DAT root key written": written,
        "profile loaded": profile.loaded,
        "profile unloaded": profile.unloaded,
        "last logon (SAM)": account.local.last_logon if account.local else 0,
    }
    yield from ((name, time) for name, time in sources.items() if time)


def _hive_modified(profile: Profile, namespace: Namespace) -> int:
    """Return $STANDARD_INFORMATION's modified time of NTUSER.DAT, 0 when there is none."""
    place = namespace.resolve(profile.path / "NTUSER.DAT")
    if place is None:
        return 0
    filesystem, entry = place
    try:
        return filesystem.metadata(entry).times.modified
    except SourceError:
        return 0  # the file itself gets its own outcome when it is gathered


def _time(registry: Registry, key: str, what: str) -> int:
    """Return a FILETIME kept in two halves: LocalProfileLoadTimeHigh/Low (10), ProfileLoadTimeHigh/Low (before)."""
    for prefix in ("LocalProfile", "Profile"):
        high = registry.number(key, f"{prefix}{what}TimeHigh") & 0xFFFFFFFF
        low = registry.number(key, f"{prefix}{what}TimeLow") & 0xFFFFFFFF
        if high:
            return high << 32 | low
    return 0
