"""Registry values -> the strings that conditions and variables compare (usmt.md 3.8), and GetStringContent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from extractor.model import RegistryValue, upcase
from extractor.rules.model import Call
from extractor.rules.patterns import LONGEST, PatternKind
from extractor.windows.variables import expand

if TYPE_CHECKING:
    from extractor.evaluate.facts import Facts

REG_SZ, REG_EXPAND_SZ, REG_DWORD, REG_DWORD_BIG_ENDIAN = 1, 2, 4, 5
REG_LINK, REG_MULTI_SZ, REG_QWORD = 6, 7, 11

_NAME = re.compile(r"%([^%\\]+)%")


def string_form(value: RegistryValue) -> str:
    """Return a registry value as rules compare it, from bytes of any length.

    Text as it is, several texts joined by ``;``, a DWORD as ``0x0000000a``, a QWORD with 16 digits, all else as pairs
    of hexadecimal digits in lower case.
    """
    if value.type in {REG_SZ, REG_EXPAND_SZ, REG_LINK, REG_MULTI_SZ}:
        return ";".join(texts(value))
    if value.type in {REG_DWORD, REG_DWORD_BIG_ENDIAN}:
        data = value.data[:4] if value.type == REG_DWORD else value.data[:4][::-1]
        return f"0x{int.from_bytes(data, 'little'):08x}"
    if value.type == REG_QWORD:
        return f"0x{int.from_bytes(value.data[:8], 'little'):016x}"
    return value.data.hex()


def texts(value: RegistryValue) -> tuple[str, ...]:
    """Return the texts of a value: those of a REG_MULTI_SZ that are not empty, of any other type its string form."""
    if value.type == REG_MULTI_SZ:
        raw = value.data[: len(value.data) & ~1].decode("utf-16-le", "surrogatepass")
        return tuple(each for each in raw.split("\0") if each)
    if value.type in {REG_SZ, REG_EXPAND_SZ, REG_LINK}:
        return (value.text,)
    return (string_form(value),)


def expand_data(text: str, variables: Mapping[str, str]) -> str:
    """Return data of the machine with its ``%NAME%`` replaced; what is unknown, or would grow too long, stays.

    ``variables`` are plain text, their names in any letter case. ALLUSERSPROFILE is ProgramData here, as Windows means
    it since Vista; in rules it is the public profile (usmt.md 9, 7).
    """
    names = set(map(upcase, _NAME.findall(text)))
    known = {upcase(name): value for name, value in variables.items() if upcase(name) in names}
    if "ALLUSERSPROFILE" in known:
        by_name = {upcase(name): value for name, value in variables.items()}
        known["ALLUSERSPROFILE"] = by_name.get("PROGRAMDATA", known["ALLUSERSPROFILE"])
    grown = sum(len(known.get(upcase(name), "")) for name in _NAME.findall(text))
    return text if len(text) + grown > LONGEST else expand(text, known)


def pattern_kind(name: str) -> PatternKind | None:
    """Return the kind that an argument such as ``registry`` names, None when there is no such kind."""
    return next((kind for kind in PatternKind if kind.lower() == name.strip().lower()), None)


def string_content(call: Call, facts: Facts, variables: Mapping[str, str]) -> str | None:
    """Answer GetStringContent(type, location[, ExpandContent[, leftTrim, rightTrim]]), its arguments expanded.

    Returns plain text (no pattern text: escape it where it becomes part of one), None for NULL. The fourth and fifth
    argument are sets of characters taken off both ends (usmt.md 3.8). Raises PatternError for a location that cannot
    be used in this context.
    """
    kind = pattern_kind(call.argument(0))
    if kind is None or kind is PatternKind.FILE:
        return None
    found = facts.string(kind, call.argument(1))
    if found is None:
        return None
    if call.is_true(2, default=True):
        found = expand_data(found, variables)
    return found.lstrip(call.argument(3)).rstrip(call.argument(4))
