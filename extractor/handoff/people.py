r"""The users of a Windows -> what LoadState must be told of each: ``/mu``, ``/lac``, ``/lae``; or why one stays behind.

A local account exists on the old computer alone, and its domain is that computer's name: without ``/mu`` LoadState
fails with 71 when the new one is called otherwise (usmt.md 2.4), without ``/lac`` it makes no account (1.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extractor.handoff.documents import ENTRA, NOT_MIGRATED
from extractor.model import User, printable
from extractor.report.profile_control_xml import user_pattern
from extractor.windows import WindowsInstall
from extractor.windows.accounts import FOLDER

STATES = {
    "temporary": "a temporary profile stays behind; set MIG_FAIL_ON_PROFILE_ERROR=0 or ScanState ends with 26",
    "duplicate-sid": "its SID is another's too; set MIG_FAIL_ON_PROFILE_ERROR=0 or ScanState ends with 26",
    "backup": "Windows put this profile aside (.bak): ScanState takes the one in use",
    "missing": "its folder is not on this disk",
    "no-hive": "it has no NTUSER.DAT",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A user, what LoadState needs for it, and a word for whoever types that."""

    account: str
    """Printable."""
    sid: str
    local: bool
    rename: str = ""
    """The ``/mu`` switch; empty when none is needed or none can be made."""
    note: str = ""


def people(install: WindowsInstall) -> Iterator[Person]:
    """Yield every user of a Windows."""
    for user in install.users:
        rename, note = _switch(user, install)
        is_local = user.local is not None and user.state not in NOT_MIGRATED
        yield Person(printable(user.account), printable(user.sid), is_local, rename, note)


def _switch(user: User, install: WindowsInstall) -> tuple[str, str]:
    """Return a user's ``/mu`` and a note."""
    if user.state in NOT_MIGRATED:
        return "", STATES[user.state]
    if user.sid.startswith(ENTRA):
        return "", "an Entra ID account: USMT does not migrate its profile"
    pattern = user_pattern(user)
    if pattern == user.sid:
        return "", "its name is not known here, or cannot be typed: look the SID up in its domain"
    if user.local:
        return f"/mu:{pattern}:{user.name}", _local_note(user)
    if user.sid.startswith(f"{install.sam.machine_sid}-") and install.sam.machine_sid:
        return "", "a local account that was deleted; its profile is still here"
    guessed = "; the name is only that of its folder" if user.name_from == FOLDER else ""
    return "", f'in another domain: "/mu:{pattern}:NEWDOMAIN\\{user.name}"{guessed}'


def _local_note(user: User) -> str:
    disabled = user.local is not None and "disabled" in user.local.flags
    return "was disabled: disable it again after /lae" if disabled else "local: needs /lac"
