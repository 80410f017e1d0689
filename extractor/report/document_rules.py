r"""The document finder's result -> MigXML: the patterns of ``GenerateDocPatterns``, spelled out (``/genmigxml``).

Two components, as in USMT's MigDocs.xml: of the machine, and of the users. What was found for one user counts for that
user alone: ``IsSameObject('File', '%USERPROFILE%', 'C:\Users\bob')`` says so in rules that genuine USMT reads as well.
Source: USMT "Understanding migration XML files"; usmt.md 3.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from extractor.evaluate import Profile, Scene
from extractor.evaluate.documents import document_patterns
from extractor.model import User
from extractor.rules.patterns import escape

URLID = "urn:coldstate:genmigxml"
MOST_STARS = 16
"""Stars that stand for single characters of one pattern; of a name with more, all that begins alike is taken."""

_UNSPEAKABLE = re.compile("[\0-\x1f\ud800-\udfff\ufffe\uffff]+")
"""What XML cannot hold, or does not keep."""


def document_rules(scene: Scene, users: Iterable[User]) -> str:
    """Return the document; ``users`` are those who come."""
    root = ET.Element("migration", {"urlid": URLID})
    machine = _rules(root, "Documents of the machine", "System")
    _fill(machine, scene, None)
    _role(_component(root, "Documents of the users", "User"), scene, users)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _component(root: ET.Element, name: str, context: str) -> ET.Element:
    component = ET.SubElement(root, "component", {"type": "Documents", "context": context})
    ET.SubElement(component, "displayName").text = name
    return ET.SubElement(component, "role", {"role": "Data"})


def _rules(root: ET.Element, name: str, context: str) -> ET.Element:
    return ET.SubElement(_component(root, name, context), "rules")


def _role(role: ET.Element, scene: Scene, users: Iterable[User]) -> None:
    profiles = {profile.user: profile for profile in scene.profiles}
    for user in users:
        rules = ET.SubElement(role, "rules")
        home = escape(str(user.profile))
        if _spelled(home) == home and "'" not in home:
            conditions = ET.SubElement(rules, "conditions")
            asked = f"MigXmlHelper.IsSameObject('File', '%USERPROFILE%', '{home}')"
            ET.SubElement(conditions, "condition").text = asked
        _fill(rules, scene, profiles[user])


def _fill(rules: ET.Element, scene: Scene, profile: Profile | None) -> None:
    """Add the includes and excludes of one context.

    A name that XML cannot hold is a star in an include, and no exclude: more may be taken then, never less.
    """
    found = {
        include: document_patterns(
            scene, profile, programs=False, include=include, system_drive=False
        )
        for include in (True, False)
    }
    includes = dict.fromkeys(_spelled(each) for each in found[True])
    excludes = [each for each in found[False] if _spelled(each) == each]
    for verb, patterns in (("include", includes), ("exclude", excludes)):
        if patterns:
            objects = ET.SubElement(ET.SubElement(rules, verb), "objectSet")
            for each in patterns:
                ET.SubElement(objects, "pattern", {"type": "File"}).text = each


def _spelled(pattern: str) -> str:
    """Return a pattern as a rule file can hold it: what would be a variable there, or no XML, is a star."""
    text = _UNSPEAKABLE.sub("*", pattern)
    if text.count("%") > 1:
        text = text.replace("%", "*")
    if text.count("*") - pattern.count("*") > MOST_STARS:
        text = f"{text.partition('*')[0]}* [*]"
    return text
