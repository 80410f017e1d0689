r"""``changeGroup`` of the scan's Config.xml -> who is to come into which local group of the target, and who out of one.

Each ``changeGroup`` speaks for itself: every one that fits an account is followed, for the documentation knows no order
of them. An account that was in ``from`` (``*``: any) comes into ``to``; it is moved, so it leaves the group that
``from`` names, unless another ``changeGroup`` brings it there. Who was in a group is what SAM of the old machine told.
Source: USMT "Config.xml file" (ProfileControl); usmt.md 5.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from extractor.model import Instruction, User, WinPath, upcase
from extractor.restore.people.users import People
from extractor.restore.settings.sam_groups import ENGLISH
from extractor.select.users import matches_user
from extractor.windows.sam import BUILTIN_SID

MIGRATED, NONMIGRATED, ALL = "MigratedUsers", "NonmigratedUsers", "AllUsers"
ANY = "*"
_ACCOUNT = re.compile(r"S-1-(5-21|12-1)(-\d{1,10}){4}", re.ASCII)
"""SIDs that people have: of a machine or a domain, of Entra ID."""
_ENGLISH_OF = {f"{BUILTIN_SID}-{rid}": name for name, rid in ENGLISH.items()}


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One account comes into a local group, or leaves it."""

    sid: str
    """At the target."""
    group: str
    """As the Config.xml calls it."""
    add: bool
    why: str
    """``file:line`` of the ``changeGroup``."""


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One ``changeGroup``."""

    source: str
    target: str
    applies: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Subject:
    """An account of the old machine and the names of the local groups that it was in, in upper case."""

    user: User
    sid: str
    migrated: bool
    groups: set[str] = field(default_factory=set)


def group_changes(
    instructions: Iterable[Instruction], people: People, header: Mapping[str, Any]
) -> tuple[tuple[GroupChange, ...], tuple[str, ...]]:
    """Return what is to become of local groups, each once, and a sentence on each ``changeGroup`` that is none.

    ``header`` is that of the manifest. The SIDs of ``people`` must be those of the target: an account that is made
    there, or was found there, has another one than on the old machine. Of those who do not migrate, local accounts
    of the old machine are left out, for nobody at the target is one of them.
    """
    mappings, notes = _mappings(instructions)
    subjects = [*_subjects(people, header)] if mappings else []
    changes: dict[tuple[str, str, bool], GroupChange] = {}
    for mapping in mappings:
        for each in subjects:
            if _fits(mapping, each, people.computer):
                for change in _changes(mapping, each.sid):
                    changes.setdefault((each.sid, upcase(change.group), change.add), change)
    kept = (
        change
        for (sid, group, add), change in changes.items()
        if add or (sid, group, True) not in changes
    )
    return tuple(sorted(kept, key=lambda change: not change.add)), notes


def _mappings(
    instructions: Iterable[Instruction],
) -> tuple[list[_Mapping], tuple[str, ...]]:
    found, notes = [], []
    for each in instructions:
        if each.kind != "localGroups":
            continue
        try:
            found.append(_mapping(each))
        except (ValueError, LookupError, TypeError, RecursionError):
            notes.append(f"{each.source}: no change of groups of ProfileControl")
    return sorted(found, key=lambda each: _place(each.why)), tuple(notes)


def _mapping(instruction: Instruction) -> _Mapping:
    """Return what an instruction says; raise ValueError, LookupError, TypeError or RecursionError for any other."""
    said = json.loads(instruction.text)
    source, target, applies = (said[key] for key in ("from", "to", "appliesTo"))
    include, exclude = (tuple(said[key]) for key in ("include", "exclude"))
    if not all(isinstance(each, str) for each in (source, target, applies, *include, *exclude)):
        raise ValueError("a name or a pattern is no text")
    if applies not in {MIGRATED, NONMIGRATED, ALL} or not (include or exclude):
        raise ValueError("it does not say whom it speaks of")
    return _Mapping(source, target, applies, include, exclude, instruction.source)


def _place(why: str) -> tuple[str, int]:
    """Return what ``file:line`` sorts by."""
    file, _, line = why.rpartition(":")
    return file, int(line) if line.isascii() and line.isdecimal() and len(line) < 10 else 0


def _subjects(people: People, header: Mapping[str, Any]) -> Iterator[_Subject]:
    """Yield those who migrate, then those who do not: of the header's users, and of the members of its groups."""
    listed = _memberships(header)
    coming = {upcase(each.user.sid): each for each in people.persons if not each.left_out}
    for sid, person in coming.items():
        yield _Subject(person.user, person.sid, migrated=True, groups=listed.get(sid, set()))
    local = upcase(str(header.get("machine_sid") or "")) + "-"
    for sid, user in _others(header).items():
        if sid not in coming and _ACCOUNT.fullmatch(sid) and not sid.startswith(local):
            yield _Subject(user, sid, migrated=False, groups=listed.get(sid, set()))


def _others(header: Mapping[str, Any]) -> dict[str, User]:
    """Return all accounts that the header tells of, by SID: users with a profile, members of local groups."""
    found: dict[str, User] = {}
    for row in _rows(header, "users"):
        sid = upcase(str(row.get("sid")))
        found[sid] = _user(sid, str(row.get("domain") or ""), str(row.get("name") or ""))
    for group in _rows(header, "groups"):
        for member in _rows(group, "members"):
            sid = upcase(str(member.get("sid")))
            domain, _, name = str(member.get("name") or "").rpartition("\\")
            found.setdefault(sid, _user(sid, domain, name))
    return found


def _user(sid: str, domain: str, name: str) -> User:
    return User(sid, name, domain, WinPath(""), "")


def _memberships(header: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return SID -> what the local groups that listed it are called: name, SID, English name."""
    found: dict[str, set[str]] = {}
    for group in _rows(header, "groups"):
        sid = upcase(str(group.get("sid")))
        names = {upcase(str(group.get("name"))), sid, upcase(_ENGLISH_OF.get(sid, sid))}
        for member in _rows(group, "members"):
            found.setdefault(upcase(str(member.get("sid"))), set()).update(names)
    for user in _rows(header, "users"):
        told = user.get("groups")
        if isinstance(told, list):
            mine = found.setdefault(upcase(str(user.get("sid"))), set())
            mine.update(upcase(str(each)) for each in told)
    return found


def _rows(of: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = of.get(key)
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _fits(mapping: _Mapping, subject: _Subject, computer: str) -> bool:
    if mapping.applies != ALL and (mapping.applies == MIGRATED) is not subject.migrated:
        return False
    if mapping.source != ANY and upcase(mapping.source) not in subject.groups:
        return False
    if any(matches_user(each, subject.user, computer) for each in mapping.exclude):
        return False
    include = mapping.include or (ANY,)
    return any(matches_user(each, subject.user, computer) for each in include)


def _changes(mapping: _Mapping, sid: str) -> Iterator[GroupChange]:
    yield GroupChange(sid, mapping.target, add=True, why=mapping.why)
    if mapping.source not in {ANY, mapping.target}:
        yield GroupChange(sid, mapping.source, add=False, why=mapping.why)
