r"""To whom a path belongs: a profile folder and all in it to its user, ``HKU\<SID>`` to the user with that SID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extractor.model import WinPath, upcase
from extractor.rules.patterns import node_text
from extractor.select.users import Choice

Owners = Mapping[str, Choice]
"""Node text of a profile folder -> its user."""


def owners_of(choices: Sequence[Choice]) -> Owners:
    """Return whose each profile folder is; where two users share one, a selected user, then the lower SID."""
    ranked = sorted(choices, key=lambda each: (not each.selected, each.user.sid))
    owners: dict[str, Choice] = {}
    for choice in ranked:
        if choice.user.profile.drive and choice.user.profile.parts:
            owners.setdefault(node_text(choice.user.profile), choice)
    return owners


def owner_of(path: WinPath, owners: Owners) -> Choice | None:
    """Return in whose profile a path lies, None when it is in nobody's."""
    for depth in range(len(path.parts), 0, -1):
        owner = owners.get(node_text(WinPath(path.drive, path.parts[:depth])))
        if owner:
            return owner
    return None


def key_owner(path: WinPath, choices: Sequence[Choice]) -> Choice | None:
    """Return whose hive a registry path lies in; of two profiles with one SID, the one that comes, then by path."""
    if path.drive != "HKU" or not path.parts:
        return None
    sid = upcase(path.parts[0])
    mine = [each for each in choices if upcase(each.user.sid) == sid]
    return min(mine, key=lambda each: (not each.selected, each.user.profile.key), default=None)
