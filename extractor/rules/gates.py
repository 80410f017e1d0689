"""condition and conditions -> Gate; and how several gates of one element are joined.

``conditions`` joins its children with AND unless ``operation`` says OR; conditions that stand side by side in an
objectSet or addObjects must all hold (usmt.md 3.4, decision 1 of section 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from extractor.rules.calls import read_call
from extractor.rules.elements import Reader
from extractor.rules.enumerations import one_of, truth
from extractor.rules.functions import Use
from extractor.rules.model import Condition, Gate, Group, Operation
from extractor.rules.named import named

if TYPE_CHECKING:
    from lxml import etree

CONDITIONS = frozenset({"condition", "conditions"})
"""Elements that ``condition`` reads."""


def condition(file: Reader, tag: str, element: etree._Element) -> Gate | None:
    """Return the gate of a condition or conditions element; None when it refers to nothing."""
    return named(file, element, conditions) if tag == "conditions" else _condition(file, element)


def conditions(file: Reader, element: etree._Element) -> Group:
    """Return what a conditions element says itself."""
    operation = Operation.AND
    if "operation" in element.attrib:
        given = one_of(file, element, "operation", list(Operation))
        operation = Operation.OR if given == Operation.OR else Operation.AND
    found = [condition(file, tag, child) for tag, child in file.children(element, CONDITIONS)]
    return Group(operation, present(found), file.place(element))


def _condition(file: Reader, element: etree._Element) -> Condition:
    negation = truth(file, element, "negation", default=False)
    call = read_call(file, element, file.text(element), Use.CONDITION)
    return Condition(call, file.place(element), negation)


def present(gates: Sequence[Gate | None]) -> tuple[Gate, ...]:
    """Return the gates without those that refer to nothing."""
    return tuple(gate for gate in gates if gate is not None)


def joined(operation: Operation, gates: Sequence[Gate | None], source: str) -> Gate | None:
    """Return several gates as one, a single one as it is, None when there is none."""
    found = present(gates)
    return found[0] if len(found) == 1 else Group(operation, found, source) if found else None
