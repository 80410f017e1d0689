"""rules -> Rules: include, exclude and their like, with what gates them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from extractor.rules.addobjects import add_objects
from extractor.rules.calls import read_call
from extractor.rules.detection import DETECTIONS, detected
from extractor.rules.elements import Reader
from extractor.rules.enumerations import attributes, context
from extractor.rules.functions import Use
from extractor.rules.gates import CONDITIONS, condition, joined
from extractor.rules.model import (
    AddObjects,
    Attributes,
    Call,
    Context,
    Gate,
    LoadRule,
    Operation,
    Rule,
    Rules,
    Skipped,
    Verb,
)
from extractor.rules.named import named
from extractor.rules.objectsets import object_sets
from extractor.rules.skipped import SKIPPED, skipped

if TYPE_CHECKING:
    from lxml import etree

_VERBS = {verb.value: verb for verb in Verb}
_LOAD = frozenset({"merge", "locationModify", "contentModify", "destinationCleanup"})
_KNOWN = frozenset(_VERBS) | _LOAD | SKIPPED | CONDITIONS | DETECTIONS | {"addObjects", "rules"}


@dataclass(slots=True)
class _Body:
    """What was found in a rules element, kind by kind."""

    rules: list[Rule] = field(default_factory=list)
    load: list[LoadRule] = field(default_factory=list)
    add: list[AddObjects] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    nested: list[Rules] = field(default_factory=list)
    conditions: list[Gate | None] = field(default_factory=list)
    detects: list[Gate | None] = field(default_factory=list)


def rules(file: Reader, element: etree._Element) -> Rules:
    """Return what a rules element says itself; its conditions must hold, and one of its detects."""
    body = _Body()
    for tag, child in file.children(element, _KNOWN):
        _read(file, tag, child, body)
    place = file.place(element)
    gates = [joined(Operation.OR, body.detects, place), *body.conditions]
    return Rules(
        place,
        context(file, element),
        joined(Operation.AND, gates, place),
        tuple(body.rules),
        tuple(body.load),
        tuple(body.add),
        tuple(body.skipped),
        tuple(body.nested),
        str(element.get("name", "")).strip(),
    )


def _read(file: Reader, tag: str, element: etree._Element, body: _Body) -> None:
    if tag in _VERBS:
        body.rules.append(_rule(file, _VERBS[tag], element))
    elif tag in _LOAD:
        body.load.append(load_rule(file, tag, element))
    elif tag in SKIPPED:
        body.skipped.append(skipped(file, tag, element))
    elif tag == "addObjects":
        added, scripts = add_objects(file, element)
        body.add.append(added)
        body.skipped.extend(scripts)
    elif tag == "rules":
        nested = named(file, element, rules)
        body.nested.extend([nested] if nested else [])
    elif tag in CONDITIONS:
        body.conditions.append(condition(file, tag, element))
    else:
        found = detected(file, tag, element)
        # Under rules, the context of detects is ignored (usmt.md 3.2, docs-only notes).
        body.detects.append(replace(found, context=Context.BOTH) if found else None)


def _rule(file: Reader, verb: Verb, element: etree._Element) -> Rule:
    has_attributes = verb in {Verb.INCLUDE_ATTRIBUTES, Verb.EXCLUDE_ATTRIBUTES}
    return Rule(
        verb,
        object_sets(file, element),
        file.place(element),
        None if has_attributes else _filter(file, element),
        attributes(file, element) if has_attributes else Attributes.NONE,
    )


def _filter(file: Reader, element: etree._Element) -> Call | None:
    text = file.attribute(element, "filter")
    return read_call(file, element, text, Use.FILTER) if text else None


def load_rule(file: Reader, tag: str, element: etree._Element) -> LoadRule:
    """Return merge, locationModify, contentModify or destinationCleanup."""
    call = _filter(file, element) if tag == "destinationCleanup" else _script(file, element)
    return LoadRule(tag, call, object_sets(file, element), file.place(element))


def _script(file: Reader, element: etree._Element) -> Call | None:
    call = read_call(file, element, file.attribute(element, "script"), Use.LOAD)
    return call if call.prefix else None
