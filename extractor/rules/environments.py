"""environment -> Environment: the variables that a component defines for itself and those inside it (usmt.md 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extractor.rules.elements import Reader
from extractor.rules.enumerations import context, truth
from extractor.rules.functions import Use
from extractor.rules.gates import CONDITIONS, condition, joined
from extractor.rules.model import Environment, Gate, ObjectSet, Operation, Script, Variable
from extractor.rules.objectsets import object_set, script

if TYPE_CHECKING:
    from lxml import etree


def environment(file: Reader, element: etree._Element) -> Environment:
    """Return what an environment element says itself; a variable without a name or value is warned of."""
    variables: list[Variable] = []
    gates: list[Gate | None] = []
    for tag, child in file.children(element, CONDITIONS | {"variable"}):
        if tag == "variable":
            variables.extend(_variable(file, child))
        else:
            gates.append(condition(file, tag, child))
    place = file.place(element)
    gate = joined(Operation.AND, gates, place)
    return Environment(tuple(variables), place, context(file, element), gate)


def _variable(file: Reader, element: etree._Element) -> list[Variable]:
    name = file.attribute(element, "name")
    remap = truth(file, element, "remap", default=False)
    values = [
        _value(file, tag, child)
        for tag, child in file.children(element, ("text", "script", "objectSet"))
    ]
    if len(values) > 1:
        file.warn(element, f"%{name[:80]}% has {len(values)} values; the first one is taken")
    if not name or not values:
        what = f"%{name[:80]}% has no value" if name else "a variable has no name"
        file.warn(element, f"{what} and is ignored")
        return []
    return [Variable(name, values[0], file.place(element), remap)]


def _value(file: Reader, tag: str, element: etree._Element) -> str | Script | ObjectSet:
    if tag == "text":
        return file.pattern_text(element, file.text(element))
    return script(file, element, Use.STRING) if tag == "script" else object_set(file, element)
