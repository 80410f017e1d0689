r"""Which users come: ``/ui`` beats ``/uel`` beats ``/ue``; without any of them, everybody who has a profile.

Source: USMT "Identify users" and "ScanState syntax". A pattern is ``domain\user``, ``computer\user``,
``%computername%\user``, a bare ``user`` (a local one), or a SID such as ``*-500``; ``*`` is any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from extractor.errors import UsageError
from extractor.filetime import TICKS, to_filetime
from extractor.model import User, upcase
from extractor.rules.patterns import Glob

# LocalSystem, LocalService, NetworkService and the virtual accounts of services and desktops are not people.
_MACHINE_ACCOUNT = re.compile(r"S-1-5-(18|19|20|8\d|9\d)(-|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UserSwitches:
    """The switches ``/ui``, ``/ue`` (patterns, in order) and ``/uel`` of a command line."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    last_used: str = ""
    """Days, ``YYYY/MM/DD``, or empty when ``/uel`` was not given."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A user, whether that user comes, and the switch (or the reason) that decided."""

    user: User
    selected: bool
    switch: str = ""


def choose_users(
    users: Sequence[User], switches: UserSwitches, computer: str, now: int
) -> tuple[Choice, ...]:
    """Return a Choice for each user, in the order given.

    ``computer`` is the offline machine's name and ``now`` the FILETIME from which ``/uel:N`` counts back. Raises
    UsageError when ``/uel`` is neither a number of days nor a date.
    """
    since = parse_last_used(switches.last_used, now) if switches.last_used else None
    return tuple(_choice(user, switches, computer, since) for user in users)


def unmatched(patterns: Sequence[str], users: Sequence[User], computer: str) -> tuple[str, ...]:
    """Return the patterns of ``/ui`` or ``/ue`` that match no user: worth a warning, no error."""
    return tuple(
        pattern
        for pattern in patterns
        if not any(matches_user(pattern, user, computer) for user in users)
    )


def matches_user(pattern: str, user: User, computer: str) -> bool:
    """Tell whether a pattern of ``/ui`` or ``/ue`` names this user."""
    text = re.sub("%COMPUTERNAME%", lambda _: upcase(computer), upcase(pattern.strip()))
    domain, separator, name = text.rpartition("\\")
    if not separator:
        return _fits(text, user.sid) or (_is_local(user, computer) and _fits(text, user.name))
    return _fits(domain, user.domain or computer) and _fits(name, user.name)


def _choice(user: User, switches: UserSwitches, computer: str, since: int | None) -> Choice:
    for pattern in switches.include:
        if matches_user(pattern, user, computer):
            return Choice(user, selected=True, switch=f"/ui:{pattern}")
    if _MACHINE_ACCOUNT.match(user.sid):
        return Choice(user, selected=False, switch="an account of Windows itself")
    if since is not None:
        used = max((time for _, time in user.last_used), default=0)
        return Choice(user, selected=used >= since, switch=f"/uel:{switches.last_used}")
    for pattern in switches.exclude:
        if matches_user(pattern, user, computer):
            return Choice(user, selected=False, switch=f"/ue:{pattern}")
    return Choice(user, selected=True)


def parse_last_used(text: str, now: int) -> int:
    """Return the FILETIME from which on a use counts; ``/uel:0`` is "logged on now", on an offline disk nobody.

    Raises UsageError for what is neither days nor a date.
    """
    if re.fullmatch(r"\d{1,6}", text, re.ASCII):
        days = int(text)
        return now - days * 86_400 * TICKS if days else 1 << 64
    try:
        date = datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"/uel:{text}: give a number of days or a date as YYYY/MM/DD") from error
    return to_filetime(date)


def _is_local(user: User, computer: str) -> bool:
    return not user.domain or upcase(user.domain) == upcase(computer)


def _fits(pattern: str, text: str) -> bool:
    return Glob(tuple(re.split(r"\*+", upcase(pattern)))).matches(upcase(text))
