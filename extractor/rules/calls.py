"""Helper-call text -> Call: ``MigXmlHelper.Function('a', "b", NULL)``, never evaluated as code.

Strings stand in single or double quotes without any escape (a backslash is a backslash); bare words, numbers and NULL
are taken too, and ``'NULL'`` means NULL (stock rules write it so). Source: USMT "XML elements library" (script).
"""

from __future__ import annotations

import re

from extractor.rules.model import Call

_CALL = re.compile(r"\s*(\w+)\s*\.\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_ARGUMENT = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^\s'",()]*))\s*(,|$)""")


class CallError(ValueError):
    """Text that is no helper call, in words."""


def parse_call(text: str) -> Call:
    """Return the call that the text makes, its function as ``Function``; raise CallError."""
    found = _CALL.fullmatch(text)
    if not found:
        raise CallError(f"{text.strip()!r} is not a call like MigXmlHelper.Function('argument')")
    return Call(found[2], tuple(_arguments(found[3])))


def _arguments(text: str) -> list[str | None]:
    found: list[str | None] = []
    at, more = 0, bool(text.strip())
    while more:
        argument = _ARGUMENT.match(text, at)
        if not argument:
            raise CallError(f"the arguments cannot be read from {text[at:].strip()!r} on")
        value = next(each for each in argument.groups()[:3] if each is not None)
        found.append(None if value.upper() == "NULL" or _is_left_out(argument) else value)
        at, more = argument.end(), argument[4] == ","
    return found


def _is_left_out(argument: re.Match[str]) -> bool:
    return argument[3] == ""
