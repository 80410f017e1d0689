"""detects, detect and detection -> Gate: whether a role's application is there, or rules apply.

``detects`` is the AND of its ``detect`` children, ``detect`` the OR of what is in it, and several of a kind beside
each other are OR (usmt.md 3.3): stock rules say "this version, or that one" so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.elements import Reader
from extractor.rules.enumerations import context
from extractor.rules.gates import CONDITIONS, condition, present
from extractor.rules.model import Exists, Gate, Group, Operation
from extractor.rules.named import named
from extractor.rules.objectsets import object_set

if TYPE_CHECKING:
    from lxml import etree

DETECTIONS = frozenset({"detects", "detection"})
"""Elements that ``detected`` reads."""


def detected(file: Reader, tag: str, element: etree._Element) -> Group | None:
    """Return the gate of a detects or detection element; None when it refers to nothing."""
    return named(file, element, detects if tag == "detects" else detection)


def detects(file: Reader, element: etree._Element) -> Group:
    """Return what a detects element says itself."""
    found = [named(file, child, detect) for _, child in file.children(element, ("detect",))]
    return Group(Operation.AND, present(found), file.place(element), context(file, element))


def detect(file: Reader, element: etree._Element) -> Group:
    """Return what a detect element says itself."""
    found = [
        _existence(file, child) if tag == "objectSet" else condition(file, tag, child)
        for tag, child in file.children(element, CONDITIONS | {"objectSet"})
    ]
    return Group(Operation.OR, present(found), file.place(element), context(file, element))


def detection(file: Reader, element: etree._Element) -> Group:
    """Return what a detection element says itself."""
    found = [condition(file, tag, child) for tag, child in file.children(element, CONDITIONS)]
    return Group(Operation.AND, present(found), file.place(element), context(file, element))


def _existence(file: Reader, element: etree._Element) -> Gate:
    return Exists(object_set(file, element), file.place(element))
