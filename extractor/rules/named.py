"""namedElements: definitions that other elements refer to by their name, in the whole file.

A definition is read once and is one value, however often it is referred to; what it weighs and how deep it goes count
each time, so that no file can grow without end in the hands of whoever goes through the rules.
Source: USMT "XML elements library" (namedElements), usmt.md 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

from extractor.rules.elements import ATTRIBUTES, Definition, Reader, shown
from extractor.rules.enumerations import context
from extractor.rules.ignored import pass_over
from extractor.rules.model import Context, Environment, Group, Rules

if TYPE_CHECKING:
    from lxml import etree

Kind = TypeVar("Kind", bound=Environment | Group | Rules)

_TAKEN = frozenset({"name", "context"})
_NAME = frozenset({"name"})


def collect(file: Reader, element: etree._Element, kinds: Collection[str]) -> None:
    """Keep the definitions of a namedElements element, to be read when something refers to them."""
    file.attribute(element, "name")
    for tag, child in file.children(element, kinds):
        name = file.attribute(child, "name")
        key = (tag, name.lower())
        if name and key not in file.definitions:
            file.definitions[key] = Definition(child)
            continue
        why = f"a second {tag} {shown(name)}" if name else f"a {tag} without a name"
        file.warn(child, f"{why} cannot be referred to and is ignored")
        pass_over(file, child, taken=_NAME)


def named(
    file: Reader, element: etree._Element, parse: Callable[[Reader, etree._Element], Kind]
) -> Kind | None:
    """Return what an element says itself, or, when it has a name, what the definition of that name says.

    The children of an element with a name are ignored; its own context narrows that of the definition. None, with a
    warning, for a name that is not defined, or defined by itself.
    """
    name = file.attribute(element, "name")
    if not name:
        return parse(file, element)
    tag = file.tag(element)
    own = context(file, element) if "context" in ATTRIBUTES[tag] else Context.BOTH
    pass_over(file, element, taken=_TAKEN)
    definition = file.definitions.get((tag, name.lower()))
    if definition is None:
        file.warn(element, f"no {tag} {shown(name)} is defined: this element is not used")
        return None
    value = read(file, element, definition, parse)
    if value is None:
        file.warn(element, f"{tag} {shown(name)} is defined by itself and not used")
        return None
    return value if own is Context.BOTH else replace(value, context=value.context & own)


def read(
    file: Reader,
    element: etree._Element,
    definition: Definition,
    parse: Callable[[Reader, etree._Element], Kind],
) -> Kind | None:
    """Return what a definition says, where an element refers to it; None when it refers to itself."""
    if definition in file.reading:
        for each in file.reading[file.reading.index(definition) :]:
            each.is_circular = True
    elif definition.value is None:
        _read_once(file, definition, parse)
    else:
        file.weigh(element, definition.weight)
        file.descend(element, definition.levels)
    return None if definition.is_circular else cast("Kind", definition.value)


def _read_once(
    file: Reader, definition: Definition, parse: Callable[[Reader, etree._Element], Kind]
) -> None:
    met, deepest = file.met, file.deepest
    file.deepest = file.level
    file.reading.append(definition)
    definition.value = parse(file, definition.element)
    file.reading.pop()
    definition.weight = file.met - met + 1
    definition.levels = file.deepest - file.level
    file.deepest = max(deepest, file.deepest)
