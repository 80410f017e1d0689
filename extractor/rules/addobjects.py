"""addObjects -> AddObjects: objects that rules pretend the source has (usmt.md 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.elements import Reader
from extractor.rules.enumerations import pattern_kind, truth
from extractor.rules.gates import CONDITIONS, condition, joined
from extractor.rules.model import AddObjects, Gate, Operation, PretendedObject, Skipped
from extractor.rules.objectsets import pattern_text
from extractor.rules.skipped import script_text
from extractor.xmlfile import LONGEST_TEXT

if TYPE_CHECKING:
    from lxml import etree

    from extractor.rules.patterns import PatternKind


def add_objects(file: Reader, element: etree._Element) -> tuple[AddObjects, list[Skipped]]:
    """Return the objects of an addObjects element, and its scripts, which are not run."""
    objects: list[PretendedObject] = []
    gates: list[Gate | None] = []
    scripts: list[Skipped] = []
    for tag, child in file.children(element, CONDITIONS | {"object", "script"}):
        if tag == "object":
            objects.extend(_object(file, child))
        elif tag == "script":
            scripts.append(Skipped("addObjects", "", script_text(file, child), file.place(child)))
        else:
            gates.append(condition(file, tag, child))
    place = file.place(element)
    return AddObjects(tuple(objects), place, joined(Operation.AND, gates, place)), scripts


def _object(file: Reader, element: etree._Element) -> list[PretendedObject]:
    kind: PatternKind | None = None
    location = attributes = ""
    data: tuple[str | None, bool, bool] = (None, False, True)
    for tag, child in file.children(element, ("location", "attributes", "bytes")):
        if tag == "location":
            kind = pattern_kind(file, child)
            location = pattern_text(file, child, kind)
        elif tag == "attributes":
            attributes = file.text(child)
        else:
            data = _data(file, child)
    if not kind or not location:
        file.warn(element, "an object without a location is ignored")
        return []
    return [PretendedObject(kind, location, attributes, data[0], file.place(element), *data[1:])]


def _data(file: Reader, element: etree._Element) -> tuple[str, bool, bool]:
    """Return the content, whether it is text and not hex pairs, and whether variables in it are expanded."""
    is_text = truth(file, element, "string", default=False)
    expand = truth(file, element, "expand", default=True)
    return file.text(element, LONGEST_TEXT), is_text, expand
