r"""The users of a store's header and what was said of them -> who each is at the target: name, SID, profile folder.

The first renaming that fits a user decides (a ``--user-map`` stands before ``/mu``, that before ``users`` of a
Config.xml); where none does, the first ``/md`` or ``domains``. Without a word a user stays who it is. Source: USMT
"LoadState syntax" (/mu, /md, /lac, /lae, /ui, /ue).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from extractor.errors import CorruptStoreError, UsageError
from extractor.model import User, WinPath, printable, upcase
from extractor.restore.people.words import Moving, Renaming, UserWords
from extractor.rules.patterns import Glob
from extractor.select.users import matches_user


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the store and who that is at the target."""

    user: User
    """As it was on the machine."""
    name: str
    domain: str
    sid: str
    profile: WinPath
    is_local: bool
    how: str = ""
    """The word or ``file:line`` that changed something; empty when all stays."""
    left_out: str = ""
    """The switch, or what the target lacks, that leaves this user out."""
    sid_told: bool = False
    """A ``--user-map`` says the SID."""
    profile_told: bool = False
    """A ``--user-map`` says the profile folder."""
    is_new: bool = False
    """The target is a Windows that has no profile of this user."""
    to_make: bool = False
    """The target is a Windows that has no such account, and ``/lac`` makes it."""

    @property
    def account(self) -> str:
        r"""``DOMAIN\name`` at the target."""
        return replace(self.user, name=self.name, domain=self.domain, sid=self.sid).account

    @property
    def unknown(self) -> str:
        """What there is to say when nobody told the SID of another account, else empty."""
        same = self.sid != self.user.sid or upcase(self.account) == upcase(self.user.account)
        if same or not self.how:
            return ""
        return (
            f"{self.how}: the SID of {self.account} is not known, so access lists keep {self.sid};"
            " the third column of --user-map tells it"
        )


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the store, and what there is to say of the mapping."""

    persons: tuple[Person, ...]
    computer: str = ""
    notes: tuple[str, ...] = ()
    """Users of the command line whom the store does not have; SIDs that nobody told. One sentence each."""
    accounts: tuple[str, ...] = ()
    """Local accounts that ``/lac`` asks for."""
    by_sid: Mapping[str, Person] = field(default_factory=dict)
    sids: dict[str, str] = field(init=False, compare=False)
    """SIDs that change: old -> new."""
    profiles: tuple[tuple[WinPath, WinPath], ...] = field(init=False, compare=False)
    """Profile folders, old -> new, the deepest first."""

    def __post_init__(self) -> None:
        """Work out, once, what is asked for each object."""
        sids = {each.user.sid: each.sid for each in self.persons if each.user.sid != each.sid}
        pairs = [(each.user.profile, each.profile) for each in self.persons]
        object.__setattr__(self, "sids", sids)
        object.__setattr__(
            self, "profiles", tuple(sorted(pairs, key=lambda pair: -len(pair[0].parts)))
        )

    def left_out(self, sid: str) -> str:
        """Return the switch that leaves a user out, empty for one who comes and for the machine."""
        person = self.by_sid.get(sid)
        return person.left_out if person else ""


def map_users(header: Mapping[str, Any], words: UserWords) -> People:
    """Return who each user of a manifest's header is at the target.

    Raises UsageError (11) when ``/lae`` stands alone or two users would be one, CorruptStoreError (42) for a header
    that no run wrote.
    """
    if words.enable_accounts and not words.create_accounts:
        raise UsageError("/lae enables the accounts that /lac creates; it is nothing alone")
    computer, machine_sid = _machine(header)
    users = [_user(each) for each in _selected(header)]
    renamings = [_fitting(each, words.renamings, computer, users) for each in users]
    persons = tuple(
        _person(user, renaming, words, computer, machine_sid)
        for user, renaming in zip(users, renamings, strict=True)
    )
    refuse_conflicts(persons)
    return People(
        persons, computer, tuple(_notes(persons, words, computer, users)),
        tuple(each.account for each in persons if words.create_accounts and each.is_local and not each.left_out),
        {each.user.sid: each for each in persons},
    )  # fmt: skip


def _machine(header: Mapping[str, Any]) -> tuple[str, str]:
    windows = header.get("windows")
    computer = windows.get("computer") if isinstance(windows, dict) else ""
    return str(computer or ""), str(header.get("machine_sid") or "")


def _selected(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    users = header.get("users")
    rows = users if isinstance(users, list) else []
    return [each for each in rows if isinstance(each, dict) and each.get("selected")]


def _user(row: Mapping[str, Any]) -> User:
    told = [row.get(key) for key in ("sid", "name", "domain", "profile", "state")]
    if not told[0] or not all(isinstance(each, str) for each in told):
        raise CorruptStoreError("a user in the manifest's header has no SID, name or profile")
    sid, name, domain, profile, state = map(str, told)
    return User(sid, name, domain, WinPath.parse(profile), state, last_used=_last_used(row))


def _last_used(row: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    found = row.get("last_used")
    rows = found.items() if isinstance(found, dict) else ()
    return tuple((str(name), time) for name, time in rows if isinstance(time, int))


def _fitting(
    user: User, renamings: Sequence[Renaming], computer: str, users: Sequence[User]
) -> Renaming | None:
    return next((each for each in renamings if _means(each, user, computer, users)), None)


def _means(renaming: Renaming, user: User, computer: str, users: Sequence[User]) -> bool:
    """Tell whether a renaming speaks of a user; its old name holds no wildcard."""
    old = upcase(renaming.old)
    if old == upcase(user.sid):
        return True
    domain, backslash, name = old.rpartition("\\")
    if name != upcase(user.name) or not name:
        return False
    if backslash:
        local = domain in {".", "%COMPUTERNAME%"}
        return upcase(user.domain or computer) == (upcase(computer) if local else domain)
    if not user.domain or upcase(user.domain) == upcase(computer):
        return True
    return renaming.any_domain and sum(upcase(each.name) == name for each in users) == 1


def _person(
    user: User, renaming: Renaming | None, words: UserWords, computer: str, machine_sid: str
) -> Person:
    left_out = _left_out(user, words, computer)
    if renaming is None:
        return _moved(user, words.movings, computer, machine_sid, left_out)
    name = renaming.name or user.name
    domain = user.domain if renaming.domain is None else renaming.domain
    renamed = upcase(name) != upcase(user.name)
    profile = renaming.profile or (user.profile.parent / name if renamed else user.profile)
    local = _is_local(domain, user, computer, machine_sid)
    sid = renaming.sid or user.sid
    told = bool(renaming.sid), renaming.profile is not None
    return Person(user, name, domain, sid, profile, local, renaming.source, left_out, *told)


def _moved(
    user: User, movings: Iterable[Moving], computer: str, machine_sid: str, left_out: str
) -> Person:
    domain = user.domain or computer
    found = next((each for each in movings if _fits(each, domain, computer)), None)
    new, how = (found.new, found.source) if found else (user.domain, "")
    local = _is_local(new, user, computer, machine_sid)
    return Person(user, user.name, new, user.sid, user.profile, local, how, left_out)


def _fits(moving: Moving, domain: str, computer: str) -> bool:
    old = upcase(moving.old).replace("%COMPUTERNAME%", upcase(computer))
    if old in {".", "LOCALCOMPUTER"}:
        old = upcase(computer)
    return Glob(tuple(re.split(r"\*+", old))).matches(upcase(domain))


def _is_local(domain: str, user: User, computer: str, machine_sid: str) -> bool:
    if upcase(domain) != upcase(user.domain):
        return upcase(domain) == upcase(computer)
    if machine_sid and user.sid.startswith(f"{machine_sid}-"):
        return True
    return bool(computer) and upcase(domain) == upcase(computer)


def _left_out(user: User, words: UserWords, computer: str) -> str:
    if any(matches_user(each, user, computer) for each in words.include):
        return ""
    if words.last_used:
        used = max((time for _, time in user.last_used), default=0)
        return "" if used >= words.since else f"/uel:{words.last_used}"
    found = next((each for each in words.exclude if matches_user(each, user, computer)), None)
    return f"/ue:{found}" if found else ""


def refuse_conflicts(persons: Sequence[Person]) -> None:
    """Raise UsageError (11) when two of those who come would be one, or have one folder."""
    folders: dict[tuple[str, ...], Person] = {}
    above: dict[tuple[str, ...], Person] = {}
    """Folders that hold a profile, and whose."""
    others: dict[tuple[str, str], Person] = {}
    for each in persons:
        if each.left_out:
            continue
        key = each.profile.key
        ways = [key[:depth] for depth in range(1, len(key))]
        if key in folders:
            said = f"would share the profile folder {printable(str(each.profile))}"
            raise _conflict(folders[key], each, said)
        inside = above.get(key) or next((folders[way] for way in ways if way in folders), None)
        if inside:
            both = f"of {_both(inside, each)} one would have its profile folder in the other's"
            raise UsageError(both)
        for kind, name, said in (
            ("sid", each.sid, f"would share the SID {each.sid}"),
            ("account", upcase(each.account), f"would both be {printable(each.account)}"),
        ):
            if (kind, name) in others:
                raise _conflict(others[kind, name], each, said)
            others[kind, name] = each
        folders[key] = each
        above.update(dict.fromkeys(ways, each))


def _conflict(one: Person, other: Person, said: str) -> UsageError:
    return UsageError(f"{_both(one, other)} {said}")


def _both(one: Person, other: Person) -> str:
    return f"{printable(one.user.account)} and {printable(other.user.account)}"


def _notes(
    persons: Sequence[Person], words: UserWords, computer: str, users: Sequence[User]
) -> Iterable[str]:
    for each in words.renamings:
        if not any(_means(each, user, computer, users) for user in users):
            yield f"{each.source}: the store has no user {each.old}"
    for moving in words.movings:
        if not any(_fits(moving, user.domain or computer, computer) for user in users):
            yield f"{moving.source}: the store has no user of {moving.old}"
    for pattern in (*words.include, *words.exclude):
        if not any(matches_user(pattern, user, computer) for user in users):
            yield f"{pattern}: the store has no such user"
    yield from filter(None, (person.unknown for person in persons))
