"""The people of a store -> ``users.json``: whom the script looks for on its Windows, makes, and puts into groups.

A SID of the old machine means nothing on another one, so the file names accounts; the script asks its Windows which
SID each has. Source: USMT "LoadState syntax" (/mu, /md, /lac, /lae), "Config.xml file" (changeGroup).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from extractor.model import User, upcase
from extractor.restore.people.users import People, Person
from extractor.restore.people.words import UserWords
from extractor.restore.rules.asked import Asked
from extractor.select.users import matches_user

APPLIED = frozenset({"MigratedUsers", "AllUsers"})
"""``appliesTo`` of a changeGroup that speaks of who comes."""


def users_json(
    people: People, asked: Asked, words: UserWords, header: dict[str, Any]
) -> dict[str, Any]:
    """Return the document: a row for each person who comes, in the order of the store's header."""
    groups = _memberships(header)
    rows = [
        _row(each, words, sorted(set(_groups(each, asked, people.computer, groups))))
        for each in people.persons
        if not each.left_out
    ]
    return {"computer": people.computer, "users": rows}


def _row(person: Person, words: UserWords, groups: list[str]) -> dict[str, Any]:
    user = person.user
    create = words.create_accounts and person.is_local
    return {
        "sid": user.sid,
        "was": user.account,
        "profile_was": str(user.profile),
        "name": person.name or user.profile.name,
        "domain": "" if person.is_local else person.domain,
        "local": person.is_local,
        "told_sid": person.sid if person.sid_told else "",
        "told_profile": str(person.profile) if person.profile_told else "",
        "create": create,
        "enable": create and words.enable_accounts,
        "groups": groups,
        "how": person.how,
    }


def _memberships(header: dict[str, Any]) -> dict[str, set[str]]:
    """Return SID -> upper-case names of the local groups that listed this user on the old machine."""
    found: dict[str, set[str]] = {}
    users = header.get("users")
    for row in users if isinstance(users, list) else ():
        if isinstance(row, dict) and isinstance(row.get("groups"), list):
            found[str(row.get("sid"))] = {upcase(str(each)) for each in row["groups"]}
    return found


def _groups(
    person: Person, asked: Asked, computer: str, groups: dict[str, set[str]]
) -> Iterator[str]:
    """Yield the local groups that a changeGroup of ProfileControl puts a person into."""
    for each in asked.instructions:
        if each.kind != "localGroups":
            continue
        try:
            said = json.loads(each.text)
            source, target, applies = (str(said[key]) for key in ("from", "to", "appliesTo"))
            include, exclude = ([str(one) for one in said[key]] for key in ("include", "exclude"))
        except (ValueError, LookupError, TypeError, RecursionError):
            asked.note(f"{each.source}: no change of groups of ProfileControl")
            continue
        was_in = source == "*" or upcase(source) in groups.get(person.user.sid, set())
        if applies in APPLIED and was_in and _means(person.user, include, exclude, computer):
            yield target


def _means(user: User, include: list[str], exclude: list[str], computer: str) -> bool:
    if any(matches_user(each, user, computer) for each in exclude):
        return False
    return not include or any(matches_user(each, user, computer) for each in include)
