"""component, role and extensions -> Component: the unit in which includes and excludes meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extractor.rules.detection import DETECTIONS, detected
from extractor.rules.elements import Reader
from extractor.rules.enumerations import context, one_of, truth
from extractor.rules.environments import environment
from extractor.rules.gates import joined
from extractor.rules.ignored import pass_over
from extractor.rules.model import (
    Call,
    Component,
    Environment,
    Gate,
    ObjectSet,
    Operation,
    Role,
    Rule,
    Rules,
    Script,
    Verb,
)
from extractor.rules.named import named
from extractor.rules.rulegroups import load_rule, rules
from extractor.rules.skipped import skipped

if TYPE_CHECKING:
    from lxml import etree

_TYPES = ("Application", "Documents", "System", "Device")
_ROLES = ("Container", "Binaries", "Settings", "Data")
_INFORMATION = frozenset({"manufacturer", "version", "description", "icon", "paths"})
_IN_COMPONENT = _INFORMATION | {"displayName", "environment", "role", "extensions"}
_IN_ROLE = DETECTIONS | {
    "environment", "rules", "component", "supportedComponents", "destinationCleanup", "plugin",
}  # fmt: skip


@dataclass(slots=True)
class _Inside:
    """What was found in a component or a role, kind by kind."""

    names: list[str] = field(default_factory=list)
    gates: list[Gate | None] = field(default_factory=list)
    environments: list[Environment] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    rules: list[Rules] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


def component(file: Reader, element: etree._Element, urlid: str) -> Component:
    """Return a component with its roles; ``extensions`` come as one more."""
    inside = _Inside()
    for tag, child in file.children(element, _IN_COMPONENT):
        _in_component(file, tag, child, inside, urlid)
    place = file.place(element)
    name = next(filter(None, inside.names), "")
    return Component(
        urlid,
        name or f"component at {place}",
        one_of(file, element, "type", _TYPES),
        place,
        context(file, element),
        tuple(inside.environments),
        tuple(inside.roles),
        hidden=truth(file, element, "hidden", default=False),
        default_supported=truth(file, element, "defaultSupported", default=True),
        named=bool(name),
    )


def _in_component(
    file: Reader, tag: str, element: etree._Element, inside: _Inside, urlid: str
) -> None:
    if tag == "displayName":
        file.attribute(element, "_locID")
        inside.names.append(file.text(element))
    elif tag == "environment":
        _environment(file, element, inside)
    elif tag == "role":
        inside.roles.append(_role(file, element, urlid))
    elif tag == "extensions":
        inside.roles.append(_extensions(file, element))
    else:
        pass_over(file, element)


def _environment(file: Reader, element: etree._Element, inside: _Inside) -> None:
    found = named(file, element, environment)
    inside.environments.extend([found] if found else [])


def _role(file: Reader, element: etree._Element, urlid: str) -> Role:
    inside = _Inside()
    for tag, child in file.children(element, _IN_ROLE):
        _in_role(file, tag, child, inside, urlid)
    place = file.place(element)
    return Role(
        one_of(file, element, "role", _ROLES),
        place,
        joined(Operation.OR, inside.gates, place),
        tuple(inside.environments),
        tuple(inside.rules),
        tuple(inside.components),
    )


def _in_role(file: Reader, tag: str, element: etree._Element, inside: _Inside, urlid: str) -> None:
    if tag in DETECTIONS:
        inside.gates.append(detected(file, tag, element))
    elif tag == "environment":
        _environment(file, element, inside)
    elif tag == "component":
        inside.components.append(component(file, element, urlid))
    elif tag == "rules":
        found = named(file, element, rules)
        inside.rules.extend([found] if found else [])
    elif tag == "supportedComponents":
        pass_over(file, element)  # what the destination has is not a scan's business
    elif tag == "plugin":
        never = skipped(file, tag, element)
        inside.rules.append(Rules(never.source, skipped=(never,)))
    else:
        # Microsoft's own rules have a destinationCleanup here, against their schema (usmt.md 3.1).
        load = load_rule(file, tag, element)
        inside.rules.append(Rules(load.source, load=(load,)))


def _extensions(file: Reader, element: etree._Element) -> Role:
    r"""Each extension is short for an include of ``GenerateDrivePatterns("* [*.doc]", "Fixed")``."""
    found = [
        Rule(Verb.INCLUDE, (_extension(file, child),), file.place(child))
        for _, child in file.children(element, ("extension",))
        if _has_text(file, child)
    ]
    place = file.place(element)
    return Role("Data", place, rules=(Rules(place, rules=tuple(found)),))


def _has_text(file: Reader, element: etree._Element) -> bool:
    text = file.text(element)
    if not text:
        file.warn(element, "an extension without text is ignored")
    return bool(text)


def _extension(file: Reader, element: etree._Element) -> ObjectSet:
    ending = file.pattern_text(element, file.text(element)).removeprefix("*").removeprefix(".")
    place = file.place(element)
    call = Call("GenerateDrivePatterns", (f"* [*.{ending}]", "Fixed"))
    return ObjectSet((Script(call, place),), place)
