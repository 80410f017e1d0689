"""Attributes that take one of a few words: contexts, truth values, types; in any letter case (usmt.md 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extractor.rules.elements import Reader, shown
from extractor.rules.model import Attributes, Context
from extractor.rules.patterns import PatternKind

if TYPE_CHECKING:
    from lxml import etree

_CONTEXTS = {"system": Context.SYSTEM, "user": Context.USER, "userandsystem": Context.BOTH}
_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_KINDS = {kind.value.lower(): kind for kind in PatternKind}
_ATTRIBUTES = {"security": Attributes.SECURITY, "timefields": Attributes.TIME_FIELDS}


def context(file: Reader, element: etree._Element) -> Context:
    """Return the context that an element names; UserAndSystem when it names none, or none that is known."""
    given = file.attribute(element, "context", "UserAndSystem")
    known = _CONTEXTS.get(given.lower())
    if known is None:
        file.warn(
            element, f"context {shown(given)} is not User, System or UserAndSystem; all is taken"
        )
    return Context.BOTH if known is None else known


def truth(file: Reader, element: etree._Element, name: str, *, default: bool) -> bool:
    """Return a truth value: 1, TRUE, Yes or 0, FALSE, No."""
    given = file.attribute(element, name)
    known = _TRUTHS.get(given.lower(), default)
    if given and given.lower() not in _TRUTHS:
        file.warn(element, f"{name} {shown(given)} is neither Yes nor No; {_word(known)} is taken")
    return known


def _word(truth: bool) -> str:
    return "Yes" if truth else "No"


def one_of(file: Reader, element: etree._Element, name: str, words: Iterable[str]) -> str:
    """Return an attribute in the spelling of these words; else as written, with a warning."""
    given = file.attribute(element, name)
    known = next((word for word in words if word.lower() == given.lower()), None)
    if known is None:
        file.warn(element, f"{name} {shown(given)} is none of {', '.join(words)}")
    return given if known is None else known


def pattern_kind(file: Reader, element: etree._Element) -> PatternKind | None:
    """Return the type of a pattern or location; None, with a warning, when it is not known."""
    given = file.attribute(element, "type")
    known = _KINDS.get(given.lower())
    if known is None:
        what = file.tag(element)
        file.warn(
            element, f"{what} type {shown(given)} is not File, Registry or Ini: it is not used"
        )
    return known


def attributes(file: Reader, element: etree._Element) -> Attributes:
    """Return what includeAttributes or excludeAttributes names: Security, TimeFields, or both with a comma."""
    named = Attributes.NONE
    for word in file.attribute(element, "attributes").split(","):
        known = _ATTRIBUTES.get(word.strip().lower())
        if known is None:
            file.warn(element, f"attributes {shown(word)} is neither Security nor TimeFields")
        named |= known or Attributes.NONE
    return named
