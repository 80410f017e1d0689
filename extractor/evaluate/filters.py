"""The ``filter`` of include and exclude -> a function over the objects that its patterns match (usmt.md 3.8).

TRUE means: the rule speaks of this object. What is in doubt (a filter that is not known, a property that cannot be
read) is never a reason to lose data: an include takes the object, an exclude leaves it alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from extractor.evaluate.active import Filter, Judged
from extractor.filetime import TICKS
from extractor.model import Metadata, upcase
from extractor.rules.model import Call, Verb

Note = Callable[[str, str], None]
Range = tuple[int, int]

_DAY = 24 * 60 * 60 * TICKS
_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
"""Multiples of 1024 (usmt.md 3.8)."""
_SIZE = re.compile(r"\s*+([0-9]{1,15})\s*+(B|KB|MB|GB)?\s*+", re.IGNORECASE)
_DATE = re.compile(r"\s*([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})\s*")


def filter_of(call: Call | None, verb: Verb, note: Note) -> Filter | None:
    """Return what a filter call asks of each object, None where the rule speaks of all that its patterns match.

    ``note(level, message)`` hears of a call that cannot be used.
    """
    if call is None:
        return None
    make = _FILTERS.get(call.function.lower())
    if make is None:
        note("warning", f"{call} is not a filter that is known: {_meaning(verb)}")
        return _in_doubt(verb)
    try:
        return make(call, verb, note)
    except ValueError as error:
        note("warning", f"{call}: {error}: {_meaning(verb)}")
        return _in_doubt(verb)


def _keeps(verb: Verb) -> bool:
    """Tell what a rule does in doubt: exclude speaks of nothing, all others of everything."""
    return verb not in {Verb.EXCLUDE, Verb.UNCONDITIONAL_EXCLUDE}


def _meaning(verb: Verb) -> str:
    return "it is left out, all is taken" if _keeps(verb) else "nothing is excluded"


def _in_doubt(verb: Verb) -> Filter | None:
    return None if _keeps(verb) else _never


def _never(_object: Judged) -> bool:
    return False


# --- the functions --------------------------------------------------------------------------------


def _answer_no(_call: Call, _verb: Verb, _note: Note) -> Filter:
    return _never


def _at_load(_call: Call, _verb: Verb, _note: Note) -> None:
    """IgnoreIrrelevantLinks, NeverRestore: the destination screens; every object counts while it is collected."""
    return


def _same_registry_content(call: Call, _verb: Verb, note: Note) -> Filter:
    note(
        "warning",
        f"{call} is named by USMT and never described: it is taken as false for every object",
    )
    return _never


def _compare_string(call: Call, verb: Verb, _note: Note) -> Filter:
    """CompareStringContent(text, type): equal with ``Equal``, with NULL and all else different."""
    wanted = upcase(call.argument(0))
    equal = call.argument(1).strip().lower() == "equal"

    def holds(judged: Judged) -> bool:
        string = judged.string
        if string is None:
            return not equal and _keeps(verb)
        return (upcase(string) == wanted) is equal

    return holds


def _file_properties(call: Call, verb: Verb, _note: Note) -> Filter:
    """FileProperties(property, operator, value); raises ValueError for what cannot be compared."""
    named, operator = (call.argument(index).strip().lower() for index in (0, 1))
    measure, compare = _PROPERTIES.get(named), _OPERATORS.get(operator)
    if measure is None or compare is None:
        raise ValueError("the property or the operator is not known")
    wanted = _range(call.argument(2), _size if named == "filesize" else _day)
    if operator != "range" and wanted[0] != wanted[1]:
        raise ValueError(f"{operator!r} takes one value, not a range")
    in_doubt = _keeps(verb)

    def holds(judged: Judged) -> bool:
        metadata = judged.metadata
        actual = measure(metadata) if metadata else None
        return in_doubt if actual is None else compare(actual, wanted)

    return holds


_FILTERS: Mapping[str, Callable[[Call, Verb, Note], Filter | None]] = {
    "answerno": _answer_no,
    "comparestringcontent": _compare_string,
    "fileproperties": _file_properties,
    "ignoreirrelevantlinks": _at_load,
    "neverrestore": _at_load,
    "sameregcontent": _same_registry_content,
}


# --- properties of files --------------------------------------------------------------------------


def _bytes(metadata: Metadata) -> int | None:
    return next((stream.size for stream in metadata.streams if not stream.name), None)


def _days(filetime: int) -> int | None:
    """Return a time as days since 1601, None for never.

    The day is that of UTC: which zone (and whose summer time) the machine kept when it wrote the time is not known
    offline, so within hours of midnight the day may be the next one or the one before.
    """
    return filetime // _DAY if filetime else None


_PROPERTIES: Mapping[str, Callable[[Metadata], int | None]] = {
    "filesize": _bytes,
    "datecreated": lambda metadata: _days(metadata.times.created),
    "datemodified": lambda metadata: _days(metadata.times.modified),
    "dateaccessed": lambda metadata: _days(metadata.times.accessed),
}
_OPERATORS: Mapping[str, Callable[[int, Range], bool]] = {
    "range": lambda actual, wanted: wanted[0] <= actual <= wanted[1],
    "eq": lambda actual, wanted: actual == wanted[0],
    "neq": lambda actual, wanted: actual != wanted[0],
    "lt": lambda actual, wanted: actual < wanted[0],
    "lte": lambda actual, wanted: actual <= wanted[0],
    "gt": lambda actual, wanted: actual > wanted[0],
    "gte": lambda actual, wanted: actual >= wanted[0],
}


def _range(text: str, parse: Callable[[str], int]) -> Range:
    """Return ``a`` or ``a-b`` as its least and its greatest number; ranges occur written the other way round."""
    low, dash, high = text.partition("-")
    ends = parse(low), parse(high if dash else low)
    return min(ends), max(ends)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{text.strip()!r} is no size such as 10KB")
    return int(found[1]) * _UNITS[(found[2] or "").upper()]


def _day(text: str) -> int:
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError(f"{text.strip()!r} is no date such as 2025/12/31")
    return (date(int(found[1]), int(found[2]), int(found[3])) - date(1601, 1, 1)).days
