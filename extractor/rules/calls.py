"""Helper-call text -> Call: ``MigXmlHelper.Function('a', "b", NULL)``, never evaluated as code.

Strings stand in single or double quotes without any escape (a backslash is a backslash); bare words, numbers and NULL
are taken too, and ``'NULL'`` means NULL (stock rules write it so). Source: USMT "XML elements library" (script).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extractor.rules.elements import Reader, shown
from extractor.rules.functions import FUNCTIONS, Use
from extractor.rules.model import Call

if TYPE_CHECKING:
    from lxml import etree

_CALL = re.compile(r"(\w+)\s*\.\s*(\w+)\s*\((.*)\)", re.DOTALL)
# No part is given back once it matched (``+``): else 30,000 blanks before a mistake would take seconds.
_ARGUMENT = re.compile(r"""\s*+(?:'([^']*+)'|"([^"]*+)"|([^\s'",()]*+))\s*+(,|$)""")
_PREFIXES = {each.lower(): each for each in ("MigXmlHelper", "MigSysHelper")}


class CallError(ValueError):
    """Text that is no helper call, in words."""


def parse_call(text: str) -> Call:
    """Return the call that the text makes, function and prefix in their known spelling; raise CallError."""
    found = _CALL.fullmatch(text.strip())
    if not found:
        raise CallError(f"{shown(text)} is not a call like MigXmlHelper.Function('argument')")
    prefix, function = found[1], found[2]
    known = FUNCTIONS.get(function.lower())
    return Call(
        known.name if known else function,
        tuple(_arguments(found[3])),
        _PREFIXES.get(prefix.lower(), prefix),
    )


def read_call(file: Reader, element: etree._Element, text: str, use: Use) -> Call:
    """Return the call that stands at an element, counted, with warnings of what is wrong with it.

    Text that is no call becomes a call of a function by that name, which nobody knows: so it means what an unknown
    function means there (usmt.md 3.7). Raises RuleFileError for text that is a bomb.
    """
    file.pattern_text(element, text)
    try:
        call = parse_call(text)
    except CallError as error:
        file.warn(element, str(error))
        return Call(text, (), prefix="")
    _check(file, element, call, use)
    return call


def _check(file: Reader, element: etree._Element, call: Call, use: Use) -> None:
    known = FUNCTIONS.get(call.function.lower())
    if known is None:
        file.warn(element, f"the function {shown(call.function)} is not known")
        return
    file.called(known.name)
    if call.prefix not in _PREFIXES.values() and call.prefix.lower() not in file.prefixes:
        file.warn(element, f"{shown(call.prefix)} is no known prefix; MigXmlHelper is meant")
    if not known.uses & use:
        file.warn(element, f"{known.name} does not belong here, but {_places(known.uses)}")
    if len(call.arguments) < known.least:
        file.warn(element, f"{known.name} needs at least {known.least} arguments")
    if len(call.arguments) > known.most:
        file.warn(element, f"{known.name} takes at most {known.most} arguments")


def _places(uses: Use) -> str:
    return " or ".join(words for use, words in _PLACES.items() if use & uses)


_PLACES = {
    Use.CONDITION: "in a condition",
    Use.FILTER: "in the filter of an include or exclude",
    Use.CONTENT: "in the filter of a content",
    Use.GENERATOR: "in the script of an objectSet",
    Use.STRING: "in the script of a variable",
    Use.LOAD: "in the script of a merge, locationModify or contentModify",
    Use.PROCESSING: "in a script of a processing",
}


def _arguments(text: str) -> list[str | None]:
    found: list[str | None] = []
    at, more = 0, bool(text.strip())
    while more:
        argument = _ARGUMENT.match(text, at)
        if not argument:
            raise CallError(f"the arguments cannot be read from {shown(text[at:])} on")
        value = next(each for each in argument.groups()[:3] if each is not None)
        found.append(None if value.upper() == "NULL" or _is_left_out(argument) else value)
        at, more = argument.end(), argument[4] == ","
    return found


def _is_left_out(argument: re.Match[str]) -> bool:
    return argument[3] == ""
