"""The people of a store -> ``users.json``: whom the script looks for on its Windows, makes, and puts into groups.

A SID of the old machine means nothing on another one, so the file names accounts; the script asks its Windows which
SID each has. Source: USMT "LoadState syntax" (/mu, /md, /lac, /lae), "Config.xml file" (changeGroup).
"""

from __future__ import annotations

from typing import Any

from extractor.restore.people.users import People, Person
from extractor.restore.people.words import UserWords
from extractor.restore.rules.asked import Asked
from extractor.restore.settings.group_changes import group_changes


def users_json(
    people: People, asked: Asked, words: UserWords, header: dict[str, Any]
) -> dict[str, Any]:
    """Return the document: a row for each person who comes, in the order of the store's header."""
    changes, notes = group_changes(asked.instructions, people, header)
    for note in notes:
        asked.note(note)
    joined = {(each.sid, each.group) for each in changes if each.add}
    rows = [
        _row(each, words, sorted(group for sid, group in joined if sid == each.sid))
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
