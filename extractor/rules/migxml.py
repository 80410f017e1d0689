"""MigXML -> RuleSet: the root of a rule file, and what holds for the whole of it.

The parser never judges: which rules apply is decided where they meet a machine (``evaluate``). What it cannot
understand it leaves out with a warning and its line, for USMT's schema is stricter than USMT (usmt.md 3.1).
Source: USMT "XML elements library" and "Custom XML examples".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from extractor.errors import ConfigAsRulesError, RuleFileError
from extractor.rules.components import component
from extractor.rules.detection import detect, detection, detects
from extractor.rules.elements import Reader, shown
from extractor.rules.environments import environment
from extractor.rules.gates import conditions
from extractor.rules.ignored import pass_over
from extractor.rules.model import Component, Environment, Group, RuleFile, Rules, RuleSet
from extractor.rules.named import collect, read
from extractor.rules.rulegroups import rules

if TYPE_CHECKING:
    from lxml import etree

_KNOWN = frozenset({"library", "_locDefinition", "namedElements", "component"})
_PARSERS: Mapping[str, Callable[[Reader, etree._Element], Environment | Group | Rules]] = {
    "conditions": conditions,
    "detect": detect,
    "detects": detects,
    "detection": detection,
    "environment": environment,
    "rules": rules,
}
"""Definitions that namedElements may hold."""


def parse_migxml(tree: etree._ElementTree, name: str, *, sha256: str = "") -> tuple[str, RuleSet]:
    """Return a rule file's urlid and rules; ``name`` is the file's name in messages and sources.

    ``sha256`` is kept with the file's name and census. Raises RuleFileError when the document is not MigXML or is an
    attack, ConfigAsRulesError when it is a Config.xml.
    """
    file = Reader(name)
    root = _migration(file, tree.getroot())
    urlid = file.attribute(root, "urlid")
    if not urlid:
        file.warn(root, "<migration> has no urlid, so a second copy of this file is not noticed")
    children = list(file.children(root, _KNOWN))
    _prepare(file, children)
    components = tuple(component(file, each, urlid) for tag, each in children if tag == "component")
    _warn_of_twins(file, components)
    found = RuleFile(name, urlid, sha256, file.census)
    return urlid, RuleSet(components, file.warnings, (found,))


def _migration(file: Reader, root: etree._Element) -> etree._Element:
    tag, place = file.tag(root), file.place(root)
    if tag.lower() == "configuration":
        raise ConfigAsRulesError(
            f"{place}: this is a Config.xml, not rules; give it with /config, not /i"
        )
    if tag != "migration":
        raise RuleFileError(f"{place}: a MigXML file begins with <migration>, not <{tag[:80]}>")
    file.take(root, tag)
    return root


def _prepare(file: Reader, children: list[tuple[str, etree._Element]]) -> None:
    """Read what components may refer to, wherever it stands; a definition that nobody uses is checked too."""
    for tag, element in children:
        if tag == "library":
            file.prefixes.add(file.attribute(element, "prefix").lower())
        elif tag == "_locDefinition":
            pass_over(file, element)
        elif tag == "namedElements":
            collect(file, element, _PARSERS)
    for (tag, _), definition in file.definitions.items():
        if definition.value is None:
            read(file, definition.element, definition, _PARSERS[tag])


def _warn_of_twins(file: Reader, components: Sequence[Component]) -> None:
    """Warn of outermost components that a Config.xml cannot tell apart by their name (usmt.md 3.2)."""
    seen: dict[str, Component] = {}
    for each in components:
        first = seen.setdefault(each.name.lower(), each)
        if first is not each:
            file.warn_at(each.source, f"{first.source} has a component {shown(each.name)} too")
