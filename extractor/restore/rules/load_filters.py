"""The filter of a rule x an object -> what it answers at load: True, False, or None where it cannot be answered.

At load, and only then, NeverRestore is false for everything and IgnoreIrrelevantLinks for a shortcut that leads to
nothing at the target. Whoever asks decides what None means; nothing is ever taken away on it. Source: USMT "XML
elements library" (filters of include and exclude).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from extractor.evaluate.filters import filter_of
from extractor.model import Metadata
from extractor.rules.model import Call, Verb

NEVER = frozenset({"answerno", "neverrestore"})
"""False for every object at load."""
LINKS = "ignoreirrelevantlinks"
UNDESCRIBED = "sameregcontent"
_KNOWN = NEVER | {LINKS, UNDESCRIBED, "comparestringcontent", "fileproperties"}


def _unknown() -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a filter may ask of an object at load; a value has a string, a file metadata."""

    metadata: Metadata | None = None
    string: str | None = None
    leads_nowhere: Callable[[], bool | None] = _unknown
    """Of a shortcut: whether what it points to is missing at the target; None where nobody can say."""


NOT_A_LINK = Subject(leads_nowhere=lambda: False)


def flaw_of(call: Call | None) -> str:
    """Return why a filter is never answered whatever the object is, empty for all others."""
    name = call.function.lower() if call else ""
    if name == UNDESCRIBED:
        return "USMT names this filter and does not describe it"
    return f"{call} is no filter that is known" if name and name not in _KNOWN else _misused(call)


def answer(call: Call | None, subject: Subject) -> bool | None:
    """Return what a filter says of an object at load, None where it cannot be answered."""
    name = call.function.lower() if call else ""
    if call is None:
        return True
    if name in NEVER:
        return False
    if name == LINKS:
        nowhere = subject.leads_nowhere()
        return None if nowhere is None else not nowhere
    if flaw_of(call):
        return None
    return _measured(call, subject)


def _measured(call: Call, subject: Subject) -> bool | None:
    """Return what CompareStringContent or FileProperties says.

    Asked as of an include and as of an exclude they differ exactly where they are in doubt.
    """
    answers = set()
    for verb in (Verb.INCLUDE, Verb.EXCLUDE):
        judge = filter_of(call, verb, _unheard)
        answers.add(judge(subject) if judge else True)
    return answers.pop() if len(answers) == 1 else None


def _misused(call: Call | None) -> str:
    """Return what ``filter_of`` finds wrong with the arguments of a call."""
    said: list[str] = []
    if call and call.function.lower() not in NEVER | {LINKS, UNDESCRIBED}:
        filter_of(call, Verb.EXCLUDE, lambda _, message: said.append(message))
    return "; ".join(said)


def _unheard(_level: str, _message: str) -> None:
    """Hear nothing: ``flaw_of`` has told."""
