"""include, exclude and unconditionalExclude elements -> Rule, with their object sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from extractor.rules.calls import CallError, parse_call
from extractor.rules.elements import CONDITIONS, Doubt, RuleFile
from extractor.rules.model import ObjectSet, Pattern, Rule, Script, Verb
from extractor.rules.patterns import PatternError, PatternKind, parse_location

if TYPE_CHECKING:
    from lxml import etree

GENERATORS = {each.lower(): each for each in ("GenerateDrivePatterns", "GenerateUserPatterns")}
_KINDS = {kind.value.lower(): kind for kind in PatternKind}

# Both are true for every object while scanning: dead links are screened, and NeverRestore acts, at load.
_TRUE_AT_SCAN = frozenset({"ignoreirrelevantlinks", "neverrestore"})


def rule(file: RuleFile, element: etree._Element, verb: Verb, doubt: Doubt) -> Iterator[Rule]:
    """Yield the Rule of an element, or nothing when a gate or filter that is not evaluated forbids to remove data."""
    if verb is not Verb.INCLUDE and _is_in_doubt(verb, doubt):
        file.warn(
            element, f"<{verb}> is not applied, because a condition around it is not evaluated"
        )
        return
    if not _passes_filter(file, element, verb):
        return
    sets: list[ObjectSet] = []
    for tag, child in file.children(element):
        if tag == "objectSet":
            sets.extend(_object_set(file, child, verb))
        else:
            file.unknown(child)
    yield Rule(verb, tuple(sets), file.place(element))


def _is_in_doubt(verb: Verb, doubt: Doubt) -> bool:
    return doubt is Doubt.RULES or (doubt is not Doubt.NONE and verb is Verb.UNCONDITIONAL_EXCLUDE)


def _passes_filter(file: RuleFile, element: etree._Element, verb: Verb) -> bool:
    """Tell whether the rule applies: an unknown filter keeps the objects (it may not remove what it cannot judge)."""
    text = element.get("filter", "")
    if not text.strip():
        return True
    try:
        function = parse_call(text).function.lower()
    except CallError as error:
        file.warn(element, f"the filter keeps all objects: {error}")
        return verb is Verb.INCLUDE
    if function in _TRUE_AT_SCAN:
        return True
    if function == "answerno":
        return False
    file.warn(element, f"filter {text.strip()!r} is not supported yet and keeps all objects")
    return verb is Verb.INCLUDE


def _object_set(file: RuleFile, element: etree._Element, verb: Verb) -> Iterator[ObjectSet]:
    for tag, child in file.children(element):
        if tag in CONDITIONS:
            taken = "taken" if verb is Verb.INCLUDE else "left out"
            file.warn(child, f"<{tag}> is not evaluated yet: the object set is {taken}")
            if verb is not Verb.INCLUDE:
                return
    items = [item for tag, child in file.children(element) for item in _items(file, tag, child)]
    yield ObjectSet(tuple(items), file.place(element))


def _items(file: RuleFile, tag: str, element: etree._Element) -> Iterator[Pattern | Script]:
    if tag == "pattern":
        yield from _pattern(file, element)
    elif tag == "script":
        yield from _script(file, element)
    elif tag == "content":
        file.warn(element, "<content> is not supported yet: no objects come from it")
    elif tag not in CONDITIONS:
        file.unknown(element)


def _pattern(file: RuleFile, element: etree._Element) -> Iterator[Pattern]:
    given = element.get("type", "")
    kind = _KINDS.get(given.strip().lower())
    text = (element.text or "").strip()
    if kind is None:
        file.warn(element, f"pattern type {given!r} is not File, Registry or Ini: it is not used")
        return
    if "\n" in text:
        file.warn(element, "a pattern stands on one line: this one is not used")
        return
    try:
        parse_location(text)
    except PatternError as error:
        file.warn(element, f"the pattern is not used: {error}")
        return
    yield Pattern(kind, text, file.place(element))


def _script(file: RuleFile, element: etree._Element) -> Iterator[Script]:
    try:
        call = parse_call(element.text or "")
    except CallError as error:
        file.warn(element, f"the script is not used: {error}")
        return
    if call.function.lower() not in GENERATORS:
        file.warn(element, f"{call.function} is not supported yet: no objects come from it")
        return
    yield Script(call, file.place(element))
