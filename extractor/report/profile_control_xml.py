r"""Users who migrate and the local groups of SAM -> a Config.xml with a ready ``<ProfileControl>``.

USMT loses group membership offline and asks for a ``<changeGroup>`` written by hand (usmt.md 2.4, 5.5); here it is
written from SAM: one for each local group that a migrating user is a member of, then ``from="*"`` into ``Users`` for
everybody, as Microsoft's own example has it. The narrower ones stand first, so that a reader for whom the first match
decides gives nobody less than they had. Members that do not migrate stand in comments; nothing of a password is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from extractor.model import LocalGroup, User, printable, upcase

USERS = "S-1-5-32-545"
APPLIES_TO = "MigratedUsers"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile(r'[^\s"/\\\[\]:;|=,+*?<>]([^"/\\\[\]:;|=,+*?<>]*[^\s"/\\\[\]:;|=,+*?<>])?')
"""What a name of an account may be: none of the characters that Windows forbids there, no blank at either end."""

_NOTE = """ Written by coldstate from the offline SAM. Give this file to the restore with /config, or copy its
     ProfileControl into your own. to= is a local group of the destination: put its name there where that differs. """


def profile_control_xml(
    users: Sequence[User], groups: Iterable[LocalGroup], names: Mapping[str, str]
) -> str:
    """Return the document; ``users`` are those who migrate, ``names`` how to show the SID of a member."""
    listed = list(groups)
    root = ET.Element("Configuration")
    root.append(ET.Comment(_NOTE))
    mappings = ET.SubElement(
        ET.SubElement(ET.SubElement(root, "ProfileControl"), "localGroups"), "mappings"
    )
    for line in _memberships(users):
        mappings.append(ET.Comment(_comment(line)))
    for group in listed:
        mappings.extend(_group(group, users, names))
    everybody = next((each.name for each in listed if each.sid == USERS and each.name), "Users")
    mappings.append(_change_group("*", everybody, ["*"]))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _memberships(users: Iterable[User]) -> Iterator[str]:
    """Yield a line for each user: who, and the local groups that list this user."""
    for user in users:
        yield f"{user.account} ({user.sid}): {', '.join(user.groups) or 'in no local group by name'}"


def _group(
    group: LocalGroup, users: Iterable[User], names: Mapping[str, str]
) -> Iterator[ET.Element[Any]]:
    """Yield the mapping of a group that users who migrate are in, after its members that do not; nothing without."""
    members = set(map(upcase, group.members))
    coming = {upcase(user.sid): user for user in users if upcase(user.sid) in members}
    others = [names.get(sid, sid) for sid in group.members if upcase(sid) not in coming]
    if others:
        text = f"{group.name}: members that do not migrate: {', '.join(others)}"
        yield ET.Comment(_comment(text))
    if coming and group.sid != USERS and group.name:
        patterns = dict.fromkeys(user_pattern(user) for user in coming.values())
        yield _change_group(group.name, group.name, patterns)


def _change_group(source: str, target: str, patterns: Iterable[str]) -> ET.Element:
    names = {"from": _text(source), "to": _text(target), "appliesTo": APPLIES_TO}
    element = ET.Element("changeGroup", names)
    include = ET.SubElement(element, "include")
    for pattern in patterns:
        ET.SubElement(include, "pattern").text = pattern
    return element


def user_pattern(user: User) -> str:
    r"""Return ``DOMAIN\name``, or the SID where a name is missing or would mean something else as a pattern."""
    is_plain = all(
        _PLAIN.fullmatch(part) and _text(part) == part for part in (user.domain, user.name)
    )
    return f"{user.domain}\\{user.name}" if is_plain else user.sid


def _comment(text: str) -> str:
    return f" {_text(text).replace('--', '- -')} "


def _text(text: str) -> str:
    r"""Return text that XML can hold: what it cannot is shown as ``\x1b``, ``\uffff``."""
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))
