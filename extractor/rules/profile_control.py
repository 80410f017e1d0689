"""``ProfileControl`` of a Config.xml -> plain data: a scan only keeps it, the restore applies it.

``{"localGroups": [{"from", "to", "appliesTo", "include": [user patterns], "exclude": […], "source"}], "domains":
[{"from", "to", "source"}], "users": [{"from", "to", "source"}]}``; empty lists are left out. Source: USMT "Config.xml
file" (ProfileControl); usmt.md 5.5: ``changeGroup`` stands in ``localGroups`` or in ``mappings`` inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from extractor.rules.config_elements import Elements, attribute, tag

if TYPE_CHECKING:
    from lxml import etree

Plain = dict[str, object]

APPLIES_TO = {each.lower(): each for each in ("MigratedUsers", "NonmigratedUsers", "AllUsers")}
PARTS = {
    "localgroups": ("localGroups", "changegroup"),
    "domains": ("domains", "domain"),
    "users": ("users", "user"),
}
"""Tag of a part -> its key in the data, tag of what it holds."""


def parse_profile_control(element: etree._Element, file: Elements) -> dict[str, list[Plain]]:
    """Return what a ProfileControl says; what cannot be used is a warning of the ``file`` and left out."""
    found: dict[str, list[Plain]] = {}
    for part in element:
        key, wanted = PARTS.get(tag(part), ("", ""))
        if not key:
            file.unknown(part)
            continue
        for each in _flattened(part):
            if tag(each) != wanted:
                file.unknown(each)
                continue
            plain = _change_group(each, file) if key == "localGroups" else _renaming(each, file)
            if plain:
                found.setdefault(key, []).append(plain)
    return found


def _flattened(part: etree._Element) -> Iterator[etree._Element]:
    for child in part:
        if tag(child) == "mappings":
            yield from child
        else:
            yield child


def _renaming(element: etree._Element, file: Elements) -> Plain:
    """Return a domain or a user, the equivalents of ``/md`` and ``/mu``."""
    given = {name: attribute(element, name) for name in ("from", "to")}
    if not all(given.values()):
        file.warn(element, f"<{element.tag}> needs from and to; it is ignored")
        return {}
    return {**given, "source": file.place(element)}


def _change_group(element: etree._Element, file: Elements) -> Plain:
    plain = _renaming(element, file)
    if not plain:
        return {}
    applies = attribute(element, "appliesTo") or "AllUsers"
    if applies.lower() not in APPLIES_TO:
        file.warn(element, f'appliesTo="{applies}" is not known; <changeGroup> is ignored')
        return {}
    lists = {"include": list[str](), "exclude": list[str]()}
    for child in element:
        if tag(child) not in lists:
            file.unknown(child)
            continue
        lists[tag(child)] += [text for each in child if (text := (each.text or "").strip())]
    if not any(lists.values()):
        file.warn(element, "<changeGroup> needs an include or an exclude; it is ignored")
        return {}
    return {**plain, "appliesTo": APPLIES_TO[applies.lower()], **lists}
