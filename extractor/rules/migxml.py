"""MigXML -> RuleSet: the structure of a rule file; patterns and sets are read by ``objectsets``.

What this version cannot evaluate never changes the selection silently: it leaves a warning with its line, and the side
that keeps user data is taken. Source: USMT "XML elements library" and "Custom XML examples".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extractor.errors import ConfigAsRulesError, RuleFileError
from extractor.rules.elements import CONDITIONS, Doubt, RuleFile
from extractor.rules.model import (
    Call,
    Component,
    Context,
    ObjectSet,
    Role,
    Rule,
    Rules,
    RuleSet,
    Script,
    Variable,
    Verb,
)
from extractor.rules.objectsets import rule

if TYPE_CHECKING:
    from lxml import etree

DEEPEST = 64
"""Levels of elements in a rule file; the stock files have twelve."""

_CONTEXTS = {"system": Context.SYSTEM, "user": Context.USER, "userandsystem": Context.BOTH}
_ROLES = {"container": "Container", "binaries": "Binaries", "settings": "Settings", "data": "Data"}
_VERBS = {verb.value: verb for verb in Verb}
_NO_SCAN_EFFECT = frozenset(
    {"merge", "locationModify", "contentModify", "destinationCleanup", "supportedComponents"}
)
_INFORMATION = frozenset({"displayName", "manufacturer", "version", "description", "icon", "paths"})
_NOT_YET = {
    "addObjects": "the objects it pretends are not added",
    "includeAttributes": "security and times of all objects are migrated",
    "excludeAttributes": "security and times of all objects are migrated",
    "windowsObjects": "it is internal to USMT and claims nothing here",
    "externalProcess": "no command is ever run on an offline disk",
    "processing": "no script is ever run on an offline disk",
}


@dataclass(frozen=True, slots=True)
class _Around:
    """What an element inherits from those around it."""

    urlid: str
    context: Context = Context.BOTH
    variables: tuple[Variable, ...] = ()
    doubt: Doubt = Doubt.NONE


def parse_migxml(tree: etree._ElementTree, name: str) -> tuple[str, RuleSet]:
    """Return a rule file's urlid and rules; ``name`` is the file's name in messages and sources.

    Raises RuleFileError when the document is not MigXML, ConfigAsRulesError when it is a Config.xml.
    """
    file = RuleFile(name)
    root = tree.getroot()
    tag = file.tag(root)
    if tag.lower() == "configuration":
        raise ConfigAsRulesError(
            f"{file.place(root)}: this is a Config.xml, not rules; give it with /config, not /i"
        )
    if tag != "migration":
        raise RuleFileError(
            f"{file.place(root)}: a MigXML file begins with <migration>, not <{tag}>"
        )
    _refuse_depth(file, root)
    urlid = root.get("urlid", "").strip()
    if not urlid:
        file.warn(root, "<migration> has no urlid, so a second copy of this file is not noticed")
    components = tuple(_components(file, root, _Around(urlid)))
    return urlid, RuleSet(components, file.warnings)


def _refuse_depth(file: RuleFile, root: etree._Element) -> None:
    """Bound the depth here: what follows goes down by recursion."""
    level, depth = [root], 1
    while level:
        if depth > DEEPEST:
            place = file.place(level[0])
            raise RuleFileError(f"{place}: elements are nested deeper than {DEEPEST} levels")
        level, depth = [child for element in level for child in element], depth + 1


def _components(file: RuleFile, root: etree._Element, around: _Around) -> Iterator[Component]:
    for tag, child in file.children(root):
        if tag == "component":
            yield _component(file, child, around)
        elif tag == "namedElements":
            file.warn(
                child, "named elements are not supported yet: references to them are named below"
            )
        elif tag not in {"library", "_locDefinition"}:
            file.unknown(child)


def _component(file: RuleFile, element: etree._Element, around: _Around) -> Component:
    around = replace(around, context=_context(file, element, around.context))
    roles: list[Role] = []
    extensions: list[Rules] = []
    several = sum(tag == "role" for tag, _ in file.children(element)) > 1
    variables = (*around.variables, *_variables(file, element, around.context))
    around = replace(around, variables=variables)
    for tag, child in file.children(element):
        if tag == "role":
            roles.append(_role(file, child, around, several=several))
        elif tag == "extensions":
            extensions.extend(_extensions(file, child, around))
        elif tag not in _INFORMATION | {"environment"}:
            file.unknown(child)
    if extensions:
        roles.append(Role("Data", (), tuple(extensions), (), file.place(element)))
    name = (element.findtext("displayName") or "").strip() or f"component at {file.place(element)}"
    return Component(
        around.urlid,
        name,
        element.get("type", ""),
        around.context,
        tuple(roles),
        file.place(element),
    )


def _role(file: RuleFile, element: etree._Element, around: _Around, *, several: bool) -> Role:
    doubt = max(around.doubt, _doubt_of_detection(file, element, several=several))
    variables = (*around.variables, *_variables(file, element, around.context))
    inner = replace(around, variables=variables, doubt=doubt)
    rules: list[Rules] = []
    components: list[Component] = []
    for tag, child in file.children(element):
        if tag == "rules":
            rules.extend(_rules(file, child, inner))
        elif tag == "component":
            components.append(_component(file, child, replace(inner, doubt=Doubt(min(doubt, 1)))))
        elif tag not in CONDITIONS | _NO_SCAN_EFFECT | {"environment"}:
            file.unknown(child)
    given = element.get("role", "")
    kind = _ROLES.get(given.strip().lower(), "")
    if not kind:
        file.warn(
            element, f"role {given!r} is none of {', '.join(_ROLES.values())}; it is processed"
        )
    return Role(kind or given, variables, tuple(rules), tuple(components), file.place(element))


def _doubt_of_detection(file: RuleFile, element: etree._Element, *, several: bool) -> Doubt:
    """Excludes of an undetected role only meet the includes that are in doubt with them, if it is the only role."""
    for tag, child in file.children(element):
        if tag in CONDITIONS:
            file.warn(child, f"<{tag}> is not evaluated yet: the component is taken as present")
            return Doubt.RULES if several else Doubt.COMPONENT
    return Doubt.NONE


def _rules(file: RuleFile, element: etree._Element, around: _Around) -> Iterator[Rules]:
    if "name" in element.attrib:
        file.warn(element, "rules by name are not supported yet: the definition's are not taken")
    around = replace(around, context=_context(file, element, around.context))
    for tag, child in file.children(element):
        if tag in CONDITIONS:
            file.warn(child, f"<{tag}> is not evaluated yet: the rules are taken as valid")
            around = replace(around, doubt=Doubt.RULES)
    own: list[Rule] = []
    nested: list[Rules] = []
    for tag, child in file.children(element):
        if tag in _VERBS:
            own.extend(rule(file, child, _VERBS[tag], around.doubt))
        elif tag == "rules":
            nested.extend(_rules(file, child, around))
        elif tag in _NOT_YET:
            file.warn(child, f"<{tag}> is not supported: {_NOT_YET[tag]}")
        elif tag not in CONDITIONS | _NO_SCAN_EFFECT:
            file.unknown(child)
    yield Rules(around.context, tuple(own), file.place(element))
    yield from nested


def _context(file: RuleFile, element: etree._Element, widest: Context) -> Context:
    """Return the context of an element, narrowed by what is around it; outside of that it never applies."""
    given = element.get("context", "UserAndSystem")
    own = _CONTEXTS.get(given.strip().lower())
    if own is None:
        file.warn(element, f"context {given!r} is not User, System or UserAndSystem; all is taken")
        own = Context.BOTH
    if not own & widest:
        file.warn(element, f"context {given} lies outside the component's: this never applies")
    return own & widest


def _variables(file: RuleFile, parent: etree._Element, widest: Context) -> Iterator[Variable]:
    for tag, element in file.children(parent):
        if tag != "environment":
            continue
        if "name" in element.attrib:
            file.warn(
                element, "environments by name are not supported yet: the definition's is not read"
            )
        context = _context(file, element, widest)
        for kind, child in file.children(element):
            if kind == "variable":
                yield from _variable(file, child, context)
            elif kind in CONDITIONS:
                file.warn(child, f"<{kind}> is not evaluated yet: the variables are defined")
            else:
                file.unknown(child)


def _variable(file: RuleFile, element: etree._Element, context: Context) -> Iterator[Variable]:
    name = element.get("name", "").strip()
    text = next((child.text or "" for tag, child in file.children(element) if tag == "text"), None)
    if not name:
        file.warn(element, "a variable has no name and is ignored")
    elif text is None:
        file.warn(element, f"%{name}%: only <text> is supported yet, so nothing is defined by this")
    else:
        yield Variable(name, text.strip(), context, file.place(element))


def _extensions(file: RuleFile, element: etree._Element, around: _Around) -> Iterator[Rules]:
    r"""Each extension is short for an include of ``GenerateDrivePatterns("* [*.doc]", "Fixed")``."""
    for tag, child in file.children(element):
        ending = (child.text or "").strip().removeprefix("*").removeprefix(".")
        if tag != "extension" or not ending:
            file.unknown(child)
            continue
        place = file.place(child)
        script = Script(Call("GenerateDrivePatterns", (f"* [*.{ending}]", "Fixed")), place)
        included = Rule(Verb.INCLUDE, (ObjectSet((script,), place),), place)
        yield Rules(around.context, (included,), place)
