"""objectSet -> ObjectSet: the patterns, scripts and contents that say which objects are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.calls import read_call
from extractor.rules.elements import Reader
from extractor.rules.enumerations import pattern_kind
from extractor.rules.functions import Use
from extractor.rules.gates import CONDITIONS, condition, joined
from extractor.rules.model import Content, Gate, ObjectSet, Operation, Pattern, Script
from extractor.rules.patterns import PatternError, PatternKind, check_location

if TYPE_CHECKING:
    from lxml import etree

_ITEMS = frozenset({"pattern", "script", "content"})


def object_set(file: Reader, element: etree._Element) -> ObjectSet:
    """Return an objectSet with its items in order; conditions beside each other must all hold."""
    items: list[Pattern | Script | Content] = []
    gates: list[Gate | None] = []
    for tag, child in file.children(element, _ITEMS | CONDITIONS):
        if tag == "pattern":
            items.extend(_pattern(file, child))
        elif tag == "script":
            items.append(script(file, child, Use.GENERATOR))
        elif tag == "content":
            items.append(_content(file, child))
        else:
            gates.append(condition(file, tag, child))
    place = file.place(element)
    return ObjectSet(tuple(items), place, joined(Operation.AND, gates, place))


def object_sets(file: Reader, element: etree._Element) -> tuple[ObjectSet, ...]:
    """Return the objectSets of an element that has nothing else."""
    return tuple(object_set(file, child) for _, child in file.children(element, ("objectSet",)))


def script(file: Reader, element: etree._Element, use: Use) -> Script:
    """Return a script element."""
    return Script(read_call(file, element, file.text(element), use), file.place(element))


def _content(file: Reader, element: etree._Element) -> Content:
    call = read_call(file, element, file.attribute(element, "filter"), Use.CONTENT)
    return Content(call, object_sets(file, element), file.place(element))


def _pattern(file: Reader, element: etree._Element) -> list[Pattern]:
    kind = pattern_kind(file, element)
    text = pattern_text(file, element, kind)
    return [Pattern(kind, text, file.place(element))] if kind and text else []


def pattern_text(file: Reader, element: etree._Element, kind: PatternKind | None) -> str:
    """Return the text of a pattern or location element; empty, with a warning, when it can mean nothing.

    Custom files hold patterns of several lines, which USMT takes for invalid (usmt.md 3.6).
    """
    text = file.pattern_text(element, file.text(element))
    if "\n" in text:
        file.warn(element, "a pattern stands on one line: this one is not used")
        return ""
    try:
        check_location(text)
    except PatternError as error:
        file.warn(element, f"the pattern is not used: {error}")
        return ""
    if kind is PatternKind.INI and "|" not in text:
        file.warn(element, r"an Ini pattern is path\file.ini|Section[Key]: this one has no |")
    return text
