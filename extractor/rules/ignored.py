"""What a scan leaves aside by design: recognised and counted, so that nothing is passed by in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.calls import CallError, parse_call
from extractor.rules.elements import ATTRIBUTES, Reader
from extractor.rules.functions import FUNCTIONS

if TYPE_CHECKING:
    from lxml import etree

_CALLS = frozenset({"filter", "script"})
"""Attributes that hold a helper call (``content`` has a filter too)."""


def pass_over(
    file: Reader, element: etree._Element, *, taken: frozenset[str] = frozenset()
) -> None:
    """Count the attributes of an element, and all that lies in it; its own tag was counted by who met it.

    For information (manufacturer, paths …), for what concerns the destination only (supportedComponents), and for the
    children of an element that refers to a definition by name (usmt.md 3.3). The attributes ``taken`` were counted too.
    """
    tag = file.tag(element)
    _attributes(file, element, ATTRIBUTES[tag] - taken)
    for child in element.iterdescendants():
        tag = file.tag(child)
        if tag not in ATTRIBUTES:
            file.unknown(child)
            continue
        file.take(child, tag)
        _attributes(file, child, ATTRIBUTES[tag])
        if tag in {"condition", "script"}:
            _call(file, child.text or "")


def _attributes(file: Reader, element: etree._Element, names: frozenset[str]) -> None:
    for name in names:
        text = file.attribute(element, name)
        if name in _CALLS and text:
            _call(file, text)


def _call(file: Reader, text: str) -> None:
    """Count a call that is never made, if it is one."""
    try:
        known = FUNCTIONS.get(parse_call(text).function.lower())
    except CallError:
        known = None
    if known:
        file.called(known.name)
